"""Gates: pure functions from what was measured to a verdict, a file each."""

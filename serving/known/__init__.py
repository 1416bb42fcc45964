"""What is known of patients besides the question: the newest snapshot, by token and by SQL."""

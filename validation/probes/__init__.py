"""Probes: what has to be done with a fitted model, a file a kind, before a gate can judge it. They hold no limit."""

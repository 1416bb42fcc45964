"""Hooks: what other systems tell us, believed only where it is proven to be theirs."""

"""What happens to a model in use: drift of its inputs, and how well it does once outcomes are known."""

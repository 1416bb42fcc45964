"""The ledger database: audit chain, token vault, people and keys, approvals, predictions."""

"""Notices: what people have to hear of versions, approvals and incidents, said once."""

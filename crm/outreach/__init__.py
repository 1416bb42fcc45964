"""Outreach: whom a person may contact, by which channel and when, and what was sent; a worklist, not a robot."""

"""Worklists: whom to contact today, made of scores by the rules of `crm.outreach`."""

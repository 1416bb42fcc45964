"""Scores go back into the CRM: a band with its reasons, never an identifier that the CRM did not give."""

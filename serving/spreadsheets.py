"""CSV that a spreadsheet shows and does not run, as `crm.spreadsheets` makes it."""

from crm.spreadsheets import unarmed

__all__ = ["unarmed"]

"""What is said of a fault that nobody foresaw: its kind and its place, never a value that it carries."""

from __future__ import annotations

import traceback
from pathlib import Path

from sqlalchemy.exc import DBAPIError

PROJECT = Path(__file__).resolve().parent.parent
DEPENDENCIES = PROJECT / ".venv"


def fault_in_words(error: Exception) -> str:
    """Return what went wrong and where in Caregate; a database's own words are left out, for they may hold a row."""
    if isinstance(error, DBAPIError):
        said = f"a database cannot be used ({type(error.orig).__name__}): see that it runs, and `caregate doctor`"
    elif isinstance(error, OSError) and error.strerror:
        said = f"{error.strerror.lower()}: {error.filename or 'no file is named'}"
    else:
        said = f"a fault of Caregate itself ({type(error).__name__}): please report it"
    place = _place(error)
    return f"{said} [{place}]" if place else said


def _place(error: Exception) -> str:
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    ours = [(path, line) for path, line in frames if path.is_relative_to(PROJECT) and DEPENDENCIES not in path.parents]
    return f"{ours[-1][0].relative_to(PROJECT)}:{ours[-1][1]}" if ours else ""

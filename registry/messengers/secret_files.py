"""Secrets of messengers: the text of a file, read when it is needed, so that a new one counts at once."""

from __future__ import annotations

from pathlib import Path

from registry.messengers.message import NotDelivered


def read_secret(path: Path | None, home: Path, messenger: str) -> str:
    """Return the text of the file, without white space around it; a relative path is one of the home.

    Raises
    ------
    NotDelivered
        If no file is named, or it cannot be read or is empty.
    """
    try:
        text = (home / path).read_text(encoding="utf-8").strip() if path else ""
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        raise NotDelivered(messenger, "the file with its secret is not set, missing, empty or not readable")
    return text

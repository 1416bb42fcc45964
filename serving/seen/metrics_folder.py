"""The folder in which several processes count together."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Tells a process where to count; read when `prometheus_client` is imported."""


def share_metrics(folder: Path) -> dict[str, str]:
    """Empty `folder` of an earlier service's counts, and return the environment that lets processes count in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return {VARIABLE: str(folder)}


def shared_folder() -> Path | None:
    """Return the folder in which this process counts, None where it counts for itself."""
    found = os.environ.get(VARIABLE)
    return Path(found) if found else None

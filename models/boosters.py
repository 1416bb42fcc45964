"""xgboost without scikit-learn, which it would import for wrappers that nobody calls here.

That import takes longer than all else that a process needs to score: a service's worker and the clean process of the
serving gate start without it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["xgb"]


@contextmanager
def _held_back(name: str) -> Iterator[None]:
    """Let no import find the package `name` in the block; one that is imported already stays."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _held_back("sklearn"):
    import xgboost as xgb

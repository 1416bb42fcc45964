"""The scheme under which MLflow finds the guarded stores. Imports nothing of MLflow, which reads it while it loads."""

from __future__ import annotations

from typing import Any

PREFIX = "caregate+"
"""Stands before the SQLAlchemy URL of MLflow's database."""


def tracking_store(store_uri: str, artifact_uri: str) -> Any:
    """Make the guarded tracking store; MLflow calls this by the scheme of its backend."""
    from registry.server.tracking import GuardedTracking

    return GuardedTracking(store_uri, artifact_uri)

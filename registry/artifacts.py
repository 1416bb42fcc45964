"""The door to a version's files: a local folder that holds them, wherever the home keeps its artifacts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from caregate.settings import Settings
from registry.artifact_store import ROOT, ArtifactStore, ForeignArtifacts, path_of
from registry.folder_store import FolderStore

__all__ = ["ROOT", "ForeignArtifacts", "artifact_folder", "close_folder", "destination_of", "open_artifacts", "path_of"]


def artifact_folder(settings: Settings, location: str) -> Path:
    """Return a local folder with the files that MLflow calls ``mlflow-artifacts:/<path>``.

    It is the folder itself in the local store, and a copy of the locked versions from a bucket. Whoever reads it
    verifies its manifest.

    Raises
    ------
    ForeignArtifacts
        If `location` is of another scheme or leads out of the artifact store.
    """
    return open_artifacts(settings).fetch(path_of(location))


def close_folder(settings: Settings, location: str) -> None:
    """Close a logged model's folder: from now on nothing is added to it, changed or deleted."""
    open_artifacts(settings).close(path_of(location))


def destination_of(settings: Settings) -> str:
    """Return the address under which MLflow opens the home's artifact store."""
    return f"worm+{settings.artifacts_url}" if settings.artifacts_url else f"worm://{settings.artifacts_dir}"


def open_artifacts(settings: Settings) -> ArtifactStore:
    """Return the home's artifact store.

    Raises
    ------
    registry.bucket.NoBoto, registry.bucket.Unlocked, registry.bucket.BucketFault
        If it is a bucket that cannot be used.
    """
    if settings.artifacts_url is None:
        return FolderStore(settings.artifacts_dir)
    return _bucket_store(settings.artifacts_url, settings.fetched_dir, settings.artifacts_retain_days)


@lru_cache(maxsize=4)
def _bucket_store(url: str, fetched: Path, retain_days: int) -> ArtifactStore:
    from registry.bucket import LockedBucket
    from registry.bucket_store import BucketStore

    return BucketStore(LockedBucket(url, retain_days=retain_days), fetched)

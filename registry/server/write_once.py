"""MLflow's artifact store with two more rules: a file is written once, and a registered model's folder is closed."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from registry.artifacts import FROZEN, holds_frozen, is_frozen

SCHEME = "worm"
REGISTERED = "these files belong to a registered version: they are kept as they went through the gates"
RESERVED_NAME = "this name marks folders that are closed: nothing is stored under it"
WRITTEN = "this file exists with other content: artifacts are written once"


class WriteOnceArtifactRepository(LocalArtifactRepository):  # type: ignore[misc]
    """A folder in which nothing is overwritten and nothing registered is deleted.

    Parameters
    ----------
    artifact_uri
        ``worm:///absolute/path``.
    """

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        self._root = Path(unquote(urlsplit(artifact_uri).path))
        super().__init__(self._root.as_uri(), tracking_uri, registry_uri)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store every file under `local_dir`, each by the rules of a single one."""
        for path in sorted(item for item in Path(local_dir).rglob("*") if item.is_file()):
            inner = path.parent.relative_to(local_dir).as_posix()
            parts = [part for part in (artifact_path, inner) if part and part != "."]
            self.log_artifact(str(path), "/".join(parts) or None)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete what is not registered."""
        target = Path(os.path.normpath(self._root / (artifact_path or "")))
        if is_frozen(target, self._root) or holds_frozen(target):
            raise MlflowException(REGISTERED, PERMISSION_DENIED)
        super().delete_artifacts(artifact_path)

    def _publish_staged_artifact(
        self,
        temp_file_path: str,
        destination_file_path: str,
        finalize_temp_path: Callable[[str], None] | None = None,
    ) -> None:
        # The one place through which MLflow 3.17 puts every written file: uploads, streams and copies.
        destination = Path(destination_file_path)
        if is_frozen(destination, self._root):
            raise MlflowException(REGISTERED, PERMISSION_DENIED)
        if FROZEN in destination.relative_to(self._root).parts:
            raise MlflowException(RESERVED_NAME, PERMISSION_DENIED)
        if finalize_temp_path is not None:
            finalize_temp_path(temp_file_path)
        try:
            os.link(temp_file_path, destination)  # unlike a rename, a link never replaces
        except FileExistsError:
            if not filecmp.cmp(temp_file_path, destination, shallow=False):
                raise MlflowException(WRITTEN, PERMISSION_DENIED) from None
        Path(temp_file_path).unlink()

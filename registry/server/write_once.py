"""MLflow's way to the artifact store: the pipeline alone writes, each file once, and no registered model's folder.

Nothing of MLflow's own repositories is inherited, so a way to write that a new MLflow brings is not there until
somebody writes it: multipart and presigned uploads, which pass the server by, are not.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST
from mlflow.store.artifact.artifact_repo import ArtifactRepository, StreamUploadMixin

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, CaregateError, Refused
from caregate.settings import Settings, load_settings
from governance.database import ledger_database
from governance.people import Person
from registry.artifact_store import Closed, ForeignArtifacts, NoSuchArtifact, writable
from registry.artifacts import destination_of, open_artifacts
from registry.policy import ALLOW, Decision, refuse
from registry.server.guard import Guard
from registry.writing_rules import is_pipeline

THEIRS = "artifacts are written and deleted by `caregate run` alone"


class AnotherStore(BadInput):
    """MLflow was given another artifact store than the home's."""

    def __init__(self) -> None:
        super().__init__("artifacts are kept where the home's settings say: start the server with `caregate up`")


class WriteOnceArtifactRepository(ArtifactRepository, StreamUploadMixin):  # type: ignore[misc]
    """The home's artifact store, in a folder or a bucket, as MLflow speaks to it.

    Parameters
    ----------
    artifact_uri
        ``worm:///absolute/path`` or ``worm+s3://bucket/prefix``: the home's store, or a path in it.
    settings
        Of the home; read from the environment where MLflow makes the repository.
    clock
        Tells the moment of a refusal.

    Raises
    ------
    AnotherStore
        If it is not the home's.
    """

    def __init__(
        self,
        artifact_uri: str,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        *,
        settings: Settings | None = None,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        home = settings or load_settings()
        root, given = destination_of(home).rstrip("/"), artifact_uri.rstrip("/")
        if given != root and not given.startswith(f"{root}/"):
            raise AnotherStore
        self._base = given.removeprefix(root).strip("/")
        self._store = open_artifacts(home)
        self._uploads = home.uploads_dir
        self._guard = Guard(ledger_database(home), clock)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Store a local file."""
        with Path(local_file).open("rb") as file:
            self.log_artifact_from_stream(file, local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store every file under `local_dir`, each by the rules of a single one."""
        for path in sorted(item for item in Path(local_dir).rglob("*") if item.is_file()):
            inner = path.parent.relative_to(local_dir).as_posix()
            self.log_artifact(str(path), _joined(artifact_path, "" if inner == "." else inner))

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store what `stream` holds."""
        path = self._admitted(artifact_path, artifact_file_name)
        with self._staged() as staged:
            with staged.open("wb") as file:
                shutil.copyfileobj(stream, file)
            self._put(staged, path)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        """Store what `chunks` hold; nothing of it is read before it is known who sends it, and where to."""
        path = await asyncio.to_thread(self._admitted, artifact_path, artifact_file_name)
        with self._staged() as staged:
            with staged.open("wb") as file:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(self._put, staged, path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete what no version stands on, where the store deletes at all."""
        path = _joined(self._base, artifact_path)
        self._guard.permit("artifact", path, _only_the_pipeline)
        with self._said_by_mlflow(path):
            self._store.delete(path)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """List what lies directly under `path`."""
        with self._said_by_mlflow(path or ""):
            entries = self._store.entries(_joined(self._base, path))
        return [FileInfo(self._inner(entry.path), entry.is_folder, entry.size) for entry in entries]

    def get_local_path(self, artifact_path: str) -> str | None:
        """Return the file where it lies on this machine."""
        with self._said_by_mlflow(artifact_path):
            found = self._store.local(_joined(self._base, artifact_path))
        return str(found) if found else None

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with self._said_by_mlflow(remote_file_path):
            self._store.download(_joined(self._base, remote_file_path), Path(local_path))

    def _admitted(self, folder: str | None, file: str) -> str:
        """Return where the file goes, if whoever acts may put it there."""
        path = _joined(self._base, folder, PurePath(file).name)
        self._guard.permit("artifact", path, _only_the_pipeline)
        with self._said_by_mlflow(path):
            if self._store.is_closed(str(writable(path))):
                raise Closed
        return path

    def _put(self, staged: Path, path: str) -> None:
        with self._said_by_mlflow(path):
            self._store.put(staged, path)

    def _inner(self, path: str) -> str:
        return path.removeprefix(f"{self._base}/") if self._base else path

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        # Never among the artifacts: half a file in a closed folder would spoil what its manifest says.
        self._uploads.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._uploads) as aside:
            yield Path(aside) / "upload"

    @contextmanager
    def _said_by_mlflow(self, path: str) -> Iterator[None]:
        try:
            yield
        except Refused as error:
            self._guard.never("artifact.write", path, str(error))
        except NoSuchArtifact as error:
            raise MlflowException(str(error), RESOURCE_DOES_NOT_EXIST) from None
        except (BadInput, ForeignArtifacts) as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from None
        except CaregateError as error:
            raise MlflowException(str(error), INTERNAL_ERROR) from error


def _joined(*parts: str | None) -> str:
    return "/".join(part.strip("/") for part in parts if part and part.strip("/"))


def _only_the_pipeline(actor: Person) -> Decision:
    return ALLOW if is_pipeline(actor) else refuse(THEIRS)

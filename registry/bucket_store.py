"""Artifacts in a bucket: closing a folder writes one more object, which names the version of every file.

From then on the folder is what that object names. It is put once and locked like any other, so a file that comes in
afterwards, by whatever way, is in no version.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from registry.artifact_store import (
    FROZEN,
    Closed,
    Entry,
    ForeignArtifacts,
    KeptForGood,
    NoSuchArtifact,
    WrittenOnce,
    checked,
    writable,
)
from registry.bucket import LockedBucket, Stored

MODEL_DEPTH = 3
RUN = re.compile(r"[0-9a-f]{32}")
"""Parts of a logged model's folder, as MLflow lays it out: experiment, ``models``, id."""


class BucketStore:
    """The artifact store in a bucket.

    Parameters
    ----------
    bucket
        Where the files are.
    fetched
        Local folder for copies, one a content.
    """

    def __init__(self, bucket: LockedBucket, fetched: Path) -> None:
        self._bucket = bucket
        self._fetched = fetched
        self._closings: dict[str, dict[str, Stored]] = {}

    def put(self, staged: Path, path: str) -> None:
        """Upload `staged` where nothing stands; what loses a race with the closing is refused, and in no version."""
        model = _model_folder(writable(path))
        if model and self._closing(model) is not None:
            raise Closed
        with staged.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            self._bucket.put_once(path, file, sha256)
        closing = self._closing(model) if model else None
        if closing is not None and path.removeprefix(f"{model}/") not in closing:
            raise Closed

    def delete(self, path: str) -> None:
        """Refuse: objects are locked from their first moment."""
        raise Closed if path and self.is_closed(path) else KeptForGood

    def close(self, path: str) -> None:
        """Write down every file of a logged model's folder, once."""
        model = _model_folder(checked(path))
        if model is None or model == path:
            raise ForeignArtifacts
        found = self._bucket.firsts(f"{model}/")
        found.pop(FROZEN, None)
        listed = {name: asdict(self._bucket.weighed(f"{model}/{name}", stored)) for name, stored in found.items()}
        text = json.dumps(listed, sort_keys=True).encode()
        try:
            self._bucket.put_once(f"{model}/{FROZEN}", text, hashlib.sha256(text).hexdigest())
        except WrittenOnce:
            return  # closed before, and the first closing holds

    def is_closed(self, path: str) -> bool:
        """Look for the logged model's closing object."""
        model = _model_folder(checked(path))
        return model is not None and self._closing(model) is not None

    def fetch(self, path: str) -> Path:
        """Return a copy of the files under `path`: downloaded by version, each hashed on every call."""
        files = {name: self._bucket.weighed(f"{path}/{name}", stored) for name, stored in self._files(path).items()}
        said = json.dumps({name: stored.sha256 for name, stored in files.items()}, sort_keys=True)
        target = self._fetched / hashlib.sha256(said.encode()).hexdigest()
        if not _holds(target, files):
            self._download(path, files, target)
        return target

    def entries(self, path: str) -> list[Entry]:
        """List one level of what is there."""
        start = f"{checked(path)}/" if path else ""
        found: dict[str, Entry] = {}
        for name, stored in self._files(path).items():
            first, deeper, _ = name.partition("/")
            found[first] = Entry(f"{start}{first}", None if deeper else stored.size)
        return [found[name] for name in sorted(found)]

    def local(self, path: str) -> None:
        """Return nothing: the file is not on this machine."""

    def download(self, path: str, target: Path) -> None:
        """Download a file by its version."""
        found = checked(path)
        stored = self._files(str(found.parent) if found.parent.parts else "").get(found.name)
        if stored is None:
            raise NoSuchArtifact
        self._bucket.download(str(found), stored, target)

    def _files(self, path: str) -> dict[str, Stored]:
        """Return the files under `path` by their names there: of a closed folder those that its closing names."""
        start = f"{checked(path)}/" if path else ""
        model = _model_folder(checked(path)) if path else None
        closing = self._closing(model) if model else None
        if closing is None:
            return self._bucket.firsts(start)
        inner = start.removeprefix(f"{model}/")
        return {name.removeprefix(inner): item for name, item in closing.items() if name.startswith(inner)}

    def _closing(self, model: str) -> dict[str, Stored] | None:
        if model not in self._closings:
            mark = f"{model}/{FROZEN}"
            first = self._bucket.first(mark)
            if first is None:
                return None
            said = self._bucket.read(mark, first)
            self._closings[model] = {name: Stored(**item) for name, item in said.items()}
        return self._closings[model]

    def _download(self, path: str, files: dict[str, Stored], target: Path) -> None:
        self._fetched.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._fetched, prefix=".fetching-") as aside:
            copy = Path(aside) / "copy"
            copy.mkdir()
            for name, stored in files.items():
                place = copy / checked(name)
                place.parent.mkdir(parents=True, exist_ok=True)
                self._bucket.download(f"{path}/{name}", stored, place)
            if target.exists():  # a copy that was spoilt makes room
                target.rename(Path(aside) / "spoilt")
            try:
                copy.rename(target)
            except OSError:  # another process was faster
                if not _holds(target, files):
                    raise


def _model_folder(path: PurePosixPath) -> str | None:
    parts = path.parts
    if len(parts) >= MODEL_DEPTH and RUN.fullmatch(parts[1]):  # a run's own folder, closed with its version's
        return "/".join(parts[: MODEL_DEPTH - 1])
    return "/".join(parts[:MODEL_DEPTH]) if len(parts) >= MODEL_DEPTH and parts[1] == "models" else None


def _holds(folder: Path, files: dict[str, Stored]) -> bool:
    found = {item.relative_to(folder).as_posix(): item for item in folder.rglob("*") if not item.is_dir()}
    return found.keys() == files.keys() and all(_sha256(item) == files[name].sha256 for name, item in found.items())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

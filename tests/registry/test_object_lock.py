from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from caregate.clock import system_clock
from caregate.settings import InvalidSettings, Settings, load_settings
from governance.database import open_database
from registry import names
from registry.actor import acting_as
from registry.artifact_store import Closed, ForeignArtifacts, KeptForGood, NoSuchArtifact, WrittenOnce
from registry.artifacts import artifact_folder, destination_of
from registry.bucket import BucketFault, LockedBucket, Unlocked
from registry.bucket_store import BucketStore
from registry.digest import verified_manifest
from registry.server.write_once import WriteOnceArtifactRepository
from registry.versions import versions_of
from tests.registry.buckets import make_bucket, storage
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import register

FILES = "1/models/m-1/artifacts"
FILE = f"{FILES}/model.ubj"
DAYS = 400

pytestmark = pytest.mark.usefixtures("object_storage")


@pytest.fixture(scope="session")
def bucket_names() -> Iterator[str]:
    """Names of buckets that nobody has made."""
    return iter(f"artifacts-{number}" for number in range(1_000))


@pytest.fixture
def url(object_storage: None, bucket_names: Iterator[str]) -> str:
    """A prefix of a bucket of the test's own."""
    return make_bucket(next(bucket_names))


@pytest.fixture
def store(url: str, tmp_path: Path) -> BucketStore:
    """A store with one written file of a logged model."""
    made = open_store(url, tmp_path)
    made.put(upload(b"weights"), FILE)
    return made


def open_store(url: str, tmp_path: Path) -> BucketStore:
    return BucketStore(LockedBucket(url, retain_days=DAYS), tmp_path / "fetched")


def upload(content: bytes) -> Path:
    staged = Path(tempfile.mkdtemp()) / "upload"
    staged.write_bytes(content)
    return staged


def key_in(url: str, path: str) -> dict[str, str]:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": f"{prefix}/{path}"}


def contents(folder: Path) -> dict[str, bytes]:
    return {item.relative_to(folder).as_posix(): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


class TestABucket:
    def test_without_object_lock_is_refused(self, bucket_names: Iterator[str]) -> None:
        with pytest.raises(Unlocked, match="object lock"):
            LockedBucket(make_bucket(next(bucket_names), locked=False), retain_days=DAYS)

    def test_whose_versioning_was_suspended_is_refused(self, url: str) -> None:
        name = key_in(url, "")["Bucket"]
        storage().put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
        with pytest.raises(Unlocked, match="versioning"):
            LockedBucket(url, retain_days=DAYS)

    def test_that_is_not_there_is_a_fault_that_names_it(self) -> None:
        with pytest.raises(BucketFault, match="nowhere answered NoSuchBucket"):
            LockedBucket("s3://nowhere", retain_days=DAYS)

    @pytest.mark.parametrize("address", ["s3://", "s3://B/x", "https://bucket/x", "s3://bucket/x?y", "bucket"])
    def test_has_an_address_of_one_form(self, tmp_path: Path, address: str) -> None:
        with pytest.raises(InvalidSettings, match="artifacts_url"):
            load_settings(home=tmp_path, artifacts_url=address)


class TestAnObject:
    def test_is_locked_from_its_first_moment(self, store: BucketStore, url: str) -> None:
        head = storage().head_object(**key_in(url, FILE))
        assert head["ObjectLockMode"] == "COMPLIANCE"
        assert head["ObjectLockRetainUntilDate"] > system_clock() + timedelta(days=DAYS - 1)

    def test_takes_the_same_content_again(self, store: BucketStore) -> None:
        store.put(upload(b"weights"), FILE)

    def test_takes_no_other(self, store: BucketStore, tmp_path: Path) -> None:
        with pytest.raises(WrittenOnce):
            store.put(upload(b"others!"), FILE)
        store.download(FILE, tmp_path / "read")
        assert (tmp_path / "read").read_bytes() == b"weights"

    def test_is_one_of_two_that_are_put_at_once(self, store: BucketStore) -> None:
        def write(content: bytes) -> bool:
            try:
                store.put(upload(content), f"{FILES}/raced")
            except WrittenOnce:
                return False
            return True

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(write, [b"a", b"b", b"c", b"d"])).count(True) == 1

    @pytest.mark.parametrize("path", [FILE, FILES, "1", ""])
    def test_is_not_deleted(self, store: BucketStore, path: str) -> None:
        with pytest.raises(KeptForGood):
            store.delete(path)

    def test_that_is_not_there_is_said_to_be_missing(self, store: BucketStore, tmp_path: Path) -> None:
        with pytest.raises(NoSuchArtifact):
            store.download(f"{FILES}/other", tmp_path / "read")

    def test_whose_first_version_stays_is_read_whatever_is_put_over_it(
        self, store: BucketStore, url: str, tmp_path: Path
    ) -> None:
        """By somebody who has the bucket's own credentials."""
        storage().put_object(**key_in(url, FILE), Body=b"others!")
        store.download(FILE, tmp_path / "read")
        assert (tmp_path / "read").read_bytes() == b"weights"
        storage().delete_object(**key_in(url, FILE))
        assert contents(store.fetch(FILES)) == {"model.ubj": b"weights"}
        with pytest.raises(WrittenOnce):
            store.put(upload(b"others!"), FILE)
        assert contents(store.fetch(FILES)) == {"model.ubj": b"weights"}


class TestAClosedFolder:
    @pytest.fixture(autouse=True)
    def _closed(self, store: BucketStore) -> None:
        store.close(FILES)

    def test_takes_no_new_file(self, store: BucketStore) -> None:
        with pytest.raises(Closed):
            store.put(upload(b"code"), f"{FILES}/code.py")
        with pytest.raises(Closed):
            store.delete(FILES)

    def test_is_closed_to_every_other_process(self, store: BucketStore, url: str, tmp_path: Path) -> None:
        assert open_store(url, tmp_path).is_closed(f"{FILES}/deep/er")
        assert not open_store(url, tmp_path).is_closed("1/models/m-2/artifacts")

    def test_holds_what_it_held_though_others_put_more_into_the_bucket(
        self, store: BucketStore, url: str, tmp_path: Path
    ) -> None:
        storage().put_object(**key_in(url, f"{FILES}/code.py"), Body=b"code")
        storage().put_object(**key_in(url, FILE), Body=b"others!")
        other = open_store(url, tmp_path)
        assert contents(other.fetch(FILES)) == {"model.ubj": b"weights"}
        assert [entry.path for entry in other.entries(FILES)] == [FILE]
        with pytest.raises(NoSuchArtifact):
            other.download(f"{FILES}/code.py", tmp_path / "read")

    def test_stays_closed_though_others_take_its_mark_away(self, store: BucketStore, url: str, tmp_path: Path) -> None:
        mark = key_in(url, "1/models/m-1/frozen")
        storage().delete_object(**mark)
        storage().put_object(**mark, Body=b"{}")
        other = open_store(url, tmp_path)
        assert other.is_closed(FILES)
        assert contents(other.fetch(FILES)) == {"model.ubj": b"weights"}

    def test_is_closed_once(self, store: BucketStore, url: str, tmp_path: Path) -> None:
        storage().put_object(**key_in(url, f"{FILES}/code.py"), Body=b"code")
        other = open_store(url, tmp_path)
        other.close(FILES)
        assert contents(other.fetch(FILES)) == {"model.ubj": b"weights"}

    def test_is_a_logged_models(self, store: BucketStore) -> None:
        for path in ("1", "1/models/m-1", "1/run/artifacts"):
            with pytest.raises(ForeignArtifacts):
                store.close(path)


class TestACopy:
    def test_is_mended_when_it_was_spoilt(self, store: BucketStore) -> None:
        store.close(FILES)
        folder = store.fetch(FILES)
        (folder / "model.ubj").write_bytes(b"others!")
        assert contents(store.fetch(FILES)) == {"model.ubj": b"weights"}
        (folder / "added.py").write_bytes(b"code")
        assert contents(store.fetch(FILES)) == {"model.ubj": b"weights"}

    def test_is_downloaded_once(self, store: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
        store.close(FILES)
        first = store.fetch(FILES)
        monkeypatch.setattr(LockedBucket, "download", lambda *_: pytest.fail("downloaded again"))
        assert store.fetch(FILES) == first


class TestWritingAgainstClosing:
    def test_comes_before_it_or_into_no_version(
        self, store: BucketStore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The closing falls between the writer's asking and its putting."""
        put_once: Callable[..., None] = LockedBucket.put_once

        def late(bucket: LockedBucket, path: str, *given: Any) -> None:
            if path.endswith("late"):
                open_store(url, tmp_path).close(FILES)
            put_once(bucket, path, *given)

        monkeypatch.setattr(LockedBucket, "put_once", late)
        with pytest.raises(Closed):
            store.put(upload(b"code"), f"{FILES}/late")
        assert contents(store.fetch(FILES)) == {"model.ubj": b"weights"}


class TestAHomeOnABucket:
    @pytest.fixture
    def home(self, fresh_home: Settings, url: str) -> Settings:
        """A home that keeps its artifacts there."""
        return fresh_home.model_copy(update={"artifacts_url": url})

    def test_registers_versions_whose_files_hold(self, home: Settings, candidate: CandidateFactory) -> None:
        registered = register(home, candidate("bucket"))
        assert not home.artifacts_dir.exists()
        [version] = versions_of(open_database(home.registry_url), "no-show")
        folder = artifact_folder(home, version.location)
        assert verified_manifest(folder).digest == registered.digest
        path = version.location.removeprefix("mlflow-artifacts:/")
        with acting_as(names.PIPELINE), pytest.raises(MlflowException, match="registered version"):
            repository(home).log_artifact_from_stream(io.BytesIO(b"code"), "code.py", path)

    def test_is_not_written_past_the_pipeline(self, home: Settings) -> None:
        with acting_as("admin"), pytest.raises(MlflowException, match="caregate run"):
            repository(home).log_artifact_from_stream(io.BytesIO(b"x"), "note.md", FILES)

    def test_has_mlflow_speak_to_the_bucket(self, home: Settings) -> None:
        assert destination_of(home) == f"worm+{home.artifacts_url}"


def repository(home: Settings) -> WriteOnceArtifactRepository:
    return WriteOnceArtifactRepository(destination_of(home), settings=home)

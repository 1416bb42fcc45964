from __future__ import annotations

import asyncio
import fcntl
import io
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from caregate.settings import Settings, load_settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry import folder_store, names
from registry.actor import acting_as
from registry.artifact_store import Closed, ForeignArtifacts, UnusablePath, WrittenOnce, checked
from registry.artifacts import artifact_folder, close_folder, destination_of, open_artifacts
from registry.folder_store import FolderStore
from registry.server.write_once import AnotherStore, WriteOnceArtifactRepository

MODEL = "1/models/m-1"
FILES = f"{MODEL}/artifacts"
FILE = f"{FILES}/model.ubj"
LOCATION = f"mlflow-artifacts:/{FILES}"


@pytest.fixture
def root(fresh_home: Settings) -> Path:
    """An artifact store with one written file of a logged model."""
    folder = fresh_home.artifacts_dir / FILES
    folder.mkdir(parents=True)
    (folder / "model.ubj").write_bytes(b"weights")
    return fresh_home.artifacts_dir


@pytest.fixture
def mlflow_store(fresh_home: Settings, root: Path) -> WriteOnceArtifactRepository:
    """The store, as MLflow opens it."""
    return WriteOnceArtifactRepository(destination_of(fresh_home), settings=fresh_home)


@pytest.fixture
def store(root: Path) -> FolderStore:
    """The store, as the registry opens it."""
    return FolderStore(root)


@pytest.fixture
def pipeline() -> Iterator[None]:
    with acting_as(names.PIPELINE):
        yield


def upload(tmp_path: Path, content: bytes) -> Path:
    staged = Path(tempfile.mkdtemp(dir=tmp_path)) / "upload"
    staged.write_bytes(content)
    return staged


def refusals(home: Settings) -> list[tuple[str, str, str]]:
    acts = Ledger(ledger_database(home)).read(action="artifact.refuse")
    return [(act.actor, act.subject, act.detail) for act in acts]


@pytest.mark.usefixtures("pipeline")
class TestAWrittenFile:
    def test_takes_the_same_content_again(self, mlflow_store: WriteOnceArtifactRepository) -> None:
        mlflow_store.log_artifact_from_stream(io.BytesIO(b"weights"), "model.ubj", FILES)

    def test_takes_no_other(self, mlflow_store: WriteOnceArtifactRepository, root: Path) -> None:
        with pytest.raises(MlflowException, match="written once"):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b"others!"), "model.ubj", FILES)
        assert (root / FILE).read_bytes() == b"weights"

    def test_leaves_no_half_of_the_refused_one(
        self, mlflow_store: WriteOnceArtifactRepository, root: Path, fresh_home: Settings
    ) -> None:
        with pytest.raises(MlflowException):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b"others!"), "model.ubj", FILES)
        assert [path.name for path in (root / FILES).iterdir()] == ["model.ubj"]
        assert not list(fresh_home.uploads_dir.iterdir())

    def test_is_no_folder(self, mlflow_store: WriteOnceArtifactRepository) -> None:
        with pytest.raises(MlflowException, match="written once"):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b"x"), "inside", FILE)

    def test_of_an_unfinished_model_can_be_deleted(self, mlflow_store: WriteOnceArtifactRepository, root: Path) -> None:
        mlflow_store.delete_artifacts(FILES)
        assert not (root / FILES).exists()

    def test_is_one_of_two_that_are_written_at_once(self, store: FolderStore, root: Path, tmp_path: Path) -> None:
        def write(content: bytes) -> bool:
            try:
                store.put(upload(tmp_path, content), f"{FILES}/raced")
            except WrittenOnce:
                return False
            return True

        contents = [bytes([number]) * 1000 for number in range(8)]
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(write, contents))
        assert won.count(True) == 1
        assert (root / FILES / "raced").read_bytes() == contents[won.index(True)]


@pytest.mark.usefixtures("pipeline")
class TestAClosedFolder:
    @pytest.fixture(autouse=True)
    def _closed(self, fresh_home: Settings, root: Path) -> None:
        close_folder(fresh_home, LOCATION)

    def test_takes_no_new_file(self, mlflow_store: WriteOnceArtifactRepository) -> None:
        with pytest.raises(MlflowException, match="registered"):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b"code"), "code.py", FILES)

    def test_takes_no_folder(self, mlflow_store: WriteOnceArtifactRepository, tmp_path: Path, root: Path) -> None:
        (tmp_path / "more" / "deep").mkdir(parents=True)
        (tmp_path / "more" / "deep" / "file").write_text("x", encoding="utf-8")
        with pytest.raises(MlflowException, match="registered"):
            mlflow_store.log_artifacts(str(tmp_path / "more"), FILES)
        assert not (root / FILES / "deep").exists()

    def test_takes_nothing_by_a_link_into_it(self, store: FolderStore, root: Path, tmp_path: Path) -> None:
        (root / "1" / "elsewhere").symlink_to(root / FILES)
        with pytest.raises(Closed):
            store.put(upload(tmp_path, b"code"), "1/elsewhere/code.py")

    def test_is_not_touched_while_an_upload_is_under_way(
        self, mlflow_store: WriteOnceArtifactRepository, root: Path, fresh_home: Settings
    ) -> None:
        async def slow() -> AsyncIterator[bytes]:
            pytest.fail("an upload was read that will be refused")
            yield b""

        with pytest.raises(MlflowException, match="registered"):
            asyncio.run(mlflow_store.log_artifact_from_async_stream(slow(), "late", FILES))
        assert [path.name for path in (root / FILES).iterdir()] == ["model.ubj"]

    @pytest.mark.parametrize("path", [FILES, FILE, MODEL, "1", "1/./models"])
    def test_is_deleted_by_no_path(self, mlflow_store: WriteOnceArtifactRepository, root: Path, path: str) -> None:
        with pytest.raises(MlflowException, match="registered"):
            mlflow_store.delete_artifacts(path)
        assert (root / FILE).exists()

    @pytest.mark.parametrize("path", [None, "1/../1", "/"])
    def test_is_not_swept_away_with_the_whole_store(
        self, mlflow_store: WriteOnceArtifactRepository, root: Path, path: str | None
    ) -> None:
        with pytest.raises(MlflowException):
            mlflow_store.delete_artifacts(path)
        assert (root / FILE).exists()

    def test_closes_no_other(self, mlflow_store: WriteOnceArtifactRepository, root: Path) -> None:
        mlflow_store.log_artifact_from_stream(io.BytesIO(b"new"), "model.ubj", "1/models/m-2/artifacts")
        assert (root / "1/models/m-2/artifacts/model.ubj").exists()

    @pytest.mark.parametrize("name", ["frozen", "Frozen", "FROZEN"])
    def test_is_the_only_one_whose_mark_is_written(self, mlflow_store: WriteOnceArtifactRepository, name: str) -> None:
        with pytest.raises(MlflowException, match="marks folders"):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b""), name, "1/models/m-2")

    def test_is_closed_to_a_store_that_is_opened_in_it(self, fresh_home: Settings) -> None:
        inside = WriteOnceArtifactRepository(f"{destination_of(fresh_home)}/{FILES}", settings=fresh_home)
        with pytest.raises(MlflowException, match="registered"):
            inside.log_artifact_from_stream(io.BytesIO(b"code"), "code.py")
        assert [info.path for info in inside.list_artifacts()] == ["model.ubj"]


class TestWritingAgainstClosing:
    def test_comes_before_it_or_not_at_all(
        self, store: FolderStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The closing begins after the writer has asked whether the folder is closed, and before it puts the file."""
        order: list[str] = []
        settled = threading.Event()

        def close() -> None:
            FolderStore(root).close(FILES)
            order.append("closed")
            settled.set()

        def flock(lock: io.TextIOBase, kind: int) -> None:
            if kind == fcntl.LOCK_EX:
                try:
                    real_flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    settled.set()  # it waits for the writer
                    real_flock(lock, kind)
            else:
                real_flock(lock, kind)

        def link(source: Path, target: Path) -> None:
            closing.start()
            settled.wait()
            real_link(source, target)
            order.append("written")

        real_flock: Callable[..., None] = fcntl.flock
        real_link: Callable[..., None] = os.link
        closing = threading.Thread(target=close)
        monkeypatch.setattr(folder_store.fcntl, "flock", flock)
        monkeypatch.setattr(folder_store.os, "link", link)
        store.put(upload(tmp_path, b"late"), f"{FILES}/late")
        closing.join()
        assert order == ["written", "closed"]
        monkeypatch.setattr(folder_store.os, "link", real_link)
        with pytest.raises(Closed):
            store.put(upload(tmp_path, b"later"), f"{FILES}/later")


class TestARefusal:
    @pytest.mark.parametrize("who", ["ada", "rita", "admin", "promoter"])
    def test_meets_everybody_but_the_pipeline(
        self, mlflow_store: WriteOnceArtifactRepository, fresh_home: Settings, who: str, root: Path
    ) -> None:
        with acting_as(who), pytest.raises(MlflowException, match="caregate run"):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b"x"), "note.md", "1/models/m-3/artifacts")
        with acting_as(who), pytest.raises(MlflowException, match="caregate run"):
            mlflow_store.delete_artifacts(FILES)
        assert (root / FILE).exists()
        assert [(by, subject) for by, subject, _ in refusals(fresh_home)] == [
            (who, "1/models/m-3/artifacts/note.md"),
            (who, FILES),
        ]

    def test_meets_who_is_nobody(self, mlflow_store: WriteOnceArtifactRepository, fresh_home: Settings) -> None:
        with pytest.raises(MlflowException, match="nobody is signed in"):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b"x"), "note.md", FILES)
        assert refusals(fresh_home)[0][0] == "unknown"

    def test_says_in_the_ledger_who_where_and_why(
        self, mlflow_store: WriteOnceArtifactRepository, fresh_home: Settings
    ) -> None:
        with acting_as(names.PIPELINE), pytest.raises(MlflowException):
            mlflow_store.log_artifact_from_stream(io.BytesIO(b"others!"), "model.ubj", FILES)
        (who, subject, detail), *_ = refusals(fresh_home)
        assert (who, subject) == (names.PIPELINE, FILE)
        assert "written once" in detail


class TestAddresses:
    @pytest.mark.parametrize(
        "location",
        [
            "file:///etc",
            "mlflow-artifacts:/../../etc",
            "mlflow-artifacts:/%2e%2e/approved",
            "mlflow-artifacts://host/x",
            "mlflow-artifacts:/",
            "",
            "/etc",
            "mlflow-artifacts:/1/\x00/x",
            "s3://bucket/x",
        ],
    )
    def test_lead_out_of_the_store_nowhere(self, tmp_path: Path, location: str) -> None:
        with pytest.raises(ForeignArtifacts):
            artifact_folder(load_settings(home=tmp_path), location)

    def test_of_another_store_are_not_opened(self, fresh_home: Settings, tmp_path: Path) -> None:
        for address in (f"worm://{tmp_path}", f"worm://{fresh_home.artifacts_dir}-2", "worm+s3://bucket/prefix"):
            with pytest.raises(AnotherStore):
                WriteOnceArtifactRepository(address, settings=fresh_home)

    def test_by_a_link_lead_nowhere(self, store: FolderStore, root: Path, tmp_path: Path) -> None:
        (root / "1" / "out").symlink_to(tmp_path)
        for attempt in (store.local, store.fetch, store.entries, store.delete, store.is_closed):
            with pytest.raises(ForeignArtifacts):
                attempt("1/out/home")
        with pytest.raises(ForeignArtifacts):
            store.put(upload(tmp_path, b"x"), "1/out/planted")
        assert "1/out" not in [entry.path for entry in store.entries("1")]

    @given(st.text(max_size=60) | st.lists(st.sampled_from(["..", ".", "a", "", "\\", "\x00", "/"])).map("/".join))
    def test_that_are_taken_stay_in_the_store(self, path: str) -> None:
        base = Path("/store/of/artifacts")
        try:
            found = checked(path)
        except UnusablePath:
            return
        assert base in Path(os.path.normpath(base / found)).parents

    def test_that_are_too_long_are_no_fault(self, store: FolderStore, tmp_path: Path) -> None:
        for path in ("n" * 256, "/".join(["part"] * 300), "é" * 128):
            with pytest.raises(UnusablePath):
                store.put(upload(tmp_path, b"x"), path)


class TestTheHome:
    def test_keeps_artifacts_in_a_folder_unless_told(self, fresh_home: Settings) -> None:
        assert isinstance(open_artifacts(fresh_home), FolderStore)
        assert destination_of(fresh_home) == f"worm://{fresh_home.artifacts_dir}"

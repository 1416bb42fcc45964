from __future__ import annotations

import io
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from caregate.settings import load_settings
from registry.artifacts import ForeignArtifacts, artifact_folder, freeze
from registry.server.write_once import WriteOnceArtifactRepository

MODEL = "no-show/models/m-1/artifacts"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An artifact store with one written file of a logged model."""
    folder = tmp_path / "artifacts" / MODEL
    folder.mkdir(parents=True)
    (folder / "model.ubj").write_bytes(b"weights")
    return tmp_path / "artifacts"


@pytest.fixture
def store(root: Path) -> WriteOnceArtifactRepository:
    """The store, as MLflow opens it."""
    return WriteOnceArtifactRepository(f"worm://{root}")


class TestAWrittenFile:
    def test_takes_the_same_content_again(self, store: WriteOnceArtifactRepository) -> None:
        store.log_artifact_from_stream(io.BytesIO(b"weights"), "model.ubj", MODEL)

    def test_takes_no_other(self, store: WriteOnceArtifactRepository, root: Path) -> None:
        with pytest.raises(MlflowException, match="written once"):
            store.log_artifact_from_stream(io.BytesIO(b"others!"), "model.ubj", MODEL)
        assert (root / MODEL / "model.ubj").read_bytes() == b"weights"

    def test_leaves_no_half_of_the_refused_one(self, store: WriteOnceArtifactRepository, root: Path) -> None:
        with pytest.raises(MlflowException):
            store.log_artifact_from_stream(io.BytesIO(b"others!"), "model.ubj", MODEL)
        assert [path.name for path in (root / MODEL).iterdir()] == ["model.ubj"]

    def test_of_an_unfinished_model_can_be_deleted(self, store: WriteOnceArtifactRepository, root: Path) -> None:
        store.delete_artifacts(MODEL)
        assert not (root / MODEL).exists()


class TestAClosedFolder:
    @pytest.fixture(autouse=True)
    def _closed(self, root: Path) -> None:
        freeze(root / MODEL)

    def test_takes_no_new_file(self, store: WriteOnceArtifactRepository) -> None:
        with pytest.raises(MlflowException, match="registered"):
            store.log_artifact_from_stream(io.BytesIO(b"code"), "code.py", MODEL)

    def test_takes_no_folder(self, store: WriteOnceArtifactRepository, tmp_path: Path) -> None:
        (tmp_path / "more" / "deep").mkdir(parents=True)
        (tmp_path / "more" / "deep" / "file").write_text("x", encoding="utf-8")
        with pytest.raises(MlflowException, match="registered"):
            store.log_artifacts(str(tmp_path / "more"), MODEL)

    @pytest.mark.parametrize(
        "path", [MODEL, f"{MODEL}/model.ubj", "no-show/models/m-1", "no-show", "no-show/../no-show", None]
    )
    def test_is_deleted_by_no_path(self, store: WriteOnceArtifactRepository, root: Path, path: str | None) -> None:
        with pytest.raises(MlflowException, match="registered"):
            store.delete_artifacts(path)
        assert (root / MODEL / "model.ubj").exists()

    def test_closes_no_other(self, store: WriteOnceArtifactRepository, root: Path) -> None:
        store.log_artifact_from_stream(io.BytesIO(b"new"), "model.ubj", "no-show/models/m-2/artifacts")
        assert (root / "no-show/models/m-2/artifacts/model.ubj").exists()


class TestAddresses:
    @pytest.mark.parametrize(
        "location",
        ["file:///etc", "mlflow-artifacts:/../../etc", "mlflow-artifacts://host/x", "mlflow-artifacts:/", ""],
    )
    def test_lead_out_of_the_store_nowhere(self, tmp_path: Path, location: str) -> None:
        with pytest.raises(ForeignArtifacts):
            artifact_folder(load_settings(home=tmp_path), location)

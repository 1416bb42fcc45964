"""What a run wrote is what is built on, judged and registered: the ledger knows the digest of each stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from mlflow.exceptions import MlflowException

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from governance.seals import with_key
from models.spec import RiskClass
from registry import registering
from registry.connection import RegistryRefused
from registry.judged import NotJudged, StageChanged, record_judged, require_sealed, seal_stage
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import Server, register

RUN = "no-show/run/0123"


@pytest.fixture
def stage(home: Settings, tmp_path: Path) -> Path:
    """A stage's folder, as a run wrote it."""
    folder = tmp_path / "features"
    folder.mkdir()
    (folder / "rows.arrow").write_bytes(b"rows")
    seal_stage(Ledger(ledger_database(home)), RUN, folder, "features", by="ada")
    return folder


class TestAStage:
    def test_is_built_on_as_it_was_written(self, home: Settings, stage: Path) -> None:
        require_sealed(Ledger(ledger_database(home)), RUN, stage)

    @pytest.mark.parametrize("name", ["rows.arrow", "another.arrow"])
    def test_is_not_once_it_was_changed(self, home: Settings, stage: Path, name: str) -> None:
        (stage / name).write_bytes(b"others")
        with pytest.raises(StageChanged, match="remove it and run the model again"):
            require_sealed(Ledger(ledger_database(home)), RUN, stage)

    def test_is_not_where_somebody_wrote_its_line_into_the_database(self, home: Settings, stage: Path) -> None:
        (stage / "rows.arrow").write_bytes(b"others")
        forger = Ledger(with_key(open_database(home.ledger_url), b"not the home's"))
        seal_stage(forger, RUN, stage, "features", by="ada")
        with pytest.raises(StageChanged):
            require_sealed(Ledger(ledger_database(home)), RUN, stage)

    def test_of_another_run_is_none_of_this_one(self, home: Settings, stage: Path) -> None:
        with pytest.raises(StageChanged):
            require_sealed(Ledger(ledger_database(home)), "no-show/run/4567", stage)

    def test_may_be_written_anew(self, home: Settings, stage: Path) -> None:
        (stage / "rows.arrow").write_bytes(b"written again after a kill")
        seal_stage(Ledger(ledger_database(home)), RUN, stage, "features", by="ada")
        require_sealed(Ledger(ledger_database(home)), RUN, stage)


class TestRegistering:
    def test_takes_nothing_that_the_gates_did_not_see(self, home: Settings, candidate: CandidateFactory) -> None:
        with pytest.raises(NotJudged):
            registering.register(home, candidate("never-judged"))

    def test_takes_no_files_that_were_changed_after_the_gates(
        self, home: Settings, candidate: CandidateFactory
    ) -> None:
        judged = candidate("changed-since")
        record_judged(Ledger(ledger_database(home)), judged)
        (judged.folder / "evidence" / "card.md").write_text("# Better\n", encoding="utf-8")
        with pytest.raises(NotJudged):
            registering.register(home, judged)

    def test_is_refused_by_the_registry_itself(
        self, home: Settings, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.registering._require_judged", lambda *_: None)
        with pytest.raises((RegistryRefused, MlflowException), match="no gates that these files went through"):
            registering.register(home, candidate("past-the-gates"))

    def test_takes_no_files_under_anothers_name(self, home: Settings, candidate: CandidateFactory) -> None:
        judged = candidate("anothers")
        record_judged(Ledger(ledger_database(home)), judged)
        with pytest.raises(NotJudged):
            registering.register(home, replace(judged, author="rob"))

    @pytest.mark.parametrize(
        "claim",
        [
            {"risk_class": RiskClass.OPERATIONAL},
            {"compared_with": "sha256:" + "c" * 64},
            {"snapshot": "sha256:" + "d" * 64},
            {"policy": "sha256:" + "e" * 64},
        ],
        ids=lambda claim: next(iter(claim)),
    )
    def test_of_judged_files_takes_no_other_claim_than_the_run_made(
        self,
        home: Settings,
        candidate: CandidateFactory,
        monkeypatch: pytest.MonkeyPatch,
        claim: dict[str, object],
    ) -> None:
        """The pipeline's password alone asks for no fewer signatures, and holds nothing against the version in use."""
        judged = candidate(f"claims-{next(iter(claim))}", risk_class=RiskClass.CLINICAL)
        record_judged(Ledger(ledger_database(home)), judged)
        forged = replace(judged, **claim)
        with pytest.raises(NotJudged):
            registering.register(home, forged)
        monkeypatch.setattr("registry.registering._require_judged", lambda *_: None)
        with pytest.raises((RegistryRefused, MlflowException), match="no gates that these files went through"):
            registering.register(home, forged)


class TestTheRunsOwnFolder:
    """MLflow's page shows what a run holds itself in the place of the model's files: of the report before all."""

    def test_takes_nothing_once_its_version_is_registered(self, server: Server, candidate: CandidateFactory) -> None:
        registered = register(server.settings, candidate("shown"))
        path = f"{_files_of(server, registered.run_id)}/evidence/report.html"
        with server.client("pipeline") as client:
            written = client.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}", content=b"<p>forged</p>")
            shown = client.get("/get-artifact", params={"run_uuid": registered.run_id, "path": "evidence/report.html"})
        assert written.status_code == httpx.codes.FORBIDDEN
        assert "forged" not in shown.text

    def test_makes_no_version_where_it_holds_files(
        self, server: Server, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log_run = registering._log_run

        def log_and_forge(*given: object) -> str:
            run_id = log_run(*given)  # type: ignore[arg-type]
            path = f"{_files_of(server, run_id)}/evidence/report.html"
            with server.client("pipeline") as client:
                assert client.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}", content=b"forged").is_success
            return run_id

        monkeypatch.setattr(registering, "_log_run", log_and_forge)
        with pytest.raises((RegistryRefused, MlflowException), match="its run holds files of its own"):
            register(server.settings, candidate("forged"))


def _files_of(server: Server, run_id: str) -> str:
    """Return where a run's own files lie, seen from the artifact root."""
    with server.client("pipeline") as client:
        found = client.get("/api/2.0/mlflow/runs/get", params={"run_id": run_id}).json()
    return str(found["run"]["info"]["artifact_uri"]).removeprefix("mlflow-artifacts:/").strip("/")

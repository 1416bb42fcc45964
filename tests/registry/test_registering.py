from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from sqlalchemy import text

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from models.artifact import load_model
from models.spec import RiskClass
from registry import names
from registry.agreement import EvidenceDiffers
from registry.artifacts import artifact_folder
from registry.candidate import Candidate
from registry.connection import RegistryRefused, open_registry
from registry.digest import verified_manifest
from registry.judged import record_judged
from registry.pages import linked, report_page
from registry.registering import CUT, DESCRIPTION_LIMIT, GateFailed, log_run_only
from registry.registrations import REGISTERED
from registry.versions import RegisteredVersion, versions_of
from tests.registry.conftest import CandidateFactory
from tests.registry.dying import Parent
from tests.registry.toys import register
from validation.gates.result import Verdict

STEPS = ("_ensure_model", "_start_run", "_log_run", "_put_files", "_log_model", "_create_version")
"""Of registering; the run is killed right after each."""


def versions(home: Settings, run_key: str) -> list[RegisteredVersion]:
    found = versions_of(open_database(home.registry_url), "no-show")
    return [version for version in found if version.tags[names.RUN_KEY] == run_key]


def waved_through(candidate: Candidate) -> Candidate:
    return replace(candidate, gates=dict.fromkeys(candidate.gates, Verdict.PASSED))


class TestACandidateThatWasChangedAfterItWasJudged:
    def test_is_refused_where_its_verdicts_are_not_those_of_its_evidence(
        self, home: Settings, candidate: CandidateFactory
    ) -> None:
        with pytest.raises(EvidenceDiffers, match="bias"):
            register(home, waved_through(candidate("waved")))
        assert versions(home, "waved") == []

    def test_is_refused_by_the_registry_itself(
        self, home: Settings, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.registering.require_agreement", lambda _candidate: None)
        with pytest.raises((RegistryRefused, MlflowException), match="its evidence says otherwise of the gates bias"):
            register(home, waved_through(candidate("waved-by-hand")))
        assert versions(home, "waved-by-hand") == []

    def test_is_refused_without_the_end_of_its_waivers(self, home: Settings, candidate: CandidateFactory) -> None:
        with pytest.raises(EvidenceDiffers, match="other waivers"):
            register(home, replace(candidate("endless", valid_until=date(2100, 1, 31)), valid_until=None))

    @pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("{}")])
    def test_is_refused_without_what_the_gates_wrote(
        self, home: Settings, candidate: CandidateFactory, change: Callable[[Path], object]
    ) -> None:
        one = candidate("bare")
        change(one.folder / "evidence" / "gates.json")
        with pytest.raises(EvidenceDiffers, match=r"gates\.json is missing or unreadable"):
            register(home, one)

    def test_is_refused_where_a_gate_says_better_than_its_checks(
        self, home: Settings, candidate: CandidateFactory
    ) -> None:
        one = waved_through(candidate("inside"))
        path = one.folder / "evidence" / "gates.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        for gate in said["gates"]:
            gate["verdict"] = "passed"
        path.write_text(json.dumps(said | {"status": "passed"}), encoding="utf-8")
        with pytest.raises(EvidenceDiffers):
            register(home, one)


class TestAVersion:
    def test_is_born_with_all_its_tags(self, home: Settings, candidate: CandidateFactory) -> None:
        registered = register(home, candidate("born"))
        tags = versions(home, "born")[0].tags
        assert tags[names.APPROVAL] == "pending"
        assert (tags["gate.accuracy"], tags["gate.bias"], tags[names.GATE_STATUS]) == (
            "passed",
            "cannot-tell",
            "cannot-tell",
        )
        assert (tags[names.AUTHOR], tags[names.DIGEST], tags[names.SIGNATURES]) == ("ada", registered.digest, "1")

    def test_needs_two_signatures_where_it_is_clinical(self, home: Settings, candidate: CandidateFactory) -> None:
        register(home, candidate("clinical", risk_class=RiskClass.CLINICAL))
        assert versions(home, "clinical")[0].tags[names.SIGNATURES] == "2"

    def test_holds_files_that_load_and_match_its_digest(self, home: Settings, candidate: CandidateFactory) -> None:
        registered = register(home, candidate("files"))
        folder = artifact_folder(home, versions(home, "files")[0].location)
        assert verified_manifest(folder).digest == registered.digest
        assert load_model(folder).columns[0].name == "lead_days"
        assert (folder / "evidence" / "card.md").is_file()

    def test_points_to_the_report_where_the_brief_is_too_long(
        self, home: Settings, candidate: CandidateFactory
    ) -> None:
        version = register(home, candidate("long", description="a line of a brief\n" * 1000))
        with open_registry(home, account=names.PIPELINE) as registry:
            shown = registry.models.get_model_version("no-show", str(version.version)).description
        assert len(shown) <= DESCRIPTION_LIMIT
        assert shown.endswith(linked(CUT, report_page(version.experiment_id, version.run_id)))

    def test_leaves_a_line_in_the_ledger(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("line"))
        [line] = Ledger(ledger_database(home)).read(action=REGISTERED, subject=f"no-show/{version.version}")
        assert (line.actor, line.digest) == ("pipeline", version.digest)
        assert line.facts["tags"][names.AUTHOR] == "ada"

    def test_shows_metrics_and_author_on_its_run(self, home: Settings, candidate: CandidateFactory) -> None:
        registered = register(home, candidate("run"))
        with open_registry(home, account=names.PIPELINE) as registry:
            run = registry.tracking.get_run(registered.run_id)
        assert run.data.metrics == {"auc": 0.73, "brier": 0.13}
        assert (run.info.status, run.data.tags[names.AUTHOR]) == ("FINISHED", "ada")


class TestAFailedGate:
    def test_is_never_registered(self, home: Settings, candidate: CandidateFactory) -> None:
        with pytest.raises(GateFailed, match="bias"):
            register(home, candidate("failed", gates={"accuracy": Verdict.PASSED, "bias": Verdict.FAILED}))
        assert versions(home, "failed") == []

    def test_keeps_its_run_and_evidence(self, home: Settings, candidate: CandidateFactory) -> None:
        run_id = log_run_only(home, candidate("kept", gates={"bias": Verdict.FAILED}))
        with open_registry(home, account=names.PIPELINE) as registry:
            run = registry.tracking.get_run(run_id)
        assert run.data.tags["gate.bias"] == "failed"
        assert (artifact_folder(home, run.info.artifact_uri) / "evidence" / "card.md").is_file()

    def test_is_refused_by_the_store_too(self, home: Settings, candidate: CandidateFactory) -> None:
        source = register(home, candidate("smuggled"))
        tags = versions(home, "smuggled")[0].tags | {"gate.bias": "failed"}
        given = [ModelVersionTag(*item) for item in tags.items()]
        with (
            open_registry(home, account=names.PIPELINE) as registry,
            pytest.raises(MlflowException, match="failed gate"),
        ):
            registry.models.create_model_version("no-show", f"models:/{source.model_id}", None, given)


class TestTheSameRun:
    def test_registers_once(self, home: Settings, candidate: CandidateFactory) -> None:
        first, second = register(home, candidate("twice")), register(home, candidate("twice"))
        assert first == second
        assert len(versions(home, "twice")) == 1

    def test_is_not_what_somebody_planted_under_its_name(self, home: Settings, candidate: CandidateFactory) -> None:
        other, given = register(home, candidate("another")), candidate("planted", seed=3)
        plant = text("UPDATE model_version_tags SET value = 'planted' WHERE key = 'run.key' AND version = :number")
        with open_database(home.registry_url).begin() as connection:
            connection.execute(plant, {"number": other.version})
        assert register(home, given).digest != other.digest

    @pytest.mark.parametrize("step", STEPS)
    def test_killed_after_any_step_ends_in_one_version(
        self, home: Settings, candidate: CandidateFactory, parent: Parent, step: str
    ) -> None:
        given = candidate(f"killed-after{step}")
        record_judged(Ledger(ledger_database(home)), given)
        assert parent.run(home, DYING, str(given.folder), given.run_key, step) == -signal.SIGKILL
        registered = register(home, given)
        found = versions(home, given.run_key)
        assert [version.version for version in found] == [registered.version]
        assert verified_manifest(artifact_folder(home, found[0].location)).digest == registered.digest
        with open_registry(home, account=names.PIPELINE) as registry:
            experiment = registry.tracking.get_experiment_by_name("no-show").experiment_id
            where = f"tags.`{names.RUN_KEY}` = '{given.run_key}'"
            assert len(registry.tracking.search_runs([experiment], where, 1)) == 1
            assert len(registry.tracking.search_logged_models([experiment], where)) == 1


DYING = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from caregate.settings import load_settings
from registry import registering
from tests.registry.toys import make_candidate
folder, run_key, step = sys.argv[1:]
inner = getattr(registering, step)
def dying(*given):
    inner(*given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(registering, step, dying)
candidate = make_candidate(Path(folder).with_name(run_key), run_key)
registering.register(load_settings(), replace(candidate, folder=Path(folder)))
"""

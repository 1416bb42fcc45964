"""From ingest to a version that awaits its sign-off, as real Prefect flows on a real registry."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from caregate.clock import system_clock
from caregate.settings import Settings
from crm.snapshot import Snapshot, open_snapshot, publish
from crm.source import Draft
from flows.acting import started_by
from flows.ingest import ingest
from flows.progress import heard_by
from flows.train import Trained, train
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from registry.authorship import Author
from registry.names import UNPROVEN
from registry.tickets import Run, TicketRefused, issue_ticket
from registry.versions import read_version, versions_of
from validation.gates.result import Verdict

ROWS = 12_000
pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def digest(home: Settings, prefect_server: str) -> str:
    return ingest(source="synthetic", rows=ROWS, seed=3)


@pytest.fixture(scope="module")
def trained(home: Settings, ada: Author, digest: str) -> Trained:
    return trained_by(ada)


def trained_by(author: Author, **given: str) -> Trained:
    with started_by(author):
        return train(model="no-show", **given)


class TestIngest:
    def test_the_snapshot_stands_as_its_manifest_says(self, home: Settings, digest: str) -> None:
        snapshot = open_snapshot(home.snapshots_dir, digest)
        snapshot.verify(content=True)
        assert snapshot.manifest.tables["appointments"] > ROWS * 0.9
        assert snapshot.manifest.basis == "synthetic"

    def test_the_same_source_gives_the_same_snapshot_and_nothing_twice(self, home: Settings, digest: str) -> None:
        assert ingest(source="synthetic", rows=ROWS, seed=3) == digest
        assert len(list(home.snapshots_dir.glob("*/manifest.json"))) == 1
        lines = list(Ledger(ledger_database(home)).read(action="snapshot.publish"))
        assert [line.digest for line in lines] == [digest]

    def test_the_suites_findings_are_kept_beside_it(self, home: Settings, digest: str) -> None:
        kept = sorted(folder.name for folder in home.quality_dir.glob("*-*"))
        assert len(kept) == 2
        assert all((home.quality_dir / name / "data-quality.html").is_file() for name in kept)


class TestTrain:
    def test_a_version_awaits_its_sign_off_with_all_its_evidence(self, home: Settings, trained: Trained) -> None:
        assert trained.version == 1
        version = read_version(open_database(home.registry_url), "no-show", 1)
        assert version.tags["approval"] == "pending"
        assert version.tags["author"] == "ada"
        assert version.tags["gate.status"] == trained.status.value != Verdict.FAILED.value
        assert set(version.gates) == set(trained.gates) >= {"data", "accuracy", "calibration", "bias", "leakage"}
        evidence = Path(trained.report).parent
        expected = {"report.html", "card.md", "card.json", "gates.json", "data-quality.html", "data-quality.json"}
        assert expected <= {path.name for path in evidence.iterdir()}

    def test_started_again_it_is_the_same_version(self, home: Settings, ada: Author, trained: Trained) -> None:
        assert trained_by(ada) == trained
        assert len(versions_of(open_database(home.registry_url), "no-show")) == 1

    def test_its_steps_are_heard_in_order(self, ada: Author, trained: Trained) -> None:
        heard: list[str] = []
        with heard_by(heard.append):
            trained_by(ada)
        assert [text.split()[0] for text in heard] == ["checking", "building", "fitting", "judging", "registering"]

    def test_through_prefect_it_is_the_tickets_authors_and_the_ticket_opens_no_second_run(
        self, home: Settings, ada: Author, digest: str, trained: Trained
    ) -> None:
        ticket = issue_ticket(home, Run("no-show", digest, 0), ada)
        assert train(model="no-show", snapshot=digest, ticket=ticket) == trained
        with pytest.raises(TicketRefused, match="used already"):
            train(model="no-show", snapshot=digest, ticket=ticket)
        [line] = Ledger(ledger_database(home)).read(action="ticket.use")
        assert (line.actor, line.subject) == ("ada", "no-show")

    def test_through_prefect_without_a_ticket_its_author_is_unproven(
        self, home: Settings, trained: Trained, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CAREGATE_USER", "ada")
        started = train(model="no-show")
        assert started.version == 2
        tags = read_version(open_database(home.registry_url), "no-show", 2).tags
        assert (tags["author"], tags["signatures.required"]) == (UNPROVEN, "2")

    def test_every_act_is_in_the_ledger(self, home: Settings, trained: Trained) -> None:
        ledger = Ledger(ledger_database(home))
        assert ledger.verify() > 0
        [line] = ledger.read(action="run.judge", subject=f"no-show/run/{trained.run_key}")
        assert line.actor == "ada"


@pytest.fixture(scope="module")
def noise(home: Settings, digest: str) -> Snapshot:
    """The same appointments with outcomes dealt out by chance: nothing can be learnt from them."""
    original = open_snapshot(home.snapshots_dir, digest)
    tables = {name: pl.read_parquet(original.path(name)) for name in ("patients", "appointments")}
    shuffled = tables["appointments"]["status"].shuffle(seed=1)
    tables["appointments"] = tables["appointments"].with_columns(shuffled.alias("status"))
    manifest = original.manifest
    draft = Draft(
        source="noise",
        source_digest=manifest.source_digest,
        tables=tables,
        quarantine=pl.read_parquet(original.path("quarantine")),
        quarantined={},
        repaired={},
        basis="synthetic",
        owner="ada",
        consent=manifest.consent,
    )
    return publish(home.snapshots_dir, draft, clock=system_clock)


class TestAFailedGate:
    def test_a_model_that_knows_nothing_is_not_registered_and_its_run_is_kept(
        self, home: Settings, ada: Author, noise: Snapshot, trained: Trained
    ) -> None:
        before = len(versions_of(open_database(home.registry_url), "no-show"))
        failed = trained_by(ada, snapshot=noise.manifest.digest)
        assert failed.status is Verdict.FAILED
        assert failed.gates["accuracy"] is Verdict.FAILED
        assert failed.version is None
        assert len(versions_of(open_database(home.registry_url), "no-show")) == before
        assert _runs_with_key(home, failed.run_key) == 1


def _runs_with_key(home: Settings, key: str) -> int:
    from registry.connection import open_registry

    with open_registry(home, account="pipeline") as registry:
        experiment = registry.tracking.get_experiment_by_name("no-show")
        return len(registry.tracking.search_runs([experiment.experiment_id], f"tags.`run.key` = '{key}'", 1))

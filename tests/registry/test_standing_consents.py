"""Who says no is left out of training from the next run on, and the same words give the same run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from pyarrow import feather

from caregate.clock import fixed_clock
from caregate.settings import Settings
from crm.deidentify import deidentify
from crm.snapshot import Snapshot, publish
from crm.source import RawTables
from governance.consents import Consents
from governance.database import ledger_database
from registry.judged import StageChanged
from registry.stages import FEATURES, ROWS, Job, make_features, open_job
from registry.standing_consents import FILE
from tests.registry.toys import make_home
from tests.serving.clinic import NOON, appointments, vault_of

REQUIRED = {"asked": "required"}
WAIVED = {"asked": "not-required", "reason": "made up"}
AGREED = NOON.replace(tzinfo=None)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made, _ = make_home(tmp_path_factory.mktemp("standing-consents") / "home")
    return made


def published(settings: Settings, consent: Mapping[str, str], *, system: str) -> Snapshot:
    """A clinic's snapshot; where consent is asked, every second patient agreed."""
    rows = appointments(300)
    patients = rows.select("patient_id").unique(maintain_order=True)
    agreed = patients.gather_every(2).with_columns(
        purpose=pl.lit("train"), granted=pl.lit(value=True), at=pl.lit(AGREED), notice=pl.lit("2026-01")
    )
    raw = RawTables(
        source="clinic",
        source_digest="sha256:" + "1" * 64,
        tables={"appointments": rows, "patients": patients, "consents": agreed},
        basis="synthetic",
        consent=consent,
        system=system,
    )
    draft = deidentify(raw, vault_of(settings), owner="tester")
    return publish(settings.snapshots_dir, draft, clock=fixed_clock(NOON))


def opened(settings: Settings, snapshot: Snapshot) -> Job:
    return open_job(settings, "no-show", snapshot=snapshot.manifest.digest, author="ada")


def trained_on(job: Job) -> set[str]:
    make_features(job)
    return set(feather.read_table(job.workspace / FEATURES / ROWS).column("patient_id").to_pylist())


@pytest.mark.parametrize(("consent", "system"), [(WAIVED, "waived"), (REQUIRED, "asked")], ids=["waived", "required"])
class TestAPatientWhoSaysNo:
    def test_is_left_out_of_the_next_run_and_read_again_after_a_yes(
        self, settings: Settings, consent: Mapping[str, str], system: str
    ) -> None:
        snapshot = published(settings, consent, system=system)
        consents = Consents(ledger_database(settings))
        before = opened(settings, snapshot)
        everyone = trained_on(before)
        patient = min(everyone)

        consents.revoke(patient, "train", by="ada")
        consents.revoke(min(everyone - {patient}), "score", by="ada")
        after, again = opened(settings, snapshot), opened(settings, snapshot)
        assert trained_on(after) == everyone - {patient}
        assert after.run.key == again.run.key != before.run.key
        assert after.run.left_out == 1

        consents.grant(patient, "train", by="ada")
        assert opened(settings, snapshot).run.key == before.run.key


class TestWhereEachPatientIsAsked:
    def test_a_yes_of_later_counts(self, settings: Settings) -> None:
        snapshot = published(settings, REQUIRED, system="later")
        everyone = trained_on(opened(settings, snapshot))
        silent = sorted(set(pl.read_parquet(snapshot.path("appointments"))["patient_id"]) - everyone)[0]
        Consents(ledger_database(settings)).grant(silent, "train", by="ada")
        late = opened(settings, snapshot)
        assert trained_on(late) == {*everyone, silent}
        assert late.run.left_out == 0

    def test_the_list_that_a_run_was_made_by_cannot_be_changed(self, settings: Settings) -> None:
        snapshot = published(settings, REQUIRED, system="changed")
        everyone = trained_on(opened(settings, snapshot))
        Consents(ledger_database(settings)).revoke(min(everyone), "train", by="ada")
        job = opened(settings, snapshot)
        make_features(job)
        file = Path(job.run.files["consents"])
        assert file.name == FILE
        pl.read_parquet(file).head(1).write_parquet(file)
        with pytest.raises(StageChanged):
            make_features(job)

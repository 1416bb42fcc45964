"""Files as jobs: in parts, taken up after a kill, with every prediction on record."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crm.scoring_input import load_for_scoring
from crm.source import make_source
from crm.spreadsheets import unarmed
from governance.consents import Consents
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.prediction_batches import BatchChanged, PredictionBatches
from governance.recorded import RecordedPredictions
from serving.batches import files
from serving.batches.batch import score_table
from serving.batches.job import JobRuns, open_job, remove_unfinished
from serving.known.snapshots import snapshot_history
from serving.policy import load_serving_policy
from serving.question import PurposeRefused
from serving.withholding import NO_CONSENT
from tests.serving.clinic import appointments, make_home, publish_snapshot, vault_of

ROOT = Path(__file__).parents[2]
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def house(clinic, tmp_path_factory):
    """A home of its own with the clinic's snapshot."""
    settings = make_home(tmp_path_factory.mktemp("house") / "home")
    publish_snapshot(settings, clinic.rows)
    return settings


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """New appointments of the clinic, one of them before it was booked, and two of one record."""
    rows = appointments(900, seed=11).with_columns(
        pl.col("booked_at", "day").dt.offset_by("118d"),
        appointment_id="N" + pl.col("appointment_id"),
        status=pl.lit("booked"),
        outcome_known_at=None,
    )
    broken = rows.head(1).with_columns(appointment_id=pl.lit("=broken"), age=pl.lit(-4, pl.Int64))
    path = tmp_path_factory.mktemp("asked") / "appointments.parquet"
    pl.concat([rows, broken, rows.slice(5, 1)]).write_parquet(path)
    return path


@pytest.fixture
def score(house, clinic, asked, monkeypatch, tmp_path):
    monkeypatch.setattr(files.RegistryChampions, "champion", lambda *_: clinic.versions[1])

    def run(name="scores.parquet", **wishes):
        wishes = {"rows": 200, "by": "ada", "source": "parquet"} | wishes
        filed = files.score_file(house, "no-show", location=asked, output=tmp_path / name, **wishes)
        return filed, tmp_path / name

    return run


class TestAFileInParts:
    def test_says_what_the_whole_says(self, score, house, asked, clinic):
        _filed, path = score()
        found = pl.read_parquet(path)
        champion = clinic.versions[1]
        served = files.load_served(champion, files.spec_of("no-show"), files.load_policy("no-show"))
        tables, records = load_for_scoring(make_source("parquet"), str(asked), vault_of(house), table="appointments")
        history = snapshot_history(house).history("appointments")
        whole = score_table(served, history, tables["appointments"], records, load_serving_policy()).output
        assert found["record_id"].equals(whole["record_id"])
        for name in ("status", "score", "band", "model_version", "why"):
            assert found[name].equals(whole[name]), name
        read = [[json.loads(text or "null") for text in frame["reasons"]] for frame in (found, whole)]
        assert read[0] == read[1]

    def test_rows_that_a_rule_holds_back_abstain_wherever_they_stand(self, score):
        _filed, path = score()
        assert pl.read_parquet(path).tail(2)["status"].to_list() == ["abstained", "abstained"]
        assert pl.read_parquet(path)["why"][-1] == "repeated-row"

    def test_leaves_no_work_behind(self, score, house):
        score()
        assert [path.name for path in (house.home / "scoring").iterdir() if path.name != "spill"] == []

    def test_one_process_at_a_time_is_at_it(self, house):
        clock = lambda: datetime.now(UTC)  # noqa: E731
        with open_job(house, {"a": 1}, clock), pytest.raises(JobRuns), open_job(house, {"a": 1}, clock):
            pass


class TestAKill:
    def test_at_the_door_or_among_the_answers_changes_nothing(self, score, house, clinic, asked, tmp_path):
        output = tmp_path / "scores.parquet"
        for writes in (3, 5):
            said = [str(house.home), str(clinic.versions[1].folder), str(asked), str(output), str(writes)]
            command = [sys.executable, "-m", "tests.serving.scoring_process", *said]
            assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
            assert not output.exists()
            # What is left names nobody: no record id of the source stands in it, nor in what was predicted so far.
            for left in (path for path in house.home.rglob("*") if path.is_file() and path.suffix != ".db"):
                assert b"NA17" not in left.read_bytes(), left.name
        (job,) = (house.home / "scoring").glob("*/job.json")
        (begun,) = (path for path in (house.home / "predictions").iterdir() if not (path / "batch.json").exists())
        assert len(list(begun.glob("[0-9]*.parquet"))) in (0, 1, 2)
        left = job.parent, begun
        for copy in left:
            shutil.copytree(copy, tmp_path / copy.parent.name / copy.name)
        taken_up = pl.read_parquet(score()[1])
        assert taken_up.drop("prediction_id").equals(pl.read_parquet(score("whole.parquet")[1]).drop("prediction_id"))
        for copy in left:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(tmp_path / copy.parent.name / copy.name, copy)
        now = datetime.now(UTC)
        for days, kept in ((-1, True), (1, False)):
            remove_unfinished(house, now + timedelta(days=days))
            assert [copy.exists() for copy in left] == [kept, kept]


class TestTheRecord:
    def test_holds_every_row_under_a_sealed_line(self, score, house):
        filed, _path = score(purpose="planning", by="rita")
        batch = max(PredictionBatches(house).every(), key=lambda item: item.at)
        line = list(Ledger(ledger_database(house)).sealed(files.SCORED))[-1]
        assert (batch.purpose, batch.client, batch.digest) == ("planning", "rita", line.digest)
        assert sum(filed.statuses.values()) == 902
        PredictionBatches(house).verify(batch)

    def test_is_found_by_patient_and_by_version(self, score, house):
        score()
        batches = PredictionBatches(house)
        patients = batches.patients_scored("no-show", 1, since=BEGINNING)
        (prediction, *_rest) = batches.of_patient(min(patients))
        assert prediction.status == "scored"
        assert prediction.inputs_digest.startswith("sha256:")
        assert len(prediction.reasons) == 5
        assert batches.patients_scored("no-show", 2, since=BEGINNING) == set()
        assert batches.scored_without_patient("no-show", 1, since=BEGINNING, until=datetime.now(UTC)) == 0

    def test_is_found_by_the_id_in_the_output(self, score, house):
        _filed, path = score()
        row = pl.read_parquet(path).row(450, named=True)
        recorded = RecordedPredictions(ledger_database(house), house.journal_dir, PredictionBatches(house))
        found = recorded.find(row["prediction_id"])
        assert (found.score, found.band, found.status) == (row["score"], row["band"], row["status"])
        assert recorded.find(row["prediction_id"] + "000") is None

    def test_a_part_that_was_changed_is_noticed(self, score, house):
        score()
        batches = PredictionBatches(house)
        batch = max(batches.every(), key=lambda item: item.at)
        part = batches.place(batch.id) / min(batch.parts)
        whole = part.read_bytes()
        part.write_bytes(whole[:-1] + b"?")
        with pytest.raises(BatchChanged):
            batches.verify(batch)
        part.write_bytes(whole)


class TestWishes:
    def test_a_purpose_that_the_policy_does_not_allow_is_refused(self, score):
        with pytest.raises(PurposeRefused):
            score(purpose="denial")

    def test_no_reasons(self, score):
        _filed, path = score(reasons=0)
        assert pl.read_parquet(path)["reasons"].drop_nulls().unique().to_list() == ["[]"]

    def test_two_reasons(self, score):
        _filed, path = score(reasons=2)
        assert max(len(json.loads(text)) for text in pl.read_parquet(path)["reasons"].drop_nulls()) == 2


class TestConsent:
    def test_who_took_it_back_is_not_scored(self, score, house):
        batches = PredictionBatches(house)
        score()
        patient = min(batches.patients_scored("no-show", 1, since=BEGINNING))
        Consents(ledger_database(house)).revoke(patient, "score", by="tester")
        score()
        newest = max(batches.of_patient(patient), key=lambda item: item.at)
        assert (newest.status, newest.why) == ("abstained", NO_CONSENT)


class TestSpreadsheets:
    def test_run_nothing_and_give_the_text_back(self):
        texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'quoted", "plain", None]
        written = unarmed(pl.DataFrame({"text": texts}))["text"]
        assert not written.str.contains(r"^[=+\-@\t\r]").any()
        assert written.str.strip_prefix("'").to_list() == texts

    def test_the_csv_is_written_so_and_the_parquet_as_it_is(self, score):
        as_csv, as_parquet = score("scores.csv")[1], score()[1]
        assert pl.read_csv(as_csv)["record_id"][-2] == "'=broken"
        assert pl.read_parquet(as_parquet)["record_id"][-2] == "=broken"

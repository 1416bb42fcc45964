"""Files of records: one output row for every input row, and the very scores that HTTP gives."""

from __future__ import annotations

import json
import os

import polars as pl
import pytest

from crm.scoring_input import OUTCOMES
from models.catalogue import spec_of
from serving.batches.batch import OUTPUT, UnknownOutputForm, score_table, write_scores
from serving.known.history import History
from serving.policy import load_serving_policy
from serving.served import load_served
from tests.serving.clinic import SYSTEM
from validation.policy import load_policy


@pytest.fixture(scope="module")
def served(clinic):
    return load_served(clinic.versions[1], spec_of("no-show"), load_policy("no-show"))


@pytest.fixture(scope="module")
def history(clinic):
    return History({"appointments": clinic.snapshot.path("appointments")}, system=SYSTEM)


@pytest.fixture(scope="module")
def rows(clinic):
    return pl.read_parquet(clinic.snapshot.path("appointments"))


@pytest.fixture(scope="module")
def records(clinic, rows):
    kept = pl.DataFrame({"record_id": clinic.rows["appointment_id"], "token": rows["appointment_id"]})
    held_back = pl.DataFrame({"record_id": ["A-broken", None], "rule": ["appointment-before-booking", "no-record-id"]})
    return pl.concat([pl.DataFrame(schema=OUTCOMES), kept, held_back], how="diagonal").with_columns(
        row_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    )


@pytest.fixture(scope="module")
def scored(served, history, rows, records):
    return score_table(served, history, rows, records, load_serving_policy())


class TestScoreTable:
    def test_every_input_row_has_one_output_row_in_its_place(self, scored, records):
        assert scored.output.schema == OUTPUT
        assert scored.output["record_id"].equals(records["record_id"])

    def test_rows_held_back_at_the_door_abstain_with_the_rule(self, scored):
        broken = scored.output.tail(2)
        assert broken["status"].to_list() == ["abstained", "abstained"]
        assert broken["why"].to_list() == ["appointment-before-booking", "no-record-id"]
        assert broken["score"].null_count() == 2

    def test_the_scores_are_those_that_http_gives(self, scored, crm, clinic):
        places = range(0, 1500, 30)
        for place in places:
            body = {"purpose": "planning", "instances": [clinic.instances[place]]}
            (online,) = crm.post("/v1/models/no-show/predictions", json=body).json()["predictions"]
            filed = scored.output.row(place, named=True)
            assert {name: filed[name] for name in ("status", "score", "band", "why", "model_version")} == {
                name: online[name] for name in ("status", "score", "band", "why", "model_version")
            }
            assert json.loads(filed["reasons"]) == online["reasons"]

    def test_reasons_can_be_left_out(self, served, history, rows, records):
        quick = score_table(served, history, rows.head(20), records.head(20), load_serving_policy(), explain=False)
        assert quick.output["reasons"].unique().to_list() == ["[]"]

    def test_a_record_that_the_model_is_not_for_abstains(self, served, history, rows, records):
        none = score_table(served, history, rows.head(0), records.head(1), load_serving_policy())
        assert none.output["why"].to_list() == ["not of the population that the model is for"]


class TestOfThePast:
    def test_a_record_whose_outcome_is_open_has_no_score(self, scored, clinic):
        past = scored.of_the_past().head(1500)
        is_open = clinic.rows["outcome_known_at"].is_null()
        assert past.filter(is_open)["status"].unique().to_list() == ["abstained"]
        assert past.filter(is_open).select("score", "band", "reasons").null_count().row(0) == (is_open.sum(),) * 3
        assert past.filter(~is_open).equals(scored.output.head(1500).filter(~is_open))
        assert past["score"].null_count() < past.height


class TestWriting:
    def test_no_link_in_a_shared_folder_leads_it_elsewhere(self, scored, tmp_path):
        elsewhere = tmp_path / "secrets.toml"
        elsewhere.write_text("kept")
        (tmp_path / f".scores.csv.{os.getpid()}").symlink_to(elsewhere)
        write_scores(scored.output, tmp_path / "scores.csv")
        assert elsewhere.read_text() == "kept"

    @pytest.mark.parametrize(("name", "read"), [("scores.csv", pl.read_csv), ("scores.parquet", pl.read_parquet)])
    def test_both_forms_hold_the_same(self, scored, tmp_path, name, read):
        write_scores(scored.output, tmp_path / name)
        assert read(tmp_path / name)["score"].equals(scored.output["score"])
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_another_form_is_refused(self, scored, tmp_path):
        with pytest.raises(UnknownOutputForm):
            write_scores(scored.output, tmp_path / "scores.xlsx")

    def test_a_write_that_fails_leaves_the_old_file(self, scored, tmp_path, monkeypatch):
        target = tmp_path / "scores.csv"
        target.write_text("old")
        monkeypatch.setattr(pl.DataFrame, "write_csv", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_scores(scored.output, target)
        assert target.read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]

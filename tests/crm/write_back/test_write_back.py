"""Scores go into the CRM once, are found again after a crash, and come out again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import polars as pl
import pytest

from crm.write_back.batches import UnknownBatch, WriteBackDesk
from crm.write_back.rows import read_scores
from crm.write_back.score_files import FORMS, SCHEMA
from crm.write_back.store import Form
from crm.write_back.target import FieldMissing, Insecure, QuotaSpent, SignInRefused, Unanswered
from governance.consent_book import ConsentBook
from governance.database import ledger_database
from governance.ledger import Ledger
from tests.conftest import ROOT
from tests.crm.write_back.conftest import NO_SHOW, NOON, make_practice
from tests.crm.write_back.fake_capsule import FIELD, RESET, TOKEN
from tests.crm.write_back.fake_server import Said

KILLED = f"""
import os, signal, sys
from pathlib import Path
from caregate.clock import fixed_clock
from caregate.settings import Settings
from crm.write_back.batches import Model, WriteBackDesk
from crm.write_back.capsule import Capsule
from crm.write_back.store import Form
from datetime import UTC, datetime
home, scores, address = sys.argv[1:]
send = Capsule.write_note
def die(target, entry, text):
    send(target, entry, text)
    os.kill(os.getpid(), signal.SIGKILL)
Capsule.write_note = die
settings = Settings(home=home, user="tester", capsule_token="{TOKEN}", capsule_url=address + "/api/v2")
desk = WriteBackDesk(settings, by="ada", clock=fixed_clock(datetime.fromisoformat("{NOON.isoformat()}")))
model = Model("no-show", "Missed appointments", "appointments", "appointment_id")
desk.write(model, target="capsule", form=Form.NOTE, scores=Path(scores))
"""


def field_of(capsule, party):
    return capsule.fields.get(party, {}).get(FIELD["id"])


class TestWhatIsWritten:
    def test_a_field_holds_band_reason_version_date_and_whom_to_ask(self, write, capsule):
        assert write() == {"written": 2, "abstained": 1}
        held = field_of(capsule, "4021")
        for part in (
            "high",
            "raised by days between booking and appointment",
            "no-show v3",
            "2026-06-01",
            "ask",
            "cg-",
        ):
            assert part in held

    def test_neither_the_number_nor_an_id_of_ours_goes_along(self, write, capsule, practice):
        write(form=Form.NOTE)
        told = [note["content"] for note in capsule.entries.values()]
        assert len(told) == 2
        for secret in ("0.61", "61%", "4021", "800", practice.token("4021")):
            assert not any(secret in text for text in told)

    def test_other_fields_and_parties_stay_as_they_are(self, write, capsule):
        capsule.fields["4021"] = {45: "north"}
        write()
        assert capsule.fields["4021"][45] == "north"
        assert field_of(capsule, "4023") is None

    def test_a_dry_run_sends_nothing(self, write, capsule):
        assert write(dry_run=True) == {"would be written": 2, "abstained": 1}
        assert capsule.asked == []

    def test_an_entry_that_the_crm_refuses_does_not_keep_the_others_from_theirs(self, write, capsule):
        capsule.parties.remove("4021")
        assert write() == {"refused": 1, "written": 1, "abstained": 1}

    def test_less_annoying_crm_gets_the_same(self, lacrm_practice, lacrm):
        desk = lacrm_practice.desk()
        assert desk.write(NO_SHOW, target="lacrm", scores=lacrm_practice.scores).ends["written"] == 2
        assert lacrm.contacts["4022"]["Caregate no-show"].startswith("medium; no-show v3")
        desk.write(NO_SHOW, target="lacrm", form=Form.NOTE, scores=lacrm_practice.scores)
        assert {note["ContactId"] for note in lacrm.notes.values()} == {"4021", "4022"}

    def test_a_file_has_the_columns_that_scores_have(self, practice, tmp_path):
        for end in ("csv", "parquet"):
            outcome = practice.desk().write(
                NO_SHOW, target=end, scores=practice.scores, output=tmp_path / f"back.{end}"
            )
            assert outcome.ends["written"] == 2
        assert (tmp_path / "back.csv").read_text().splitlines()[0] == (
            "record_id,status,score,band,reasons,model_version,why"
        )

    def test_a_csv_file_runs_nothing_and_is_read_back_as_it_was(self, tmp_path):
        ids = ["=HYPERLINK(A1)", "-12", "'7", "A-1"]
        path = tmp_path / "back.csv"
        FORMS["csv"](pl.DataFrame({"record_id": ids}).match_to_schema(SCHEMA, missing_columns="insert"), path)
        shown = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
        assert shown == ["'=HYPERLINK(A1)", "'-12", "''7", "A-1"]
        assert read_scores(path)["record_id"].to_list() == ids


class TestOnlyWithConsent:
    def test_silence_holds_a_row_where_each_patient_is_asked(self, tmp_path, capsule):
        strict = make_practice(tmp_path, asked="required", capsule_token=TOKEN, capsule_url=f"{capsule.address}/api/v2")
        assert strict.desk().write(NO_SHOW, target="capsule", scores=strict.scores).ends == {"held": 2, "abstained": 1}
        assert capsule.writes() == []

    def test_a_revocation_holds_it_everywhere(self, write, practice, capsule):
        Ledger(ledger_database(practice.settings))
        revoke(practice, "4021")
        book = ConsentBook(ledger_database(practice.settings))
        book.refresh()
        assert book.word(practice.token("4021"), "share") is False
        assert write() == {"written": 1, "held": 1, "abstained": 1}
        assert field_of(capsule, "4021") is None


def revoke(practice, patient):
    from governance.consents import Consents

    Consents(ledger_database(practice.settings)).revoke(practice.token(patient), "share", by="ada")


class TestNothingTwice:
    def test_a_second_run_writes_nothing(self, write, capsule):
        write(form=Form.NOTE)
        assert write(form=Form.NOTE) == {"written before": 2, "abstained": 1}
        assert len(capsule.entries) == 2

    @pytest.mark.parametrize("form", [Form.FIELD, Form.NOTE])
    def test_a_write_without_an_answer_is_looked_for_and_not_repeated(self, write, practice, capsule, form):
        name = "PUT /parties" if form is Form.FIELD else "POST /entries"
        capsule.drop_after = {name}
        if form is Form.NOTE:
            with pytest.raises(Unanswered):
                write(form=form)
            assert write(form=form) == {"found written": 1, "written": 1, "abstained": 1}
        else:
            assert write(form=form)["written"] == 2
        assert len(capsule.entries) == (2 if form is Form.NOTE else 0)

    def test_killed_between_the_request_and_its_record(self, write, practice, capsule):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(practice.settings.home), str(practice.scores), capsule.address],
            cwd=ROOT,
            check=False,
            timeout=60,
        )
        assert killed.returncode == -9
        assert len(capsule.entries) == 1
        assert write(form=Form.NOTE) == {"found written": 1, "written": 1, "abstained": 1}
        assert len(capsule.entries) == 2

    def test_a_busy_gateway_is_asked_again_and_a_bad_request_is_not(self, write, capsule, practice):
        capsule.refusals = [Said(503), Said(429, {"error": "rate limit reached"}, {"Retry-After": "7"})]
        assert write()["written"] == 2
        assert sum(practice.time.slept) >= 7
        asked = len(capsule.asked)
        capsule.parties.clear()
        practice.write_scores(("802", "scored", 0.5, "high"))
        assert write() == {"refused": 1}
        assert len(capsule.asked) - asked == 2


class TestQuota:
    def test_what_others_need_of_the_hour_is_left_to_them_and_the_end_is_told(self, write, capsule, practice):
        capsule.remaining = 401
        with pytest.raises(QuotaSpent) as caught:
            write(form=Form.NOTE)
        assert caught.value.until.timestamp() == RESET
        assert "after 20" in str(caught.value)

    def test_and_the_next_run_goes_on_where_it_stopped(self, write, capsule, practice):
        capsule.remaining = 401
        with pytest.raises(QuotaSpent):
            write(form=Form.NOTE)
        capsule.remaining = 4000
        assert write(form=Form.NOTE) == {"written before": 1, "written": 1, "abstained": 1}
        assert len(capsule.entries) == 2


class TestUndo:
    def test_a_field_gets_back_what_stood_there(self, practice, capsule):
        capsule.fields["4021"] = {FIELD["id"]: "an older remark"}
        desk = practice.desk()
        batch = desk.write(NO_SHOW, target="capsule", scores=practice.scores).batch
        assert desk.undo(batch).ends == {"undone": 2}
        assert field_of(capsule, "4021") == "an older remark"
        assert field_of(capsule, "4022") is None

    def test_what_somebody_has_changed_since_is_left_and_reported(self, practice, capsule):
        desk = practice.desk()
        batch = desk.write(NO_SHOW, target="capsule", scores=practice.scores).batch
        capsule.fields["4021"][FIELD["id"]] = "called, will come"
        assert desk.undo(batch).ends == {"undone": 1, "changed by somebody since": 1}
        assert field_of(capsule, "4021") == "called, will come"

    @pytest.mark.parametrize("target", ["capsule", "lacrm"])
    def test_our_notes_are_deleted_and_no_others(self, request, target):
        crm = request.getfixturevalue(target)
        desk = request.getfixturevalue("practice" if target == "capsule" else "lacrm_practice").desk()
        scores = request.getfixturevalue("practice" if target == "capsule" else "lacrm_practice").scores
        batch = desk.write(NO_SHOW, target=target, form=Form.NOTE, scores=scores).batch
        notes = crm.entries if target == "capsule" else crm.notes
        kept = {"content": "by hand", "Note": "by hand", "party": {"id": 4021}, "ContactId": "4021"}
        notes[1 if target == "capsule" else "1"] = kept
        assert desk.undo(batch).ends == {"undone": 2}
        assert list(notes.values()) == [kept]
        assert desk.undo(batch).ends == {}

    def test_a_file_that_was_changed_is_left(self, practice, tmp_path):
        desk, output = practice.desk(), tmp_path / "back.csv"
        batch = desk.write(NO_SHOW, target="csv", scores=practice.scores, output=output).batch
        output.write_text("mine now")
        assert desk.undo(batch).ends == {"changed by somebody since": 1}
        assert output.read_text() == "mine now"

    def test_each_leaves_a_line_in_the_ledger_and_is_listed(self, practice):
        desk = practice.desk()
        batch = desk.write(NO_SHOW, target="capsule", scores=practice.scores).batch
        desk.undo(batch)
        lines = [act.action for act in Ledger(ledger_database(practice.settings)).read(subject=batch)]
        assert lines == ["write-back", "write-back.undo"]
        (listed,) = desk.batches()
        assert (listed.batch, dict(listed.states)) == (batch, {"undone": 2})

    def test_an_unknown_batch_is_said_to_be_unknown(self, practice):
        with pytest.raises(UnknownBatch):
            practice.desk().undo("wb-none")


class TestSignIn:
    def test_a_token_that_the_crm_refuses_ends_the_run(self, practice):
        refused = practice.settings.model_copy(update={"capsule_token": type(practice.settings.capsule_token)("other")})
        with pytest.raises(SignInRefused):
            WriteBackDesk(refused, by="ada").write(NO_SHOW, target="capsule", scores=practice.scores)

    def test_nothing_goes_out_unencrypted_but_to_loopback(self, practice):
        plain = practice.settings.model_copy(update={"capsule_url": "http://api.example/v2"})
        with pytest.raises(Insecure):
            replace(practice, settings=plain).desk().write(NO_SHOW, target="capsule", scores=practice.scores)

    def test_a_field_that_the_practice_has_not_made_is_asked_for(self, write, capsule):
        capsule.definitions = capsule.definitions[:1]
        with pytest.raises(FieldMissing):
            write()
        assert capsule.writes() == []

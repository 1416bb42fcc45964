"""A worklist is made of the champion's scores, by the gate's own rule, once a day, and is true to each word since."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread
from time import sleep

import httpx
import numpy as np
import polars as pl
import pytest
import uvicorn
from fastapi import FastAPI

from caregate.outreach_settings import OutreachSettings
from caregate.settings import Settings
from crm.outreach.hold_out import Arm
from crm.outreach.medium import Medium
from crm.outreach.message_log import MessageLog
from crm.outreach.patient_words import PatientBook
from crm.outreach.sandbox import Sandbox
from crm.outreach.worklist_store import Worklist, WorklistStore
from crm.snapshot import Snapshot
from governance.client_key import ACTS
from governance.client_keys import ClientKeys
from governance.consents import Consents
from governance.database import ledger_database
from governance.last_line import LastLine
from governance.ledger import Ledger
from governance.people import People, Role
from governance.predictions import Predictions
from models import no_show
from registry.judging import scored_rows
from serving.keys import Keys
from serving.known.snapshots import SnapshotHistory
from serving.outreach.making import cut
from serving.outreach.page import WorklistPages
from serving.outreach.report import report
from serving.outreach.route import add_worklist_routes
from serving.outreach.sending import EMERGENCY, NoEmergencyText, NotToday, Outbox, ReasonUnfit
from serving.outreach.worklists import DayAhead, NoWorklist, Worklists
from serving.policy import load_serving_policy
from serving.problems import add_problem_handlers
from serving.rates import Pace
from serving.served import load_served
from serving.shelf import Standing
from tests.serving.clinic import appointments, champion, features_of, make_home, publish_snapshot, train, vault_of
from validation.decision import choose, flag
from validation.policy import load_policy
from validation.scored import Grouping

DAY = date(2026, 5, 20)
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
MODEL = "no-show"
SOME = 8
"""Patients who agree; their arms are drawn by each home anew."""
OUTREACH = OutreachSettings(provider="Test Clinic", reach="call 555 0100", zone="UTC")


class Hand:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Ward:
    """A home with bookings two days ahead, and a version that a test can take away."""

    settings: Settings
    snapshot: Snapshot
    rows: pl.DataFrame
    standing: Standing
    clock: Hand

    def worklists(self) -> Worklists:
        return Worklists(self.settings, lambda _model: self.standing, load_serving_policy(), self.clock)

    def outbox(self) -> Outbox:
        channel = Sandbox(self.settings.outbox_dir)
        return Outbox(self.settings, vault_of(self.settings), self.worklists(), channel, self.clock)

    def pages(self) -> WorklistPages:
        predictions = Predictions(ledger_database(self.settings))
        return WorklistPages(self.worklists(), vault_of(self.settings), predictions, named=True)

    def tokens(self) -> dict[str, str]:
        stored = pl.read_parquet(self.snapshot.path("appointments"))
        return dict(zip(self.rows["patient_id"], stored["patient_id"], strict=True))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    rows = appointments(1200).with_columns(
        day=pl.when(pl.col("status") == "booked").then(pl.lit(DAY + timedelta(days=2))).otherwise("day")
    )
    return tmp_path_factory.mktemp("ward"), rows


@pytest.fixture(scope="module")
def trained(ground: tuple[Path, pl.DataFrame]) -> Path:
    folder, rows = ground
    settings = make_home(folder / "school")
    (folder / "model").mkdir()
    train(publish_snapshot(settings, rows), folder / "model", rounds=15)
    return folder / "model"


@pytest.fixture
def ward(ground: tuple[Path, pl.DataFrame], trained: Path, tmp_path: Path) -> Ward:
    """One that a test may change."""
    return make_ward(tmp_path / "home", ground[1], trained)


@pytest.fixture(scope="module")
def still(ground: tuple[Path, pl.DataFrame], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """One that no test changes: nobody of it has agreed to anything."""
    return make_ward(tmp_path_factory.mktemp("still") / "home", ground[1], trained)


@pytest.fixture
def made(still: Ward) -> Worklist:
    return still.worklists().worklist(MODEL, DAY, by="clinic")


def make_ward(home: Path, rows: pl.DataFrame, model: Path) -> Ward:
    settings = make_home(home).model_copy(update={"outreach": OUTREACH})
    snapshot = publish_snapshot(settings, rows)
    history = SnapshotHistory(settings.snapshots_dir, threads=1, memory_limit_gb=1).history("appointments")
    found = champion(model, 1, datetime(2040, 1, 1, tzinfo=UTC))
    served = load_served(found, no_show.SPEC, load_policy(MODEL), threads=1)
    return Ward(settings, snapshot, rows, Standing(served, history), Hand())


def let_some_agree(ward: Ward) -> None:
    consents = Consents(ledger_database(ward.settings))
    for entry in ward.worklists().worklist(MODEL, DAY, by="clinic").entries[:SOME]:
        for purpose in ("contact", "contact:sms"):
            consents.grant(entry.patient, purpose, by="ada")


@pytest.fixture
def some_agree(ward: Ward) -> None:
    let_some_agree(ward)


class TestWhoIsOnIt:
    def test_those_whom_the_gates_evidence_would_choose(self, still, made):
        rows = features_of(still.snapshot, still.settings.home)
        ahead = pl.read_parquet(still.snapshot.path("appointments")).filter(pl.col("status") == "booked")
        wanted = [record in set(ahead["appointment_id"]) for record in rows.column("record_id").to_pylist()]
        rows = rows.filter(wanted)
        rows = rows.set_column(rows.schema.get_field_index("label"), "label", [np.zeros(rows.num_rows, dtype=np.int8)])
        served = still.standing.served
        judged = scored_rows(no_show.SPEC, rows, np.round(served.fitted.predict(rows), 6))
        expected = np.array(rows.column("record_id").to_pylist())[flag(judged, served.policy)]
        assert {entry.record for entry in made.entries} == set(expected)
        assert len(made.entries) == made.facts["chosen"] == int(ahead.height * served.policy.decision.capacity.value)

    def test_in_the_order_of_their_scores(self, still, made):
        found = Predictions(ledger_database(still.settings))
        scores = [found.find(entry.prediction_id).score for entry in made.entries]
        assert scores == sorted(scores, reverse=True)

    def test_every_record_of_the_day_leaves_a_prediction(self, still, made):
        predictions = Predictions(ledger_database(still.settings))
        assert made.facts["considered"] == 120
        assert len(predictions.patients_scored(MODEL, 1, since=NOON)) > 60
        row = predictions.find(made.entries[0].prediction_id)
        assert (row.client, row.purpose, row.record) == ("worklist", "outreach", made.entries[0].record)

    def test_the_hold_out_arm_is_recorded_with_its_chance(self, made):
        assert {entry.chance for entry in made.entries} == {0.1}
        assert {entry.arm for entry in made.entries} <= set(Arm)

    def test_whoever_said_no_to_scoring_is_not_scored(self, ward):
        booked = ward.rows.filter(pl.col("status") == "booked")["patient_id"][0]
        Consents(ledger_database(ward.settings)).revoke(ward.tokens()[booked], "score", by="ada")
        found = ward.worklists().worklist(MODEL, DAY, by="clinic")
        assert found.facts["not_scored"]["no consent"] >= 1
        assert ward.tokens()[booked] not in {entry.patient for entry in found.entries}

    def test_a_smaller_day_keeps_the_floor_of_each_group(self):
        policy, chance = load_policy(MODEL), np.random.default_rng(1)
        score, codes = chance.random(400), chance.integers(0, 4, 400)
        groups = {"age": Grouping(codes, ("a", "b", "c", "d"))}
        assert (cut(score, groups, policy, 300) == choose(score, groups, policy)).all()
        few = cut(score, groups, policy, 40)
        assert few.sum() == 40
        assert all(few[codes == code].sum() >= int((codes == code).sum() * 0.1) for code in range(4))


class TestKept:
    def test_the_second_answer_is_the_first_one(self, still, made):
        again = still.worklists().worklist(MODEL, DAY, by="rita")
        assert (again.entries, again.at, again.by) == (made.entries, made.at, "clinic")

    def test_of_two_that_are_made_at_once_the_first_one_stands(self, still, made):
        store = WorklistStore(ledger_database(still.settings))
        assert store.keep(replace(made, by="another", entries=()), []) == made

    def test_none_is_made_ahead_or_after(self, still):
        with pytest.raises(DayAhead):
            still.worklists().worklist(MODEL, DAY + timedelta(days=1), by="clinic")
        with pytest.raises(NoWorklist, match="no worklist was made"):
            still.worklists().worklist(MODEL, DAY - timedelta(days=1), by="clinic")

    def test_none_is_shown_once_the_model_is_suspended(self, ward):
        ward.worklists().worklist(MODEL, DAY, by="clinic")
        ward.standing = Standing(None, ward.standing.history, "suspended since 2026-05-20 13:00 UTC")
        page = ward.pages().page(MODEL, DAY, offset=0, limit=10, by="clinic")
        assert (page["entries"], page["why"]) == ([], "suspended since 2026-05-20 13:00 UTC")
        with pytest.raises(NoWorklist):
            ward.outbox().send(MODEL, DAY, by="rita")

    def test_none_is_made_of_stale_data(self, still):
        later = still.standing.history.as_of + timedelta(days=80)
        with pytest.raises(NoWorklist, match="stale"):
            replace(still, clock=lambda: later).worklists().worklist(MODEL, later.date(), by="clinic")

    def test_none_is_kept_while_nothing_is_known_of_its_days(self, ward, ground):
        empty_day = DAY + timedelta(days=1)
        ward.clock.now = NOON + timedelta(days=1)
        with pytest.raises(NoWorklist, match="holds no record"):
            ward.worklists().worklist(MODEL, empty_day, by="clinic")
        assert WorklistStore(ledger_database(ward.settings)).find(MODEL, empty_day) is None
        booked = pl.when(pl.col("status") == "booked").then(pl.lit(empty_day + timedelta(days=2))).otherwise("day")
        publish_snapshot(ward.settings, ground[1].with_columns(day=booked))
        assert ward.worklists().worklist(MODEL, empty_day, by="clinic").facts["considered"] == 120

    def test_none_is_shown_that_a_version_made_which_was_rolled_back(self, still, made):
        older = replace(still.standing.served, version=0)
        rolled_back = replace(still, standing=replace(still.standing, served=older))
        with pytest.raises(NoWorklist, match="rolled back"):
            rolled_back.worklists().worklist(MODEL, DAY, by="clinic")


@pytest.mark.usefixtures("some_agree")
class TestWordsSince:
    def shown(self, ward: Ward) -> dict:
        return ward.pages().page(MODEL, DAY, offset=0, limit=100, by="clinic")

    def test_take_their_patient_off_at_once(self, ward):
        before = self.shown(ward)
        tokens, book = ward.tokens(), PatientBook(ledger_database(ward.settings))
        said_stop, died, revoked = [tokens[entry["patient_id"]] for entry in before["entries"][:3]]
        book.stop(said_stop, None, by="gateway", how="reply")
        book.died(died, by="ada")
        Consents(ledger_database(ward.settings)).revoke(revoked, "contact", by="ada")
        after = self.shown(ward)
        left = {tokens[entry["patient_id"]] for entry in after["entries"]}
        assert not left & {said_stop, died, revoked}
        assert {"stopped", "deceased", "no-consent"} <= set(after["not_on_it"])

    def test_whoever_takes_back_being_scored_is_neither_shown_nor_written_to(self, ward):
        patient = ward.tokens()[self.shown(ward)["entries"][0]["patient_id"]]
        Consents(ledger_database(ward.settings)).revoke(patient, "score", by="ada")
        assert patient not in {ward.tokens()[entry["patient_id"]] for entry in self.shown(ward)["entries"]}
        ward.outbox().send(MODEL, DAY, by="rita")
        log = MessageLog(ledger_database(ward.settings))
        assert patient not in {line.patient for line in log.of_worklists([f"{MODEL}/{DAY}"], "sandbox")}

    def test_a_night_closes_channels_and_takes_nobody_off(self, ward):
        total = self.shown(ward)["total"]
        ward.clock.now = NOON.replace(hour=22)
        night = self.shown(ward)
        assert night["total"] == total
        assert night["entries"][0]["channels"][0]["from"] == "2026-05-21T08:00:00+00:00"


@pytest.mark.usefixtures("some_agree")
class TestSending:
    def test_is_a_persons_act_goes_out_once_and_is_reported_by_group_channel_and_reason(self, ward):
        made = ward.worklists().worklist(MODEL, DAY, by="clinic")
        held = sum(entry.arm is Arm.HELD_OUT for entry in made.entries)
        counts = ward.outbox().send(MODEL, DAY, by="rita")
        again = ward.outbox().send(MODEL, DAY, by="rita")
        assert counts["sent"] == again["sent-before"] == len(list(ward.settings.outbox_dir.iterdir()))
        assert counts.get("held-out", 0) <= held
        assert [act.actor for act in Ledger(ledger_database(ward.settings)).sealed("outreach.send")] == ["rita"] * 2
        found = report(ward.settings, ward.worklists().policy, MODEL, DAY, "sandbox")
        assert (found.worklists, found.grouping, found.floor) == (1, "age", 1.0)
        assert found.channels == {"sms": counts["sent"]} == {"sms": found.states["sent"]}
        assert sum(found.channels.values()) + sum(found.why_not.values()) == len(made.entries)
        assert all(group.share is None or group.share >= 0.7 for group in found.groups)
        assert any(group.scored is None for group in found.groups)  # few people stand behind it
        assert found.effect is None

    def test_is_of_the_day_alone(self, still):
        with pytest.raises(NotToday):
            still.outbox().send(MODEL, DAY - timedelta(days=1), by="rita")

    def test_of_an_emergency_leaves_a_line_first(self, ward):
        outbox, ledger = ward.outbox(), Ledger(ledger_database(ward.settings))
        ward.clock.now = NOON.replace(hour=23)
        patient = ward.worklists().worklist(MODEL, DAY, by="clinic").entries[0].patient
        assert outbox.send_emergency(patient, "site-closed", None, "the site burns down", by="carla") == "sent"
        (line,) = ledger.sealed(EMERGENCY)
        assert (line.actor, line.subject, line.facts["reason"]) == ("carla", patient, "the site burns down")
        with pytest.raises(ReasonUnfit):
            outbox.send_emergency(patient, "site-closed", None, "why", by="carla")
        with pytest.raises(NoEmergencyText):
            outbox.send_emergency(patient, "follow-up", Medium.SMS, "the site burns down", by="carla")


@pytest.fixture(scope="module")
def agreed(ground: tuple[Path, pl.DataFrame], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """One of whose patients some have agreed to SMS, and that no test changes."""
    ward = make_ward(tmp_path_factory.mktemp("agreed") / "home", ground[1], trained)
    let_some_agree(ward)
    return ward


@pytest.fixture(scope="module")
def client(agreed: Ward) -> Iterator[httpx.Client]:
    """The CRM, with its key."""
    engine = ledger_database(agreed.settings)
    People(engine).add("clinic", Role.CRM, by="tester", service=True)
    keys = ClientKeys(engine)
    app = FastAPI()
    add_problem_handlers(app)
    add_worklist_routes(app, agreed.pages(), Keys(keys, LastLine(engine, *ACTS), Pace(1000, 1000, 1000)))
    headers = {"Authorization": f"Bearer {keys.issue('clinic', by='tester')}"}
    with running(app) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as found:
        yield found


class TestOverHttp:
    def test_entries_carry_the_crms_own_ids_and_a_message(self, agreed, client):
        answer = client.get(f"/v1/worklists/{MODEL}", params={"day": DAY.isoformat(), "limit": 3}).json()
        entry = answer["entries"][0]
        known = set(agreed.rows.select("appointment_id", "patient_id").rows())
        assert (entry["record_id"], entry["patient_id"]) in known
        assert entry["message"]["text"].startswith("Test Clinic:")
        assert entry["channels"][0] == {
            "channel": "sms",
            "from": "2026-05-20T12:00:00+00:00",
            "until": "2026-05-20T21:00:00+00:00",
        }
        assert entry["reasons"]
        assert "score" not in entry
        assert len(answer["entries"]) == 3
        assert answer["not_on_it"]["not-chosen"] == 96

    def test_pages_hold_every_entry_once(self, client):
        seen, offset = [], 0
        while offset is not None:
            answer = client.get(f"/v1/worklists/{MODEL}", params={"offset": offset, "limit": 2}).json()
            seen += [entry["priority"] for entry in answer["entries"]]
            offset = answer["next_offset"]
        assert len(seen) == len(set(seen)) == answer["total"]
        assert seen == sorted(seen)

    def test_nobody_is_on_it_who_has_not_agreed(self, still):
        answer = still.pages().page(MODEL, DAY, offset=0, limit=100, by="clinic")
        assert answer["total"] == 0
        assert answer["not_on_it"]["no-consent"] + answer["not_on_it"].get("held-out", 0) == 24

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/v1/worklists/unknown", 404),
            ("/v1/worklists/no-show?day=tomorrow", 422),
            ("/v1/worklists/no-show?day=2099-01-01", 422),
            ("/v1/worklists/no-show?limit=1000", 422),
        ],
    )
    def test_what_cannot_be_asked_is_a_problem(self, client, path, status):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (status, status)

    def test_a_key_is_needed(self, client):
        assert client.get(f"/v1/worklists/{MODEL}", headers={"Authorization": "Bearer none"}).status_code == 401


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """A real server on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()

"""Hooks: what is proven to be its source's is taken in once, and followed."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from crm.hooks.handling import CHANGED
from crm.hooks.inbox import Event
from crm.hooks.verification import is_signed, message_id
from crm.outreach.patient_words import PatientBook
from governance.database import ledger_database
from governance.ledger import Ledger
from serving.exchange.hooks_route import add_hooks_routes, hooks_of
from serving.policy import load_serving_policy
from serving.problems import add_problem_handlers
from tests.crm.write_back.conftest import NOON, make_practice
from tests.serving.clinic import vault_of
from tests.serving.running import running

KEY, SECRET, HANDSHAKE = "k" * 40, "m" * 40, "the-secret-of-the-handshake"
DELETED = {"event": "party/deleted", "payload": [{"id": 4021, "firstName": "Canary-1947"}]}


def signed(body, *, identifier="msg-1", at=NOON, secret=SECRET):
    stamp = str(int(at.timestamp()))
    digest = hmac.digest(secret.encode(), f"{identifier}.{stamp}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": identifier, "webhook-timestamp": stamp, "webhook-signature": signature}


@pytest.fixture
def home(tmp_path):
    return make_practice(tmp_path, hook_key=KEY, messages_secret=SECRET)


@pytest.fixture
def hooks(home):
    app, settings = FastAPI(), home.settings
    add_problem_handlers(app)
    parts = hooks_of(settings, ledger_database(settings), vault_of(settings), clock=lambda: NOON)
    add_hooks_routes(app, parts, load_serving_policy().limits)
    with running(app) as client:
        yield client


def handled(home):
    settings = home.settings
    hooks_of(settings, ledger_database(settings), vault_of(settings), clock=lambda: NOON).handler.handle_waiting()


def words(home, patient):
    handled(home)
    return PatientBook(ledger_database(home.settings)).of(home.token(patient))


def changes(home):
    handled(home)
    return [act.subject for act in Ledger(ledger_database(home.settings)).read(action=CHANGED)]


class TestCapsule:
    def test_the_registered_address_is_the_only_proof(self, hooks, home):
        assert hooks.post("/v1/hooks/capsule", json=DELETED).status_code == 401
        assert hooks.post(f"/v1/hooks/capsule?key={'x' * 40}", json=DELETED).status_code == 401
        assert hooks.post(f"/v1/hooks/capsule?key={KEY}", json=DELETED).status_code == 202
        assert changes(home) == ["capsule"]

    def test_who_was_deleted_there_gets_no_more_messages(self, hooks, home):
        hooks.post(f"/v1/hooks/capsule?key={KEY}", json=DELETED)
        assert words(home, "4021").stopped
        assert not words(home, "4022").stopped

    def test_an_event_that_comes_twice_counts_once(self, hooks, home):
        for _ in range(2):
            assert hooks.post(f"/v1/hooks/capsule?key={KEY}", json=DELETED).status_code == 202
        assert words(home, "4021").stopped
        assert len(list(Ledger(ledger_database(home.settings)).read(action="contact.stop"))) == 1

    def test_what_it_cannot_read_is_kept_and_stops_nothing(self, hooks, home):
        assert hooks.post(f"/v1/hooks/capsule?key={KEY}", content=b"[" * 5000).status_code == 202
        assert hooks.post(f"/v1/hooks/capsule?key={KEY}", json=DELETED).status_code == 202
        assert words(home, "4021").stopped


class TestLessAnnoyingCrm:
    def test_the_handshake_is_answered_at_the_registered_address_alone(self, hooks):
        greeting = {"X-Hook-Secret": HANDSHAKE}
        assert hooks.post("/v1/hooks/lacrm", headers=greeting).status_code == 401
        answer = hooks.post(f"/v1/hooks/lacrm?key={KEY}", headers=greeting)
        assert (answer.status_code, answer.headers["x-hook-secret"]) == (200, HANDSHAKE)

    def test_events_are_signed_with_its_secret(self, hooks, home):
        hooks.post(f"/v1/hooks/lacrm?key={KEY}", headers={"X-Hook-Secret": HANDSHAKE})
        body = json.dumps({"TriggeringEvent": "Contact.Create", "Contacts": [{"ContactId": "4021"}]}).encode()
        for secret, status in ((HANDSHAKE, 202), ("another", 401)):
            signature = hmac.digest(secret.encode(), body, "sha256").hex()
            reply = hooks.post(f"/v1/hooks/lacrm?key={KEY}", content=body, headers={"X-Hook-Signature": signature})
            assert reply.status_code == status
        assert changes(home) == ["lacrm"]


class TestMessages:
    def test_a_stop_holds_and_a_repeated_message_is_the_same(self, hooks, home):
        body = json.dumps({"patient_id": "4022", "channel": "sms", "text": "STOP"}).encode()
        for _ in range(2):
            assert hooks.post("/v1/hooks/messages", content=body, headers=signed(body)).status_code == 202
        assert words(home, "4022").stopped

    def test_a_start_that_two_take_in_does_not_take_back_the_stop_in_between(self, hooks, home):
        def say(text, identifier):
            body = json.dumps({"patient_id": "4022", "channel": "sms", "text": text}).encode()
            hooks.post("/v1/hooks/messages", content=body, headers=signed(body, identifier=identifier))

        settings = home.settings
        parts = hooks_of(settings, ledger_database(settings), vault_of(settings), clock=lambda: NOON)
        start = Event("messages", "msg-1", b'{"patient_id": "4022", "channel": "sms", "text": "START"}')
        say("START", "msg-1")
        say("STOP", "msg-2")
        assert words(home, "4022").stopped
        parts.handler.handle(start)  # as another process does that read it before
        assert words(home, "4022").stopped

    @pytest.mark.parametrize(
        "poison",
        [
            {"event": "party/deleted", "payload": [{"id": 1, "fields": 5}]},
            {"event": "party/deleted", "payload": [{"id": 1, "fields": [{"definition": [1]}]}]},
            {"event": ["party/deleted"], "payload": [{"id": {}}]},
        ],
        ids=["fields", "definition", "event"],
    )
    def test_no_event_keeps_a_later_stop_from_being_handled(self, hooks, home, poison):
        assert hooks.post(f"/v1/hooks/capsule?key={KEY}", json=poison).status_code == 202
        assert hooks.post(f"/v1/hooks/capsule?key={KEY}", json=DELETED).status_code == 202
        assert words(home, "4021").stopped

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"at": NOON - timedelta(minutes=6)},
            {"at": NOON + timedelta(minutes=6)},
            {"secret": "n" * 40},
            {"identifier": ""},
        ],
        ids=["other body", "too old", "too new", "other secret", "no id"],
    )
    def test_others_are_refused_without_a_reason(self, hooks, headers):
        body = b'{"patient_id": "4022", "channel": "sms", "text": "STOP"}'
        sent = signed(body + (b" " if not headers else b""), **headers)
        reply = hooks.post("/v1/hooks/messages", content=body, headers=sent)
        assert reply.status_code == 401
        assert reply.json()["detail"] == "the event is not accepted"


class TestBounds:
    def test_too_large_and_unknown(self, hooks):
        assert hooks.post(f"/v1/hooks/capsule?key={KEY}", content=b"x" * 300_000).status_code == 413
        assert hooks.post("/v1/hooks/nobody", json={}).status_code == 404

    def test_who_guesses_has_to_wait(self, hooks):
        statuses = [hooks.post("/v1/hooks/capsule?key=guess", json={}).status_code for _ in range(32)]
        assert statuses.count(401) == 30
        assert statuses[-1] == 429
        assert hooks.post(f"/v1/hooks/capsule?key={KEY}", json=DELETED).status_code == 202  # from the same address

    def test_nothing_of_an_event_is_kept_in_the_clear(self, hooks, home):
        hooks.post(f"/v1/hooks/capsule?key={KEY}", json=DELETED)
        stored = b"".join(path.read_bytes() for path in home.settings.home.glob("ledger.db*"))
        assert b"Canary-1947" not in stored


@given(body=st.binary(max_size=200), other=st.binary(max_size=200), secret=st.text(min_size=1, max_size=50))
def test_a_signature_holds_for_its_body_and_no_other(body, other, secret):
    digest = hmac.digest(secret.encode(), body, "sha256")
    for shown in (digest.hex(), base64.b64encode(digest).decode()):
        assert is_signed({"x-hook-signature": shown}, body, [secret])
        assert is_signed({"x-hook-signature": shown}, other, [secret]) == (other == body)


@given(body=st.binary(max_size=200), seconds=st.integers(-2000, 2000))
def test_a_message_is_believed_within_five_minutes(body, seconds):
    headers = signed(body, at=NOON)
    now = datetime.fromtimestamp(NOON.timestamp() + seconds, UTC)
    found = message_id(headers, body, SECRET, now=now, tolerance=300)
    assert found == ("msg-1" if abs(seconds) <= 300 else None)

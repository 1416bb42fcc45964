"""Messages are handed over once, signed, and without anything that a gateway need not know."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tenacity import wait_none

from crm.outreach.channels import Message, Receipt
from crm.outreach.medium import Medium
from crm.outreach.message_log import State
from crm.outreach.sandbox import Sandbox
from crm.outreach.sending import Sender
from crm.outreach.webhook import Gateway, Webhook
from tests.conftest import ROOT
from tests.crm.outreach.gateway import SECRET, running_gateway
from tests.crm.outreach.sent_by_a_process import sender_at
from tests.crm.outreach.test_outreach_rules import errand

MESSAGE = Message("id-1", Medium.SMS, "P-1", "A-1", "Test Clinic: come. Automated message.", "en")


@pytest.fixture
def gateway():
    with running_gateway() as found:
        yield found


@pytest.fixture
def webhook(gateway):
    return Webhook({Medium.SMS: Gateway(gateway.url, lambda: SECRET)}, pauses=wait_none(), timeout=5)


class TestWebhook:
    def test_posts_a_signed_message_with_the_crms_own_ids(self, gateway, webhook):
        assert webhook.deliver(MESSAGE) is Receipt.ACCEPTED
        assert gateway.forged == 0
        assert gateway.taken["id-1"] == {
            "id": "id-1",
            "channel": "sms",
            "patient_id": "P-1",
            "record_id": "A-1",
            "text": MESSAGE.text,
            "language": "en",
        }

    def test_tries_again_under_the_same_key(self, gateway, webhook):
        gateway.answers = [503, 429]
        assert webhook.deliver(MESSAGE) is Receipt.ACCEPTED
        assert gateway.posts == ["id-1"] * 3

    @pytest.mark.parametrize("status", [400, 403, 422])
    def test_takes_a_refusal_as_final(self, gateway, webhook, status):
        gateway.answers = [status]
        assert webhook.deliver(MESSAGE) is Receipt.REFUSED
        assert len(gateway.posts) == 1

    def test_follows_no_redirect(self, gateway, webhook):
        gateway.answers = [307]
        assert webhook.deliver(MESSAGE) is Receipt.REFUSED
        assert gateway.paths == ["/messages"]

    def test_does_not_know_of_a_gateway_that_is_away(self, gateway, webhook):
        gateway.answers = [500] * 3
        assert webhook.deliver(MESSAGE) is Receipt.UNKNOWN
        silent = Webhook({Medium.SMS: Gateway("http://127.0.0.1:9/", lambda: SECRET)}, pauses=wait_none(), timeout=1)
        assert silent.deliver(MESSAGE) is Receipt.UNKNOWN

    def test_by_another_secret_is_found_out(self, gateway):
        forger = Webhook({Medium.SMS: Gateway(gateway.url, lambda: b"another-secret")}, pauses=wait_none())
        assert forger.deliver(MESSAGE) is Receipt.REFUSED
        assert gateway.forged == 1


class TestSandbox:
    def test_keeps_a_message_and_sends_nothing(self, tmp_path):
        box = Sandbox(tmp_path / "outbox")
        assert [box.deliver(MESSAGE) for _ in range(2)] == [Receipt.ACCEPTED] * 2
        (kept,) = (tmp_path / "outbox").iterdir()
        assert json.loads(kept.read_text(encoding="utf-8"))["text"] == MESSAGE.text
        assert kept.stat().st_mode & 0o777 == 0o600
        assert not box.capabilities.contacts


class TestSending:
    def test_writes_down_what_the_gateway_said(self, engine, gateway, desk, new_patient):
        taken, refused = new_patient(Medium.SMS), new_patient(Medium.SMS)
        gateway.answers = [202, 422]
        sender = sender_at(str(engine.url), gateway.url)
        counts = sender.send([errand(taken), errand(refused), errand("silent")], by="rita")
        assert counts == {"sent": 1, "failed": 1, "no-consent": 1}
        lines = [desk.log.find(desk.message_id(errand(patient), "webhook")) for patient in (taken, refused)]
        assert [line.state for line in lines[0]] == [State.APPROVED, State.SENT]
        assert [(line.state, line.why) for line in lines[1]][-1] == (State.FAILED, "refused-by-gateway")

    def test_again_sends_nothing_twice(self, engine, gateway, new_patient):
        asked = [errand(new_patient(Medium.SMS)) for _ in range(3)]
        sender = sender_at(str(engine.url), gateway.url)
        assert sender.send(asked, by="rita") == {"sent": 3}
        assert sender.send(asked, by="rita") == {"sent-before": 3}
        assert len(gateway.posts) == 3

    def test_hands_over_again_what_was_not_confirmed(self, engine, gateway, new_patient):
        asked = [errand(new_patient(Medium.SMS))]
        gateway.answers = [500] * 3
        sender = sender_at(str(engine.url), gateway.url)
        assert sender.send(asked, by="rita") == {"not-confirmed": 1}
        assert sender.send(asked, by="rita") == {"sent": 1}
        assert len(set(gateway.posts)) == 1

    def test_waits_where_the_gateway_of_an_approved_message_is_gone(self, engine, gateway, desk, new_patient, clock):
        asked = [errand(new_patient(Medium.SMS, Medium.EMAIL))]
        gateway.answers = [500] * 3
        sender_at(str(engine.url), gateway.url).send(asked, by="rita")
        moved = Webhook({Medium.EMAIL: Gateway(gateway.url, lambda: SECRET)}, pauses=wait_none())
        counts = Sender(desk, moved, lambda tokens: dict.fromkeys(tokens, "id"), clock).send(asked, by="rita")
        assert counts == {"no-text": 1}

    def test_of_a_sandbox_fills_the_outbox(self, desk, new_patient, tmp_path, clock):
        sender = Sender(desk, Sandbox(tmp_path / "outbox"), lambda tokens: dict.fromkeys(tokens, "id"), clock)
        assert sender.send([errand(new_patient(Medium.EMAIL))], by="rita") == {"sent": 1}
        assert len(list((tmp_path / "outbox").iterdir())) == 1


class TestKilled:
    @pytest.mark.parametrize("after", [1, 3])
    def test_at_any_point_nobody_gets_two(self, engine, gateway, new_patient, after):
        patients = [new_patient(Medium.SMS) for _ in range(5)]
        command = [
            sys.executable,
            "-m",
            "tests.crm.outreach.sent_by_a_process",
            str(engine.url),
            gateway.url,
            *patients,
        ]
        handle, killed = gateway.RequestHandlerClass.do_POST, []
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def kill_in_the_middle(handler) -> None:
            if len(gateway.posts) + 1 == after and not killed:
                killed.append(True)
                process.kill()
            handle(handler)

        gateway.RequestHandlerClass = type("Killing", (gateway.RequestHandlerClass,), {"do_POST": kill_in_the_middle})
        process.wait(timeout=60)
        assert killed
        counts = sender_at(str(engine.url), gateway.url).send([errand(patient) for patient in patients], by="rita")
        assert counts == {"sent": 5 - after + 1} | ({"sent-before": after - 1} if after > 1 else {})
        assert len(gateway.taken) == 5
        assert len(gateway.posts) == 6  # one of them came twice, under one key

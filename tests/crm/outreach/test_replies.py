"""What comes back counts at once: STOP in every form, and words that ask for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crm.outreach.medium import Medium
from crm.outreach.message_log import State
from crm.outreach.replies import Received, ReplyUnfit, receive, word_in
from governance.ledger import Ledger
from tests.crm.outreach.conftest import NOON
from tests.crm.outreach.test_outreach_rules import errand, take


@pytest.fixture
def reply(engine, policy, clock):
    def send(patient: str = "", **said):
        known = {"crm-id": patient}
        return receive(engine, policy, said, by="messages", token_of=known.get, clock=clock)

    return send


@pytest.fixture
def sent(desk, new_patient):
    line = take(desk, errand(new_patient(Medium.SMS, Medium.VOICE))).line
    desk.log.add(replace(line, state=State.SENT))
    return line


class TestStop:
    @pytest.mark.parametrize("text", ["STOP", "stop.", " Stop! ", "STOP please", "pare", "Cancel", "quit\n", "ALTO"])
    def test_ends_the_channel_that_it_came_by(self, reply, sent, book, text):
        assert reply(message_id=sent.message_id, text=text) is Received.STOPPED
        words = book.of(sent.patient)
        assert (words.has_stopped(Medium.SMS), words.has_stopped(Medium.VOICE)) == (True, False)

    @pytest.mark.parametrize("text", ["STOPALL", "stop all", "Unsubscribe", "PARAR TUDO"])
    def test_of_all_ends_every_channel(self, reply, sent, book, text):
        assert reply(message_id=sent.message_id, text=text) is Received.STOPPED
        assert all(book.of(sent.patient).has_stopped(medium) for medium in Medium)

    def test_comes_without_a_message_of_ours(self, reply, book, new_patient):
        patient = new_patient(Medium.SMS)
        assert reply(patient, patient_id="crm-id", channel="sms", text="STOP") is Received.STOPPED
        assert book.of(patient).has_stopped(Medium.SMS)

    def test_without_a_channel_ends_all(self, reply, book, new_patient):
        patient = new_patient(Medium.SMS)
        assert reply(patient, patient_id="crm-id", text="STOP") is Received.STOPPED
        assert book.of(patient).has_stopped(Medium.EMAIL)

    def test_said_twice_is_one_line(self, reply, sent, engine):
        for _ in range(3):
            reply(message_id=sent.message_id, text="STOP")
        assert len(list(Ledger(engine).sealed("contact.stop", subject=sent.patient))) == 1

    @pytest.mark.parametrize("text", ["I will stop by", "the end of the road", "ok", "", "startled"])
    def test_is_not_heard_in_other_words(self, policy, text):
        assert word_in(text, policy.stop) is None

    def test_is_taken_back_by_start(self, reply, sent, book):
        reply(message_id=sent.message_id, text="STOP")
        assert reply(message_id=sent.message_id, text="Start") is Received.RESUMED
        assert not book.of(sent.patient).has_stopped(Medium.SMS)


class TestOtherReplies:
    def test_say_how_a_message_fared(self, reply, sent, desk):
        assert reply(message_id=sent.message_id, state="delivered") is Received.DELIVERED
        assert [line.state for line in desk.log.find(sent.message_id)][-1] is State.DELIVERED

    def test_of_distress_ask_for_a_person(self, reply, sent, desk):
        assert reply(message_id=sent.message_id, text="I want to die") is Received.NEEDS_PERSON
        assert desk.log.find(sent.message_id)[-1].why == "needs-a-person"

    def test_are_answers(self, reply, sent, desk):
        assert reply(message_id=sent.message_id, text="Thank you, I will come") is Received.ANSWERED
        line = desk.log.find(sent.message_id)[-1]
        assert (line.state, line.why, line.by, line.at) == (State.ANSWERED, None, "messages", NOON)

    def test_of_strangers_change_nothing(self, reply):
        assert reply(message_id="unknown", text="STOP") is Received.UNKNOWN
        assert reply(patient_id="stranger", text="STOP") is Received.UNKNOWN
        assert reply(message_id="unknown", state="delivered") is Received.UNKNOWN

    @pytest.mark.parametrize(
        "said",
        [
            {},
            {"text": "STOP"},
            {"message_id": "m"},
            {"message_id": "m", "text": "a", "state": "failed"},
            {"message_id": "m", "state": "read"},
            {"message_id": 7, "text": "a"},
            {"message_id": "m", "text": "x" * 10_001},
            {"message_id": "m", "text": "a", "phone": "555"},
        ],
    )
    def test_that_cannot_be_read_are_refused_without_their_words(self, reply, said):
        with pytest.raises(ReplyUnfit) as refusal:
            reply(**said)
        assert "555" not in str(refusal.value)

"""A message goes out when every rule lets it: no, STOP and death count at once, caps whoever sends."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.outreach.desk import Desk, Errand, Taken
from crm.outreach.hold_out import Arm
from crm.outreach.medium import Medium
from crm.outreach.message_log import State
from crm.outreach.patient_words import Preferences, UnknownZone
from crm.outreach.policy import load_outreach_policy
from crm.outreach.rules import RULES, WEEK, Refusal
from governance.consents import Consents
from governance.database import open_database
from governance.ledger import Ledger
from governance.seals import with_key
from tests.crm.outreach.conftest import KEY, NOON, Hand, agree, desk_at

EVERY = frozenset(Medium)
WAY = "webhook"


def errand(patient: str, record: str = "record", **other) -> Errand:
    asked = Errand(
        worklist="no-show/2026-05-11",
        model="no-show",
        prediction_id="prediction",
        patient=patient,
        record=record,
        arm=Arm.CONTACT,
        template="appointment-help",
        about="2026-05-11",
    )
    return replace(asked, **other)


def take(desk: Desk, asked: Errand) -> Taken | Refusal | None:
    return desk.take(asked, WAY, EVERY, by="rita")


class TestConsent:
    def test_is_asked_for_the_channel_and_for_contact(self, engine, desk, new_patient):
        silent, half, full = new_patient(), new_patient(), new_patient(Medium.VOICE)
        Consents(engine).revoke(half, "contact", by="ada")
        assert take(desk, errand("nobody")) is Refusal.NO_CONSENT
        assert take(desk, errand(silent)) is Refusal.NO_CONSENT
        assert take(desk, errand(half)) is Refusal.NO_CONSENT
        assert take(desk, errand(full)).line.channel is Medium.VOICE

    def test_is_named_by_its_line_in_the_log(self, engine, desk, new_patient):
        patient = new_patient(Medium.SMS)
        line = take(desk, errand(patient)).line
        granted = list(Ledger(engine).sealed("consent.grant", subject=patient))
        assert line.consent_line == granted[-1].seq
        assert line.by == "rita"
        assert line.text_digest.startswith("sha256:")

    def test_of_one_channel_is_none_of_another(self, desk, new_patient):
        patient = new_patient(Medium.EMAIL)
        assert desk.take(errand(patient), WAY, frozenset({Medium.SMS}), by="rita") is Refusal.NO_CONSENT


class TestStop:
    def test_of_a_channel_leaves_the_others(self, desk, book, new_patient):
        patient = new_patient(Medium.SMS, Medium.VOICE)
        book.stop(patient, Medium.SMS, by="ada", how="staff")
        assert take(desk, errand(patient)).line.channel is Medium.VOICE

    def test_of_all_holds_for_all_until_it_is_taken_back(self, desk, book, new_patient):
        patient = new_patient(*Medium)
        book.stop(patient, None, by="ada", how="staff")
        assert take(desk, errand(patient)) is Refusal.STOPPED
        book.resume(patient, Medium.CHAT, by="ada", how="staff")
        assert take(desk, errand(patient)).line.channel is Medium.CHAT

    def test_is_not_taken_back_by_consent(self, engine, desk, book, new_patient):
        patient = new_patient(Medium.SMS)
        book.stop(patient, None, by="ada", how="staff")
        agree(engine, patient, Medium.SMS)
        assert take(desk, errand(patient)) is Refusal.STOPPED

    def test_ends_what_was_approved_and_has_not_gone_out(self, desk, book, new_patient):
        patient = new_patient(Medium.SMS)
        taken = take(desk, errand(patient))
        book.stop(patient, Medium.SMS, by="gateway", how="reply")
        assert take(desk, errand(patient)) is Refusal.STOPPED
        assert [line.state for line in desk.log.find(taken.line.message_id)] == [State.APPROVED, State.STOPPED]
        assert take(desk, errand(patient)) is None

    def test_cannot_be_taken_back_by_a_line_of_another_key(self, engine, desk, book, new_patient):
        patient = new_patient(Medium.SMS)
        book.stop(patient, None, by="ada", how="staff")
        Ledger(with_key(engine, b"a" * 32)).append("eve", "contact.resume", patient, channel="any", how="staff")
        assert take(desk, errand(patient)) is Refusal.STOPPED


class TestRulesInTheirOrder:
    def test_the_first_no_is_the_reason(self, desk, book, new_patient, clock):
        patient = new_patient(Medium.SMS)
        clock.now = NOON.replace(hour=23)
        assert take(desk, errand(patient)) is Refusal.QUIET
        assert take(desk, errand(patient, arm=Arm.HELD_OUT)) is Refusal.HELD_OUT
        book.stop(patient, None, by="ada", how="staff")
        assert take(desk, errand(patient)) is Refusal.STOPPED
        book.died(patient, by="ada")
        assert take(desk, errand(patient)) is Refusal.DECEASED

    def test_each_refusal_is_in_the_log_once(self, desk, new_patient):
        asked = errand(new_patient())
        for _ in range(3):
            take(desk, asked)
        states = [(line.state, line.why) for line in desk.log.find(desk.message_id(asked, WAY))]
        assert states == [(State.PROPOSED, "no-consent")]

    def test_of_each_kind_says_why_in_words(self):
        assert all(refusal.reason for refusal in Refusal)
        assert len(RULES) == len(set(Refusal)) + 1  # consent is asked twice: for a no, and for a yes

    def test_a_record_is_the_subject_of_one_message(self, desk, new_patient, clock):
        patient = new_patient(Medium.SMS)
        take(desk, errand(patient))
        clock.on(days=2)
        assert take(desk, errand(patient, about="2026-05-13")) is Refusal.CONTACTED

    def test_what_staff_adds_is_scanned(self, desk, new_patient):
        patient = new_patient(Medium.SMS)
        assert take(desk, errand(patient, free_text="Your test result is here")) is Refusal.SENSITIVE
        assert isinstance(take(desk, errand(patient, free_text="Bring your card")), Taken)

    def test_a_text_too_long_for_an_sms_goes_another_way(self, desk, new_patient):
        patient = new_patient(Medium.SMS, Medium.EMAIL)
        found = take(desk, errand(patient, free_text="Please bring your card. " * 5))
        assert found.line.channel is Medium.EMAIL

    def test_preferences_choose_channel_language_and_zone(self, desk, book, new_patient, clock):
        patient = new_patient(*Medium)
        book.prefer(patient, Preferences("Asia/Tokyo", "pt", (Medium.CHAT,)), by="ada")
        assert take(desk, errand(patient)) is Refusal.QUIET  # 21:00 in Tokyo
        clock.on(hours=12)
        found = take(desk, errand(patient))
        assert (found.line.channel, found.line.language) == (Medium.CHAT, "pt")

    def test_a_zone_that_is_none_is_refused(self, book):
        with pytest.raises(UnknownZone):
            book.prefer("patient", Preferences(zone="../etc/passwd"), by="ada")


class TestEmergencies:
    def test_pass_silence_caps_hold_out_and_the_night(self, desk, new_patient, clock):
        patient = new_patient(Medium.SMS)
        take(desk, errand(patient))
        clock.now = NOON.replace(hour=23)
        urgent = {"template": "site-closed", "emergency": True, "arm": Arm.HELD_OUT}
        assert isinstance(take(desk, errand(patient, **urgent)), Taken)
        assert isinstance(take(desk, errand("silent", **urgent)), Taken)

    def test_never_pass_a_no_a_stop_or_a_death(self, engine, desk, book, new_patient):
        said_no, stopped, dead = new_patient(*Medium), new_patient(*Medium), new_patient(*Medium)
        Consents(engine).revoke(said_no, "contact", by="ada")
        book.stop(stopped, None, by="ada", how="staff")
        book.died(dead, by="ada")
        asked = [errand(patient, template="site-closed", emergency=True) for patient in (said_no, stopped, dead)]
        assert [take(desk, one) for one in asked] == [Refusal.NO_CONSENT, Refusal.STOPPED, Refusal.DECEASED]


class TestCaps:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 20 * 24 * 4),
                st.sampled_from(["no-show", "readmission-risk"]),
                st.sampled_from(["r1", "r2", "r3", "r4", "r5", "r6"]),
                st.sampled_from(list(Medium)),
            ),
            max_size=25,
        ),
        st.sampled_from(["UTC", "Pacific/Kiritimati", "America/Sao_Paulo"]),
    )
    def test_hold_in_whatever_order_models_days_and_channels_come(self, engine, policy, book, new_patient, tries, zone):
        clock, patient = Hand(), new_patient(*Medium)
        desk = desk_at(engine, policy, clock)
        book.prefer(patient, Preferences(zone=zone), by="ada")
        out = []
        for quarter, model, record, medium in sorted(tries, key=lambda item: item[0]):
            clock.now = NOON + timedelta(minutes=15 * quarter)
            asked = errand(patient, record, model=model, about=clock.now.date().isoformat())
            if isinstance(found := desk.take(asked, WAY, frozenset({medium}), by="rita"), Taken):
                out.append(found.line)
        assert len({line.at for line in out}) == len({line.message_id for line in out})
        out = sorted({line.at for line in out})
        assert all(later - earlier >= timedelta(days=1) for earlier, later in pairwise(out))
        assert all(sum(at - WEEK < other <= at for other in out) <= policy.caps.a_week.value for at in out)

    def test_are_given_back_by_what_a_gateway_refused(self, desk, new_patient):
        patient = new_patient(Medium.SMS)
        first = take(desk, errand(patient)).line
        assert take(desk, errand(patient, "another")) is Refusal.CAP_DAY
        desk.log.add(replace(first, state=State.FAILED))
        assert isinstance(take(desk, errand(patient, "another")), Taken)

    def test_of_the_sandbox_are_its_own(self, desk, new_patient):
        patient = new_patient(Medium.SMS)
        assert isinstance(desk.take(errand(patient), "sandbox", EVERY, by="rita"), Taken)
        assert isinstance(take(desk, errand(patient)), Taken)

    def test_hold_between_processes(self, engine, new_patient):
        patients = [new_patient(*Medium) for _ in range(6)]
        url = str(engine.url)
        spawned = multiprocessing.get_context("spawn")
        with spawned.Pool(2) as pool:
            parts = pool.starmap(_take_all, [(url, patients, "no-show"), (url, patients[::-1], "readmission-risk")])
        assert sum(parts) == len(patients)


def _take_all(url: str, patients: list[str], model: str) -> int:
    clock = Hand(datetime(2026, 5, 11, 12, tzinfo=UTC))
    desk = desk_at(with_key(open_database(url), KEY), load_outreach_policy(), clock)
    return sum(isinstance(take(desk, errand(patient, f"{model} record", model=model)), Taken) for patient in patients)

"""`caregate outreach`, as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.settings import load_settings
from crm.outreach.medium import Medium
from crm.outreach.patient_words import PatientBook
from governance.consents import Consents
from governance.database import ledger_database
from governance.people import People
from governance.vault import namespace
from registry.sessions import open_session, sign_out
from tests.registry.toys import make_home
from tests.serving.clinic import SYSTEM, appointments, publish_snapshot, vault_of


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings, _ = make_home(tmp_path_factory.mktemp("outreach") / "home")
    publish_snapshot(settings, appointments(60))
    said = '[outreach]\nprovider = "Test Clinic"\nreach = "call 555 0100"\nzone = "UTC"\n'
    (settings.home / "caregate.toml").write_text(said, encoding="utf-8")
    return settings.home


@pytest.fixture
def rita(home: Path) -> Path:
    return enter(home, "rita")


def enter(home: Path, name: str) -> Path:
    settings = load_settings(home=home)
    sign_out(settings)
    person = People(ledger_database(settings)).find(name)
    assert person is not None
    open_session(settings, person)
    return home


def outreach(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["outreach", *arguments, "--home", str(home)], env={"COLUMNS": "120"})


def words_of(home: Path, patient: str):
    settings = load_settings(home=home)
    token = vault_of(settings).known(namespace(SYSTEM, "patient_id"), [patient])[patient]
    return token, PatientBook(ledger_database(settings)).of(token)


class TestListAndSend:
    def test_without_a_champion_the_usual_care_goes_on(self, rita):
        listed = outreach(rita, "list", "no-show", "--json")
        assert listed.exit_code == 0, listed.output
        assert json.loads(listed.stdout)["why"].startswith("no champion")
        sent = outreach(rita, "send", "no-show", "--channel", "sandbox", "--confirm")
        assert (sent.exit_code, "the usual care goes on" in sent.stderr) == (1, True)

    def test_sending_has_to_be_confirmed(self, rita):
        result = outreach(rita, "send", "no-show", "--channel", "sandbox")
        assert (result.exit_code, "--confirm" in result.stderr) == (2, True)

    def test_sending_needs_a_gateway(self, rita):
        result = outreach(rita, "send", "no-show", "--confirm")
        assert (result.exit_code, "no gateway is set" in result.stderr) == (2, True)

    @pytest.mark.parametrize(("name", "model"), [("otto", "no-show"), ("rita", "readmission-risk")])
    def test_is_for_those_whom_the_policy_names(self, home, name, model):
        enter(home, name)
        assert outreach(home, "list", model).exit_code == 1
        assert outreach(home, "send", model, "--channel", "sandbox", "--confirm").exit_code == 1


class TestWordsOfPatients:
    def test_are_recorded_by_the_crms_own_id(self, rita):
        assert outreach(rita, "stop", "P1", "--way", "sms").exit_code == 0
        assert words_of(rita, "P1")[1].stopped == {"sms"}
        assert outreach(rita, "resume", "P1").exit_code == 0
        assert outreach(rita, "prefer", "P1", "--zone", "Asia/Tokyo", "--channels", "voice,sms").exit_code == 0
        assert outreach(rita, "deceased", "P1").exit_code == 0
        words = words_of(rita, "P1")[1]
        assert (words.stopped, words.deceased, words.preferences.zone) == (frozenset(), True, "Asia/Tokyo")
        assert words.preferences.media == (Medium.VOICE, Medium.SMS)
        assert outreach(rita, "deceased", "P1", "--mistaken").exit_code == 0
        assert not words_of(rita, "P1")[1].deceased

    def test_that_are_none_are_refused(self, rita):
        assert outreach(rita, "prefer", "P1", "--zone", "Mars/Olympus").exit_code == 2
        assert outreach(rita, "stop", "P1", "--way", "pigeon").exit_code == 2

    def test_are_not_an_auditors_to_record(self, home):
        enter(home, "otto")
        assert outreach(home, "stop", "P2").exit_code == 1


class TestEmergencies:
    def test_are_a_clinical_reviewers(self, rita):
        asked = ("emergency", "P3", "--template", "site-closed", "--reason", "the site burns down")
        assert outreach(rita, *asked, "--channel", "sandbox").exit_code == 1
        enter(rita, "clara")
        sent = outreach(rita, *asked, "--channel", "sandbox", "--json")
        assert json.loads(sent.stdout) == {"state": "sent"}
        (kept,) = (rita / "outbox").iterdir()
        assert json.loads(kept.read_text(encoding="utf-8"))["patient_id"] == "P3"

    def test_do_not_pass_a_no(self, home):
        enter(home, "clara")
        token, _ = words_of(home, "P4")
        Consents(ledger_database(load_settings(home=home))).revoke(token, "contact", by="ada")
        asked = ("emergency", "P4", "--template", "site-closed", "--reason", "the site burns down")
        found = outreach(home, *asked, "--channel", "sandbox", "--way", "sms", "--json")
        assert json.loads(found.stdout) == {"state": "no-consent"}


class TestReport:
    def test_says_what_cannot_be_told_yet(self, home):
        enter(home, "otto")
        result = outreach(home, "report", "no-show")
        assert (result.exit_code, "cannot tell yet" in result.stdout) == (0, True)
        assert outreach(home, "report", "another").exit_code == 2

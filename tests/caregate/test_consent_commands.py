"""`caregate consent`, as people call it: recorded by the CRM's own ids, shown in plain words, counted at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.settings import Settings, load_settings
from governance.consents import ConsentBook
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import People
from registry.sessions import open_session, sign_out
from tests.registry.toys import make_home
from tests.serving.clinic import SYSTEM, appointments, publish_snapshot, vault_of

PATIENT, STRANGER = "P1", "P-nobody-knows"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made, _ = make_home(tmp_path_factory.mktemp("consents") / "home")
    publish_snapshot(made, appointments(60))
    return made


@pytest.fixture
def home(settings: Settings) -> Path:
    enter(settings.home, "ada")
    return settings.home


def enter(home: Path, name: str) -> None:
    settings = load_settings(home=home)
    person = People(ledger_database(settings)).find(name)
    assert person is not None
    open_session(settings, person)


def consent(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["consent", *map(str, arguments), "--home", str(home)], env={"COLUMNS": "160"})


def word(settings: Settings, patient: str, purpose: str, system: str = SYSTEM) -> bool | None:
    token = vault_of(settings).known(f"{system}/patient", [patient])[patient]
    book = ConsentBook(ledger_database(settings))
    book.refresh()
    said = book.word(token, purpose)
    book.close()
    return said


class TestAWord:
    def test_is_recorded_of_the_very_patient_that_the_snapshot_holds(self, settings: Settings, home: Path) -> None:
        assert consent(home, "grant", PATIENT, "--purpose", "score", "--how", "paper").exit_code == 0
        assert word(settings, PATIENT, "score") is True
        assert consent(home, "revoke", PATIENT, "--purpose", "score").exit_code == 0
        assert word(settings, PATIENT, "score") is False

    @pytest.mark.parametrize(("act", "said"), [("grant", True), ("revoke", False)])
    def test_counts_for_a_patient_whom_the_home_does_not_know_yet(
        self, settings: Settings, home: Path, act: str, said: bool
    ) -> None:
        assert consent(home, act, STRANGER + act, "--purpose", "train", "--source", "capsule").exit_code == 0
        assert word(settings, STRANGER + act, "train", "capsule") is said

    def test_names_the_patient_nowhere(self, settings: Settings, home: Path) -> None:
        result = consent(home, "grant", STRANGER, "--purpose", "share", "--json")
        lines = [str(act) for act in Ledger(ledger_database(settings)).read()]
        assert STRANGER not in result.output
        assert not any(STRANGER in line for line in lines)

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("grant", PATIENT, "--purpose", "sell"), "choose one of train, score"),
            (("grant", PATIENT, "--purpose", "train", "--notice", "1999"), "choose one of 2026-11"),
            (("grant", PATIENT, "--purpose", "train", "--how", "telepathy"), "choose one of in-person"),
            (("revoke", PATIENT, "--purpose", "train", "--source", "clinik"), "no system of this name"),
            (("revoke", " ", "--purpose", "train"), "1 to 200 printable characters"),
        ],
        ids=["purpose", "notice", "way", "system", "id"],
    )
    def test_that_cannot_be_meant_is_refused_and_nothing_written(
        self, settings: Settings, home: Path, arguments: tuple[str, ...], says: str
    ) -> None:
        before = Ledger(ledger_database(settings)).head()
        result = consent(home, *arguments)
        assert result.exit_code == 2
        assert says in result.stderr
        assert Ledger(ledger_database(settings)).head() == before

    def test_is_recorded_by_nobody_but_those_who_may(self, home: Path) -> None:
        enter(home, "rita")
        assert consent(home, "revoke", PATIENT, "--purpose", "train").exit_code == 1
        sign_out(load_settings(home=home))
        assert consent(home, "revoke", PATIENT, "--purpose", "train").exit_code == 1


class TestShowing:
    def test_tells_every_word_and_how_each_purpose_stands(self, home: Path) -> None:
        for act in ("grant", "revoke"):
            consent(home, act, "P2", "--purpose", "contact:sms", "--how", "sms")
        shown = json.loads(consent(home, "show", "P2", "--json").stdout)
        assert [word["granted"] for word in shown["words"]] == [True, False]
        assert (shown["standing"]["contact:sms"], shown["standing"]["train"]) == (False, None)
        text = consent(home, "show", "P2").stdout
        assert "yes to contact:sms (sms, shown notice 2026-11), recorded by ada" in text
        assert "nothing: that is no consent" in text

    def test_leaves_a_line_and_of_a_stranger_nothing(self, settings: Settings, home: Path) -> None:
        ledger = Ledger(ledger_database(settings))
        before = ledger.last("consent.show")
        assert "never said anything" in consent(home, "show", "P-stranger").stdout
        assert ledger.last("consent.show") == before
        consent(home, "show", PATIENT, "--purpose", "score")
        assert ledger.last("consent.show") > before

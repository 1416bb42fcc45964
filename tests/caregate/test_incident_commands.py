"""`caregate incident`, `live` and `history`, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.commands import incidents as commands
from caregate.secret_store import read_secrets
from caregate.settings import Settings, load_settings
from governance.database import ledger_database
from governance.harm_reports import Happened, HarmReport, HarmReports
from governance.ledger import Ledger
from governance.people import People
from governance.recorded import RecordedPredictions
from governance.vault import Vault
from registry.sessions import open_session, sign_out
from tests.registry.played import Played
from tests.registry.toys import make_home

WHY = "looked at with the site's staff"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which no-show version 1 was promoted and stopped."""
    made, _ = make_home(tmp_path_factory.mktemp("incidents") / "home")
    life = Played(made)
    life.approve(1)
    life.wait(1)
    life.promote(1)
    life.wait(1)
    return made


@pytest.fixture
def home(settings: Settings) -> Path:
    sign_out(settings)
    return settings.home


def enter(home: Path, name: str) -> None:
    settings = load_settings(home=home)
    person = People(ledger_database(settings)).find(name)
    assert person is not None
    open_session(settings, person)


def caregate(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--home", str(home)], env={"COLUMNS": "100"})


def answer(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def opened(home: Path) -> str:
    enter(home, "otto")
    made = answer(
        caregate(home, "incident", "open", "harm-reported", "no-show/1", "--title", "a visit was missed", "--json")
    )
    return str(made["id"])


class TestWhatClientsWrote:
    def test_is_shown_to_those_who_handle_incidents_on_a_terminal_only(
        self, home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = ledger_database(settings)
        vault = Vault(engine, read_secrets(settings.secrets_file).vault_key_bytes)
        reports = HarmReports(engine, vault, RecordedPredictions(engine, settings.journal_dir))
        incident, _ = reports.take(HarmReport(Happened.OTHER, note="she was not called"), client="clinic")
        enter(home, "ada")
        assert caregate(home, "incident", "show", incident.id, "--reports").exit_code == 2
        monkeypatch.setattr(commands, "reads_a_person", lambda: True)
        assert "she was not called" in caregate(home, "incident", "show", incident.id, "--reports").stdout
        assert [line.actor for line in Ledger(engine).read(action="incident.read-reports")] == ["ada"]
        enter(home, "otto")
        assert caregate(home, "incident", "show", incident.id, "--reports").exit_code == 1


class TestIncidents:
    def test_are_opened_listed_shown_and_closed(self, home: Path) -> None:
        incident = opened(home)
        enter(home, "ada")
        for state in ("investigating", "contained"):
            assert caregate(home, "incident", "advance", incident, state, "--reason", WHY).exit_code == 0
        enter(home, "rita")
        closed = answer(caregate(home, "incident", "advance", incident, "closed", "--reason", WHY, "--json"))
        assert closed["state"] == "closed"
        listed = json.loads(caregate(home, "incident", "list", "--state", "closed", "--json").stdout)
        assert incident in [item["id"] for item in listed]
        shown = caregate(home, "incident", "show", incident).stdout
        assert "a visit was missed" in shown
        assert WHY in shown

    def test_are_opened_by_who_is_signed_in_alone(self, home: Path) -> None:
        refused = caregate(home, "incident", "open", "drift", "no-show", "--title", "hours changed")
        assert refused.exit_code == 1
        assert "caregate sign-in" in refused.stderr

    def test_are_moved_on_by_who_handles_them_alone(self, home: Path) -> None:
        incident = opened(home)
        refused = caregate(home, "incident", "advance", incident, "investigating", "--reason", WHY)
        assert refused.exit_code == 1
        assert "otto is signed in as auditor" in refused.stderr
        assert caregate(home, "incident", "note", incident, "seen at the front desk").exit_code == 0

    @pytest.mark.parametrize(
        "arguments",
        [
            ("open", "bogus", "no-show", "--title", "hours changed at a site"),
            ("open", "drift", "no-show", "--title", "short"),
            ("list", "--state", "bogus"),
            ("show", "inc-1999-0001"),
            ("advance", "inc-1999-0001", "closed", "--reason", WHY),
            ("advance", "inc-1999-0001", "bogus", "--reason", WHY),
        ],
        ids=" ".join,
    )
    def test_wrong_input_is_one_line_and_exit_code_two(self, home: Path, arguments: tuple[str, ...]) -> None:
        enter(home, "ada")
        result = caregate(home, "incident", *arguments)
        assert result.exit_code == 2, result.output
        assert result.stderr.count("caregate: ") == 1


class TestSuspending:
    def test_names_its_incident_whose_patients_are_listed_to_the_signed_in(self, home: Path) -> None:
        made = answer(caregate(home, "suspend", "no-show", "--reason", "scores drift at one site", "--json"))
        incident = str(made["incident"])
        assert caregate(home, "incident", "show", incident, "--patients").exit_code == 1
        enter(home, "otto")
        shown = answer(caregate(home, "incident", "show", incident, "--patients", "--json"))
        assert shown["affected"] == {"before": [], "after": [], "unchanged": True}


class TestLive:
    def test_answers_in_a_sentence_and_tables_of_a_hundred_columns(self, home: Path) -> None:
        now = caregate(home, "live", "no-show")
        assert now.exit_code == 0
        assert "no-show version 1 was" in now.stdout
        assert "rita" in now.stdout
        assert max(map(len, now.stdout.splitlines()[1:])) <= 100

    def test_answers_as_json(self, home: Path) -> None:
        found = answer(caregate(home, "live", "no-show", "--json"))
        assert (found["version"], found["promoted_by"], found["author"]) == (1, "promoter", "ada")
        assert found["copy_verifies"] is True

    def test_of_a_model_never_in_use_says_so(self, home: Path) -> None:
        result = caregate(home, "live", "readmission-risk")
        assert "nothing of readmission-risk was in use" in result.stdout

    @pytest.mark.parametrize("at", ["2026-05-04T12:00:00", "2999-01-01", "2001-01-01", "yesterday"])
    def test_of_a_moment_that_is_none_is_exit_code_two(self, home: Path, at: str) -> None:
        result = caregate(home, "live", "no-show", "--at", at)
        assert result.exit_code == 2
        assert result.stderr.count("caregate: ") == 1

    def test_of_an_unknown_model_is_exit_code_two(self, home: Path) -> None:
        assert caregate(home, "live", "bogus").exit_code == 2
        assert caregate(home, "history", "bogus").exit_code == 2


class TestHistory:
    def test_tells_what_happened(self, home: Path) -> None:
        told = caregate(home, "history", "no-show").stdout
        assert "put version 1 in use" in told
        events = json.loads(caregate(home, "history", "no-show", "--json").stdout)
        assert [event["what"] for event in events][:2] == [
            "registered version 1, author ada",
            "approved version 1 as reviewer",
        ]

"""`caregate quarantine`: what each command shows, to whom, and what it leaves in the ledger."""

from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.clock import system_clock
from caregate.commands import quarantine
from caregate.home import make_home
from caregate.secret_store import new_secrets, read_secrets, write_secrets
from caregate.settings import Settings, load_settings
from crm.deidentify import deidentify
from crm.snapshot import Snapshot, publish
from crm.sources.noshow_kaggle_rules import COLUMNS
from flows.reading import read_source, take_source
from governance.database import ledger_database
from governance.ledger import Act, Ledger
from governance.people import People
from governance.quarantine import Quarantine
from governance.vault import Vault
from registry.authorship import system_user
from registry.sessions import open_session, sign_out

WHY = "seen and settled by the ward"
SECRET = "4711471147114711"
BASE = {
    **{"PatientId": "1", "AppointmentID": "1", "Gender": "F", "ScheduledDay": "2016-04-29T18:38:08Z"},
    **{"AppointmentDay": "2016-05-03T00:00:00Z", "Age": "62", "Neighbourhood": "CENTRO", "Scholarship": "0"},
    **{"Hipertension": "0", "Diabetes": "0", "Alcoholism": "0", "Handcap": "0", "SMS_received": "0", "No-show": "No"},
}
HOSTILE = "CENTRO\x9b31m\u202e"
ROWS = [
    {},
    {"AppointmentID": "2", "PatientId": SECRET, "Age": "115", "Neighbourhood": HOSTILE},
    {"AppointmentID": "3", "PatientId": SECRET, "Age": "-1"},
    {"AppointmentID": "4", "PatientId": "5", "Age": "117"},
]


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as it was made; making one takes seconds, so each test works on a copy."""
    folder = tmp_path_factory.mktemp("quarantine") / "home"
    make_home(load_settings(home=folder))
    return folder


@pytest.fixture
def home(new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    shutil.copytree(new_home, tmp_path / "home")
    monkeypatch.setenv("CAREGATE_HOME", str(tmp_path / "home"))
    settings = load_settings()
    sign_in_as(settings, "engineer")
    yield settings
    ledger_database(settings).dispose()


def sign_in_as(settings: Settings, name: str) -> None:
    person = People(ledger_database(settings)).find(name)
    assert person is not None
    open_session(settings, person)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "appointments.csv"
    with path.open("w", newline="", encoding="utf-8") as written:
        writer = csv.DictWriter(written, COLUMNS)
        writer.writeheader()
        writer.writerows(BASE | row for row in ROWS)
    return path


@pytest.fixture
def snapshot(home: Settings, file: Path) -> Snapshot:
    return ingested(home, file)


def ingested(settings: Settings, file: Path) -> Snapshot:
    """Do what the flow does, without Prefect."""
    vault = Vault(ledger_database(settings), read_secrets(settings.secrets_file).vault_key_bytes)
    raw = take_source("noshow-kaggle", str(file), {})
    return publish(settings.snapshots_dir, deidentify(raw, vault, owner="owner"), clock=system_clock)


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "reads_a_person", lambda: True)


def caregate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["quarantine", *(str(item) for item in arguments)])


def acts(settings: Settings) -> list[Act]:
    return [act for act in Ledger(ledger_database(settings)).read() if act.action.startswith("quarantine.")]


def digest(snapshot: Snapshot) -> str:
    return snapshot.manifest.digest.removeprefix("sha256:")[:12]


class TestList:
    def test_says_which_rows_since_when_and_how_they_stand(self, snapshot: Snapshot) -> None:
        caregate("release", digest(snapshot), 4, "--reason", WHY)
        caregate("discard", digest(snapshot), 3, "--reason", WHY)
        listed = json.loads(caregate("list", "--json").stdout)
        assert [(row["row_number"], row["rule"], row["state"], row["releasable"]) for row in listed] == [
            (2, "implausible-age", "held", True),
            (3, "negative-age", "discarded", False),
            (4, "implausible-age", "released", True),
        ]
        assert {row["snapshot"] for row in listed} == {snapshot.manifest.digest}
        assert all(row["since"].startswith("20") for row in listed)

    def test_as_text_it_counts_by_rule(self, snapshot: Snapshot) -> None:
        lines = caregate("list").stdout.splitlines()
        assert lines[0] == f"{digest(snapshot)} noshow-kaggle"
        assert lines[1].startswith("  appointments, implausible-age: 2 held, since 20")
        assert lines[1].endswith("; row 2, 4")
        assert "not releasable" in lines[2]

    def test_one_rule_or_one_snapshot_can_be_asked_for(self, snapshot: Snapshot) -> None:
        only = json.loads(caregate("list", "--rule", "negative-age", "--snapshot", digest(snapshot), "--json").stdout)
        assert [row["row_number"] for row in only] == [3]
        assert caregate("list", "--snapshot", "0" * 8).exit_code == 2

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_a_rule_that_there_is_not_is_wrong_use_and_those_that_hold_rows_are_named(
        self, snapshot: Snapshot, options: list[str]
    ) -> None:
        result = caregate("list", "--rule", "negative-aeg", *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "no rule is named 'negative-aeg'; rows are held back by: implausible-age, negative-age" in result.stderr

    def test_a_rule_that_holds_nothing_back_is_no_fault(self, snapshot: Snapshot) -> None:
        for rule in ("missing-value", "outcome-before-encounter"):
            result = caregate("list", "--rule", rule)
            assert (result.exit_code, result.stdout) == (0, f"no row is held back by {rule}\n")

    def test_where_nothing_is_held_back_it_says_so(self, home: Settings) -> None:
        assert caregate("list").stdout == "no row is held back\n"

    def test_shows_no_value(self, snapshot: Snapshot) -> None:
        for arguments in (["list"], ["list", "--json"]):
            result = caregate(*arguments)
            assert SECRET not in result.output
            assert "115" not in result.stdout.replace(snapshot.manifest.digest, "")


@pytest.mark.usefixtures("on_a_terminal")
class TestShow:
    def test_opens_one_row_and_the_ledger_knew_before(self, home: Settings, snapshot: Snapshot) -> None:
        result = caregate("show", digest(snapshot), 2)
        assert result.exit_code == 0
        assert SECRET in result.stdout
        (act,) = acts(home)
        assert (act.action, act.actor, act.digest) == ("quarantine.show", "engineer", snapshot.manifest.digest)
        assert SECRET not in act.detail + act.subject

    def test_what_does_not_open_leaves_the_line_all_the_same(self, home: Settings, snapshot: Snapshot) -> None:
        kept = read_secrets(home.secrets_file)
        home.secrets_file.unlink()
        write_secrets(home.secrets_file, replace(kept, vault_key=new_secrets().vault_key))
        result = caregate("show", digest(snapshot), 2)
        assert result.exit_code != 0
        assert [act.action for act in acts(home)] == ["quarantine.show"]

    @pytest.mark.parametrize("user", ["reviewer", "clinician", "auditor"])
    def test_is_refused_to_all_others_and_that_leaves_a_line(
        self, home: Settings, snapshot: Snapshot, user: str
    ) -> None:
        sign_in_as(home, user)
        result = caregate("show", digest(snapshot), 2)
        assert result.exit_code == 1
        assert SECRET not in result.output
        assert [(act.action, act.actor) for act in acts(home)] == [("quarantine.refuse", user)]

    def test_is_refused_to_who_is_not_signed_in_whatever_name_they_give(
        self, home: Settings, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sign_out(home)
        monkeypatch.setenv("CAREGATE_USER", "engineer")
        result = caregate("show", digest(snapshot), 2)
        assert result.exit_code == 1
        assert SECRET not in result.output
        assert [(act.action, act.actor) for act in acts(home)] == [("quarantine.refuse", system_user())]

    @pytest.mark.parametrize("options", [[], ["--json"]])
    def test_a_value_cannot_steer_the_terminal(self, snapshot: Snapshot, options: list[str]) -> None:
        shown = caregate("show", digest(snapshot), 2, *options).stdout
        assert all(sign.isprintable() or sign == "\n" for sign in shown)
        assert "CENTRO\\u009b31m\\u202e" in shown

    def test_a_discarded_row_is_gone(self, home: Settings, snapshot: Snapshot) -> None:
        caregate("discard", digest(snapshot), 2, "--reason", WHY)
        result = caregate("show", digest(snapshot), 2)
        assert result.exit_code == 1
        assert "for good" in result.stderr
        assert [act.action for act in acts(home)] == ["quarantine.discard"]

    def test_a_row_that_is_not_there_is_exit_code_two(self, snapshot: Snapshot) -> None:
        assert caregate("show", digest(snapshot), 1).exit_code == 2


class TestOnATerminalOnly:
    def test_into_a_file_or_pipe_nothing_is_opened(self, home: Settings, snapshot: Snapshot) -> None:
        result = caregate("show", digest(snapshot), 2)
        assert result.exit_code == 2
        assert SECRET not in result.output
        assert acts(home) == []

    def test_on_a_real_one_the_row_is_shown(self, home: Settings, snapshot: Snapshot) -> None:
        heard = b""

        def hear(descriptor: int) -> bytes:
            nonlocal heard
            said = os.read(descriptor, 4096)
            heard += said
            return b"" if not said else b"."

        words = ["quarantine", "show", digest(snapshot), "2"]
        start = "from caregate.cli import main; main()"
        assert pty.spawn([sys.executable, "-c", start, *words], hear, lambda _: b"") == 0
        assert SECRET.encode() in heard


class TestRelease:
    def test_the_next_ingest_lets_the_row_in(self, home: Settings, file: Path, snapshot: Snapshot) -> None:
        result = caregate("release", digest(snapshot), 2, 4, "--reason", WHY)
        assert result.exit_code == 0
        assert "ingest the file again" in result.stdout
        assert ingested(home, file).manifest.released == {"implausible-age": 2}

    def test_a_file_that_was_read_before_the_decision_is_read_again(
        self, home: Settings, file: Path, snapshot: Snapshot
    ) -> None:
        read_source("noshow-kaggle", str(file), {})
        caregate("release", digest(snapshot), 2, "--reason", WHY)
        assert ingested(home, file).manifest.released == {"implausible-age": 1}

    def test_a_rule_that_binds_is_exit_code_one_and_releases_none(self, home: Settings, snapshot: Snapshot) -> None:
        result = caregate("release", digest(snapshot), 2, 3, "--reason", WHY)
        assert result.exit_code == 1
        assert "negative-age" in result.stderr
        assert acts(home) == []

    def test_by_somebody_without_the_role_it_is_refused(self, home: Settings, snapshot: Snapshot) -> None:
        sign_in_as(home, "reviewer")
        assert caregate("release", digest(snapshot), 2, "--reason", WHY).exit_code == 1
        assert [act.action for act in acts(home)] == ["quarantine.refuse"]

    def test_without_a_reason_it_is_wrong_use(self, home: Settings, snapshot: Snapshot) -> None:
        assert caregate("release", digest(snapshot), 2, "--reason", "so").exit_code == 2
        assert acts(home) == []

    def test_a_row_that_was_never_released_is_held_already(self, home: Settings, snapshot: Snapshot) -> None:
        caregate("release", digest(snapshot), 2, "--reason", WHY)
        lines = caregate("hold", digest(snapshot), 2, 4, "--reason", WHY).stdout.splitlines()
        assert lines[0].startswith("held: 1 row(s); ")
        assert lines[1:] == ["held already, left as they stood: 1 row(s)"]
        again = caregate("hold", digest(snapshot), 2, 4, "--reason", WHY).stdout
        assert again == "held already, left as they stood: 2 row(s)\n"

    def test_can_be_taken_back(self, home: Settings, file: Path, snapshot: Snapshot) -> None:
        caregate("release", digest(snapshot), 2, "--reason", WHY)
        result = caregate("hold", digest(snapshot), 2, "--reason", WHY, "--json")
        assert json.loads(result.stdout) == {"state": "held", "rows": [2], "changed": 1}
        assert ingested(home, file).manifest == snapshot.manifest


class TestDiscard:
    def test_said_twice_it_is_done_once(self, home: Settings, snapshot: Snapshot) -> None:
        first, again = (caregate("discard", digest(snapshot), 2, "--reason", WHY, "--json") for _ in range(2))
        assert [json.loads(result.stdout)["changed"] for result in (first, again)] == [1, 0]
        assert [act.action for act in acts(home)] == ["quarantine.discard"]
        snapshot.verify(content=True)

    def test_a_whole_rule_at_once(self, home: Settings, snapshot: Snapshot) -> None:
        result = caregate("discard", digest(snapshot), "--rule", "implausible-age", "--reason", WHY, "--yes")
        assert "2 row(s)" in result.stdout
        standing = Quarantine(ledger_database(home)).standing()
        assert len(standing.discarded) == 2

    def test_a_whole_rule_is_not_discarded_where_nobody_can_be_asked(self, home: Settings, snapshot: Snapshot) -> None:
        result = caregate("discard", digest(snapshot), "--rule", "implausible-age", "--reason", WHY)
        assert result.exit_code == 2
        assert "2 row(s) that implausible-age holds back" in result.stderr
        assert "--yes" in result.stderr
        assert acts(home) == []

    @pytest.mark.parametrize(("answer", "code", "gone"), [("yes", 0, 2), ("no", 1, 0), ("", 1, 0)])
    def test_on_a_terminal_a_whole_rule_is_asked_for_first(
        self, home: Settings, snapshot: Snapshot, answer: str, code: int, gone: int
    ) -> None:
        heard, asked = b"", False

        def hear(descriptor: int) -> bytes:
            nonlocal heard, asked
            said = os.read(descriptor, 4096)
            heard += said
            if b"yes or no" in heard and not asked:
                asked = True
                os.write(descriptor, f"{answer}\n".encode())
            return b"" if not said else b"."

        words = ["quarantine", "discard", digest(snapshot), "--rule", "implausible-age", "--reason", WHY]
        status = pty.spawn([sys.executable, "-c", "from caregate.cli import main; main()", *words], hear, lambda _: b"")
        assert os.waitstatus_to_exitcode(status) == code
        assert b"2 row(s) that implausible-age holds back" in heard
        assert len(Quarantine(ledger_database(home)).standing().discarded) == gone

    def test_only_rows_that_can_still_be_read_are_asked_about(self, home: Settings, snapshot: Snapshot) -> None:
        every = ("discard", digest(snapshot), "--rule", "implausible-age", "--reason", WHY)
        caregate("discard", digest(snapshot), 2, "--reason", WHY)
        assert "1 row(s) that" in caregate(*every).stderr
        caregate("discard", digest(snapshot), 4, "--reason", WHY)
        result = caregate(*every)
        assert (result.exit_code, result.stdout) == (0, "discarded already, left as they stood: 2 row(s)\n")

    @pytest.mark.parametrize("extra", [[], ["2", "--rule", "implausible-age"]])
    def test_neither_rows_nor_a_rule_or_both_is_wrong_use(self, snapshot: Snapshot, extra: list[str]) -> None:
        assert caregate("discard", digest(snapshot), *extra, "--reason", WHY).exit_code == 2

    def test_a_rule_that_holds_nothing_back_is_wrong_use(self, snapshot: Snapshot) -> None:
        result = caregate("discard", digest(snapshot), "--rule", "negative-aeg", "--reason", WHY, "--yes")
        assert result.exit_code == 2
        assert "implausible-age, negative-age" in result.stderr

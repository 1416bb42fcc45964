"""Making a home and keeping it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.settings import load_settings
from governance.client_key import digest_of_key
from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.ledger import Act, verify_chain


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert caregate("init", "--home", tmp_path / "home").exit_code == 0
    return tmp_path / "home"


def caregate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments])


class TestInit:
    def test_every_secret_is_shown_once_and_kept_as_a_hash(self, tmp_path: Path) -> None:
        result = caregate("init", "--home", tmp_path / "home", "--json")
        accounts = json.loads(result.stdout)["accounts"]
        assert {item["role"] for item in accounts.values()} >= {"engineer", "reviewer", "clinical-reviewer", "crm"}
        kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
        people = {name: item for name, item in accounts.items() if name != "prefect"}  # that one its server has to know
        assert not [name for name, item in people.items() if item["secret"].encode() in kept]

    def test_the_home_and_its_secrets_are_the_owners_alone(self, home: Path) -> None:
        assert home.stat().st_mode & 0o077 == 0
        assert (home / "secrets.toml").stat().st_mode & 0o077 == 0

    def test_a_place_that_is_taken_is_refused_and_left_alone(self, home: Path) -> None:
        before = (home / "secrets.toml").read_bytes()
        result = caregate("init", "--home", home)
        assert result.exit_code == 2
        assert (home / "secrets.toml").read_bytes() == before


class TestUsers:
    def test_an_account_is_added_listed_and_disabled(self, home: Path) -> None:
        added = caregate("users", "add", "rita", "--role", "reviewer", "--home", home, "--json")
        assert json.loads(added.stdout)["secret"]
        assert caregate("users", "disable", "rita", "--home", home).exit_code == 0
        listed = json.loads(caregate("users", "list", "--home", home, "--json").stdout)
        assert [item["disabled"] for item in listed if item["name"] == "rita"] == [True]

    def test_a_client_gets_a_key_that_names_it(self, home: Path) -> None:
        added = caregate("users", "add", "north-crm", "--role", "crm", "--home", home, "--json")
        keys = ClientKeys(ledger_database(load_settings(home=home))).all()
        (client,) = [key.client for key in keys if key.digest == digest_of_key(json.loads(added.stdout)["secret"])]
        assert client == "north-crm"


class TestAudit:
    def test_the_chain_holds_and_can_be_checked_elsewhere(self, home: Path) -> None:
        assert caregate("audit", "verify", "--home", home).exit_code == 0
        exported = caregate("audit", "export", "--home", home)
        lines = [Act(**json.loads(line)) for line in exported.stdout.splitlines()]
        assert verify_chain(iter(lines)) == len(lines) > 0

    def test_a_change_past_the_triggers_is_exit_code_one_and_the_line(self, home: Path) -> None:
        raw = create_engine(f"sqlite:///{home / 'ledger.db'}")
        with raw.begin() as connection:
            connection.execute(text("DROP TRIGGER acts_no_update"))
            connection.execute(text("UPDATE acts SET actor = 'eve' WHERE seq = 2"))
        raw.dispose()
        result = caregate("audit", "verify", "--home", home)
        assert result.exit_code == 1
        assert "line 2" in result.stderr
        assert caregate("doctor", "--home", home).exit_code == 1


class TestDoctor:
    def test_a_new_home_is_sound(self, home: Path) -> None:
        result = caregate("doctor", "--home", home, "--json")
        assert result.exit_code == 0
        assert {item["verdict"] for item in json.loads(result.stdout)} == {"passed"}

    def test_secrets_that_others_can_read_are_found(self, home: Path) -> None:
        (home / "secrets.toml").chmod(0o644)
        result = caregate("doctor", "--home", home)
        assert result.exit_code == 1
        assert "chmod 600" in result.stdout

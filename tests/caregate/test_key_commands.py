"""`caregate keys`: issued, listed, replaced and revoked from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.settings import load_settings
from governance.client_key import digest_of_key
from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.people import People, Role
from tests.serving.clinic import make_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = make_home(tmp_path_factory.mktemp("keys") / "home")
    People(ledger_database(settings)).add("clinic", Role.CRM, by="ada", service=True)
    return settings.home


def keys(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["keys", *(str(item) for item in arguments)])


def issued(home: Path, *arguments: object) -> dict:
    return json.loads(keys("issue", "clinic", *arguments, "--home", home, "--json").stdout)


def listed(home: Path) -> dict[str, dict]:
    return {item["key_id"]: item for item in json.loads(keys("list", "--home", home, "--json").stdout)}


class TestIssue:
    def test_the_key_is_shown_once_and_stands(self, home: Path) -> None:
        shown = issued(home, "--scope", "scores:ask", "--scope", "models:read", "--days", 30, "--rate", 50)
        found = {key.key_id: key for key in ClientKeys(ledger_database(load_settings(home=home))).all()}
        assert found[shown["key_id"]].digest == digest_of_key(shown["secret"])
        key = listed(home)[shown["key_id"]]
        assert (key["client"], key["state"], key["rate_per_second"]) == ("clinic", "stands", 50)
        assert key["scopes"] == ["models:read", "scores:ask"]
        assert shown["secret"] not in keys("list", "--home", home).stdout

    @pytest.mark.parametrize(
        "arguments",
        [("nobody",), ("clinic", "--scope", "everything"), ("clinic", "--days", 0), ("clinic", "--rate", 0)],
    )
    def test_what_cannot_be_issued_is_exit_code_two(self, home: Path, arguments: tuple) -> None:
        before = listed(home)
        assert keys("issue", *arguments, "--home", home).exit_code == 2
        assert listed(home) == before


class TestRotate:
    def test_the_old_key_stands_beside_the_new_one_until_it_ends(self, home: Path) -> None:
        old = issued(home, "--scope", "scores:ask")
        new = json.loads(keys("rotate", old["key_id"], "--overlap-hours", 2, "--home", home, "--json").stdout)
        found = listed(home)
        assert (found[old["key_id"]]["state"], found[new["key_id"]]["state"]) == ("replaced", "stands")
        assert found[new["key_id"]]["scopes"] == ["scores:ask"]
        assert new["secret"] != old["secret"]


class TestRevoke:
    def test_it_ends_and_cannot_be_revoked_again(self, home: Path) -> None:
        key = issued(home)["key_id"]
        assert keys("revoke", key, "--home", home).exit_code == 0
        assert listed(home)[key]["state"] == "revoked"
        assert keys("revoke", key, "--home", home).exit_code == 2
        assert keys("rotate", key, "--home", home).exit_code == 2

"""`caregate sign-in`, `sign-out`, `whoami`, and what asks for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from registry import sessions


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A home as `caregate init` leaves it, and everybody's secret."""
    home = tmp_path_factory.mktemp("signing-in") / "home"
    made = caregate("init", "--home", home, "--json")
    return home, {name: said["secret"] for name, said in json.loads(made.stdout)["accounts"].items()}


@pytest.fixture
def home(new_home: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sessions, "GUESS_SECONDS", 0.0)
    return new_home[0]


def caregate(*arguments: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments], input=typed)


def sign_in(home: Path, name: str, password: str) -> Result:
    return caregate("sign-in", name, "--password-stdin", "--home", home, typed=f"{password}\n")


def resume(home: Path) -> Result:
    return caregate("resume", "no-show", "--reason", "looked into by the ward", "--home", home)


class TestWhoMadeTheHome:
    def test_is_signed_in_as_the_engineer(self, tmp_path: Path) -> None:
        made = caregate("init", "--home", tmp_path / "home")
        assert "signed in as engineer until" in made.output
        said = json.loads(caregate("whoami", "--home", tmp_path / "home", "--json").stdout)
        assert (said["account"], said["role"]) == ("engineer", "engineer")


class TestSigningIn:
    def test_changes_who_one_is_until_one_signs_out(self, home: Path, new_home: tuple[Path, dict[str, str]]) -> None:
        assert sign_in(home, "reviewer", new_home[1]["reviewer"]).exit_code == 0
        assert "signed in as reviewer" in caregate("whoami", "--home", home).stdout
        assert caregate("sign-out", "--home", home).exit_code == 0
        assert caregate("whoami", "--home", home).exit_code == 1

    def test_shows_no_password(self, home: Path, new_home: tuple[Path, dict[str, str]]) -> None:
        password = new_home[1]["reviewer"]
        assert password not in sign_in(home, "reviewer", password).output

    def test_with_another_password_is_refused_in_one_line(self, home: Path) -> None:
        refused = sign_in(home, "reviewer", "another")
        assert refused.exit_code == 1
        assert len(refused.output.splitlines()) == 1

    def test_without_a_terminal_the_password_is_not_asked_for(self, home: Path) -> None:
        assert caregate("sign-in", "reviewer", "--home", home).exit_code == 2


class TestSuspending:
    def test_needs_no_sign_in_but_resuming_does(self, home: Path, new_home: tuple[Path, dict[str, str]]) -> None:
        caregate("sign-out", "--home", home)
        reason = ("--reason", "wrong scores on the ward", "--home", home)
        assert caregate("suspend", "no-show", *reason).exit_code == 0
        assert resume(home).exit_code == 1
        sign_in(home, "engineer", new_home[1]["engineer"])
        refused = resume(home)
        assert (refused.exit_code, "reviewer or clinical-reviewer or admin" in refused.output) == (1, True)
        sign_in(home, "reviewer", new_home[1]["reviewer"])
        assert resume(home).exit_code == 0


class TestOutputs:
    def test_do_not_land_in_the_homes_own_folders(self, home: Path, tmp_path: Path) -> None:
        before = (home / "secrets.toml").read_bytes()
        (tmp_path / "link").symlink_to(home)
        for place in (home / "secrets.toml", tmp_path / "link" / "secrets.toml", home / "approved" / "a.jsonl"):
            assert caregate("audit", "export", "--output", place, "--home", home).exit_code == 2
        assert (home / "secrets.toml").read_bytes() == before
        (home / "exchange").mkdir(exist_ok=True)
        assert caregate("audit", "export", "--output", home / "exchange" / "a.jsonl", "--home", home).exit_code == 0

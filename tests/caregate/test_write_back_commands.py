"""`caregate write-back`: who may, what it says, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from caregate.cli import app
from governance.database import ledger_database
from governance.people import People
from registry.sessions import open_session, sign_out
from tests.crm.write_back.conftest import PATIENTS, Practice, furnish
from tests.crm.write_back.fake_capsule import TOKEN, FakeCapsule
from tests.registry.toys import make_home


@pytest.fixture
def capsule() -> Iterator[FakeCapsule]:
    vendor = FakeCapsule()
    vendor.parties = set(PATIENTS)
    with vendor.running():
        yield vendor


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    folder = tmp_path_factory.mktemp("write-back")
    settings, _ = make_home(folder / "home")
    return furnish(settings, folder)


@pytest.fixture
def practice(furnished: Practice, capsule: FakeCapsule, monkeypatch: pytest.MonkeyPatch) -> Practice:
    """The practice, whose engineer is signed in."""
    monkeypatch.setenv("CAREGATE_CAPSULE_TOKEN", TOKEN)
    monkeypatch.setenv("CAREGATE_CAPSULE_URL", f"{capsule.address}/api/v2")
    person = People(ledger_database(furnished.settings)).find("ada")
    assert person is not None
    open_session(furnished.settings, person)
    return furnished


def call(practice: Practice, *words: str):
    return CliRunner().invoke(app, ["write-back", *words, "--home", str(practice.settings.home), "--json"])


class TestWriteBack:
    def test_writes_lists_and_undoes(self, practice, capsule):
        written = call(practice, "no-show", "--input", str(practice.scores), "--target", "capsule", "--as", "note")
        assert written.exit_code == 0, written.output
        told = json.loads(written.stdout)
        assert told["ends"] == {"abstained": 1, "written": 2}
        listed = json.loads(call(practice, "list").stdout)[-1]
        assert (listed["batch"], listed["states"]) == (told["batch"], {"written": 2})
        assert json.loads(call(practice, "undo", told["batch"]).stdout)["ends"] == {"undone": 2}
        assert capsule.entries == {}

    def test_ends_with_1_where_somebody_has_changed_what_was_written(self, practice, capsule):
        call(practice, "no-show", "--input", str(practice.scores), "--target", "capsule", "--as", "note")
        next(iter(capsule.entries.values()))["content"] += " seen"
        listed = json.loads(call(practice, "list").stdout)[-1]
        assert call(practice, "undo", listed["batch"]).exit_code == 1

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("no-show",), 2),
            (("no-show", "--target", "fax"), 2),
            (("nobody", "--target", "capsule"), 2),
            (("no-show", "wb-1", "--target", "capsule"), 2),
            (("undo",), 2),
            (("undo", "wb-none"), 2),
            (("no-show", "--target", "lacrm", "--input", "missing.csv"), 2),
            (("no-show", "--target", "capsule", "--as", "fax"), 2),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
    )
    def test_wrong_use_changes_nothing(self, practice, capsule, words, code):
        assert call(practice, *words).exit_code == code
        assert capsule.writes() == []

    def test_is_for_engineers_and_admins(self, practice):
        sign_out(practice.settings)
        assert call(practice, "list").exit_code == 1

"""`caregate outcomes`: a file of what really happened, loaded as often as one likes."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.settings import Settings
from governance.database import ledger_database
from governance.outcomes import known_outcomes
from governance.people import People
from registry.sessions import open_session, sign_out
from tests.registry.toys import make_home
from tests.serving.clinic import appointments, publish_snapshot

CANARY = "Mrs-Canary"
ROWS = [
    ("A1", "true", "2026-06-01"),
    ("A2", "no", "2026-06-01T12:00:00+02:00"),
    ("A1", "false", "2026-06-02"),
    (CANARY, "perhaps", "2026-06-02"),
    (CANARY, "yes", "tomorrow"),
    (CANARY, "yes", "2999-01-01"),
    (CANARY, "yes", "1066-10-14"),
    ("", "yes", "2026-06-02"),
]
HELD_BACK = {
    "happened-is-neither-true-nor-false": 1,
    "known-at-is-no-moment": 1,
    "known-in-the-future": 1,
    "known-before-2000": 1,
    "neither-prediction-nor-record": 1,
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made, _ = make_home(tmp_path_factory.mktemp("outcomes") / "home")
    publish_snapshot(made, appointments(60))
    return made


@pytest.fixture
def file(tmp_path: Path, settings: Settings) -> Path:
    person = People(ledger_database(settings)).find("ada")
    assert person is not None
    open_session(settings, person)
    path = tmp_path / "outcomes.csv"
    pl.DataFrame(ROWS, schema=["record_id", "happened", "known_at"], orient="row").write_csv(path)
    return path


def loaded(settings: Settings, file: Path, *arguments: str) -> Result:
    given = ["outcomes", str(file), "--home", str(settings.home), *arguments]
    return CliRunner().invoke(app, given, env={"COLUMNS": "160"})


def test_a_file_is_recorded_and_what_is_held_back_is_counted_by_rule(settings: Settings, file: Path) -> None:
    first, again = (loaded(settings, file, "--model", "no-show", "--json") for _ in range(2))
    assert json.loads(first.stdout) == {"recorded": 3, "stood": 0, "held_back": HELD_BACK}
    assert json.loads(again.stdout) == {"recorded": 0, "stood": 3, "held_back": HELD_BACK}
    assert CANARY not in first.output
    assert sorted(word.happened for word in known_outcomes(ledger_database(settings), "no-show").values()) == [
        False,
        False,
    ]


def test_a_later_word_in_parquet_counts(settings: Settings, file: Path) -> None:
    parquet = file.with_suffix(".parquet")
    word = {"record_id": ["A2"], "happened": [True], "known_at": ["2026-06-03"], "model": ["no-show"]}
    pl.DataFrame(word).with_columns(pl.col("known_at").str.to_datetime()).write_parquet(parquet)
    loaded(settings, file, "--model", "no-show")
    assert json.loads(loaded(settings, parquet, "--json").stdout)["recorded"] == 1
    assert json.loads(loaded(settings, file, "--model", "no-show", "--json").stdout)["recorded"] == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("happened,known_at\ntrue,2026-06-01\n", "names neither predictions nor records"),
        ("record_id,happened\nA1,true\n", "lacks known_at"),
        (f"record_id,happened,known_at,{CANARY}\nA1,true,2026-06-01,x\n", "1 column(s) that are not known"),
        ("record_id,happened,known_at\nA1,perhaps,2026-06-01\n", "no outcome of the file could be used"),
        ("", "cannot be read"),
    ],
)
def test_a_file_without_outcomes_is_refused(settings: Settings, file: Path, content: str, says: str) -> None:
    file.write_text(content)
    refused = loaded(settings, file, "--model", "no-show")
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert CANARY not in refused.output


def test_is_for_those_who_are_signed_in(settings: Settings, file: Path) -> None:
    sign_out(settings)
    assert loaded(settings, file).exit_code == 1

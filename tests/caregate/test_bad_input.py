"""Bad input ends in one clear line and exit code 2, and the home is as it was."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.home import make_home
from caregate.settings import load_settings

HEADER = (
    "PatientId,AppointmentID,Gender,ScheduledDay,AppointmentDay,Age,Neighbourhood,Scholarship,Hipertension,Diabetes,"
    "Alcoholism,Handcap,SMS_received,No-show\n"
)
SECRET = "SECRETVALUE4711"


def row(patient: str = "1") -> str:
    return f"{patient},2,F,2016-04-29T18:38:08Z,2016-04-29T00:00:00Z,62,{SECRET},0,1,0,0,0,0,No\n"


def not_there(_folder: Path) -> Path:
    return _folder / "missing.csv"


def a_folder(folder: Path) -> Path:
    (folder / "inner").mkdir()
    return folder / "inner"


def written(content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "input.csv").write_bytes(content)
        return folder / "input.csv"

    return write


def zip_bomb(folder: Path) -> Path:
    with gzip.open(folder / "bomb.csv.gz", "wb", compresslevel=9) as file:
        file.write(HEADER.encode())
        for _ in range(300):
            file.write(b"0" * 1_000_000)
    return folder / "bomb.csv.gz"


def cut_off(folder: Path) -> Path:
    whole = gzip.compress((HEADER + row() * 500).encode())
    (folder / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.csv.gz"


CASES = {
    "missing file": not_there,
    "a directory": a_folder,
    "empty file": written(b""),
    "header alone": written(HEADER.encode()),
    "wrong columns": written(f"a,b\n1,{SECRET}\n".encode()),
    "a column too many": written((HEADER.strip() + ",Extra\n" + row().strip() + f",{SECRET}\n").encode()),
    "no column names": written((row() * 3).encode()),
    "not UTF-8": written((HEADER + row()).encode() + b"\xff\xfe\xfa,2\n"),
    "ragged rows": written((HEADER + row() + f"1,2,{SECRET}\n").encode()),
    "NUL bytes": written((HEADER + row()).encode() + b"\x00" * 50),
    "not gzip although it says so": lambda folder: written(b"plain")(folder).rename(folder / "input.csv.gz"),
    "gzip cut off": cut_off,
    "zip bomb": zip_bomb,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "home"
    make_home(load_settings(home=folder))
    return folder


def state(folder: Path) -> dict[str, str]:
    """Return every file of the home by its content; SQLite's own shared-memory files say nothing."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


def caregate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments])


class TestIngest:
    @pytest.mark.parametrize("case", CASES)
    def test_one_line_exit_code_two_and_nothing_changed(self, case: str, home: Path, tmp_path: Path) -> None:
        path = CASES[case](tmp_path)
        before = state(home)
        result = caregate("ingest", "noshow-kaggle", path, "--home", home)
        assert result.exit_code == 2
        said = [line for line in result.stderr.splitlines() if line.startswith("caregate: ")]
        assert len(said) == 1
        assert "Traceback" not in result.output
        assert SECRET not in result.output
        assert state(home) == before

    def test_no_home_is_made_for_it(self, tmp_path: Path) -> None:
        result = caregate("ingest", "noshow-kaggle", tmp_path / "missing.csv", "--home", tmp_path / "home")
        assert result.exit_code == 2
        assert not (tmp_path / "home").exists()

    @pytest.mark.parametrize("source", ["bogus", "fhir"])
    def test_a_source_that_is_not_there_is_named(self, home: Path, source: str) -> None:
        result = caregate("ingest", source, "x", "--home", home)
        assert result.exit_code == 2
        assert source in result.stderr


class TestOtherCommands:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("run", "bogus"),
            ("run", "no-show"),
            ("run", "no-show", "--snapshot", "zz"),
            ("run", "no-show", "--snapshot", "0123456789abcdef"),
            ("evaluate", "no-show", "--version", "1", "--input", "missing.parquet"),
            ("suspend", "bogus", "--reason", "because it is not there"),
            ("users", "add", "rita", "--role", "bogus"),
            ("users", "add", "Rita Röntgen", "--role", "reviewer"),
            ("users", "add", "north crm\n", "--role", "crm"),
            ("users", "add", "unproven", "--role", "crm"),
            ("users", "disable", "nobody"),
            ("users", "disable", "promoter"),
            ("users", "reset", "crm"),
            ("audit", "export", "--output", "no-such-folder/ledger.jsonl"),
            ("audit", "anchor", "--output", "no-such-folder/anchors.jsonl"),
        ],
        ids=" ".join,
    )
    def test_they_too_end_in_one_line(self, home: Path, arguments: tuple[str, ...]) -> None:
        result = caregate(*arguments, "--home", home)
        assert result.exit_code == 2, result.output
        assert result.stderr.count("caregate: ") == 1
        assert "Traceback" not in result.output

    def test_without_a_home_they_say_how_to_make_one(self, tmp_path: Path) -> None:
        result = caregate("run", "no-show", "--home", tmp_path / "none")
        assert result.exit_code == 2
        assert "caregate init" in result.stderr

    def test_a_wrong_setting_is_named_without_its_value(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CAREGATE_PORT_BASE", SECRET)
        result = caregate("doctor", "--home", home)
        assert result.exit_code == 2
        assert "port_base" in result.stderr
        assert SECRET not in result.output


class TestFaults:
    """A fault is no refusal: exit code 3, one line, and nothing of what a row holds."""

    @pytest.fixture
    def spoilt(self, tmp_path: Path) -> Path:
        make_home(load_settings(home=tmp_path / "home"))
        (tmp_path / "home" / "ledger.db").write_bytes(SECRET.encode() * 1_000)
        return tmp_path / "home"

    @pytest.mark.parametrize("arguments", [("users", "list"), ("audit", "verify"), ("live", "no-show")], ids=" ".join)
    def test_a_database_that_is_none(self, spoilt: Path, arguments: tuple[str, ...]) -> None:
        result = caregate(*arguments, "--home", spoilt)
        assert result.exit_code == 3
        assert result.stderr.count("caregate: a database cannot be used") == 1
        assert "Traceback" not in result.output
        assert SECRET not in result.output

    def test_doctor_names_it_among_what_it_looks_at(self, spoilt: Path) -> None:
        result = caregate("doctor", "--home", spoilt, "--json")
        assert result.exit_code == 1
        verdicts = {item["what"]: item["verdict"] for item in json.loads(result.stdout)}
        assert verdicts["ledger"] == "failed"
        assert verdicts["secrets"] == "passed"

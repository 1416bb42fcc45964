"""Anchors: a chain that was cut short or written anew is found, by whoever kept one of its lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, text
from typer.testing import CliRunner, Result

from caregate.cli import app
from caregate.clock import fixed_clock
from caregate.secret_store import new_secrets, read_secrets, write_secrets
from caregate.settings import Settings
from governance.anchor_file import (
    AnchorsChanged,
    anchors_path,
    keep_anchor,
    kept_anchors,
    verify_ledger,
)
from governance.anchors import AnotherLedger, LinesCutOff, LinesRewritten
from governance.chain import START, Act, BrokenChain, Draft, Link
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.preparing import prepare_ledger
from governance.schema import acts

NOON = fixed_clock(datetime(2026, 11, 22, 12, tzinfo=UTC))
LATER = fixed_clock(datetime(2026, 11, 23, 12, tzinfo=UTC))


def new_home(folder: Path) -> Settings:
    folder.mkdir()
    settings = Settings(home=folder)
    write_secrets(settings.secrets_file, new_secrets())
    prepare_ledger(settings)
    append(settings, 6)
    keep_anchor(settings, NOON, anew=True)
    return settings


def append(settings: Settings, count: int) -> None:
    ledger = Ledger(ledger_database(settings), NOON)
    for number in range(count):
        ledger.append("ada", "thing.do", f"{settings.home.name}/{number}")


def key_of(settings: Settings) -> bytes:
    return read_secrets(settings.secrets_file).key_for("ledger")


def written_anew(lines: list[Act], key: bytes, change: Callable[[Act], dict[str, Any]]) -> list[Act]:
    """What somebody with this key makes of the chain."""
    made, last = [], START
    for line in lines:
        act = replace(line, **change(line))
        made.append(
            Draft(act.actor, act.action, act.subject, act.digest, act.detail).follow(
                last, fixed_clock(datetime.fromisoformat(act.at)), key
            )
        )
        last = Link(made[-1].seq, made[-1].hash)
    return made


def put(settings: Settings, lines: list[Act]) -> None:
    """Replace the whole table by SQL, past its triggers."""
    raw = create_engine(settings.ledger_url)
    with raw.begin() as connection:
        connection.execute(text("DROP TRIGGER IF EXISTS acts_no_delete"))
        connection.execute(text("DELETE FROM acts"))
        connection.execute(insert(acts), [asdict(line) for line in lines])
    raw.dispose()


def lines_of(settings: Settings) -> list[Act]:
    return list(Ledger(ledger_database(settings)).read())


def caregate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments])


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return new_home(tmp_path / "home")


@pytest.fixture
def elsewhere(home: Settings, tmp_path: Path) -> Path:
    """An anchor that an auditor keeps, at line 6."""
    assert caregate("audit", "anchor", "--output", tmp_path / "kept.jsonl", "--home", home.home).exit_code == 0
    return tmp_path / "kept.jsonl"


def rename_third(act: Act) -> dict[str, Any]:
    return {"subject": "other"} if act.seq == 3 else {}


class TestTheHomesOwnAnchors:
    def test_one_is_kept_when_the_head_moved_and_none_when_it_did_not(self, home: Settings) -> None:
        first = keep_anchor(home, LATER)
        append(home, 2)
        second = keep_anchor(home, LATER)
        assert keep_anchor(home, LATER) == second
        assert (first.seq, second.seq) == (6, 8)
        assert kept_anchors(home) == [first, second]
        assert verify_ledger(home, []).seq == 8

    def test_a_tail_cut_by_sql_is_named(self, home: Settings) -> None:
        put(home, lines_of(home)[:4])
        assert Ledger(ledger_database(home)).verify() == 4
        expected = "ends at line 4, the anchor of 2026-11-22 knows line 6: lines were cut off"
        with pytest.raises(LinesCutOff, match=expected):
            verify_ledger(home, [])
        with pytest.raises(LinesCutOff, match=expected):
            keep_anchor(home, LATER)

    def test_a_chain_written_anew_with_the_homes_key_is_named(self, home: Settings) -> None:
        put(home, written_anew(lines_of(home), key_of(home), rename_third))
        assert Ledger(ledger_database(home)).verify() == 6
        for check in (lambda: verify_ledger(home, []), lambda: keep_anchor(home, LATER)):
            with pytest.raises(LinesRewritten):
                check()

    def test_a_chain_written_anew_from_its_first_line_is_named(self, home: Settings) -> None:
        put(home, written_anew(lines_of(home), key_of(home), lambda _: {"actor": "eve"}))
        with pytest.raises(AnotherLedger):
            verify_ledger(home, [])

    def test_a_chain_written_anew_without_the_key_breaks_at_its_seal(self, home: Settings) -> None:
        put(home, written_anew(lines_of(home), b"e" * 32, rename_third))
        with pytest.raises(BrokenChain, match="line 1: its seal"):
            verify_ledger(home, [])

    def test_an_unsealed_line_in_the_last_ones_place_is_named(self, home: Settings) -> None:
        lines = lines_of(home)
        forged = written_anew(lines, b"e" * 32, lambda act: {"actor": "eve"} if act.seq == 6 else {})
        put(home, [*lines[:5], forged[5]])
        with pytest.raises(BrokenChain) as broken:
            verify_ledger(home, [])
        assert broken.value.seq == 6

    def test_a_broken_line_since_the_last_anchor_is_never_anchored(self, home: Settings) -> None:
        append(home, 2)
        lines = lines_of(home)
        put(home, [*lines[:7], replace(lines[7], actor="eve")])
        with pytest.raises(BrokenChain, match="line 8"):
            keep_anchor(home, LATER)
        assert [anchor.seq for anchor in kept_anchors(home)] == [6]

    def test_the_ledger_of_another_home_is_refused(self, home: Settings, tmp_path: Path) -> None:
        put(home, lines_of(new_home(tmp_path / "other")))
        with pytest.raises(BrokenChain, match="line 1: its seal"):
            verify_ledger(home, [])


class TestTheFileItself:
    @pytest.mark.parametrize("content", [None, b""])
    def test_without_anchors_nothing_passes_in_silence(self, home: Settings, content: bytes | None) -> None:
        anchors_path(home).unlink()
        if content is not None:
            anchors_path(home).write_bytes(content)
        for arguments in (("verify",), ("anchor",)):
            result = caregate("audit", *arguments, "--home", home.home)
            assert result.exit_code == 1
            assert "is gone from the home" in result.stderr
        assert caregate("audit", "anchor", "--anew", "--home", home.home).exit_code == 0
        assert caregate("audit", "verify", "--home", home.home).exit_code == 0

    def test_the_ledgers_own_fault_is_named_before_that_of_the_file(self, home: Settings) -> None:
        anchors_path(home).unlink()
        lines = lines_of(home)
        put(home, [*lines[:2], replace(lines[2], actor="eve"), *lines[3:]])
        with pytest.raises(BrokenChain, match="line 3"):
            verify_ledger(home, [])

    @pytest.mark.parametrize("field", ["home", "seq", "hash", "at", "seal"])
    def test_a_changed_anchor_is_named(self, home: Settings, field: str) -> None:
        anchor = json.loads(anchors_path(home).read_text())
        anchor[field] = 5 if field == "seq" else "0" * 64
        anchors_path(home).write_text(json.dumps(anchor) + "\n")
        with pytest.raises(AnchorsChanged):
            verify_ledger(home, [])
        with pytest.raises(AnchorsChanged):
            keep_anchor(home, LATER)

    def test_anchors_of_another_home_are_not_this_homes(self, home: Settings, tmp_path: Path) -> None:
        other = new_home(tmp_path / "other")
        anchors_path(home).write_bytes(anchors_path(other).read_bytes())
        with pytest.raises(AnchorsChanged):
            kept_anchors(home)

    def test_anchors_out_of_order_are_named(self, home: Settings) -> None:
        append(home, 1)
        keep_anchor(home, LATER)
        first, second = anchors_path(home).read_text().splitlines()
        anchors_path(home).write_text(f"{second}\n{first}\n")
        with pytest.raises(AnchorsChanged):
            kept_anchors(home)

    def test_half_a_line_that_a_crash_left_is_no_anchor_and_goes(self, home: Settings) -> None:
        with anchors_path(home).open("a") as file:
            file.write('{"at": "2026')
        assert len(kept_anchors(home)) == 1
        append(home, 1)
        keep_anchor(home, LATER)
        assert len(kept_anchors(home)) == 2

    def test_a_shorter_file_still_holds_what_it_holds_and_the_auditors_anchor_the_rest(
        self, home: Settings, tmp_path: Path
    ) -> None:
        append(home, 2)
        kept = tmp_path / "kept.jsonl"
        caregate("audit", "anchor", "--output", kept, "--home", home.home)
        anchors_path(home).write_text(anchors_path(home).read_text().splitlines()[0] + "\n")
        put(home, lines_of(home)[:7])
        assert verify_ledger(home, []).seq == 7
        result = caregate("audit", "verify", "--anchor", kept, "--home", home.home)
        assert result.exit_code == 1
        assert "ends at line 7" in result.stderr


class TestElsewhere:
    """An auditor without a home: an export, an anchor, and nothing else."""

    @pytest.fixture
    def export(self, home: Settings, elsewhere: Path, tmp_path: Path) -> Path:
        caregate("audit", "export", "--output", tmp_path / "ledger.jsonl", "--home", home.home)
        return tmp_path / "ledger.jsonl"

    @staticmethod
    def check(export: Path, *anchors: Path) -> Result:
        given = [item for path in anchors for item in ("--anchor", path)]
        return caregate("audit", "verify", "--export", export, *given, "--home", export.parent / "none", "--json")

    def test_an_export_holds_with_and_without_an_anchor(self, export: Path, elsewhere: Path) -> None:
        for anchors in ((), (elsewhere,), (elsewhere, elsewhere)):
            result = self.check(export, *anchors)
            assert result.exit_code == 0
            assert json.loads(result.stdout) == {"lines": 6, "holds": True, "anchors": len(anchors), "seals": False}
        assert not (export.parent / "none").exists()

    def test_with_the_homes_key_seals_are_looked_at(self, home: Settings, export: Path) -> None:
        lines = written_anew(lines_of(home), b"e" * 32, rename_third)
        export.write_text("".join(json.dumps(asdict(line), sort_keys=True) + "\n" for line in lines))
        assert self.check(export).exit_code == 0
        assert caregate("audit", "verify", "--export", export, "--home", home.home).exit_code == 1

    def test_a_cut_a_rewritten_and_a_strange_export_are_found_by_the_anchor(
        self, home: Settings, export: Path, elsewhere: Path, tmp_path: Path
    ) -> None:
        lines = export.read_text().splitlines(keepends=True)
        export.write_text("".join(lines[:4]))
        assert "lines were cut off" in self.check(export, elsewhere).stderr
        anew = written_anew(lines_of(home), key_of(home), rename_third)
        export.write_text("".join(json.dumps(asdict(line), sort_keys=True) + "\n" for line in anew))
        assert "written anew" in self.check(export, elsewhere).stderr
        other = new_home(tmp_path / "other")
        caregate("audit", "export", "--output", export, "--home", other.home)
        assert "another home's" in self.check(export, elsewhere).stderr
        assert self.check(export, elsewhere).exit_code == 1

    @pytest.mark.parametrize(
        ("order", "first"), [((1, 0, 2, 3), 1), ((0, 2, 1, 3), 2), ((0, 1, 1, 2), 3), ((1, 2, 3), 1)]
    )
    def test_lines_moved_doubled_or_missing_are_found(self, export: Path, order: tuple[int, ...], first: int) -> None:
        lines = export.read_text().splitlines(keepends=True)
        export.write_text("".join(lines[number] for number in order))
        result = self.check(export)
        assert result.exit_code == 1
        assert f"line {first}:" in result.stderr

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda line: line.replace('"seq": 1', '"seq": 1.0'),
            lambda line: line.replace('"seq": 1', '"seq": true'),
            lambda line: line.replace('{"action"', '{"actor": "eve", "action"'),
            lambda line: line.replace(": ", ":"),
            lambda line: line.replace('"ada"', '"\\u0061da"'),
            lambda line: line.replace('"ada"', "null"),
            lambda line: line.replace('"ada"', '"\\ud800"'),
            lambda line: "[" * 100_000 + "\n",
            lambda line: "[]\n",
            lambda line: "\n",
            lambda line: line[:40],
            lambda line: "",
        ],
    )
    def test_what_is_not_as_an_export_is_written_is_bad_input(self, export: Path, spoil: Callable[[str], str]) -> None:
        export.write_text(spoil(export.read_text().splitlines(keepends=True)[0]))
        result = self.check(export)
        assert result.exit_code == 2
        assert "is not an export of a ledger" in result.stderr

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe\n", b"{}\n", b"[1]\n", b'{"seq": 1}\n', b"9" * 5_000])
    def test_what_holds_no_anchors_is_bad_input(self, export: Path, elsewhere: Path, content: bytes) -> None:
        elsewhere.write_bytes(content)
        result = self.check(export, elsewhere)
        assert result.exit_code == 2
        assert "holds no anchors" in result.stderr

    def test_files_that_are_not_there_are_bad_input(self, export: Path, tmp_path: Path) -> None:
        assert self.check(tmp_path / "no").exit_code == 2
        assert self.check(export, tmp_path / "no").exit_code == 2
        export.write_bytes(b"\xff\n")
        assert self.check(export).exit_code == 2

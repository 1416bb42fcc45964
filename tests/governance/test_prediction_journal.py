"""An answer that was given is on record, once, whatever ends the process that gave it."""

from __future__ import annotations

import os
import secrets
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from itertools import chain
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from governance import journal_segment
from governance.database import migrate, open_database
from governance.incidents import Incidents
from governance.journal_drain import recover, settle
from governance.journal_frames import HEAD_BYTES, frame, pieces
from governance.journal_segment import MARK, Segment
from governance.journal_writer import JournalBroken, JournalFull
from governance.prediction_journal import JournalBehind, PredictionJournal
from governance.prediction_rows import encode
from governance.predictions import Prediction, Predictions
from governance.seals import with_key
from tests.governance.answering import LIMITS, answer

ROOT = Path(__file__).parents[2]
SECONDS = 30.0
KILLS = 12


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    return with_key(open_database(url), b"k" * 32)


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Engine]:
    migrate(postgresql_url)
    yield with_key(open_database(postgresql_url), b"k" * 32)
    open_database(postgresql_url).dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(folder: Path, engine: Engine) -> Iterator[PredictionJournal]:
    opened = PredictionJournal(folder, engine, LIMITS)
    yield opened
    opened.close()


def recorded(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(text("SELECT prediction_id FROM predictions")))


def left_by_the_dead(folder: Path, content: bytes) -> Path:
    """A segment as a killed process leaves it."""
    folder.mkdir(exist_ok=True)
    segment = Segment.create(folder)
    segment.append(content)
    segment.close()
    return segment.path


def framed(*names: str) -> bytes:
    return b"".join(frame(encode([answer(name)])) for name in names)


def taken(journal: PredictionJournal, row: Prediction) -> bool:
    try:
        journal.append([row])
    except JournalBroken:
        return False
    return True


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    with engine.execution_options(exclusive=True).begin():
        yield


class TestAppending:
    def test_brings_a_row_into_the_table_as_it_was(self, journal: PredictionJournal, engine: Engine) -> None:
        journal.append([answer("p1")])
        journal.flush(SECONDS)
        found = Predictions(engine).find("p1")
        assert found
        assert replace(found, at=found.at.replace(tzinfo=UTC)) == answer("p1")

    def test_reads_as_what_the_table_was_given_without_a_journal(
        self, journal: PredictionJournal, engine: Engine
    ) -> None:
        abstained = answer("p1", status="abstained", score=None, band=None, reasons=None, version=None, why="too old")
        Predictions(engine).append([replace(abstained, prediction_id="p2")])
        journal.append([abstained])
        journal.flush(SECONDS)
        first, second = (Predictions(engine).find(name) for name in ("p1", "p2"))
        assert first
        assert replace(first, prediction_id="p2") == second

    def test_works_on_postgresql_alike(self, folder: Path, postgresql: Engine) -> None:
        rows = [answer("p1"), answer("p2", score=None, reasons=None, why='a name with % and "quotes", ü')]
        journal = PredictionJournal(folder, postgresql, LIMITS)
        journal.append(rows)
        journal.close()
        assert [Predictions(postgresql).find(row.prediction_id) for row in rows] == rows

    def test_keeps_its_files_from_others(self, journal: PredictionJournal, folder: Path) -> None:
        journal.append([answer()])
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())]
        assert modes[0] == 0o700
        assert set(modes[1:]) <= {0o600}

    def test_begins_another_file_when_one_is_full_and_leaves_none(
        self, journal: PredictionJournal, engine: Engine, folder: Path
    ) -> None:
        rows = [answer() for _ in range(200)]
        with locked(engine):
            for row in rows:
                journal.append([row])
            files = len(list(folder.iterdir()))
        journal.close()
        assert files > 3
        assert recorded(engine) == sorted(row.prediction_id for row in rows)
        assert not list(folder.iterdir())

    def test_takes_more_rows_at_once_than_are_read_at_once(self, journal: PredictionJournal, engine: Engine) -> None:
        rows = [answer(f"p{number:04}", why="w" * 800) for number in range(1500)]
        journal.append(rows)
        journal.flush(SECONDS)
        assert recorded(engine) == [row.prediction_id for row in rows]

    def test_by_several_threads_loses_nothing(self, journal: PredictionJournal, engine: Engine) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: journal.append([answer(f"p{number:03}")]), range(200)))
        journal.flush(SECONDS)
        assert len(recorded(engine)) == 200


class TestRefusing:
    """What cannot be recorded is not answered."""

    def test_after_the_journal_was_closed(self, journal: PredictionJournal) -> None:
        journal.close()
        with pytest.raises(JournalBroken, match="closed"):
            journal.append([answer()])

    def test_when_more_waits_than_the_policy_lets(self, folder: Path, engine: Engine) -> None:
        journal = PredictionJournal(folder, engine, replace(LIMITS, most_waiting=3))
        with locked(engine):
            journal.append([answer("p1"), answer("p2")])
            with pytest.raises(JournalFull, match="wait") as refused:
                journal.append([answer(), answer()])
            assert journal.backlog.rows == 2
        assert refused.value.status == 503
        journal.close()
        assert recorded(engine) == ["p1", "p2"]

    def test_once_when_its_file_was_taken_away_and_loses_nothing_that_was_in_it(
        self, journal: PredictionJournal, engine: Engine, folder: Path
    ) -> None:
        with locked(engine):
            journal.append([answer("p1")])
            for path in folder.iterdir():
                path.unlink()
            with pytest.raises(JournalBroken):
                journal.append([answer("p2")])
            journal.append([answer("p3")])
        journal.flush(SECONDS)
        assert recorded(engine) == ["p1", "p3"]

    def test_while_its_folder_is_gone(self, journal: PredictionJournal, folder: Path) -> None:
        folder.rmdir()
        for _ in range(2):
            with pytest.raises(JournalBroken):
                journal.append([answer()])

    def test_in_a_process_that_was_forked(self, journal: PredictionJournal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "getpid", lambda: 0)
        with pytest.raises(JournalBroken, match="of its own"):
            journal.append([answer()])
        monkeypatch.undo()

    def test_while_the_disk_does_not_sync_and_answers_again_when_it_does(
        self, folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_descriptor: int) -> None:
            raise OSError

        journal = PredictionJournal(folder, engine, replace(LIMITS, drain_seconds=1000))
        monkeypatch.setattr(journal_segment, "_sync", fail)
        rows = []
        while taken(journal, row := answer()):
            rows.append(row)
        with pytest.raises(JournalBroken, match="does not take"):
            journal.append([answer()])
        monkeypatch.undo()
        while not taken(journal, row):
            continue
        journal.close()
        assert recorded(engine) == sorted(given.prediction_id for given in (*rows, row))

    def test_while_the_disk_is_full_and_answers_again_when_it_is_not(self, folder: Path, engine: Engine) -> None:
        done = run_child(engine, folder).communicate(timeout=SECONDS)[0].decode().splitlines()
        assert len(done) > 3
        assert done[-1] == "after the disk had room"
        recover(folder, engine)
        assert recorded(engine) == sorted(done)
        assert not Incidents(engine).all()


class TestWithoutTheDatabase:
    def test_rows_wait_and_are_carried_over_when_it_is_back(self, journal: PredictionJournal, engine: Engine) -> None:
        with locked(engine):
            journal.append([answer("p1")])
            with pytest.raises(JournalBehind):
                journal.flush(0.01)
            assert journal.backlog.rows == 1
            assert journal.backlog.oldest_seconds > 0
        journal.flush(SECONDS)
        assert recorded(engine) == ["p1"]
        assert journal.backlog.rows == 0

    def test_a_table_that_is_away_is_tried_again(
        self, folder: Path, engine: Engine, caplog: pytest.LogCaptureFixture
    ) -> None:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE predictions RENAME TO elsewhere"))
        journal = PredictionJournal(folder, engine, LIMITS)
        journal.append([answer("p1")])
        with pytest.raises(JournalBehind):
            journal.flush(0.1)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO predictions"))
        journal.flush(SECONDS)
        journal.close()
        assert recorded(engine) == ["p1"]
        assert "p1" not in caplog.text

    def test_what_is_left_at_closing_is_drained_by_the_next(self, folder: Path, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE predictions RENAME TO elsewhere"))
        first = PredictionJournal(folder, engine, LIMITS)
        first.append([answer("p1")])
        first.close()
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO predictions"))
        PredictionJournal(folder, engine, LIMITS).close()
        recover(folder, engine)
        assert recorded(engine) == ["p1"]


def run_child(engine: Engine, folder: Path, kills: int = 0) -> subprocess.Popen[bytes]:
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.governance.answering", url, str(folder), str(kills)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def kill_many(engine: Engine, folder: Path, kills: int) -> list[str]:
    """Kill one answering process after the other amid its answers, and return the answers that were given."""
    child, given = run_child(engine, folder, kills), []
    assert child.stdout
    lines = (line.decode().strip() for line in child.stdout)
    for _ in range(kills):
        answering = int(next(lines))
        given += [next(lines) for _ in range(1 + secrets.randbelow(150))]
        os.kill(answering, signal.SIGKILL)
        given += iter(lambda: next(lines), "dead")
    child.stdout.close()
    assert child.wait() == 0
    return given


class TestKilled:
    def test_every_answer_that_was_given_is_recorded_once(self, folder: Path, engine: Engine) -> None:
        with ThreadPoolExecutor(2) as pool:
            given = [*chain(*pool.map(lambda _: kill_many(engine, folder, KILLS), range(2)))]
        recover(folder, engine)
        found = recorded(engine)
        assert len(found) == len(set(found))
        assert set(given) <= set(found)
        assert not list(folder.glob("*.journal"))
        assert not Incidents(engine).all()

    def test_on_postgresql_alike(self, folder: Path, postgresql: Engine) -> None:
        given = kill_many(postgresql, folder, 6)
        recover(folder, postgresql)
        assert set(given) <= set(recorded(postgresql))
        assert not list(folder.glob("*.journal"))

    def test_a_row_that_was_cut_was_never_answered_and_goes(self, folder: Path, engine: Engine) -> None:
        whole, cut = framed("p1"), framed("p2")
        for length in (1, HEAD_BYTES, len(cut) - 1):
            left_by_the_dead(folder, whole + cut[:length])
        assert recover(folder, engine) == 3
        assert recorded(engine) == ["p1"]
        assert not list(folder.iterdir())
        assert not Incidents(engine).all()

    def test_zeros_that_a_power_failure_left_go_too(self, folder: Path, engine: Engine) -> None:
        left_by_the_dead(folder, framed("p1") + bytes(5000))
        recover(folder, engine)
        assert recorded(engine) == ["p1"]
        assert not list(folder.iterdir())

    def test_two_that_recover_the_same_at_once_make_no_doubles(self, folder: Path, engine: Engine) -> None:
        names = sorted(answer().prediction_id for _ in range(60))
        for at in range(0, 60, 3):
            left_by_the_dead(folder, framed(*names[at : at + 3]))
        begin = Barrier(2)

        def recovering() -> int:
            begin.wait()
            return recover(folder, engine)

        with ThreadPoolExecutor(2) as pool:
            rows = [found.result() for found in [pool.submit(recovering) for _ in range(2)]]
        assert sum(rows) == 60
        assert recorded(engine) == names

    def test_what_was_drained_before_the_kill_is_not_drained_again(self, folder: Path, engine: Engine) -> None:
        first, second = framed("p1"), framed("p2")
        path = left_by_the_dead(folder, first + second)
        segment = Segment.take(path)
        assert segment
        segment.mark_drained(MARK.size + len(first))
        segment.close()
        assert recover(folder, engine) == 1
        assert recorded(engine) == ["p2"]

    def test_a_living_process_keeps_its_own(self, journal: PredictionJournal, engine: Engine, folder: Path) -> None:
        with locked(engine):
            journal.append([answer("p1")])
            assert recover(folder, engine) == 0


class TestBroken:
    """What cannot be recorded is put aside, told, and keeps nothing else from being recorded."""

    @pytest.mark.parametrize("place", [0, 5, HEAD_BYTES + 3], ids=["start", "length", "payload"])
    def test_a_frame_in_the_middle_costs_no_other(self, folder: Path, engine: Engine, place: int) -> None:
        spoilt = bytearray(framed("p2"))
        spoilt[place] ^= 0xFF
        left_by_the_dead(folder, framed("p1") + bytes(spoilt) + framed("p3"))
        recover(folder, engine)
        assert recorded(engine) == ["p1", "p3"]
        assert [path.suffix for path in folder.iterdir()] == [".broken"]
        assert [(item.about, item.facts["faults"]) for item in Incidents(engine).all()] == [("predictions", 1)]

    def test_a_last_frame_that_was_whole_once_is_told(self, folder: Path, engine: Engine) -> None:
        content = bytearray(framed("p1", "p2"))
        content[-1] ^= 0xFF
        left_by_the_dead(folder, bytes(content))
        recover(folder, engine)
        assert recorded(engine) == ["p1"]
        assert len(Incidents(engine).all()) == 1

    def test_in_a_living_journal_is_told_too(self, journal: PredictionJournal, engine: Engine, folder: Path) -> None:
        with locked(engine):
            for name in ("p1", "p2", "p3"):
                journal.append([answer(name)])
            (path,) = folder.glob("*.journal")
            content = path.read_bytes()
            place = content.index(b"p2")
            with path.open("r+b") as file:
                file.seek(place)
                file.write(b"p9")
        journal.flush(SECONDS)
        journal.append([answer("p4")])
        journal.close()
        assert recorded(engine) == ["p1", "p3", "p4"]
        assert [path.suffix for path in folder.iterdir()] == [".broken"]
        assert len(Incidents(engine).all()) == 1

    def test_rows_that_the_table_refuses_keep_no_other_waiting(self, folder: Path, postgresql: Engine) -> None:
        rows = [answer("p1"), answer("p2", purpose="\0"), answer("p3", band="b" * 50), answer("p4")]
        left_by_the_dead(folder, frame(encode(rows)))
        recover(folder, postgresql)
        assert recorded(postgresql) == ["p1", "p4"]
        assert [item.facts["faults"] for item in Incidents(postgresql).all()] == [2]

    def test_a_row_that_somebody_wrote_under_an_answers_id_is_told(self, folder: Path, engine: Engine) -> None:
        Predictions(engine).append([answer("p1"), answer("p2", score=0.9)])
        left_by_the_dead(folder, framed("p1", "p2", "p3"))
        recover(folder, engine)
        assert recorded(engine) == ["p1", "p2", "p3"]
        assert [item.facts["faults"] for item in Incidents(engine).all()] == [1]


class TestSettling:
    def test_waits_for_what_living_processes_answered(
        self, journal: PredictionJournal, engine: Engine, folder: Path
    ) -> None:
        journal.append([answer("p1")])
        assert settle(folder, engine, seconds=SECONDS)
        assert recorded(engine) == ["p1"]

    def test_drains_what_dead_ones_left(self, folder: Path, engine: Engine) -> None:
        left_by_the_dead(folder, framed("p1"))
        assert settle(folder, engine, seconds=SECONDS)
        assert recorded(engine) == ["p1"]

    def test_says_when_it_was_not_enough(self, folder: Path, engine: Engine) -> None:
        journal = PredictionJournal(folder, engine, replace(LIMITS, drain_seconds=1000))
        journal.flush(SECONDS)
        held = Segment.create(folder)
        held.append(framed("p1"))
        assert not settle(folder, engine, seconds=0.01)
        held.close()
        journal.close()

    def test_of_a_folder_that_cannot_be_read_says_so(self, folder: Path, engine: Engine) -> None:
        folder.mkdir()
        (folder / "a-folder.journal").mkdir()
        assert not settle(folder, engine, seconds=SECONDS)

    def test_of_a_home_without_a_journal_has_nothing_to_wait_for(self, folder: Path, engine: Engine) -> None:
        assert settle(folder, engine, seconds=0)


payloads = st.lists(st.binary(max_size=60), max_size=6)


class TestFrames:
    @given(payloads)
    def test_are_read_as_they_were_written(self, written: list[bytes]) -> None:
        data = b"".join(map(frame, written))
        assert [piece.payload for piece in pieces(data, at_end=True)] == written

    @given(payloads, st.binary(max_size=60), st.data())
    def test_that_were_cut_are_no_frames_and_nothing_broken(
        self, written: list[bytes], last: bytes, data: st.DataObject
    ) -> None:
        cut = frame(last)[: data.draw(st.integers(0, len(last) + HEAD_BYTES - 1))]
        content = b"".join(map(frame, written)) + cut
        assert [piece.payload for piece in pieces(content, at_end=True)] == written

    @given(payloads.filter(bool), st.data())
    def test_next_to_spoilt_bytes_are_found(self, written: list[bytes], data: st.DataObject) -> None:
        frames = [bytearray(frame(payload)) for payload in written]
        spoilt = data.draw(st.integers(0, len(frames) - 1))
        place = data.draw(st.integers(0, len(frames[spoilt]) - 1))
        frames[spoilt][place] ^= data.draw(st.integers(1, 255))
        found = list(pieces(b"".join(frames), at_end=True))
        kept = [piece.payload for piece in found if piece.payload is not None]
        assert kept == written[:spoilt] + written[spoilt + 1 :]
        assert len(found) == len(written)

    @given(st.lists(st.binary(max_size=30), min_size=1, max_size=5), st.integers(1, 40))
    def test_that_come_in_parts_are_waited_for(self, written: list[bytes], step: int) -> None:
        data, at, found = b"".join(map(frame, written)), 0, []
        for end in [*range(step, len(data), step), len(data)]:
            read = list(pieces(data[at:end], at_end=False))
            found += [piece.payload for piece in read]
            at += read[-1].end if read else 0
        assert found == written

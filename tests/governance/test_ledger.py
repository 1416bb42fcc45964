"""The chain: appended without gaps, verified offline, broken by any change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DatabaseError

from caregate.clock import fixed_clock
from governance.database import LedgerMissing, migrate, open_database, require_current
from governance.ledger import Act, BrokenChain, Ledger, canonical_json, verify_chain
from governance.seals import SealKeyMissing, with_key

KEY, ANOTHER = b"k" * 32, b"a" * 32
NOON = fixed_clock(datetime(2026, 1, 1, 12, tzinfo=UTC))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    migrate(url)
    engine = with_key(open_database(url), KEY)
    yield engine
    engine.dispose()


class TestAppending:
    def test_lines_are_numbered_linked_and_read_back(self, engine: Engine) -> None:
        ledger = Ledger(engine, NOON)
        first = ledger.append("ada", "snapshot.publish", "snapshot/x", digest="sha256:00", rows=3)
        second = ledger.append("ada", "run.judge", "no-show/run/1")
        assert (first.seq, second.seq, second.previous) == (1, 2, first.hash)
        assert list(ledger.read()) == [first, second]
        assert list(ledger.read(action="run.judge")) == [second]
        assert ledger.verify() == 2

    def test_the_same_act_is_written_once_where_asked(self, engine: Engine) -> None:
        ledger = Ledger(engine, NOON)
        assert ledger.append_once("ada", "snapshot.publish", "snapshot/x", digest="sha256:00")
        assert not ledger.append_once("ada", "snapshot.publish", "snapshot/x", digest="sha256:00")
        assert ledger.append_once("ada", "snapshot.publish", "snapshot/x", digest="sha256:11")
        assert ledger.verify() == 2

    def test_many_writers_leave_one_chain_without_gaps(self, engine: Engine) -> None:
        def write(number: int) -> None:
            Ledger(engine, NOON).append(f"writer-{number % 4}", "thing.do", str(number))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(40)))
        assert Ledger(engine).verify() == 40

    @pytest.mark.parametrize("statement", ["UPDATE acts SET actor = 'eve'", "DELETE FROM acts"])
    def test_the_database_refuses_to_change_a_line(self, engine: Engine, statement: str) -> None:
        Ledger(engine, NOON).append("ada", "thing.do", "x")
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
        assert Ledger(engine).verify() == 1


class TestVerifying:
    @staticmethod
    def chain(tmp_path: Path, length: int = 4) -> list[Act]:
        url = f"sqlite:///{tmp_path / 'chain.db'}"
        migrate(url)
        ledger = Ledger(with_key(open_database(url), KEY), NOON)
        return [ledger.append("ada", "thing.do", str(number)) for number in range(length)]

    @pytest.mark.parametrize("field", ["at", "actor", "action", "subject", "digest", "detail", "hash"])
    def test_a_changed_field_is_found_at_its_line(self, tmp_path: Path, field: str) -> None:
        lines = self.chain(tmp_path)
        lines[2] = replace(lines[2], **{field: "other"})
        with pytest.raises(BrokenChain) as broken:
            verify_chain(iter(lines))
        assert broken.value.seq == 3

    def test_a_missing_a_doubled_and_a_moved_line_are_found(self, tmp_path: Path) -> None:
        lines = self.chain(tmp_path)
        for broken in (lines[:1] + lines[2:], lines[:2] + lines[1:], [lines[1], lines[0], *lines[2:]]):
            with pytest.raises(BrokenChain):
                verify_chain(iter(broken))

    def test_lines_cut_off_at_the_end_are_a_shorter_chain(self, tmp_path: Path) -> None:
        assert verify_chain(iter(self.chain(tmp_path)[:2])) == 2

    def test_a_change_past_the_triggers_is_found(self, tmp_path: Path) -> None:
        self.chain(tmp_path)
        raw = create_engine(f"sqlite:///{tmp_path / 'chain.db'}")
        with raw.begin() as connection:
            connection.execute(text("DROP TRIGGER acts_no_update"))
            connection.execute(text("UPDATE acts SET subject = 'other' WHERE seq = 2"))
        raw.dispose()
        with pytest.raises(BrokenChain) as broken:
            Ledger(open_database(f"sqlite:///{tmp_path / 'chain.db'}")).verify()
        assert broken.value.seq == 2


class TestSeals:
    """Anybody with SQL can write a line that follows from the last one; nobody without the home's key can seal it."""

    @staticmethod
    def forge(engine: Engine, action: str = "approval.approve") -> None:
        last = [*Ledger(engine).read()][-1]
        other = Ledger(with_key(engine, ANOTHER), NOON)
        assert other.append("rita", action, "no-show/1").previous == last.hash

    def test_a_line_under_another_key_is_read_but_counts_for_nothing(self, engine: Engine) -> None:
        ledger = Ledger(engine, NOON)
        true = ledger.append("rita", "approval.approve", "no-show/2")
        self.forge(engine)
        assert len(list(ledger.read(action="approval.approve"))) == 2
        assert list(ledger.sealed("approval.approve")) == [true]

    def test_it_is_named_when_the_chain_is_verified(self, engine: Engine) -> None:
        Ledger(engine, NOON).append("ada", "thing.do", "x")
        self.forge(engine)
        assert verify_chain(Ledger(engine).read()) == 2
        with pytest.raises(BrokenChain, match="line 2: its seal is not this home's"):
            Ledger(engine).verify()

    def test_a_sealed_line_whose_content_was_changed_counts_for_nothing(self, engine: Engine) -> None:
        act = Ledger(engine, NOON).append("rita", "approval.reject", "no-show/2")
        assert act.is_sealed(KEY)
        assert not replace(act, action="approval.approve").is_sealed(KEY)

    def test_without_the_key_nothing_is_written_and_nothing_trusted(self, engine: Engine) -> None:
        Ledger(engine, NOON).append("ada", "thing.do", "x")
        keyless = Ledger(with_key(engine, KEY).execution_options(seal_key=None), NOON)
        with pytest.raises(SealKeyMissing):
            keyless.append("ada", "thing.do", "x")
        with pytest.raises(SealKeyMissing):
            list(keyless.sealed("thing.do"))
        assert keyless.verify() == 1


class TestCanonicalJson:
    @given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none(), st.booleans())))
    def test_the_order_of_keys_does_not_matter(self, value: dict[str, object]) -> None:
        assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


class TestOpening:
    def test_a_home_without_a_ledger_is_told_to_make_one(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'none.db'}"
        with pytest.raises(LedgerMissing, match="caregate init"):
            require_current(open_database(url))
        assert not (tmp_path / "none.db").exists()

    def test_the_migrations_make_the_tables_that_the_code_knows(self, engine: Engine) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.runtime.migration import MigrationContext

        from governance.schema import metadata

        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []

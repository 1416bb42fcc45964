"""The chain: appended without gaps, verified offline, broken by any change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.exc import DatabaseError

from caregate.clock import fixed_clock
from caregate.errors import CaregateError
from governance.chain import draft, line_hash
from governance.database import LedgerMissing, exclusive, migrate, open_database, require_current
from governance.ledger import START, Act, BrokenChain, Ledger, Link, UnfitAct, canonical_json, verify_chain
from governance.schema import acts
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


class TestWhatIsAppended:
    """Both databases keep the same acts, or none of them does."""

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"actor": "a\0b"}, "actor holds the character NUL"),
            ({"subject": "\ud800"}, "subject holds half of a surrogate pair"),
            ({"reason": "\udfff"}, "detail holds half of a surrogate pair"),
            ({"actor": "a" * 201}, "actor is longer than 200"),
            ({"subject": "s" * 501}, "subject is longer than 500"),
            ({"reason": "r" * 1_000_001}, "detail is longer than 1,000,000"),
        ],
    )
    def test_what_a_database_would_not_keep_is_refused_before(
        self, engine: Engine, fields: dict[str, str], why: str
    ) -> None:
        ledger = Ledger(engine, NOON)
        act = {"actor": "ada", "action": "thing.do", "subject": "x", **fields}
        with pytest.raises(UnfitAct, match=why):
            ledger.append(**act)
        with pytest.raises(UnfitAct), exclusive(engine) as connection:
            ledger.append_within(connection, **act)
        assert ledger.verify() == 0

    def test_odd_text_and_much_of_it_come_back_as_they_went(self, engine: Engine) -> None:
        ledger = Ledger(engine, NOON)
        odd = '\u2028\ufeff\U0001f9ea\x7f"\\\t\r\n é e\u0301'
        act = ledger.append(odd, "thing.do", odd, reason="\0" + odd, much="m" * 990_000)
        assert list(ledger.read()) == [act]
        assert act.facts["reason"] == "\0" + odd
        assert (ledger.verify(), next(ledger.sealed("thing.do")).actor) == (1, odd)

    @given(names=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=12))
    @settings(max_examples=30, deadline=None)
    def test_any_acts_make_a_chain_that_verifies_or_are_refused(self, names: list[tuple[str, str]]) -> None:
        with TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/ledger.db"
            migrate(url)
            engine = with_key(open_database(url), KEY)
            ledger, written = Ledger(engine, NOON), []
            for actor, subject in names:
                with suppress(UnfitAct):
                    written.append(ledger.append(actor, "thing.do", subject, again=subject))
            assert list(ledger.read()) == written
            assert ledger.verify() == len(written)
            engine.dispose()

    @given(fields=st.tuples(st.integers(1), *[st.text() for _ in range(7)]))
    def test_a_line_is_hashed_as_the_canonical_json_of_its_fields(self, fields: tuple[Any, ...]) -> None:
        expected = sha256(canonical_json(list(fields)).encode(errors="surrogatepass")).hexdigest()
        with suppress(UnicodeEncodeError):
            assert line_hash(*fields) == expected


class TestConcurrency:
    @pytest.mark.parametrize("engines", [1, 8])
    def test_eight_threads_leave_each_act_once_and_no_gap(self, engine: Engine, engines: int) -> None:
        own = [with_key(engine, KEY) for _ in range(engines)]

        def write(number: int) -> Act:
            return Ledger(own[number % engines], NOON).append(f"writer-{number % 8}", "thing.do", str(number))

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(write, range(80)))
        assert sorted(answers, key=lambda act: act.seq) == list(Ledger(engine).read())
        assert {act.subject for act in answers} == {str(number) for number in range(80)}
        assert Ledger(engine).verify() == 80

    def test_a_failure_reaches_all_who_waited_and_the_next_act_is_written(self, engine: Engine) -> None:
        def broken() -> datetime:
            raise CaregateError("no clock")

        def write(number: int) -> None:
            with pytest.raises(CaregateError, match="no clock"):
                Ledger(engine, broken).append("ada", "thing.do", str(number))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(8)))
        assert Ledger(engine, NOON).append("ada", "thing.do", "x").seq == 1

    def test_a_line_written_past_the_lock_does_not_double_an_act(self, postgresql_url: str) -> None:
        migrate(postgresql_url)
        engine = with_key(open_database(postgresql_url), KEY)
        ledger = Ledger(engine, NOON)
        rows: list[Act] = []

        def interrupted() -> datetime:
            if not rows:  # between our reading the head and our writing, another takes the next number
                rows.append(draft("eve", "thing.do", "x", "", {}).follow(START, NOON, KEY))
                with engine.begin() as connection:
                    connection.execute(insert(acts).values(asdict(rows[0])))
            return NOON()

        act = Ledger(engine, interrupted).append("ada", "thing.do", "y")
        assert (act.seq, act.previous) == (2, rows[0].hash)
        assert ledger.verify() == 2
        engine.dispose()


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

    @given(
        at=st.integers(0, 3), field=st.sampled_from([field.name for field in fields(Act)]), other=st.text(max_size=70)
    )
    def test_any_change_of_any_field_of_any_line_is_found(self, at: int, field: str, other: str) -> None:
        lines = made_chain(4)
        value: Any = len(other) if field == "seq" else other
        if getattr(lines[at], field) == value:
            return
        lines[at] = replace(lines[at], **{field: value})
        with pytest.raises(BrokenChain) as broken:
            verify_chain(lines, KEY)
        assert broken.value.seq in {at + 1, at + 2, value}

    @pytest.mark.parametrize("value", ["x'ff'", "7", "CAST(x'ff' AS TEXT)", "'é'"])
    @pytest.mark.parametrize("field", ["actor", "seal", "hash"])
    def test_what_is_no_text_in_the_file_is_a_broken_line_and_no_fault(
        self, tmp_path: Path, field: str, value: str
    ) -> None:
        self.chain(tmp_path)
        raw = create_engine(f"sqlite:///{tmp_path / 'chain.db'}")
        with raw.begin() as connection:
            connection.execute(text("DROP TRIGGER acts_no_update"))
            connection.execute(text(f"UPDATE acts SET {field} = {value} WHERE seq = 2"))  # noqa: S608
        raw.dispose()
        with pytest.raises(BrokenChain):
            Ledger(with_key(open_database(f"sqlite:///{tmp_path / 'chain.db'}"), KEY)).verify()

    def test_the_lines_since_one_that_is_known_are_checked_alone(self, tmp_path: Path) -> None:
        lines = self.chain(tmp_path, 6)
        ledger = Ledger(with_key(open_database(f"sqlite:///{tmp_path / 'chain.db'}"), KEY))
        head = Link(6, lines[5].hash)
        for line in lines:
            assert ledger.verify_since(Link(line.seq, line.hash)) == head
        assert ledger.verify_since(START) == ledger.head() == head
        for wrong in (Link(3, lines[3].hash), Link(7, head.hash)):
            with pytest.raises(BrokenChain) as broken:
                ledger.verify_since(wrong)
            assert broken.value.seq == wrong.seq

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


def made_chain(length: int) -> list[Act]:
    lines, last = [], START
    for number in range(length):
        lines.append(draft("ada", "thing.do", str(number), "", {"n": number}).follow(last, NOON, KEY))
        last = Link(lines[-1].seq, lines[-1].hash)
    return lines


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

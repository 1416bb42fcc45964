"""Decisions about rows held back: by whom, why, what they do, and that a discarded row is gone."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DatabaseError

from caregate.clock import fixed_clock
from governance.database import migrate, open_database
from governance.held_rows import Held, State
from governance.ledger import Ledger
from governance.people import People, Role
from governance.quarantine import JournalInUse, NotASteward, Quarantine, ReasonUnfit
from governance.row_keys import RowDiscarded, RowKeys, RowUnknown
from governance.schema import quarantine_decisions
from governance.seals import with_key
from governance.vault import SealBroken, Vault

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = secrets.token_bytes(64)
SEAL_KEY = b"s" * 32
WHY = "seen and settled by the ward"
DIGEST = "sha256:" + "1" * 64


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    yield furnished(url)
    open_database(url).dispose()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    yield furnished(url)
    open_database(url).dispose()


def furnished(url: str) -> Engine:
    migrate(url)
    engine = with_key(open_database(url), SEAL_KEY)
    people = People(engine, fixed_clock(NOW))
    for role in (Role.ENGINEER, Role.ADMIN, Role.REVIEWER, Role.CLINICAL_REVIEWER, Role.AUDITOR):
        people.add(role.value, role, by="ada")
    people.add("pipeline", Role.ENGINEER, by="ada", service=True)
    people.add("gone", Role.ENGINEER, by="ada")
    people.disable("gone", by="ada")
    return engine


def held(engine: Engine, content: bytes = b"a row", *, rule: str = "implausible-age", number: int = 7) -> Held:
    vault = Vault(engine, KEY)
    key = RowKeys(vault, fixed_clock(NOW)).draw([vault.mark("place", content)])
    return Held(next(iter(key.values())).name, DIGEST, "csv", "appointments", number, rule)


def actions(engine: Engine) -> list[str]:
    return [act.action for act in Ledger(engine).read() if act.action.startswith("quarantine.")]


class TestKeys:
    def test_a_content_has_one_key_however_often_it_is_asked_for(self, engine: Engine) -> None:
        keys = RowKeys(Vault(engine, KEY), fixed_clock(NOW))
        first = keys.draw(["1" * 64, "2" * 64, "1" * 64])
        again = keys.draw(["3" * 64, "1" * 64])
        assert again["1" * 64] == first["1" * 64] == keys.find(first["1" * 64].name)
        assert len({key.secret for key in (first | again).values()}) == 3
        assert first["1" * 64].since == NOW

    def test_a_row_opens_under_its_own_key_and_label_alone(self, engine: Engine) -> None:
        one, other = RowKeys(Vault(engine, KEY)).draw(["1" * 64, "2" * 64]).values()
        sealed = one.seal("here", b"content")
        assert one.unseal("here", sealed) == b"content"
        for key, label in ((one, "there"), (other, "here")):
            with pytest.raises(SealBroken):
                key.unseal(label, sealed)

    def test_nothing_of_a_key_or_content_stands_in_the_database(self, lite: Engine, tmp_path: Path) -> None:
        vault = Vault(lite, KEY)
        key = RowKeys(vault).draw([vault.mark("place", b"very identifying")])
        lite.dispose()
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"very identifying" not in kept
        assert (next(iter(key.values())).secret or b"?") not in kept

    def test_a_mark_tells_homes_labels_and_contents_apart(self, lite: Engine) -> None:
        vault, other = Vault(lite, KEY), Vault(lite, secrets.token_bytes(64))
        assert vault.mark("a", b"1") == vault.mark("a", b"1")
        assert len({vault.mark("a", b"1"), vault.mark("a", b"2"), vault.mark("a1", b""), other.mark("a", b"1")}) == 4


class TestDecisions:
    def test_the_last_one_counts(self, engine: Engine) -> None:
        row, said = held(engine), Quarantine(engine, fixed_clock(NOW))
        assert said.standing().of(row) is State.HELD
        assert said.release([row], reason=WHY, by="engineer") == 1
        assert said.standing().of(row) is State.RELEASED
        assert said.hold([row], reason=WHY, by="admin") == 1
        assert said.standing().of(row) is State.HELD
        assert said.discard([row], reason=WHY, by="engineer") == 1
        assert said.standing().of(row) is State.DISCARDED
        assert actions(engine) == ["quarantine.release", "quarantine.hold", "quarantine.discard"]
        assert Ledger(engine).verify() > 0

    def test_a_release_is_from_one_rule_and_of_one_content(self, engine: Engine) -> None:
        row, said = held(engine), Quarantine(engine)
        said.release([row], reason=WHY, by="engineer")
        vault = Vault(engine, KEY)
        assert said.released() == {(vault.mark("place", b"a row"), "implausible-age")}
        others = [held(engine, rule="another"), held(engine, b"another row")]
        assert [said.standing().of(other) for other in others] == [State.HELD, State.HELD]

    @pytest.mark.parametrize("act", ["release", "hold", "discard"])
    def test_said_twice_it_is_done_once(self, lite: Engine, act: str) -> None:
        row, said = held(lite), Quarantine(lite)
        if act == "hold":
            said.release([row], reason=WHY, by="engineer")
        decide: Callable[..., int] = getattr(said, act)
        assert [decide([row], reason=WHY, by="engineer") for _ in range(2)] == [1, 0]
        assert actions(lite).count(f"quarantine.{act}") == 1

    def test_who_when_and_why_stand_in_table_and_ledger(self, lite: Engine) -> None:
        row = held(lite)
        Quarantine(lite, fixed_clock(NOW)).release([row], reason=f" {WHY} ", by="engineer")
        with lite.connect() as connection:
            decision = connection.execute(select(quarantine_decisions)).one()
        assert (decision.row, decision.rule, decision.reason, decision.by) == (row.key, row.rule, WHY, "engineer")
        (act,) = Ledger(lite).read(action="quarantine.release")
        assert (act.actor, act.subject, act.digest) == ("engineer", "quarantine/csv/appointments/7", DIGEST)
        assert WHY in act.detail

    def test_are_never_changed_or_removed(self, engine: Engine) -> None:
        Quarantine(engine).release([held(engine)], reason=WHY, by="engineer")
        for statement in ("UPDATE quarantine_decisions SET verdict = 'held'", "DELETE FROM quarantine_decisions"):
            with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
                connection.execute(text(statement))

    @pytest.mark.parametrize("reason", ["", "   too    ", "x" * 501])
    def test_have_to_be_explained(self, lite: Engine, reason: str) -> None:
        with pytest.raises(ReasonUnfit):
            Quarantine(lite).release([held(lite)], reason=reason, by="engineer")
        assert actions(lite) == []

    def test_of_a_key_that_the_ledger_does_not_know_are_refused(self, lite: Engine) -> None:
        said, row = Quarantine(lite), Held("unknown", DIGEST, "csv", "appointments", 1, "implausible-age")
        assert said.standing().of(row) is State.UNKNOWN
        for decide in (said.release, said.hold, said.discard):
            with pytest.raises(RowUnknown):
                decide([held(lite), row], reason=WHY, by="engineer")
        assert actions(lite) == []


class TestStewards:
    @pytest.mark.parametrize("name", ["reviewer", "clinical-reviewer", "auditor", "pipeline", "gone", "nobody"])
    def test_nobody_else_opens_or_decides_and_the_refusal_leaves_a_line(self, lite: Engine, name: str) -> None:
        row, said = held(lite), Quarantine(lite)
        for decide in (said.release, said.hold, said.discard):
            with pytest.raises(NotASteward):
                decide([row], reason=WHY, by=name)
        with pytest.raises(NotASteward):
            said.record_opening(row, by=name)
        assert said.standing().of(row) is State.HELD
        refusals = list(Ledger(lite).read(action="quarantine.refuse"))
        assert [act.actor for act in refusals] == [name] * 4
        assert actions(lite) == ["quarantine.refuse"] * 4

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("reviewer", "the account 'reviewer' has the role reviewer"),
            ("pipeline", "the account 'pipeline' is a service's"),
            ("gone", "the account 'gone' is disabled"),
            ("nobody", "no account is signed in as 'nobody': `caregate sign-in NAME` first"),
        ],
    )
    def test_a_refusal_says_who_may_and_what_this_account_is(self, lite: Engine, name: str, why: str) -> None:
        with pytest.raises(NotASteward, match=why) as refusal:
            Quarantine(lite).record_opening(held(lite), by=name)
        assert "engineer or admin" in str(refusal.value)
        assert ("caregate sign-in" in str(refusal.value)) is (name == "nobody")

    @pytest.mark.parametrize("name", ["engineer", "admin"])
    def test_an_opening_leaves_a_line(self, lite: Engine, name: str) -> None:
        Quarantine(lite).record_opening(held(lite), by=name)
        (act,) = Ledger(lite).read(action="quarantine.show")
        assert (act.actor, act.subject) == (name, "quarantine/csv/appointments/7")


class TestDiscarded:
    def test_nothing_opens_it_any_more(self, engine: Engine) -> None:
        keys = RowKeys(Vault(engine, KEY))
        row = held(engine)
        sealed = keys.find(row.key).seal("here", b"a row")
        Quarantine(engine).discard([row], reason=WHY, by="engineer")
        with pytest.raises(RowDiscarded):
            keys.find(row.key).unseal("here", sealed)

    def test_its_content_is_not_sealed_again_and_never_released(self, engine: Engine) -> None:
        row, said = held(engine), Quarantine(engine)
        said.release([row], reason=WHY, by="engineer")
        said.discard([row], reason=WHY, by="engineer")
        assert held(engine) == row
        assert RowKeys(Vault(engine, KEY)).find(row.key).seal("here", b"a row") is None
        assert said.released() == frozenset()
        for decide in (said.release, said.hold):
            with pytest.raises(RowDiscarded):
                decide([row], reason=WHY, by="engineer")
        with pytest.raises(RowDiscarded):
            said.record_opening(row, by="engineer")

    def test_the_bytes_of_its_key_are_gone_from_the_files(self, lite: Engine, tmp_path: Path) -> None:
        RowKeys(Vault(lite, KEY)).draw([f"{number:064}" for number in range(300)])
        row, other = held(lite), held(lite, b"another row")
        with lite.connect() as connection:
            found = connection.execute(text('SELECT "key" FROM quarantine WHERE row = :row'), {"row": row.key})
            sealed = bytes(found.scalar_one())
        assert any(sealed in path.read_bytes() for path in tmp_path.iterdir())
        Quarantine(lite).discard([row], reason=WHY, by="engineer")
        assert not any(sealed in path.read_bytes() for path in tmp_path.iterdir())
        assert RowKeys(Vault(lite, KEY)).find(other.key).secret is not None

    def test_a_reader_that_keeps_the_journal_is_told_of_and_the_next_try_wipes_it(
        self, lite: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("governance.quarantine.JOURNAL_WAIT", 0.05)
        row = held(lite)
        with lite.connect() as reader:
            reader.execute(text("SELECT * FROM quarantine")).all()
            with pytest.raises(JournalInUse, match="again"):
                Quarantine(lite).discard([row], reason=WHY, by="engineer")
        assert Quarantine(lite).standing().of(row) is State.DISCARDED
        assert Quarantine(lite).discard([row], reason=WHY, by="engineer") == 0
        assert Path(f"{lite.url.database}-wal").stat().st_size == 0


KILLED = """
import os, signal, sys
import governance.quarantine as module
from governance.database import open_database
from governance.seals import with_key

step, url, key = sys.argv[1:4]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if step == "before-the-act":
    module.Ledger.append_within = die
elif step == "before-the-key":
    module.destroy = die
elif step == "before-the-end":
    real = module.destroy
    module.destroy = lambda *given: (real(*given), die())
elif step == "before-the-journal":
    module._forget_journal = die
row = module.Held(key, "sha256:1", "csv", "appointments", 7, "implausible-age")
module.Quarantine(with_key(open_database(url), b"s" * 32)).discard([row], reason="seen and settled", by="engineer")
"""


class TestKilled:
    @pytest.mark.parametrize("step", ["before-the-act", "before-the-key", "before-the-end", "before-the-journal"])
    def test_while_discarding_it_is_all_or_nothing_and_goes_on(self, lite: Engine, tmp_path: Path, step: str) -> None:
        row = held(lite)
        with lite.connect() as connection:
            sealed = bytes(connection.execute(text('SELECT "key" FROM quarantine')).scalar_one())
        assert run(step, lite, row) == -signal.SIGKILL
        done = step == "before-the-journal"
        assert Quarantine(lite).standing().of(row) is (State.DISCARDED if done else State.HELD)
        assert actions(lite) == (["quarantine.discard"] if done else [])
        assert run("never", lite, row) == 0
        assert Quarantine(lite).standing().of(row) is State.DISCARDED
        assert actions(lite) == ["quarantine.discard"]
        assert not any(sealed in path.read_bytes() for path in tmp_path.iterdir())
        Ledger(lite).verify()


def run(step: str, engine: Engine, row: Held) -> int:
    command = [sys.executable, "-c", KILLED, step, engine.url.render_as_string(hide_password=False), row.key]
    return subprocess.run(command, check=False, env=dict(os.environ)).returncode

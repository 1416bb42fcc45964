"""Keys of clients of the scoring API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from caregate.clock import fixed_clock
from governance.client_key import ACTS, digest_of_key
from governance.client_keys import ClientKeys, NotAClient, Scope, UnfitTerms, UnknownKey, UnknownScope
from governance.database import migrate, open_database
from governance.last_line import LastLine
from governance.ledger import Ledger
from governance.people import People, Role
from governance.seals import with_key

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    engine = with_key(open_database(url), b"k" * 32)
    People(engine, fixed_clock(NOW)).add("clinic", Role.CRM, by="ada", service=True)
    return engine


@pytest.fixture
def keys(engine: Engine) -> ClientKeys:
    return ClientKeys(engine, fixed_clock(NOW))


class TestIssuing:
    def test_a_key_opens_its_scopes_until_it_expires(self, keys: ClientKeys) -> None:
        secret = keys.issue("clinic", [Scope.SCORE], by="ada", days=30, rate_per_second=5)
        (key,) = keys.all()
        assert (key.client, key.scopes, key.rate_per_second) == ("clinic", {Scope.SCORE}, 5)
        assert key.digest == digest_of_key(secret)
        assert key.stands(NOW + timedelta(days=29))
        assert not key.stands(NOW + timedelta(days=30))

    def test_a_client_has_several(self, keys: ClientKeys) -> None:
        assert keys.issue("clinic", by="ada") != keys.issue("clinic", by="ada")
        assert [key.stands(NOW) for key in keys.all()] == [True, True]

    def test_its_id_stands_in_it_and_the_rest_is_kept_nowhere(self, keys: ClientKeys, engine: Engine) -> None:
        issued = keys.issue_named("clinic", by="ada")
        assert issued.secret.startswith(f"cg_{issued.key_id}_")
        with engine.connect() as connection:
            kept = str(connection.execute(text("SELECT * FROM acts")).all())
        assert issued.key_id in kept
        assert issued.secret.removeprefix(f"cg_{issued.key_id}_") not in kept

    @pytest.mark.parametrize("name", ["nobody", "ada", "gone"])
    def test_only_clients_that_stand_get_one(self, keys: ClientKeys, engine: Engine, name: str) -> None:
        people = People(engine, fixed_clock(NOW))
        people.add("ada", Role.ADMIN, by="ada")
        people.add("gone", Role.CRM, by="ada", service=True)
        people.disable("gone", by="ada")
        with pytest.raises(NotAClient):
            keys.issue(name, by="ada")

    @pytest.mark.parametrize("terms", [{"days": 0}, {"days": 4000}, {"rate_per_second": 0}, {"rate_per_second": -1}])
    def test_terms_that_no_key_can_have(self, keys: ClientKeys, terms: dict) -> None:
        with pytest.raises(UnfitTerms):
            keys.issue("clinic", by="ada", **terms)
        with pytest.raises(UnknownScope):
            keys.issue("clinic", [], by="ada")
        assert keys.all() == []

    def test_one_that_was_written_into_the_database_does_not_exist(self, engine: Engine) -> None:
        forger = with_key(engine, b"a" * 32)
        People(forger).add("eve", Role.CRM, by="eve", service=True)
        ClientKeys(forger).issue("eve", by="eve")
        assert ClientKeys(engine).all() == []


class TestEnding:
    def test_a_revoked_key_ends_now_and_leaves_a_line(self, keys: ClientKeys, engine: Engine) -> None:
        issued = keys.issue_named("clinic", by="ada")
        keys.revoke(issued.key_id, by="ada")
        (key,) = keys.all()
        assert not key.stands(NOW)
        assert [act.action for act in Ledger(engine).read(subject="clinic")][1:] == ["key.issue", "key.revoke"]
        with pytest.raises(UnknownKey):
            keys.revoke(issued.key_id, by="ada")

    def test_a_rotated_key_stands_beside_the_new_one_for_a_while(self, keys: ClientKeys) -> None:
        old = keys.issue_named("clinic", [Scope.SCORE], by="ada", days=30, rate_per_second=5)
        new = keys.rotate(old.key_id, by="ada", overlap_hours=2)
        before, after = keys.all()
        assert (after.key_id, after.scopes, after.rate_per_second) == (new.key_id, {Scope.SCORE}, 5)
        assert after.expires_at == NOW + timedelta(days=30)
        assert before.stands(NOW + timedelta(hours=1.9))
        assert not before.stands(NOW + timedelta(hours=2))

    def test_an_overlap_lengthens_no_life(self, engine: Engine) -> None:
        old = ClientKeys(engine, fixed_clock(NOW)).issue_named("clinic", by="ada", days=1)
        ClientKeys(engine, fixed_clock(NOW + timedelta(hours=23))).rotate(old.key_id, by="ada", overlap_hours=24)
        assert ClientKeys(engine).all()[0].ends_at == NOW + timedelta(days=1)

    def test_all_keys_of_a_disabled_account_end(self, keys: ClientKeys, engine: Engine) -> None:
        keys.issue("clinic", by="ada")
        People(engine, fixed_clock(NOW)).disable("clinic", by="ada")
        assert [key.stands(NOW) for key in keys.all()] == [False]


class TestLastLine:
    def test_it_rises_with_lines_of_its_kinds_alone(self, keys: ClientKeys, engine: Engine) -> None:
        last = LastLine(engine, *ACTS)
        assert last.seq() == 1
        Ledger(engine).append("ada", "something.else", "home")
        assert last.seq() == 1
        keys.issue("clinic", by="ada")
        assert last.seq() == 3

    def test_it_opens_another_connection_after_it_was_closed(self, engine: Engine) -> None:
        last = LastLine(engine, *ACTS)
        last.seq()
        last.close()
        assert last.seq() == 1

    def test_without_any_line_it_is_zero(self, engine: Engine) -> None:
        assert LastLine(engine, "none.such").seq() == 0

    def test_on_postgresql_it_outlives_a_connection_that_was_cut(self, postgresql_url: str) -> None:
        migrate(postgresql_url)
        engine = with_key(open_database(postgresql_url), b"k" * 32)
        last = LastLine(engine, *ACTS)
        assert last.seq() == 0
        Ledger(engine).append("ada", ACTS[0], "clinic")
        assert last.seq() == 1
        with engine.begin() as connection:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
            connection.execute(text(cut + "current_database()"))
        assert last.seq() == 1
        last.close()
        engine.dispose()

"""Accounts and keys."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from caregate.clock import fixed_clock
from governance.database import migrate, open_database
from governance.ledger import Ledger
from governance.people import AccountExists, People, Role, UnknownAccount, UnknownRole
from governance.seals import with_key

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    return with_key(open_database(url), b"k" * 32)


class TestAccounts:
    def test_a_name_is_never_used_twice_even_after_it_was_disabled(self, engine: Engine) -> None:
        people = People(engine, fixed_clock(NOW))
        people.add("rita", Role.REVIEWER, by="ada")
        people.disable("rita", by="ada")
        with pytest.raises(AccountExists):
            people.add("rita", Role.ENGINEER, by="ada")
        found = people.find("rita")
        assert found is not None
        assert found.disabled
        assert found.role is Role.REVIEWER

    def test_only_roles_that_an_account_can_be_given_are_offered(self) -> None:
        offered = str(UnknownRole()).partition("choose one of ")[2].split(", ")
        assert offered == ["engineer", "reviewer", "clinical-reviewer", "crm", "auditor", "admin"]

    def test_every_change_leaves_a_line(self, engine: Engine) -> None:
        people = People(engine, fixed_clock(NOW))
        people.add("rita", Role.REVIEWER, by="ada")
        people.disable("rita", by="ada")
        assert [act.action for act in Ledger(engine).read(subject="rita")] == ["user.add", "user.disable"]

    def test_an_account_that_was_written_into_the_database_is_nobodys(self, engine: Engine) -> None:
        People(with_key(engine, b"a" * 32)).add("eve", Role.REVIEWER, by="eve")
        assert People(engine).find("eve") is None
        assert People(engine).all() == []

    def test_an_unknown_account_cannot_be_disabled(self, engine: Engine) -> None:
        with pytest.raises(UnknownAccount):
            People(engine).disable("nobody", by="ada")

    def test_only_the_two_kinds_of_reviewer_sign(self) -> None:
        assert {role for role in Role if role.signs} == {Role.REVIEWER, Role.CLINICAL_REVIEWER}

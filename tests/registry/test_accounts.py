from __future__ import annotations

import pytest

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import AccountExists, People, Role, UnknownAccount
from registry.accounts import (
    NoPasswordToReset,
    NoSignIn,
    UnfitName,
    create_account,
    create_services,
    disable_account,
    reset_account,
    sign_in_store,
)
from registry.launch import sign_in_database
from registry.policy import OWN_PASSWORD, RESET, owns_password


class TestAnAccount:
    def test_is_known_to_the_ledger(self, home: Settings) -> None:
        create_account(home, "nora", Role.REVIEWER, by="test")
        found = People(ledger_database(home)).find("nora")
        assert found is not None
        assert (found.role, found.service, found.disabled) == (Role.REVIEWER, False, False)

    def test_has_a_password_that_is_stored_nowhere(self, home: Settings) -> None:
        password = create_account(home, "nils", Role.ENGINEER, by="test").encode()
        for file in (path for path in home.home.rglob("*") if path.is_file()):
            assert password not in file.read_bytes()

    def test_takes_no_name_twice(self, home: Settings) -> None:
        create_account(home, "nina", Role.REVIEWER, by="test")
        disable_account(home, "nina", by="test")
        with pytest.raises(AccountExists):
            create_account(home, "nina", Role.REVIEWER, by="test")

    @pytest.mark.parametrize("name", ["admin", "pipeline", "promoter"])
    def test_takes_no_service_name(self, home: Settings, name: str) -> None:
        with pytest.raises(AccountExists):
            create_account(home, name, Role.REVIEWER, by="test")

    @pytest.mark.parametrize("name", ["", "Nora", "a,b", "a b", "../x", "-x", "x" * 101])
    def test_takes_no_name_that_misleads(self, home: Settings, name: str) -> None:
        with pytest.raises(UnfitName):
            create_account(home, name, Role.REVIEWER, by="test")

    @pytest.mark.parametrize("role", [Role.CRM, Role.PROMOTER])
    def test_is_not_made_for_a_service(self, home: Settings, role: Role) -> None:
        with pytest.raises(NoSignIn):
            create_account(home, "robot", role, by="test")


class TestAReset:
    def test_gives_another_password_and_leaves_a_line(self, home: Settings) -> None:
        first = create_account(home, "nico", Role.REVIEWER, by="test")
        second = reset_account(home, "nico", by="olga")
        store = sign_in_store(home)
        assert not store.authenticate_user("nico", first)
        assert store.authenticate_user("nico", second)
        [line] = Ledger(ledger_database(home)).sealed(RESET, subject="nico")
        assert line.actor == "olga"

    @pytest.mark.parametrize("name", ["nobody", "promoter", "ended"])
    def test_is_for_people_who_have_an_account(self, home: Settings, name: str) -> None:
        if name == "ended":
            create_account(home, name, Role.REVIEWER, by="test")
            disable_account(home, name, by="test")
        with pytest.raises((UnknownAccount, NoPasswordToReset), match=name):
            reset_account(home, name, by="test")


class TestAPasswordThatAnotherSet:
    """Who set it could sign in as its owner."""

    @pytest.mark.parametrize("acts", [[], [OWN_PASSWORD], [RESET, OWN_PASSWORD]])
    def test_is_the_owners_own_where_the_owner_spoke_last(self, acts: list[str]) -> None:
        assert owns_password(acts).allowed

    @pytest.mark.parametrize("acts", [[RESET], [OWN_PASSWORD, RESET], [RESET, OWN_PASSWORD, RESET]])
    def test_signs_nothing_until_then(self, acts: list[str]) -> None:
        assert "Change password" in owns_password(acts).why


class TestTheServices:
    def test_can_be_made_again(self, home: Settings) -> None:
        before = People(ledger_database(home)).all()
        create_services(home, read_secrets(home.secrets_file), by="test")
        assert People(ledger_database(home)).all() == before
        assert sign_in_database(home).is_file()

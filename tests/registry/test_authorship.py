"""Who is the author: the signed-in person, or nobody that could be named."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from caregate.clock import fixed_clock
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import Role
from registry import names, tickets
from registry.accounts import create_account, disable_account
from registry.authorship import Author, MayNot, NotSignedIn, acting_name, author_of, proven_author, require_role
from registry.sealing import sealed
from registry.sessions import SESSION_HOURS, Session, SignInRefused, session_of, sign_in, sign_out
from registry.sign_ins import password_holds
from registry.tickets import Run, TicketRefused, issue_ticket, redeem_ticket

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OURS = os.getuid()
THIS = Run("no-show", "sha256:" + "a" * 64, 0)


@pytest.fixture(scope="module")
def ada(home: Settings) -> str:
    """The password of the engineer `ada`, whom nobody signed in yet."""
    return create_account(home, "ada-l", Role.ENGINEER, by="admin")


@pytest.fixture
def session(home: Settings, ada: str) -> Session:
    return signed_in(home, "ada-l", ada)


def signed_in(home: Settings, name: str, password: str) -> Session:
    return sign_in(home, name, password, clock=fixed_clock(NOW), wait=no_wait)


def no_wait(_seconds: float) -> None:
    return None


def file_of(home: Settings, uid: int = OURS) -> Path:
    return home.home / "sessions" / f"{uid}.json"


class TestSigningIn:
    def test_with_the_password_of_mlflow_it_opens_a_session_of_half_a_day(
        self, home: Settings, session: Session
    ) -> None:
        assert session.account.name == "ada-l"
        assert session.expires_at == NOW + timedelta(hours=SESSION_HOURS)
        assert session_of(home, clock=fixed_clock(NOW)) == session
        assert file_of(home).stat().st_mode & 0o777 == 0o600

    def test_is_refused_with_another_password_after_a_wait_and_leaves_a_line(self, home: Settings, ada: str) -> None:
        waited: list[float] = []
        with pytest.raises(SignInRefused):
            sign_in(home, "ada-l", ada + "x", wait=waited.append)
        assert waited == [1.0]
        *_, last = Ledger(ledger_database(home)).read(action="sign-in.refuse")
        assert (last.actor, last.subject) == ("unknown", "ada-l")

    def test_what_is_no_accounts_name_is_not_written_down(self, home: Settings) -> None:
        with pytest.raises(SignInRefused):
            sign_in(home, "a-password-typed-as-a-name", "x", wait=no_wait)
        *_, last = Ledger(ledger_database(home)).read(action="sign-in.refuse")
        assert last.subject == "unknown"

    @pytest.mark.parametrize("name", names.SERVICES)
    def test_a_service_is_nobody_who_signs_in_whose_password_leaked(self, home: Settings, name: str) -> None:
        password = getattr(read_secrets(home.secrets_file), f"{name}_password")
        assert password_holds(home, name, password)
        with pytest.raises(SignInRefused):
            signed_in(home, name, password)


class TestASession:
    def test_proves_the_author(self, home: Settings, session: Session) -> None:
        assert author_of(home, clock=fixed_clock(NOW)) == Author("ada-l", proven=True, by="ada-l")

    def test_without_one_the_author_is_unproven_and_the_ledger_names_the_systems_user(
        self, home: Settings, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sign_out(home)
        for name in ("CAREGATE_USER", "LOGNAME", "USER"):
            monkeypatch.setenv(name, "ada-l")
        claimed = home.model_copy(update={"user": "ada-l"})
        found = author_of(claimed)
        assert (found.name, found.proven) == (names.UNPROVEN, False)
        assert found.by.startswith("os:")
        assert "ada-l" not in acting_name(claimed)

    def test_ends_with_its_time(self, home: Settings, session: Session) -> None:
        assert session_of(home, clock=fixed_clock(session.expires_at - timedelta(seconds=1)))
        assert session_of(home, clock=fixed_clock(session.expires_at)) is None

    def test_ends_with_its_account(self, home: Settings) -> None:
        signed_in(home, "eve", create_account(home, "eve", Role.ENGINEER, by="admin"))
        disable_account(home, "eve", by="admin")
        assert session_of(home, clock=fixed_clock(NOW)) is None

    def test_ends_when_the_password_is_set_anew(self, home: Settings) -> None:
        signed_in(home, "flo", create_account(home, "flo", Role.ENGINEER, by="admin"))
        _mlflow_users(home).update_user("flo", password="another-password")
        assert session_of(home, clock=fixed_clock(NOW)) is None

    @pytest.mark.parametrize(("claim", "value"), [("account", "rita"), ("expires_at", "2030-01-01T00:00:00+00:00")])
    def test_edited_it_is_none(self, home: Settings, session: Session, claim: str, value: str) -> None:
        said = json.loads(file_of(home).read_text(encoding="utf-8"))
        file_of(home).write_text(json.dumps(said | {claim: value}), encoding="utf-8")
        assert session_of(home, clock=fixed_clock(NOW)) is None

    def test_copied_to_another_user_of_the_system_it_is_none(self, home: Settings, session: Session) -> None:
        file_of(home, OURS + 1).write_bytes(file_of(home).read_bytes())
        file_of(home, OURS + 1).chmod(0o600)
        assert session_of(home, uid=OURS + 1, clock=fixed_clock(NOW)) is None

    def test_open_to_others_it_is_none(self, home: Settings, session: Session) -> None:
        file_of(home).chmod(0o640)
        assert session_of(home, clock=fixed_clock(NOW)) is None

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"seal": 1}', "[" * 100_000, '{"seal": NaN}', '"é'])
    def test_of_nonsense_it_is_none(self, home: Settings, session: Session, text: str) -> None:
        file_of(home).write_text(text, encoding="latin-1")
        assert session_of(home, clock=fixed_clock(NOW)) is None

    def test_sealed_for_another_purpose_it_is_none(self, home: Settings, session: Session) -> None:
        said = json.loads(file_of(home).read_text(encoding="utf-8"))
        del said["seal"]
        forged = sealed(said, read_secrets(home.secrets_file).key_for(tickets.PURPOSE))
        file_of(home).write_text(json.dumps(forged), encoding="utf-8")
        assert session_of(home, clock=fixed_clock(NOW)) is None


class TestAnActForSomeRoles:
    def test_asks_for_a_signed_in_person_of_one_of_them(self, home: Settings, session: Session) -> None:
        now = fixed_clock(NOW)
        assert require_role(home, Role.ENGINEER, clock=now) == "ada-l"
        with pytest.raises(MayNot, match="reviewer or admin"):
            require_role(home, Role.REVIEWER, Role.ADMIN, clock=now)
        sign_out(home)
        with pytest.raises(NotSignedIn):
            require_role(home, Role.ENGINEER, clock=now)


class TestATicket:
    def test_opens_the_run_that_it_was_made_for_once(self, home: Settings, ada: str) -> None:
        ticket = ticket_for(home)
        assert redeem(home, ticket) == proven_author("ada-l")
        with pytest.raises(TicketRefused, match="used already"):
            redeem(home, ticket)

    def test_is_given_to_proven_authors_alone(self, home: Settings) -> None:
        assert issue_ticket(home, THIS, Author(names.UNPROVEN, proven=False, by="os:ada")) is None

    @pytest.mark.parametrize(
        "other",
        [
            Run("readmission-risk", THIS.snapshot, 0),
            Run("no-show", "sha256:" + "b" * 64, 0),
            Run("no-show", THIS.snapshot, 1),
        ],
    )
    def test_opens_no_other_run_and_is_not_used_up_by_trying(self, home: Settings, ada: str, other: Run) -> None:
        ticket = ticket_for(home)
        with pytest.raises(TicketRefused, match="another model, snapshot or seed"):
            redeem(home, ticket, other)
        assert redeem(home, ticket).proven

    def test_ends_after_an_hour(self, home: Settings, ada: str) -> None:
        with pytest.raises(TicketRefused, match="expired"):
            redeem_ticket(home, ticket_for(home), THIS, clock=fixed_clock(NOW + timedelta(hours=1)))

    def test_ends_with_its_authors_account(self, home: Settings) -> None:
        create_account(home, "gus", Role.ENGINEER, by="admin")
        ticket = ticket_for(home, "gus")
        disable_account(home, "gus", by="admin")
        with pytest.raises(TicketRefused, match="stands no more"):
            redeem(home, ticket)

    @pytest.mark.parametrize(
        "forge",
        [
            lambda said: said | {"author": "rita"},
            lambda said: said | {"seal": "0" * 64},
            lambda said: sealed({k: v for k, v in said.items() if k != "seal"}, b"another key"),
            lambda _said: [],
        ],
    )
    def test_forged_it_opens_nothing(self, home: Settings, ada: str, forge: Callable[[dict[str, str]], object]) -> None:
        said = json.loads(base64.urlsafe_b64decode(ticket_for(home)))
        forged = base64.urlsafe_b64encode(json.dumps(forge(said)).encode()).decode()
        with pytest.raises(TicketRefused, match="not one of this home"):
            redeem(home, forged)

    @pytest.mark.parametrize("text", ["", "ada-l", "Zm9v", "é"])
    def test_of_nonsense_it_opens_nothing(self, home: Settings, text: str) -> None:
        with pytest.raises(TicketRefused, match="not one of this home"):
            redeem(home, text)

    def test_written_another_way_it_is_the_same_ticket(self, home: Settings, ada: str) -> None:
        ticket = ticket_for(home)
        redeem(home, ticket)
        again = base64.urlsafe_b64encode(base64.urlsafe_b64decode(ticket) + b"  \n").decode()
        assert again != ticket
        with pytest.raises(TicketRefused, match="used already"):
            redeem(home, again)


def ticket_for(home: Settings, author: str = "ada-l") -> str:
    ticket = issue_ticket(home, THIS, proven_author(author), clock=fixed_clock(NOW))
    assert ticket is not None
    return ticket


def redeem(home: Settings, ticket: str, run: Run = THIS) -> Author:
    return redeem_ticket(home, ticket, run, clock=fixed_clock(NOW))


def _mlflow_users(home: Settings):  # type: ignore[no-untyped-def]
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    from registry.launch import sign_in_database

    store = SqlAlchemyStore()
    store.init_db(f"sqlite:///{sign_in_database(home)}")
    return store

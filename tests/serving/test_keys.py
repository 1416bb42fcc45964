"""Who may ask, decided in memory and never by what was true a request ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from governance.client_key import ACTS
from governance.client_keys import ClientKeys, Scope
from governance.database import migrate, open_database
from governance.last_line import LastLine
from governance.people import People, Role
from governance.seals import with_key
from serving.keys import Keys, ScopeMissing, TooManyRequests
from serving.problems import Unauthorized
from serving.rates import Pace, Rates

FAST = Pace(100, 100)
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Home:
    """Clients, their keys, and a clock that the test moves."""

    def __init__(self, url: str) -> None:
        migrate(url)
        self.engine: Engine = with_key(open_database(url), b"k" * 32)
        self.now = START
        self.people = People(self.engine, self.clock)
        self.client_keys = ClientKeys(self.engine, self.clock)
        self.refused: list[tuple[str, str]] = []
        self.people.add("clinic", Role.CRM, by="ada", service=True)

    def clock(self) -> datetime:
        return self.now

    def keys(self, pace: Pace = FAST, rates: Rates | None = None) -> Keys:
        return Keys(
            self.client_keys,
            LastLine(self.engine, *ACTS),
            pace,
            rates=rates,
            refused=lambda *what: self.refused.append(what),
            clock=self.clock,
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(f"sqlite:///{tmp_path / 'ledger.db'}")


class TestAdmitting:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_a_standing_key_names_its_client(self, home, scheme):
        issued = home.client_keys.issue_named("clinic", [Scope.SCORE], by="ada")
        client = home.keys().admit(f"{scheme} {issued.secret}", Scope.SCORE)
        assert (client.name, client.key_id, client.scopes) == ("clinic", issued.key_id, {Scope.SCORE})

    @pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", "Bearer cg_1", "Basic Y2c6Y2c=", "Bearer \xff"])
    def test_anything_else_names_nobody(self, home, sent):
        home.client_keys.issue("clinic", by="ada")
        with pytest.raises(Unauthorized):
            home.keys().admit(sent, Scope.SCORE)

    def test_a_key_opens_no_more_than_its_scopes(self, home):
        secret = home.client_keys.issue("clinic", [Scope.SCORE], by="ada")
        with pytest.raises(ScopeMissing) as refusal:
            home.keys().admit(f"Bearer {secret}", Scope.DESCRIBE)
        assert (refusal.value.status, refusal.value.headers["WWW-Authenticate"]) == (
            403,
            'Bearer error="insufficient_scope", scope="models:read"',
        )

    def test_an_expired_key_is_refused_though_nothing_was_written(self, home):
        keys, secret = home.keys(), home.client_keys.issue("clinic", by="ada", days=1)
        keys.admit(f"Bearer {secret}", Scope.SCORE)
        home.now += timedelta(days=1)
        with pytest.raises(Unauthorized):
            keys.admit(f"Bearer {secret}", Scope.SCORE)

    def test_a_revoked_key_is_refused_from_the_next_request(self, home):
        keys, issued = home.keys(), home.client_keys.issue_named("clinic", by="ada")
        keys.admit(f"Bearer {issued.secret}", Scope.SCORE)
        home.client_keys.revoke(issued.key_id, by="ada")
        with pytest.raises(Unauthorized):
            keys.admit(f"Bearer {issued.secret}", Scope.SCORE)

    def test_the_key_of_a_disabled_account_is_refused_from_the_next_request(self, home):
        keys, secret = home.keys(), home.client_keys.issue("clinic", by="ada")
        keys.admit(f"Bearer {secret}", Scope.SCORE)
        home.people.disable("clinic", by="ada")
        with pytest.raises(Unauthorized):
            keys.admit(f"Bearer {secret}", Scope.SCORE)

    def test_a_new_key_opens_at_once(self, home):
        keys = home.keys()
        keys.admit(f"Bearer {home.client_keys.issue('clinic', by='ada')}", Scope.SCORE)
        keys.admit(f"Bearer {home.client_keys.issue('clinic', by='ada')}", Scope.SCORE)


class TestRefusals:
    def test_each_is_told_by_the_id_of_a_known_key_or_by_where_it_came_from(self, home):
        keys, issued = home.keys(), home.client_keys.issue_named("clinic", [Scope.SCORE], by="ada", days=1)
        other = issued.secret[:-1] + ("A" if issued.secret[-1] != "A" else "B")
        for sent in (other, "cg_guess"):
            with pytest.raises(Unauthorized):
                keys.admit(f"Bearer {sent}", Scope.SCORE, address="10.0.0.7")
        with pytest.raises(ScopeMissing):
            keys.admit(f"Bearer {issued.secret}", Scope.REVIEW)
        home.now += timedelta(days=2)
        with pytest.raises(Unauthorized):
            keys.admit(f"Bearer {issued.secret}", Scope.SCORE)
        known = issued.key_id
        assert home.refused == [("guessed", known), ("unknown", "10.0.0.7"), ("scope", known), ("ended", known)]

    def test_a_request_without_a_key_is_no_guess(self, home):
        with pytest.raises(Unauthorized):
            home.keys().admit("", Scope.SCORE, address="10.0.0.7")
        assert home.refused == []


class Ticks:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestRates:
    @pytest.fixture
    def ticks(self) -> Ticks:
        return Ticks()

    def test_a_burst_goes_through_and_then_the_rate_holds(self, home, ticks):
        keys = home.keys(Pace(2, 10), Rates.alone(ticks=ticks))
        header = f"Bearer {home.client_keys.issue('clinic', by='ada')}"
        for _ in range(10):
            keys.admit(header, Scope.SCORE)
        with pytest.raises(TooManyRequests) as refusal:
            keys.admit(header, Scope.SCORE)
        assert refusal.value.headers == {
            "Retry-After": "1",
            "RateLimit-Policy": '"key";q=10;w=5',
            "RateLimit": '"key";r=0;t=1',
        }
        ticks.now += 0.5
        keys.admit(header, Scope.SCORE)

    def test_instances_count_not_requests(self, home, ticks):
        keys = home.keys(Pace(2, 10), Rates.alone(ticks=ticks))
        client = keys.admit(f"Bearer {home.client_keys.issue('clinic', by='ada')}", Scope.SCORE)
        keys.charge(client, 10)
        with pytest.raises(TooManyRequests):
            keys.charge(client, 2)
        ticks.now += 5
        keys.charge(client, 11)

    def test_a_key_may_have_a_rate_of_its_own_and_still_send_a_full_request(self, home, ticks):
        keys = home.keys(Pace(100, 1000, request=50), Rates.alone(ticks=ticks))
        header = f"Bearer {home.client_keys.issue('clinic', by='ada', rate_per_second=0.5)}"
        client = keys.admit(header, Scope.SCORE)
        keys.charge(client, 50)
        with pytest.raises(TooManyRequests) as refusal:
            keys.admit(header, Scope.SCORE)
        assert refusal.value.headers["Retry-After"] == "2"

    def test_keys_do_not_slow_each_other(self, home, ticks):
        keys = home.keys(Pace(1, 1), Rates.alone(ticks=ticks))
        headers = [f"Bearer {home.client_keys.issue('clinic', by='ada')}" for _ in range(2)]
        for header in headers:
            keys.admit(header, Scope.SCORE)
        for header in headers:
            with pytest.raises(TooManyRequests):
                keys.admit(header, Scope.SCORE)

    def test_all_processes_share_one_count(self, home, tmp_path):
        header = f"Bearer {home.client_keys.issue('clinic', by='ada')}"
        one, other = (home.keys(Pace(0.01, 2), Rates.shared(tmp_path / "serving" / "rates")) for _ in range(2))
        one.admit(header, Scope.SCORE)
        other.admit(header, Scope.SCORE)
        for keys in (one, other):
            with pytest.raises(TooManyRequests):
                keys.admit(header, Scope.SCORE)

    def test_numbers_of_before_the_machine_was_started_are_forgotten(self, ticks):
        rates = Rates.alone(ticks=ticks)
        assert rates.take(0, 10, Pace(1, 10)) == 0
        ticks.now = 3.0
        assert rates.take(0, 10, Pace(1, 10)) == 0

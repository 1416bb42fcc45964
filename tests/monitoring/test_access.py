"""Unusual use of the scoring API becomes an incident within a minute, and one only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from governance.database import migrate, open_database
from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.key_refusals import KeyRefusals, network_of
from governance.schema import predictions
from governance.seals import with_key
from monitoring.access import AccessWatch
from monitoring.policy import load_monitoring_policy

TUESDAY = datetime(2026, 3, 3, tzinfo=UTC)
POLICY = load_monitoring_policy()


class Home:
    """A ledger's database, predictions in it, and a clock that the test moves."""

    def __init__(self, url: str) -> None:
        migrate(url)
        self.engine: Engine = with_key(open_database(url), b"k" * 32)
        self.now = TUESDAY
        self.incidents = Incidents(self.engine, self.clock)
        self._written = 0

    def clock(self) -> datetime:
        return self.now

    def watch(self) -> AccessWatch:
        return AccessWatch(self.engine, POLICY, self.clock)

    def ask(self, client: str, at: datetime, questions: int, *, patients: int | None = None) -> None:
        """Write `questions` predictions within a minute."""
        rows = [
            {
                "prediction_id": f"p{self._written + number}",
                "at": at + timedelta(seconds=60 * number / questions),
                "model": "no-show",
                "client": client,
                "purpose": "reminder",
                "patient": f"t{number % (patients or questions)}",
                "inputs_digest": "",
                "status": "scored",
            }
            for number in range(questions)
        ]
        self._written += questions
        with self.engine.begin() as connection:
            connection.execute(insert(predictions), rows)

    def live(self, client: str, days: int, an_hour: int = 15) -> None:
        """Let a client have asked from eight to five on the working days before."""
        for back in range(1, days + 1):
            day = TUESDAY - timedelta(days=back)
            for hour in range(8, 17):
                if day.weekday() < 5:
                    self.ask(client, day + timedelta(hours=hour), an_hour)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(f"sqlite:///{tmp_path / 'ledger.db'}")


class TestExtraction:
    def test_a_sweep_at_night_of_ten_times_the_usual_is_an_incident_a_minute_later(self, home):
        home.live("clinic", 21)
        watch = home.watch()
        home.now = TUESDAY + timedelta(hours=2)
        assert watch.look() == []
        home.ask("clinic", home.now, 150)
        home.now += timedelta(minutes=1)
        (incident,) = watch.look()
        assert (incident.kind, incident.about) == (Kind.EXTRACTION, "clinic")
        assert incident.facts["measure"] == "night"
        assert "150 questions in an hour that is usually silent" in incident.title

    def test_it_is_opened_once_though_it_goes_on_and_somebody_restarts_the_watch(self, home):
        home.live("clinic", 21)
        home.now = TUESDAY + timedelta(hours=2, minutes=1)
        home.ask("clinic", TUESDAY + timedelta(hours=2), 150)
        home.watch().look()
        home.ask("clinic", home.now, 150)
        home.now += timedelta(minutes=1)
        assert home.watch().look() == []
        assert len(home.incidents.all()) == 1

    def test_a_usual_day_opens_none(self, home):
        home.live("clinic", 21)
        watch = home.watch()
        for hour in range(8, 17):
            home.now = TUESDAY + timedelta(hours=hour)
            home.ask("clinic", home.now, 18)
            home.now += timedelta(minutes=1)
            assert watch.look() == []

    def test_a_client_is_not_judged_by_another(self, home):
        home.live("hospital", 21, an_hour=300)
        home.live("practice", 21, an_hour=10)
        watch = home.watch()
        home.now = TUESDAY + timedelta(hours=10)
        for client in ("hospital", "practice"):
            home.ask(client, home.now, 500)
        home.now += timedelta(minutes=1)
        assert {incident.about for incident in watch.look()} == {"practice"}


class TestRefusedKeys:
    def test_many_unknown_keys_of_one_network_are_an_incident(self, home):
        network = network_of("192.0.2.7", b"k")
        KeyRefusals(home.engine).add({("unknown", network): POLICY.refusals.unknown}, home.now)
        assert home.watch().look() == []
        KeyRefusals(home.engine).add({("unknown", network): 1}, home.now)
        (incident,) = home.watch().look()
        assert (incident.kind, incident.about, incident.facts["times"]) == (
            Kind.KEYS_REFUSED,
            network,
            POLICY.refusals.unknown + 1,
        )

    def test_so_are_guesses_spread_over_many_networks(self, home):
        counts = {("unknown", f"net-{number}"): 10 for number in range(31)}
        KeyRefusals(home.engine).add(counts, home.now)
        (incident,) = home.watch().look()
        assert incident.about == "all networks"

    @pytest.mark.parametrize("why", ["ended", "guessed", "scope"])
    def test_and_a_known_key_that_is_refused_again_and_again(self, home, why):
        KeyRefusals(home.engine).add({(why, "0a1b2c3d4e5f"): getattr(POLICY.refusals, why) + 1}, home.now)
        (incident,) = home.watch().look()
        assert incident.about == "0a1b2c3d4e5f"

    def test_what_is_longer_ago_counts_no_more(self, home):
        before = home.now - timedelta(minutes=POLICY.refusals.minutes + 1)
        KeyRefusals(home.engine).add({("unknown", "net-1"): 1_000}, before)
        assert home.watch().look() == []


class TestNetworks:
    def test_neighbours_share_a_name_that_tells_no_address(self):
        assert network_of("192.0.2.7", b"k") == network_of("192.0.2.99", b"k")
        assert network_of("192.0.2.7", b"k") != network_of("192.0.3.7", b"k")
        assert network_of("192.0.2.7", b"k") != network_of("192.0.2.7", b"another")
        assert network_of("2001:db8:1::1", b"k") == network_of("2001:db8:1:ffff::2", b"k")
        assert "192" not in network_of("192.0.2.7", b"k")

    def test_what_is_no_address_has_one_name(self):
        assert network_of("", b"k") == network_of("a socket", b"k") == "net-unnamed"

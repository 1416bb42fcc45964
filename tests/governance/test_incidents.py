"""Incidents: opened once, moved one way, closed by a second person, and never forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from caregate.errors import Refused
from governance.database import migrate, open_database
from governance.incident import OPENED
from governance.incident_rules import (
    FourEyes,
    Kind,
    MayNotAdvance,
    State,
    UnknownKind,
    UnknownState,
    WrongStep,
    kind_of,
    require_step,
    state_of,
)
from governance.incidents import Incidents, UnknownIncident, WordsUnfit
from governance.ledger import Ledger
from governance.people import People, Role
from governance.seals import with_key

KEY, ANOTHER = b"k" * 32, b"a" * 32
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WHY = "looked at with the site's staff"
WAY = (State.INVESTIGATING, State.CONTAINED)


class Steps:
    """A clock that goes on by a second at each look."""

    def __init__(self, start: datetime = NOON) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    migrate(url)
    engine = with_key(open_database(url), KEY)
    people = People(engine, Steps())
    for name, role in {"ada": Role.ENGINEER, "rita": Role.REVIEWER, "otto": Role.AUDITOR, "eve": Role.ADMIN}.items():
        people.add(name, role, by="init")
    people.add("promoter", Role.PROMOTER, by="init", service=True)
    people.disable("eve", by="init")
    yield engine
    engine.dispose()


@pytest.fixture
def incidents(engine: Engine) -> Incidents:
    return Incidents(engine, Steps())


def opened(incidents: Incidents, by: str = "promoter", once_key: str | None = None) -> str:
    title = "the alias points elsewhere"
    return incidents.open(Kind.ALIAS_FORGED, "no-show/3", title, by=by, once_key=once_key).id


def contained(incidents: Incidents, by: str = "ada", opened_by: str = "promoter") -> str:
    found = opened(incidents, opened_by)
    for state in WAY:
        incidents.advance(found, state, WHY, by=by)
    return found


class TestOpening:
    def test_numbers_incidents_within_their_year(self, engine: Engine) -> None:
        assert [opened(Incidents(engine, Steps())) for _ in range(2)] == ["inc-2026-0001", "inc-2026-0002"]
        next_year = Incidents(engine, Steps(NOON + timedelta(days=365)))
        assert opened(next_year) == "inc-2027-0001"

    def test_is_read_back_as_it_was_said(self, incidents: Incidents) -> None:
        made = incidents.open(Kind.DRIFT, "no-show", "two sites changed hours", by="ada", facts={"features": 2})
        assert incidents.get(made.id) == made
        assert (made.kind, made.about, made.opened_by, made.state) == (Kind.DRIFT, "no-show", "ada", State.OPEN)
        assert (made.facts, made.steps) == ({"features": 2}, ())

    def test_leaves_one_line_and_an_intact_chain(self, engine: Engine, incidents: Incidents) -> None:
        found = opened(incidents)
        assert [act.subject for act in Ledger(engine).read(action=OPENED)] == [found]
        assert Ledger(engine).verify() > 0

    @pytest.mark.parametrize("title", ["", "   short  ", "x" * 501, "two lines\nof a title", "a red \x1b[31m title"])
    def test_needs_a_line_of_text(self, incidents: Incidents, title: str) -> None:
        with pytest.raises(WordsUnfit):
            incidents.open(Kind.OTHER, "no-show", title, by="ada")
        assert incidents.all() == []

    def test_by_many_at_once_gives_each_a_number_of_its_own(self, incidents: Incidents) -> None:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: opened(incidents), range(8)))
        assert len(set(found)) == 8


class TestOpeningOnce:
    def test_returns_the_incident_that_stands(self, engine: Engine, incidents: Incidents) -> None:
        first = opened(incidents, once_key="alias no-show champion")
        lines = Ledger(engine).verify()
        assert opened(incidents, once_key="alias no-show champion") == first
        assert Ledger(engine).verify() == lines
        assert opened(incidents, once_key="alias no-show previous") != first

    def test_by_many_at_once_opens_one(self, incidents: Incidents) -> None:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: opened(incidents, once_key="the same"), range(8)))
        assert len(set(found)) == 1

    def test_opens_another_after_the_first_was_closed(self, incidents: Incidents) -> None:
        first = opened(incidents, once_key="the same")
        for state in WAY:
            incidents.advance(first, state, WHY, by="ada")
        incidents.advance(first, State.CLOSED, WHY, by="rita")
        assert opened(incidents, once_key="the same") != first


class TestMovingOn:
    def test_goes_to_closed_in_steps_that_stay(self, incidents: Incidents) -> None:
        found = contained(incidents)
        closed = incidents.advance(found, State.CLOSED, WHY, by="rita")
        assert [(step.state, step.by) for step in closed.steps] == [
            (State.INVESTIGATING, "ada"),
            (State.CONTAINED, "ada"),
            (State.CLOSED, "rita"),
        ]
        assert incidents.all(State.CLOSED) == [closed]
        assert incidents.all(State.OPEN) == []

    def test_comes_back_by_being_reopened_alone(self, incidents: Incidents) -> None:
        found = contained(incidents)
        incidents.advance(found, State.CLOSED, WHY, by="rita")
        with pytest.raises(WrongStep, match="goes to reopened"):
            incidents.advance(found, State.INVESTIGATING, WHY, by="ada")
        incidents.advance(found, State.REOPENED, WHY, by="rita")
        assert incidents.advance(found, State.INVESTIGATING, WHY, by="ada").state is State.INVESTIGATING

    def test_says_why(self, incidents: Incidents) -> None:
        found = opened(incidents)
        with pytest.raises(WordsUnfit):
            incidents.advance(found, State.INVESTIGATING, "because", by="ada")

    @pytest.mark.parametrize("by", ["otto", "promoter", "eve", "os:ada", "nobody"])
    def test_is_for_people_who_handle_incidents(self, engine: Engine, incidents: Incidents, by: str) -> None:
        found = opened(incidents)
        with pytest.raises(MayNotAdvance):
            incidents.advance(found, State.INVESTIGATING, WHY, by=by)
        assert incidents.get(found).state is State.OPEN
        assert [act.actor for act in Ledger(engine).sealed("incident.refuse", subject=found)] == [by]

    def test_of_an_unknown_one_says_so(self, incidents: Incidents) -> None:
        with pytest.raises(UnknownIncident):
            incidents.advance("inc-2026-0009", State.INVESTIGATING, WHY, by="ada")
        with pytest.raises(UnknownIncident):
            incidents.note("inc-2026-0009", WHY, by="ada")

    def test_a_note_is_everybodys_and_moves_nothing(self, incidents: Incidents) -> None:
        noted = incidents.note(opened(incidents), "seen at the front desk as well", by="otto")
        assert noted.state is State.OPEN
        assert [(step.state, step.by, step.reason) for step in noted.steps] == [
            (None, "otto", "seen at the front desk as well")
        ]


class TestFourEyes:
    def test_who_contained_it_does_not_close_it(self, incidents: Incidents) -> None:
        found = contained(incidents, by="ada")
        with pytest.raises(FourEyes):
            incidents.advance(found, State.CLOSED, WHY, by="ada")

    def test_who_opened_it_does_not_close_it(self, incidents: Incidents) -> None:
        found = contained(incidents, by="ada", opened_by="rita")
        with pytest.raises(FourEyes):
            incidents.advance(found, State.CLOSED, WHY, by="rita")

    @settings(max_examples=200)
    @given(st.lists(st.tuples(st.sampled_from(["ada", "rita", "ron"]), st.sampled_from(list(State))), max_size=12))
    def test_whatever_is_tried_two_people_stand_behind_a_closed_one(self, tries: list[tuple[str, State]]) -> None:
        state, contained_by, seen = State.OPEN, None, {"promoter"}
        for by, to in tries:
            try:
                require_step("inc", state, to, by=by, opened_by="promoter", contained_by=contained_by)
            except Refused:
                continue
            state, contained_by = to, by if to is State.CONTAINED else contained_by
            seen.add(by)
            assert state is not State.CLOSED or by != contained_by
        assert state is not State.CLOSED or len(seen) >= 3


class TestForgedLines:
    def test_open_and_close_nothing(self, engine: Engine, incidents: Incidents) -> None:
        found = opened(incidents)
        forged = Ledger(with_key(engine, ANOTHER), Steps())
        forged.append("rita", "incident.advance", found, state="closed", reason=WHY)
        forged.append("rita", OPENED, "inc-2026-0002", kind="other", about="x", title=WHY, once_key="", facts={})
        assert [(item.id, item.state) for item in incidents.all()] == [(found, State.OPEN)]
        assert opened(incidents) == "inc-2026-0002"


class TestWords:
    def test_each_kind_has_a_reason(self) -> None:
        assert len({kind.reason for kind in Kind}) == len(Kind)

    def test_unknown_ones_are_refused_with_those_that_there_are(self) -> None:
        with pytest.raises(UnknownKind, match="harm-reported"):
            kind_of("bogus")
        with pytest.raises(UnknownState, match="reopened"):
            state_of("bogus")
        assert (kind_of("drift"), state_of("closed")) == (Kind.DRIFT, State.CLOSED)

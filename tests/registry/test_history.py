"""What was live at a moment: the answer of then, given today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from caregate.clock import fixed_clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from governance.people import Role
from governance.seals import with_key
from registry.champion import Standing, approved_folder, champion_of
from registry.history import history_of, live_at, moment_of
from registry.live import LiveAt, Service
from registry.moments import MomentUnfit
from registry.policy import Verdict
from registry.promotions import PROMOTED
from registry.suspension import Suspension, suspension_of
from tests.registry.played import REASON, START, Played

HOUR = timedelta(hours=1)
_numbers = count(1)


@pytest.fixture
def life(fresh_home: Settings) -> Played:
    """A model without a version yet, in a home of its own."""
    return Played(fresh_home)


@pytest.fixture
def two_versions(life: Played) -> Played:
    """Version 1 in use from day 1 and version 2 from day 11, both signed by rita."""
    life.approve(1)
    life.wait(1)
    life.promote(1)
    life.wait(9)
    life.approve(2)
    life.wait(1)
    life.promote(2)
    return life


def asked(life: Played, at: datetime) -> LiveAt:
    return live_at(life.home, life.model, at)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


class TestWhichVersion:
    def test_is_the_one_promoted_last_before_the_moment(self, two_versions: Played) -> None:
        found = [(item.version, item.state) for item in (asked(two_versions, day(at)) for at in (0.5, 1, 10.9, 11, 12))]
        live = Service.LIVE
        assert found == [(None, Service.NONE), (1, live), (1, live), (2, live), (2, live)]

    def test_is_named_with_who_put_it_there_and_its_content(self, two_versions: Played) -> None:
        found = asked(two_versions, day(5))
        assert found.promotion is not None
        assert (found.promotion.actor, found.promotion.at) == ("promoter", day(1).isoformat(timespec="microseconds"))
        assert found.promotion.digest == two_versions.digests[1]
        assert found.content is not None
        assert found.content.manifest is not None
        assert found.content.manifest.author == "ada"
        assert found.content.gates == {"accuracy": "passed", "bias": "cannot-tell"}
        assert [item["owner"] for item in found.content.waivers] == ["Dr Roy"]

    def test_after_a_rollback_is_the_earlier_one_again(self, two_versions: Played) -> None:
        two_versions.wait(4)
        two_versions.rollback(1)
        assert [asked(two_versions, day(at)).version for at in (14.9, 15)] == [2, 1]

    def test_says_what_became_of_it(self, two_versions: Played) -> None:
        two_versions.wait(4)
        two_versions.rollback(1)
        said = [event.what for event in asked(two_versions, day(5)).since]
        assert said == ["put version 2 in use", "put version 1 in use", "rolled back to version 1"]


class TestWhoSigned:
    def test_counts_what_was_signed_by_then(self, life: Played) -> None:
        life.risk_class = "clinical"
        life.approve(1, "rita")
        life.wait(1)
        life.approve(1, "clara", role=Role.CLINICAL_REVIEWER)
        life.promote(1)
        found = asked(life, life.wait(1))
        assert [(item.by, item.role, item.counted) for item in found.signed] == [
            ("rita", "reviewer", True),
            ("clara", "clinical-reviewer", True),
        ]
        assert found.standing == Standing(("rita", "clara"), day(1), day(90))

    def test_a_later_revocation_changes_nothing_of_then_and_is_named(self, two_versions: Played) -> None:
        two_versions.wait(4)
        two_versions.revoke(2)
        before, after = asked(two_versions, day(14)), asked(two_versions, day(16))
        assert (before.state, after.state) == (Service.LIVE, Service.NOT_APPROVED)
        assert [event.what for event in before.since] == ["revoked the approval of version 2 as reviewer"]
        assert [item.verdict for item in before.signed] == [Verdict.APPROVED]
        assert [item.verdict for item in after.signed] == [Verdict.APPROVED, Verdict.REVOKED]

    def test_an_expired_signature_counts_until_then(self, two_versions: Played) -> None:
        before, after = asked(two_versions, day(99.9)), asked(two_versions, day(100.1))
        assert (before.state, after.state) == (Service.LIVE, Service.NOT_APPROVED)
        assert [item.counted for item in (*before.signed, *after.signed)] == [True, False]

    def test_a_signature_on_a_number_used_before_is_another_versions(self, two_versions: Played) -> None:
        made_again = two_versions.key(2).created_ms + 1
        two_versions.wait(1)
        two_versions.ledger().append(
            "promoter",
            PROMOTED,
            "no-show/2",
            digest=two_versions.digests[2],
            created_ms=made_again,
            run_key="",
            recipe="",
        )
        found = asked(two_versions, two_versions.now)
        assert (found.version, found.state, found.signed) == (2, Service.NOT_APPROVED, ())


class TestWhetherItWasServed:
    def test_not_while_it_was_suspended(self, two_versions: Played) -> None:
        two_versions.wait(1)
        two_versions.suspend()
        two_versions.wait(1)
        two_versions.resume()
        found = [asked(two_versions, day(at)) for at in (11.9, 12.5, 13)]
        assert [item.state for item in found] == [Service.LIVE, Service.SUSPENDED, Service.LIVE]
        assert found[1].suspension == Suspension(REASON, "ada", day(12))
        assert found[1].standing is not None

    def test_cannot_be_told_where_its_files_are_gone(self, two_versions: Played) -> None:
        approved_folder(two_versions.home, two_versions.digests[2]).rename(two_versions.home.home / "elsewhere")
        found = asked(two_versions, two_versions.now)
        assert found.state is Service.UNKNOWN
        assert "does not verify today" in found.warnings[0]

    def test_a_copy_that_was_changed_since_is_said(self, two_versions: Played) -> None:
        (approved_folder(two_versions.home, two_versions.digests[2]) / "model.ubj").write_text("x", encoding="utf-8")
        found = asked(two_versions, two_versions.now)
        assert found.content is not None
        assert "model.ubj" in found.content.fault


class TestLines:
    def test_name_the_verdicts_the_promotion_and_the_suspension(self, two_versions: Played) -> None:
        two_versions.wait(1)
        two_versions.suspend()
        found = asked(two_versions, two_versions.now).lines
        assert [act.action for act in found] == ["approval.approve", "version.promote", "model.suspend"]
        kept = {act.seq: act.hash for act in Ledger(ledger_database(two_versions.home)).read()}
        assert all(kept[act.seq] == act.hash for act in found)

    def test_without_a_seal_change_no_answer_and_are_named(self, two_versions: Played) -> None:
        engine = with_key(open_database(two_versions.home.ledger_url), b"somebody else's key")
        facts = {"created_ms": two_versions.key(1).created_ms, "run_key": "", "recipe": ""}
        forged = Ledger(engine, fixed_clock(two_versions.wait(1))).append(
            "promoter",
            PROMOTED,
            "no-show/1",
            digest=two_versions.digests[1],
            **facts,  # type: ignore[arg-type]
        )
        found = asked(two_versions, two_versions.wait(1))
        assert found.version == 2
        assert f"count for nothing here: {forged.seq}." in found.warnings[0]
        assert forged.seq not in {event.line for event in history_of(two_versions.home, "no-show")}

    def test_that_were_taken_out_are_missed(self, two_versions: Played) -> None:
        with ledger_database(two_versions.home).begin() as connection:
            connection.execute(text("DROP TRIGGER acts_no_delete"))
            connection.execute(text("DELETE FROM acts WHERE action = 'approval.approve' AND subject = 'no-show/2'"))
        found = asked(two_versions, two_versions.now)
        assert found.state is Service.NOT_APPROVED
        assert "1 lines of the ledger are not there" in found.warnings[0]


class TestHistory:
    def test_tells_everything_in_order(self, two_versions: Played) -> None:
        two_versions.wait(1)
        incident = two_versions.suspend()
        two_versions.ledger().append("eve", "approval.refuse", "no-show/2", why="eve is not a reviewer")
        two_versions.ledger().append("eve", "approval.refuse", "no-show-2/2", why="of another model")
        two_versions.resume()
        told = history_of(two_versions.home, "no-show")
        assert [event.what for event in told] == [
            "registered version 1, author ada",
            "approved version 1 as reviewer",
            "put version 1 in use",
            "registered version 2, author ada",
            "approved version 2 as reviewer",
            "put version 2 in use",
            "suspended the model",
            f"opened {incident.id} (suspension): no-show was suspended",
            "was refused (approval)",
            "let the model score again",
        ]
        assert [event.line for event in told] == sorted(event.line for event in told)
        assert told[8].why == "eve is not a reviewer"


class TestMoments:
    @pytest.fixture
    def home(self, life: Played) -> Settings:
        """A home whose ledger begins when the home was made."""
        return life.home

    @pytest.fixture
    def now(self, home: Settings) -> datetime:
        """A moment some days after the home was made."""
        first = next(Ledger(ledger_database(home)).read())
        return datetime.fromisoformat(first.at) + timedelta(days=5)

    def test_stand_in_any_zone(self, home: Settings, now: datetime) -> None:
        asked_for = now - timedelta(days=1)
        for zone in (UTC, None):
            said = asked_for.astimezone(zone).isoformat()
            assert moment_of(home, said, clock=fixed_clock(now)) == asked_for
        assert moment_of(home, None, clock=fixed_clock(now)) == now

    def test_a_day_is_its_end_in_utc(self, home: Settings, now: datetime) -> None:
        yesterday = (now - timedelta(days=1)).date()
        found = moment_of(home, yesterday.isoformat(), clock=fixed_clock(now))
        assert found == datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(microseconds=1)

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ("2026-05-04T12:00:00", "has no zone"),
            ("2999-01-01T00:00:00Z", "lies ahead"),
            ("2999-01-01", "lies ahead"),
            ("2001-01-01", "before this home's ledger"),
            ("yesterday", "is no moment"),
            ("2026-13-01", "is no moment"),
            ("9999-12-31", "is no moment"),
            ("0001-01-01T00:00:00+14:00", "is no moment"),
            ("", "is no moment"),
        ],
    )
    def test_of_which_nothing_can_be_said_are_refused(self, home: Settings, said: str, why: str) -> None:
        with pytest.raises(MomentUnfit, match=why):
            moment_of(home, said)


@dataclass(frozen=True)
class Answered:
    """What `champion_of` and `suspension_of` answered at a moment."""

    at: datetime
    version: int | None
    digest: str
    standing: Standing | None
    suspension: Suspension | None


def answered(life: Played, at: datetime) -> Answered:
    suspension = suspension_of(life.home, life.model)
    try:
        champion = champion_of(life.home, life.model, clock=fixed_clock(at))
    except CaregateError:
        return Answered(at, None, "", None, suspension)
    return Answered(at, champion.version, champion.digest, champion.standing, suspension)


VERSIONS = st.integers(1, 3)
ACTS = st.one_of(
    st.tuples(st.just("approve"), VERSIONS, st.sampled_from(["rita", "ron", "ada"]), st.integers(1, 20)),
    st.tuples(st.just("revoke"), VERSIONS),
    st.tuples(st.just("promote"), VERSIONS),
    st.tuples(st.just("rollback"), VERSIONS),
    st.tuples(st.just("suspend")),
    st.tuples(st.just("resume")),
)


def play(life: Played, act: tuple[object, ...]) -> None:
    if act[0] == "approve":
        life.approve(act[1], str(act[2]), days=act[3])  # type: ignore[arg-type]
    else:
        getattr(life, str(act[0]))(*act[1:])


class TestTheLaw:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(acts=st.lists(st.tuples(ACTS, st.integers(0, 8)), min_size=3, max_size=10))
    def test_what_was_live_is_what_was_answered_then(
        self, home: Settings, acts: list[tuple[tuple[object, ...], int]]
    ) -> None:
        life, recorded = Played(home, f"toy-{next(_numbers)}"), []
        for act, days in acts:
            play(life, act)
            recorded.append(answered(life, life.now))
            life.wait(days)
            recorded.append(answered(life, life.now))
            life.now += HOUR
        for then in recorded:
            found = live_at(home, life.model, then.at)
            assert found.standing == then.standing
            assert found.suspension == then.suspension
            if then.version is not None:
                assert found.promotion is not None
                assert (found.version, found.promotion.digest) == (then.version, then.digest)

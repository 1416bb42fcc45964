"""What people are told, when, and how often: rules on facts first, then a real ledger, registry and webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from caregate.clock import fixed_clock, system_clock
from caregate.policy_file import PolicyUnreadable
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.incident_rules import Kind as IncidentKind
from governance.incidents import Incidents
from governance.ledger import Ledger
from governance.people import People, Role
from governance.schema import acts
from models.spec import RiskClass
from registry.approvals import VersionKey
from registry.messengers.message import Message, NotDelivered
from registry.notices import sending
from registry.notices.announcing import announcing
from registry.notices.due import due_notices
from registry.notices.facts import Facts, Incident, InUse, Refusal, Unpromoted, VersionSketch, Waiting
from registry.notices.gathering import gather_facts
from registry.notices.notice import Kind
from registry.notices.policy import Pauses, load_notice_policy
from registry.notices.sending import FAILED, SENT, Outlook, send_due_notices
from registry.promotion import promote
from registry.proving import PROVEN
from registry.registering import Registered
from registry.server.signing import SigningDesk
from registry.versions import read_version
from tests.registry.conftest import CandidateFactory
from tests.registry.listeners import Posts, closed_port, http_server
from tests.registry.toys import register

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POLICY = load_notice_policy()
VERSION = VersionSketch(
    VersionKey("no-show", 3, 1),
    "sha256:" + "a" * 64,
    {"accuracy": "passed", "bias": "cannot-tell"},
    "#/models/no-show/versions/3",
    "#/experiments/1/runs/r/artifacts/evidence/report.html",
)


def waiting(days: float = 0, *, given: int = 0, needed: int = 1, clinical: bool = False) -> Facts:
    return Facts(waiting=(Waiting(VERSION, NOW - timedelta(days=days), given, needed, clinical),))


def ending(days: float) -> Facts:
    return Facts(in_use=(InUse(VERSION, NOW + timedelta(days=days)),))


def kinds(facts: Facts) -> list[Kind]:
    return [item.kind for item in due_notices(facts, POLICY, NOW)]


class TestAVersionThatWaits:
    def test_is_told_to_those_who_may_sign(self) -> None:
        (notice,) = due_notices(waiting(), POLICY, NOW)
        assert (notice.kind, notice.roles) == (Kind.WAITING, (Role.REVIEWER, Role.CLINICAL_REVIEWER))
        assert notice.title == "no-show version 3 waits for a signature"
        assert "Gates: 1 cannot-tell, 1 passed." in notice.lines
        assert (notice.page, notice.report) == (VERSION.page, VERSION.report)

    def test_for_a_second_signature_is_another_notice(self) -> None:
        (first,) = due_notices(waiting(needed=2, clinical=True), POLICY, NOW)
        (second,) = due_notices(waiting(given=1, needed=2), POLICY, NOW)
        assert (second.kind, second.roles) == (Kind.SECOND, (Role.REVIEWER, Role.CLINICAL_REVIEWER))
        assert first.key("webhook") != second.key("webhook")
        assert "1 of 2 is given" in " ".join(second.lines)

    def test_for_a_clinical_signature_is_told_to_clinical_reviewers(self) -> None:
        (notice,) = due_notices(waiting(given=1, needed=2, clinical=True), POLICY, NOW)
        assert notice.roles == (Role.CLINICAL_REVIEWER,)
        assert notice.title == "no-show version 3 waits for a clinical reviewer's signature"

    @pytest.mark.parametrize(("days", "period"), [(3, 3), (9.9, 3), (10, 10), (400, 10)])
    def test_is_brought_up_again_once_a_period(self, days: float, period: int) -> None:
        (notice,) = due_notices(waiting(days), POLICY, NOW)
        assert notice.kind is Kind.REMINDER
        assert notice.about.endswith(f"{period} days")

    def test_again_after_another_was_made_under_its_number_is_new(self) -> None:
        again = replace(VERSION, key=VersionKey("no-show", 3, 2))
        facts = Facts(waiting=(Waiting(again, NOW, 0, 1, clinical=False),))
        before, after = due_notices(waiting(), POLICY, NOW) + due_notices(facts, POLICY, NOW)
        assert before.key("webhook") != after.key("webhook")


class TestAnApprovalInUse:
    @pytest.mark.parametrize(("days", "period"), [(30, 30), (7.1, 30), (7, 7), (1.1, 7), (1, 1), (0.01, 1)])
    def test_is_announced_before_it_ends(self, days: float, period: int) -> None:
        (notice,) = due_notices(ending(days), POLICY, NOW)
        assert notice.kind is Kind.ENDING
        assert notice.about.endswith(f" {period} days")
        assert Role.ENGINEER in notice.roles

    def test_is_not_announced_long_before(self) -> None:
        assert kinds(ending(30.1)) == []

    @pytest.mark.parametrize("days", [0, -1, -400])
    def test_that_ended_is_told_once_however_long_ago(self, days: float) -> None:
        (notice,) = due_notices(ending(days), POLICY, NOW)
        assert notice.kind is Kind.ENDED
        assert "Scoring abstains" in notice.lines[0]

    @given(st.lists(st.integers(0, 400), min_size=2, max_size=20))
    def test_is_told_at_most_once_a_period_whenever_it_is_looked_at(self, hours: list[int]) -> None:
        ends = NOW + timedelta(days=14)
        told = [
            notice.key("webhook")
            for hour in sorted(hours)
            for notice in due_notices(Facts(in_use=(InUse(VERSION, ends),)), POLICY, NOW + timedelta(hours=hour))
        ]
        assert len(set(told)) <= len(POLICY.ending.announce_before_days) + 1


class TestWhatHappened:
    @pytest.mark.parametrize(("revoked", "kind"), [(False, Kind.REJECTED), (True, Kind.REVOKED)])
    def test_to_a_version_is_told_while_it_is_news(self, revoked: bool, kind: Kind) -> None:
        assert kinds(Facts(refusals=(Refusal(VERSION, NOW - timedelta(days=3), revoked, True),))) == [kind]
        assert kinds(Facts(refusals=(Refusal(VERSION, NOW - timedelta(days=4), revoked, True),))) == []

    def test_of_a_revoked_version_in_use_says_that_scoring_abstains(self) -> None:
        (used,) = due_notices(Facts(refusals=(Refusal(VERSION, NOW, True, True),)), POLICY, NOW)
        (other,) = due_notices(Facts(refusals=(Refusal(VERSION, NOW, True, False),)), POLICY, NOW)
        assert "Scoring abstains" in used.lines[0]
        assert "Scoring abstains" not in other.lines[0]

    def test_as_an_incident_is_told_by_its_kind(self) -> None:
        opened = Incident("inc-2026-0007", IncidentKind.ALIAS_FORGED, NOW)
        (notice,) = due_notices(Facts(incidents=(opened,)), POLICY, NOW)
        assert notice.title == "Incident inc-2026-0007 was opened (alias-forged)"
        assert IncidentKind.ALIAS_FORGED.reason in notice.lines[0]

    def test_is_told_on_one_line_whatever_it_is_called(self) -> None:
        crooked = Incident("inc-7\r\nBcc: eve@example.org\u202e", IncidentKind.DRIFT, NOW)
        (notice,) = due_notices(Facts(incidents=(crooked,)), POLICY, NOW)
        assert notice.title == "Incident inc-7 Bcc: eve@example.org was opened (drift)"

    def test_not_to_an_approved_version_is_told_after_some_tries(self) -> None:
        assert kinds(Facts(unpromoted=(Unpromoted(VERSION, NOW - timedelta(minutes=4)),))) == []
        assert kinds(Facts(unpromoted=(Unpromoted(VERSION, NOW - timedelta(minutes=5)),))) == [Kind.UNPROMOTED]


class TestThePolicy:
    def test_pauses_grow_and_end(self) -> None:
        pauses = Pauses(first=30, longest=3600)
        assert [pauses.after(count) for count in (1, 2, 3, 8, 10_000)] == [30, 60, 120, 3600, 3600]

    def test_that_cannot_be_used_is_named_and_not_shown(self, tmp_path: Path) -> None:
        path = tmp_path / "notices.yaml"
        path.write_text("waiting: {remind_after_days: [soon]}", encoding="utf-8")
        with pytest.raises(PolicyUnreadable, match=r"notices\.yaml") as raised:
            load_notice_policy(path)
        assert "soon" not in str(raised.value)


@pytest.fixture
def posts() -> Iterator[Posts]:
    with http_server() as started:
        yield started


@pytest.fixture
def told(fresh_home: Settings, posts: Posts) -> Settings:
    """A home whose people hear by webhook."""
    return with_webhook(fresh_home, posts.url)


def with_webhook(home: Settings, url: str) -> Settings:
    values = {**home.model_dump(), "notices": {"webhook": {"url": url}}}
    return Settings.model_validate(values)


def sign(home: Settings, version: Registered, by: str, value: str = "approved") -> None:
    governance = ledger_database(home)
    actor = People(governance).find(by)
    assert actor is not None
    found = read_version(open_database(home.registry_url), version.model, version.version)
    decision = SigningDesk(home, governance, system_clock).take(actor, found, value)
    assert decision.allowed, decision.why


def use(home: Settings, version: Registered) -> None:
    """Put an approved version in use; the serving gate, which takes seconds, has its own tests."""
    subject = f"{version.model}/{version.version}"
    Ledger(ledger_database(home)).append("promoter", PROVEN, subject, digest=version.digest)
    promote(home, version.model, version.version)


def look(home: Settings, days: float = 0, outlook: Outlook | None = None) -> int:
    """Look as a process does that was just started, `days` from now."""
    moment = datetime.now(UTC) + timedelta(days=days)
    return send_due_notices(home, clock=fixed_clock(moment), outlook=outlook or Outlook())


def said(posts: Posts) -> list[tuple[str, str]]:
    found = [json.loads(body) for body in posts.bodies]
    return [(item["kind"], item["subject"]) for item in found]


def lines(home: Settings, action: str) -> list[dict]:
    return [act.facts for act in Ledger(ledger_database(home)).sealed(action)]


class TestTellingOnce:
    def test_nobody_is_told_where_nothing_is_set(self, fresh_home: Settings, candidate: CandidateFactory) -> None:
        register(fresh_home, candidate("one"))
        before = Ledger(ledger_database(fresh_home)).verify()
        assert look(fresh_home) == 0
        assert Ledger(ledger_database(fresh_home)).verify() == before

    def test_a_waiting_version_is_told_with_links_and_written_down(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        version = register(told, candidate("one"))
        assert look(told) == 1
        assert look(told) == 0
        assert said(posts) == [("version.waiting", "no-show/1")]
        base = f"http://127.0.0.1:{told.port_base}/#"
        run = f"experiments/{version.experiment_id}/runs/{version.run_id}"
        assert json.loads(posts.bodies[0])["links"] == {
            "Version": f"{base}/models/no-show/versions/1",
            "Report": f"{base}/{run}/artifacts/evidence/report.html",
        }
        assert lines(told, SENT) == [{"kind": "version.waiting", "messenger": "webhook"}]

    def test_of_several_that_wait_the_newest_alone_is_told(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        for number in range(3):
            register(told, candidate(f"run-{number}", seed=number))
        look(told)
        assert said(posts) == [("version.waiting", "no-show/3")]

    def test_a_clinical_version_is_told_for_each_signature_and_then_no_more(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        version = register(told, candidate("one", risk_class=RiskClass.CLINICAL))
        look(told)
        sign(told, version, "rita")
        look(told)
        sign(told, version, "clara")
        use(told, version)
        look(told)
        assert [kind for kind, _ in said(posts)] == ["version.waiting", "version.waiting-second"]
        assert json.loads(posts.bodies[1])["roles"] == ["clinical-reviewer"]

    def test_what_may_not_be_signed_any_more_is_not_brought_up(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        until = (datetime.now(UTC) + timedelta(days=1)).date()
        register(told, candidate("one", valid_until=until))
        look(told, days=5)
        assert said(posts) == []

    def test_what_was_overtaken_is_not_brought_up(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        first = register(told, candidate("one"))
        register(told, candidate("two", seed=1))
        sign(told, first, "rita")
        use(told, first)
        look(told)
        assert said(posts) == []

    def test_an_approval_in_use_is_told_as_it_nears_its_end_and_when_it_ended(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        version = register(told, candidate("one"))
        sign(told, version, "rita")
        use(told, version)
        for days in (0, 149, 151, 152, 174, 180, 200):
            look(told, days=days)
        assert [kind for kind, _ in said(posts)] == ["approval.ending", "approval.ending", "approval.ended"]

    def test_a_verdict_is_told_without_its_reason(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        version = register(told, candidate("one"))
        sign(told, version, "rita", "rejected: Ann of ward 7 was scored twice")
        look(told)
        assert said(posts) == [("version.rejected", "no-show/1")]
        assert b"Ann" not in posts.bodies[0]

    def test_an_approved_version_that_does_not_come_into_use_is_told(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        version = register(told, candidate("one"))
        sign(told, version, "rita")
        look(told, days=0.1)
        use(told, version)
        look(told, days=0.2)
        assert said(posts) == [("promotion.late", "no-show/1")]

    def test_an_incident_is_told(self, told: Settings, posts: Posts) -> None:
        opened = Incidents(ledger_database(told)).open(
            IncidentKind.DRIFT, "no-show", "Ann of ward 7 rang", by="promoter"
        )
        look(told)
        assert said(posts) == [("incident.opened", opened.id)]
        assert b"Ann" not in posts.bodies[0]

    def test_two_looks_without_a_change_ask_nobody(
        self, told: Settings, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        register(told, candidate("one"))
        outlook = Outlook()
        look(told, outlook=outlook)
        monkeypatch.setattr(sending, "gather_facts", None)
        assert look(told, outlook=outlook) == 0


class TestBesideOtherWork:
    def test_is_told_while_the_mail_server_keeps_everybody_waiting(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        register(told, candidate("one"))
        posts.silent = threading.Event()
        with announcing(told):
            assert posts.came.wait(30)
            assert posts.bodies
        posts.silent.set()


class Killed(BaseException):
    """Stands for the end of the process."""


class TestWhatGoesWrong:
    def test_is_written_down_once_and_tried_again_after_growing_pauses(
        self, fresh_home: Settings, candidate: CandidateFactory
    ) -> None:
        home = with_webhook(fresh_home, f"http://127.0.0.1:{closed_port()}/hook")
        register(home, candidate("one"))
        tries: list[float] = []
        outlook, started = Outlook(), datetime.now(UTC)
        for second in range(0, 400, 5):
            before = sum(outlook.failures.values())
            send_due_notices(home, clock=fixed_clock(started + timedelta(seconds=second)), outlook=outlook)
            tries += [second] if sum(outlook.failures.values()) > before else []
        assert tries == [0, 30, 90, 210]
        assert [line["kind"] for line in lines(home, FAILED)] == ["version.waiting"]
        assert lines(home, SENT) == []

    def test_is_sent_once_the_other_side_is_back(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        register(told, candidate("one"))
        outlook, posts.status = Outlook(), 500
        assert look(told, outlook=outlook) == 0
        posts.status = 200
        assert look(told, days=0.01, outlook=outlook) == 1
        assert outlook.failures == {}

    def test_with_one_notice_keeps_no_other_waiting(
        self, told: Settings, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[str] = []

        class Picky:
            name = "picky"

            def reaches(self, roles: tuple[Role, ...]) -> bool:
                return True

            def send(self, message: Message) -> None:
                if message.kind == Kind.INCIDENT:
                    raise NotDelivered(self.name, "not this one")
                sent.append(message.kind)

        monkeypatch.setattr(sending, "messengers_of", lambda *_: [Picky()])
        Incidents(ledger_database(told)).open(IncidentKind.DRIFT, "no-show", "drifted since May", by="promoter")
        register(told, candidate("one"))
        outlook = Outlook()
        for days in (0, 0.01):
            look(told, days=days, outlook=outlook)
        assert sent == ["version.waiting"]

    def test_between_sending_and_writing_down_makes_one_more_sending_by_the_same_name(
        self, told: Settings, posts: Posts, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        register(told, candidate("one"))

        def killed(*_: object, **__: object) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(Ledger, "append_once", killed)
            with pytest.raises(Killed):
                look(told)
        assert look(told) == 1
        assert look(told) == 0
        assert len({headers["webhook-id"] for headers in posts.headers}) == 1
        assert len(posts.bodies) == 2

    def test_is_not_believed_of_a_line_that_the_home_did_not_seal(
        self, told: Settings, posts: Posts, candidate: CandidateFactory
    ) -> None:
        register(told, candidate("one"))
        (notice,) = due_notices(gather_facts(told, datetime.now(UTC)), POLICY, datetime.now(UTC))
        last = list(Ledger(ledger_database(told)).read())[-1]
        digest = notice.key("webhook")
        forged = replace(last, seq=last.seq + 1, action=SENT, subject=notice.subject, digest=digest, hash="0" * 64)
        with open_database(told.ledger_url).begin() as connection:
            connection.execute(insert(acts).values(asdict(forged)))
        outlook = Outlook()
        assert look(told, outlook=outlook) == 1
        assert look(told, days=0.1, outlook=outlook) == 0
        assert len(posts.bodies) == 1

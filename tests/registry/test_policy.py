from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.people import Person, Role
from registry import names, policy, writing_rules
from registry.policy import Gesture, Signature, State, Verdict, VersionFacts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
APPROVE = Gesture(Verdict.APPROVED, "")
REJECT = Gesture(Verdict.REJECTED, "calibration is off in winter")
REVOKE = Gesture(Verdict.REVOKED, "the clinic moved to other hours")

ROLES = {
    "ada": Role.ENGINEER,
    "rita": Role.REVIEWER,
    "ron": Role.REVIEWER,
    "clara": Role.CLINICAL_REVIEWER,
    "otto": Role.AUDITOR,
    "root": Role.ADMIN,
}


def person(name: str, *, disabled: bool = False) -> Person:
    return Person(name, ROLES[name], service=False, disabled=disabled)


PIPELINE = Person(names.PIPELINE, Role.ENGINEER, service=True, disabled=False)
PROMOTER = Person(names.PROMOTER, Role.PROMOTER, service=True, disabled=False)


def signed(by: str, verdict: Verdict = Verdict.APPROVED, *, digest: str = DIGEST, days: int = 180) -> Signature:
    clinical = ROLES[by] is Role.CLINICAL_REVIEWER
    expires = NOW + timedelta(days=days) if verdict is Verdict.APPROVED else None
    return Signature(verdict, by, "", clinical, digest, NOW - timedelta(days=1), expires)


def facts(*verdicts: Signature, signatures: int = 1, status: str = "passed", found: str = DIGEST) -> VersionFacts:
    return VersionFacts("ada", status, DIGEST, found, signatures, verdicts)


class TestWhoMayApprove:
    @pytest.mark.parametrize("name", ["rita", "clara"])
    def test_reviewers_may(self, name: str) -> None:
        assert policy.may_say(person(name), APPROVE, facts(), NOW).allowed

    @pytest.mark.parametrize("name", ["ada", "otto", "root"])
    def test_other_roles_may_not(self, name: str) -> None:
        assert "not a reviewer" in policy.may_say(person(name), APPROVE, facts(), NOW).why

    @pytest.mark.parametrize("service", [PIPELINE, PROMOTER])
    def test_services_may_not(self, service: Person) -> None:
        assert not policy.may_say(service, APPROVE, facts(), NOW).allowed

    def test_a_disabled_reviewer_may_not(self) -> None:
        assert not policy.may_say(person("rita", disabled=True), APPROVE, facts(), NOW).allowed

    @pytest.mark.parametrize("gesture", [APPROVE, REJECT])
    def test_the_author_may_not_judge_their_own_version(self, gesture: Gesture) -> None:
        own = replace(facts(), author="rita")
        assert "four eyes" in policy.may_say(person("rita"), gesture, own, NOW).why


class TestWhatMayBeApproved:
    @pytest.mark.parametrize("status", ["passed", "cannot-tell"])
    def test_what_no_gate_failed(self, status: str) -> None:
        assert policy.may_say(person("rita"), APPROVE, facts(status=status), NOW).allowed

    @pytest.mark.parametrize("status", ["failed", "", "PASSED", "anything"])
    def test_nothing_else(self, status: str) -> None:
        assert "gates" in policy.may_say(person("rita"), APPROVE, facts(status=status), NOW).why

    @pytest.mark.parametrize("found", [OTHER, ""])
    def test_nothing_whose_files_changed(self, found: str) -> None:
        assert "files" in policy.may_say(person("rita"), APPROVE, facts(found=found), NOW).why

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_nothing_that_was_decided(self, verdict: Verdict) -> None:
        decided = facts(signed("ron", Verdict.APPROVED), signed("ron", verdict))
        assert "already" in policy.may_say(person("rita"), APPROVE, decided, NOW).why

    def test_again_once_the_approval_expired(self) -> None:
        assert policy.may_say(person("rita"), APPROVE, facts(signed("rita", days=-1)), NOW).allowed


class TestTheAuthor:
    @pytest.mark.parametrize("author", ["rita", "Rita", " RITA "])
    def test_is_the_same_person_however_the_name_is_written(self, author: str) -> None:
        own = replace(facts(), author=author)
        assert "four eyes" in policy.may_say(person("rita"), APPROVE, own, NOW).why


class TestRevoking:
    def test_any_reviewer_revokes_what_is_approved(self) -> None:
        assert policy.may_say(person("ron"), REVOKE, facts(signed("rita")), NOW).allowed

    def test_even_its_author(self) -> None:
        own = replace(facts(signed("rita")), author="ron")
        assert policy.may_say(person("ron"), REVOKE, own, NOW).allowed

    @pytest.mark.parametrize("verdicts", [(), (signed("rita", Verdict.REJECTED),)])
    def test_nothing_else_can_be_revoked(self, verdicts: tuple[Signature, ...]) -> None:
        assert "only an approved" in policy.may_say(person("ron"), REVOKE, facts(*verdicts), NOW).why


class TestTwoSignatures:
    def test_one_is_not_enough(self) -> None:
        assert policy.state_of(facts(signed("clara"), signatures=2), NOW) is State.PENDING

    def test_two_with_a_clinical_one_are(self) -> None:
        assert policy.state_of(facts(signed("rita"), signed("clara"), signatures=2), NOW) is State.APPROVED

    def test_two_without_a_clinical_one_are_not(self) -> None:
        assert policy.state_of(facts(signed("rita"), signed("ron"), signatures=2), NOW) is State.PENDING

    def test_one_person_twice_is_not(self) -> None:
        assert policy.state_of(facts(signed("clara"), signed("clara"), signatures=2), NOW) is State.PENDING
        once = facts(signed("clara"), signatures=2)
        assert "second person" in policy.may_say(person("clara"), APPROVE, once, NOW).why

    def test_the_second_has_to_be_the_clinical_one(self) -> None:
        once = facts(signed("rita"), signatures=2)
        assert "clinical reviewer's" in policy.may_say(person("ron"), APPROVE, once, NOW).why
        assert policy.may_say(person("clara"), APPROVE, once, NOW).allowed

    def test_after_the_clinical_one_any_reviewer_may(self) -> None:
        once = facts(signed("clara"), signatures=2)
        assert policy.may_say(person("rita"), APPROVE, once, NOW).allowed


class TestStanding:
    def test_nothing_said_is_pending(self) -> None:
        assert policy.state_of(facts(), NOW) is State.PENDING

    def test_an_approval_of_other_content_does_not_count(self) -> None:
        assert policy.state_of(facts(signed("rita", digest=OTHER)), NOW) is State.PENDING

    def test_an_expired_approval_does_not_count(self) -> None:
        assert policy.state_of(facts(signed("rita", days=0)), NOW) is State.PENDING

    @given(st.permutations([signed("rita"), signed("clara"), signed("ron", Verdict.REVOKED)]))
    def test_revoked_stays_revoked_in_any_order(self, said: list[Signature]) -> None:
        assert policy.state_of(facts(*said, signatures=2), NOW) is State.REVOKED

    @given(st.lists(st.sampled_from(["rita", "ron", "clara"]), max_size=6))
    def test_a_clinical_model_never_stands_on_one_person_or_without_the_clinic(self, names_: list[str]) -> None:
        state = policy.state_of(facts(*map(signed, names_), signatures=2), NOW)
        assert (state is State.APPROVED) == (len(set(names_)) > 1 and "clara" in names_)


class TestReadingTheGesture:
    @pytest.mark.parametrize("text", ["approved", " Approved ", "APPROVED"])
    def test_approved(self, text: str) -> None:
        assert policy.read_gesture(text) == APPROVE

    def test_a_reason_belongs_to_the_others(self) -> None:
        assert policy.read_gesture(f"rejected: {REJECT.reason}") == REJECT
        assert policy.read_gesture(f"revoked:{REVOKE.reason}") == REVOKE

    @pytest.mark.parametrize("text", ["rejected", "rejected: no", "revoked:          "])
    def test_without_one_it_is_asked_for(self, text: str) -> None:
        decision = policy.read_gesture(text)
        assert isinstance(decision, policy.Decision)
        assert "at least 10 characters" in decision.why

    @pytest.mark.parametrize("text", ["", "ok", "pending", "approve", "yes: because I say so"])
    def test_anything_else_is_explained(self, text: str) -> None:
        decision = policy.read_gesture(text)
        assert isinstance(decision, policy.Decision)
        assert policy.HOW_TO in decision.why


class TestRegistering:
    TAGS = dict.fromkeys(names.REQUIRED_AT_CREATION, "x") | {names.APPROVAL: "pending", names.GATE_STATUS: "passed"}
    SOURCE = "models:/m-0123456789abcdef"

    def test_the_pipeline_may(self) -> None:
        assert writing_rules.may_create_version(PIPELINE, self.SOURCE, self.TAGS).allowed

    @pytest.mark.parametrize("who", [person("ada"), person("root"), PROMOTER, replace(PIPELINE, service=False)])
    def test_nobody_else_may(self, who: Person) -> None:
        assert not writing_rules.may_create_version(who, self.SOURCE, self.TAGS).allowed

    @pytest.mark.parametrize(
        "source", ["models:/no-show/3", "runs:/1/model", "file:///srv/model", "models:/m-1/../m-2"]
    )
    def test_only_from_a_logged_model(self, source: str) -> None:
        assert not writing_rules.may_create_version(PIPELINE, source, self.TAGS).allowed

    @pytest.mark.parametrize("key", names.REQUIRED_AT_CREATION)
    def test_with_every_tag(self, key: str) -> None:
        less = {tag: value for tag, value in self.TAGS.items() if tag != key}
        assert key in writing_rules.may_create_version(PIPELINE, self.SOURCE, less).why

    @pytest.mark.parametrize(
        "more", [{names.APPROVAL: "approved"}, {names.APPROVED_BY: "rita"}, {"gate.bias": "failed"}]
    )
    def test_pending_and_without_a_failed_gate(self, more: dict[str, str]) -> None:
        assert not writing_rules.may_create_version(PIPELINE, self.SOURCE, self.TAGS | more).allowed


class TestTagsAndAliases:
    @pytest.mark.parametrize(
        "key", ["gate.bias", "approval.by", "digest", "author", "Approval", " approval ", "run.key"]
    )
    @pytest.mark.parametrize("who", [person("rita"), person("root"), PIPELINE])
    def test_what_the_server_writes_nobody_writes(self, who: Person, key: str) -> None:
        assert not writing_rules.may_set_tag(who, key).allowed

    def test_other_tags_are_free(self) -> None:
        assert writing_rules.may_set_tag(person("rita"), "ticket").allowed
        assert not writing_rules.may_set_tag(person("rita", disabled=True), "ticket").allowed

    @pytest.mark.parametrize("alias", [names.CHAMPION, "Champion", names.PREVIOUS, "anything"])
    def test_aliases_are_the_promoters(self, alias: str) -> None:
        assert writing_rules.may_set_alias(PROMOTER, alias, standing=True).allowed
        for who in (person("rita"), person("root"), person("ada"), PIPELINE):
            assert not writing_rules.may_set_alias(who, alias, standing=True).allowed

    def test_and_need_a_standing_approval(self) -> None:
        assert not writing_rules.may_set_alias(PROMOTER, names.CHAMPION, standing=False).allowed

    def test_the_challenger_needs_none(self) -> None:
        assert writing_rules.may_set_alias(PIPELINE, names.CHALLENGER, standing=False).allowed

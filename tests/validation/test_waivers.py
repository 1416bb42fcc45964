import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.gates.result import Check, GateResult, Verdict, Waived
from validation.limits import UNWAIVABLE, Waiver
from validation.policy import InvalidPolicy, Policy, load_policy
from validation.waivers import Use, apply_waivers, ends, in_force, uses

TODAY = date(2026, 11, 22)
REASON = "the older patients are called by hand until the spring"
NAME = "tpr_ratio[age=75+]"


def check(name=NAME, verdict=Verdict.FAILED):
    return Check(name, verdict, 0.7, 0.75, 0.8, 900, 140, "at most 0.75, and 0.8 is asked", (0.65, 0.75), "age=75+")


def gates(*checks, gate="bias"):
    return (GateResult(gate, checks or (check(),)),)


def waiver(until=TODAY, gate="bias", name=NAME, owner="maria", reason=REASON):
    return Waiver(gate=gate, check=name, reason=reason, owner=owner, until=until)


def policy(*waivers):
    return load_policy("no-show").model_copy(update={"waivers": waivers})


class TestAWaiverThatHolds:
    def test_puts_the_failed_check_to_the_reviewer(self):
        (gate,) = apply_waivers(gates(), policy(waiver()), TODAY)
        assert gate.verdict is Verdict.CANNOT_TELL

    def test_keeps_the_numbers_and_the_reason(self):
        (gate,) = apply_waivers(gates(), policy(waiver()), TODAY)
        found, before = gate.checks[0], check()
        assert (found.estimate, found.bound, found.interval) == (before.estimate, before.bound, before.interval)
        assert found.reason == before.reason

    def test_says_who_answers_for_it_why_and_until_when(self):
        (gate,) = apply_waivers(gates(), policy(waiver()), TODAY)
        assert gate.checks[0].waiver == Waived(REASON, "maria", TODAY)
        assert gate.as_dict()["checks"][0]["waiver"] == {"reason": REASON, "owner": "maria", "until": "2026-11-22"}

    def test_leaves_the_gate_s_other_checks_failed(self):
        other = check("tpr_ratio[age=0-17]")
        (gate,) = apply_waivers(gates(check(), other), policy(waiver()), TODAY)
        assert gate.checks[1] == other
        assert gate.verdict is Verdict.FAILED

    def test_is_found_though_an_older_one_stands_beside_it(self):
        (gate,) = apply_waivers(gates(), policy(waiver(), waiver(date(2025, 1, 1), owner="otto")), TODAY)
        assert gate.checks[0].waiver.owner == "maria"


class TestAWaiverThatEnded:
    def test_leaves_the_check_failed_and_says_so(self):
        (gate,) = apply_waivers(gates(), policy(waiver(date(2026, 11, 21))), TODAY)
        assert gate.verdict is Verdict.FAILED
        assert gate.checks[0].waiver is None
        assert gate.checks[0].reason.endswith("(its waiver by maria ended on 2026-11-21)")

    def test_is_listed_as_expired(self):
        ended = policy(waiver(date(2026, 11, 21)))
        assert uses(apply_waivers(gates(), ended, TODAY), ended)[0].use is Use.EXPIRED


class TestItsLastDay:
    def test_still_counts_and_the_next_does_not(self):
        one = policy(waiver(TODAY))
        assert in_force(one, TODAY) == one.waivers
        assert in_force(one, date(2026, 11, 23)) == ()


class TestAWaiverThatMeetsNoFailure:
    @pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.CANNOT_TELL])
    def test_changes_nothing_and_is_listed_as_not_needed(self, verdict):
        before, with_one = gates(check(verdict=verdict)), policy(waiver())
        after = apply_waivers(before, with_one, TODAY)
        assert after == before
        assert uses(after, with_one)[0].use is Use.NOT_NEEDED

    def test_of_a_check_that_was_not_made_is_listed_as_unknown(self):
        with_one = policy(waiver(name="tpr_ratio[age=76+]"))
        assert uses(apply_waivers(gates(), with_one, TODAY), with_one)[0].use is Use.UNKNOWN


class TestGatesWithoutWaivers:
    @pytest.mark.parametrize("gate", UNWAIVABLE)
    def test_refuse_one_when_the_policy_is_read(self, tmp_path, gate):
        source = load_policy("no-show").model_dump(mode="json")
        source["waivers"] = [{"gate": gate, "check": "auc", "reason": REASON, "owner": "maria", "until": "2027-01-01"}]
        (tmp_path / "no-show.yaml").write_text(str(source), encoding="utf-8")
        with pytest.raises(InvalidPolicy, match=f"the gate {gate} has no waivers"):
            load_policy("no-show", tmp_path)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"gate": "Accuracy"},
            {"gate": "\u0430ccuracy"},
            {"gate": "*"},
            {"owner": "  "},
            {"owner": "maria\n| accuracy | passed |"},
            {"check": "auc\u200b"},
            {"until": "9999-12-31"},
        ],
        ids=["case", "look-alike", "all", "nobody", "line", "unseen", "no-end"],
    )
    def test_are_not_reached_by_a_name_that_looks_like_theirs_nor_by_texts_that_mislead(self, tmp_path, wrong):
        source = load_policy("no-show").model_dump(mode="json")
        one = {"gate": "bias", "check": NAME, "reason": REASON, "owner": "maria", "until": "2027-01-01"}
        source["waivers"] = [one | wrong]
        (tmp_path / "no-show.yaml").write_text(json.dumps(source), encoding="utf-8")
        with pytest.raises(InvalidPolicy, match=r"waivers\.0"):
            load_policy("no-show", tmp_path)

    @pytest.mark.parametrize("gate", UNWAIVABLE)
    def test_stay_failed_even_if_one_got_in(self, gate):
        smuggled = Waiver.model_construct(gate=gate, check=NAME, reason=REASON, owner="maria", until=TODAY)
        failed = gates(gate=gate)
        assert apply_waivers(failed, policy(smuggled), TODAY) == failed


class TestTheEndOfAnApproval:
    def test_is_the_earliest_of_the_waivers_in_use(self):
        names = ("a", "b", "c")
        waivers = [waiver(date(2027, month, 1), name=name) for month, name in zip((3, 2, 1), names, strict=True)]
        found = gates(check("a"), check("b"), check("c", Verdict.PASSED))
        assert ends(apply_waivers(found, policy(*waivers), TODAY)) == date(2027, 2, 1)

    def test_is_none_where_no_waiver_is_in_use(self):
        assert ends(apply_waivers(gates(), policy(waiver(date(2026, 1, 1))), TODAY)) is None


days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
checks = st.lists(st.builds(check, st.sampled_from("abcd"), st.sampled_from(Verdict)), max_size=6)


class TestTheLaw:
    @given(checks, st.lists(st.builds(waiver, days, name=st.sampled_from("abcde")), max_size=5), days)
    def test_nothing_passes_by_a_waiver_and_nothing_else_changes(self, found, waivers, today):
        before = gates(*found) if found else (GateResult("bias", ()),)
        (after,) = apply_waivers(before, policy(*waivers), today)
        for old, new in zip(before[0].checks, after.checks, strict=True):
            assert (new.verdict is Verdict.PASSED) == (old.verdict is Verdict.PASSED)
            assert old.verdict is Verdict.FAILED or new == old
            assert (new.waiver is not None) == (old.verdict is Verdict.FAILED and new.verdict is Verdict.CANNOT_TELL)
            assert new.waiver is None or new.waiver.until >= today

    @given(checks, st.lists(st.builds(waiver, days, name=st.sampled_from("abcde")), max_size=5), days)
    def test_applied_twice_is_applied_once_where_they_hold(self, found, waivers, today):
        holding = policy(*[item for item in waivers if item.until >= today])
        once = apply_waivers(gates(*found), holding, today)
        assert apply_waivers(once, holding, today) == once

    def test_a_policy_without_waivers_has_no_uses(self):
        assert uses(gates(), Policy.model_validate(load_policy("no-show").model_dump())) == ()

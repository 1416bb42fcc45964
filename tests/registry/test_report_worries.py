"""What a reviewer has to worry about, the gravest first, everything of one cause together."""

from dataclasses import replace
from datetime import date

from registry.worries import briefly, by_partition, headlines, worries
from validation.gates.result import Check, GateResult, Verdict, Waived

FEW = "fewer than 111 rows of one outcome in this group: too few to tell"


def check(name="ece", verdict=Verdict.CANNOT_TELL, reason="the limit lies inside", group="", interval=(0.1, 0.2)):
    full = f"{name}[{group}]" if group else name
    return Check(full, verdict, 0.15, 0.2, 0.12, 900, 120, reason, interval, group)


def gate(name, *checks):
    return GateResult(name, checks)


class TestTheOrder:
    def test_is_failed_then_waived_then_open_then_what_could_not_be_judged(self):
        waived = replace(check("slope"), waiver=Waived("it may stand a while", "maria", date(2027, 1, 1)))
        unjudged = check("auc", reason=FEW, group="age=75+", interval=None)
        gates = (gate("a", unjudged, check("ece")), gate("b", waived), gate("c", check("auc", Verdict.FAILED)))
        assert [item.what for item in worries(gates)] == [
            ("AUC",),
            ("calibration slope",),
            ("expected calibration error",),
            ("AUC",),
        ]

    def test_leaves_out_what_passed(self):
        assert worries((gate("a", check(verdict=Verdict.PASSED), check("auc", Verdict.PASSED, group="age=75+")),)) == ()


class TestOneCause:
    def test_puts_groups_that_no_gate_could_judge_together(self):
        few = [
            check(name, reason=FEW, group=group, interval=None)
            for name in ("auc", "ece")
            for group in ("age=75+", "sex=x")
        ]
        (found,) = worries((gate("bias", *few), gate("calibration", *few)))
        assert found.gates == ("bias", "calibration")
        assert found.groups == ("age=75+", "sex=x")
        assert found.what == ("groups that could not be judged",)

    def test_puts_checks_that_lack_the_same_together(self):
        (found,) = worries((gate("leakage", check("a", reason="not given"), check("b", reason="not given")),))
        assert found.what == ("a", "b")

    def test_of_failed_groups_is_what_the_policy_says(self):
        checks = [
            check("tpr_ratio", Verdict.FAILED, f"at most {high}, and 0.8 is asked: four fifths", group)
            for high, group in ((0.7, "age=75+"), (0.6, "sex=x"))
        ]
        (found,) = worries((gate("bias", *checks),))
        assert (found.why, found.groups) == ("four fifths", ("age=75+", "sex=x"))

    def test_a_group_that_failed_by_counting_is_no_group_that_could_not_be_judged(self):
        found = check("inputs", Verdict.FAILED, "told by another name", "age=75+", interval=None)
        assert worries((gate("bias", found),))[0].verdict is Verdict.FAILED

    def test_a_waived_check_is_not_mixed_with_those_that_cannot_tell(self):
        waived = replace(check("auc", group="sex=x"), waiver=Waived("it may stand a while", "maria", date(2027, 1, 1)))
        first, second = worries((gate("bias", waived, check("auc", group="age=75+")),))
        assert (first.waiver, first.groups) == (waived.waiver, ("sex=x",))
        assert (second.waiver, second.groups) == (None, ("age=75+",))

    def test_of_a_waived_failure_keeps_its_numbers_and_that_it_failed(self):
        reason = "at most 0.7, and 0.8 is asked: four fifths"
        waived = replace(
            check("tpr_ratio", reason=reason, group="sex=x"),
            waiver=Waived("it may stand a while", "maria", date(2027, 1, 1)),
        )
        (found,) = worries((gate("bias", waived),))
        assert (found.mark, found.verdict, found.why) == (Verdict.FAILED, Verdict.CANNOT_TELL, reason)


class TestHeadlines:
    def test_are_one_line_for_all_that_a_gate_cannot_tell(self):
        lines, more = headlines((gate("a", check("x", reason="one"), check("y", reason="two")),), 8)
        assert more == 0
        assert (lines[0].what, lines[0].why) == (("x", "y"), "for more than one reason")

    def test_are_never_more_than_asked_for_and_count_the_rest(self):
        gates = tuple(gate(f"g{number}", check(f"c{number}", Verdict.FAILED, f"r{number}")) for number in range(12))
        lines, more = headlines(gates, 8)
        assert (len(lines), more) == (7, 5)
        assert [line.gate for line in lines] == [f"g{number}" for number in range(7)]


class TestNamingGroups:
    def test_briefly_names_declared_groups_and_counts_intersections(self):
        groups = ("age=75+", "sex=x", "age=0-17", "age × sex=75+ × x", "age × sex=0-17 × x")
        assert briefly(groups, 2) == "age=75+, sex=x, 1 more, 2 intersections"
        assert briefly(groups[:1] + groups[3:4], 2) == "age=75+, 1 intersection"

    def test_in_full_stands_under_the_partition(self):
        assert by_partition(("age=75+", "age × sex=75+ × x", "age=0-17")) == {
            "age": ("75+", "0-17"),
            "age × sex": ("75+ × x",),
        }

"""The report answers in five minutes: verdicts, changes, worries and waivers first, then a page a gate."""

import re
from dataclasses import replace

import pytest

from registry.brief import review_brief
from registry.card import fill_card
from registry.evidence import gates_json, write_evidence
from registry.plots.probes import shown_refits
from registry.report import FIRST_SCREEN, render_report
from registry.report_plots import draw_plots
from registry.report_words import QUESTIONS
from tests.registry.evidence_makers import ELEVEN, TODAY, WAIVER, draws, full_evidence, full_plots
from validation.gates.champion import champion
from validation.gates.result import Check, GateResult, Verdict
from validation.parts import Overlap
from validation.probed import Probed, Refit


@pytest.fixture(scope="module")
def evidence():
    return full_evidence()


def page_of(evidence, plots=()):
    return render_report(evidence, dict(plots), fill_card(evidence))


@pytest.fixture(scope="module")
def plots(evidence):
    return full_plots()


@pytest.fixture(scope="module")
def page(evidence, plots):
    return page_of(evidence, plots)


def section(page, name):
    return re.search(rf'<section (?:id="{name}"|class="{name}").*?</section>', page, flags=re.DOTALL)[0]


def words(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


class TestTheFirstScreen:
    def test_says_the_verdict_of_each_gate_in_the_panel_s_order(self, page):
        found = re.findall(r'<li><a href="#([a-z]+)"><b>\1</b> <span class="pill ([a-z-]+)"', section(page, "first"))
        assert [name for name, _ in found] == list(ELEVEN)
        assert dict(found)["robustness"] == "cannot-tell"

    def test_says_what_changed_against_the_version_in_use(self, page):
        first = words(section(page, "first"))
        assert "Against version 3 in use ( dddddddddddd ), signed by rita and clara on 2026-10-01." in first
        assert "On the same rows: AUC +0.004 (−0.002 to +0.010)" in first
        assert "Features: new lead_days; dropped welfare." in first
        assert "rounds 200 → 300" in first
        assert "The same data, another policy. Policy: robustness.missing 0.1 → 0.35." in first
        assert "Asked for the first time: robustness, stability, champion, privacy, serving, usefulness." in first

    def test_worries_in_a_few_lines_and_leaves_the_names_for_below(self, page, evidence):
        first = section(page, "first")
        lines = re.search(r'<ul class="worries short">(.*?)</ul>', first, flags=re.DOTALL)[1].count("<li>")
        assert lines <= FIRST_SCREEN
        assert 'href="#open"' in first

    def test_shows_who_answers_for_what_failed(self, page):
        first = words(section(page, "first"))
        assert f"{WAIVER['reason']} maria answers for it until 2027-01-31; in use." in first
        assert "otto answers for it until 2027-01-31; not needed: the check did not fail." in first

    def test_plays_no_waived_failure_down(self, page):
        first = section(page, "first")
        (line,) = [item for item in re.findall(r"<li>.*?</li>", first, flags=re.DOTALL) if "waived until" in item]
        assert 'class="failed"' in line
        said = words(line)
        assert "failed : at least 0.41, and 0.35 is allowed waived until 2027-01-31 by maria" in said

    def test_counts_waived_failures_apart_from_what_cannot_be_told(self, page):
        (tile,) = re.findall(r'<li><a href="#robustness">.*?</li>', section(page, "first"), flags=re.DOTALL)
        assert words(tile) == "robustness ? cannot-tell 2 ✓ 1 ? 1 waived"

    def test_says_what_is_good_in_numbers(self, page, evidence):
        label, flagged = evidence.rows.label, evidence.measured.flagged
        auc = gates_json(evidence)["metrics"]["auc"]
        said = (
            f"AUC {auc['estimate']:.3f} ({auc['low']:.3f} to {auc['high']:.3f}); of those with the outcome, "
            f"{label[flagged].mean() * flagged.sum() / label.sum():.0%} are among the {flagged.mean():.0%} of rows"
        )
        assert f"In numbers: {said}" in words(section(page, "first"))
        assert f"**In numbers**: {said}" in review_brief(evidence)

    def test_says_how_to_decide_as_the_brief_does(self, page):
        said = words(section(page, "first"))
        assert "set the tag approval to approved or rejected: &lt;reason&gt;; each cannot-tell" in said

    def test_says_that_held_out_rows_lie_elsewhere(self, page):
        assert "Held-out rows lie elsewhere than training: age." in words(section(page, "first"))


class TestWhatItWasJudgedOn:
    def said(self, evidence, shared):
        patients = evidence.measured.overall.patients
        both = Overlap("time", shared, patients, 0, evidence.rows.n, 0)
        shown = replace(evidence, measured=replace(evidence.measured, overlap=both))
        header = words(re.search(r"<header>.*?</header>", page_of(shown), flags=re.DOTALL)[0])
        brief = review_brief(shown)
        said = re.search(r"Judged on (.*?);", brief)[1]
        assert f"Judged on {said};" in header
        return said

    def test_are_new_rows_and_patients_only_where_no_patient_stands_on_both_sides(self, evidence):
        patients = evidence.measured.overall.patients
        assert self.said(evidence, 0) == f"4,000 rows of {patients:,} patients that training did not see"
        new = f"4,000 rows that training did not see, of {patients:,} patients"
        assert self.said(evidence, 1234) == f"{new}, 1,234 of whom also stand in training"
        assert self.said(evidence, patients) == f"{new}, all of whom also stand in training"

    def test_withholds_counts_that_point_at_people(self, evidence):
        patients = evidence.measured.overall.patients
        assert self.said(evidence, 3).endswith(", a few of whom also stand in training")
        assert self.said(evidence, patients - 3).endswith(", all but a few of whom also stand in training")

    def test_claims_nothing_of_patients_where_they_were_not_counted(self, evidence):
        assert evidence.measured.overlap is None
        patients = evidence.measured.overall.patients
        assert f"Judged on 4,000 rows that training did not see, of {patients:,} patients;" in review_brief(evidence)


class TestWithoutAVersionInUse:
    def test_says_so(self, evidence):
        assert "No version is in use" in page_of(replace(evidence, predecessor=None))
        assert "no version is in use" in review_brief(replace(evidence, predecessor=None))

    def test_calls_the_champion_gate_no_comparison_that_was_won(self, evidence):
        alone = champion(replace(evidence.measured, versus=None), evidence.policy)
        shown = replace(evidence, gates=(alone,), predecessor=None)
        assert words(section(page_of(shown), "first")).startswith("Verdicts champion no version in use 1 ✓")
        assert "| champion | ✓ no version in use |" in review_brief(shown)

    def test_says_why_one_could_not_be_compared_with(self, evidence):
        broken = replace(evidence, predecessor=None, incomparable="its files changed")
        assert "It could not be compared with the version in use: its files changed." in page_of(broken)
        assert "not compared with the version in use: its files changed" in review_brief(broken)


class TestOpenQuestions:
    def test_name_every_check_and_every_group_that_did_not_pass(self, page, evidence):
        said = words(section(page, "open"))
        for gate in evidence.gates:
            for check in gate.checks:
                if check.verdict is not Verdict.PASSED and check.group:
                    assert check.group.partition("=")[2] in said

    def test_keep_the_reason_of_a_waived_failure(self, page):
        said = words(section(page, "open"))
        assert "robustness , decisions without a field (days since miss): at least 0.41, and 0.35 is allowed" in said
        assert "0.35 is allowed Waived until 2027-01-31 by maria" in said


class TestGates:
    @pytest.mark.parametrize("gate", ELEVEN)
    def test_have_a_page_with_their_question_and_checks(self, page, evidence, gate):
        said = section(page, gate)
        assert words(said).startswith(gate.capitalize())
        assert QUESTIONS[gate].replace("'", "&#39;") in said
        asked = next(item for item in evidence.gates if item.gate == gate)
        assert all(check.group or check.reason.replace("'", "&#39;") in said for check in asked.checks)

    def test_that_nobody_foresaw_are_shown_like_the_others(self, evidence):
        check = Check(
            "novelty[age=75+]", Verdict.FAILED, None, None, None, 900, 140, "found by counting", group="age=75+"
        )
        strange = GateResult("tomorrow", (check, replace(check, name="in_all", group="")))
        page = page_of(replace(evidence, gates=(*evidence.gates, strange)))
        assert "found by counting" in words(section(page, "tomorrow"))
        assert "novelty" in words(section(page, "tomorrow"))
        assert "75+" in words(section(page, "open"))

    def test_stand_on_pages_of_their_own_on_paper(self, page):
        assert re.search(r"@media print.*section \{ break-before: page", page, flags=re.DOTALL)

    def test_show_what_their_probes_found(self, page):
        figures = {gate: section(page, gate).count("<figure") for gate in ELEVEN}
        assert figures["robustness"] == 1
        assert figures["stability"] == 2
        assert figures["usefulness"] == 1
        assert figures["accuracy"] == 4
        assert "How well the features tell each group" in section(page, "bias")


class TestSmallCells:
    def test_are_withheld_from_what_tells_a_group(self, page):
        row = re.search(
            r'<th scope="row">sex=other</th>[^/]*>withheld</td>(.*?)</tr>', section(page, "bias"), re.DOTALL
        )
        assert words(row[1]) == "– – –"
        assert "0.98<" not in section(page, "bias")

    def test_are_withheld_from_refits(self, plots):
        assert "third 1 of 3" in plots["stability"]
        assert "a very small one" not in plots["stability"]

    def test_leave_no_plot_where_no_refit_can_be_shown(self, evidence):
        tiny = Refit("site", "a very small one", draws(0.7), draws(0.7), draws(0.0), None, 12, 3)
        alone = replace(evidence, measured=replace(evidence.measured, probed=Probed(refits=(tiny,))))
        assert shown_refits(alone) == []


class TestFigures:
    def test_say_in_words_what_they_show(self, page):
        assert page.count("<svg") == page.count('<svg role="img" aria-label="')

    def test_that_are_wide_can_be_scrolled_to_by_keyboard(self, page):
        assert page.count('class="broad"') == len(re.findall(r'class="drawing" role="region" tabindex="0"', page))

    def test_are_the_same_bytes_for_the_same_facts(self, evidence, plots):
        assert draw_plots(evidence) == plots


class TestTheMachineReadableSide:
    def test_holds_what_the_next_version_is_compared_with(self, evidence):
        said = gates_json(evidence)
        assert said["features"] == list(evidence.spec.feature_names)
        assert said["hyperparameters"]["rounds"] == evidence.spec.rounds
        assert said["policy_numbers"]["robustness.missing"] == evidence.policy.gates.robustness.missing.value
        assert said["compared_with"] == "sha256:" + "d" * 64

    def test_shows_waivers_on_their_check_and_in_a_list(self, evidence):
        said = gates_json(evidence)
        (check,) = [item for gate in said["gates"] for item in gate["checks"] if item["waiver"]]
        assert (check["name"], check["verdict"]) == ("missing[days_since_miss]", "cannot-tell")
        assert check["reason"] == "at least 0.41, and 0.35 is allowed"
        assert [(item["owner"], item["use"]) for item in said["waivers"]] == [
            ("maria", "in use"),
            ("otto", "not needed: the check did not fail"),
        ]

    def test_is_written_with_everything_in_it(self, evidence, tmp_path):
        names = {path.name for path in write_evidence(tmp_path, evidence)}
        assert {"decision.svg", "drift.svg", "robustness.svg", "stability.svg", "groups.svg"} <= names


class TestTheBrief:
    def test_names_changes_worries_and_waivers(self, evidence):
        brief = review_brief(evidence)
        assert "**What changed** against version 3 (`dddddddddddd`), signed by rita and clara on 2026-10-01:" in brief
        assert "- policy: robustness.missing 0.1 → 0.35" in brief
        assert "✕ *robustness*, decisions without a field (days since miss): failed (at least 0.41" in brief
        assert "0.35 is allowed), waived until 2027-01-31 by maria" in brief
        assert "| robustness | ? cannot-tell | 2 passed, 1 cannot tell, 1 failed and waived |" in brief
        assert "**Waivers in use** (an approval ends with the first of them)" in brief
        assert "otto" not in brief
        assert TODAY.isoformat() not in brief

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crm.sources.synthetic import SyntheticSource
from crm.tables import TABLES
from models.catalogue import SPECS
from validation.contracts.features import feature_contract
from validation.contracts.tables import RELATIONS, table_contract
from validation.gates.data import data
from validation.gates.result import Verdict
from validation.suites.expectations import NO_VALUE, judge, load_in_background
from validation.suites.model_suites import feature_suite, prediction_suite
from validation.suites.page import page, summary
from validation.suites.raw import RAW_VIEWS, raw_suite
from validation.suites.result import Finding, Outcome, SuiteResult
from validation.suites.rule import SUITES, Severity, UnknownSuite, load_suite
from validation.suites.validate import breaking, judge_view, sample, validate_tables
from validation.suites.view import VIEWS

ONCE = (*map(load_suite, SUITES), *map(raw_suite, RAW_VIEWS))
SHIPPED = (
    *ONCE,
    *(feature_suite(spec) for spec in SPECS.values()),
    *(prediction_suite(spec, ("low", "high")) for spec in SPECS.values()),
)
AS_OF = datetime(2025, 6, 30, tzinfo=UTC)
REAL = Path(__file__).parents[4] / "shared" / "data"

Tables = Mapping[str, pl.DataFrame]
Plant = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module")
def sound() -> Tables:
    return SyntheticSource(rows=12_000, seed=3).read().tables


@pytest.fixture(scope="module")
def marked(sound: Tables) -> SuiteResult:
    planted = one("site", pl.lit("Marker Street 77"))(sound["appointments"])
    planted = one("outcome_known_at", AFTER)(planted)
    return validate_tables({"appointments": planted}, ["appointments"], as_of=AS_OF)


def broken(result: SuiteResult) -> set[str]:
    return {each.rule for each in result.broken()}


def rows(share: float) -> pl.Expr:
    """True for the first `share` of the rows."""
    return pl.int_range(pl.len()) < (pl.len() * share)


def changed(column: str, value: pl.Expr, share: float = 1.0) -> Plant:
    return lambda frame: frame.with_columns(pl.when(rows(share)).then(value).otherwise(column).alias(column))


def one(column: str, value: pl.Expr) -> Plant:
    first = pl.int_range(pl.len()) == 0
    return lambda frame: frame.with_columns(pl.when(first).then(value).otherwise(column).alias(column))


def null(column: str, share: float = 1.0) -> Plant:
    return changed(column, pl.lit(None), share)


def copied(key: str) -> Plant:
    return lambda frame: pl.concat([frame, frame.head(len(frame) // 5).with_columns(pl.col(key) + "-again")])


def overdue(frame: pl.DataFrame) -> pl.DataFrame:
    booked = changed("status", pl.lit("booked"), 0.3)(frame)
    return booked.with_columns(day=pl.col("day") - timedelta(days=60))


MIDNIGHT = pl.col("day").cast(pl.Datetime("us"))
AFTER = pl.lit(AS_OF.replace(tzinfo=None)) + timedelta(days=3)
INVERTED = pl.col("status").replace({"noshow": "fulfilled", "fulfilled": "noshow"})
APPOINTMENT_DEFECTS: Mapping[str, tuple[str, Plant]] = {
    "booked after its day": (
        "lead-time-not-negative",
        changed("booked_at", pl.col("booked_at") + timedelta(days=90), 0.01),
    ),
    "one booked after its day": ("lead-time-none-negative", one("booked_at", MIDNIGHT + timedelta(hours=30))),
    "a wrong year": ("lead-time-within-a-year", changed("booked_at", pl.col("booked_at") - timedelta(days=730), 0.01)),
    "moments swapped for days": ("same-day-share", changed("booked_at", MIDNIGHT)),
    "an inverted label": ("missed-share", changed("status", INVERTED)),
    "no missed appointment": ("missed-share", changed("status", pl.lit("fulfilled"))),
    "a placeholder for age": ("oldest-share", changed("age", pl.lit(90, pl.Int16), 0.2)),
    "missing ages": ("age-complete", null("age", 0.1)),
    "missing sites": ("site-complete", null("site", 0.2)),
    "a site of few rows": ("site-not-small", one("site", pl.lit("Lonely Hill"))),
    "rows that are the same but for their id": ("appointments-not-copied", copied("appointment_id")),
    "several appointments of a patient on a day": ("patient-day-repeats", changed("day", pl.col("day").max(), 0.9)),
    "an outcome of the future": ("outcome-not-in-future", one("outcome_known_at", AFTER)),
    "a booking of the future": ("booking-not-in-future", one("booked_at", AFTER)),
    "an outcome known before its day": (
        "outcome-not-before-its-day",
        one("outcome_known_at", MIDNIGHT - timedelta(days=2)),
    ),
    "outcomes that never came": ("outcome-not-overdue", overdue),
    "too few rows": ("appointments-volume", lambda frame: frame.head(200)),
}
ENCOUNTER_DEFECTS: Mapping[str, tuple[str, Plant]] = {
    "no principal diagnosis": ("principal-diagnosis-complete", null("diagnosis_1", 0.1)),
    "missing third diagnoses": ("third-diagnosis-complete", null("diagnosis_3", 0.2)),
    "codes for unknown": ("disposition-complete", null("disposition", 0.3)),
    "an inverted label": (
        "readmitted-share",
        changed("readmitted_within_30_days", ~pl.col("readmitted_within_30_days")),
    ),
    "labels not joined": ("readmission-label-complete", null("readmitted_within_30_days", 0.5)),
    "readmissions without their stay": ("readmission-has-its-stay", null("outcome_known_ordinal")),
    "ages in another unit": ("encounter-age-mean", changed("age", pl.lit(5, pl.Int16))),
    "a placeholder for age": ("encounter-oldest-share", changed("age", pl.lit(90, pl.Int16), 0.3)),
    "not measured read as missing": ("a1c-measured-share", changed("a1c_test", pl.lit("not-measured"))),
    "drugs without medication": ("no-drug-without-medication", changed("diabetes_medication", pl.lit(value=False))),
    "a placeholder for patients": ("patient-stays-plausible", changed("patient_id", pl.lit("same"), 0.05)),
    "a payer of few rows": ("payer-not-small", changed("payer", pl.lit("XX"), 0.003)),
    "visits of a wrong join": ("inpatient-visits-plausible", changed("inpatient_visits", pl.lit(40, pl.Int16), 0.01)),
    "rows that are the same but for their id": ("encounters-not-copied", copied("encounter_id")),
    "a discharge of the future": (
        "discharge-not-in-future",
        one("discharged_on", pl.lit(AS_OF.date()) + timedelta(days=2)),
    ),
}


class TestSoundTables:
    @pytest.mark.parametrize("name", SUITES)
    def test_pass_with_every_rule_judged(self, sound: Tables, name: str) -> None:
        result = validate_tables(sound, [name], as_of=AS_OF)
        assert result.verdict is Verdict.PASSED
        assert not result.broken(Severity.CRITICAL)
        assert {each.rule for each in result.findings} == {rule.id for rule in load_suite(name).rules}
        assert not [each.rule for each in result.findings if each.outcome is Outcome.ERROR]

    @pytest.mark.skipif(not REAL.is_dir(), reason="the real sets are not at ../shared/data")
    def test_so_do_the_real_ones(self) -> None:
        from crm.sources.noshow_kaggle import NoShowKaggleSource

        tables = NoShowKaggleSource().read(str(REAL / "noshow" / "appointments.csv.gz")).tables
        assert validate_tables(tables, ["appointments"], as_of=AS_OF).verdict is Verdict.PASSED


class TestDefects:
    @pytest.mark.parametrize("defect", APPOINTMENT_DEFECTS)
    def test_in_appointments_are_found(self, sound: Tables, defect: str) -> None:
        rule, plant = APPOINTMENT_DEFECTS[defect]
        result = validate_tables({"appointments": plant(sound["appointments"])}, ["appointments"], as_of=AS_OF)
        assert rule in broken(result)

    @pytest.mark.parametrize("defect", ENCOUNTER_DEFECTS)
    def test_in_encounters_are_found(self, sound: Tables, defect: str) -> None:
        rule, plant = ENCOUNTER_DEFECTS[defect]
        result = validate_tables({"encounters": plant(sound["encounters"])}, ["encounters"], as_of=AS_OF)
        assert rule in broken(result)

    def test_pandas_frames_are_taken_too(self, sound: Tables) -> None:
        frame = sound["encounters"].to_pandas()
        assert validate_tables({"encounters": frame}, ["encounters"], as_of=AS_OF).verdict is Verdict.PASSED


class TestVerdict:
    def test_fails_on_a_critical_rule_only(self, sound: Tables) -> None:
        warned = null("age", 0.1)(sound["appointments"])
        assert validate_tables({"appointments": warned}, ["appointments"], as_of=AS_OF).verdict is Verdict.PASSED
        failed = changed("status", INVERTED)(sound["appointments"])
        assert validate_tables({"appointments": failed}, ["appointments"], as_of=AS_OF).verdict is Verdict.FAILED

    def test_a_fault_of_the_measuring_is_none_of_the_data(self, sound: Tables) -> None:
        suite = load_suite("appointments")
        view = VIEWS["appointments"](sound["appointments"], AS_OF).drop("missed").to_pandas()
        findings = judge("appointments", suite.rules, view)
        errors = [each for each in findings if each.outcome is Outcome.ERROR]
        assert [each.rule for each in errors] == ["missed-share"]
        assert errors[0].fault
        assert SuiteResult(findings, {}).verdict is Verdict.CANNOT_TELL

    def test_a_mean_of_nothing_is_not_out_of_bounds(self, sound: Tables) -> None:
        still_ahead = changed("status", pl.lit("booked"))(sound["appointments"])
        findings = validate_tables({"appointments": still_ahead}, ["appointments"], as_of=AS_OF).findings
        missed = next(each for each in findings if each.rule == "missed-share")
        assert (missed.outcome, missed.fault) == (Outcome.ERROR, NO_VALUE)

    def test_nothing_judged_cannot_tell(self) -> None:
        assert SuiteResult((), {}).verdict is Verdict.CANNOT_TELL

    def test_an_unknown_suite_is_bad_input(self, sound: Tables) -> None:
        with pytest.raises(UnknownSuite):
            validate_tables(sound, ["patience"], as_of=AS_OF)


class TestLargeTables:
    def test_a_single_row_that_breaks_a_strict_rule_is_never_left_out(self, sound: Tables) -> None:
        suite = replace(load_suite("appointments"), sample_rows=50)
        planted = one("outcome_known_at", AFTER)(sound["appointments"])
        chosen = breaking(VIEWS["appointments"](planted, AS_OF), suite)
        assert chosen["outcome_in_future"].sum() == 1
        assert chosen["table_rows"].unique().to_list() == [len(planted)]

    def test_strict_rules_are_found_broken_by_the_sample_as_by_all_rows(self, sound: Tables) -> None:
        for name, defects in (("appointments", APPOINTMENT_DEFECTS), ("encounters", ENCOUNTER_DEFECTS)):
            strict = {rule.id for rule in load_suite(name).rules if rule.allows_none}
            suite = replace(load_suite(name), sample_rows=200)
            for rule, plant in defects.values():
                if rule in strict:
                    asked = replace(
                        suite, rules=tuple(each for each in suite.rules if each.id == rule or "mean" in each.id)
                    )
                    found = judge_view(VIEWS[name](plant(sound[name]), AS_OF), asked, seed=1).findings
                    assert {each.rule: each.outcome for each in found}[rule] is Outcome.BROKEN

    def test_rows_that_break_a_rule_are_no_more_frequent_in_the_sample_than_in_the_table(self, sound: Tables) -> None:
        view = VIEWS["appointments"](changed("outcome_known_at", AFTER, 0.2)(sound["appointments"]), AS_OF)
        suite = replace(load_suite("appointments"), sample_rows=4_000)
        share = sample(view, suite, seed=0)["outcome_in_future"].mean()
        assert share == pytest.approx(view["outcome_in_future"].mean(), abs=0.03)

    def test_a_rule_that_all_rows_break_hides_no_other(self, sound: Tables) -> None:
        all_break = changed("booked_at", AFTER)(sound["appointments"])
        last = pl.int_range(pl.len()) == pl.len() - 1
        planted = all_break.with_columns(
            outcome_known_at=pl.when(last).then(AFTER).otherwise(MIDNIGHT + timedelta(hours=30))
        )
        suite = replace(load_suite("appointments"), sample_rows=1_000)
        found = {each.rule: each for each in judge_view(VIEWS["appointments"](planted, AS_OF), suite).findings}
        assert found["booking-not-in-future"].unexpected == len(planted)
        assert (found["outcome-not-in-future"].outcome, found["outcome-not-in-future"].unexpected) == (
            Outcome.BROKEN,
            1,
        )

    def test_strict_rules_count_over_every_row(self, sound: Tables) -> None:
        view = VIEWS["appointments"](changed("outcome_known_at", AFTER, 0.1)(sound["appointments"]), AS_OF)
        suite = replace(load_suite("appointments"), sample_rows=5_000)
        found = {each.rule: each for each in judge_view(view, suite).findings}["outcome-not-in-future"]
        assert found.unexpected == view["outcome_in_future"].sum()
        assert found.rows == len(view)

    def test_the_sample_is_the_same_for_the_same_seed(self, sound: Tables) -> None:
        suite = replace(load_suite("encounters"), sample_rows=100)
        view = VIEWS["encounters"](sound["encounters"], AS_OF)
        assert sample(view, suite, seed=4).equals(sample(view, suite, seed=4))
        assert not sample(view, suite, seed=4).equals(sample(view, suite, seed=5))


class TestResult:
    def test_holds_counts_and_no_value(self, marked: SuiteResult) -> None:
        text = json.dumps(marked.as_dict())
        assert "Marker" not in text
        assert "2025-07" not in text
        small = next(each for each in marked.findings if each.rule == "site-not-small")
        assert small.unexpected == 1

    def test_means_are_rounded_statistics(self, marked: SuiteResult) -> None:
        means = [each.observed for each in marked.findings if each.expectation == "ExpectColumnMeanToBeBetween"]
        assert all(mean is not None and mean == round(mean, 4) for mean in means)

    def test_the_page_needs_nothing_from_outside(self, marked: SuiteResult) -> None:
        html = page(marked)
        assert "Marker" not in html
        for outside in ("http:", "https:", "<script", "<link", "<img", "@import", "url("):
            assert outside not in html

    def test_the_page_shows_every_rule_and_what_is_broken_first(self, marked: SuiteResult) -> None:
        html = page(marked)
        assert all(each.rule in html for each in marked.findings)
        critical = html.index("outcome-not-in-future")
        assert all(critical < html.index(f">{each.rule}<") for each in marked.findings if each.outcome is Outcome.HELD)

    def test_the_page_is_headed_with_the_verdict_of_the_data_gate(self, marked: SuiteResult) -> None:
        held = replace(marked.findings[0], outcome=Outcome.HELD, severity=Severity.CRITICAL, done="")
        warned = replace(held, outcome=Outcome.BROKEN, severity=Severity.WARNING)
        for findings, verdict in (
            ((held,), "passed"),
            ((held, warned), "cannot-tell"),
            ((held, replace(warned, done="mended at the door")), "passed"),
            ((held, replace(warned, severity=Severity.CRITICAL)), "failed"),
        ):
            html = page(replace(marked, findings=findings))
            assert data(replace(marked, findings=findings)).verdict.value == verdict
            assert f"<h1>Data quality: {verdict}</h1>" in html

    def test_the_page_escapes(self, marked: SuiteResult) -> None:
        odd: Finding = replace(marked.findings[0], reason="<b>odd</b>")
        assert "<b>odd" not in page(replace(marked, findings=(odd,)))

    def test_one_sentence_says_it(self, marked: SuiteResult) -> None:
        assert summary(marked).startswith(f"{len(marked.findings)} rules: broken 2 critical")


class TestRules:
    def test_none_stands_in_a_contract_too(self) -> None:
        contract = {name for relations in RELATIONS.values() for name in relations} | {"patient-is-known"}
        schemas = [table_contract(name) for name in SUITES] + [feature_contract(spec) for spec in SPECS.values()]
        for schema in schemas:
            contract |= {check.name for column in schema.columns.values() for check in column.checks}
        assert not contract & {rule.id for suite in SHIPPED for rule in suite.rules}

    @pytest.mark.parametrize("name", SUITES)
    def test_what_no_row_may_break_in_a_column_itself_is_the_contracts(self, name: str) -> None:
        strict = [rule for rule in load_suite(name).rules if rule.allows_none]
        assert not {rule.column for rule in strict} & set(TABLES[name].names)

    def test_ids_are_unique_and_reasons_given(self) -> None:
        rules = [rule for suite in ONCE for rule in suite.rules]
        assert len({rule.id for rule in rules}) == len(rules)
        assert all(rule.reason for rule in rules)

    def test_within_a_run_ids_and_tables_are_unique(self) -> None:
        for spec in SPECS.values():
            suites = (load_suite(spec.table), feature_suite(spec), prediction_suite(spec, ("low", "high")))
            ids = [rule.id for suite in suites for rule in suite.rules]
            assert len(set(ids)) == len(ids)
            assert len({suite.table for suite in suites}) == len(suites)

    def test_none_reports_the_greatest_or_least_value_of_a_record(self) -> None:
        extremes = [rule for suite in SHIPPED for rule in suite.rules if "Min" in rule.expect or "Max" in rule.expect]
        of_all_rows = {rule.column for rule in extremes if not rule.column.endswith(".filled_over_trained")}
        assert of_all_rows == {"table_rows"}

    def test_none_names_a_value_of_a_row(self) -> None:
        said = {key for suite in SHIPPED for rule in suite.rules for key in rule.arguments}
        assert said == {"column", "min_value", "max_value", "mostly"}


class TestThreads:
    def test_several_may_judge_at_once(self, sound: Tables) -> None:
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda name: validate_tables(sound, [name], as_of=AS_OF), SUITES))
        assert [result.verdict for result in results] == [Verdict.PASSED] * 2

    def test_the_library_can_be_loaded_beside_other_work(self) -> None:
        thread = load_in_background()
        thread.join(timeout=120)
        assert not thread.is_alive()

"""Feature tables and scores: rules made from any model, planted faults that they find, sound ones that they pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from crm.source import RawTables
from models.artifact import Column
from models.spec import Feature, Kind
from validation.gates.data import data
from validation.gates.result import Verdict
from validation.probes.subject import Subject
from validation.scored import Floats
from validation.suites.model_suites import feature_suite, prediction_suite
from validation.suites.model_views import feature_view, prediction_view
from validation.suites.on_run import NOT_KEPT, judge_model_tables, run_quality
from validation.suites.on_snapshot import PAGE, RESULT, read_result, write_quality
from validation.suites.raw import judge_raw
from validation.suites.result import Finding, Outcome, SuiteResult
from validation.suites.rule import Layer, Severity
from validation.suites.validate import judge_view, validate_tables

Change = Callable[[pl.DataFrame], pl.DataFrame]
Scores = Callable[[Floats], Floats]


@pytest.fixture(scope="module")
def score(subject: Subject) -> Floats:
    return subject.model.predict(subject.held_out)


@pytest.fixture(scope="module")
def sound(subject: Subject, score: Floats) -> tuple[SuiteResult, SuiteResult]:
    return judge_model_tables(subject, score)


def found(subject: Subject, score: Floats, rule: str, change: Change | None = None) -> Finding:
    """Return the answer to one rule, after `change`."""
    rows = pl.DataFrame(pl.from_arrow(subject.rows)).with_columns(test=pl.Series(subject.test))
    rows = rows if change is None else change(rows)
    spec, bands = subject.spec, {band.name: band.low for band in subject.policy.bands.levels}
    trained, held = rows.filter(~pl.col("test")), rows.filter("test")
    pairs = (
        (feature_suite(spec), lambda: feature_view(spec, rows)),
        (prediction_suite(spec, bands), lambda: prediction_view(subject.model, trained, held, score, bands)),
    )
    suite, view = next((suite, view) for suite, view in pairs if rule in {each.id for each in suite.rules})
    asked = replace(suite, rules=tuple(each for each in suite.rules if each.id == rule))
    return judge_view(view(), asked).findings[0]


def everywhere(column: str, value: pl.Expr) -> Change:
    return lambda rows: rows.with_columns(value.alias(column))


def held_out(column: str, value: pl.Expr) -> Change:
    return lambda rows: rows.with_columns(pl.when("test").then(value).otherwise(column).alias(column))


FEATURE_FAULTS: Mapping[str, Change] = {
    "both-outcomes": everywhere("label", pl.lit(0, pl.Int8)),
    "outcome-is-the-rarer": everywhere("label", 1 - pl.col("label")),
    "filled[age]": everywhere("age", pl.lit(None, pl.Int16)),
    "varies[hour]": everywhere("hour", pl.lit(8.0)),
    "levels[site]": everywhere("site", pl.col("record_id")),
    "is-a-share[miss_rate]": everywhere("miss_rate", pl.col("miss_rate") * 100),
    "is-counted[known_misses]": everywhere("known_misses", pl.col("known_misses") - 1),
    "group-known[welfare]": everywhere("group_welfare", pl.lit(None, pl.String)),
    "stratum-share[booked_ahead]": everywhere("stratum_booked_ahead", pl.lit(value=True)),
    "no-show-hour": everywhere("hour", pl.col("hour") + 12),
    "no-show-weekday": everywhere("weekday", pl.col("weekday") + 3),
    "no-show-booked-weekday": everywhere("booked_weekday", pl.col("booked_weekday") + 3),
    "no-show-booked-in-hours": everywhere("hour", pl.col("hour") / 4),
    "no-show-open-bookings": everywhere("open_bookings", pl.col("open_bookings") + 100),
    "no-show-this-call": everywhere("call_bookings", pl.col("call_bookings") - 1),
    "no-show-this-day": everywhere("day_bookings", pl.col("day_bookings") - 1),
}
HELD_OUT_FAULTS: Mapping[str, Change] = {
    "outcome-share-as-trained": held_out("label", pl.lit(1, pl.Int8)),
    "inside-support": held_out("hour", pl.lit(24.0)),
    "inside-support[age]": held_out("age", pl.lit(999, pl.Int16)),
    "levels-known[site]": held_out("site", pl.lit("a new name")),
    "filled-as-trained[age]": held_out("age", pl.lit(None, pl.Int16)),
}
SCORE_FAULTS: Mapping[str, Scores] = {
    "score-there": lambda score: np.where(np.arange(len(score)) == 3, np.nan, score),
    "score-is-a-chance": lambda score: np.where(np.arange(len(score)) == 3, 1.2, score),
    "score-not-constant": lambda score: np.full(len(score), 0.2),
    "score-rarely-repeated": lambda score: np.where(np.arange(len(score)) % 5 == 0, 0.2, score),
    "score-mean-as-trained": lambda score: np.minimum(score * 2, 1.0),
    "band-used[high]": lambda score: score / 20,
    "band-not-all[low]": lambda score: score / 20,
}


class TestSoundModel:
    def test_breaks_nothing(self, sound: tuple[SuiteResult, SuiteResult]) -> None:
        for result in sound:
            assert result.verdict is Verdict.PASSED
            assert not [each.rule for each in result.findings if each.outcome is not Outcome.HELD]

    def test_each_layer_is_named(self, sound: tuple[SuiteResult, SuiteResult]) -> None:
        assert [{each.layer for each in result.findings} for result in sound] == [{Layer.FEATURE}, {Layer.PREDICTION}]

    def test_the_scores_are_those_of_the_held_out_rows(
        self, subject: Subject, sound: tuple[SuiteResult, SuiteResult]
    ) -> None:
        sizes = [size.rows for result in sound for size in result.tables.values()]
        assert sizes == [subject.rows.num_rows, int(subject.test.sum())]


class TestFaults:
    @pytest.mark.parametrize("rule", [*FEATURE_FAULTS, *HELD_OUT_FAULTS])
    def test_of_the_feature_table_are_found(self, subject: Subject, score: Floats, rule: str) -> None:
        change = {**FEATURE_FAULTS, **HELD_OUT_FAULTS}[rule]
        assert found(subject, score, rule, change).outcome is Outcome.BROKEN

    def test_too_few_rows_are_found(self, subject: Subject, score: Floats) -> None:
        few = np.ones(300, dtype=bool)
        small = replace(subject, rows=subject.rows.slice(0, 300), train=~few, test=few)
        assert found(small, score, "feature-rows").outcome is Outcome.BROKEN

    @pytest.mark.parametrize("rule", SCORE_FAULTS)
    def test_of_the_scores_are_found(self, subject: Subject, score: Floats, rule: str) -> None:
        assert found(subject, SCORE_FAULTS[rule](score), rule).outcome is Outcome.BROKEN

    def test_a_missing_score_is_none_out_of_range(self, subject: Subject, score: Floats) -> None:
        broken = SCORE_FAULTS["score-there"](score)
        assert found(subject, broken, "score-there").unexpected == 1
        assert found(subject, broken, "score-is-a-chance").outcome is Outcome.HELD

    def test_a_number_that_training_never_saw_filled_lies_outside(self, subject: Subject, score: Floats) -> None:
        columns = tuple(
            Column(each.name, each.text, each.kind) if each.name == "age" else each for each in subject.model.columns
        )
        unseen = replace(subject, model=replace(subject.model, columns=columns))
        assert found(unseen, score, "inside-support[age]").outcome is Outcome.BROKEN


class TestAnyModel:
    def test_is_held_against_rules_of_its_own_names(self, subject: Subject) -> None:
        third = replace(
            subject.spec,
            name="late-arrival",
            features=(Feature("delay", "delay"), Feature("room", "room", Kind.CATEGORY)),
            groups=("shift",),
            strata=("weekend",),
        )
        rules = {rule.id for rule in feature_suite(third).rules}
        assert rules == {
            *("feature-rows", "both-outcomes", "outcome-is-the-rarer", "filled[delay]", "filled[room]"),
            *("varies[delay]", "varies[room]", "levels[room]", "group-known[shift]", "stratum-share[weekend]"),
        }
        scores = {rule.id for rule in prediction_suite(third, ("low", "high")).rules}
        assert {"band-used[low]", "inside-support[delay]", "levels-known[room]", "filled-as-trained[room]"} <= scores

    def test_needs_no_suite_of_its_own(self, subject: Subject, score: Floats) -> None:
        third = replace(subject, spec=replace(subject.spec, name="late-arrival"))
        features, scores = judge_model_tables(third, score)
        assert set(features.tables) == {"features of late-arrival"}
        assert not [each.rule for each in features.findings if each.rule.startswith("no-show")]
        assert scores.verdict is features.verdict is Verdict.PASSED

    def test_a_large_table_is_judged_on_a_sample(
        self, subject: Subject, score: Floats, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        small = replace(feature_suite(subject.spec), sample_rows=1_000)
        monkeypatch.setattr("validation.suites.on_run.feature_suite", lambda _spec: small)
        features, _ = judge_model_tables(subject, score)
        assert features.verdict is Verdict.PASSED
        assert [size.judged for size in features.tables.values()] == [1_000]


@pytest.fixture(scope="module")
def quality(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot's kept canonical findings, of a source that keeps no raw ones."""
    folder = tmp_path_factory.mktemp("quality") / f"{'a' * 32}-appointments-0123456789ab"
    folder.mkdir()
    tables = {"appointments": pl.read_parquet(subject.files["appointments"])}
    write_quality(folder, validate_tables(tables, ["appointments"], as_of=datetime(2026, 6, 30, tzinfo=UTC)))
    return folder


@pytest.fixture(scope="module")
def with_raw(quality: Path, clean: Mapping[str, RawTables], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same beside raw findings."""
    root = tmp_path_factory.mktemp("with-raw")
    for name in (quality.name, f"{'a' * 32}-raw-0123456789ab"):
        (root / name).mkdir()
    write_quality(root / quality.name, read_result(quality))
    raw = judge_raw(clean["noshow-kaggle"])
    assert raw is not None
    write_quality(root / f"{'a' * 32}-raw-0123456789ab", raw)
    return root / quality.name


@pytest.fixture(scope="module")
def written(with_raw: Path, subject: Subject, score: Floats, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence")
    write_quality(folder, run_quality(with_raw, subject, score))
    return folder


class TestRun:
    def test_holds_all_four_layers(self, written: Path) -> None:
        result = read_result(written)
        assert {each.layer for each in result.findings} == set(Layer)
        assert not result.absent

    def test_a_layer_that_the_source_does_not_keep_is_said_to_be_missing(
        self, quality: Path, subject: Subject, score: Floats, tmp_path: Path
    ) -> None:
        result = run_quality(quality, subject, score)
        assert result.absent == {"raw": NOT_KEPT}
        write_quality(tmp_path, result)
        assert NOT_KEPT in (tmp_path / PAGE).read_text(encoding="utf-8")
        assert "raw layer: not kept by this source" in data(result).checks[0].reason

    def test_reads_findings_of_before_there_were_layers(self, quality: Path, tmp_path: Path) -> None:
        said = json.loads((quality / RESULT).read_text(encoding="utf-8"))
        said.pop("absent")
        for each in said["findings"]:
            each.pop("layer")
            each.pop("done")
        (tmp_path / RESULT).write_text(json.dumps(said), encoding="utf-8")
        assert read_result(tmp_path) == read_result(quality)

    def test_the_same_run_gives_the_same_bytes(
        self, with_raw: Path, written: Path, subject: Subject, score: Floats, tmp_path: Path
    ) -> None:
        write_quality(tmp_path, run_quality(with_raw, subject, score))
        for name in (RESULT, PAGE):
            assert (tmp_path / name).read_bytes() == (written / name).read_bytes()

    def test_holds_no_value_of_a_row(self, written: Path, subject: Subject) -> None:
        texts = [(written / name).read_text(encoding="utf-8") for name in (RESULT, PAGE)]
        for column in ("record_id", "patient_id", "site"):
            values = [value for value in subject.rows.column(column).unique().to_pylist() if value and value != "other"]
            assert not [value for value in values if any(value in text for text in texts)], column


class TestPage:
    def test_begins_with_an_index_of_the_layers(self, written: Path) -> None:
        html = (written / PAGE).read_text(encoding="utf-8")
        links = [html.index(f'href="#{layer.value}"') for layer in Layer]
        sections = [html.index(f'id="{layer.value}"') for layer in Layer]
        assert links == sorted(links)
        assert max(links) < min(sections)
        assert sections == sorted(sections)

    def test_shows_every_finding(self, written: Path) -> None:
        html = (written / PAGE).read_text(encoding="utf-8")
        result = read_result(written)
        assert all(f">{each.rule}<" in html for each in result.findings)
        assert all(each.done in html for each in result.broken() if each.layer is Layer.RAW)

    def test_needs_nothing_from_outside(self, written: Path) -> None:
        html = (written / PAGE).read_text(encoding="utf-8")
        for outside in ("http:", "https:", "<script", "<link", "<img", "@import", "url(", "src="):
            assert outside not in html

    def test_is_made_for_phones_and_paper(self, written: Path) -> None:
        html = (written / PAGE).read_text(encoding="utf-8")
        assert 'name="viewport"' in html
        assert "@media print" in html
        assert "@media (max-width" in html


class TestSeverity:
    def test_nothing_is_done_about_what_a_model_breaks(self, subject: Subject, score: Floats) -> None:
        features, scores = judge_model_tables(subject, score)
        assert not [each.rule for each in (*features.findings, *scores.findings) if each.done]

    def test_a_broken_warning_of_a_model_is_put_to_the_reviewer(self, subject: Subject, score: Floats) -> None:
        rows = HELD_OUT_FAULTS["filled-as-trained[age]"](
            pl.DataFrame(pl.from_arrow(subject.rows)).with_columns(test=pl.Series(subject.test))
        )
        broken = replace(subject, rows=pa.table(rows.drop("test").to_arrow()))
        result = judge_model_tables(broken, score)[1]
        assert {each.severity for each in result.broken()} == {Severity.WARNING}
        assert data(result).verdict is Verdict.CANNOT_TELL

    def test_a_missing_score_fails_the_data(self, subject: Subject, score: Floats) -> None:
        result = judge_model_tables(subject, SCORE_FAULTS["score-there"](score))[1]
        assert data(result).verdict is Verdict.FAILED

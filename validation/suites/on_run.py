"""The suites on a run: its file, its snapshot, and the features and scores of its model, as one result."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from validation.probes.subject import Subject
from validation.scored import Floats
from validation.suites.model_suites import feature_suite, prediction_suite
from validation.suites.model_views import feature_view, prediction_view
from validation.suites.on_snapshot import read_result
from validation.suites.raw import raw_findings
from validation.suites.result import SuiteResult, joined
from validation.suites.rule import Layer

NOT_KEPT = (
    "Not kept by this source: it is generated or canonical already, or was ingested before this layer was judged."
)


def run_quality(quality: Path, subject: Subject, score: Floats) -> SuiteResult:
    """Return the findings on all four layers of a run.

    Parameters
    ----------
    quality
        Folder of `validation.suites.on_snapshot.quality_folder` with the canonical findings.
    subject
        The model with its labelled feature table and split.
    score
        Its scores on `subject.held_out`, shape (held-out rows,).
    """
    raw, absent = raw_findings(quality), {}
    if raw is None:
        absent[Layer.RAW.value] = NOT_KEPT
    results = [*([raw] if raw else []), read_result(quality), *judge_model_tables(subject, score)]
    return joined(results, absent)


def judge_model_tables(subject: Subject, score: Floats) -> tuple[SuiteResult, SuiteResult]:
    """Hold the feature table and the scores of `subject` against the suites made for its model."""
    from validation.suites.validate import judge_view  # imports Great Expectations, which takes seconds

    spec, bands = subject.spec, {band.name: band.low for band in subject.policy.bands.levels}
    rows = _frame(subject.rows)
    features = judge_view(feature_view(spec, rows), feature_suite(spec), seed=subject.seed)
    trained, held_out = rows.filter(pl.Series(subject.train)), rows.filter(pl.Series(subject.test))
    view = prediction_view(subject.model, trained, held_out, score, bands)
    return features, judge_view(view, prediction_suite(spec, bands), seed=subject.seed)


def _frame(rows: object) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(rows))

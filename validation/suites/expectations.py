"""Great Expectations: the only file that speaks to it. Its import takes seconds, so it happens on first use."""

from __future__ import annotations

import importlib
import math
import threading
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from validation.suites.result import Finding, Outcome
from validation.suites.rule import Layer, Rule

SHOWN = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
"""Counts only: without a partial list no value of a row enters the result."""

NO_VALUE = "no value to average"

_one_at_a_time = threading.Lock()


def load_in_background() -> threading.Thread:
    """Start importing Great Expectations beside other work, and return the thread that does it."""
    thread = threading.Thread(target=_library, name="load-great-expectations", daemon=True)
    thread.start()
    return thread


def judge(
    table: str, rules: Sequence[Rule], rows: pd.DataFrame, *, layer: Layer = Layer.CANONICAL
) -> tuple[Finding, ...]:
    """Hold `rows` of `table`, which stands in `layer`, against `rules`; safe to call from any thread.

    A rule that cannot be computed, as on a column that is not there, is an error and not a broken rule.
    """
    with _one_at_a_time:  # Great Expectations keeps its current context in a module
        results = _validate(table, rules, rows)
    return tuple(_finding(table, layer, rule, results[rule.id], len(rows)) for rule in rules)


def _validate(table: str, rules: Sequence[Rule], rows: pd.DataFrame) -> Mapping[str, Mapping[str, Any]]:
    gx = _library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("snapshot").add_dataframe_asset(table)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})
    suite = gx.ExpectationSuite(name=table, expectations=[_expectation(gx, rule) for rule in rules])
    answer = batch.validate(suite, result_format=SHOWN)
    return {each.expectation_config.meta["rule"]: each.to_json_dict() for each in answer.results}


def _expectation(gx: Any, rule: Rule) -> Any:
    kind = getattr(gx.expectations, f"Expect{rule.expect}")
    return kind(**rule.arguments, severity=rule.severity.value, meta={"rule": rule.id})


def _finding(table: str, layer: Layer, rule: Rule, answer: Mapping[str, Any], rows: int) -> Finding:
    found = answer["result"]
    fault = _fault(answer["exception_info"]) or _nothing_to_average(found, succeeded=answer["success"])
    outcome = Outcome.ERROR if fault else Outcome.HELD if answer["success"] else Outcome.BROKEN
    observed = found.get("observed_value")
    return Finding(
        rule=rule.id,
        table=table,
        expectation=f"Expect{rule.expect}",
        arguments=dict(rule.arguments),
        severity=rule.severity,
        reason=rule.reason,
        outcome=outcome,
        rows=rows,
        unexpected=found.get("unexpected_count"),
        missing=found.get("missing_count"),
        observed=None if observed is None or math.isnan(observed) else round(float(observed), 4),
        fault=fault,
        layer=layer,
        done=rule.done,
    )


def _nothing_to_average(found: Mapping[str, Any], *, succeeded: bool) -> str | None:
    """Tell a mean of no value at all from one out of its bounds: a file without outcomes yet has no inverted label."""
    mean = found.get("observed_value")
    averaged = "unexpected_count" not in found
    return NO_VALUE if averaged and not succeeded and (mean is None or math.isnan(mean)) else None


def _fault(info: Mapping[str, Any]) -> str | None:
    """Return the kind of error, without its message, which can repeat values."""
    faults = [info] if "raised_exception" in info else list(info.values())
    raised = [each for each in faults if each.get("raised_exception")]
    if not raised:
        return None
    return str(raised[0].get("exception_message") or "").partition(":")[0].split("(")[0].strip()[:60] or "unknown"


@lru_cache(maxsize=1)
def _library() -> Any:
    with warnings.catch_warnings():
        # Great Expectations imports sre_constants and sre_parse, which Python 3.11 renamed.
        warnings.filterwarnings("ignore", message="module 'sre_", category=DeprecationWarning)
        gx = importlib.import_module("great_expectations")
        importlib.import_module("great_expectations.expectations")
    return gx

"""The suites' findings as one page that needs nothing from outside: no script, no font, no image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from validation.gates.data import data
from validation.suites.result import Finding, Outcome, SuiteResult
from validation.suites.rule import Layer, Severity

ORDER = {
    (outcome, severity): place
    for place, (outcome, severity) in enumerate(
        (outcome, severity) for outcome in (Outcome.BROKEN, Outcome.ERROR, Outcome.HELD) for severity in Severity
    )
}
"""What the reader has to see first."""

TITLES = {
    Layer.RAW: ("Raw", "The source's file as it came, before the door mended it or held rows back."),
    Layer.CANONICAL: ("Canonical", "The snapshot: what is left after the door, and what every model is made from."),
    Layer.FEATURE: ("Features", "The labelled feature table that the model was fitted and judged on."),
    Layer.PREDICTION: ("Predictions", "The model's scores on rows that training did not see."),
}


def page(result: SuiteResult) -> str:
    """Return the HTML page of `result`: an index of its layers, and in each what is broken first, by severity.

    It is headed with the data gate's verdict, so that one set of findings has one answer.
    """
    layers = [_layer(result, layer) for layer in Layer if _stands(result, layer)]
    return _template().render(verdict=data(result).verdict.value, summary=summary(result), layers=layers)


def summary(result: SuiteResult) -> str:
    """Return the findings in one sentence."""
    return _sentence(result.findings)


def _stands(result: SuiteResult, layer: Layer) -> bool:
    return layer.value in result.absent or any(each.layer is layer for each in result.findings)


def _layer(result: SuiteResult, layer: Layer) -> dict[str, Any]:
    findings = [each for each in result.findings if each.layer is layer]
    title, meaning = TITLES[layer]
    names = dict.fromkeys(each.table for each in findings)
    absent = result.absent.get(layer.value, "")
    return {
        "anchor": layer.value,
        "title": title,
        "meaning": meaning,
        "absent": absent,
        "summary": absent or _sentence(findings),
        "tables": [_table(result, findings, name) for name in names],
    }


def _sentence(findings: tuple[Finding, ...] | list[Finding]) -> str:
    broken = {severity: _count(findings, severity) for severity in Severity}
    counts = [f"{count} {severity.value}" for severity, count in broken.items() if count]
    errors = sum(each.outcome is Outcome.ERROR for each in findings)
    said = f"{len(findings)} rules: " + (f"broken {', '.join(counts)}" if counts else "none broken")
    return said + (f"; {errors} could not be judged." if errors else ".")


def _count(findings: tuple[Finding, ...] | list[Finding], severity: Severity) -> int:
    return sum(each.outcome is Outcome.BROKEN and each.severity is severity for each in findings)


def _table(result: SuiteResult, findings: list[Finding], name: str) -> dict[str, Any]:
    shown = sorted((each for each in findings if each.table == name), key=_place)
    size = result.tables.get(name)
    rows, judged = (size.rows, size.judged) if size else (0, 0)
    return {"name": name, "rows": rows, "judged": judged, "findings": shown}


def _place(finding: Finding) -> int:
    return ORDER[finding.outcome, finding.severity]


@lru_cache(maxsize=1)
def _template() -> Template:
    loader = PackageLoader("validation.suites", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("page.html.j2")

"""The suites' findings as one page that needs nothing from outside: no script, no font, no image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from validation.suites.result import Finding, Outcome, SuiteResult
from validation.suites.rule import Severity

ORDER = {
    (outcome, severity): place
    for place, (outcome, severity) in enumerate(
        (outcome, severity) for outcome in (Outcome.BROKEN, Outcome.ERROR, Outcome.HELD) for severity in Severity
    )
}
"""What the reader has to see first."""


def page(result: SuiteResult) -> str:
    """Return the HTML page of `result`: what is broken first, by severity."""
    tables = [_table(result, name) for name in result.tables]
    return _template().render(verdict=result.verdict.value, summary=summary(result), tables=tables)


def summary(result: SuiteResult) -> str:
    """Return the findings in one sentence."""
    broken = [f"{len(result.broken(severity))} {severity.value}" for severity in Severity if result.broken(severity)]
    errors = sum(each.outcome is Outcome.ERROR for each in result.findings)
    said = f"{len(result.findings)} rules: " + (f"broken {', '.join(broken)}" if broken else "none broken")
    return said + (f"; {errors} could not be judged." if errors else ".")


def _table(result: SuiteResult, name: str) -> dict[str, Any]:
    findings = sorted((each for each in result.findings if each.table == name), key=_place)
    size = result.tables[name]
    return {"name": name, "rows": size.rows, "judged": size.judged, "findings": findings}


def _place(finding: Finding) -> int:
    return ORDER[finding.outcome, finding.severity]


@lru_cache(maxsize=1)
def _template() -> Template:
    loader = PackageLoader("validation.suites", "")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("page.html.j2")

"""The review brief: what the reviewer sees on the version's page before anything else, as markdown."""

from __future__ import annotations

from registry.evidence import Evidence
from registry.names import signatures_required
from registry.worries import Worry, worries
from validation.gates.panel import status
from validation.gates.result import GateResult, Verdict

SIGNS = {Verdict.PASSED: "✓ passed", Verdict.FAILED: "✗ failed", Verdict.CANNOT_TELL: "? cannot-tell"}
REPORT = "evidence/report.html"


def review_brief(evidence: Evidence, report: str = REPORT) -> str:
    """Return the description of the version.

    Parameters
    ----------
    evidence
        What the pack is made from.
    report
        Where the report stands among the version's artifacts.
    """
    parts = [_head(evidence), _table(evidence.gates), _worries(evidence.gates), _decide(evidence, report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(evidence: Evidence) -> str:
    spec, overall = evidence.spec, evidence.measured.overall
    return (
        f"**{spec.title}**: {spec.use}\n\n"
        f"Judged on {overall.n:,} rows of {overall.patients:,} patients that training did not see; "
        f"data: {evidence.snapshot.source} ({evidence.snapshot.basis}), owner {evidence.snapshot.owner}."
    )


def _table(gates: tuple[GateResult, ...]) -> str:
    lines = ["| gate | verdict | checks passed | cannot tell | failed |", "|---|---|---:|---:|---:|"]
    for gate in gates:
        counts = [sum(check.verdict is verdict for check in gate.checks) for verdict in _ORDER]
        lines.append(f"| {gate.gate} | {SIGNS[gate.verdict]} | {counts[0]} | {counts[1]} | {counts[2]} |")
    return "\n".join(lines)


_ORDER = (Verdict.PASSED, Verdict.CANNOT_TELL, Verdict.FAILED)


def _worries(gates: tuple[GateResult, ...]) -> str:
    found = worries(gates)
    if not found:
        return "**Worth worrying about**: no gate names anything; the report has the figures."
    return "**Worth worrying about**\n\n" + "\n".join(_line(item) for item in found)


def _line(worry: Worry) -> str:
    text = f"- {SIGNS[worry.verdict]} *{worry.gate}*, {worry.what}: {worry.why}"
    return f"{text} — {', '.join(worry.groups)}" if worry.groups else text


def _decide(evidence: Evidence, report: str) -> str:
    if status(evidence.gates) is Verdict.FAILED:
        return f"A gate failed: this model cannot be registered. The whole evidence: `{report}`."
    open_questions = "each *cannot-tell* above is yours to accept; " if worries(evidence.gates) else ""
    two = signatures_required(evidence.author, evidence.spec.risk_class.value) == 2
    signatures = "two reviewers, one of them clinical" if two else "one reviewer"
    return (
        f"**To decide**: read `{report}` under Artifacts, then set the tag `approval` to `approved` or "
        f"`rejected: <reason>`; {open_questions}it takes {signatures}, not the author."
    )

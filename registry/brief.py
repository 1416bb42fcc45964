"""The review brief: what the reviewer sees on the version's page before anything else, as markdown."""

from __future__ import annotations

from registry.changes import Changes, policy_lines
from registry.evidence import Evidence, changes_of, judged_rows
from registry.merits import merits
from registry.names import signatures_required
from registry.pages import REPORT, history_page
from registry.policy import REASON_LENGTH
from registry.report_words import SIGNS, in_markdown, nothing_in_use, short, tally
from registry.worries import Worry, briefly, headlines
from validation.gates.panel import status
from validation.gates.result import GateResult, Verdict
from validation.waivers import Use, uses

HEAD = "| gate&emsp;&emsp;&emsp;&emsp; | verdict&emsp;&emsp;&emsp;&emsp;&emsp;&emsp; | checks |"
"""MLflow's page draws tables without any space between columns; that of the head's cells keeps them apart."""
LINES, NAMED = 10, 3
"""Lines of what to worry about, and groups that a line names: MLflow holds 5,000 characters."""
CAUSE = 160
"""Characters of a cause; the report has the rest."""


def review_brief(evidence: Evidence, report: str = REPORT) -> str:
    """Return the description of the version.

    Parameters
    ----------
    evidence
        What the pack is made from.
    report
        Where the report stands among the version's artifacts.
    """
    parts = [
        _head(evidence),
        _table(evidence.gates),
        _changed(evidence),
        _worries(evidence.gates),
        _waivers(evidence),
        decision(evidence, report),
        f"[What was in use when, and who signed it]({history_page(evidence.spec.name)})",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(evidence: Evidence) -> str:
    spec, good = evidence.spec, merits(evidence)
    return (
        f"**{spec.title}**: {spec.use}\n\n"
        f"Judged on {judged_rows(evidence)}; "
        f"data: {in_markdown(evidence.snapshot.source)} ({evidence.snapshot.basis}), "
        f"owner {in_markdown(evidence.snapshot.owner)}." + (f"\n\n**In numbers**: {good}." if good else "")
    )


def _table(gates: tuple[GateResult, ...]) -> str:
    rows = [f"| {gate.gate} | {_said(gate)} | {_counted(gate)} |" for gate in gates]
    return "\n".join([HEAD, "|---|---|---|", *rows])


def _counted(gate: GateResult) -> str:
    words = ("passed", "cannot tell", "failed and waived", "failed")
    counts = [number for _, number in tally(gate)]
    return ", ".join(f"{number} {word}" for number, word in zip(counts, words, strict=True) if number)


def _said(gate: GateResult) -> str:
    return f"{SIGNS[gate.verdict]} {'no version in use' if nothing_in_use(gate) else gate.verdict.value}"


def _changed(evidence: Evidence) -> str:
    before, found = evidence.predecessor, changes_of(evidence)
    if before is None or found is None:
        why = evidence.incomparable
        return f"**What changed**: {f'not compared with the version in use: {why}' if why else 'no version is in use'}."
    signed = f"signed by {' and '.join(before.signed_by)} on {before.approved_on.isoformat()}"
    lines = [f"**What changed** against version {before.version} (`{short(before.digest)}`), {signed}:"]
    return "\n".join([*lines, "", *(f"- {line}" for line in (*_same_rows(evidence), *_differences(found)))])


def _same_rows(evidence: Evidence) -> list[str]:
    versus, confidence = evidence.measured.versus, evidence.policy.bootstrap.confidence.value
    if versus is None:
        return []
    said = []
    for words, draws in (("AUC", versus.auc), ("share found", versus.recall)):
        low, high = draws.interval(confidence)
        said.append(f"{words} {draws.sample[0]:+.3f} ({low[0]:+.3f} to {high[0]:+.3f})")
    return [f"on the same rows: {', '.join(said)}"]


def _differences(found: Changes) -> list[str]:
    verdicts = ", ".join(f"{item.name} {item.before} → {item.now or 'not asked'}" for item in found.verdicts)
    data = "other data" if found.snapshot else "the same data"
    lines = [f"{data}, {'another' if found.policy else 'the same'} policy"]
    lines += [in_markdown(line) for line in policy_lines(found)]
    lines += [f"verdicts: {verdicts}"] if verdicts else []
    lines += [f"asked for the first time: {', '.join(found.gates_added)}"] if found.gates_added else []
    lines += [f"new features: {', '.join(found.features_added)}"] if found.features_added else []
    lines += [f"dropped features: {', '.join(found.features_removed)}"] if found.features_removed else []
    settings = ", ".join(f"{item.name} {item.before or '–'} → {item.now or '–'}" for item in found.hyperparameters)
    return lines + ([f"set otherwise: {settings}"] if settings else [])


def _worries(gates: tuple[GateResult, ...]) -> str:
    found, more = headlines(gates, LINES)
    if not found:
        return "**Worth worrying about**: no gate names anything; the report has the figures."
    lines = [_line(item) for item in found]
    lines += [f"- {more} more, named in the report"] if more else []
    return "**Worth worrying about**\n\n" + "\n".join(lines)


def _line(worry: Worry) -> str:
    what = ", ".join(worry.what[:3]) + (f" and {len(worry.what) - 3} more" if len(worry.what) > 3 else "")
    about = f" ({briefly(worry.groups, NAMED)})" if worry.groups else ""
    why = worry.why if len(worry.why) <= CAUSE else f"{worry.why[:CAUSE].rsplit(' ', 1)[0]} …"
    if worry.waiver:
        until = worry.waiver.until.isoformat()
        why = f"failed ({why}), waived until {until} by {in_markdown(worry.waiver.owner)}"
    return f"- {SIGNS[worry.mark]} *{worry.gate}*, {what}{about}: {why}"


def _waivers(evidence: Evidence) -> str:
    used = [item.waiver for item in uses(evidence.gates, evidence.policy) if item.use is Use.IN_USE]
    if not used:
        return ""
    lines = [
        f"- `{item.gate}`, `{item.check}`, until {item.until.isoformat()}, "
        f"{in_markdown(item.owner)}: {in_markdown(item.reason)}"
        for item in used
    ]
    return "**Waivers in use** (an approval ends with the first of them)\n\n" + "\n".join(lines)


def decision(evidence: Evidence, report: str = REPORT) -> str:
    """Return what is to be decided and how, as markdown."""
    if status(evidence.gates) is Verdict.FAILED:
        return f"A gate failed: this model cannot be registered. The whole evidence: `{report}`."
    is_open = status(evidence.gates) is Verdict.CANNOT_TELL
    open_questions = "; each *cannot-tell*, named there one by one, is yours to accept" if is_open else ""
    return (
        f"**To decide**: read `{report}`, then set the tag `approval` to `approved` or `rejected: <reason>`"
        f"{open_questions}. {_signatures(evidence)} A reason has at least {REASON_LENGTH} characters."
    )


def _signatures(evidence: Evidence) -> str:
    if signatures_required(evidence.author, evidence.spec.risk_class.value) == 1:
        return "One reviewer signs, not the author."
    return (
        "Two reviewers sign, one of them clinical, neither the author: "
        "after the first the tag says `pending: 1 of 2`, and the second sets it to `approved` as well."
    )

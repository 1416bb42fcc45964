"""Words, numbers and signs as the report, the brief and the card write them."""

from __future__ import annotations

import re

from validation.gates.champion import ALONE
from validation.gates.champion import NAME as CHAMPION
from validation.gates.result import Check, GateResult, Verdict

QUESTIONS = {
    "data": "Is the data what it is said to be? The rules and what they found are in data-quality.html.",
    "accuracy": "Does the score order and weigh the outcome better than what could be had without a model?",
    "calibration": "Does a score of 0.3 mean three in ten, overall and in each group?",
    "bias": "Does the score work within each group, and does the decision made with it reach each group's need?",
    "leakage": "Is it too good to be true, was it tested on what it had seen, or told what it could not know?",
    "robustness": "Do the same people get the help when a field is missing, a little off, or far out of range?",
    "stability": "Would another seed, another period or another site have given the same model?",
    "champion": "Is it at least as good as the version in use, on the same rows?",
    "privacy": "Does the model give away whom it learnt from, and could anybody be singled out among them?",
    "serving": "Do the very files that would be served give the same scores, fast enough and small enough?",
    "usefulness": "Is acting on the score worth more than acting on everybody, or on nobody?",
}
"""What each gate asks, in plain words."""

LABELS = {
    "auc": "AUC",
    "pr_auc": "average precision",
    "pr_auc_lift": "average precision over prevalence",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "ece": "expected calibration error",
    "slope": "calibration slope",
    "intercept": "calibration intercept",
    "observed_expected": "observed / expected",
    "tpr_ratio": "share found, against all others",
    "spread": "spread of the share found",
    "inputs": "features that tell a group",
    "single_feature_auc": "AUC of the strongest single feature",
    "patients_on_both_sides": "patients on both sides of the split",
    "identical_rows": "identical rows on both sides",
    "duplicate_rows": "rows that repeat another",
    "unavailable_features": "features that could not have been known",
    "own_outcome": "features that hold their own outcome",
    "later_rows": "features that look ahead",
    "missing": "decisions without a field",
    "shift": "decisions after numbers moved",
    "out_of_range": "decisions out of range",
    "reordered": "decisions in another order",
    "seed_auc": "AUC with another seed",
    "seed_flips": "decisions with another seed",
    "fold_auc": "AUC of another period",
    "site_auc": "AUC of unseen sites",
    "champion": "version in use",
    "auc_difference": "AUC against the version in use",
    "brier_increase": "Brier score against the version in use",
    "recall_difference": "share found against the version in use",
    "membership": "membership inference advantage",
    "memorised": "loss saved on rare rows",
    "below_k": "patients in small cells",
    "net_benefit": "net benefit over the better of all and none, at",
    "acts_per_prevented": "acts for each outcome prevented",
    "latency_ms": "latency, ms",
    "load_seconds": "time to load, s",
    "size_mb": "size, MB",
}
"""Words for the names of checks; others are read as they are written."""

BASELINES = ("prevalence", "single-feature", "logistic")
"""What a skill is measured against, where it is not a subset of the rows."""

SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✕", Verdict.CANNOT_TELL: "?"}
"""Marks that tell verdicts apart without colour."""


def label(check: Check) -> str:
    """Return what `check` compared, in words."""
    name, _, of = check.name.partition("[")
    words, of = metric_words(name), of.rstrip("]")
    if of in BASELINES:
        return f"{words} against {of}"
    of = of.replace("_", " ")
    if words.endswith(" at"):
        return f"{words} {of}".strip()
    return f"{words} ({of})" if of else words


def metric_words(name: str) -> str:
    """Return the name of a metric in words."""
    return LABELS.get(name, name.replace("_", " "))


def question(gate: str) -> str:
    """Return what `gate` asks; nothing of a gate that has no words here."""
    return QUESTIONS.get(gate, "")


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` digits, or a dash where there is none."""
    if value is None or value != value:  # noqa: PLR0124 (NaN)
        return "–"
    text = f"{value:,.1f}".removesuffix(".0") if abs(value) >= 10 else f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def limit(value: float | None) -> str:
    """Return a limit as the policy writes it, or a dash where there is none."""
    return "–" if value is None else f"{value:g}"


def count(value: int | None) -> str:
    """Return `value` with thousands apart, or the word for a withheld cell."""
    return "withheld" if value is None else f"{value:,}"


def judged_on(n: int, patients: int, shared: int | None, under: int) -> str:
    """Return in words what a model was judged on: rows are new to it, their patients need not be.

    Parameters
    ----------
    n, patients
        Held-out rows, and their patients.
    shared
        Patients among them who also stand in training; None where that was not counted.
    under
        Counts below it are withheld, also where they could be told by subtraction.
    """
    if shared == 0:
        return f"{n:,} rows of {patients:,} patients that training did not see"
    rows = f"{n:,} rows that training did not see, of {patients:,} patients"
    return rows if shared is None else f"{rows}, {_part(shared, patients, under)} of whom also stand in training"


def _part(shared: int, patients: int, under: int) -> str:
    if shared == patients:
        return "all"
    if shared < under:
        return "a few"
    return "all but a few" if patients - shared < under else f"{shared:,}"


def sign(verdict: Verdict) -> str:
    """Return the mark of `verdict`."""
    return SIGNS[verdict]


def tally(gate: GateResult) -> tuple[tuple[str, int], ...]:
    """Return how many checks of `gate` passed, cannot tell, failed and are waived, and failed, each with its mark."""
    open_ones = [check for check in gate.checks if check.verdict is Verdict.CANNOT_TELL]
    waived = sum(check.waiver is not None for check in open_ones)
    return (
        (SIGNS[Verdict.PASSED], sum(check.verdict is Verdict.PASSED for check in gate.checks)),
        (SIGNS[Verdict.CANNOT_TELL], len(open_ones) - waived),
        ("waived", waived),
        (SIGNS[Verdict.FAILED], sum(check.verdict is Verdict.FAILED for check in gate.checks)),
    )


def nothing_in_use(gate: GateResult) -> bool:
    """Tell whether `gate` passed only since there is no version in use to compare with."""
    return gate.gate == CHAMPION and gate.verdict is Verdict.PASSED and gate.checks[0].reason == ALONE


def short(digest: str) -> str:
    """Return enough of a digest to recognise it by."""
    return digest.removeprefix("sha256:")[:12]


def in_markdown(text: str) -> str:
    """Return a stranger's text as one line of markdown in which it makes no table, tag or link."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    safe = " ".join(line.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([|`]|\](?=\())", r"\\\1", safe)

"""Evidence for tests: simulated rows, and what probes would have found, without fitting anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np

from benchmarks.simulated import simulate
from crm.snapshot import Manifest
from models.no_show import SPEC
from registry.changes import Predecessor
from registry.evidence import Evidence, gates_json
from registry.report_plots import draw_plots
from validation.bootstrap import Draws
from validation.drift import feature_drift
from validation.drift_limits import load_drift_limits
from validation.gates.panel import judge
from validation.gates.result import Check, GateResult, Verdict
from validation.measured import Usefulness, Versus
from validation.measuring import measure
from validation.policy import Policy, load_policy
from validation.probed import Perturbed, Probed, Proxy, Refit
from validation.quality import split_quality
from validation.scored import Grouping
from validation.waivers import apply_waivers

SNAPSHOT = Manifest(
    digest="sha256:" + "a" * 64,
    source="synthetic",
    source_digest="sha256:" + "b" * 64,
    tables={"appointments": 30_000, "patients": 20_000},
    files={},
    quarantined={"booked-after-day": 3},
    repaired={"top-coded-age": 5},
    basis="synthetic",
    owner="the demonstration's owner",
    consent={"not-required": "no real person stands behind these rows"},
    created_at="2016-04-29T00:00:00+00:00",
)
TODAY = date(2026, 11, 22)
ROUGH = {"bootstrap": "replicates", "groups": "noise_draws"}
"""Where the policy says how often to draw: tests draw less."""
ELEVEN = (
    "data",
    "accuracy",
    "calibration",
    "bias",
    "leakage",
    "robustness",
    "stability",
    "champion",
    "privacy",
    "serving",
    "usefulness",
)


OF_THE_PANEL = ("accuracy", "calibration", "bias", "leakage")
"""Gates whose own answers are shown; those of the others are made up."""


def make_evidence(n=4000, created_at=SNAPSHOT.created_at, **faults):
    """Return evidence of simulated rows, judged by the panel as it stands, with nothing probed."""
    policy = rough_policy()
    rows = with_a_tiny_group(simulate(n, seed=7, **faults))
    measured = measure(rows, policy)
    return Evidence(
        spec=SPEC,
        snapshot=Manifest(**{**SNAPSHOT.__dict__, "created_at": created_at}),
        policy=policy,
        rows=rows,
        measured=measured,
        gates=judge(measured, policy),
        splits=(split_quality("the last fifth of the days", rows.label, rows.score, declared=True),),
        importance={feature.name: 1 / place for place, feature in enumerate(SPEC.features, start=1)},
        training={"rows": "26,000"},
        author="ann",
    )


def rough_policy(*waivers):
    """Return the policy of `no-show` with `waivers`, drawing as little as a test needs."""
    content = load_policy("no-show").model_dump()
    content["bootstrap"]["replicates"]["value"] = 100
    content["groups"]["noise_draws"]["value"] = 20
    content["waivers"] = waivers
    return Policy.model_validate(content)


def with_a_tiny_group(rows):
    """Move seven rows into a third sex, so that a cell is too small to be shown."""
    codes = rows.groups["sex"].codes.copy()
    codes[:7] = 2
    groups = {**rows.groups, "sex": Grouping(codes, ("female", "male", "other"))}
    return replace(rows, groups=groups)


def draws(value, width=0.02, count=50):
    """Return one value with replicates around it."""
    spread = np.linspace(-width, width, count)[:, None]
    return Draws(np.array([value]), np.array([value]), value + spread)


@cache
def full_evidence():
    """Return evidence of everything, made once for all files of tests."""
    return in_full(make_evidence())


@cache
def full_plots():
    """Return its plots, drawn once."""
    return draw_plots(full_evidence())


def in_full(evidence):
    """Return `evidence` with eleven gates, everything probed, a version in use, drift and a waiver."""
    policy = evidence.policy.model_copy(update={"waivers": rough_policy(WAIVER, UNUSED).waivers})
    measured = replace(evidence.measured, probed=probed(), usefulness=usefulness(), versus=versus())
    gates = tuple(_gate(name, evidence) for name in ELEVEN)
    full = replace(
        evidence,
        policy=policy,
        measured=measured,
        gates=apply_waivers(gates, policy, TODAY),
        drift=drift(evidence.spec.feature_names),
    )
    return replace(full, predecessor=predecessor(full))


WAIVER = {
    "gate": "robustness",
    "check": "missing[days_since_miss]",
    "reason": "the desk asks for it by hand until the form does",
    "owner": "maria",
    "until": date(2027, 1, 31),
}
UNUSED = {**WAIVER, "check": "missing[age]", "owner": "otto"}


def _gate(name, evidence):
    known = {gate.gate: gate for gate in evidence.gates if gate.gate in OF_THE_PANEL}
    return known.get(name) or GateResult(name, (*TOLD.get(name, ()), _check(f"{name}_in_all", Verdict.PASSED)))


def _check(name, verdict, reason="as it should be", group=""):
    return Check(name, verdict, 0.12, 0.15, 0.35, 4000, 700, reason, (0.1, 0.15), group)


TOLD = {
    "data": (_check("site_is_known", Verdict.CANNOT_TELL, "12 of 30,000 rows name no site"),),
    "robustness": (
        _check("missing[days_since_miss]", Verdict.FAILED, "at least 0.41, and 0.35 is allowed"),
        _check("missing[age]", Verdict.PASSED),
        _check("shift[age]", Verdict.CANNOT_TELL, "the ceiling of 0.2 lies inside 0.1 to 0.25"),
    ),
    "stability": (_check("site_auc[third 2 of 3]", Verdict.CANNOT_TELL, "the floor lies inside the bounds"),),
    "champion": (_check("auc", Verdict.PASSED),),
}


def probed():
    """Return what probes would have found."""
    names = [feature.name for feature in SPEC.features]
    perturbed = [
        Perturbed(kind, name, draws(0.3 / place + 0.02), 4000, 800, 700)
        for kind in ("missing", "shift", "out_of_range")
        for place, name in enumerate(names, start=1)
    ]
    refits = [
        Refit(kind, name, draws(0.72 + step / 100), draws(0.73), draws(step / 100 - 0.01), None, n, positives)
        for kind, name, step, n, positives in (
            ("seed", "1", 0, 4000, 700),
            ("seed", "2", 1, 4000, 700),
            ("fold", "third 2", -2, 2000, 300),
            ("site", "third 1 of 3", -1, 900, 150),
            ("site", "a very small one", 5, 12, 3),
        )
    ]
    proxies = (
        Proxy("sex=female", 0.61, "age", 0.55, 2000),
        Proxy("age=75+", 0.99, "age", 0.99, 300),
        Proxy("sex=other", 0.987654, "hour", 0.876543, None),
    )
    return Probed(
        perturbed=(*perturbed, Perturbed("reordered", "rows", draws(0.0, 0.0), 4000, 800, 0)),
        refits=tuple(refits),
        proxies=proxies,
    )


def usefulness():
    """Return net benefit at the policy's five thresholds."""
    values = np.linspace(0.08, 0.02, 5)
    spread = np.linspace(-0.01, 0.01, 50)[:, None]
    found = Draws(values, values, values + spread)
    return Usefulness(np.linspace(0.15, 0.35, 5), found, found.map(lambda v: v - 0.05), draws(2.6, 0.1))


def versus():
    """Return a comparison with the version in use."""
    return Versus(auc=draws(0.004, 0.006), brier=draws(-0.012, 0.01), recall=draws(0.008, 0.01))


def drift(names):
    """Return the drift of rows of which the second feature has moved."""
    chance = np.random.default_rng(5)
    train = chance.normal(size=(3000, len(names))).astype(np.float32)
    test = chance.normal(size=(1000, len(names))).astype(np.float32)
    test[:, 1] += 1
    return feature_drift(names, train, test, load_drift_limits())


def predecessor(evidence):
    """Return an older version of the same model: fewer gates, one feature more and one less, another policy."""
    gates = gates_json(evidence)
    older = {
        **gates,
        "gates": [{**gate, "verdict": "passed"} for gate in gates["gates"][:5]],
        "features": [*gates["features"][1:], "welfare"],
        "hyperparameters": {**gates["hyperparameters"], "rounds": 200},
        "policy": "sha256:" + "c" * 64,
        "policy_numbers": {**gates["policy_numbers"], "robustness.missing": 0.1},
    }
    return Predecessor(3, "sha256:" + "d" * 64, ("rita", "clara"), date(2026, 10, 1), older)

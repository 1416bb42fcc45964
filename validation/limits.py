"""Limits of the gates: what a policy has to say for each of them, a class a gate."""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from validation.policy_terms import (
    Area,
    Chances,
    Count,
    Fraction,
    Lift,
    Line,
    Part,
    Positive,
    Range,
    Ratio,
    Reasoned,
    Several,
    Skill,
    Some,
    Words,
)

UNWAIVABLE = ("accuracy", "leakage", "serving")
"""Gates without which nothing else that is said of a model can be believed: they have no waivers."""


BASELINES = ("prevalence", "single-feature", "logistic")
"""What a model has to be worth more than: no model, one feature, and a model that anyone can read."""


class AccuracyLimits(Part):
    """Floors of the accuracy gate; a stratum that is named here is judged as well."""

    auc: Area
    pr_auc_lift: Lift
    brier_skill: dict[str, Skill]
    strata_auc: dict[str, Area]
    strata_pr_auc_lift: dict[str, Lift] = Field(default_factory=dict)
    strata_brier_skill: dict[str, Skill] = Field(default_factory=dict)
    """Against the stratum's own share of positives."""

    @model_validator(mode="after")
    def _against_all(self) -> AccuracyLimits:
        if set(self.brier_skill) != set(BASELINES):
            raise ValueError(f"brier_skill has to name {', '.join(BASELINES)}, and no other")
        return self


class CalibrationLimits(Part):
    """Limits of the calibration gate: on all rows, in every group and intersection, and in every declared group."""

    slope: Range
    intercept: Range
    ece: Fraction
    observed_expected: Range
    group_slope: Range
    group_intercept: Range
    group_ece: Fraction


class AllowedInput(Reasoned):
    """A feature that tells a declared group, and why the model may see it all the same."""

    feature: str
    group: str


class BiasLimits(Part):
    """Limits of the bias gate."""

    harm: Words
    auc: Area
    tpr_ratio: Ratio
    spread: Fraction
    """Largest minus smallest share found, beyond what random groups of the same sizes show."""
    tells_group: Area
    """AUC from which on a single feature counts as the group itself."""
    inputs: tuple[AllowedInput, ...] = ()


class LeakageLimits(Part):
    """Ceilings of the leakage gate."""

    auc: Area
    single_feature_auc: Area
    identical_rows: Fraction
    duplicate_rows: Fraction
    """Share of the held-out rows that repeat another held-out row of the same patient."""
    rebuilt_rows: Some
    """Rows whose features are built again from what was known at their moment; none may differ."""


class RobustnessLimits(Part):
    """Ceilings of the robustness gate: shares of the flagged rows that others replace, or of scores that differ."""

    missing: Fraction
    """When a field that may be absent is absent everywhere."""
    shift: Fraction
    """When a number, or every number, is moved by `step`."""
    step: Positive
    """Share of a feature's middle half (quartile to quartile) that numbers are moved by, up and down; of the standard
    deviation where the middle half is a single value."""
    out_of_range: Fraction
    """Share of the rows whose score differs when a number lies outside what training saw, from that at the edge."""
    reach: Positive
    """How far outside, in ranges of training."""
    reordered: Fraction
    """Share of the rows whose score differs when rows and the levels of categories come in another order."""


class StabilityLimits(Part):
    """Limits of the stability gate."""

    seeds: Some
    """Further fits with other seeds."""
    seed_auc: Fraction
    """How far AUC may move between seeds."""
    seed_flips: Fraction
    """Share of the flagged rows that another seed replaces."""
    folds: Some
    """Periods of the training part, each judged by a fit on what came before it."""
    fold_auc: Fraction
    """How far AUC of a period may lie below that of the held-out rows."""
    sites: Several
    """Parts that sites are dealt into, each judged by a fit on all others."""
    site_auc: Fraction
    """How far AUC on sites that training did not see may lie below that on the same rows with them."""


class ChampionLimits(Part):
    """Margins of non-inferiority against the version in use, on the same rows."""

    auc: Fraction
    brier: Fraction
    """Relative: 0.02 lets the Brier score be 2% worse."""
    recall: Fraction
    """Share found of those with the outcome, under the policy's allocation."""


class QuasiIdentifiers(Reasoned):
    """Columns of the feature table that an acquaintance may know of a patient."""

    columns: tuple[str, ...] = Field(min_length=1)


class RareRows(Count):
    """How many rows are judged as rare; fewer would be judged by single patients, and have no bounds."""

    value: int = Field(ge=50)


class PrivacyLimits(Part):
    """Limits of the privacy gate."""

    membership: Fraction
    """Membership inference advantage: true minus false positive rate of the best loss threshold (Yeom et al. 2018)."""
    quasi_identifiers: QuasiIdentifiers
    k: Several
    """Patients that have to share the quasi-identifiers."""
    below_k: Fraction
    """Share of the training patients that fewer than `k` share theirs with."""
    memorised: Fraction
    """How much of the loss on rare rows is saved by having been trained on them (Feldman and Zhang 2020)."""
    rare_rows: RareRows
    """Rows that are judged as rare."""


class ServingLimits(Part):
    """Budgets of the serving gate."""

    score_difference: Fraction
    latency_ms: Positive
    """Of one row with its reasons, 99th percentile, in a process of its own."""
    load_seconds: Positive
    size_mb: Positive


class UsefulnessLimits(Part):
    """Limits of the usefulness gate."""

    thresholds: Chances
    """Chances of the outcome from which on people find the act worth its cost: the range of the decision curve."""
    points: Several
    """Thresholds in that range, both ends included."""
    net_benefit: Fraction
    """Floor of the net benefit over the better of acting on all and on none (Vickers and Elkin 2006)."""
    effect: Ratio
    """Share of the outcomes that acting prevents."""
    acts_per_prevented: Positive
    """Ceiling."""


class Gates(Part):
    """Limits of every gate."""

    accuracy: AccuracyLimits
    calibration: CalibrationLimits
    bias: BiasLimits
    leakage: LeakageLimits
    robustness: RobustnessLimits
    stability: StabilityLimits
    champion: ChampionLimits
    privacy: PrivacyLimits
    serving: ServingLimits
    usefulness: UsefulnessLimits


WAIVABLE = ("data", *(name for name in Gates.model_fields if name not in UNWAIVABLE))


class Waiver(Part):
    """A failed check that somebody answers for until a day; the reviewer is shown it by name.

    Attributes
    ----------
    gate, check
        Name of the gate and of the check, such as ``bias`` and ``tpr_ratio[age=75+]``.
    reason, owner, until
        Why it may stand, who answers for it, and the last day of it.
    """

    gate: str
    check: Line
    reason: Words
    owner: Line = Field(min_length=2)
    until: date = Field(lt=date.max)

    @model_validator(mode="after")
    def _may_be_waived(self) -> Waiver:
        if self.gate in UNWAIVABLE:
            raise ValueError(f"the gate {self.gate} has no waivers")
        if self.gate not in WAIVABLE:
            raise ValueError(f"no gate of this name has waivers: name one of {', '.join(WAIVABLE)}")
        return self


class Fault(Reasoned):
    """A fault that the gates have to find: what is planted, how much of it, and the check that it breaks."""

    name: str
    size: float
    gate: str
    check: str

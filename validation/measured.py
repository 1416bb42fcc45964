"""What was measured of a model on held-out rows, with its bootstrap: all that gates and reports read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from validation.bootstrap import Draws
from validation.parts import Overlap
from validation.probed import Probed
from validation.scored import Codes, Flags, Floats


@dataclass(frozen=True)
class Subset:
    """Rows that are judged together: all of them, or a stratum.

    Attributes
    ----------
    n, positives, patients
        Its size.
    metrics
        By name, one value each: ``auc``, ``pr_auc``, ``prevalence``, ``pr_auc_lift`` and, for all rows, ``brier``,
        ``log_loss``, ``ece``, ``slope``, ``intercept`` (in the large: with the slope held at 1),
        ``brier_skill[<baseline>]`` and ``auc[<baseline>]``; for a stratum ``brier`` and ``brier_skill[prevalence]``,
        against its own prevalence.
    """

    n: int
    positives: int
    patients: int
    metrics: Mapping[str, Draws]


@dataclass(frozen=True)
class Partition:
    """The groups of one partition, in the order of `levels`.

    Attributes
    ----------
    levels
        Names of the groups.
    n, positives
        Shape (groups,) each.
    metrics
        By name, a value for each group: ``selection_rate``, ``tpr``, ``fpr``, ``ppv``, ``observed_expected``, ``auc``,
        ``tpr_ratio`` and ``selection_ratio`` (the group's rate over that of all others); of declared partitions also
        ``slope``, ``intercept`` and ``ece``.
    fairlearn
        Point estimates of the first four as `fairlearn.metrics.MetricFrame` gives them, shape (groups,) each.
    spread, noise
        Largest minus smallest ``tpr`` of the groups that are large enough, and the 95% quantile of the same between
        random groups of the same sizes; None where fewer than two are large enough.
    excess
        One value: the spread less its mean between random groups of the same sizes; None with `spread`.
    crossed
        Whether it is an intersection of declared partitions.
    """

    levels: tuple[str, ...]
    n: Codes
    positives: Codes
    metrics: Mapping[str, Draws]
    fairlearn: Mapping[str, Floats]
    spread: float | None = None
    noise: float | None = None
    excess: Draws | None = None
    crossed: bool = False


@dataclass(frozen=True)
class TradeOff:
    """What a coverage floor costs and gives, on the held-out rows."""

    floor: float
    recall: float
    worst_ratio: float


@dataclass(frozen=True)
class Usefulness:
    """What acting on the score is worth (Vickers and Elkin 2006).

    Attributes
    ----------
    thresholds
        Shape (k,): chances of the outcome from which on acting is worth its cost.
    net_benefit, act_on_all
        k values each: of acting above the threshold, and of acting on everybody; acting on nobody is worth 0.
    acts_per_outcome
        One value: rows acted on, under the policy's allocation, for each that had the outcome.
    """

    thresholds: Floats
    net_benefit: Draws
    act_on_all: Draws
    acts_per_outcome: Draws


@dataclass(frozen=True)
class Versus:
    """The model against the version in use, on the same rows and the same draws of patients: one value each.

    Attributes
    ----------
    auc, recall
        Ours minus theirs.
    brier
        Ours over theirs, minus 1: below zero is better.
    """

    auc: Draws
    brier: Draws
    recall: Draws


@dataclass(frozen=True)
class Measured:
    """Everything that was measured.

    Attributes
    ----------
    overall
        All rows.
    strata
        Subsets that quality is also judged on, by name.
    partitions
        Declared groupings and their intersections, by name.
    flagged
        Shape (n,): rows that the policy's allocation acts on.
    minimum
        Positives (and negatives) that a group or subset needs before it is judged.
    trade_off
        The policy's allocation under other coverage floors; empty where it has none.
    strongest
        Name and AUC of the single feature that alone orders the outcome best; None where inputs were not given.
    overlap
        What both sides of the split share; None where inputs were not given.
    inputs
        Names of the features; empty where inputs were not given.
    usefulness, versus
        What acting on the score is worth, and the model against the version in use; None where there is none.
    bootstrap_rows
        Rows of the patients that replicates were drawn from.
    probed
        What the probes found of the model itself.
    """

    overall: Subset
    strata: Mapping[str, Subset]
    partitions: Mapping[str, Partition]
    flagged: Flags
    minimum: int
    trade_off: tuple[TradeOff, ...] = ()
    strongest: tuple[str, Draws] | None = None
    overlap: Overlap | None = None
    inputs: tuple[str, ...] = ()
    usefulness: Usefulness | None = None
    versus: Versus | None = None
    bootstrap_rows: int = 0
    probed: Probed = field(default_factory=Probed)


def judged(partition: Partition, minimum: int) -> npt.NDArray[np.bool_]:
    """Return which groups of `partition` have enough positives and negatives to be judged, shape (groups,)."""
    return np.asarray((partition.positives >= minimum) & (partition.n - partition.positives >= minimum))

"""What a model is: the one object that a new model has to provide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import ibis

Tables = Mapping[str, ibis.Table]
"""Canonical tables by name, on any engine that Ibis speaks to."""


class RiskClass(StrEnum):
    """What a wrong score can do, and so how many have to sign."""

    OPERATIONAL = "operational"
    CLINICAL = "clinical"


class Kind(StrEnum):
    """How a feature's values are read."""

    NUMBER = "number"
    FLAG = "flag"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of a model.

    Attributes
    ----------
    name
        Column of the feature table.
    text
        The feature in plain words, as a reason for a score shows it.
    kind
        Number, flag (0 or 1) or category (a text, encoded by the levels that training saw).
    monotone
        1 or -1 where the score may only rise or fall with the feature, 0 where it is free.
    """

    name: str
    text: str
    kind: Kind = Kind.NUMBER
    monotone: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """How the held-out rows are chosen.

    Attributes
    ----------
    by
        ``time``: the last rows by `FeatureTable` column ``day``; ``patient``: whole patients drawn at random.
    test_share
        Share of days or of patients that is held out.
    """

    by: str
    test_share: float = 0.2


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where the model's table says what was known when.

    Attributes
    ----------
    began
        Column by which rows come to be, one after another: a row can be seen by others from then on.
    known
        Column that says, on the same scale, from when on a row's outcome was known; null while it is not.
    before
        The outcome's columns, each with the value that it has until then.
    """

    began: str
    known: str
    before: Mapping[str, str | None]


@dataclass(frozen=True)
class ModelSpec:
    """A model, whole: rows, features, label, split, groups and how it is fitted.

    Attributes
    ----------
    name, title, use
        Registered name, its words for people, and what the score may be used for.
    risk_class
        Operational models need one reviewer, clinical ones two.
    table
        The canonical table whose rows are predicted on.
    record_id
        That table's key.
    label
        What is predicted, in words.
    features
        The inputs, in the booster's order.
    build
        Makes the feature table out of canonical tables, point in time. Columns: ``record_id``, ``patient_id``,
        ``moment`` (position in time, int64), ``day`` (int32, days since 1970 or null), ``label`` (0, 1 or null while
        unknown), then every feature, then ``group_<name>`` for every group, then ``stratum_<name>`` flags.
    groups, strata
        Names of the groups that fairness is judged on and of the strata that quality is also judged on.
    baseline
        The single feature that a trivial model would use.
    split
        How rows are held out.
    hyperparameters
        Handed to XGBoost as they are.
    rounds
        Boosting rounds.
    related
        Columns of `table`: `build` reads of it, for a row's features, only rows that share a value of one of these with
        the row. Scoring hands in no more than these.
    required
        Features without which the model does not score: where one is absent it abstains.
    timeline
        What was known when; None where the table does not say.
    site
        The feature that names the site; empty where none does.
    tells_of_history
        Columns of `table` by which the record itself tells that the patient was seen before: where one is above zero
        and nothing is known of the patient, the model abstains.
    """

    name: str
    title: str
    use: str
    risk_class: RiskClass
    table: str
    record_id: str
    label: str
    features: tuple[Feature, ...]
    build: Callable[[Tables], ibis.Table]
    groups: tuple[str, ...]
    strata: tuple[str, ...]
    baseline: str
    split: Split
    rounds: int
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    related: tuple[str, ...] = ("patient_id",)
    required: tuple[str, ...] = ()
    timeline: Timeline | None = None
    site: str = ""
    tells_of_history: tuple[str, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in the booster's order."""
        return tuple(feature.name for feature in self.features)

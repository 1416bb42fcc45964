"""A model in memory, ready to answer: immutable, so that a request is answered by one version wholly."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.artifact import FittedModel, load_model
from models.row_encoding import RowEncoder
from models.spec import ModelSpec
from registry.champion import Champion
from serving.champions import NotServed
from serving.policy import Support
from serving.support import support_of
from serving.uncertainty import CalibrationBounds, bounds_in
from validation.policy import Policy
from validation.policy_terms import Band

Reach = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
CARD: Final = "evidence/card.json"


@dataclass(frozen=True)
class Served:
    """A fitted model with what an answer needs besides.

    Attributes
    ----------
    spec, fitted
        What the model is, and its weights.
    version
        Of the registered model.
    policy
        Of the model: its purposes, and its score in words.
    expires_at
        From when on it abstains; none for a version that is only evaluated.
    summary
        What ``GET /v1/models/{model}`` says of it.
    bounds
        Of its calibration; none where its evidence does not say.
    """

    spec: ModelSpec
    fitted: FittedModel
    version: int
    policy: Policy
    expires_at: datetime | None = None
    summary: Mapping[str, Any] | None = None
    bounds: CalibrationBounds | None = None

    @cached_property
    def encoder(self) -> RowEncoder:
        """Encodes a few rows."""
        return RowEncoder(self.fitted.columns)

    @cached_property
    def required_places(self) -> list[int]:
        """Places of the features without which it abstains."""
        return [at for at, column in enumerate(self.fitted.columns) if column.name in self.spec.required]

    @cached_property
    def _reach(self) -> dict[int, tuple[Support, Reach]]:
        return {}

    def reach(self, support: Support) -> Reach:
        """Return the least and the greatest value of each feature that it scores; reckoned once for each policy."""
        known = self._reach.get(id(support))
        if known is None:
            known = self._reach[id(support)] = support, support_of(self.fitted.columns, support)
        return known[1]

    @cached_property
    def _lows(self) -> list[float]:
        return [band.low for band in self.policy.bands.levels]

    def band(self, score: float) -> Band:
        """Return the band that `score` falls into."""
        return self.policy.bands.levels[bisect_right(self._lows, score) - 1]

    def range(self, score: float) -> tuple[float, float] | None:
        """Return between which shares the outcome is to be expected at `score`; None where nothing says."""
        return self.bounds.around(score) if self.bounds else None

    def warm_up(self) -> None:
        """Score a row, so that what is compiled is compiled before somebody waits for it."""
        blank: npt.NDArray[np.float32] = np.full((1, len(self.fitted.columns)), np.nan, dtype=np.float32)
        self.fitted.predict_encoded(blank)
        self.fitted.contributions(blank)


class FeaturesUnknown(NotServed):
    """The version was trained on features that this release does not make."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} needs features that this release does not make: train it again")


def load_served(
    champion: Champion, spec: ModelSpec, policy: Policy, *, threads: int = 0, fitted: FittedModel | None = None
) -> Served:
    """Read the champion's copy as data.

    Parameters
    ----------
    champion
        As the registry hands it out.
    spec, policy
        Of its model.
    threads
        How many one answer may use, 0 for all: requests run beside each other, a file's rows do not.
    fitted
        The champion's weights, where this very digest was read before.

    Raises
    ------
    models.artifact.ModelUnreadable
        If the copy cannot be read.
    FeaturesUnknown
        If the model needs a feature that `spec` does not make.
    """
    fitted = fitted or replace(load_model(champion.folder), threads=threads)
    if not {column.name for column in fitted.columns} <= set(spec.feature_names):
        raise FeaturesUnknown(champion.version)
    fitted.booster.set_param({"nthread": threads})
    summary, bounds = _summary(champion, spec, policy), bounds_in(champion.folder)
    return Served(spec, fitted, champion.version, policy, champion.standing.expires_at, summary, bounds)


def _summary(champion: Champion, spec: ModelSpec, policy: Policy) -> dict[str, Any]:
    return {
        "model": champion.model,
        "title": spec.title,
        "use": spec.use,
        "risk_class": spec.risk_class.value,
        "predicts": spec.label,
        "version": champion.version,
        "digest": champion.digest,
        "approved_by": list(champion.standing.signed_by),
        "approved_at": champion.standing.approved_at.isoformat(),
        "expires_at": champion.standing.expires_at.isoformat(),
        "gates": champion.gates,
        "bands": [band.model_dump() for band in policy.bands.levels],
        "purposes": [purpose.model_dump() for purpose in policy.purposes.allowed],
        "card": _card(champion.folder),
    }


def _card(folder: Path) -> Any:
    card = folder / CARD
    return json.loads(card.read_text(encoding="utf-8")) if card.is_file() else None

"""A model in memory, ready to answer: immutable, so that a request is answered by one version wholly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from models.artifact import FittedModel, load_model
from models.spec import ModelSpec
from registry.champion import Champion
from serving.champions import NotServed
from validation.policy import Policy

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
    """

    spec: ModelSpec
    fitted: FittedModel
    version: int
    policy: Policy
    expires_at: datetime | None = None
    summary: Mapping[str, Any] | None = None


class FeaturesUnknown(NotServed):
    """The version was trained on features that this release does not make."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} needs features that this release does not make: train it again")


def load_served(champion: Champion, spec: ModelSpec, policy: Policy, *, threads: int = 0) -> Served:
    """Read the champion's copy as data.

    Parameters
    ----------
    champion
        As the registry hands it out.
    spec, policy
        Of its model.
    threads
        How many one answer may use, 0 for all: requests run beside each other, a file's rows do not.

    Raises
    ------
    models.artifact.ModelUnreadable
        If the copy cannot be read.
    FeaturesUnknown
        If the model needs a feature that `spec` does not make.
    """
    fitted = load_model(champion.folder)
    if not {column.name for column in fitted.columns} <= set(spec.feature_names):
        raise FeaturesUnknown(champion.version)
    fitted.booster.set_param({"nthread": threads})
    summary = _summary(champion, spec, policy)
    return Served(spec, fitted, champion.version, policy, champion.standing.expires_at, summary)


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

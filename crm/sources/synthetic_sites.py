"""Synthetic sites: invented names, sizes and effects, none of which belongs to a real place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import logit

from crm.sources.synthetic_draws import Floats, Ints, logistic

TREES = (
    "Alder", "Ash", "Beech", "Birch", "Cedar", "Cherry", "Cypress", "Elm", "Fir", "Hazel",
    "Juniper", "Larch", "Linden", "Maple", "Oak", "Pine", "Poplar", "Rowan", "Spruce", "Willow",
)  # fmt: skip
PLACES = ("Grove", "Hill", "Cross", "Bridge", "Green", "Gate", "Park", "Row", "Side", "Yard")


@dataclass(frozen=True)
class Sites:
    """Sites by number.

    Attributes
    ----------
    names
        Shape (sites,).
    bounds
        Cumulative shares of the patients, shape (sites,).
    effects
        What a site adds to a log-odds or a normal score, shape (sites,) by name.
    """

    names: pl.Series
    bounds: Floats
    effects: Mapping[str, Floats]

    def draw(self, rng: np.random.Generator, size: int) -> Ints:
        """Return the site of each of `size` patients."""
        return np.searchsorted(self.bounds[:-1], rng.random(size), side="right")

    def effect(self, name: str, site: Ints) -> Floats:
        """Return the effect called `name` at each `site`."""
        return self.effects[name][site]

    def shifted(self, rates: Floats, name: str, site: Ints) -> Floats:
        """Return `rates` moved by the site's effect on the log-odds, their mean over sites kept (Zeger 1988)."""
        spread = np.sqrt(1 + np.pi * float(np.var(self.effects[name])) / 8)
        return logistic(logit(rates) * spread + self.effect(name, site))


def draw_sites(given: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Sites:
    """Return the sites of a set of `rows` appointments: their number grows with the fourth root of the rows."""
    count = max(8, round(given["count"] * (rows / given["rows"]) ** 0.25))
    sizes = np.exp(rng.normal(0.0, given["log_size_sd"], count))
    spread = np.asarray(given["effect_sd"])
    covariance = np.asarray(given["effect_correlation"]) * np.outer(spread, spread)
    effects = rng.multivariate_normal(np.zeros(len(spread)), covariance, count, method="cholesky")
    effects = effects - np.average(effects, axis=0, weights=sizes)
    bounds = np.cumsum(sizes) / sizes.sum()
    names = pl.Series("site", [_name(number) for number in range(count)])
    return Sites(names, bounds, dict(zip(given["effects"], effects.T, strict=True)))


def _name(number: int) -> str:
    series, place = divmod(number, len(TREES) * len(PLACES))
    name = f"{TREES[place % len(TREES)]} {PLACES[place // len(TREES)]}"
    return f"{name} {series + 1}" if series else name

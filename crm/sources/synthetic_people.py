"""Synthetic patients of a clinic: what does not change between their appointments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crm.sources.synthetic_draws import Flags, Floats, Ints, draw
from crm.sources.synthetic_sites import Sites

TOP_AGE = 90


@dataclass(frozen=True)
class People:
    """Patients, shape (n,) each.

    Attributes
    ----------
    number, age, flags, site
        Who they are.
    frailty, lead_habit, hour_habit
        Standard normals that a patient's no-shows, lead times and hours of booking have in common.
    """

    number: Ints
    age: Ints
    flags: Mapping[str, Flags]
    site: Ints
    frailty: Floats
    lead_habit: Floats
    hour_habit: Floats

    def traits(self) -> dict[str, npt.NDArray[Any]]:
        """Return age and flags as numbers."""
        return {"age": self.age} | {name: values.astype(np.int64) for name, values in self.flags.items()}


def draw_people(given: Mapping[str, Any], sites: Sites, number: Ints, rng: np.random.Generator) -> People:
    """Return one patient for each of `number`: age by band, flags by the band's rates, welfare by site too."""
    size = len(number)
    band = draw(rng, given["age_shares"], size)
    lower = np.asarray([0, *given["age_edges"]])
    upper = np.asarray([*given["age_edges"], given["age_end"]])
    age = lower[band] + np.floor(rng.random(size) * (upper - lower)[band]).astype(np.int64)
    site = sites.draw(rng, size)
    flags = _flags(given["rates"], band, sites, site, rng)
    frailty, lead_habit, hour_habit = rng.standard_normal((3, size))
    return People(number, np.minimum(age, TOP_AGE), flags, site, frailty, lead_habit, hour_habit)


def _flags(
    given: Mapping[str, Any], band: Ints, sites: Sites, site: Ints, rng: np.random.Generator
) -> dict[str, Flags]:
    rates = {name: np.asarray(values)[band] for name, values in given.items()}
    rates["welfare"] = sites.shifted(rates["welfare"], "welfare", site)
    plain = ("female", "welfare", "hypertension", "alcoholism", "disabilities")
    flags = {name: rng.random(len(band)) < rates[name] for name in plain}
    diabetic = np.where(flags["hypertension"], rates["diabetes_with_hypertension"], rates["diabetes_without"])
    return flags | {"diabetes": rng.random(len(band)) < diabetic}

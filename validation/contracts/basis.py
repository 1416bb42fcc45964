"""What each legal basis allows the canonical tables to hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

import polars as pl

from caregate.errors import BadInput
from crm.basis import Basis
from crm.policy import door_policy


class BasisViolation(BadInput):
    """Tables hold what their declared basis does not allow.

    Attributes
    ----------
    counts
        Rows by rule.
    """

    def __init__(self, basis: str, counts: Mapping[str, int]) -> None:
        said = ", ".join(f"{rule}: {count}" for rule, count in sorted(counts.items()))
        super().__init__(f"the basis {basis!r} does not allow this ({said}); remove it, or declare the basis you have")
        self.counts = dict(counts)


class UnknownBasis(BadInput):
    """No such basis exists."""

    def __init__(self) -> None:
        super().__init__(f"no such legal basis: declare one of {', '.join(Basis)}")


class ConsentUndeclared(BadInput):
    """The data set does not say whether its patients are asked, or not why they need not be."""

    def __init__(self) -> None:
        super().__init__("declare consent: asked is 'required' or 'not-required', and 'not-required' needs a reason")


def check_basis(basis: str, consent: Mapping[str, str], tables: Mapping[str, pl.DataFrame]) -> None:
    """Hold `tables`, before or after their identifiers are exchanged, against what `basis` allows.

    On every basis ages from 90 on are one. Safe Harbor also allows no date finer than a year and no place smaller than
    a state (45 CFR 164.514(b)(2)(i)); a limited data set and an expert's determination may hold both.

    Raises
    ------
    BasisViolation, UnknownBasis, ConsentUndeclared
        If they hold more, or the declaration is no declaration.
    """
    if basis not in set(Basis):
        raise UnknownBasis
    asked = consent.get("asked")
    if asked not in ("required", "not-required") or (asked == "not-required" and not consent.get("reason")):
        raise ConsentUndeclared
    counts: dict[str, int] = {}
    for frame in tables.values():
        for rule, broken in _rules(basis, frame).items():
            found = int(frame.select(broken.fill_null(value=False).sum()).item())
            if found:
                counts[rule] = counts.get(rule, 0) + found
    if counts:
        raise BasisViolation(basis, counts)


def _rules(basis: str, frame: pl.DataFrame) -> dict[str, pl.Expr]:
    rules = {}
    if "age" in frame.columns:
        rules["age-over-90"] = pl.col("age") > door_policy().top_code_age
    if basis == Basis.SAFE_HARBOR:
        times = [_finer_than_year(name) for name, kind in frame.schema.items() if kind.is_temporal()]
        if times:
            rules["date-finer-than-year"] = reduce(or_, times)
        if "site" in frame.columns:
            rules["place-smaller-than-state"] = pl.col("site").is_not_null()
    return rules


def _finer_than_year(column: str) -> pl.Expr:
    return (pl.col(column).is_not_null() & (pl.col(column) != pl.col(column).dt.truncate("1y"))).fill_null(value=False)

"""How many patients of the training part share what an acquaintance may know of them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from caregate.errors import BadInput
from validation.probed import Anonymity
from validation.probes.subject import Subject


class UnknownQuasiIdentifier(BadInput):
    """The policy names columns that the feature table lacks."""

    def __init__(self, model: str, columns: Sequence[str]) -> None:
        named = ", ".join(columns)
        super().__init__(
            f"the policy of {model} names the quasi-identifiers {named}, which its feature table does not have: "
            "name columns of the feature table"
        )


def anonymity(subject: Subject) -> Anonymity:
    """Count patients by how many share their quasi-identifiers with them (k-anonymity).

    A patient with several combinations, as years and sites bring them, counts by the rarest. What is missing is a value
    of its own.

    Raises
    ------
    UnknownQuasiIdentifier
        If the feature table lacks one of the policy's columns.

    References
    ----------
    Sweeney 2002, k-anonymity: a model for protecting privacy, IJUFKS 10(5).
    """
    limits = subject.policy.gates.privacy
    columns = list(limits.quasi_identifiers.columns)
    if absent := [name for name in columns if name not in subject.rows.column_names]:
        raise UnknownQuasiIdentifier(subject.spec.name, absent)
    known = pl.DataFrame(subject.trained_on.select(["patient_id", *columns])).unique()
    shared = known.select("patient_id", sharing=pl.len().over(columns))
    rarest = shared.group_by("patient_id").agg(pl.col("sharing").min())["sharing"].to_numpy()
    return Anonymity(
        tuple(columns), len(rarest), int((rarest < limits.k.value).sum()), int(rarest.min(initial=len(rarest)))
    )

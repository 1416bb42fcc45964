"""Whose rows may be used for a purpose: the last word of each patient as of the snapshot counts."""

from __future__ import annotations

import ibis
from ibis import _

from models.spec import Tables

TRAIN = "train"


def consented(tables: Tables, purpose: str) -> Tables:
    """Return `tables` with the rows of those patients alone whose last word on `purpose` is a grant.

    Parameters
    ----------
    tables
        Canonical tables, ``consents`` among them. Of two words at the same moment the revocation counts.
    purpose
        Such as ``train``.
    """
    said = tables["consents"].filter(_.purpose == purpose)
    last = said.group_by("patient_id").agg(at=_.at.max())
    final = said.join(last, ["patient_id", "at"]).group_by("patient_id").agg(revoked=(~_.granted).any())
    granted = final.filter(~_.revoked).select("patient_id")
    return {name: _of(table, granted) for name, table in tables.items()}


def _of(table: ibis.Table, patients: ibis.Table) -> ibis.Table:
    return table.semi_join(patients, "patient_id")

"""Whose entry a score goes to, by the CRM's own ids and no other, and whether the patient has allowed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from caregate.errors import BadInput
from crm.snapshot import Snapshot
from crm.write_back.rows import ScoredRow, Scores
from governance.vault import Vault

SHARE = "share"
NOT_REQUIRED = "not-required"
Word = Callable[[str, str], bool | None]
"""A patient's last word by token and purpose; None where there is none."""


class NotOfThisHome(BadInput):
    """None of the input's records is known here."""

    def __init__(self) -> None:
        super().__init__("none of the input's records is known here: ingest the CRM's export first, and score it then")


@dataclass(frozen=True, slots=True)
class Receiver:
    """One score with the entry that it goes to.

    Attributes
    ----------
    row
        The score.
    token
        Of the record; what the home knows it by.
    entry
        The CRM's own id of the patient or of the record, as the policy says.
    """

    row: ScoredRow
    token: str
    entry: str = field(repr=False)


@dataclass(frozen=True)
class Receivers:
    """Who receives, and how many do not: without a word for sharing, or not known here."""

    receivers: tuple[Receiver, ...]
    held: int
    unknown: int


class Register:
    """Knows the patients and records of a snapshot, and their words.

    Parameters
    ----------
    snapshot
        The newest that holds the model's table.
    table, key
        That table and its key.
    vault
        Of the home.
    word
        The ledger's last word of a patient, which goes before the snapshot's.
    """

    def __init__(self, snapshot: Snapshot, vault: Vault, word: Word, *, table: str, key: str) -> None:
        self._snapshot = snapshot
        self._vault = vault
        self._word = word
        self._table = table
        self._key = key

    def receivers(self, scores: Scores, *, about: str) -> Receivers:
        """Return who receives which of `scores`.

        Parameters
        ----------
        about
            ``patient`` or ``record``: whose entry in the CRM it is.

        Raises
        ------
        NotOfThisHome
            If the input names records and none of them is known.
        """
        tokens = self._tokens(scores)
        if scores.rows and not tokens:
            raise NotOfThisHome
        patients = self._patients(list(tokens.values()))
        said = self._snapshot_words()
        known = [(row, tokens[row.record]) for row in scores.rows if row.record in tokens]
        named = [(row, token, row.patient or patients.get(token)) for row, token in known]
        allowed = [(row, token, patient) for row, token, patient in named if self._allows(patient, said)]
        asked = [(row, token, patient if about == "patient" else token) for row, token, patient in allowed]
        entries = self._vault.identifiers([whose for _, _, whose in asked if whose is not None])
        found = [Receiver(row, token, entries[whose]) for row, token, whose in asked if whose in entries]
        unknown = len(scores.rows) - len(known) + len(asked) - len(found)
        return Receivers(tuple(found), len(known) - len(allowed), unknown)

    def _tokens(self, scores: Scores) -> dict[str, str]:
        records = [row.record for row in scores.rows]
        if scores.tokens:
            return dict(zip(records, records, strict=True))
        kind = self._key.removesuffix("_id")
        return self._vault.known(f"{self._snapshot.manifest.system}/{kind}", records)

    def _patients(self, tokens: Sequence[str]) -> dict[str, str]:
        rows = pl.scan_parquet(self._snapshot.verified(self._table)).select(self._key, "patient_id")
        found = rows.filter(pl.col(self._key).is_in(list(tokens))).collect()
        return dict(found.iter_rows())

    def _snapshot_words(self) -> dict[str, bool]:
        said = pl.read_parquet(self._snapshot.verified("consents")).filter(pl.col("purpose") == SHARE)
        last = said.sort("at", pl.col("granted").not_(), maintain_order=True).group_by("patient_id").last()
        return dict(last.select("patient_id", "granted").iter_rows())

    def _allows(self, patient: str | None, said: dict[str, bool]) -> bool:
        """Tell whether the score may go out; where each is asked silence is no, elsewhere only a no is."""
        word = None
        if patient is not None:
            word = self._word(patient, SHARE)
            word = said.get(patient) if word is None else word
        required = self._snapshot.manifest.consent.get("asked") != NOT_REQUIRED
        return bool(word) if required else word is not False

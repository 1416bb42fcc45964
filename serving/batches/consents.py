"""Who of a file's patients may be scored: the last word of each, asked of all rows in one join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from serving.batches.file_history import FileHistory
from serving.withholding import SCORE, Word, consents


@dataclass(frozen=True)
class FileConsents:
    """What patients have said as of one moment.

    Attributes
    ----------
    named
        Tokens of the patients who agreed where consent is required, else of those who said no.
    required
        Whether nobody is scored who never said a word.
    """

    named: pl.Series
    required: bool

    def refused(self, patients: pl.Series) -> pl.Series:
        """Return for each token whether the patient may not be scored; false where no patient is named."""
        found = patients.is_in(self.named.implode())
        return (~found if self.required else found).fill_null(value=False)

    def refused_sql(self, patient: str, named: str) -> str:
        """Return the same in SQL, of the column `patient`, where the table `named` holds the tokens."""
        found = f"{patient} IN (FROM {named})"
        return f"coalesce({f'NOT ({found})' if self.required else found}, false)"


def consents_of(recorded: Mapping[str, Word], history: FileHistory) -> FileConsents:
    """Return the consents to scoring, from the words `recorded` in the ledger and those in the snapshot."""
    told, required = history.consent_words(SCORE), history.consent_required
    may = {
        patient: consents(recorded.get(patient), told.get(patient), required=required) for patient in {*recorded, *told}
    }
    return FileConsents(pl.Series(sorted(p for p, yes in may.items() if yes is required), dtype=pl.String), required)

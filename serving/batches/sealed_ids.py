"""The source's own record ids while a file is scored: behind the vault's seal, and opened for the output alone."""

from __future__ import annotations

import io
from collections.abc import Iterator

import polars as pl

from governance.vault import Vault
from serving.batches.job import Job

IDS = "ids"
RECORD = "record_id"


class SealedIds:
    """The record ids of a job, part by part, in the order of the input's rows.

    Parameters
    ----------
    job
        Keeps the parts.
    vault
        Of the home; a part opens with its key alone, and in its own place alone.
    """

    def __init__(self, job: Job, vault: Vault) -> None:
        self._job = job
        self._vault = vault

    def keep(self, number: int, ids: pl.Series) -> None:
        """Seal the record ids of part `number`."""
        plain = io.BytesIO()
        pl.DataFrame({RECORD: ids}, schema={RECORD: pl.String()}).write_ipc(plain)
        path = self._job.part(IDS, number, ".sealed")
        aside = path.with_name(f".{path.name}")
        aside.write_bytes(self._vault.seal(self._label(number), plain.getvalue()))
        aside.replace(path)

    def parts(self) -> Iterator[pl.Series]:
        """Yield the record ids of each part.

        Raises
        ------
        governance.vault.SealBroken
            If a part was changed, or is of another home.
        """
        paths = sorted((self._job.folder / IDS).glob("[0-9]*.sealed"))
        for number, path in enumerate(paths):
            plain = self._vault.unseal(self._label(number), path.read_bytes())
            yield pl.read_ipc(io.BytesIO(plain))[RECORD]

    def _label(self, number: int) -> str:
        return f"scoring/{self._job.batch}/{number}"

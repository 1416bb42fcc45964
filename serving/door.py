"""The door: the CRM's own ids become vault tokens, and its values what the canonical tables hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from crm.tables import TABLES
from governance.vault import Vault, namespace
from serving.instances import PATIENT, Instance


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of an instance, null where the client did not name it."""

    record: str | None
    patient: str | None


class Door:
    """Exchanges the ids of instances for tokens.

    Parameters
    ----------
    vault
        Where the tokens stand; ids that it does not know get one, so that every prediction can be found again.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def tokens(self, instances: Sequence[Instance], *, system: str, record_id: str) -> list[Tokens]:
        """Return the tokens of each instance.

        Parameters
        ----------
        instances
            As the client named them.
        system
            Whose identifiers they are.
        record_id
            The kind of their records, such as ``appointment_id``.
        """
        records = self._exchange(namespace(system, record_id), [instance.record for instance in instances])
        patients = self._exchange(namespace(system, PATIENT), [instance.patient for instance in instances])
        return [Tokens(record, patient) for record, patient in zip(records, patients, strict=True)]

    def _exchange(self, place: str, ids: Sequence[str | None]) -> list[str | None]:
        named = {identifier for identifier in ids if identifier is not None}
        tokens = self._vault.known(place, named)
        if strangers := named - tokens.keys():
            tokens |= self._vault.tokens(place, strangers)
        return [None if identifier is None else tokens[identifier] for identifier in ids]


def canonical_rows(
    instances: Sequence[Instance], tokens: Sequence[Tokens], *, table: str, record_id: str, defaults: dict[str, int]
) -> pa.Table:
    """Return `instances` as rows of canonical `table`; `defaults` fill what the client may leave out."""
    rows = []
    for instance, token in zip(instances, tokens, strict=True):
        row = {**instance.values, record_id: token.record, PATIENT: token.patient}
        row |= {name: value for name, value in defaults.items() if row[name] is None}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=TABLES[table])

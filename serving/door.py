"""The door: the CRM's own ids become vault tokens, and its values what the canonical tables hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.vault import Vault, namespace
from governance.vault_reading import VaultReader
from serving.instances import PATIENT, Instance


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of an instance, null where the client did not name it."""

    record: str | None
    patient: str | None


class NewIds(Exception):
    """Some ids have no token yet, and drawing one waits for the disk."""


class Door:
    """Exchanges the ids of instances for tokens.

    Parameters
    ----------
    vault
        Where the tokens stand; ids that it does not know get one, so that every prediction can be found again.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._reader = VaultReader(vault)

    def tokens(
        self, instances: Sequence[Instance], *, system: str, record_id: str, may_draw: bool = True
    ) -> list[Tokens]:
        """Return the tokens of each instance.

        Parameters
        ----------
        instances
            As the client named them.
        system
            Whose identifiers they are.
        record_id
            The kind of their records, such as ``appointment_id``.
        may_draw
            Whether ids that have no token get one, which waits for the disk.

        Raises
        ------
        NewIds
            If an id has no token, and none may be drawn.
        """
        records, patients = namespace(system, record_id), namespace(system, PATIENT)
        named = {
            records: {item.record for item in instances if item.record is not None},
            patients: {item.patient for item in instances if item.patient is not None},
        }
        tokens = self._exchange(named, may_draw=may_draw)
        return [
            Tokens(item.record and tokens[records][item.record], item.patient and tokens[patients][item.patient])
            for item in instances
        ]

    def _exchange(self, named: Mapping[str, set[str]], *, may_draw: bool) -> dict[str, dict[str, str]]:
        tokens = self._reader.known(named)
        for place, ids in named.items():
            if strangers := ids - tokens[place].keys():
                if not may_draw:
                    raise NewIds
                tokens[place] |= self._vault.tokens(place, strangers)
        return tokens


def canonical_row(instance: Instance, token: Tokens, *, record_id: str) -> dict[str, Any]:
    """Return `instance` as a row of its canonical table."""
    return {**instance.values, record_id: token.record, PATIENT: token.patient}

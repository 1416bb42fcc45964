"""A patient as commands are told of one: by the CRM's own id, which goes no further than the vault."""

from __future__ import annotations

from typing import Annotated

import typer

from caregate.commands.context import Context
from caregate.errors import BadInput

LONGEST_ID = 200

Patient = Annotated[str, typer.Argument(help="The CRM's own id of the patient.")]
System = Annotated[
    str | None, typer.Option("--source", help="The system whose id it is; needed where several were ingested.")
]


class UnfitId(BadInput):
    """What was given is no id of a patient."""

    def __init__(self) -> None:
        super().__init__(f"a patient's id has 1 to {LONGEST_ID} printable characters")


def token_of(context: Context, patient: str, source: str | None) -> str:
    """Return the patient's token; one whom the home does not know yet gets one, so that a no counts in time."""
    from governance.vault import vault_of

    place, said = _place(context, source), _id(patient)
    return vault_of(context.settings).tokens(place, [said])[said]


def known_token_of(context: Context, patient: str, source: str | None) -> str | None:
    """Return the patient's token, None for one whom the home does not know."""
    from governance.vault import vault_of

    place, said = _place(context, source), _id(patient)
    return vault_of(context.settings).known(place, [said]).get(said)


def _id(patient: str) -> str:
    said = patient.strip()
    if not 1 <= len(said) <= LONGEST_ID or not said.isprintable():
        raise UnfitId
    return said


def _place(context: Context, source: str | None) -> str:
    from crm.systems import system_of
    from governance.vault import namespace

    return namespace(system_of(context.settings.snapshots_dir, source), "patient_id")

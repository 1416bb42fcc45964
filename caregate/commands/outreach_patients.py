"""`caregate outreach stop` and the like: what a patient says of being contacted, or what has become of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.commands.patient_ids import Patient, System, token_of

if TYPE_CHECKING:
    from crm.outreach.patient_words import PatientBook

Way = Annotated[str | None, typer.Option("--way", help="Only of one channel: voice, sms, chat, email or whatsapp.")]


@guarded
def stop(patient: Patient, way: Way = None, source: System = None, home: Home = None, as_json: AsJson = False) -> None:
    """Record that a patient wants no more messages; it holds from the next message on."""
    from crm.outreach.medium import medium_of

    context = open_context(home, as_json)
    by = _recorder(context)
    medium = medium_of(way) if way else None
    _book(context).stop(token_of(context, patient, source), medium, by=by, how="staff")
    _tell(context, "no more messages", way)


@guarded
def resume(
    patient: Patient, way: Way = None, source: System = None, home: Home = None, as_json: AsJson = False
) -> None:
    """Record that a patient takes a STOP back; consent is another matter and stays as it was."""
    from crm.outreach.medium import medium_of

    context = open_context(home, as_json)
    by = _recorder(context)
    medium = medium_of(way) if way else None
    _book(context).resume(token_of(context, patient, source), medium, by=by, how="staff")
    _tell(context, "messages again, where the patient has agreed to them", way)


@guarded
def deceased(
    patient: Patient,
    mistaken: Annotated[bool, typer.Option("--mistaken", help="It was recorded by mistake.")] = False,
    source: System = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Record that a patient has died; nothing is ever sent to them."""
    context = open_context(home, as_json)
    _book(context).died(token_of(context, patient, source), by=_recorder(context), mistaken=mistaken)
    _tell(context, "the death was recorded by mistake" if mistaken else "the patient has died", None)


@guarded
def prefer(
    patient: Patient,
    zone: Annotated[str | None, typer.Option(help="IANA time zone, such as America/Sao_Paulo.")] = None,
    language: Annotated[str | None, typer.Option(help="Code, such as pt.")] = None,
    channels: Annotated[str | None, typer.Option(help="In the order to try, such as sms,voice.")] = None,
    source: System = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Record how a patient wants to be contacted, in the place of what was said before."""
    from crm.outreach.medium import medium_of
    from crm.outreach.patient_words import Preferences

    context = open_context(home, as_json)
    by = _recorder(context)
    media = tuple(medium_of(word.strip()) for word in channels.split(",")) if channels else ()
    _book(context).prefer(token_of(context, patient, source), Preferences(zone, language, media), by=by)
    _tell(context, "the preferences are recorded", None)


def _recorder(context: Context) -> str:
    from governance.people import Role
    from registry.authorship import require_role

    roles = (Role.ENGINEER, Role.REVIEWER, Role.CLINICAL_REVIEWER, Role.ADMIN)
    return require_role(context.settings, *roles)


def _book(context: Context) -> PatientBook:
    from crm.outreach.patient_words import PatientBook
    from governance.database import ledger_database

    return PatientBook(ledger_database(context.settings))


def _tell(context: Context, what: str, way: str | None) -> None:
    context.terminal.result({"recorded": what, "channel": way})
    context.terminal.line(f"recorded: {what}{f' ({way})' if way else ''}; it counts from the next message on")

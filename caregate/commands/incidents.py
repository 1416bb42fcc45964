"""`caregate incident`: what went wrong, from the first word to the last."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.errors import BadInput
from caregate.terminal import reads_a_person

if TYPE_CHECKING:
    from governance.incident import Incident
    from governance.incidents import Incidents

incidents = typer.Typer(help="Incidents: opened, looked into, contained, closed.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Such as inc-2026-0001.")]
Reason = Annotated[str, typer.Option(help="Why, for the ledger; nothing of a patient.")]


class NotOnATerminal(BadInput):
    """What a client wrote would go to a file or a log."""

    def __init__(self) -> None:
        super().__init__("what clients wrote is shown on a terminal and nowhere else: do not redirect the output")


@incidents.command("open")
@guarded
def open_incident(
    kind: Annotated[str, typer.Argument(help="Such as harm-reported, drift or privacy.")],
    about: Annotated[str, typer.Argument(help="A model, a version such as no-show/3, or what else it is about.")],
    title: Annotated[str, typer.Option(help="What went wrong, in a sentence; nothing of a patient.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Open an incident; every signed-in account may."""
    from governance.incident_rules import kind_of
    from governance.people import Role
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, *Role)
    _show(context, _incidents(context).open(kind_of(kind), about, title, by=by))


@incidents.command("list")
@guarded
def list_incidents(
    state: Annotated[str | None, typer.Option(help="Only those that stand here, such as open.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List incidents."""
    from governance.incident_rules import state_of

    context = open_context(home, as_json)
    found = _incidents(context).all(state_of(state) if state else None)
    context.terminal.result([_values(item) for item in found])
    rows = [
        (item.id, item.kind, item.state, item.about, f"{item.opened_at:%Y-%m-%d}", item.opened_by, item.title)
        for item in found
    ]
    context.terminal.table("incidents", ("id", "kind", "state", "about", "since", "by", "what"), rows)


@incidents.command("show")
@guarded
def show_incident(
    incident: Id,
    patients: Annotated[
        bool, typer.Option("--patients", help="List the tokens of the patients whom a suspended version scored.")
    ] = False,
    reports: Annotated[
        bool, typer.Option("--reports", help="Also what clients wrote in their own words, on a terminal only.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show an incident and what was done about it."""
    context = open_context(home, as_json)
    found = _incidents(context).get(incident)
    notes = _notes(context, found) if reports else []
    _show(context, found, _affected(context, found) if patients else None)
    for note in notes:
        typer.echo(json.dumps(note))  # in ASCII, so that no value steers the terminal


@incidents.command("advance")
@guarded
def advance_incident(
    incident: Id,
    state: Annotated[str, typer.Argument(help="investigating, contained, closed or reopened.")],
    reason: Reason,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Move an incident on; who closes it is somebody else than who opened or contained it."""
    from governance.incident_rules import HANDLERS, state_of
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, *HANDLERS)
    _show(context, _incidents(context).advance(incident, state_of(state), reason, by=by))


@incidents.command("note")
@guarded
def note_incident(
    incident: Id,
    text: Annotated[str, typer.Argument(help="What was seen or done; nothing of a patient.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add a note to an incident; every signed-in account may."""
    from governance.people import Role
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, *Role)
    _show(context, _incidents(context).note(incident, text, by=by))


def _incidents(context: Context) -> Incidents:
    from governance.database import ledger_database
    from governance.incidents import Incidents

    return Incidents(ledger_database(context.settings))


def _notes(context: Context, found: Incident) -> list[str]:
    """Return what clients wrote, for those who handle incidents; the ledger's line is written first."""
    from governance.database import ledger_database
    from governance.harm_reports import notes_of
    from governance.incident_rules import HANDLERS
    from governance.ledger import Ledger
    from governance.vault import vault_of
    from registry.authorship import require_role

    if not reads_a_person():
        raise NotOnATerminal
    settings = context.settings
    engine = ledger_database(settings)
    by = require_role(settings, *HANDLERS)
    Ledger(engine).append(by, "incident.read-reports", found.id)
    return notes_of(found.id, engine, vault_of(settings))


def _affected(context: Context, found: Incident) -> dict[str, Any]:
    from governance.database import ledger_database
    from governance.ledger import Ledger
    from governance.people import Role
    from registry.affected import affected_patients
    from registry.authorship import require_role

    by = require_role(context.settings, *(role for role in Role if role is not Role.CRM))
    affected = asdict(affected_patients(context.settings, found))
    Ledger(ledger_database(context.settings)).append(by, "incident.list-patients", found.id)
    return affected


def _values(found: Incident) -> dict[str, Any]:
    return asdict(found) | {"state": found.state.value}


def _show(context: Context, found: Incident, affected: dict[str, Any] | None = None) -> None:
    context.terminal.result(_values(found) | ({"affected": affected} if affected is not None else {}))
    context.terminal.line(f"{found.id} is {found.state}: {found.title}")
    context.terminal.line(f"{found.kind} ({found.kind.reason}), about {found.about}")
    context.terminal.line(f"opened by {found.opened_by} at {found.opened_at:%Y-%m-%d %H:%M} UTC, line {found.line}")
    for name, value in found.facts.items():
        context.terminal.line(f"  {name}: {value}")
    rows = [
        (step.line, f"{step.at:%Y-%m-%d %H:%M}", step.by, step.state or "note", step.reason) for step in found.steps
    ]
    if rows:
        context.terminal.table("what was done", ("line", "UTC", "by", "to", "why"), rows)
    if affected is not None:
        _show_patients(context, affected)


def _show_patients(context: Context, affected: dict[str, Any]) -> None:
    context.terminal.line(f"patients scored until the suspension: {len(affected['before'])}")
    for token in affected["before"]:
        context.terminal.line(f"  {token}")
    if affected["after"]:
        context.terminal.line(f"patients scored only after it: {len(affected['after'])}")
        for token in affected["after"]:
            context.terminal.line(f"  {token}")
    if not affected["unchanged"]:
        context.terminal.note("warning: this is not the list whose digest the ledger holds: predictions were changed")

"""`caregate outreach`: a worklist for people; nothing is sent before one of them says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.commands.outreach_patients import deceased, prefer, resume, stop
from caregate.commands.patient_ids import System, token_of
from caregate.errors import BadInput

if TYPE_CHECKING:
    from serving.outreach.report import Group, OutreachReport
    from serving.outreach.sending import Outbox
    from serving.outreach.worklists import Worklists

outreach = typer.Typer(help="Outreach: whom to contact today, and what was sent.", no_args_is_help=True)
outreach.command("stop")(stop)
outreach.command("resume")(resume)
outreach.command("deceased")(deceased)
outreach.command("prefer")(prefer)

Model = Annotated[str, typer.Argument(help="no-show or readmission-risk")]
Channel = Annotated[
    str, typer.Option(help="webhook, or sandbox, which writes into the home's outbox and sends nothing.")
]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; today without it.")]


class NotConfirmed(BadInput):
    """Sending was not confirmed."""

    def __init__(self) -> None:
        super().__init__("messages are sent to patients: look with `caregate outreach list`, then say --confirm")


@outreach.command("list")
@guarded
def list_day(
    model: Model,
    day: Day = None,
    offset: Annotated[int, typer.Option(min=0, help="Entries to pass over.")] = 0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show whom to contact on a day, by which channel and until when; for those who may send."""
    context = open_context(home, as_json)
    by = _require_sender(context, model)
    worklists = _worklists(context)
    page = _page(context, worklists, model, _day(worklists, day), offset, by)
    context.terminal.result(page)
    _show_page(context, page)


@outreach.command("send")
@guarded
def send(
    model: Model,
    day: Day = None,
    channel: Channel = "webhook",
    confirm: Annotated[bool, typer.Option("--confirm", help="Yes, send.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Send the worklist of the day in your name; started again it goes on, and nobody gets a second message."""
    context = open_context(home, as_json)
    by = _require_sender(context, model)
    worklists = _worklists(context)
    outbox = _outbox(context, worklists, channel)
    if not confirm:
        raise NotConfirmed
    counts = outbox.send(model, _day(worklists, day), by=by)
    context.terminal.result({"model": model, "channel": channel, "counts": counts})
    _show_counts(context, f"{model} by {channel}", counts)


@outreach.command("emergency")
@guarded
def emergency(
    patient: Annotated[str, typer.Argument(help="The CRM's own id of the patient.")],
    template: Annotated[str, typer.Option(help="A template for emergencies, such as site-closed.")],
    reason: Annotated[str, typer.Option(help="Why, for the ledger; nothing of a patient.")],
    way: Annotated[
        str | None, typer.Option("--way", help="The one way to try: voice, sms, chat, email, whatsapp.")
    ] = None,
    channel: Channel = "webhook",
    source: System = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write to a patient past caps, the night and silence, in your name; for clinical reviewers and admins."""
    from crm.outreach.medium import medium_of
    from governance.people import Role
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, Role.CLINICAL_REVIEWER, Role.ADMIN)
    outbox = _outbox(context, _worklists(context), channel)
    medium = medium_of(way) if way else None
    state = outbox.send_emergency(token_of(context, patient, source), template, medium, reason, by=by)
    context.terminal.result({"state": state})
    context.terminal.line(f"the message is {state}")


@outreach.command("report")
@guarded
def report_outreach(
    model: Model,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; from the first worklist on without it.")
    ] = None,
    channel: Channel = "webhook",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show who got messages, by group and channel, why others did not, and what the hold-out says of the effect."""
    from governance.people import Role
    from registry.authorship import require_role
    from serving.outreach.report import report
    from serving.outreach.sender import policy_of

    context = open_context(home, as_json)
    require_role(context.settings, *(role for role in Role if role is not Role.CRM))
    first = since.date() if since else date.min
    found = report(context.settings, policy_of(context.settings), model, first, channel)
    context.terminal.result(asdict(found))
    _show_report(context, found)


def _require_sender(context: Context, model: str) -> str:
    from registry.authorship import require_role
    from serving.outreach.sender import policy_of

    return require_role(context.settings, *policy_of(context.settings).of(model).senders)


def _worklists(context: Context) -> Worklists:
    from serving.outreach.worklists import Worklists
    from serving.policy import load_serving_policy
    from serving.standing_now import standing_now

    return Worklists(context.settings, partial(standing_now, context.settings), load_serving_policy())


def _outbox(context: Context, worklists: Worklists, channel: str) -> Outbox:
    from governance.vault import vault_of
    from serving.outreach.sender import channel_of
    from serving.outreach.sending import Outbox

    return Outbox(context.settings, vault_of(context.settings), worklists, channel_of(context.settings, channel))


def _day(worklists: Worklists, day: datetime | None) -> date:
    return day.date() if day else worklists.today()


def _page(context: Context, worklists: Worklists, model: str, day: date, offset: int, by: str) -> dict[str, Any]:
    from governance.database import ledger_database
    from governance.predictions import Predictions
    from governance.vault import vault_of
    from serving.outreach.page import MOST, WorklistPages
    from serving.outreach.sender import names_sender

    predictions = Predictions(ledger_database(context.settings))
    pages = WorklistPages(worklists, vault_of(context.settings), predictions, named=names_sender(context.settings))
    return pages.page(model, day, offset=offset, limit=MOST, by=by)


def _show_page(context: Context, page: Mapping[str, Any]) -> None:
    if page["why"]:
        context.terminal.line(f"no worklist, the usual care goes on: {page['why']}")
        return
    rows = [
        (
            entry["priority"],
            entry["record_id"],
            entry["patient_id"],
            entry["band"],
            ", ".join(f"{way['channel']} {way['from'][11:16]}-{way['until'][11:16]}" for way in entry["channels"]),
            "; ".join(entry["reasons"]),
        )
        for entry in page["entries"]
    ]
    title = f"{page['model']} on {page['day']}, version {page['model_version']}: {page['total']} to contact"
    if rows:
        context.terminal.table(title, ("place", "record", "patient", "band", "channels (UTC)", "reasons"), rows)
    else:
        context.terminal.line(title)
    _show_counts(context, "not on it", page["not_on_it"])
    if page["next_offset"] is not None:
        context.terminal.line(f"more: --offset {page['next_offset']}")


def _show_counts(context: Context, title: str, counts: Mapping[str, int]) -> None:
    context.terminal.table(
        title, ("what", "how many"), [(what, f"{count:,}") for what, count in sorted(counts.items())]
    )


def _show_report(context: Context, found: OutreachReport) -> None:
    line = context.terminal.line
    since = "so far" if found.since == date.min else f"since {found.since}"
    line(f"{found.model}, worklists {since}: {found.worklists}")
    if found.groups:
        columns = (
            found.grouping or "group",
            "scored",
            "given a place",
            "contacted",
            f"rate over all (floor {found.floor:g})",
        )
        context.terminal.table("who got it", columns, [_group_row(group) for group in found.groups])
    _show_counts(context, "messages by channel", found.channels)
    _show_counts(context, "messages by state", found.states)
    _show_counts(context, "places without a message", found.why_not)
    _show_counts(context, "patients by messages", {str(count): got for count, got in found.per_patient.items()})
    if found.effect is None:
        line(f"effect: cannot tell yet ({found.contact} patients with outreach, {found.held_out} without)")
    else:
        said = found.effect
        line(f"effect: {said.difference:+.3f} ({said.low:+.3f} to {said.high:+.3f}); below zero outreach helps")


def _group_row(group: Group) -> tuple[str, ...]:
    if group.scored is None:
        return group.name, "few", "few", "few", "few"
    share = f"{group.share:.2f}" if group.share is not None else ""
    return group.name, f"{group.scored:,}", f"{group.chosen:,}", f"{group.contacted:,}", share

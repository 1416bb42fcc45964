"""`caregate monitor`: a look at a model in use."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from flows.environment import start_prefect

if TYPE_CHECKING:
    from monitoring.agreement import Agreement


@guarded
def monitor(
    model: Annotated[str, typer.Argument(help="no-show or readmission-risk")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare the rows that came in since the champion was trained. Exit 1: something has to be done."""
    from models.catalogue import spec_of
    from registry.authorship import author_of
    from registry.champion import champion_of

    context = open_context(home, as_json)
    champion_of(context.settings, spec_of(model).name)  # bad input ends here
    with context.terminal.progress() as shown:
        shown.step("starting Prefect")
        start_prefect(context.settings)
        from flows.local import run_here
        from flows.monitor import monitor as flow

        seen = run_here(flow, {"model": model}, author=author_of(context.settings), listener=shown.step)
    context.terminal.result(asdict(seen) | {"alarm": seen.alarm.value})
    rows = [(item.name, item.alarm.value, item.reason) for item in seen.findings]
    context.terminal.table(
        f"{seen.model} version {seen.version}: {seen.rows:,} new rows", ("what", "alarm", "found"), rows
    )
    if seen.agreement is not None and seen.agreement.reviews:
        _show_agreement(context, seen.agreement)
    context.terminal.line(f"in all: {seen.alarm.value}")
    if seen.alarm == "act":
        raise typer.Exit(1)


def _show_agreement(context: Context, told: Agreement) -> None:
    rows = [
        (kind, item.name, f"{item.reviews:,}", f"{item.agreed / item.reviews:.0%}", f"{item.overridden:,}")
        for kind, items in (("version", told.by_version), ("band", told.by_band), ("month", told.by_month))
        for item in items
    ]
    title = f"what people decided: {told.reviews:,} reviews"
    context.terminal.table(title, ("by", "which", "reviews", "agreed", "overridden"), rows)
    people = [
        (item.token, f"{item.reviews:,}", f"{item.agreed:,}", f"{item.fast:,} of {item.timed:,}", item.relies)
        for item in told.reviewers
    ]
    context.terminal.table("by person", ("token", "reviews", "agreed", "at once", "relies on the score"), people)
    if told.not_shown:
        context.terminal.line(f"{told.not_shown:,} reviews are of people with too few to be shown")

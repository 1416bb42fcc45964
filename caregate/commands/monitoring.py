"""`caregate monitor`: a look at a model in use."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from caregate.commands.context import AsJson, Home, guarded, open_context
from flows.environment import start_prefect


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
    context.terminal.line(f"in all: {seen.alarm.value}")
    if seen.alarm == "act":
        raise typer.Exit(1)

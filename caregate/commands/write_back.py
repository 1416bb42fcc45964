"""`caregate write-back`: scores into the CRM, and out of it again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.errors import BadInput
from caregate.terminal import plain

if TYPE_CHECKING:
    from crm.write_back.batches import Outcome, WriteBackDesk

UNDO, LIST = "undo", "list"


class TargetNeeded(BadInput):
    """Scores are to go back, and it is not said where to."""

    def __init__(self) -> None:
        super().__init__("say where the scores go with --target: capsule, lacrm, csv or parquet")


class WrongWords(BadInput):
    """The command was called with a batch where there is none, or without one."""

    def __init__(self) -> None:
        super().__init__(
            "it is `caregate write-back MODEL`, `caregate write-back undo BATCH` or `caregate write-back list`"
        )


@guarded
def write_back(
    what: Annotated[str, typer.Argument(help="no-show or readmission-risk; or undo, or list.")],
    batch: Annotated[str | None, typer.Argument(help="With undo: the batch to take out.")] = None,
    scores: Annotated[
        Path | None, typer.Option("--input", help="Scores as `caregate score` wrote them; else those of today.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="capsule, lacrm, csv or parquet.")] = None,
    form: Annotated[str, typer.Option("--as", help="What they become in a CRM: field or note.")] = "field",
    output: Annotated[Path | None, typer.Option(help="With csv and parquet: the file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be written, and write nothing.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write scores into the CRM: band, reasons, version and date; undo takes a batch out again, list shows them."""
    context = open_context(home, as_json)
    if (batch is not None) != (what == UNDO):
        raise WrongWords
    if what == LIST:
        _list(context)
    elif batch is not None:
        _undo(context, batch)
    elif target is None:
        raise TargetNeeded
    else:
        _write(context, what, target=target, form=form, scores=scores, output=output, dry_run=dry_run)


def _write(
    context: Context, model: str, *, target: str, form: str, scores: Path | None, output: Path | None, dry_run: bool
) -> None:
    from crm.write_back.batches import Model
    from crm.write_back.store import form_of
    from models.catalogue import spec_of

    spec = spec_of(model)
    with context.terminal.progress() as shown:
        shown.step(f"writing scores of {model} to {target}")
        outcome = _desk(context).write(
            Model(spec.name, spec.title, spec.table, spec.record_id),
            target=target,
            form=form_of(form),
            scores=scores,
            output=output,
            dry_run=dry_run,
        )
    _show(context, outcome)


def _undo(context: Context, batch: str) -> None:
    from crm.write_back.undoing import CONFLICT, REFUSED

    with context.terminal.progress() as shown:
        shown.step(f"undoing {batch}")
        outcome = _desk(context).undo(batch)
    _show(context, outcome)
    if outcome.ends.get(CONFLICT) or outcome.ends.get(REFUSED):
        raise typer.Exit(1)


def _list(context: Context) -> None:
    found = _desk(context).batches()
    context.terminal.result([asdict(item) for item in found])
    rows = [
        (item.batch, item.target, item.form, f"{item.model}/{item.version}", item.day, item.by, plain(item.states))
        for item in found
    ]
    context.terminal.table("written back", ("batch", "target", "as", "version", "day", "by", "rows"), rows)


def _desk(context: Context) -> WriteBackDesk:
    from crm.write_back.batches import WriteBackDesk
    from governance.people import Role
    from registry.authorship import require_role

    by = require_role(context.settings, Role.ENGINEER, Role.ADMIN)
    return WriteBackDesk(context.settings, by=by, say=context.terminal.note)


def _show(context: Context, outcome: Outcome) -> None:
    context.terminal.result(asdict(outcome))
    context.terminal.line(f"{outcome.batch or 'dry run'} ({outcome.target}): {plain(outcome.ends)}")

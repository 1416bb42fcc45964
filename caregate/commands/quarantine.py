"""`caregate quarantine`: rows held back, and what a person decides about them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.errors import BadInput, Refused
from caregate.terminal import can_ask, reads_a_person

if TYPE_CHECKING:
    from crm.snapshot import Snapshot
    from governance.held_rows import Held
    from governance.quarantine import Quarantine

quarantine = typer.Typer(help="Rows held back: list, show, release, hold, discard.", no_args_is_help=True)

SHOWN = 12
"""Row numbers that a line of the list names; `--json` names all."""
Digest = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Digest, or its first digits.")]
Numbers = Annotated[list[int], typer.Argument(metavar="ROW...", min=1, help="Row numbers, as `list` shows them.")]
OfTable = Annotated[str | None, typer.Option(help="Which table, where several hold back a row of that number.")]
Reason = Annotated[str, typer.Option(help="Why, for the ledger; without a patient's data.")]


class NotOnATerminal(BadInput):
    """A row held back would go to a file or a log."""

    def __init__(self) -> None:
        super().__init__("a row held back is shown on a terminal and nowhere else: do not redirect the output")


class NobodyToAsk(BadInput):
    """All rows of a rule would be discarded, and nobody can be asked."""

    def __init__(self, question: str) -> None:
        super().__init__(
            f"{question} Nobody can be asked without a terminal, so nothing is discarded: say --yes, or name the rows"
        )


class SaidNo(Refused):
    """The person who was asked did not agree."""

    def __init__(self) -> None:
        super().__init__("nothing is discarded: that was no yes")


class NothingNamed(BadInput):
    """Neither rows nor a rule were named."""

    def __init__(self) -> None:
        super().__init__("name the rows, or with --rule all rows that one rule holds back")


@quarantine.command("list")
@guarded
def list_rows(
    snapshot: Annotated[str | None, typer.Option(help="Digest, or its first digits; by default all.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only rows that this rule holds back.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the rows held back, by rule: number, since when, and held, released or discarded. Shows no value."""
    from crm.quarantine import binding, held_rows, require_known
    from crm.snapshot import open_snapshot, published

    context = open_context(home, as_json)
    root = context.settings.snapshots_dir
    snapshots = [open_snapshot(root, snapshot)] if snapshot else published(root)
    standing = _quarantine(context).standing()
    rows = [row for item in snapshots for row in held_rows(item)]
    if rule is not None:
        require_known(rule, rows)
        rows = [row for row in rows if row.rule == rule]
    why = {place: binding(*place) for place in {(row.source, row.table, row.rule) for row in rows}}
    listed = [
        {
            **{"snapshot": row.snapshot, "source": row.source, "table": row.table, "rule": row.rule},
            **{"row_number": row.row_number, "state": standing.of(row).value},
            "since": standing.since[row.key].isoformat() if row.key in standing.since else None,
            "releasable": not why[row.source, row.table, row.rule],
        }
        for row in rows
    ]
    context.terminal.result(listed)
    for line in _lines(listed, rule):
        context.terminal.line(line)


def _lines(listed: Sequence[dict[str, Any]], asked: str | None) -> Iterator[str]:
    if not listed:
        yield f"no row is held back by {asked}" if asked else "no row is held back"
    for snapshot, rows in groupby(listed, itemgetter("snapshot", "source")):
        yield f"{snapshot[0].removeprefix('sha256:')[:12]} {snapshot[1]}"
        order = itemgetter("table", "rule", "state")
        for (table, rule, state), group in groupby(sorted(rows, key=order), order):
            yield f"  {table}, {rule}: {_line(state, list(group))}"


def _line(state: str, rows: Sequence[dict[str, Any]]) -> str:
    since = min(row["since"] or "?" for row in rows)[:10]
    numbers = ", ".join(str(row["row_number"]) for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    bound = "" if rows[0]["releasable"] else ", not releasable"
    return f"{len(rows):,} {state}, since {since}{bound}; row {numbers}{more}"


@quarantine.command("show")
@guarded
def show_row(
    snapshot: Digest,
    row: Annotated[int, typer.Argument(min=1, help="Row number, as `list` shows it.")],
    table: OfTable = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Open one row for an engineer or admin, on a terminal only; the ledger's line is written first."""
    from crm.quarantine import open_row
    from governance.vault import vault_of
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    if not reads_a_person():
        raise NotOnATerminal
    settings = context.settings
    found, (held,) = _find(context, snapshot, [row], table)
    _quarantine(context).record_opening(held, by=acting_name(settings))
    vault = vault_of(settings)
    said = open_row(found, held, vault)
    if as_json:
        typer.echo(json.dumps(said, indent=2))  # in ASCII, so that no value steers the terminal
    context.terminal.line(
        f"row {held.row_number} for {held.table}, held back by {held.rule}; this look is in the ledger"
    )
    for column, value in said.items():
        context.terminal.line(f"  {column:<28}{_harmless(value)}")


def _harmless(value: object) -> str:
    """Return a stranger's value so that it cannot steer the terminal."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


@quarantine.command("release")
@guarded
def release_rows(
    snapshot: Digest, rows: Numbers, reason: Reason, table: OfTable = None, home: Home = None, as_json: AsJson = False
) -> None:
    """Answer for rows: the next ingest of a file with these very rows lets them pass the rule that held them back."""
    from crm.quarantine import require_releasable
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    _, held = _find(context, snapshot, rows, table)
    require_releasable(held)
    count = _quarantine(context).release(held, reason=reason, by=acting_name(context.settings))
    _show(context, "released", held, count, "; ingest the file again to let them in")


@quarantine.command("hold")
@guarded
def hold_rows(
    snapshot: Digest, rows: Numbers, reason: Reason, table: OfTable = None, home: Home = None, as_json: AsJson = False
) -> None:
    """Take a release back: from the next ingest on the rule holds these rows back again."""
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    _, held = _find(context, snapshot, rows, table)
    count = _quarantine(context).hold(held, reason=reason, by=acting_name(context.settings))
    _show(context, "held", held, count, "; snapshots that were published stay as they are")


@quarantine.command("discard")
@guarded
def discard_rows(
    snapshot: Digest,
    reason: Reason,
    rows: Annotated[
        list[int] | None, typer.Argument(metavar="[ROW...]", min=1, help="Row numbers; none with --rule.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="All rows that this rule holds back.")] = None,
    table: OfTable = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a whole rule's rows are discarded.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make rows unreadable for good: their keys are destroyed, here and wherever the same row is held back."""
    from crm.quarantine import rows_of
    from crm.snapshot import open_snapshot
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    if bool(rows) == bool(rule):
        raise NothingNamed
    if rows:
        _, held = _find(context, snapshot, rows, table)
    else:
        held = rows_of(open_snapshot(context.settings.snapshots_dir, snapshot), str(rule), table=table)
        if not yes:
            _ask(context, held)
    count = _quarantine(context).discard(held, reason=reason, by=acting_name(context.settings))
    _show(context, "discarded", held, count, "; nothing opens them any more")


def _ask(context: Context, held: Sequence[Held]) -> None:
    """Go on only where a person agrees that these rows of one rule are discarded; done ones need no answer."""
    from governance.held_rows import State

    standing = _quarantine(context).standing()
    count = sum(standing.of(row) is not State.DISCARDED for row in held)
    if not count:
        return
    question = f"{count:,} row(s) that {held[0].rule} holds back would be unreadable for good."
    if not can_ask():
        raise NobodyToAsk(question)
    context.terminal.note(f"{question} Discard them? Say yes or no:")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise SaidNo


def _quarantine(context: Context) -> Quarantine:
    from governance.database import ledger_database
    from governance.quarantine import Quarantine

    return Quarantine(ledger_database(context.settings))


def _find(context: Context, digest: str, numbers: Sequence[int], table: str | None) -> tuple[Snapshot, list[Held]]:
    from crm.quarantine import find_rows
    from crm.snapshot import open_snapshot

    snapshot = open_snapshot(context.settings.snapshots_dir, digest)
    return snapshot, find_rows(snapshot, numbers, table=table)


def _show(context: Context, verdict: str, held: Sequence[Held], count: int, then: str) -> None:
    numbers = [row.row_number for row in held]
    context.terminal.result({"state": verdict, "rows": numbers, "changed": count})
    if count:
        context.terminal.line(f"{verdict}: {count:,} row(s){then}")
    if count < len(held):
        context.terminal.line(f"{verdict} already, left as they stood: {len(held) - count:,} row(s)")

"""`caregate audit`: checking the hash-chained ledger, here and elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.home import is_home
from caregate.settings import place_for_output

if TYPE_CHECKING:
    from governance.anchors import Anchor

audit = typer.Typer(help="The hash-chained ledger.", no_args_is_help=True)


@audit.command("verify")
@guarded
def verify_audit(
    anchor: Annotated[
        list[Path] | None, typer.Option(help="A file of anchors that the chain has to hold; may be repeated.")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Check this export; no home is needed.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Check the whole chain, against anchors; exit 1 and the first broken line where it does not hold."""
    from governance.anchors import read_anchors

    context = open_context(home, as_json, must_exist=export is None)
    given = [found for path in anchor or [] for found in read_anchors(path)]
    if export is not None:
        length, sealed = _verify_export(context, export, given)
    else:
        length, sealed = _verify_home(context, given), True
    seals = "seals looked at" if sealed else "seals not looked at, which takes the home's key"
    context.terminal.result({"lines": length, "holds": True, "anchors": len(given), "seals": sealed})
    own = "" if export else ", and the home's own"
    context.terminal.line(f"the chain holds: {length:,} lines, {seals}; held against {len(given):,} anchors given{own}")


def _verify_home(context: Context, given: list[Anchor]) -> int:
    from governance.anchor_file import keep_anchor, verify_ledger

    length = verify_ledger(context.settings, given).seq
    keep_anchor(context.settings)
    return length


def _verify_export(context: Context, export: Path, given: list[Anchor]) -> tuple[int, bool]:
    from caregate.secret_store import read_secrets
    from governance import seals
    from governance.anchors import hold
    from governance.chain import walk
    from governance.exports import read_export

    settings = context.settings
    key = read_secrets(settings.secrets_file).key_for(seals.PURPOSE) if is_home(settings) else None
    return hold(walk((act.row for act in read_export(export)), key), given).seq, key is not None


@audit.command("export")
@guarded
def export_audit(
    output: Annotated[Path | None, typer.Option(help="A JSON Lines file; standard output by default.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write the chain as JSON Lines, so that it can be checked elsewhere."""
    from governance.database import ledger_database
    from governance.exports import export_line
    from governance.ledger import Ledger

    context = open_context(home, as_json)
    lines = (export_line(act) for act in Ledger(ledger_database(context.settings)).read())
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    with place_for_output(context.settings, output).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
    context.terminal.result({"output": str(output)})


@audit.command("anchor")
@guarded
def anchor_audit(
    output: Annotated[
        Path | None, typer.Option(help="A file to which the anchor is added; standard output by default.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Begin the home's own anchors where they are gone.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write what an auditor keeps elsewhere, so that lines cut off or written anew are found."""
    from governance.anchor_file import keep_anchor

    context = open_context(home, as_json)
    place = place_for_output(context.settings, output) if output else None
    anchor = keep_anchor(context.settings, anew=anew)
    if place is None:
        typer.echo(anchor.text)
        return
    with place.open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"{anchor.text}\n")
        file.flush()
        os.fsync(file.fileno())
    context.terminal.result({"output": str(output), "line": anchor.seq})
    context.terminal.line(f"added the anchor of line {anchor.seq:,} to {output}")

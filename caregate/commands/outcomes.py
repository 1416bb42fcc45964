"""`caregate outcomes`: what really happened, out of a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.errors import BadInput

if TYPE_CHECKING:
    from governance.outcome import Reported
    from governance.outcomes import Outcomes


class NothingTaken(BadInput):
    """No row of the file could be used."""

    def __init__(self, held_back: Counter[str]) -> None:
        counts = ", ".join(f"{rule}: {rows:,}" for rule, rows in sorted(held_back.items())) or "it has no row"
        super().__init__(f"no outcome of the file could be used ({counts})")


@guarded
def outcomes(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet: happened, known_at, and prediction_id or record_id.")],
    model: Annotated[str | None, typer.Option(help="Of the rows that name no model.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Whose record ids these are; needed where several were ingested.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Load what really happened; a file that is loaded again adds nothing. For engineers and administrators."""
    from crm.outcome_file import read_outcomes
    from governance.outcome import Taken
    from governance.people import Role
    from models.catalogue import spec_of
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, Role.ENGINEER, Role.ADMIN)
    named = spec_of(model).name if model else None
    book = _outcomes(context, source)
    taken: Counter[str] = Counter()
    with context.terminal.progress() as shown:
        shown.step("loading outcomes")
        for rows in read_outcomes(file):
            reports = [_of(row, named) for row in rows if not isinstance(row, str)]
            taken.update(row for row in rows if isinstance(row, str))
            taken.update(word.value for word in book.record(reports, by=by))
    kept = {word.value: taken.pop(word.value, 0) for word in (Taken.RECORDED, Taken.STANDS)}
    if not any(kept.values()):
        raise NothingTaken(taken)
    context.terminal.result({"recorded": kept["recorded"], "stood": kept["stands-already"], "held_back": dict(taken)})
    context.terminal.line(f"recorded: {kept['recorded']:,}; stood already: {kept['stands-already']:,}")
    for rule, count in sorted(taken.items()):
        context.terminal.line(f"held back, {rule}: {count:,}")


def _of(row: Reported, model: str | None) -> Reported:
    from dataclasses import replace

    return replace(row, model=model) if row.model is None and row.prediction_id is None else row


def _outcomes(context: Context, source: str | None) -> Outcomes:
    from crm.systems import system_of
    from governance.database import ledger_database
    from governance.outcomes import Outcomes
    from governance.prediction_batches import PredictionBatches
    from governance.recorded import RecordedPredictions
    from governance.vault import namespace, vault_of
    from models.catalogue import SPECS

    settings = context.settings
    engine = ledger_database(settings)
    vault = vault_of(settings)
    system = system_of(settings.snapshots_dir, source)

    def place(model: str) -> str | None:
        return namespace(system, SPECS[model].record_id) if model in SPECS else None

    recorded = RecordedPredictions(engine, settings.journal_dir, PredictionBatches(settings))
    return Outcomes(engine, vault, recorded, place)

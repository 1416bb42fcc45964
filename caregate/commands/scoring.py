"""`caregate score`, `evaluate`: files of records, asked of the champion or of any version."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from caregate.commands.context import AsJson, Home, guarded, open_context

Input = Annotated[Path, typer.Option("--input", help="What to read, in the form of --source.")]
SourceOption = Annotated[str, typer.Option(help="Form of the input: parquet, csv, noshow-kaggle, diabetes-130.")]


@guarded
def score(
    model: Annotated[str, typer.Argument(help="no-show or readmission-risk")],
    location: Input,
    output: Annotated[Path, typer.Option(help="Where the scores go: .csv or .parquet.")],
    source: SourceOption = "parquet",
    purpose: Annotated[
        str | None, typer.Option(help="What the scores are for; by default the first that the model's policy allows.")
    ] = None,
    reasons: Annotated[int | None, typer.Option(min=0, max=50, help="Reasons of each row; 0 is quick.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Score a file by the champion: one row out for every row in, keyed by the source's own record id.

    Killed and started again, it goes on where it stopped.
    """
    from registry.authorship import acting_name
    from serving.batches.files import score_file

    context = open_context(home, as_json)
    with context.terminal.progress() as shown:
        shown.step(f"scoring by {model}")
        by = acting_name(context.settings)
        filed = score_file(
            context.settings,
            model,
            source=source,
            location=location,
            output=output,
            by=by,
            purpose=purpose,
            reasons=reasons,
        )
    context.terminal.result({"output": str(output)} | asdict(filed))
    counts = ", ".join(f"{status}: {rows:,}" for status, rows in sorted(filed.statuses.items()))
    context.terminal.line(f"{output}: {counts} (version {filed.version})")
    for why, rows in filed.abstained.items():
        context.terminal.line(f"  {why}: {rows:,}")


@guarded
def evaluate(
    model: Annotated[str, typer.Argument(help="no-show or readmission-risk")],
    version: Annotated[int, typer.Option(min=1, help="Any registered version.")],
    location: Input,
    source: SourceOption = "parquet",
    output: Annotated[Path | None, typer.Option(help="Also write the scores: .csv or .parquet.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Measure any version on labelled rows, with bounds from a bootstrap of patients; nothing is served by it."""
    from serving.batches.evaluating import evaluate_file

    context = open_context(home, as_json)
    with context.terminal.progress() as shown:
        shown.step(f"evaluating {model} version {version}")
        found = evaluate_file(context.settings, model, version, source=source, location=location, output=output)
    context.terminal.result(asdict(found))
    rows = [
        (name, f"{item.estimate:.4f}", f"{item.low:.4f}", f"{item.high:.4f}") for name, item in found.metrics.items()
    ]
    title = (
        f"{model} version {version}: {found.rows:,} rows of {found.patients:,} patients, {found.positives:,} positive"
    )
    context.terminal.table(title, ("metric", "estimate", "low", "high"), rows)
    context.terminal.line(f"left out: {found.left_out:,} rows without a label or held back by a rule")

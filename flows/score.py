"""The `score` flow: files of records are scored by the champion, one row out for every row in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from caregate.settings import load_settings
from flows.acting import reachable, starter
from flows.ingest import SourceName
from flows.progress import tell
from flows.train import ModelName
from serving.batches.files import Filed, score_file


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=30)
def score_records(
    model: str, source: str, location: Path, output: Path, purpose: str | None, reasons: int | None
) -> Filed:
    """Score the file and write the answers; a retry goes on where the attempt before stopped."""
    tell(f"scoring {model}")
    return score_file(
        load_settings(),
        model,
        source=source,
        location=location,
        output=output,
        by=starter().by,
        purpose=purpose,
        reasons=reasons,
    )


@flow(name="score", validate_parameters=True, persist_result=False)
def score(
    model: ModelName,
    location: str,
    output: str,
    source: SourceName = "parquet",
    purpose: str | None = None,
    reasons: Annotated[int, Field(ge=0, le=50)] | None = None,
) -> dict[str, int]:
    """Score a file, or every new file of a folder, by the champion and return the number of rows by status.

    Parameters
    ----------
    model
        Which champion.
    location
        The input, in the source's form: a path under the home's `exchange/`. Where `output` is a folder, a folder of
        files, of which those are taken that have no scores there yet.
    output
        The answers: a path there that ends in .csv or .parquet, or a folder for Parquet files of the inputs' names.
    source
        Kind of the input.
    purpose
        What the scores are for; by default the first that the model's policy allows.
    reasons
        How many each answer shows; by default as many as over HTTP.
    """
    settings = load_settings()
    found, answers = Path(reachable(settings, location)), Path(reachable(settings, output))
    statuses: Counter[str] = Counter()
    for taken, place in new_files(found, answers):
        filed = score_records(model, source, taken, place, purpose, reasons)
        statuses.update(filed.statuses)
        rows = [{"status": status, "rows": count} for status, count in filed.statuses.items()]
        create_table_artifact(rows, key=f"scores-{model}", description=f"{model} version {filed.version}")
    return dict(statuses)


def new_files(location: Path, output: Path) -> list[tuple[Path, Path]]:
    """Return what is to be scored with where the answers go; of a folder each file once."""
    if not output.is_dir():
        return [(location, output)]
    inputs = sorted(
        path
        for path in location.iterdir()
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    )
    pairs = [(path, output / f"{path.name}.scores.parquet") for path in inputs if path.name != "dataset.yaml"]
    return [(taken, place) for taken, place in pairs if not place.exists()]

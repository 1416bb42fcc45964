"""The `score` flow: a file of records is scored by the champion, one row out for every row in."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from caregate.settings import load_settings
from flows.acting import reachable, starter
from flows.ingest import SourceName
from flows.progress import tell
from flows.train import ModelName
from serving.files import Filed, score_file


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=30)
def score_records(model: str, source: str, location: Path, output: Path) -> Filed:
    """Score the file and write the answers."""
    tell(f"scoring {model}")
    return score_file(load_settings(), model, source=source, location=location, output=output, by=starter().by)


@flow(name="score", validate_parameters=True, persist_result=False)
def score(model: ModelName, location: str, output: str, source: SourceName = "parquet") -> dict[str, int]:
    """Score a file by the champion and return the number of rows by status.

    Parameters
    ----------
    model
        Which champion.
    location
        The input, in the source's form: a path under the home's `exchange/`.
    output
        The answers: a path there that ends in .csv or .parquet.
    source
        Kind of the input.
    """
    settings = load_settings()
    found, answers = Path(reachable(settings, location)), Path(reachable(settings, output))
    filed = score_records(model, source, found, answers)
    rows = [{"status": status, "rows": count} for status, count in filed.statuses.items()]
    create_table_artifact(rows, key=f"scores-{model}", description=f"{model} version {filed.version}")
    return dict(filed.statuses)

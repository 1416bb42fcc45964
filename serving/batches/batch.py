"""Files of records: the same assessment as over HTTP, one output row for every input row."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from caregate.errors import BadInput
from crm.canonical import conform
from crm.spreadsheets import unarmed
from crm.tables import TABLES
from serving.assessment import MISSING, Assessment, assess
from serving.known.history import History
from serving.policy import ServingPolicy
from serving.served import Served
from serving.withholding import NOT_FOR_IT

OUTPUT = pl.Schema(
    {
        "record_id": pl.String(),
        "status": pl.String(),
        "score": pl.Float64(),
        "band": pl.String(),
        "reasons": pl.String(),
        "model_version": pl.Int64(),
        "why": pl.String(),
    }
)
"""An output row; `reasons` is a JSON array of feature, text and contribution."""
OPEN = "outcome not known yet: only the champion scores such records, by `caregate score`"
CHUNK = 50_000
"""Rows explained at a time, which bounds the memory that contributions take."""
WRITERS: Mapping[str, Callable[[pl.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: unarmed(frame).write_csv(path),
    ".parquet": lambda frame, path: frame.write_parquet(path),
}


class UnknownOutputForm(BadInput):
    """The output file has a name whose form cannot be told."""

    def __init__(self) -> None:
        super().__init__("the output file has to end in .csv or .parquet")


@dataclass(frozen=True)
class ScoredTable:
    """The answers for a file.

    Attributes
    ----------
    output
        In the schema `OUTPUT`, one row for every row of the input, in its order.
    features
        The feature rows that the model saw, with labels, groups and strata where they are known.
    assessments
        What the model says of each feature row.
    tokens
        Of the record of each row of the output, null where it has none.
    """

    output: pl.DataFrame
    features: pa.Table
    assessments: Sequence[Assessment]
    tokens: pl.Series

    def of_the_past(self) -> pl.DataFrame:
        """Return the output without scores of records whose outcome is open: those are asked for a purpose."""
        labelled = self.features.filter(pc.is_valid(self.features.column("label"))).column("record_id").to_pylist()
        told = self.tokens.is_in(labelled).fill_null(value=False) | (self.output["status"] == "abstained")
        return self.output.with_columns(
            *(pl.when(told).then(name).name.keep() for name in ("score", "band", "reasons")),
            status=pl.when(told).then("status").otherwise(pl.lit("abstained")),
            why=pl.when(told).then("why").otherwise(pl.lit(OPEN)),
        )


def score_table(
    served: Served,
    history: History,
    rows: pl.DataFrame,
    records: pl.DataFrame,
    policy: ServingPolicy,
    *,
    explain: bool = True,
) -> ScoredTable:
    """Score a table of records.

    Parameters
    ----------
    served
        The version that answers.
    history
        What is known besides; a record that it holds is taken from `rows`.
    rows
        Canonical rows with tokens.
    records
        What each input row became, as `crm.scoring_input.OUTCOMES`: one held back by a rule abstains for that reason.
    policy
        Support and number of reasons.
    explain
        Whether reasons are wanted; they take most of the time.
    """
    spec = served.spec
    instances = conform(rows, spec.table).to_arrow().cast(TABLES[spec.table])
    features = history.features(spec, instances)
    found = [answer for part in _chunks(features) for answer in assess(served, part, policy, explain=explain)]
    answers = _answers(features.column("record_id").to_pylist(), found)
    joined = records.join(answers, on="token", how="left", maintain_order="left")
    rule = pl.coalesce(pl.lit(MISSING) + pl.col("lacking"), "rule")
    why = pl.coalesce(rule, pl.when(pl.col("status").is_null()).then(pl.lit(NOT_FOR_IT)).otherwise("why"))
    output = joined.with_columns(
        status=pl.col("status").fill_null("abstained"), model_version=pl.lit(served.version), why=why
    )
    told = output.select(pl.col(name).cast(kind) for name, kind in OUTPUT.items())
    return ScoredTable(told, features, found, joined["token"])


def write_scores(output: pl.DataFrame, path: Path) -> None:
    """Write `output` aside and rename it to `path`, so that a file of this name is always whole.

    Raises
    ------
    UnknownOutputForm
        If the name ends neither in .csv nor in .parquet.
    """
    if path.suffix not in WRITERS:
        raise UnknownOutputForm
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        WRITERS[path.suffix](output, aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _chunks(rows: pa.Table) -> Iterator[pa.Table]:
    return (rows.slice(start, CHUNK) for start in range(0, rows.num_rows, CHUNK))


def _answers(tokens: Sequence[str], found: Sequence[Assessment]) -> pl.DataFrame:
    encode = msgspec.json.Encoder().encode
    return pl.DataFrame(
        {
            "token": tokens,
            "status": [item.status for item in found],
            "score": [item.score for item in found],
            "band": [item.band for item in found],
            "reasons": [encode([asdict(reason) for reason in item.reasons]).decode() for item in found],
            "why": [item.why for item in found],
        },
        schema={"token": pl.String(), **{name: OUTPUT[name] for name in ("status", "score", "band", "reasons", "why")}},
    )

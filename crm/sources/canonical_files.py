"""Files that hold canonical tables already: a folder of them or a single one, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl

from caregate.errors import BadInput
from crm.basis import Basis
from crm.canonical import conform, empty
from crm.dataset import Consent, Dataset, read_dataset
from crm.policy import door_policy
from crm.reading import file_digest, is_folder, require_location
from crm.rules import Passes, Sorted, releasing, sort_out
from crm.source import RawTables, Released
from crm.sources.canonical_form import CSV, PARQUET, Form
from crm.sources.canonical_parquet import read_parquet_parts
from crm.sources.canonical_rules import assumed_outcome_time, canonical_rules, small_cells
from crm.sources.canonical_text import UNREAD
from crm.tables import IDENTIFIERS, TABLES
from governance.ledger import digest_of


class NoTables(BadInput):
    """There is no canonical table where one was expected."""

    def __init__(self, form: Form) -> None:
        names = ", ".join(f"{name}{form.suffixes[0]}" for name in TABLES)
        super().__init__(
            f"no canonical table is there: name the file(s) {names}; a file of another name is told by its columns, "
            "which have to be all required ones of one table and no others (docs/reference/canonical-tables.md)"
        )


class CanonicalFiles:
    """Reads canonical tables out of files; identifiers are taken for the system's own and exchanged all the same."""

    def __init__(self, name: str, form: Form) -> None:
        self.name = name
        self._form = form

    def read(self, location: str | None, *, for_scoring: bool = False, released: Released | None = None) -> RawTables:
        """Read the folder or the file at `location`, declared by the ``dataset.yaml`` in the same folder.

        Rows that are only to be scored need no declaration.

        Raises
        ------
        BadInput
            If a file or the declaration cannot be used.
        """
        place = require_location(self.name, location)
        files = self._form.find(place)
        if not files:
            raise NoTables(self._form)
        declared = _declaration(place if is_folder(place) else place.parent, for_scoring=for_scoring)
        found = {
            table: self._sort_out(path, table, releasing(released, declared.system, table), for_scoring=for_scoring)
            for table, path in files.items()
        }
        mended = {table: _mended(table, rows.kept, for_scoring=for_scoring) for table, rows in found.items()}
        tables, added = _with_every_patient(mended)
        return RawTables(
            source=self.name,
            source_digest=digest_of({table: file_digest(path) for table, path in files.items()}),
            tables=tables,
            basis=declared.basis.value,
            consent=declared.consent.model_dump(),
            rejected=pl.concat([rows.rejected for rows in found.values()]),
            repaired=_add_up([*(rows.repaired for rows in found.values()), added]),
            records={table: rows.records for table, rows in found.items()},
            released=_add_up([rows.released for rows in found.values()]),
            owner=declared.owner or None,
            system=declared.system,
        )

    def _sort_out(self, path: Path, table: str, passes: Passes | None, *, for_scoring: bool) -> Sorted:
        original, rows = self._form.rows(path, table)
        rules = canonical_rules(table, for_scoring=for_scoring)
        return sort_out(rows, rules, table=table, key=IDENTIFIERS[table][0], original=original, passes=passes)


class CsvSource(CanonicalFiles):
    """Canonical tables as CSV, plain or gzipped."""

    def __init__(self) -> None:
        super().__init__("csv", CSV)


class ParquetSource(CanonicalFiles):
    """Canonical tables as Parquet."""

    def __init__(self) -> None:
        super().__init__("parquet", PARQUET)

    def parts(
        self, location: str | None, table: str, *, rows: int, skip: int = 0, released: Released | None = None
    ) -> Iterator[RawTables]:
        """Yield `table` alone, to be scored, `rows` rows at a time, without the first `skip` parts.

        Row numbers are those of the whole file. A row is held against the rules within its part alone: whoever puts
        parts together has to look for record ids that stand in two of them.

        Raises
        ------
        BadInput
            If the file or the declaration cannot be used.
        """
        place = require_location(self.name, location)
        path = PARQUET.find(place).get(table)
        if path is None:
            raise NoTables(PARQUET)
        declared = _declaration(place if is_folder(place) else place.parent, for_scoring=True)
        passes = releasing(released, declared.system, table)
        rules = canonical_rules(table, for_scoring=True)
        for number, original in enumerate(read_parquet_parts(path, table, rows=rows, skip=skip), start=skip):
            typed = original.with_columns(pl.lit(value=False).alias(UNREAD))
            found = sort_out(typed, rules, table=table, key=IDENTIFIERS[table][0], original=original, passes=passes)
            further = pl.col("row_number") + number * rows
            yield RawTables(
                source=self.name,
                source_digest="",
                tables={table: _mended(table, found.kept, for_scoring=True)},
                basis=declared.basis.value,
                consent=declared.consent.model_dump(),
                rejected=found.rejected.with_columns(further),
                records={table: found.records.with_columns(further)},
                system=declared.system,
            )


def _declaration(folder: Path, *, for_scoring: bool) -> Dataset:
    if for_scoring and not (folder / "dataset.yaml").exists():
        return Dataset(basis=Basis.LIMITED_DATA_SET, owner="nobody", consent=Consent(asked="required"))
    return read_dataset(folder)


def _mended(table: str, rows: pl.DataFrame, *, for_scoring: bool) -> pl.DataFrame:
    if "age" in rows.columns:
        rows = rows.with_columns(pl.col("age").clip(upper_bound=door_policy().top_code_age))
    if table == "appointments":
        rows = rows.with_columns(
            pl.when(assumed_outcome_time().applies)
            .then((pl.col("day") + timedelta(days=1)).cast(pl.Datetime("us")))
            .otherwise(pl.col("outcome_known_at"))
            .alias("outcome_known_at")
        )
    if not for_scoring:
        rows = rows.with_columns(
            pl.when(rule.applies).then(pl.lit("other")).otherwise(pl.col(column)).alias(column)
            for column, rule in small_cells(table).items()
        )
    return conform(rows, table)


def _with_every_patient(tables: Mapping[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """Add a row of nothing but the identifier for each patient that only other tables mention."""
    listed = tables.get("patients", empty("patients"))
    named = pl.concat([frame.select("patient_id") for frame in tables.values()]).unique(maintain_order=True)
    strangers = conform(named.join(listed, on="patient_id", how="anti", maintain_order="left"), "patients")
    added = {"patient-added": strangers.height} if "patients" in tables else {}
    return {**tables, "patients": pl.concat([listed, strangers])}, added


def _add_up(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in counts:
        for rule, count in part.items():
            total[rule] = total.get(rule, 0) + count
    return total

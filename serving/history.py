"""History: the feature rows of instances, by the very expression that training used.

The spec's Ibis expression is compiled once to SQL over the names of the canonical tables. For each request these names
stand for what the newest snapshot knows, with the instances in it, so that training and serving cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.operations import UnboundTable

from crm.tables import TABLES
from crm.vocabulary import WORDS
from models.spec import ModelSpec

NO_SYSTEM = "crm"
"""Whose identifiers a client's are while no snapshot says it."""
ASKED, ANSWERED = "asked", "answered"
OTHER = "other"
"""What sources merge small categories into."""
NEVER = datetime.min.replace(tzinfo=UTC)
"""When a home without a snapshot was last told anything."""


class History:
    """What is known besides the question: the tables of one snapshot, in DuckDB.

    Parameters
    ----------
    files
        The snapshot's Parquet file of each canonical table; those that are left out are empty.
    system
        Whose identifiers the tokens in it stand for.
    threads, memory_limit_gb
        What DuckDB may use.
    consent_required
        Whether a patient has to have consented, one by one.
    as_of
        When the snapshot was published.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        *,
        system: str,
        threads: int = 1,
        memory_limit_gb: float = 1.0,
        consent_required: bool = False,
        as_of: datetime = NEVER,
    ) -> None:
        self.system = system
        self.consent_required = consent_required
        self.as_of = as_of
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": f"{memory_limit_gb}GB",
            "python_enable_replacements": False,
        }
        self._database = duckdb.connect(":memory:", config=config)
        self._lock = Lock()
        self._statements: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._merged: set[tuple[str, str]] = set()
        for table, schema in TABLES.items():
            self._load(table, schema, files.get(table))

    def features(self, spec: ModelSpec, instances: pa.Table) -> pa.Table:
        """Return the feature rows of `instances`, reading only the history that is related to them.

        Parameters
        ----------
        spec
            The model; its table is the one that the instances are of.
        instances
            Rows of the canonical table with tokens, one a record; they stand in for the snapshot's row of the record.

        Returns
        -------
        pyarrow.Table
            The columns that `ModelSpec.build` makes, in the order of `instances`; records that are not of the
            population that the model is for are left out.
        """
        statement, read = self._compiled(spec)
        with self._database.cursor() as session:
            session.register(ASKED, instances)
            for table in read:
                session.execute(f"CREATE TEMP TABLE {table} AS {self._rows(spec, table, TABLES[table])}")
            session.execute(f"CREATE TEMP TABLE {ANSWERED} AS {statement}")  # planned once; as a relation it is twice
            rows = session.table(ANSWERED).to_arrow_table()
        places = pc.index_in(instances.column(spec.record_id), value_set=rows.column("record_id").combine_chunks())
        return rows.take(pc.drop_null(places))

    def rows_of(self, spec: ModelSpec, instances: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
        """Return the feature row of each of a few `instances`; none for a record that the model is not for.

        Parameters
        ----------
        spec
            The model.
        instances
            As in `features`, each a mapping from the canonical columns.
        """
        table = pa.Table.from_pylist([dict(instance) for instance in instances], schema=TABLES[spec.table])
        found = {row["record_id"]: row for row in self.features(spec, table).to_pylist()}
        return [found.get(instance[spec.record_id]) for instance in instances]

    def knows(self, patient_token: str) -> bool:
        """Return whether the snapshot has the patient."""
        return bool(self._matching("patients", "patient_id", patient_token))

    def known_record(self, spec: ModelSpec, record_token: str) -> Mapping[str, Any] | None:
        """Return what the snapshot says of a record of the model's table; none where it is new."""
        found = self._matching(spec.table, spec.record_id, record_token)
        return found[0] if found else None

    def consent_word(self, patient_token: str, purpose: str) -> tuple[bool, datetime] | None:
        """Return the patient's last word on `purpose` in the snapshot and when it was said; none where never asked.

        Of two words at the same moment the revocation counts.
        """
        said = [row for row in self._matching("consents", "patient_id", patient_token) if row["purpose"] == purpose]
        last = max(said, key=lambda row: (row["at"], not row["granted"]), default=None)
        return None if last is None else (last["granted"], last["at"].replace(tzinfo=UTC))

    def _matching(self, table: str, column: str, value: str) -> list[dict[str, Any]]:
        with self._database.cursor() as session:
            session.execute(f"SELECT * FROM known_{table} WHERE {column} = ?", [value])  # noqa: S608
            return [dict(zip(TABLES[table].names, row, strict=True)) for row in session.fetchall()]

    def after_all(self, table: str, position: str) -> int:
        """Return the first value of `position` after everything that the snapshot knows."""
        with self._database.cursor() as session:
            newest = f"SELECT coalesce(max({position}), -1) + 1 FROM known_{table}"  # noqa: S608
            return int(session.execute(newest).fetchall()[0][0])

    def _load(self, table: str, schema: pa.Schema, file: Path | None) -> None:
        self._database.register("empty", schema.empty_table())
        self._database.execute(f"CREATE TABLE known_{table} AS FROM empty")
        self._database.unregister("empty")
        if file is not None:
            columns = _columns(schema)
            self._database.execute(f"INSERT INTO known_{table} SELECT {columns} FROM read_parquet(?)", [str(file)])  # noqa: S608
            self._keep_merged(table, schema)

    def _keep_merged(self, table: str, schema: pa.Schema) -> None:
        """Keep the values of each column that small ones were merged in, so that an instance's are merged alike."""
        closed = WORDS.get(table, {})
        for name in (field.name for field in schema if field.type == pa.string() and field.name not in closed):
            merged = f'SELECT count(*) FROM known_{table} WHERE "{name}" = ?'  # noqa: S608
            if self._database.execute(merged, [OTHER]).fetchall()[0][0]:
                values = f'SELECT DISTINCT "{name}" FROM known_{table} WHERE "{name}" IS NOT NULL'  # noqa: S608
                self._database.execute(f"CREATE TABLE values_{table}_{name} AS {values}")
                self._merged.add((table, name))

    def _compiled(self, spec: ModelSpec) -> tuple[str, tuple[str, ...]]:
        with self._lock:
            if spec.name not in self._statements:
                self._statements[spec.name] = _compile(spec)
            return self._statements[spec.name]

    def _rows(self, spec: ModelSpec, table: str, schema: pa.Schema) -> str:
        related = spec.related if table == spec.table else ("patient_id",)
        shared = " OR ".join(f"{column} IN (SELECT {column} FROM {ASKED})" for column in related)  # noqa: S608
        known = f"SELECT {_columns(schema)} FROM known_{table} WHERE ({shared})"  # noqa: S608
        if table == spec.table:
            key = spec.record_id
            asked = ", ".join(self._as_known(table, name) for name in schema.names)
            return f"{known} AND {key} NOT IN (SELECT {key} FROM {ASKED}) UNION ALL SELECT {asked} FROM {ASKED}"  # noqa: S608
        if table == "patients":
            return f"{known} UNION ALL {_strangers(schema)}"
        return known

    def _as_known(self, table: str, name: str) -> str:
        if (table, name) not in self._merged:
            return f'"{name}"'
        known = f'"{name}" IS NULL OR "{name}" IN (FROM values_{table}_{name})'
        return f'CASE WHEN {known} THEN "{name}" ELSE \'{OTHER}\' END AS "{name}"'


def _strangers(schema: pa.Schema) -> str:
    """Patients that the snapshot does not know yet, with nothing but their token."""
    columns = ", ".join(name if name == "patient_id" else "NULL" for name in schema.names)
    unknown = "patient_id NOT IN (SELECT patient_id FROM known_patients)"
    return f"SELECT DISTINCT {columns} FROM {ASKED} WHERE {unknown}"  # noqa: S608


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f'"{name}"' for name in schema.names)


def _compile(spec: ModelSpec) -> tuple[str, tuple[str, ...]]:
    """Return the SQL of the feature table, and the canonical tables that it reads."""
    tables = {
        name: ibis.table({field.name: ibis.dtype(field.type) for field in schema}, name=name)
        for name, schema in TABLES.items()
    }
    features = spec.build(tables)
    read = {table.name for table in features.op().find(UnboundTable)}
    return str(ibis.to_sql(features, dialect="duckdb")), tuple(sorted(read))


def nothing_known() -> History:
    """Return the history of a home without a snapshot."""
    return History({}, system=NO_SYSTEM)

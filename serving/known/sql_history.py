"""The history by SQL: feature rows of many instances, by the expression that training used, on DuckDB.

The spec's Ibis expression is compiled once to SQL over the names of the canonical tables. For each question these names
stand for what the snapshot knows, with the instances in it, so that training and serving cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.operations import UnboundTable

from crm.tables import IDENTIFIERS, TABLES
from crm.vocabulary import WORDS
from models.spec import ModelSpec

ASKED, ANSWERED = "asked", "answered"
OTHER = "other"
"""What sources merge small categories into."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A model's expression in SQL, the canonical tables that it reads, and what it gives."""

    text: str
    reads: tuple[str, ...]
    schema: pa.Schema


class SqlHistory:
    """The tables of one snapshot in DuckDB, loaded when they are first asked.

    Parameters
    ----------
    files
        The snapshot's Parquet file of each canonical table; those that are left out are empty.
    threads, memory_limit_gb
        What DuckDB may use.
    """

    def __init__(self, files: Mapping[str, Path], *, threads: int, memory_limit_gb: float) -> None:
        self._files = files
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": f"{memory_limit_gb}GB",
            "python_enable_replacements": False,
        }
        self._lock = Lock()
        self._opened: duckdb.DuckDBPyConnection | None = None
        self._loaded: set[str] = set()
        self._statements: dict[str, Statement] = {}
        self._merged: set[tuple[str, str]] = set()

    def features(self, spec: ModelSpec, instances: pa.Table) -> pa.Table:
        """Return the feature rows of `instances`; see `serving.known.history.History.features`."""
        statement = self._compiled(spec)
        with self._database({"patients", *statement.reads}).cursor() as session:
            session.register(ASKED, instances)
            for table in statement.reads:
                session.execute(f"CREATE TEMP TABLE {table} AS {self._rows(spec, table, TABLES[table])}")
            # Planned once; as a relation it is planned twice.
            session.execute(f"CREATE TEMP TABLE {ANSWERED} AS {statement.text}")
            rows = session.table(ANSWERED).to_arrow_table().cast(statement.schema)
        places = pc.index_in(instances.column(spec.record_id), value_set=rows.column("record_id").combine_chunks())
        return rows.take(pc.drop_null(places))

    def _database(self, tables: set[str]) -> duckdb.DuckDBPyConnection:
        """Return DuckDB with `tables` in it."""
        with self._lock:
            if self._opened is None:
                self._opened = duckdb.connect(":memory:", config=self._config)
            for table in tables - self._loaded:
                self._load(self._opened, table, TABLES[table])
                self._loaded.add(table)
            return self._opened

    def _load(self, database: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema) -> None:
        database.register("empty", schema.empty_table())
        database.execute(f"CREATE TABLE known_{table} AS FROM empty")
        database.unregister("empty")
        if table in self._files:
            source = [str(self._files[table])]
            database.execute(f"INSERT INTO known_{table} SELECT {_columns(schema)} FROM read_parquet(?)", source)  # noqa: S608
            self._keep_merged(database, table)

    def _keep_merged(self, database: duckdb.DuckDBPyConnection, table: str) -> None:
        """Keep the values of each column that small ones were merged in, so that an instance's are merged alike."""
        for name in merging(table):
            merged = f'SELECT count(*) FROM known_{table} WHERE "{name}" = ?'  # noqa: S608
            if database.execute(merged, [OTHER]).fetchall()[0][0]:
                values = f'SELECT DISTINCT "{name}" FROM known_{table} WHERE "{name}" IS NOT NULL'  # noqa: S608
                database.execute(f"CREATE TABLE values_{table}_{name} AS {values}")
                self._merged.add((table, name))

    def _compiled(self, spec: ModelSpec) -> Statement:
        with self._lock:
            if spec.name not in self._statements:
                self._statements[spec.name] = _compile(expression_of(spec))
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


def expression_of(spec: ModelSpec) -> ibis.Table:
    """Return the model's expression over the canonical tables, wherever these are."""
    return spec.build(
        {
            name: ibis.table({field.name: ibis.dtype(field.type) for field in schema}, name=name)
            for name, schema in TABLES.items()
        }
    )


def merging(table: str) -> list[str]:
    """Return the columns of words in which sources may merge small categories."""
    closed = {*WORDS.get(table, {}), *IDENTIFIERS[table]}
    return [field.name for field in TABLES[table] if field.type == pa.string() and field.name not in closed]


def _compile(expression: ibis.Table) -> Statement:
    reads = {table.name for table in expression.op().find(UnboundTable)}
    text = str(ibis.to_sql(expression, dialect="duckdb"))
    return Statement(text, tuple(sorted(reads)), expression.schema().to_pyarrow())

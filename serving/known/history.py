"""History: the feature rows of instances, by the very expression that training used.

One expression, two engines: DuckDB makes many rows at once, the pointwise engine a few of them without an SQL engine's
start. What the pointwise engine does not know is made by DuckDB as well.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from threading import RLock
from typing import Any, Final
from weakref import finalize

import pyarrow as pa

from crm.tables import TABLES
from crm.vocabulary import KEYS
from models.catalogue import SPECS
from models.pointwise import NotPointwise, compile_rows
from models.spec import ModelSpec
from serving.known.online_index import open_store
from serving.known.online_store import OnlineStore
from serving.known.related_rows import EPOCH, NONE, PATIENT, RelatedRows
from serving.known.sql_history import SqlHistory, expression_of

NO_SYSTEM: Final = "crm"
"""Whose identifiers a client's are while no snapshot says it."""
NEVER: Final = datetime.min.replace(tzinfo=UTC)
"""When a home without a snapshot was last told anything."""
WORD: Final = "purpose", "granted", "at"
"""What a word of consent is read from."""


class History:
    """What is known besides the question: the tables of one snapshot; for any number of threads.

    Parameters
    ----------
    files
        The snapshot's Parquet file of each canonical table; those that are left out are empty.
    system
        Whose identifiers the tokens in it stand for.
    name
        The snapshot's, in hexadecimal digits.
    stores
        Folder of the online stores, shared by the processes of a home; without it the store is this object's own.
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
        name: str = "0",
        stores: Path | None = None,
        threads: int = 1,
        memory_limit_gb: float = 1.0,
        consent_required: bool = False,
        as_of: datetime = NEVER,
    ) -> None:
        self.system = system
        self.consent_required = consent_required
        self.as_of = as_of
        self._files = dict(files)
        self._name = name
        self._stores = stores
        self._threads, self._memory_limit_gb = threads, memory_limit_gb
        self._sql = SqlHistory(files, threads=threads, memory_limit_gb=memory_limit_gb)
        self._lock = RLock()
        self._opened: OnlineStore | None = None
        self._pointwise: dict[str, RelatedRows | None] = {}

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
        return self._sql.features(spec, instances)

    def rows_of(self, spec: ModelSpec, instances: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """Return the feature row of each of a few `instances`, the same as `features` makes.

        Parameters
        ----------
        spec
            The model.
        instances
            As in `features`, each a mapping from the canonical columns.

        Returns
        -------
        list of dict or None
            One for each instance, in their order; None for a record that the model is not for.
        """
        related = self._related(spec)
        if related is not None:
            return related.features(instances)
        table = pa.Table.from_pylist([dict(instance) for instance in instances], schema=TABLES[spec.table])
        found = {row["record_id"]: row for row in self.features(spec, table).to_pylist()}
        return [found.get(instance[spec.record_id]) for instance in instances]

    def prepare(self, spec: ModelSpec) -> None:
        """Build what `rows_of` needs for `spec`, so that the first request does not wait for it."""
        self._related(spec)

    def pointwise(self, spec: ModelSpec) -> bool:
        """Return whether rows of `spec` are made without DuckDB."""
        return self._related(spec) is not None

    def knows(self, patient_token: str) -> bool:
        """Return whether the snapshot has the patient."""
        return self._store.place("patients", PATIENT, patient_token) is not None

    def known_values(self, spec: ModelSpec, record_token: str, columns: Sequence[str]) -> dict[str, Any] | None:
        """Return `columns` of what the snapshot says of a record of the model's table; None where it is new."""
        found = self._store.finder(spec.table, spec.record_id, columns)(record_token, NONE)
        if not found:
            return None
        schema = TABLES[spec.table]
        return {name: _canonical(value, schema.field(name).type) for name, value in zip(columns, found[0], strict=True)}

    def consent_word(self, patient_token: str, purpose: str) -> tuple[bool, datetime] | None:
        """Return the patient's last word on `purpose` in the snapshot and when it was said; None where never asked.

        Of two words at the same moment the revocation counts.
        """
        words = self._store.finder("consents", PATIENT, WORD)(patient_token, NONE)
        said = [(at, not granted) for named, granted, at in words if named == purpose]
        if not said:
            return None
        at, revoked = max(said)
        return not revoked, EPOCH.replace(tzinfo=UTC) + timedelta(microseconds=at)

    def _related(self, spec: ModelSpec) -> RelatedRows | None:
        with self._lock:
            if spec.name not in self._pointwise:
                self._pointwise[spec.name] = self._compiled(spec)
            return self._pointwise[spec.name]

    def _compiled(self, spec: ModelSpec) -> RelatedRows | None:
        keys: dict[str, tuple[str, ...]] = dict.fromkeys(TABLES, (PATIENT,))
        keys[spec.table] = tuple(name for name in (spec.record_id, *spec.related) if name in _keys()[spec.table])
        try:
            program = compile_rows(expression_of(spec), column="record_id", keys=keys)
        except NotPointwise:
            return None
        return RelatedRows(spec, program, self._store)

    @property
    def _store(self) -> OnlineStore:
        if self._opened is None:
            with self._lock:
                self._opened = self._opened or self._open()
        return self._opened

    def _open(self) -> OnlineStore:
        root = self._stores
        if root is None:
            root = Path(mkdtemp(prefix="caregate-rows-"))
            finalize(self, shutil.rmtree, root, ignore_errors=True)
        return open_store(
            root, self._name, self._files, _keys(), threads=self._threads, memory_limit_gb=self._memory_limit_gb
        )


def nothing_known() -> History:
    """Return the history of a home without a snapshot."""
    return History({}, system=NO_SYSTEM)


def _keys() -> dict[str, tuple[str, ...]]:
    """Return the columns of each table that rows are found by."""
    keys = {table: [PATIENT, KEYS[table]] if table in KEYS else [PATIENT] for table in TABLES}
    for spec in SPECS.values():
        keys[spec.table] += spec.related
    return {table: tuple(dict.fromkeys(columns)) for table, columns in keys.items()}


def _canonical(value: Any, kind: pa.DataType) -> Any:
    """Return a stored value as the Python value of a canonical column."""
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return EPOCH + timedelta(microseconds=value)
    if pa.types.is_date(kind):
        return date.fromordinal(value + EPOCH.toordinal())
    return bool(value) if pa.types.is_boolean(kind) else value

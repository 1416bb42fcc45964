"""The history of a whole file: features of all its rows at once, Parquet to Parquet, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from caregate.settings import Settings
from crm.snapshot import SnapshotNotFound, latest
from crm.tables import TABLES
from models.spec import ModelSpec
from serving.history import NEVER
from serving.snapshots import NOT_REQUIRED
from serving.sql_history import ANSWERED, ASKED, SqlHistory


class FileHistory(SqlHistory):
    """The newest snapshot that holds a table, and the file itself.

    Parameters
    ----------
    settings
        Of the home: its snapshots, and what DuckDB may use.
    table
        The model's.
    spill
        Folder for what does not fit into memory.

    Raises
    ------
    crm.snapshot.SnapshotChanged
        If its files are not what its manifest says.
    """

    def __init__(self, settings: Settings, table: str, *, spill: Path) -> None:
        files, self.consent_required, self.as_of = {}, False, NEVER
        try:
            snapshot = latest(settings.snapshots_dir, table)
        except SnapshotNotFound:
            pass
        else:
            snapshot.verify()
            files = {name: snapshot.path(name) for name in ("patients", "consents", table)}
            self.consent_required = snapshot.manifest.consent.get("asked") != NOT_REQUIRED
            self.as_of = datetime.fromisoformat(snapshot.manifest.created_at)
        super().__init__(files, threads=settings.threads, memory_limit_gb=settings.memory_limit_gb)
        self._config["temp_directory"] = str(spill)

    def consent_words(self, purpose: str) -> dict[str, tuple[bool, datetime]]:
        """Return the last word of each patient who said one in the snapshot, and when, by token.

        Of two words at the same moment the revocation counts.
        """
        last = (
            'SELECT patient_id, granted, "at" FROM known_consents WHERE purpose = ? '
            'QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY "at" DESC, granted) = 1'
        )
        with self._database({"consents"}).cursor() as session:
            said = session.execute(last, [purpose]).fetchall()
        return {patient: (granted, at.replace(tzinfo=UTC)) for patient, granted, at in said}

    def write_features(self, spec: ModelSpec, asked: Sequence[Path], to: Path) -> None:
        """Write the feature rows of a file of records, in memory that does not grow with their number.

        Parameters
        ----------
        spec
            The model.
        asked
            Parquet files of canonical rows with tokens, and with ``row_number``, ``record_id`` and ``rule``: a row
            with a rule is not asked about, nor one whose record id stands in another part as well.
        to
            Parquet: for each row, in the order of ``row_number``, that number, ``source_record``, ``token``,
            ``patient``, ``rule``, ``known`` (whether the snapshot or another row of the file tells of its patient),
            ``told`` (whether the row itself tells of earlier records) and the columns of `features`, null where the row
            is not asked about or the model is not for it.
        """
        statement, key = self._compiled(spec), spec.record_id
        with self._database({"patients", *statement.reads}).cursor() as session:
            files = ", ".join(f"'{_quoted(path)}'" for path in asked)
            session.execute(f"CREATE TEMP VIEW door AS FROM read_parquet([{files}])")
            session.execute(f"CREATE TEMP TABLE twice AS {_repeated(key, TABLES[spec.table])}")
            again = f"twice.token = door.{key} AND (kinds > 1 OR door.row_number > earliest)"
            asks = f"FROM door WHERE rule IS NULL AND NOT EXISTS (FROM twice WHERE {again})"
            session.execute(f"CREATE TEMP VIEW {ASKED} AS {asks}")
            for table in statement.reads:
                session.execute(f"CREATE TEMP TABLE {table} AS {self._rows(spec, table, TABLES[table])}")
            session.execute(f"CREATE TEMP TABLE {ANSWERED} AS {statement.text}")
            session.execute(f"COPY ({_told(spec, again)}) TO '{_quoted(to)}' (FORMAT parquet, ROW_GROUP_SIZE 65536)")


def _told(spec: ModelSpec, again: str) -> str:
    key = spec.record_id
    told = " OR ".join(f"coalesce({name}, 0) > 0" for name in spec.tells_of_history) or "false"
    several = "SELECT patient_id FROM door WHERE rule IS NULL GROUP BY patient_id HAVING count(*) > 1"
    known = f"door.patient_id IN (SELECT patient_id FROM known_patients) OR door.patient_id IN ({several})"  # noqa: S608
    rule = (
        "coalesce(door.rule, CASE WHEN twice.kinds > 1 THEN 'conflicting-id' "
        "WHEN twice.token IS NOT NULL THEN 'repeated-row' END)"
    )
    return (
        f"SELECT door.row_number, door.record_id AS source_record, door.{key} AS token, door.patient_id AS patient, "  # noqa: S608
        f"{rule} AS rule, {known} AS known, {told} AS told, {ANSWERED}.* "
        f"FROM door LEFT JOIN twice ON {again} LEFT JOIN {ANSWERED} ON {ANSWERED}.record_id = door.{key} "
        "AND door.rule IS NULL AND twice.token IS NULL ORDER BY row_number"
    )


def _repeated(key: str, schema: pa.Schema) -> str:
    """Record ids that stand in two parts of a file, and how many different rows carry each."""
    whole = ", ".join(f'"{name}"' for name in schema.names)
    return (
        f"SELECT {key} AS token, count(DISTINCT hash({whole})) AS kinds, min(row_number) AS earliest "  # noqa: S608
        f"FROM door WHERE rule IS NULL GROUP BY {key} HAVING count(*) > 1"
    )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

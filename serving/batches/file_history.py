"""The history of a whole file: features of all its rows at once, Parquet to Parquet, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from caregate.settings import Settings
from crm.snapshot import SnapshotNotFound, latest
from crm.tables import TABLES
from models.spec import ModelSpec
from serving.known.history import NEVER
from serving.known.snapshots import NOT_REQUIRED
from serving.known.sql_history import ANSWERED, ASKED, SqlHistory
from serving.withholding import BACKDATED, NO_CONSENT, UNKNOWN_PATIENT, Placing

if TYPE_CHECKING:
    from serving.batches.consents import FileConsents

RULE = (
    "coalesce(door.rule, CASE WHEN twice.kinds > 1 THEN 'conflicting-id' "
    "WHEN twice.token IS NOT NULL THEN 'repeated-row' END)"
)
"""Which rule holds a row back: the door's, or one that only the whole file can tell."""


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

    def write_features(
        self, spec: ModelSpec, asked: Sequence[Path], to: Path, placing: Placing, consents: FileConsents
    ) -> None:
        """Write the feature rows of a file of records, in memory that does not grow with their number.

        Parameters
        ----------
        spec
            The model.
        asked
            Parquet files of canonical rows with tokens, and with ``row_number`` and ``rule``: a row with a rule is not
            asked about, nor one whose record id stands in another part as well.
        to
            Parquet: for each row, in the order of ``row_number``, that number, ``token``, ``patient``, ``rule``,
            ``withheld`` (why it is not scored besides) and the columns of `features`, null where the row is not asked
            about or the model is not for it.
        placing, consents
            Which patient and place in time each record has, and who may be scored. What is not scored is not asked
            about either, so that no other row's history holds it.
        """
        statement, key = self._compiled(spec), spec.record_id
        with self._database({"patients", spec.table, *statement.reads}).cursor() as session:
            files = ", ".join(f"'{_quoted(path)}'" for path in asked)
            session.execute(f"CREATE TEMP VIEW door AS FROM read_parquet([{files}])")
            session.execute(f"CREATE TEMP TABLE twice AS {_repeated(key, TABLES[spec.table])}")
            session.register("words", consents.named.to_frame("patient").to_arrow())
            session.execute("CREATE TEMP TABLE named AS FROM words")
            newest = _newest(session, spec, placing)
            session.execute(f"CREATE TEMP TABLE sorted AS {_sorted(spec, placing, newest, consents)}")
            session.execute(f"CREATE TEMP VIEW {ASKED} AS FROM sorted WHERE rule IS NULL AND withheld IS NULL")
            for table in statement.reads:
                session.execute(f"CREATE TEMP TABLE {table} AS {self._rows(spec, table, TABLES[table])}")
            session.execute(f"CREATE TEMP TABLE {ANSWERED} AS {statement.text}")
            session.execute(f"COPY ({_told(key)}) TO '{_quoted(to)}' (FORMAT parquet, ROW_GROUP_SIZE 65536)")


def _newest(session: duckdb.DuckDBPyConnection, spec: ModelSpec, placing: Placing) -> Any:
    """Return the last moment or position that the snapshot knows; None where there is none."""
    if placing.began is None:
        return None
    return session.execute(f"SELECT max({placing.began}) FROM known_{spec.table}").fetchall()[0][0]  # noqa: S608


def _sorted(spec: ModelSpec, placing: Placing, newest: Any, consents: FileConsents) -> str:
    """Every row with its patient and place in time, the rule that holds it back, and why else it is not scored."""
    key, began = spec.record_id, placing.began
    own = {"rule": RULE, "patient_id": "coalesce(recorded.patient_id, door.patient_id)"}
    backdated = "false"
    if began is not None:
        given = str(placing.position(newest)) if placing.is_position else f"door.{began}"
        own[began] = f"coalesce(recorded.{began}, {given})"
        if newest is not None and not placing.is_position:
            backdated = f"recorded.{key} IS NULL AND door.{began} < TIMESTAMP '{placing.earliest(newest)}'"
    refused = [consents.refused_sql(patient, "named") for patient in ("door.patient_id", own["patient_id"])]
    told = " OR ".join(f"coalesce(door.{name}, 0) > 0" for name in spec.tells_of_history) or "false"
    unknown = f"{own['patient_id']} NOT IN (SELECT patient_id FROM known_patients)"  # noqa: S608
    return (
        f"SELECT door.* REPLACE ({', '.join(f'{text} AS {name}' for name, text in own.items())}), "  # noqa: S608
        f"CASE WHEN {' OR '.join(refused)} THEN '{NO_CONSENT}' WHEN {backdated} THEN '{BACKDATED}' "
        f"WHEN ({told}) AND {unknown} THEN '{UNKNOWN_PATIENT}' END AS withheld FROM door "
        f"LEFT JOIN twice ON twice.token = door.{key} AND (kinds > 1 OR door.row_number > earliest) "
        f"LEFT JOIN known_{spec.table} AS recorded ON recorded.{key} = door.{key}"
    )


def _told(key: str) -> str:
    return (
        f"SELECT sorted.row_number, sorted.{key} AS token, sorted.patient_id AS patient, sorted.rule, "  # noqa: S608
        f"sorted.withheld, {ANSWERED}.* FROM sorted LEFT JOIN {ANSWERED} ON {ANSWERED}.record_id = sorted.{key} "
        "AND sorted.rule IS NULL AND sorted.withheld IS NULL ORDER BY row_number"
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

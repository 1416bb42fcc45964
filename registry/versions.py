"""Versions as MLflow's database holds them, read without MLflow: serving starts in a fraction of its import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Engine, column, func, inspect, select, table

from caregate.errors import NotFound
from registry.approvals import VersionKey
from registry.names import GATE, GATE_STATUS

_versions = table(
    "model_versions",
    column("name"),
    column("version"),
    column("creation_time"),
    column("storage_location"),
    column("run_id"),
    column("current_stage"),
)
_tags = table("model_version_tags", column("name"), column("version"), column("key"), column("value"))
_aliases = table("registered_model_aliases", column("name"), column("alias"), column("version"))


class UnknownVersion(NotFound):
    """The registry has no such version."""

    def __init__(self, model: str, version: int | str) -> None:
        super().__init__(f"{model} has no version {version}: `caregate run {model}` registers one")


@dataclass(frozen=True)
class RegisteredVersion:
    """A version: what it is called, its tags, MLflow's address of its files and the id of its run."""

    key: VersionKey
    tags: Mapping[str, str]
    location: str
    run_id: str = ""

    @property
    def model(self) -> str:
        """The registered model's name."""
        return self.key.model

    @property
    def version(self) -> int:
        """The version's number."""
        return self.key.version

    @property
    def gates(self) -> dict[str, str]:
        """Each gate's verdict."""
        found = {key.removeprefix(GATE): value for key, value in self.tags.items() if key.startswith(GATE)}
        return {gate: verdict for gate, verdict in found.items() if f"{GATE}{gate}" != GATE_STATUS}


def read_version(engine: Engine, model: str, version: int) -> RegisteredVersion:
    """Return a version.

    Raises
    ------
    UnknownVersion
        If there is none of this number.
    """
    found = _read(engine, model, _versions.c.version == version)
    if not found:
        raise UnknownVersion(model, version)
    return found[0]


def versions_of(engine: Engine, model: str) -> list[RegisteredVersion]:
    """Return every version of a model, by number."""
    return _read(engine, model, _versions.c.version > 0)


def newest_version(engine: Engine) -> int:
    """Return the moment at which the newest version of any model was made, in milliseconds; 0 where there is none."""
    if not _was_made(engine):
        return 0
    with engine.connect() as connection:
        return int(connection.scalar(select(func.max(_versions.c.creation_time))) or 0)


def aliases_of(engine: Engine, model: str) -> dict[str, int]:
    """Return the version that each alias of a model points to."""
    if not _was_made(engine):
        return {}
    with engine.connect() as connection:
        rows = connection.execute(select(_aliases.c.alias, _aliases.c.version).where(_aliases.c.name == model))
        return {row.alias: int(row.version) for row in rows}


def _was_made(engine: Engine) -> bool:
    """Tell whether MLflow has made its tables; looking must not make an empty file that MLflow then stumbles over."""
    if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).is_file():
        return False
    return inspect(engine).has_table(_versions.name)


def _read(engine: Engine, model: str, which: ColumnElement[bool]) -> list[RegisteredVersion]:
    if not _was_made(engine):
        return []
    with engine.connect() as connection:
        return _find(connection, model, which)


def _find(connection: Connection, model: str, which: ColumnElement[bool]) -> list[RegisteredVersion]:
    query = select(_versions).where(_versions.c.name == model, which).order_by(_versions.c.version)
    tags = select(_tags).where(_tags.c.name == model)
    by_version: dict[int, dict[str, str]] = {}
    for row in connection.execute(tags):
        by_version.setdefault(int(row.version), {})[row.key] = row.value
    return [
        RegisteredVersion(
            VersionKey(model, int(row.version), int(row.creation_time)),
            by_version.get(int(row.version), {}),
            row.storage_location or "",
            row.run_id or "",
        )
        for row in connection.execute(query)
        if row.current_stage != "Deleted_Internal"
    ]

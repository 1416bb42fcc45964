"""What a source is: where data come from, and the form that every one of them is handed on in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import polars as pl

from caregate.errors import BadInput

REJECTED = pl.Schema(
    {"table": pl.String(), "rule": pl.String(), "row_number": pl.Int64(), "record_id": pl.String(), "raw": pl.String()}
)
"""Rows held back, before sealing: `raw` is the row as JSON, `record_id` the source's own, `row_number` from 1."""

RECORDS = pl.Schema({"row_number": pl.Int64(), "record_id": pl.String()})
"""Rows that were not held back: number in the source, from 1, and the source's own record id."""


class Released(Protocol):
    """Tells which rows a person has released from the rule that held them back."""

    def __call__(self, system: str, table: str, rule: str, row: str) -> bool:
        """Return whether `row` (as JSON, in the form of `REJECTED`) may pass `rule` and no other."""


@dataclass(frozen=True)
class RawTables:
    """What a source read: canonical tables that still carry the source's identifiers. Never written anywhere.

    Attributes
    ----------
    source, source_digest
        Name of the source and ``sha256:…`` of the bytes (or, for generated data, of the parameters).
    tables
        Canonical tables (`crm.canonical.schema_of`), in the order of the source's rows; empty ones may be left out.
    basis, consent
        Legal basis; ``{"asked": "required" | "not-required", "reason": …}``.
    rejected
        Rows held back, in the schema `REJECTED`; each under the first rule that it met.
    repaired
        Rows changed, by rule.
    released
        Rows that stand in the tables because a person released them, by the rule that they passed.
    records
        By table, in the schema `RECORDS`: where each of its rows stood in the source and the record id it had there. A
        table without an entry has all rows of the source, and its key as it was.
    owner
        Who answers for the data, where the source says so.
    system
        The system whose identifiers these are, where that is not the source: two clinics' files may both hold a "1".
    text
        The source's rows as they came, every column text, where the source is a file of its own kind.
    """

    source: str
    source_digest: str
    tables: Mapping[str, pl.DataFrame] = field(repr=False)
    basis: str
    consent: Mapping[str, str]
    rejected: pl.DataFrame = field(repr=False, default_factory=lambda: pl.DataFrame(schema=REJECTED))
    repaired: Mapping[str, int] = field(default_factory=dict)
    records: Mapping[str, pl.DataFrame] = field(repr=False, default_factory=dict)
    owner: str | None = None
    system: str | None = None
    text: pl.DataFrame | None = field(repr=False, default=None)
    released: Mapping[str, int] = field(default_factory=dict)

    @property
    def whose(self) -> str:
        """The system whose identifiers these are."""
        return self.system or self.source


@dataclass(frozen=True)
class Draft:
    """De-identified tables, ready to be checked and published.

    Attributes
    ----------
    source, source_digest, basis, consent, repaired, released
        As in `RawTables`.
    tables
        Canonical tables with vault tokens.
    quarantine
        The rows held back, in the schema `crm.deidentify.SEALED`.
    quarantined
        Rows held back, by rule.
    owner
        Who answers for the data.
    system
        The system whose identifiers the tokens stand for; empty where that is the source.
    """

    source: str
    source_digest: str
    tables: Mapping[str, pl.DataFrame] = field(repr=False)
    quarantine: pl.DataFrame = field(repr=False)
    quarantined: Mapping[str, int]
    repaired: Mapping[str, int]
    basis: str
    owner: str
    consent: Mapping[str, str]
    released: Mapping[str, int] = field(default_factory=dict)
    system: str = ""


class Source(Protocol):
    """One system or file form that data come from."""

    @property
    def name(self) -> str:
        """The name that `caregate ingest` knows it by."""

    def read(self, location: str | None, *, for_scoring: bool = False, released: Released | None = None) -> RawTables:
        """Read everything at `location` (a path or URL; none for generated data) and map it.

        Where the rows are only to be scored and not published, `for_scoring` leaves out what protects a published
        snapshot alone, such as the merging of small sites. Rows that `released` names pass the rule that it names.

        Raises
        ------
        BadInput
            If what lies there cannot be used; the message holds no value of it.
        """


class UnknownSource(BadInput):
    """No source has this name."""

    def __init__(self, name: str) -> None:
        ready = [source for source, place in SOURCES.items() if place]
        super().__init__(f"no source is named {name!r}: choose one of {', '.join(ready)}")


class SourceNotReleased(BadInput):
    """The source is named in the interfaces and not built yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the source {name!r} is not in this release: export to canonical CSV or Parquet instead")


class WrongSourceOptions(BadInput):
    """The source does not take the options that were given."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(f"the source {name!r} does not take the option(s) {', '.join(sorted(options))}")


SOURCES: Mapping[str, str | None] = {
    "synthetic": "crm.sources.synthetic:SyntheticSource",
    "csv": "crm.sources.canonical_files:CsvSource",
    "parquet": "crm.sources.canonical_files:ParquetSource",
    "noshow-kaggle": "crm.sources.noshow_kaggle:NoShowKaggleSource",
    "diabetes-130": "crm.sources.diabetes_130:Diabetes130Source",
    "fhir": None,
    "capsule": None,
    "lacrm": None,
}
"""Every source by name: where its class stands, none for those of a later release."""


def make_source(name: str, **options: Any) -> Source:
    """Return the source called `name`, made with `options` (such as ``rows`` and ``seed`` of the synthetic one).

    Raises
    ------
    UnknownSource, SourceNotReleased, WrongSourceOptions
        If it cannot be made.
    """
    if name not in SOURCES:
        raise UnknownSource(name)
    place = SOURCES[name]
    if place is None:
        raise SourceNotReleased(name)
    module, _, class_name = place.partition(":")
    try:
        source: Source = getattr(import_module(module), class_name)(**options)
    except TypeError:
        raise WrongSourceOptions(name, options) from None
    return source

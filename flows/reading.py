"""Reading a source once: what the command line has looked at before it starts a flow, the flow does not read again."""

from __future__ import annotations

from collections.abc import Mapping

from crm.source import RawTables, make_source
from validation.contracts.basis import check_basis

_Key = tuple[str, str | None, tuple[tuple[str, int], ...]]
_read: dict[_Key, RawTables] = {}


def read_source(source: str, location: str | None, options: Mapping[str, int]) -> None:
    """Read and check a source and keep it for the flow of this process that asks for it next.

    Raises
    ------
    BadInput
        If it cannot be used; nothing was written then.
    """
    raw = _look(source, location, options)
    _read[_key(source, location, options)] = raw


def take_source(source: str, location: str | None, options: Mapping[str, int]) -> RawTables:
    """Return what `read_source` kept, or read the source now."""
    kept = _read.pop(_key(source, location, options), None)
    return kept or _look(source, location, options)


def _look(source: str, location: str | None, options: Mapping[str, int]) -> RawTables:
    raw = make_source(source, **options).read(location)
    check_basis(raw.basis, raw.consent, raw.tables)
    return raw


def _key(source: str, location: str | None, options: Mapping[str, int]) -> _Key:
    return source, location, tuple(sorted(options.items()))

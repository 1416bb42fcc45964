"""Reading a source once: what the command line has looked at before it starts a flow, the flow does not read again."""

from __future__ import annotations

from collections.abc import Mapping

from caregate.settings import load_settings
from crm.quarantine import ReleasedRows
from crm.source import RawTables, make_source
from governance.vault import vault_of
from validation.contracts.basis import check_basis

_Key = tuple[str, str | None, tuple[tuple[str, int], ...]]
_read: dict[_Key, tuple[ReleasedRows | None, RawTables]] = {}


def read_source(source: str, location: str | None, options: Mapping[str, int]) -> None:
    """Read and check a source and keep it for the flow of this process that asks for it next.

    Raises
    ------
    BadInput
        If it cannot be used; nothing was written then.
    """
    released = _released()
    _read[_key(source, location, options)] = released, _look(source, location, options, released)


def take_source(source: str, location: str | None, options: Mapping[str, int]) -> RawTables:
    """Return what `read_source` kept, or read the source now."""
    released = _released()
    asked, kept = _read.pop(_key(source, location, options), (None, None))
    return kept if kept and asked == released else _look(source, location, options, released)


def _released() -> ReleasedRows | None:
    """Return what persons have released; nothing in a home that is not made yet."""
    settings = load_settings()
    if not settings.secrets_file.is_file():
        return None
    return ReleasedRows.of(vault_of(settings))


def _look(source: str, location: str | None, options: Mapping[str, int], released: ReleasedRows | None) -> RawTables:
    raw = make_source(source, **options).read(location, released=released)
    check_basis(raw.basis, raw.consent, raw.tables)
    return raw


def _key(source: str, location: str | None, options: Mapping[str, int]) -> _Key:
    return source, location, tuple(sorted(options.items()))

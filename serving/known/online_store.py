"""The online store: a snapshot's rows by token, in files that every worker maps and none has to load.

A table lies column by column in the order of its patients, so that one patient's rows are one stretch. Where else rows
are looked for, there is an index: the sorted values, and the places of their rows.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from weakref import finalize

import numpy as np
import numpy.typing as npt

LAYOUT: Final = "layout.json"
IN_USE: Final = "in-use"
"""Who reads a store holds this file's shared lock."""

Row = tuple[Any, ...]
Array = npt.NDArray[Any]
Column = Callable[[Any], list[Any]]
Finder = Callable[[Any, frozenset[int]], list[Row]]
"""Returns the rows with a value, in the order of the snapshot, less those at some places."""
Index = tuple[Array, Sequence[int], Array | None]


class OnlineStore:
    """One snapshot's rows; several threads and processes may read it at once.

    Moments are microseconds and days are days since 1970, flags are 0 and 1, what is absent is None.

    Parameters
    ----------
    folder
        As `serving.known.online_index.build_store` fills it.

    Raises
    ------
    OSError
        If it is not there (any more).
    """

    def __init__(self, folder: Path) -> None:
        descriptor = os.open(folder / IN_USE, os.O_RDONLY)
        finalize(self, os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._folder = folder
        self._tables: Mapping[str, Mapping[str, Any]] = json.loads((folder / LAYOUT).read_text(encoding="utf-8"))
        self._columns: dict[tuple[str, str], Column] = {}
        self._finders: dict[tuple[str, str, tuple[str, ...]], Finder] = {}
        self._indexes: dict[tuple[str, str], Index] = {}

    def finder(self, table: str, key: str, columns: Sequence[str]) -> Finder:
        """Return what finds rows of `table` by the value of `key`, as tuples of `columns`."""
        wanted = table, key, tuple(columns)
        if wanted not in self._finders:
            self._finders[wanted] = self._make_finder(table, key, columns)
        return self._finders[wanted]

    def _make_finder(self, table: str, key: str, columns: Sequence[str]) -> Finder:
        if table not in self._tables:
            return _nothing
        encode = self._encoder(table, key)
        values, starts, places = self._index(table, key)
        read = [self._column(table, column) for column in columns]
        last = len(values)

        def find(value: Any, without: frozenset[int]) -> list[Row]:
            stored = encode(value)
            at = values.searchsorted(stored)
            if at == last or values[at] != stored:
                return []
            start, stop = starts[at], starts[at + 1]
            chosen = slice(start, stop) if places is None else places[start:stop]
            rows = _rows([column(chosen) for column in read], stop - start)
            if without:
                every = range(start, stop) if places is None else places[start:stop].tolist()
                if not without.isdisjoint(every):
                    return [row for place, row in zip(every, rows, strict=True) if place not in without]
            return rows

        return find

    def place(self, table: str, key: str, value: Any) -> int | None:
        """Return the place of the first row of `table` with `value` in `key`; None where there is none."""
        if table not in self._tables:
            return None
        stored = self._encoder(table, key)(value)
        values, starts, places = self._index(table, key)
        at = values.searchsorted(stored)
        if at == len(values) or values[at] != stored:
            return None
        return starts[at] if places is None else int(places[starts[at]])

    def words(self, table: str, column: str) -> frozenset[str]:
        """Return the texts that stand in a column of words."""
        if table not in self._tables:
            return frozenset()
        return frozenset(self._tables[table][column].get("words", ()))

    def _encoder(self, table: str, column: str) -> Callable[[Any], Any]:
        said = self._tables[table][column]
        if said["form"] == "token":
            return lambda value: b"" if value is None else value.encode()
        if said["form"] == "word":
            codes = {word: code for code, word in enumerate(said["words"], 1)}
            return lambda value: 0 if value is None else codes.get(value, -1)
        null = np.iinfo(said["type"]).min
        return lambda value: null if value is None else value

    def _column(self, table: str, column: str) -> Column:
        if (table, column) not in self._columns:
            self._columns[table, column] = self._open_column(table, column)
        return self._columns[table, column]

    def _index(self, table: str, column: str) -> Index:
        if (table, column) not in self._indexes:
            self._indexes[table, column] = self._open_index(table, column)
        return self._indexes[table, column]

    def _open_column(self, table: str, column: str) -> Column:
        said = self._tables[table][column]
        values = self._map(f"{table}.{column}", said["type"])
        if said["form"] == "token":
            texts = f"U{values.dtype.itemsize}"
            return lambda chosen: [text or None for text in values[chosen].astype(texts).tolist()]
        if said["form"] == "word":
            words = [None, *said["words"]]
            return lambda chosen: [words[code] for code in values[chosen].tolist()]
        if not said["nulls"]:
            return lambda chosen: values[chosen].tolist()
        null = int(np.iinfo(values.dtype).min)
        return lambda chosen: [None if value == null else value for value in values[chosen].tolist()]

    def _open_index(self, table: str, column: str) -> Index:
        said = self._tables[table][column]
        places = None if said["in_order"] else self._map(f"{table}.{column}.places", "int64")
        starts = self._map(f"{table}.{column}.starts", "int64").data
        return self._map(f"{table}.{column}.values", said["type"]), starts, places

    def _map(self, name: str, kind: str) -> Array:
        path = self._folder / name
        if not path.stat().st_size:
            return np.empty(0, dtype=kind)
        return np.memmap(path, dtype=kind, mode="r").view(np.ndarray)


def _rows(columns: Sequence[list[Any]], count: int) -> list[Row]:
    return list(zip(*columns, strict=True)) if columns else [()] * count


def _nothing(_value: Any, _without: frozenset[int]) -> list[Row]:
    return []

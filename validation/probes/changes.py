"""Changes of a feature table's columns: moved numbers, other orders. Which rows are moved how is the generator's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from validation.scored import Codes, Floats

UNSEEN = "a level that no row has"


def with_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return `table` with other values in the column `name`."""
    return table.set_column(table.schema.get_field_index(name), name, values)


def shifted(
    values: pa.ChunkedArray, trained_on: pa.ChunkedArray, step: float, chance: np.random.Generator
) -> pa.Array | None:
    """Move numbers up or down by `step` of the middle half of what training saw, and not out of its range.

    Whole numbers stay whole: where the move is no whole number, as many rows are moved by one more as make it so on
    average. Where the middle half is a single value, as of rare counts, the standard deviation takes its place. What is
    missing stays missing.

    Returns
    -------
    pyarrow.Array or None
        None for a constant, which cannot be moved within its range.
    """
    known = np.asarray(pc.cast(trained_on.drop_null(), pa.float64()))
    if not len(known) or known.min() == known.max():
        return None
    low, high = np.quantile(known, [0.25, 0.75])
    size = np.full(len(values), step * (high - low if high > low else known.std()))
    if pa.types.is_integer(values.type):
        size = np.floor(size) + (chance.random(len(size)) < size % 1)
    sign = chance.choice([-1.0, 1.0], len(size))
    moved = np.clip(_floats(values) + sign * size, known.min(), known.max())
    return pa.array(moved, from_pandas=True)


def reversible_order(rows: int, seed: int) -> tuple[Codes, Codes]:
    """Return another order of `rows`, and the order that undoes it."""
    order = np.random.default_rng(seed).permutation(rows)
    return order, np.argsort(order)


def reordered_levels(values: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a category as a file may hold it: coded, its levels in falling order behind one that no row has."""
    levels = pa.array([UNSEEN, *sorted(values.drop_null().unique().to_pylist(), reverse=True)], pa.string())
    codes = pc.index_in(values.combine_chunks(), levels)
    return pa.DictionaryArray.from_arrays(pc.cast(codes, pa.int32()), levels)


def _floats(values: pa.ChunkedArray) -> Floats:
    floats = pc.fill_null(pc.cast(values, pa.float64()), float("nan"))
    return np.asarray(floats, dtype=np.float64)

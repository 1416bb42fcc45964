"""Rows encoded one by one are the rows that Arrow encodes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import xgboost as xgb
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Calibration, Column, FittedModel
from models.row_encoding import RowEncoder

COLUMNS = (
    Column("age", "age", "number"),
    Column("rate", "share", "number"),
    Column("flag", "a flag", "flag"),
    Column("site", "site", "category", levels=("NORTH", "SOUTH", "other")),
    Column("ward", "ward", "category", levels=("A", "B")),
)
SCHEMA = pa.schema(
    [("age", pa.int16()), ("rate", pa.float64()), ("flag", pa.int8()), ("site", pa.string()), ("ward", pa.string())]
)
ROW = st.fixed_dictionaries(
    {
        "age": st.none() | st.integers(-(2**15), 2**15 - 1),
        "rate": st.none() | st.floats(-1e30, 1e30) | st.just(float("nan")),
        "flag": st.none() | st.sampled_from([0, 1]),
        "site": st.none() | st.sampled_from(["NORTH", "SOUTH", "other", "HAMLET", ""]),
        "ward": st.none() | st.sampled_from(["A", "B", "C"]),
    }
)


class TestRowEncoder:
    @given(rows=st.lists(ROW, min_size=1, max_size=5))
    def test_gives_the_very_inputs_that_a_table_gives(self, rows):
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        by_table = FittedModel("toy", COLUMNS, xgb.Booster(), Calibration()).encode(table)
        by_row = RowEncoder(COLUMNS).encode(rows)
        assert by_row.dtype == by_table.dtype
        assert np.array_equal(by_row, by_table, equal_nan=True)

    def test_of_no_rows_is_empty(self):
        assert RowEncoder(COLUMNS).encode([]).shape == (0, len(COLUMNS))

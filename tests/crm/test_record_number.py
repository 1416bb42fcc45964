"""Record numbers that went through a float or a spreadsheet."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.record_number import lost_digits, plain_decimal, well_formed, written_as_float


def ask(expression: pl.Expr, text: str) -> object:
    return pl.DataFrame({"id": [text]}, schema={"id": pl.String}).select(expression).item()


class TestPlainDecimal:
    @pytest.mark.parametrize(
        ("written", "plain"),
        [
            ("29872499824296", "29872499824296"),
            ("29872499824296.0", "29872499824296"),
            ("2.9872499824296E13", "29872499824296"),
            ("9377952927E-5", "93779.52927"),
            ("93779.52927", "93779.52927"),
            ("100", "100"),
            ("100E0", "100"),
        ],
    )
    def test_is_one_text_for_one_number(self, written, plain):
        assert ask(plain_decimal("id"), written) == plain

    @given(st.decimals(0, 10**15, places=5))
    def test_loses_no_digit(self, number):
        assert Decimal(str(ask(plain_decimal("id"), f"{number:f}"))) == number


class TestWellFormed:
    @pytest.mark.parametrize("text", ["7", "9377952927E-5", "2.5", "1" * 24])
    def test_numbers(self, text):
        assert ask(well_formed("id"), text)

    @pytest.mark.parametrize("text", ["", "-7", "7a", "1E-99", "1E99", "1E999999999", "٣", " 7", "1" * 25, "nan"])
    def test_everything_else_is_not(self, text):
        assert not ask(well_formed("id"), text)

    def test_tells_a_float_from_plain_digits(self):
        assert ask(written_as_float("id"), "7.0")
        assert not ask(written_as_float("id"), "7")


class TestLostDigits:
    @pytest.mark.parametrize(
        ("text", "lost"), [("2.98E13", True), ("298E1", True), ("2.98E2", False), ("298E-1", False)]
    )
    def test_an_exponent_past_the_written_digits_rounded_them_away(self, text, lost):
        assert ask(lost_digits("id"), text) is lost

    def test_plain_digits_lost_none(self):
        assert not ask(lost_digits("id"), "29800000")

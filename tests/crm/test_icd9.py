"""ICD-9 codes in groups."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.icd9 import NAMES, group_of


def group(code: str | None) -> str | None:
    return pl.DataFrame({"code": [code]}, schema={"code": pl.String}).select(group_of("code")).item()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *(("428", "heart-failure"), ("428.0", "heart-failure"), ("410", "myocardial-infarction"), ("250", "diabetes")),
        *(("250.02", "diabetes"), ("250.1", "diabetes-acute"), ("250.83", "diabetes-complicated"), ("38", "sepsis")),
        *(("8", "infection"), ("585", "kidney-failure"), ("599", "genitourinary"), ("V57", "rehabilitation")),
        *(("V27", "supplementary"), ("E849", "external-cause"), ("786", "respiratory"), ("780", "symptoms")),
        *(
            ("996", "complication-of-care"),
            ("820", "injury"),
            ("760", "other"),
            ("440", "vascular"),
            ("491", "chronic-lung"),
        ),
    ],
)
def test_a_code_stands_in_its_group(code, expected):
    assert group(code) == expected


@pytest.mark.parametrize("code", [None, "", "?", "X12", "1234", "250.", "V", "12.345"])
def test_what_is_no_code_is_null(code):
    assert group(code) is None


@given(st.integers(1, 999), st.integers(0, 99))
def test_every_code_has_a_known_group(whole, part):
    assert group(f"{whole}.{part}") in NAMES

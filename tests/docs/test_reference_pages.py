"""Pages that follow from the code say what the code says."""

from __future__ import annotations

import pytest

from tests.docs.reference_pages import REFERENCE, pages

WRITE = "the code says something else: `python -m tests.docs.reference_pages` writes the page anew"


@pytest.mark.parametrize("name", pages())
def test_page_says_what_the_code_says(name):
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], WRITE

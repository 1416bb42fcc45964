"""Laws of what is written and of how fast."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crm.write_back.budget import Budget
from crm.write_back.policy import Window, write_back_policy
from crm.write_back.rows import ScoredRow
from crm.write_back.words import Wording

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "Zs")), min_size=1, max_size=60)
ROWS = st.builds(
    ScoredRow,
    record=st.just("R-SECRET-1"),
    patient=st.just("T-SECRET-2"),
    version=st.integers(1, 9999),
    score=st.floats(0, 1),
    band=st.sampled_from(["low", "medium", "high"]),
    reasons=st.lists(st.tuples(WORDS, st.booleans()), max_size=8).map(tuple),
)


@given(row=ROWS)
def test_a_field_fits_and_names_neither_record_nor_number(row):
    policy = write_back_policy().text
    wording = Wording("no-show", "Missed appointments", date(2026, 6, 1), policy)
    for text in (wording.field(row, "cg-marker"), wording.note(row, "cg-marker")):
        assert "cg-marker" in text
        assert row.band in text
        assert "SECRET" not in text
        assert "%" not in text
    assert len(wording.field(row, "cg-marker")) <= policy.field_characters


@given(asked=st.lists(st.floats(0, 5), min_size=1, max_size=40))
def test_no_window_ever_holds_more_requests_than_it_may(asked):
    now = [datetime(2026, 6, 1, tzinfo=UTC)]

    def sleep(seconds):
        now[0] += timedelta(seconds=seconds)

    budget = Budget(Window(requests=3, seconds=10), spare=0, longest_wait=60, clock=lambda: now[0], sleep=sleep)
    sent = []
    for pause in asked:
        sleep(pause)
        budget.take()
        sent.append(now[0])
    assert all((later - first).total_seconds() >= 10 - 1e-5 for first, later in zip(sent, sent[3:], strict=False))

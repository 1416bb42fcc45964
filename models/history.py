"""History counted point in time: what was known of a key when a question was asked.

A question about a key at a moment is answered from the events of that key up to and including the moment. Both are put
in one union under one window ordered by the moment, which every SQL engine runs, instead of an as-of join, which Spark
lacks. Moments are whole numbers (microseconds, days or positions), so ties are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
from ibis import _


def known(
    questions: ibis.Table,
    events: ibis.Table,
    *,
    by: Sequence[str],
    sums: Sequence[str] = (),
    latest: Sequence[str] = (),
    within: int | None = None,
) -> ibis.Table:
    """Answer every question with sums and maxima over the events known at its moment.

    Parameters
    ----------
    questions
        Columns `by`, ``moment`` (int64) and any others, which are kept.
    events
        Columns `by`, ``moment`` (int64) and those that `sums` and `latest` name.
    by
        The key whose events count; empty for all events.
    sums, latest
        Columns of `events` to add up, and to take the greatest of.
    within
        How far back an event may lie, in the unit of ``moment``; without it all the way.

    Returns
    -------
    ibis.Table
        The questions with the answers: sums are 0, maxima null where no event was known.
    """
    asked = questions.mutate(**_nulls(events, [*sums, *latest]), asked_=ibis.literal(True))
    kept = [name for name in questions.columns if name not in (*by, "moment")]
    told = events.select(*by, "moment", *sums, *latest).mutate(**_nulls(questions, kept), asked_=ibis.literal(False))
    window = ibis.range_window(preceding=within, following=0, group_by=list(by), order_by="moment")
    answers = {name: _[name].sum().over(window).coalesce(0) for name in sums}
    answers |= {name: _[name].max().over(window) for name in latest}
    both = asked.union(told.select(*asked.columns))
    return both.mutate(**answers).filter(_.asked_).drop("asked_")


def _nulls(table: ibis.Table, names: Sequence[str]) -> Mapping[str, ibis.Value]:
    schema = table.schema()
    return {name: ibis.null(schema[name]) for name in names}

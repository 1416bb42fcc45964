"""Late labels: outcomes that were reported before a snapshot had them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from governance.outcome import Outcome

LABEL = "label"


def with_outcomes(rows: pa.Table, known: Mapping[str, Outcome]) -> pa.Table:
    """Return feature `rows` with the label of each whose outcome was reported, where the snapshot has none yet.

    Parameters
    ----------
    rows
        Feature table, as `models.spec.ModelSpec.build` makes it.
    known
        The last word on each record, by its token.
    """
    if not known:
        return rows
    place = rows.schema.get_field_index(LABEL)
    records, labels = rows.column("record_id").to_pylist(), rows.column(LABEL).to_pylist()
    filled = [_label(label, known.get(record)) for record, label in zip(records, labels, strict=True)]
    return rows.set_column(place, rows.schema.field(place), pa.array(filled, rows.schema.field(place).type))


def _label(label: int | None, outcome: Outcome | None) -> int | None:
    return int(outcome.happened) if label is None and outcome is not None else label

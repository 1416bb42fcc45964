"""The model against the version in use: differences on the same rows and the same draws of patients."""

from __future__ import annotations

import numpy as np

from validation.bootstrap import Draws
from validation.decision import flag
from validation.measured import Versus
from validation.policy import Policy
from validation.row_sums import Sums
from validation.scored import Floats, ScoredRows


def versus_columns(rows: ScoredRows, policy: Policy) -> dict[str, Floats]:
    """Return the values of rows whose sums `read_versus` reads; none where there is no version in use."""
    if rows.champion is None:
        return {}
    theirs = flag(rows, policy, rows.champion)
    return {
        "champion brier": (rows.champion - rows.label) ** 2,
        "champion found": (theirs & rows.label).astype(np.float64),
    }


def read_versus(sums: Sums, ours: Draws, theirs: Draws) -> Versus:
    """Return the differences, from the summed columns and the AUCs of both."""
    return Versus(
        auc=ours.beside(theirs, np.subtract),
        brier=sums.ratio("brier", "champion brier").map(lambda values: values - 1),
        recall=sums.ratio("found", "positives").beside(sums.ratio("champion found", "positives"), np.subtract),
    )

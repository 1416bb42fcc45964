"""Drift: whether the model is asked about other patients than it learned from, by the population stability index."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.artifact import FittedModel
from monitoring.finding import Alarm, Finding
from validation.drift import Floats, Reference, reference_of, shift_of
from validation.drift_limits import DriftLimits

SCORE = "score"


def references(model: FittedModel, inputs: npt.NDArray[np.float32], bins: int) -> dict[str, Reference]:
    """Return how each feature and the score lay in training.

    Parameters
    ----------
    model
        Whose features they are.
    inputs
        Encoded training rows, shape (n, features).
    bins
        Of each column.
    """
    return {name: reference_of(values, bins) for name, values in _columns(model, inputs).items()}


def drift(
    model: FittedModel, inputs: npt.NDArray[np.float32], known: Mapping[str, Reference], limits: DriftLimits
) -> list[Finding]:
    """Return one finding for each feature and for the score, by how rows of late lie against training.

    Parameters
    ----------
    model
        Whose features they are.
    inputs
        Encoded rows of late, shape (n, features).
    known
        As `references` made it.
    limits
        From which index on to watch and to act.
    """
    columns = _columns(model, inputs)
    return [judge_drift(name, columns[name], reference, limits) for name, reference in known.items()]


def judge_drift(name: str, values: Floats, reference: Reference, limits: DriftLimits) -> Finding:
    """Return the finding for one column of `values`, shape (n,)."""
    n = len(values)
    if n < limits.least_rows:
        reason = f"{n} rows are too few to tell: at least {limits.least_rows} are needed"
        return Finding(f"psi[{name}]", Alarm.WATCH, None, None, None, n, reason)
    shift = shift_of(values, reference, limits)
    alarm = Alarm.ACT if shift.to_act else Alarm.WATCH if shift.to_watch else Alarm.OK
    reason = (
        f"index {shift.index:.3f}; watch from {limits.watch}, act from {limits.act}, "
        f"chance alone gives {shift.chance:.3f}"
    )
    return Finding(f"psi[{name}]", alarm, shift.index, max(shift.index - shift.chance, 0.0), shift.index, n, reason)


def _columns(model: FittedModel, inputs: npt.NDArray[np.float32]) -> dict[str, Floats]:
    wide = inputs.astype(np.float64)
    features = {column.name: wide[:, at] for at, column in enumerate(model.columns)}
    return {**features, SCORE: model.predict_encoded(inputs)}

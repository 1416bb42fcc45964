"""Point estimates of groups as fairlearn computes them, from counts instead of rows."""

from __future__ import annotations

from functools import partial

import numpy as np

from validation.scored import Codes, Floats


def by_fairlearn(counts: Codes) -> dict[str, Floats]:
    """Return point estimates of fairlearn's `MetricFrame` from confusion counts, shape (groups,) each.

    Parameters
    ----------
    counts
        Shape (groups, 4): tn, fp, fn, tp. One weighted row a cell says the same as a row a patient, in no time.
    """
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import precision_score

    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "ppv": partial(precision_score, zero_division=np.nan),
    }
    groups = len(counts)
    weights = {"sample_weight": counts.ravel()}
    frame = MetricFrame(
        metrics=metrics,
        y_true=np.tile([0, 0, 1, 1], groups),
        y_pred=np.tile([0, 1, 0, 1], groups),
        sensitive_features=np.repeat(np.arange(groups), 4),
        sample_params=dict.fromkeys(metrics, weights),
    )
    return {name: frame.by_group[name].to_numpy(dtype=np.float64) for name in metrics}

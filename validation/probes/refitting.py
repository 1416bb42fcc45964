"""Further fits of the same model: with other seeds, on other periods or patients, without some of the sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from models.artifact import FittedModel
from models.splitting import patient_codes
from models.training import fit
from validation.bootstrap import Draws
from validation.probed import Refit
from validation.probes.dealing import Fold, folds, site_folds
from validation.probes.judged_rows import JUDGED, at_most_rows, auc_in_groups, judged_rows, labels
from validation.probes.subject import Subject
from validation.scored import Codes, Floats

FITTED = 100_000
"""Rows that a further fit learns from at most, a minute's worth for all of them. Fits on fewer rows differ more from
each other, never less, so a cap is on the safe side."""


def refit(subject: Subject) -> tuple[Refit, ...]:
    """Fit the model anew with other seeds, on folds of its training part, and without some of its sites.

    Seeds and sites are compared with the model itself on the same held-out rows, folds with its held-out rows, all with
    the same draws of patients. Where the training part is cut to `FITTED` rows, the model is fitted on those as well.
    A part that lacks an outcome is left out.
    """
    train = at_most_rows(subject, np.flatnonzero(subject.train), FITTED)
    test = at_most_rows(subject, np.flatnonzero(subject.test), JUDGED)
    cut = len(train) < int(subject.train.sum())
    model = _fit(subject, train, subject.seed) if cut else subject.model
    return (
        *_seeds(subject, model, train, test),
        *_folds(subject, model, train, test),
        *_sites(subject, model, train, test),
    )


def _seeds(subject: Subject, model: FittedModel, train: Codes, test: Codes) -> Iterator[Refit]:
    rows, count = judged_rows(subject, test), subject.policy.gates.stability.seeds.value
    others = [_fit(subject, train, subject.seed + step + 1).predict(rows.table) for step in range(count)]
    own = model.predict(rows.table)
    aucs = _aucs(subject, [(test, own), *((test, score) for score in others)])
    flips = rows.flips(rows.flagged(own), [rows.flagged(score) for score in others])
    for place, gone in enumerate(flips):
        yield _refit(subject, "seed", f"seed {place + 1}", (aucs[place + 1], aucs[0]), gone, test)


def _folds(subject: Subject, model: FittedModel, train: Codes, test: Codes) -> Iterator[Refit]:
    parts = _fit_to_judge(subject, folds(subject, train, subject.policy.gates.stability.folds.value))
    judged = [at_most_rows(subject, part.judged, JUDGED) for part in parts]
    scores = [_fitted_score(subject, part, rows) for part, rows in zip(parts, judged, strict=True)]
    own = (test, model.predict(_table(subject, test)))
    aucs = _aucs(subject, [own, *zip(judged, scores, strict=True)])
    for part, rows, auc in zip(parts, judged, aucs[1:], strict=True):
        yield _refit(subject, "fold", part.name, (auc, aucs[0]), None, rows)


def _sites(subject: Subject, model: FittedModel, train: Codes, test: Codes) -> Iterator[Refit]:
    if not subject.spec.site:
        return
    parts = _fit_to_judge(subject, site_folds(subject, train, test, subject.policy.gates.stability.sites.value))
    for part in parts:
        own = model.predict(_table(subject, part.judged))
        scores = [(part.judged, _fitted_score(subject, part, part.judged)), (part.judged, own)]
        auc, reference = _aucs(subject, scores)
        yield _refit(subject, "site", part.name, (auc, reference), None, part.judged)


def _fit_to_judge(subject: Subject, parts: Iterator[Fold]) -> list[Fold]:
    return [part for part in parts if _both(subject, part.fitted) and _both(subject, part.judged)]


def _both(subject: Subject, places: Codes) -> bool:
    return len(np.unique(labels(_table(subject, places)))) == 2


def _refit(
    subject: Subject, kind: str, name: str, aucs: tuple[Draws, Draws], flips: Draws | None, places: Codes
) -> Refit:
    auc, reference = aucs
    difference = Draws(
        auc.sample - reference.sample, auc.centre - reference.centre, auc.replicates - reference.replicates
    )
    positives = int(labels(_table(subject, places)).sum())
    return Refit(kind, name, auc, reference, difference, flips, len(places), positives)


def _aucs(subject: Subject, scored: Sequence[tuple[Codes, Floats]]) -> list[Draws]:
    """Return the AUC of each set of rows and scores, all with the same draws of patients."""
    places = np.concatenate([rows for rows, _score in scored])
    group = np.repeat(np.arange(len(scored)), [len(rows) for rows, _score in scored])
    table = _table(subject, places)
    score = np.concatenate([score for _rows, score in scored])
    draws = auc_in_groups(patient_codes(table), labels(table), score, group, subject.policy)
    return [draws.column(place) for place in range(len(scored))]


def _fitted_score(subject: Subject, part: Fold, places: Codes) -> Floats:
    return _fit(subject, part.fitted, subject.seed).predict(_table(subject, places))


def _fit(subject: Subject, places: Codes, seed: int) -> FittedModel:
    return fit(subject.spec, _table(subject, places), seed=seed, threads=subject.threads)


def _table(subject: Subject, places: Codes) -> pa.Table:
    return subject.rows.take(pa.array(places))

"""Which rows a further fit learns from and which it is judged on: later periods, parts of the patients, sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.splitting import patient_codes
from validation.probes.subject import Subject
from validation.scored import Codes


@dataclass(frozen=True)
class Fold:
    """A part that is judged by a fit on other rows.

    Attributes
    ----------
    name
        Which one, in words.
    fitted, judged
        Places of the rows in the subject's feature table.
    """

    name: str
    fitted: Codes
    judged: Codes


def folds(subject: Subject, train: Codes, count: int) -> Iterator[Fold]:
    """Yield `count` parts of the rows at `train`: later periods where the split is by time, else parts of the patients.

    A period is judged by a fit on what came before it, as the model will be; so the first one has few rows to learn
    from.
    """
    if subject.spec.split.by == "time":
        yield from _periods(subject, train, count)
    else:
        patient = patient_codes(subject.rows.select(["patient_id"]).take(pa.array(train)))
        part = np.random.default_rng(subject.seed).integers(0, count, patient.max(initial=0) + 1)[patient]
        for place in range(count):
            yield Fold(f"patients, part {place + 1} of {count}", train[part != place], train[part == place])


def _periods(subject: Subject, train: Codes, count: int) -> Iterator[Fold]:
    day = np.asarray(subject.rows.column("day").take(pa.array(train)), dtype=np.int64)
    edges = np.unique(np.quantile(day, np.arange(1, count + 1) / (count + 1), method="inverted_cdf"))
    for start, end in zip(edges, [*edges[1:], day.max()], strict=True):
        judged = (day > start) & (day <= end)
        if judged.any():
            yield Fold(f"{_date(day[judged].min())} to {_date(day[judged].max())}", train[day <= start], train[judged])


def site_folds(subject: Subject, train: Codes, test: Codes, count: int) -> Iterator[Fold]:
    """Yield `count` parts of the sites: held-out rows of some sites, and training rows of all others.

    Sites are dealt in turns from the largest to the smallest, in each turn one to every part by lot. Rows without a
    site are learnt from and not judged.
    """
    site = subject.rows.column(subject.spec.site)
    codes = np.asarray(pc.fill_null(pc.index_in(site, site.drop_null().unique()), -1), dtype=np.int64)
    part = _dealt(np.bincount(codes[codes >= 0]), count, subject.seed)
    part_of = np.append(part, -1)[codes]
    for place in range(count):
        name = f"{(part == place).sum()} of {len(part)} sites, part {place + 1}"
        yield Fold(name, train[part_of[train] != place], test[part_of[test] == place])


def _dealt(sizes: Codes, count: int, seed: int) -> Codes:
    """Return the part of each site, shape (sites,)."""
    chance = np.random.default_rng(seed)
    part = np.empty(len(sizes), dtype=np.int64)
    largest_first = np.argsort(-sizes, kind="stable")
    for start in range(0, len(sizes), count):
        turn = largest_first[start : start + count]
        part[turn] = chance.permutation(count)[: len(turn)]
    return part


def _date(day: np.int64) -> str:
    return str(np.datetime64(int(day), "D"))

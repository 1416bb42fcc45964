"""How well the features tell each declared group: what a model could learn of a group that it is never told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.boosters import xgb
from models.splitting import patient_codes
from validation.feature_strength import FOLDS, auc_of, by_bins, ordered
from validation.groups import UNKNOWN
from validation.probed import Proxy
from validation.probes.subject import Subject
from validation.scored import Codes, Flags, Floats, Grouping
from validation.suppression import suppressed

ROWS = 20_000
"""Rows that the scan is made on: an AUC has its second digit from far fewer."""
ROUNDS = 30
PARAMETERS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 4, "learning_rate": 0.3}
NOTHING = float("nan")


def proxies(subject: Subject) -> tuple[Proxy, ...]:
    """Return, for every declared group, how well all features together and the best single one tell it.

    A row is told by what the patients of other folds taught. A further entry of the same group stands for each further
    feature that tells it as well as the policy's `tells_group`. Groups of fewer rows than the policy shows have no
    numbers.
    """
    return tuple(proxy for name in subject.spec.groups for proxy in _Scan(subject, name).found())


class _Scan:
    """Held-out rows with the levels of one declared grouping."""

    def __init__(self, subject: Subject, name: str) -> None:
        self._subject, self._name = subject, name
        held_out = subject.held_out
        everyone = _grouping(held_out.column(f"group_{name}"))
        label = np.asarray(held_out.column("label"), dtype=np.int64)
        groups = len(everyone.levels)
        self._levels, self._n = everyone.levels, np.bincount(everyone.codes, minlength=groups)
        self._positives = np.bincount(everyone.codes[label == 1], minlength=groups)
        at = subject.drawn(np.arange(held_out.num_rows), ROWS)
        rows = held_out.take(pa.array(at))
        self._codes = everyone.codes[at]
        self._inputs = subject.model.encode(rows)
        patient = patient_codes(rows)
        self._fold = np.random.default_rng(subject.seed).integers(0, FOLDS, len(at))[patient]

    def found(self) -> Iterator[Proxy]:
        under = self._subject.policy.groups.suppress_under.value
        # The same numbers are withheld as in the tables of groups, or one would give the other's away.
        hidden = suppressed(self._levels, self._n, self._positives, under)
        for place, level in enumerate(self._levels):
            member, n = self._codes == place, None if hidden[place] else int(self._n[place])
            if min(member.sum(), (~member).sum()) < under:
                yield Proxy(f"{self._name}={level}", NOTHING, "", NOTHING, n)
            else:
                yield from self._of(f"{self._name}={level}", member, n)

    def _of(self, group: str, member: Flags, n: int | None) -> Iterator[Proxy]:
        names, limit = self._subject.spec.feature_names, self._subject.policy.gates.bias.tells_group.value
        together = auc_of(self._together(member), member)
        alone = np.array([_alone(values, member, self._fold) for values in self._inputs.T])
        for rank, place in enumerate(np.argsort(-alone, kind="stable")):
            if rank == 0 or alone[place] >= limit:
                yield Proxy(group, together, names[place], float(alone[place]), n)

    def _together(self, member: Flags) -> Floats:
        scores = np.full(len(member), member.mean())
        told = {**PARAMETERS, "seed": self._subject.seed, "nthread": self._subject.threads}
        for fold in np.unique(self._fold):
            out = self._fold == fold
            if not out.all():
                seen = xgb.QuantileDMatrix(self._inputs[~out], member[~out].astype(np.float32), nthread=1)
                scores[out] = xgb.train(told, seen, ROUNDS).inplace_predict(self._inputs[out])
        return scores


def _alone(values: np.ndarray, member: Flags, fold: Codes) -> float:
    return max(auc_of(way(values, member, fold), member) for way in (ordered, by_bins))


def _grouping(values: pa.ChunkedArray) -> Grouping:
    """Return the levels in their order, and rows of none of them as a level of their own."""
    levels = sorted(value for value in values.unique().to_pylist() if value is not None)
    codes = pc.fill_null(pc.index_in(values, pa.array(levels, pa.string())), len(levels))
    named = (*levels, UNKNOWN) if values.null_count else tuple(levels)
    return Grouping(np.asarray(codes, dtype=np.int64), named)

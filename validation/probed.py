"""What the probes found: everything that gates judge beside the metrics of the held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from validation.bootstrap import Draws


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Features built again from what was known at the moment of prediction alone.

    Attributes
    ----------
    rows
        Rows that were rebuilt.
    unavailable, own_outcome, later_rows
        Rows that differ from the step before, by feature: built from the rows alone that scoring hands in, then
        without their own outcome, then without everything that came later.
    """

    rows: int
    unavailable: Mapping[str, int]
    own_outcome: Mapping[str, int]
    later_rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Perturbed:
    """Decisions after a change of the inputs.

    Attributes
    ----------
    kind
        ``missing``, ``shift``, ``out_of_range`` or ``reordered``.
    feature
        What was changed; empty where all recorded numbers were. Of ``reordered``: ``rows`` or ``levels``. A number is
        put out of range on both sides, and the side on which more scores differ is told.
    flips
        Share of the flagged rows that another row replaces, with its bootstrap of patients; within a kind, all from the
        same draws.
    n, flagged
        Rows, and those flagged before the change.
    differing
        Rows whose score is not the same bit for bit.
    """

    kind: str
    feature: str
    flips: Draws
    n: int
    flagged: int
    differing: int


@dataclass(frozen=True, slots=True)
class Refit:
    """A fit on other rows or with another seed, beside what it is compared with.

    Attributes
    ----------
    kind
        ``seed``, ``fold`` or ``site``.
    name
        Which one, in words.
    auc, reference
        Of the refit and of what it is compared with (shape (1,) draws from the same patients).
    difference
        ``auc - reference``.
    flips
        Share of the flagged rows that the refit replaces; None where it judges other rows.
    n, positives
        Rows that it was judged on.
    """

    kind: str
    name: str
    auc: Draws
    reference: Draws
    difference: Draws
    flips: Draws | None
    n: int
    positives: int


@dataclass(frozen=True, slots=True)
class Membership:
    """How well the loss tells rows that were trained on from rows that were not (Yeom et al. 2018).

    Attributes
    ----------
    advantage
        True minus false positive rate of the best threshold, less what chance gives.
    n
        Rows on both sides.
    """

    advantage: Draws
    n: int


@dataclass(frozen=True, slots=True)
class Memorised:
    """What having been trained on saves of the loss on rare rows, relative (Feldman and Zhang 2020)."""

    saved: Draws
    n: int


@dataclass(frozen=True, slots=True)
class Anonymity:
    """Patients of the training part by how many share their quasi-identifiers.

    Attributes
    ----------
    columns
        The quasi-identifiers.
    patients, below_k, smallest
        All, those whom fewer than k share theirs with, and the size of the smallest class.
    """

    columns: tuple[str, ...]
    patients: int
    below_k: int
    smallest: int


@dataclass(frozen=True, slots=True)
class Served:
    """The model's files in a process of their own.

    Attributes
    ----------
    rows
        Rows that were scored there.
    largest_difference
        Between the scores there and here; infinite where one of them is no number.
    latency_ms, load_seconds
        Processor time, so that what else the machine does stays out of it: of one row with its reasons on one thread,
        99th percentile, and of reading the files, imports left out. Rounded up to 1, 2 or 5 times a power of ten,
        and told no finer than 10 ms and 0.1 s: what varies from run to run is left out of the evidence.
    size_mb
        Of the files, in millions of bytes.
    failure
        Why it could not be served at all, in words; empty where it could. The figures are then no numbers.
    """

    rows: int
    largest_difference: float
    latency_ms: float
    load_seconds: float
    size_mb: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Proxy:
    """How well features tell a group from all other rows.

    Attributes
    ----------
    group
        As ``partition=level``.
    auc
        Of all features together, on rows that the proxy model was not fitted on.
    feature, feature_auc
        The single feature that tells it best, and how well.
    n
        Rows of the group; None where withheld.
    """

    group: str
    auc: float
    feature: str
    feature_auc: float
    n: int | None


@dataclass(frozen=True)
class Probed:
    """Everything that the probes found; what was not probed is None or empty, and its gate cannot tell."""

    rebuilt: Rebuilt | None = None
    perturbed: tuple[Perturbed, ...] = ()
    refits: tuple[Refit, ...] = ()
    membership: Membership | None = None
    memorised: Memorised | None = None
    anonymity: Anonymity | None = None
    served: Served | None = None
    proxies: tuple[Proxy, ...] = ()
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Why a probe could not be made, by its name: what the gate says then."""

"""Refused keys of one process, counted in memory and written down every few seconds."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from caregate.clock import Clock, system_clock
from governance.key_refusals import KeyRefusals, network_of
from serving.keys import Why

MOST = 1_000
"""Of different keys and networks between two writings; those beyond are counted together."""
OTHERS = "others"


class Refusals:
    """Counts refusals.

    Parameters
    ----------
    table
        Where they are written.
    key
        Of the networks' pseudonyms.
    count
        Hears of every refusal, by its reason alone.
    """

    def __init__(
        self, table: KeyRefusals, key: bytes, count: Callable[[str], None], *, clock: Clock = system_clock
    ) -> None:
        self._table = table
        self._key = key
        self._count = count
        self._clock = clock
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def __call__(self, why: Why, whose: str) -> None:
        """Count a refusal of the key `whose`, or of an unknown one that came from the address `whose`."""
        self._count(why)
        if why is Why.RATE:
            return
        named = network_of(whose, self._key) if why is Why.UNKNOWN else whose
        with self._lock:
            known = (why.value, named) in self._counts or len(self._counts) < MOST
            what = why.value, named if known else OTHERS
            self._counts[what] = self._counts.get(what, 0) + 1

    def write(self) -> None:
        """Write down what was counted since; what cannot be written is kept for the next time."""
        with self._lock:
            counts, self._counts = self._counts, {}
        try:
            self._table.add(counts, self._clock())
        except Exception:
            with self._lock:
                for what, times in counts.items():
                    self._counts[what] = self._counts.get(what, 0) + times
            raise

"""How fast each key may ask, over all processes of the service.

The generic cell rate algorithm (ATM Forum, Traffic Management 4.0, section 4.4.2): of each key one number is kept, the
moment at which all that it asked for would have been asked at its even rate. The numbers stand in a file that all
processes map into memory, so that a key's rate is the same whichever process its connections reach. Nothing is locked:
two processes that count in the same microsecond may forget one of the two, which lets a little more through.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

PLACES = 65_536
NUMBER = struct.Struct("d")


@dataclass(frozen=True, slots=True)
class Pace:
    """Instances that a key may ask for.

    Attributes
    ----------
    per_second
        In the long run.
    burst
        At once, after a rest.
    request
        In one request: a slower key's burst is no less, or it could never send one.
    """

    per_second: float
    burst: float
    request: float = 1.0

    def at(self, per_second: float) -> Pace:
        """Return the pace of another rate, whose burst takes as long to be earned again."""
        return Pace(per_second, max(self.request, self.burst * per_second / self.per_second), self.request)


class Rates:
    """What was asked for of late.

    Parameters
    ----------
    numbers
        One place a key, zeros at first.
    ticks
        A clock that only rises, the same in all processes of the machine, in seconds.
    """

    def __init__(self, numbers: mmap.mmap | bytearray, *, ticks: Callable[[], float] = monotonic) -> None:
        self._numbers = numbers
        self._ticks = ticks

    @classmethod
    def alone(cls, *, ticks: Callable[[], float] = monotonic) -> Rates:
        """Return rates of this process alone."""
        return cls(bytearray(PLACES * NUMBER.size), ticks=ticks)

    @classmethod
    def shared(cls, path: Path) -> Rates:
        """Return the rates that all processes share which open the file at `path`; it is made where it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.truncate(PLACES * NUMBER.size)
            return cls(mmap.mmap(file.fileno(), PLACES * NUMBER.size))

    def take(self, place: int, instances: int, pace: Pace) -> float:
        """Count `instances` of the key at `place`, and return 0; or count nothing, and return how long to wait."""
        at = place % PLACES * NUMBER.size
        now, longest = self._ticks(), pace.burst / pace.per_second
        (due,) = NUMBER.unpack_from(self._numbers, at)
        if not now < due <= now + longest:  # a rest; or a number of before the machine was started
            due = now
        due += instances / pace.per_second
        wait: float = due - now - longest
        if wait > 1e-9:
            return wait
        NUMBER.pack_into(self._numbers, at, due)
        return 0.0

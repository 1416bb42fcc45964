"""What Prometheus reads: counts and times by route and model, never anything of a patient or a client's own words.

Several worker processes count in files of one folder (`serving.seen.metrics_folder`); whichever is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from serving.abstaining import NONE, abstained_for
from serving.seen.metrics_folder import shared_folder
from serving.shelf import Shelf

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Counted(Protocol):
    """What is counted of an answer."""

    @property
    def status(self) -> str:
        """``scored`` or ``abstained``."""

    @property
    def model_version(self) -> int | None:
        """What answered."""

    @property
    def why(self) -> str | None:
        """Why it abstains."""


class Metrics:
    """The metrics of one service, or of one process of it."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        self._requests = Counter("caregate_requests", "Requests answered.", ["route", "status"], registry=own)
        self._seconds = Histogram(
            "caregate_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=own
        )
        self._predictions = Counter(
            "caregate_predictions", "Instances answered.", ["model", "version", "status", "reason"], registry=own
        )
        self._refused = Counter("caregate_refused_keys", "Requests whose key was refused.", ["reason"], registry=own)
        self._version = self._gauge("caregate_served_version", "Version that answers, 0 where none does.", "mostrecent")
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []
        self._answered: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._told: dict[tuple[str, int | None, str, str], Counter] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        counts = self._answered.get((route, status))
        if counts is None:
            counts = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._answered[route, status] = counts
        counts[0].inc()
        counts[1].observe(seconds)

    def predicted(self, model: str, answers: Iterable[Counted]) -> None:
        """Count answers."""
        counts: dict[tuple[str, int | None, str, str], int] = {}
        for answer in answers:
            reason = abstained_for(answer.why) if answer.why else NONE
            what = model, answer.model_version, answer.status, reason
            counts[what] = counts.get(what, 0) + 1
        for what, number in counts.items():
            counter = self._told.get(what)
            if counter is None:
                version = "none" if what[1] is None else str(what[1])
                counter = self._told[what] = self._predictions.labels(model, version, what[2], what[3])
            counter.inc(number)

    def refused(self, why: str) -> None:
        """Count a refused key by one of the reasons of `serving.keys`."""
        self._refused.labels(why).inc()

    def follow(self, name: str, text: str, value: Callable[[], float], *, over_processes: str = "livemax") -> None:
        """Show what `value` returns as a gauge, of several processes the largest or, with ``livesum``, all together."""
        gauge = Gauge(name, text, registry=self._registry, multiprocess_mode=over_processes)  # type: ignore[arg-type]
        self._gauges.append((gauge, value))

    def look(self, shelf: Shelf) -> None:
        """Bring the gauges of this process up to date."""
        for model in shelf.offers:
            served = shelf.standing(model).served
            self._version.labels(model).set(served.version if served else 0)
        for gauge, value in self._gauges:
            gauge.set(value())

    def page(self, shelf: Shelf) -> bytes:
        """Return everything in Prometheus' text format, of all processes."""
        self.look(shelf)
        folder = shared_folder()
        if folder is None:
            return generate_latest(self._registry)
        _forget_the_dead(folder)
        together = CollectorRegistry()
        MultiProcessCollector(together, path=str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def _gauge(self, name: str, text: str, mode: str) -> Gauge:
        return Gauge(name, text, ["model"], registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type]


def _forget_the_dead(folder: Path) -> None:
    pids = {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]

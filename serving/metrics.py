"""What Prometheus reads: counts and times by route and model, never anything of a patient."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serving.scorer import Answer
from serving.shelf import Shelf

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "caregate_requests", "Requests answered.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "caregate_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=self._registry
        )
        self._predictions = Counter(
            "caregate_predictions", "Instances answered.", ["model", "status"], registry=self._registry
        )
        self._version = Gauge(
            "caregate_served_version", "Version that answers, 0 where none does.", ["model"], registry=self._registry
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def predicted(self, model: str, answers: Iterable[Answer]) -> None:
        """Count answers."""
        for answer in answers:
            self._predictions.labels(model, answer.status).inc()

    def page(self, shelf: Shelf) -> bytes:
        """Return everything in Prometheus' text format."""
        for model in shelf.offers:
            served = shelf.standing(model).served
            self._version.labels(model).set(served.version if served else 0)
        return generate_latest(self._registry)

"""What is measured of a service beside its requests: what waits, and how old what it knows is."""

from __future__ import annotations

import math
from datetime import MINYEAR, datetime

from caregate.clock import Clock, system_clock
from governance.prediction_journal import PredictionJournal
from serving.seen.metrics import Metrics
from serving.seen.rounds import Timed
from serving.shelf import Shelf


def measure(
    metrics: Metrics, shelf: Shelf, journal: PredictionJournal, consents: Timed, clock: Clock = system_clock
) -> None:
    """Let `metrics` show how the parts of a service are.

    Parameters
    ----------
    metrics
        Where it is shown.
    shelf, journal
        Of the service.
    consents
        The task that brings the book of consents up to date.
    clock
        Tells how old the history is.
    """
    metrics.follow(
        "caregate_journal_backlog",
        "Answers that wait for the table of predictions.",
        lambda: journal.backlog.rows,
        over_processes="livesum",
    )
    metrics.follow(
        "caregate_history_age_seconds",
        "Age of the oldest history that answers rest on, infinite where none was published.",
        lambda: history_age(shelf, clock()),
    )
    metrics.follow(
        "caregate_consents_age_seconds", "Seconds since the consents were last known to be up to date.", consents.age
    )


def history_age(shelf: Shelf, now: datetime) -> float:
    """Return the age in seconds of the oldest history on the shelf."""
    moments = [shelf.standing(model).history.as_of for model in shelf.offers]
    published = [moment for moment in moments if moment.year > MINYEAR]
    return (now - min(published)).total_seconds() if len(published) == len(moments) else math.inf

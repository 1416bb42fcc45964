"""The patients whom a suspended model may have harmed: counted in the ledger, listed from the predictions alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from caregate.errors import NotFound
from caregate.settings import Settings
from governance.database import ledger_database
from governance.incident import Incident
from governance.incident_rules import Kind
from governance.journal_drain import settle
from governance.ledger import Ledger, digest_of
from governance.prediction_batches import PredictionBatches
from governance.predictions import Predictions
from registry.promotions import in_use

SETTLE_SECONDS = 10.0
"""How long answers that are recorded may take to be in the table: a drain of each server, and its database's delay."""


class NoPatientList(NotFound):
    """The incident holds no list of patients."""

    def __init__(self, incident: str) -> None:
        super().__init__(f"{incident} holds no list of patients: only a suspension's incident does")


@dataclass(frozen=True, slots=True)
class AffectedCount:
    """How many patients a version in use scored.

    Attributes
    ----------
    version
        Which one; None where none was in use.
    since, until
        From its promotion to the suspension; `since` is None where none was in use.
    patients, unnamed
        How many patients, and how many scores for which the client named none.
    digest
        ``sha256:…`` of the patients' tokens, in order.
    complete
        Whether all that this home's servers had answered by then was in the table when it was counted; a file that is
        still being scored has answered nobody.
    """

    version: int | None
    since: datetime | None
    until: datetime
    patients: int
    unnamed: int
    digest: str
    complete: bool = True

    @property
    def facts(self) -> dict[str, Any]:
        """What the incident's line says of it: no token."""
        return {
            "version": self.version,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat(),
            "patients": self.patients,
            "unnamed": self.unnamed,
            "patients_digest": self.digest,
            "complete": self.complete,
        }


@dataclass(frozen=True, slots=True)
class AffectedPatients:
    """Whom a suspended version scored, by their vault tokens.

    Attributes
    ----------
    before
        Until the suspension.
    after
        Only after it: by servers that had not looked yet, or since the model scores again.
    unchanged
        Whether `before` is the very list whose digest the ledger holds.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    unchanged: bool


def count_affected(settings: Settings, model: str, *, until: datetime) -> AffectedCount:
    """Count the patients whom the version of `model` in use scored since it was promoted."""
    engine = ledger_database(settings)
    promotion = in_use(Ledger(engine), model, at=until)
    if promotion is None:
        return AffectedCount(None, None, until, 0, 0, digest_of([]))
    complete = settle(settings.journal_dir, engine, seconds=SETTLE_SECONDS)
    version, since = promotion.key.version, promotion.at
    tokens = _patients_scored(settings, model, version, since=since, until=until)
    asked, filed = Predictions(engine), PredictionBatches(settings)
    unnamed = sum(kind.scored_without_patient(model, version, since=since, until=until) for kind in (asked, filed))
    return AffectedCount(version, since, until, len(tokens), unnamed, digest_of(tokens), complete)


def affected_patients(settings: Settings, incident: Incident) -> AffectedPatients:
    """List the patients that an incident of a suspension counted.

    Raises
    ------
    NoPatientList
        If it is no such incident.
    """
    if incident.kind is not Kind.SUSPENSION:
        raise NoPatientList(incident.id)
    facts = incident.facts
    if facts["version"] is None:
        return AffectedPatients((), (), unchanged=True)
    model, version = incident.about.partition("/")[0], facts["version"]
    since, until = (datetime.fromisoformat(facts[name]) for name in ("since", "until"))
    settle(settings.journal_dir, ledger_database(settings), seconds=SETTLE_SECONDS)
    before = _patients_scored(settings, model, version, since=since, until=until)
    after = set(_patients_scored(settings, model, version, since=until)) - set(before)
    return AffectedPatients(tuple(before), tuple(sorted(after)), digest_of(before) == facts["patients_digest"])


def _patients_scored(
    settings: Settings, model: str, version: int, *, since: datetime, until: datetime | None = None
) -> list[str]:
    """Return the tokens of the patients whom a version scored, one by one or in files, in order."""
    asked = Predictions(ledger_database(settings)).patients_scored(model, version, since=since, until=until)
    filed = PredictionBatches(settings).patients_scored(model, version, since=since, until=until)
    return sorted({*asked, *filed})

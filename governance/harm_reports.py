"""Reports of harm and error by clients: each opens an incident, and what was written in free words stays sealed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Engine, insert, select

from caregate.clock import Clock, system_clock
from governance.database import exclusive
from governance.incident import Incident
from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.recorded import RecordedPredictions
from governance.reviews import UnknownPrediction
from governance.schema import incident_reports
from governance.vault import Vault

DAY = timedelta(days=1)
MOST_A_DAY = 20
"""Incidents that a client opens within a day; what it reports beyond is kept with one of them and drowns nobody."""


class Happened(StrEnum):
    """What happened; `words` says it, `kind` what kind of incident it opens."""

    PATIENT_HARMED = "patient-harmed"
    NEARLY_HARMED = "nearly-harmed"
    CARE_DENIED = "care-denied"
    UNFAIR = "unfair"
    PRIVACY_BROKEN = "privacy-broken"
    WRONG_PATIENT = "wrong-patient"
    WRONG_SCORE = "wrong-score"
    SERVICE_WRONG = "service-wrong"
    OTHER = "other"

    @property
    def words(self) -> str:
        """The incident's title."""
        return _WORDS[self][1]

    @property
    def kind(self) -> Kind:
        """The kind of incident that it opens."""
        return _WORDS[self][0]


_WORDS = {
    Happened.PATIENT_HARMED: (Kind.HARM_REPORTED, "a client reports that a patient was harmed"),
    Happened.NEARLY_HARMED: (Kind.HARM_REPORTED, "a client reports that a patient was nearly harmed"),
    Happened.CARE_DENIED: (Kind.HARM_REPORTED, "a client reports that care was refused or delayed by a score"),
    Happened.UNFAIR: (Kind.HARM_REPORTED, "a client reports that a group of patients is treated worse"),
    Happened.PRIVACY_BROKEN: (Kind.PRIVACY, "a client reports that data of a patient was seen by others"),
    Happened.WRONG_PATIENT: (Kind.HARM_REPORTED, "a client reports a score that was used for another patient"),
    Happened.WRONG_SCORE: (Kind.ERROR_REPORTED, "a client reports a score that was wrong"),
    Happened.SERVICE_WRONG: (Kind.ERROR_REPORTED, "a client reports that the service answers wrongly"),
    Happened.OTHER: (Kind.HARM_REPORTED, "a client reports harm or an error of another kind"),
}


@dataclass(frozen=True, slots=True)
class HarmReport:
    """What a client reports.

    Attributes
    ----------
    what
        What happened.
    model, prediction_id
        With which model or prediction, where the client knows.
    note
        In their own words.
    """

    what: Happened
    model: str | None = None
    prediction_id: str | None = None
    note: str | None = field(default=None, repr=False)


class HarmReports:
    """Takes reports and opens their incidents; the same report is taken once.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    vault
        Seals free words.
    recorded
        Finds predictions.
    clock
        Tells the moment of a report.
    """

    def __init__(
        self, engine: Engine, vault: Vault, recorded: RecordedPredictions, *, clock: Clock = system_clock
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._recorded = recorded
        self._clock = clock
        self._incidents = Incidents(engine, clock)

    def take(self, report: HarmReport, *, client: str, once: str | None = None) -> tuple[Incident, bool]:
        """Open the incident of a report, or return the one that stands under the client's name for it.

        Raises
        ------
        governance.reviews.UnknownPrediction
            If it names a prediction that this client was not given.
        """
        about, facts = self._about(report, client)
        name = self._name(report, client, once)
        if name and (stands := self._standing(name)):
            return self._incidents.get(stands), False
        joined = self._joined(report, client)
        opened = joined or self._incidents.open(
            report.what.kind, about, report.what.words, by=client, once_key=name, facts=facts | {"what": report.what}
        )
        note = self._vault.seal(_label(opened.id), report.note.encode()) if report.note else None
        values = {
            "incident": opened.id,
            "at": self._clock(),
            "client": client,
            "what": report.what.value,
            "prediction_id": report.prediction_id,
            "note": note,
            "once": name,
        }
        with exclusive(self._engine) as connection:
            connection.execute(insert(incident_reports).values(values))
        return opened, joined is None

    def _about(self, report: HarmReport, client: str) -> tuple[str, dict[str, str]]:
        if report.prediction_id is None:
            return report.model or "scoring", {}
        prediction = self._recorded.find(report.prediction_id)
        if prediction is None or prediction.client != client:
            raise UnknownPrediction
        version = f"/{prediction.version}" if prediction.version else ""
        return prediction.model + version, {"prediction": report.prediction_id}

    def _name(self, report: HarmReport, client: str, once: str | None) -> str | None:
        """Name a report: by the client's own name for it, or by what it says where that tells it from any other."""
        if once is not None:
            return self._vault.mark(f"incident/once/{client}", once.encode())
        if report.prediction_id is None and report.note is None:
            return None
        return self._vault.mark(f"incident/{client}", json.dumps(asdict(report), sort_keys=True).encode())

    def _joined(self, report: HarmReport, client: str) -> Incident | None:
        """Return the incident that a report joins, because the client opened enough of them within a day."""
        told = incident_reports.c
        last = select(told.incident, told.what).where(told.client == client, told.at > self._clock() - DAY)
        with self._engine.connect() as connection:
            opened = {row.incident: row.what for row in connection.execute(last.order_by(told.seq))}
        if len(opened) < MOST_A_DAY:
            return None
        alike = [incident for incident, what in opened.items() if what == report.what]
        return self._incidents.get((alike or list(opened))[-1])

    def _standing(self, name: str) -> str | None:
        with self._engine.connect() as connection:
            return connection.scalar(select(incident_reports.c.incident).where(incident_reports.c.once == name))


def notes_of(incident: str, engine: Engine, vault: Vault) -> list[str]:
    """Return what clients wrote about an incident in their own words, in the order in which it came."""
    query = select(incident_reports.c.note).where(incident_reports.c.incident == incident)
    with engine.connect() as connection:
        sealed = connection.scalars(query.order_by(incident_reports.c.seq)).all()
    return [vault.unseal(_label(incident), bytes(item)).decode() for item in sealed if item is not None]


def _label(incident: str) -> str:
    return f"incident-report/{incident}"

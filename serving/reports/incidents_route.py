"""``POST /v1/incidents``: a client reports harm or an error."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from governance.client_key import Scope
from governance.harm_reports import Happened, HarmReport, HarmReports
from governance.incident import Incident
from governance.incident_rules import Kind
from serving.asking import asks
from serving.fields import MalformedRequest
from serving.keys import Client, Keys
from serving.policy import Limits
from serving.reading import ASCII_ID, OnceKey, answers, described, read_json, with_words

COST = 50
"""Instances that a report counts as: people read each."""


class IncidentAsked(BaseModel):
    """What went wrong, and with which prediction or model where that is known."""

    model_config = ConfigDict(extra="forbid", strict=True)

    what: Happened
    prediction_id: str | None = Field(default=None, pattern=ASCII_ID)
    model: str | None = Field(default=None, max_length=100)
    note: str | None = Field(default=None, min_length=1, max_length=4000, description="In free words; kept sealed.")


class IncidentShown(BaseModel):
    """The incident that was opened."""

    incident_id: str
    kind: Kind
    state: str
    about: str
    opened_at: datetime


def add_incidents_route(
    app: FastAPI, reports: HarmReports, keys: Keys, models: Collection[str], limits: Limits
) -> None:
    """Add the route to `app`.

    Parameters
    ----------
    app
        The application.
    reports
        Where reports are taken.
    keys
        Tell clients.
    models
        Names that a report may give.
    limits
        Of a body.
    """
    form = TypeAdapter(IncidentAsked)

    @app.post(
        "/v1/incidents",
        tags=["incidents"],
        status_code=201,
        response_model=IncidentShown,
        responses=answers(IncidentShown),
        openapi_extra=with_words(described(form), "model", models),
    )
    async def report(
        request: Request,
        response: Response,
        client: Annotated[Client, Depends(asks(keys, Scope.INCIDENT))],
        once: OnceKey = None,
    ) -> IncidentShown:
        """Report harm or an error: it opens an incident, which people look into."""
        asked = await read_json(request, form, limits)
        if asked.model is not None and asked.model not in models:
            raise MalformedRequest(f"has to be one of {', '.join(sorted(models))}", "/model")
        keys.charge(client, COST)
        told = HarmReport(**asked.model_dump())

        def take() -> tuple[Incident, bool]:
            return reports.take(told, client=client.name, once=once)

        found, is_new = await to_thread.run_sync(take)
        if not is_new:
            response.status_code = 200
        return IncidentShown(
            incident_id=found.id,
            kind=found.kind,
            state=found.state.value,
            about=found.about,
            opened_at=found.opened_at,
        )

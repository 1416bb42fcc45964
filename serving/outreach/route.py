"""``GET /v1/worklists/{model}``: whom to contact on a day."""

from datetime import date
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from fastapi import Depends, FastAPI, Query, Response
from pydantic import BaseModel, Field

from governance.client_key import Scope
from serving.asking import asks
from serving.keys import Client, Keys
from serving.openapi import problems
from serving.outreach.page import MOST, WorklistPages


class ChannelShown(BaseModel):
    """A channel that the patient agreed to, and from when until when their day leaves it open."""

    channel: str
    begin: str = Field(alias="from")
    until: str


class MessageShown(BaseModel):
    """The suggested message; its text is null while the settings do not say who sends."""

    template: str
    version: int
    channel: str
    language: str
    text: str | None


class EntryShown(BaseModel):
    """A record, by the CRM's own ids."""

    priority: int
    record_id: str
    patient_id: str
    band: str
    reasons: list[str]
    prediction_id: str
    channels: list[ChannelShown]
    message: MessageShown


class WorklistShown(BaseModel):
    """A page of a worklist; without a version `why` says why there is none."""

    model: str
    day: date
    model_version: int | None
    why: str | None
    made_at: str | None
    known_until: str | None
    total: int
    entries: list[EntryShown]
    not_on_it: dict[str, int]
    next_offset: int | None


def add_worklist_routes(app: FastAPI, pages: WorklistPages, keys: Keys) -> None:
    """Add the route to `app`."""
    client = Annotated[Client, Depends(asks(keys, Scope.WORKLIST))]

    @app.get(
        "/v1/worklists/{model}",
        tags=["outreach"],
        responses={200: {"model": WorklistShown}, **problems(401, 403, 404, 422, 429)},
    )
    async def worklist(
        model: str,
        asked_by: client,
        day: Annotated[date | None, Query(description="The day; today where the clinic is, without it.")] = None,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    ) -> Response:
        """Tell whom to contact on a day, by which channel and until when; made once, and true to each STOP since."""

        def shown() -> dict[str, Any]:
            asked = day or pages.worklists.today()
            return pages.page(model, asked, offset=offset, limit=limit, by=asked_by.name)

        return Response(msgspec.json.encode(await to_thread.run_sync(shown)), 200, media_type="application/json")

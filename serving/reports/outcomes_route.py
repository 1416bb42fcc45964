"""``POST /v1/outcomes``: what really happened, many at once."""

from datetime import UTC, datetime
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from governance.client_key import Scope
from governance.outcome import Reported, Taken
from governance.outcomes import Outcomes
from serving.asking import asks
from serving.keys import Client, Keys
from serving.openapi import problems
from serving.policy import Limits
from serving.reading import ASCII_ID, described, read_json

RECORD_ID = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,198}[^\x00-\x20\x7f])?$"
"""Text without blanks at its ends and without control characters."""


class OutcomeAsked(BaseModel):
    """What happened to one record: named by a prediction, or by your own id of the record and the model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    happened: bool = Field(description="Whether what the model predicts came about.")
    known_at: datetime = Field(description="From when on that was known; without a zone it is UTC.")
    model: str | None = Field(default=None, max_length=100)
    prediction_id: str | None = Field(default=None, pattern=ASCII_ID)
    record_id: str | None = Field(default=None, pattern=RECORD_ID)


class OutcomesShown(BaseModel):
    """What became of each, in their order, and of how many."""

    outcomes: list[Taken]
    counts: dict[str, int]


def add_outcomes_route(app: FastAPI, outcomes: Outcomes, keys: Keys, limits: Limits) -> None:
    """Add the route to `app`.

    Parameters
    ----------
    app
        The application.
    outcomes
        Where they are recorded.
    keys
        Tell clients.
    limits
        Of a body.
    """

    class OutcomesAsked(BaseModel):
        """Outcomes; a later one about a record is a later word."""

        model_config = ConfigDict(extra="forbid", strict=True)

        outcomes: list[OutcomeAsked] = Field(min_length=1, max_length=limits.instances)

    form: TypeAdapter[Any] = TypeAdapter(OutcomesAsked)

    @app.post(
        "/v1/outcomes",
        tags=["outcomes"],
        response_model=OutcomesShown,
        responses=problems(401, 403, 408, 413, 422, 429, 500),
        openapi_extra=described(form),
    )
    async def report(request: Request, client: Annotated[Client, Depends(asks(keys, Scope.OUTCOME))]) -> OutcomesShown:
        """Record what happened; what stands already is not written again, what a rule holds back is said of each."""
        asked = await read_json(request, form, limits)
        keys.charge(client, len(asked.outcomes))
        rows = [_row(item) for item in asked.outcomes]

        def record() -> list[Taken]:
            return outcomes.record(rows, by=client.name, client=client.name)

        taken = await to_thread.run_sync(record)
        return OutcomesShown(outcomes=taken, counts={word: taken.count(word) for word in sorted(set(taken))})


def _row(asked: OutcomeAsked) -> Reported:
    known = asked.known_at if asked.known_at.tzinfo else asked.known_at.replace(tzinfo=UTC)
    return Reported(asked.model, asked.happened, known, asked.prediction_id, asked.record_id)

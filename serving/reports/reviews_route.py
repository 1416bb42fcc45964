"""``POST /v1/predictions/{id}/review``: a person's decision about a prediction."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from governance.client_key import Scope
from governance.review import Decision, Reason, Review, Verdict
from governance.reviews import Reviews
from serving.asking import asks
from serving.keys import Client, Keys
from serving.policy import Limits
from serving.reading import ASCII_ID, OnceKey, answers, described, read_json, with_words

COST = 10
"""Instances that a review counts as: each is a line of the ledger, for good."""


class ReviewAsked(BaseModel):
    """What one person decided when they had read a prediction; an override says why."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "anyOf": [
                {"properties": {"verdict": {"const": "agree"}}},
                {"required": ["reason"], "properties": {"reason": {"type": "string"}}},
            ]
        },
    )

    verdict: Verdict
    decided: str = Field(min_length=1, max_length=60, description="By the model's policy, or `other`.")
    reviewer: str = Field(pattern=ASCII_ID, description="Your own id of the person; kept as a token.")
    reason: Reason | None = None
    note: str | None = Field(
        default=None, min_length=1, max_length=2000, description="In their own words; kept sealed."
    )
    seconds: float | None = Field(
        default=None, ge=0, le=86_400, allow_inf_nan=False, description="How long they looked at it."
    )

    @model_validator(mode="after")
    def _override_says_why(self) -> "ReviewAsked":
        if self.verdict is Verdict.OVERRIDE and self.reason is None:
            raise ValueError("an override says why")
        return self


class ReviewShown(BaseModel):
    """A review as it stands."""

    review_id: str
    prediction_id: str
    at: datetime
    model: str
    model_version: int | None
    band: str | None
    verdict: Verdict
    decided: str
    reason: Reason | None


def add_reviews_route(
    app: FastAPI, reviews: Reviews, keys: Keys, choices: Mapping[str, Collection[str]], limits: Limits
) -> None:
    """Add the route to `app`.

    Parameters
    ----------
    app
        The application.
    reviews
        Where decisions are recorded.
    keys
        Tell clients.
    choices
        By model, what can be decided.
    limits
        Of a body.
    """
    form = TypeAdapter(ReviewAsked)
    words = {name for names in choices.values() for name in names}

    @app.post(
        "/v1/predictions/{prediction_id}/review",
        tags=["reviews"],
        status_code=201,
        response_model=ReviewShown,
        responses=answers(ReviewShown),
        openapi_extra=with_words(described(form), "decided", words),
    )
    async def review(
        prediction_id: str,
        request: Request,
        response: Response,
        client: Annotated[Client, Depends(asks(keys, Scope.REVIEW))],
        once: OnceKey = None,
    ) -> ReviewShown:
        """Record what a person decided; of several reviews of a prediction the last counts."""
        asked = await read_json(request, form, limits)
        keys.charge(client, COST)
        decision = Decision(**asked.model_dump())

        def record() -> tuple[Review, bool]:
            return reviews.record(prediction_id, decision, client=client.name, choices=choices, once=once)

        found, is_new = await to_thread.run_sync(record)
        if not is_new:
            response.status_code = 200
        return _shown(found)


def _shown(found: Review) -> ReviewShown:
    return ReviewShown(
        review_id=found.review_id,
        prediction_id=found.prediction_id,
        at=found.at,
        model=found.model,
        model_version=found.version,
        band=found.band,
        verdict=found.verdict,
        decided=found.decided,
        reason=found.reason,
    )

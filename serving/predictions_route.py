"""``POST /v1/models/{model}/predictions`` as plain ASGI, before FastAPI, whose routing would take half of the time.

A request of few instances is answered where it came in, because a thread of its own would cost more than the answer.
One that has to wait for the disk, or that takes long, goes to a thread and leaves the others their turn.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from caregate.errors import CaregateError
from governance.client_key import Scope as KeyScope
from serving.body import decode, read_body
from serving.door import NewIds
from serving.guard import MODEL, ROUTE
from serving.keys import Client, Keys
from serving.policy import ServingPolicy
from serving.problems import MethodNotAllowed, answer_to
from serving.question import Answer, Question
from serving.scorer import Scorer
from serving.seen.metrics import Metrics
from serving.shelf import Shelf

PATH = "/v1/models/{model}/predictions"
BEFORE, AFTER = PATH.split("{model}")
AUTHORIZATION, LENGTH = b"authorization", b"content-length"

_encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct):
    """The answer to a request."""

    model: str
    predictions: list[Answer]


class Front:
    """ASGI application that hands requests for scores to `scores` and all others to `others`."""

    def __init__(self, scores: ASGIApp, others: ASGIApp) -> None:
        self._scores = scores
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        model = path[len(BEFORE) : -len(AFTER)]
        asks = path.startswith(BEFORE) and path.endswith(AFTER) and model and "/" not in model
        await (self._scores if asks else self._others)(scope, receive, send)


class PredictionsRoute:
    """ASGI application that answers requests for scores.

    Parameters
    ----------
    scorer, shelf
        What answers, and which models are offered.
    keys
        Tells clients.
    policy
        Limits of a request.
    metrics
        Where answers are counted.
    """

    def __init__(self, scorer: Scorer, shelf: Shelf, keys: Keys, policy: ServingPolicy, metrics: Metrics) -> None:
        self._scorer = scorer
        self._shelf = shelf
        self._keys = keys
        self._limits = policy.limits
        self._metrics = metrics
        self._limiter = CapacityLimiter(policy.limits.at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        model = scope["path"][len(BEFORE) : -len(AFTER)]
        scope[ROUTE], scope[MODEL] = PATH, model
        try:
            if scope["method"] != "POST":
                raise MethodNotAllowed
            body = _encode(await self._answer(scope, receive, model))
        except CaregateError as error:
            await answer_to(error)(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (LENGTH, str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive, model: str) -> Reply:
        sent: dict[bytes, bytes] = dict(scope["headers"])
        client = self._client(scope.get("client"), sent.get(AUTHORIZATION, b""))
        self._shelf.offer(model)
        asked = decode(await read_body(receive, sent.get(LENGTH, b""), self._limits))
        self._keys.charge(client, len(asked.instances))
        answers = await self._score(model, Question(client.name, asked.purpose, asked.instances, asked.reasons))
        self._metrics.predicted(model, answers)
        return Reply(model, answers)

    def _client(self, peer: Any, authorization: bytes) -> Client:
        return self._keys.admit(authorization.decode("latin-1"), KeyScope.SCORE, address=peer[0] if peer else "")

    async def _score(self, model: str, question: Question) -> list[Answer]:
        if len(question.instances) <= self._limits.few_instances:
            try:
                return self._scorer.score(model, question, may_wait=False)
            except NewIds:
                pass  # their tokens are drawn in a thread, for that waits for the disk
        return await to_thread.run_sync(partial(self._scorer.score, model, question), limiter=self._limiter)

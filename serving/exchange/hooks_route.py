"""``POST /v1/hooks/{source}``: events of other systems, put into the inbox at once and handled after the answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Engine
from starlette.background import BackgroundTask

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError, NotFound
from caregate.settings import Settings
from crm.hooks.handling import CAPSULE, LACRM, MESSAGES, SOURCES, Handler
from crm.hooks.inbox import Event, Inbox, State
from crm.hooks.policy import HookPolicy, hook_policy
from crm.hooks.verification import HOOK_SECRET, HOOK_SIGNATURE, content_id, is_capability, is_signed, message_id
from governance.vault import Vault
from serving.body import read_body
from serving.openapi import problems
from serving.policy import Limits

KEY = "key"
"""Of the query: what only the registered address holds."""
LONGEST_SECRET = 500


class UnknownSource(NotFound):
    """No system of this name sends hooks."""

    def __init__(self) -> None:
        super().__init__(f"no such source of hooks: it is one of {', '.join(SOURCES)}")


class EventRefused(CaregateError):
    """The event is not proven to be its source's; why is not told."""

    status: ClassVar[int] = 401
    title: ClassVar[str] = "Event refused"

    def __init__(self) -> None:
        super().__init__("the event is not accepted")


class TooManyEvents(CaregateError):
    """More events came than the policy lets in."""

    status: ClassVar[int] = 429
    title: ClassVar[str] = "Too many events"

    def __init__(self) -> None:
        super().__init__("too many events in a minute: send it again later")
        self.headers = {"Retry-After": "60"}


@dataclass(frozen=True)
class Hooks:
    """What the hooks of a home need: its settings, inbox, handler and policy."""

    settings: Settings
    inbox: Inbox
    handler: Handler
    policy: HookPolicy
    clock: Clock = system_clock


def hooks_of(settings: Settings, engine: Engine, vault: Vault, *, clock: Clock = system_clock) -> Hooks:
    """Put the hooks of a home together."""
    policy, inbox = hook_policy(), Inbox(engine, vault, clock)
    handler = Handler(engine, vault, inbox, settings.snapshots_dir, policy, clock=clock)
    return Hooks(settings, inbox, handler, policy, clock)


def add_hooks_routes(app: FastAPI, hooks: Hooks, limits: Limits) -> None:
    """Add the route of hooks to `app`.

    Parameters
    ----------
    hooks
        Of the home.
    limits
        How long a body may take; its bytes are the policy's.
    """
    limiter = MovingWindowRateLimiter(MemoryStorage())
    events = RateLimitItemPerMinute(hooks.policy.per_minute)
    guesses = RateLimitItemPerMinute(hooks.policy.guesses_per_minute)
    bounds = limits.model_copy(update={"body_bytes": hooks.policy.body_bytes})

    @app.post(
        "/v1/hooks/{source}",
        tags=["hooks"],
        status_code=202,
        response_class=Response,
        responses=problems(401, 404, 408, 413, 422, 429),
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def told(source: str, request: Request) -> Response:
        """Take an event in: signed by its source, or sent to the address that only the source knows."""
        if source not in SOURCES:
            raise UnknownSource
        address = request.client.host if request.client else ""
        announced = request.headers.get("content-length", "").encode()
        body = await read_body(request.receive, announced, bounds)
        event = await to_thread.run_sync(_verified, hooks, source, request, body)
        if event is None:  # only then: behind a proxy a guesser has the same address as the source
            raise EventRefused if limiter.hit(guesses, source, address) else TooManyEvents
        if not limiter.hit(events, source):
            raise TooManyEvents
        if isinstance(event, str):
            return Response(status_code=200, headers={HOOK_SECRET: event})
        is_new = await to_thread.run_sync(hooks.inbox.put, event)
        after = BackgroundTask(to_thread.run_sync, hooks.handler.handle_waiting) if is_new else None
        return Response(status_code=202, background=after)


def _verified(hooks: Hooks, source: str, request: Request, body: bytes) -> Event | str | None:
    """Return the event, the secret of a handshake, or None where it is not proven."""
    if source == MESSAGES:
        return _message(hooks, request, body)
    key = hooks.settings.hook_key
    if key is None or not is_capability(request.query_params.get(KEY, ""), key.get_secret_value()):
        return None
    if source == CAPSULE:
        return Event(CAPSULE, content_id(body), body)
    if HOOK_SIGNATURE in request.headers:
        signed = is_signed(request.headers, body, hooks.inbox.secrets(LACRM))
        return Event(LACRM, content_id(body), body) if signed else None
    secret = request.headers.get(HOOK_SECRET, "")
    if not 0 < len(secret) <= LONGEST_SECRET or not secret.isprintable():
        return None
    name = hashlib.sha256(secret.encode()).hexdigest()
    hooks.inbox.put(Event(LACRM, name, secret.encode()), State.SECRET)
    return secret


def _message(hooks: Hooks, request: Request, body: bytes) -> Event | None:
    secret = hooks.settings.messages_secret
    if secret is None:
        return None
    found = message_id(
        request.headers,
        body,
        secret.get_secret_value(),
        now=hooks.clock(),
        tolerance=hooks.policy.tolerance_seconds,
    )
    return None if found is None else Event(MESSAGES, found, body)

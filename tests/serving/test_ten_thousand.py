"""Ten thousand malformed requests: none is a fault, none is answered with what it held, none leaves it in the log."""

from __future__ import annotations

import io
import json
import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import pytest

from serving.policy import load_serving_policy
from serving.seen.logs import write_json_lines
from serving.service import make_service

NUMBER = 10_000
CANARY = "Mrs-Canary-1947"
PATH = "/v1/models/no-show/predictions"
VALUES = [
    CANARY,
    CANARY * 50,
    f"\x00{CANARY}",
    f"2026-13-40T{CANARY}",
    {CANARY: CANARY},
    [CANARY],
    [[[CANARY]]],
    -1,
    10**40,
    1e308,
    0.5,
    True,
    "9999-12-31T23:59:59-14:00",
    "",
]
METHODS = ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", CANARY]


@dataclass(frozen=True)
class Asked:
    """A request as a server hands it to an application."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes


def requests(chance: random.Random, instance: dict, key: str) -> Iterator[Asked]:
    """Draw requests without end, each spoilt in one way or in several."""
    spoils = [_field, _field, _fields, _bytes, _cut, _shape, _header, _path, _method, _key]
    while True:
        body = {"purpose": "reminder", "instances": [dict(instance)]}
        sent = Asked("POST", PATH, "", [("authorization", f"Bearer {key}")], json.dumps(body).encode())
        for spoil in chance.sample(spoils, chance.choice([1, 1, 2])):
            sent = spoil(chance, sent)
        yield sent


def _field(chance: random.Random, sent: Asked) -> Asked:
    return _edited(sent, lambda row: row.update({chance.choice([*row, CANARY]): chance.choice(VALUES)}))


def _fields(chance: random.Random, sent: Asked) -> Asked:
    names = chance.choices(["record_id", "patient_id", "booked_at", "day", "age", "site"], k=3)
    return _edited(sent, lambda row: row.update({name: chance.choice(VALUES) for name in names}))


def _edited(sent: Asked, edit) -> Asked:
    try:
        body = json.loads(sent.body)
        edit(body["instances"][0])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return sent  # spoilt in another way already
    return _with(sent, json.dumps(body).encode())


def _bytes(chance: random.Random, sent: Asked) -> Asked:
    body = bytearray(sent.body)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(body) + 1)
        body[at : at + chance.randint(0, 3)] = chance.choice([chance.randbytes(2), b'"', b"{", b"\\u", b"]", b"\xff"])
    return _with(sent, bytes(body))


def _cut(chance: random.Random, sent: Asked) -> Asked:
    return _with(sent, sent.body[: chance.randrange(len(sent.body) + 1)] + CANARY.encode() * chance.randint(0, 2))


def _shape(chance: random.Random, sent: Asked) -> Asked:
    part = chance.choice(VALUES)
    shapes = [
        part,
        {"purpose": part, "instances": [{}]},
        {"purpose": CANARY, "instances": [{"record_id": "1"}]},
        {"purpose": "reminder", "instances": part},
        {"purpose": "reminder", "instances": [part]},
        {"purpose": "reminder", "instances": [{"record_id": "1"}], "reasons": part},
        {"purpose": "reminder", "instances": [{"record_id": "1"}], CANARY: part},
        {"purpose": "reminder", "instances": [{"record_id": CANARY}, {"record_id": CANARY}]},
    ]
    return _with(sent, json.dumps(chance.choice(shapes)).encode())


def _header(chance: random.Random, sent: Asked) -> Asked:
    names = ["content-length", "content-type", "x-request-id", "traceparent", "accept", "cookie", "x-forwarded-for"]
    value = chance.choice([CANARY, "-1", "9" * 30, "", "\xff", "0", f"{CANARY}; charset=\x01"])
    return Asked(sent.method, sent.path, sent.query, [*sent.headers, (chance.choice(names), value)], sent.body)


def _path(chance: random.Random, sent: Asked) -> Asked:
    paths = [f"/{CANARY}", f"/v1/models/{CANARY}/predictions", f"{PATH}/{CANARY}", f"/v1/models/{CANARY}", "//", "/v1"]
    path = chance.choice([*paths, f"/v1/predictions/{CANARY}/review", "/v1/models/no\u2010show/predictions", PATH])
    return Asked(sent.method, path, f"name={CANARY}", sent.headers, sent.body)


def _method(chance: random.Random, sent: Asked) -> Asked:
    return Asked(chance.choice(METHODS), sent.path, sent.query, sent.headers, sent.body)


def _key(chance: random.Random, sent: Asked) -> Asked:
    key = sent.headers[0][1]
    spoilt = [f"Bearer {CANARY}", CANARY, "Bearer", key[:-1], key + "A", key[:20] + CANARY, f"Basic {key}", "\xff", ""]
    return Asked(sent.method, sent.path, sent.query, [("authorization", chance.choice(spoilt))], sent.body)


def _with(sent: Asked, body: bytes) -> Asked:
    return Asked(sent.method, sent.path, sent.query, sent.headers, body)


@dataclass
class Reply:
    status: int = 0
    headers: str = ""
    body: bytes = b""


async def ask(app, sent: Asked) -> Reply:
    """Hand a request to the application, as the server in front of it does."""
    reply, parts = Reply(), [sent.body]

    async def receive() -> dict:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            reply.status, reply.headers = message["status"], str(message["headers"])
        else:
            reply.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": sent.path,
        "raw_path": sent.path.encode(),
        "query_string": sent.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)
    return reply


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    write_json_lines(stream)
    root.setLevel(logging.DEBUG)  # of every library
    logging.getLogger("hypothesis").setLevel(logging.WARNING)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def app(clinic):
    """The service of the clinic, which writes a line for each refusal and lets one client ask as fast as it can."""
    policy = load_serving_policy()
    fast = policy.rate.model_copy(update={"instances_per_second": 1e9, "burst_instances": 1e9})
    every = policy.logs.model_copy(update={"lines_per_second": NUMBER})
    service = make_service(clinic.settings, policy.model_copy(update={"rate": fast, "logs": every}), clinic.champions)
    service.watcher.look()
    yield service.app
    service.journal.close()


def test_ten_thousand_malformed_requests(app, clinic, log):
    drawn = requests(random.Random(5), clinic.instances[-1], clinic.key)  # noqa: S311 - a fixed draw
    statuses: dict[int, int] = {}

    async def ask_all() -> None:
        for number in range(NUMBER):
            sent = next(drawn)
            reply = await ask(app, sent)
            statuses[reply.status] = statuses.get(reply.status, 0) + 1
            assert reply.status < 500, f"request {number}"
            assert CANARY.encode() not in reply.body, f"request {number}"
            assert CANARY not in reply.headers, f"request {number}"
            if reply.status >= 400 and sent.method != "HEAD":
                assert "application/problem+json" in reply.headers, f"request {number}"

    anyio.run(ask_all)
    refused = sum(times for status, times in statuses.items() if status >= 400)
    assert refused > NUMBER * 0.7
    assert {401, 403, 404, 405, 422} <= statuses.keys()
    written = log.getvalue()
    assert written.count("request refused") == refused
    assert CANARY not in written
    assert clinic.key not in written

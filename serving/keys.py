"""The keys of clients: who asks, whether it may, and whether it asks too much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import ClassVar

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError, Refused
from governance.client_key import FORM, ClientKey, Scope, digest_of_key
from governance.client_keys import ClientKeys
from governance.last_line import LastLine
from serving.problems import Unauthorized
from serving.rates import Pace, Rates

SCHEME = "bearer "


class ScopeMissing(Refused):
    """The key stands, and does not open this."""

    title = "Scope missing"

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"the key does not open {scope}: `caregate keys issue` gives one that does")
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}


class TooManyRequests(CaregateError):
    """The key asked for more than its rate."""

    status: ClassVar[int] = 429
    title: ClassVar[str] = "Too many requests"

    def __init__(self, wait: float, pace: Pace) -> None:
        super().__init__("the key asks for more instances than its rate allows: ask again after Retry-After seconds")
        seconds = max(1, -int(-wait // 1))
        self.headers = {
            "Retry-After": str(seconds),
            "RateLimit-Policy": f'"key";q={pace.burst:.0f};w={max(1.0, pace.burst / pace.per_second):.0f}',
            "RateLimit": f'"key";r=0;t={seconds}',
        }


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks.

    Attributes
    ----------
    name
        Of the account.
    key_id
        Of the key; no secret.
    scopes
        What the key opens.
    """

    name: str
    key_id: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class _Held:
    key: ClientKey
    client: Client
    ends: float
    place: int
    pace: Pace


class Why(StrEnum):
    """Why a key was refused."""

    ENDED = "ended"
    GUESSED = "guessed"
    RATE = "rate"
    SCOPE = "scope"
    UNKNOWN = "unknown"


Refusal = Callable[[Why, str], None]
"""Hears why a key was refused, and whose: the id of a known key, or else the address that it came from."""


class Keys:
    """Tells clients by their bearer keys, in memory: what changes the keys is seen by the next request.

    Parameters
    ----------
    client_keys
        The keys of the home.
    last
        Tells whether the keys are still those in memory.
    pace
        Rate of a key that was issued without one.
    rates
        What each key has asked for, of all processes of the service.
    refused
        Hears of each refusal.
    """

    def __init__(
        self,
        client_keys: ClientKeys,
        last: LastLine,
        pace: Pace,
        *,
        rates: Rates | None = None,
        refused: Refusal | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._client_keys = client_keys
        self._last = last
        self._pace = pace
        self._rates = rates or Rates.alone()
        self._refused = refused or (lambda _why, _whose: None)
        self._clock = clock
        self._seq = -1
        self._ring: Mapping[str, _Held] = {}
        self._by_id: Mapping[str, _Held] = {}
        self._lock = Lock()

    def admit(self, authorization: str, scope: Scope, *, address: str = "") -> Client:
        """Return the client that sent this header, and count one instance.

        Parameters
        ----------
        authorization
            The header as it came: ``Bearer KEY``.
        scope
            What the key has to open.
        address
            Of the peer, for counting guesses; it is kept nowhere.

        Raises
        ------
        serving.problems.Unauthorized
            If the key was never issued, has expired, was revoked or its account was disabled.
        ScopeMissing
            If it does not open `scope`.
        TooManyRequests
            If it asks for more than its rate.
        """
        if self._last.seq() != self._seq:
            self._load()
        sent = authorization[len(SCHEME) :] if authorization[: len(SCHEME)].lower() == SCHEME else ""
        held = self._ring.get(digest_of_key(sent)) if sent.isascii() else None
        if held is None or self._clock().timestamp() >= held.ends:
            self._refuse(sent, held, address)
            raise Unauthorized
        if scope not in held.client.scopes:
            self._refused(Why.SCOPE, held.client.key_id)
            raise ScopeMissing(scope)
        self._take(held, 1)
        return held.client

    def charge(self, client: Client, instances: int) -> None:
        """Count the instances of a request beyond the first, which `admit` counted.

        Raises
        ------
        TooManyRequests
            If the key asks for more than its rate; then nothing of the request is to be answered.
        """
        held = self._by_id.get(client.key_id)
        if held is not None and instances > 1:
            self._take(held, instances - 1)

    def _take(self, held: _Held, instances: int) -> None:
        wait = self._rates.take(held.place, instances, held.pace)
        if wait > 0:
            self._refused(Why.RATE, held.client.key_id)
            raise TooManyRequests(wait, held.pace)

    def _refuse(self, sent: str, held: _Held | None, address: str) -> None:
        named = FORM.fullmatch(sent)
        known = self._by_id.get(named["key_id"]) if named else None
        if held is not None:
            self._refused(Why.ENDED, held.client.key_id)
        elif known is not None:
            self._refused(Why.GUESSED, known.client.key_id)
        elif sent:
            self._refused(Why.UNKNOWN, address)

    def _load(self) -> None:
        with self._lock:
            seq = self._last.seq()
            held = [self._hold(place, key) for place, key in enumerate(self._client_keys.all())]
            self._ring = {item.key.digest: item for item in held}
            self._by_id = {item.key.key_id: item for item in held}
            self._seq = seq

    def _hold(self, place: int, key: ClientKey) -> _Held:
        pace = self._pace if key.rate_per_second is None else self._pace.at(key.rate_per_second)
        client = Client(key.client, key.key_id, key.scopes)
        return _Held(key, client, key.ends_at.timestamp(), place, pace)

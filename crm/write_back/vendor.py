"""A vendor's API over HTTP: encrypted, within the budget, tried again where that can do no harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from crm.write_back.budget import Budget
from crm.write_back.policy import Requests
from crm.write_back.target import Insecure, Unanswered

FAULT = 500


class _TryAgain(Exception):
    """The vendor took nothing, and may take it next time."""


class Vendor:
    """Sends requests to one vendor.

    Parameters
    ----------
    address
        Where the API stands; https, but for loopback.
    headers
        The sign-in.
    budget
        How many requests may go out.
    policy
        Attempts and time-outs.

    Raises
    ------
    Insecure
        If the address is not encrypted.
    """

    def __init__(
        self,
        address: str,
        headers: Mapping[str, str],
        budget: Budget,
        policy: Requests,
        *,
        sleep: Callable[[float], None],
    ) -> None:
        url = httpx.URL(address)
        if url.scheme != "https" and not _is_loopback(url.host):
            raise Insecure
        self._client = httpx.Client(
            base_url=url, headers=dict(headers), timeout=policy.timeout_seconds, follow_redirects=False
        )
        self._budget = budget
        self._policy = policy
        self._sleep = sleep

    def send(
        self, method: str, path: str, *, body: Any = None, params: Mapping[str, str | int] | None = None, again: bool
    ) -> httpx.Response:
        """Return the vendor's answer, of whatever status below 500 but 429.

        Parameters
        ----------
        again
            Whether the request may be sent a second time when nobody knows what became of the first. What was refused
            for the quota (429) was not carried out, and is always sent again.

        Raises
        ------
        Unanswered
            If no answer came, or only faults.
        crm.write_back.target.QuotaSpent
            If the vendor takes no more for now.
        """
        request = self._client.build_request(method, path, json=body, params=params)
        attempts = Retrying(
            stop=stop_after_attempt(self._policy.attempts),
            wait=wait_exponential_jitter(multiplier=0.5, max=30),
            retry=retry_if_exception_type(_TryAgain),
            sleep=self._sleep,
            retry_error_callback=_give_up,
        )
        answer: httpx.Response = attempts(self._once, request, again=again)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _once(self, request: httpx.Request, *, again: bool) -> httpx.Response:
        self._budget.take()
        try:
            answer = self._client.send(request)
        except httpx.ConnectError:  # nothing went out
            raise _TryAgain from None
        except httpx.TransportError:
            raise (_TryAgain if again else Unanswered) from None
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._budget.refused(answer.headers)
            raise _TryAgain
        if answer.status_code >= FAULT:
            raise (_TryAgain if again else Unanswered)
        self._budget.learn(answer.headers)
        return answer


def _give_up(_state: RetryCallState) -> httpx.Response:
    raise Unanswered


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

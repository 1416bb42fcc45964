"""Prefect's API as anybody with its password uses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from flows.environment import POOL

PATIENCE = 60.0
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Prefect:
    """What a user of Prefect can do.

    Parameters
    ----------
    address
        Of the API.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, method: str, route: str, **body: Any) -> Any:
        while True:
            answer = httpx.request(method, self._address + route, json=None if method == "GET" else body, timeout=60)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # else its database is at work
                break
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def deploy(self, flow: str, **given: Any) -> str:
        """Deploy a flow of this name to the worker's pool, and return the deployment's id."""
        made = {
            "name": f"{flow}-{uuid4().hex[:8]}",
            "flow_id": self.ask("POST", "/flows/", name=flow)["id"],
            "entrypoint": f"flows/{flow}.py:{flow}",
            "enforce_parameter_schema": False,
        }
        return str(self.ask("POST", "/deployments/", **made | given)["id"])

    def deploy_to_pool(self, flow: str, **given: Any) -> str:
        """Deploy it to the worker's pool."""
        return self.deploy(flow, work_pool_name=POOL, **given)

    def start(self, deployment: str, **given: Any) -> str:
        return str(self.ask("POST", f"/deployments/{deployment}/create_flow_run", **given)["id"])

    def run(self, flow_run: str) -> Any:
        return self.ask("GET", f"/flow_runs/{flow_run}")

    def forget(self, flow_run: str) -> None:
        self.ask("DELETE", f"/flow_runs/{flow_run}")

    def end_of(self, flow_run: str) -> tuple[str, str]:
        """Wait for the run's end and return its state and message."""
        state = self._wait(flow_run, lambda run: run["state_type"] in ENDED)["state"]
        return state["type"], state["message"] or ""

    def wait_for(self, flow_run: str, state: str) -> None:
        self._wait(flow_run, lambda run: run["state_type"] == state)

    def _wait(self, flow_run: str, holds: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not holds(run := self.run(flow_run)):
            assert time.monotonic() < deadline, run["state"]
            time.sleep(0.1)
        return run

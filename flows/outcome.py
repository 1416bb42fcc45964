"""What a flow that runs in this process returned, taken from the flow itself.

Prefect reads a result from where the run's state says that it lies, by the deserialiser that the state names. States
are the server's, and whoever holds Prefect's password can set one that runs code in whoever reads it.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from functools import wraps
from typing import Any

from prefect import Flow

from caregate.errors import CaregateError

NOTHING = object()


class NotRun(CaregateError):
    """The server did not let the flow run, or its parameters did not fit."""

    def __init__(self, flow: str, why: str | None) -> None:
        super().__init__(f"Prefect did not run the flow {flow}: {why or 'its state was set by somebody else'}")


def outcome_of(flow: Flow[..., Any], parameters: Mapping[str, Any]) -> Any:
    """Run `flow` in this process and return its value; an error that it ends with is raised as it is.

    Raises
    ------
    NotRun
        If its function was never called.
    """
    value: Any = NOTHING
    raised: Exception | None = None

    @wraps(flow.fn)
    def watched(*args: Any, **kwargs: Any) -> Any:
        nonlocal value, raised
        try:
            value = flow.fn(*args, **kwargs)
        except Exception as error:
            raised = error
            raise
        return value

    # Prefect would look for the names in annotations among this file's.
    watched.__signature__ = inspect.signature(flow.fn, eval_str=True)  # type: ignore[attr-defined]
    watched_flow = copy.copy(flow)
    watched_flow.fn = watched
    state: Any = watched_flow(**parameters, return_state=True)
    if raised is not None:
        raise raised
    if value is NOTHING:
        raise NotRun(flow.name, state.message)
    return value

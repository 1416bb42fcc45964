"""The flows that the worker runs: those of this folder, named by their file, and no other.

None has Prefect keep its results: where they would go is a setting of Prefect's server, which all with its password
can change.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any

from prefect import Flow

from caregate.errors import Refused

OURS = ("ingest", "train", "promote", "score", "monitor")


class NotOurs(Refused):
    """The worker was asked to run something else than a flow of Caregate."""

    def __init__(self) -> None:
        super().__init__(
            f"the worker runs the flows {', '.join(OURS)} by the deployments that `caregate up` makes, and nothing else"
        )


class UnknownParameter(Refused):
    """A flow was given a parameter that it does not have."""

    def __init__(self, flow: str, known: Collection[str]) -> None:
        super().__init__(f"the flow {flow} has no other parameters than {', '.join(sorted(known))}")


def entrypoint_of(name: str) -> str:
    """Return how Prefect's deployments name the flow.

    Raises
    ------
    NotOurs
        If there is no such flow.
    """
    if name not in OURS:
        raise NotOurs
    return f"flows/{name}.py:{name}"


def flow_named(name: str) -> Flow[..., Any]:
    """Return the flow, imported from this folder whatever a deployment says.

    Raises
    ------
    NotOurs
        If there is no such flow.
    """
    entrypoint_of(name)
    flow = getattr(import_module(f"flows.{name}"), name)
    assert isinstance(flow, Flow)  # noqa: S101  each file of a flow holds the flow of its name
    return flow


def check_parameters(flow: Flow[..., Any], given: Collection[str]) -> None:
    """Refuse names that are no parameters of `flow`; their values are the flow's to validate.

    Raises
    ------
    UnknownParameter
        If there is one.
    """
    known = flow.parameters.properties
    if not set(given) <= set(known):
        raise UnknownParameter(flow.name, known)

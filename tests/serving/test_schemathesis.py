"""The service is held to its own OpenAPI document, by requests that are drawn from it: fit ones and unfit ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# The server runs in this process, and what it draws by `random` meanwhile is no draw of a strategy.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

WITHOUT_KEY = ("/healthz", "/readyz", "/metadata", "/cds-services")
NOT_READY = 503
PROBLEMS = ("application/problem+json", "application/fhir+json")
"""FHIR tells a refusal as an OperationOutcome."""
SHORTEST = 12
"""Characters of a text that no sentence of ours holds by chance; shorter ones are sent by the malformed requests."""
BRIEFLY = settings(
    max_examples=12, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def schema(address: str) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


def operations(schema: BaseSchema) -> list[APIOperation]:
    return [found.ok() for found in schema.get_all_operations()]


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, which may be nested."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from (*texts(name), *texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def has_manners(case: Case, reply: Response) -> bool:
    """Tell whether a refusal is a problem document that repeats nothing of what was sent."""
    if reply.status_code < 400 or reply.status_code == NOT_READY:
        return True
    sent = [*texts(case.body), *texts(case.path_parameters), *texts(case.query)]
    known = str(case.operation.definition.raw)  # names of fields are ours
    echoed = [text for text in sent if len(text) >= SHORTEST and text not in known and text in reply.text]
    return reply.headers["content-type"][0] in PROBLEMS and not echoed


def call_fitly(case: Case, key: str) -> Response:
    """Send a case as a client with a key, about a model and for a purpose that there are: else it ends there."""
    if "model" in case.path_parameters:
        case.path_parameters["model"] = "no-show"
    if isinstance(case.body, dict) and isinstance(case.body.get("purpose"), str):
        case.body["purpose"] = "reminder"
    return case.call(headers={"Authorization": f"Bearer {key}"})


class TestEveryOperation:
    @pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
    def test_answers_as_the_document_says(self, schema, clinic, mode):
        for operation in operations(schema):
            takes = [*operation.path_parameters, *operation.query, *operation.body]
            if mode is GenerationMode.NEGATIVE and not takes:
                continue

            @BRIEFLY
            @given(case=operation.as_strategy(generation_mode=mode))
            def answers(case: Case) -> None:
                reply = call_fitly(case, clinic.key)
                if reply.status_code != NOT_READY:
                    case.validate_response(reply, checks=CHECKS)
                assert has_manners(case, reply), f"{case.method} {case.operation.path}"

            answers()

    def test_asks_for_a_key_first(self, schema):
        for operation in operations(schema):
            if operation.path in WITHOUT_KEY:
                continue

            @settings(BRIEFLY, max_examples=3)
            @given(case=operation.as_strategy())
            def refuses(case: Case) -> None:
                reply = case.call(headers={"Authorization": "Bearer cg_nobodys"})
                assert reply.status_code in (401, 404, 422), f"{case.method} {case.operation.path}"
                assert has_manners(case, reply)

            refuses()

"""A flow that runs in this process: its own value and its own error, and nothing that the server says they were."""

from __future__ import annotations

from typing import Annotated

import pytest
from prefect import flow
from pydantic import Field

from flows.outcome import NotRun, outcome_of

pytestmark = pytest.mark.usefixtures("prefect_server")

Amount = Annotated[int, Field(ge=0)]
"""A type that has its name in the flow's own file alone."""


@flow(name="divide", validate_parameters=True)
def divide(what: Amount, by: int = 1) -> float:
    return what / by


class TestOutcomeOf:
    def test_is_the_value_of_the_function(self) -> None:
        assert outcome_of(divide, {"what": 6, "by": 4}) == 1.5

    def test_or_its_error(self) -> None:
        with pytest.raises(ZeroDivisionError):
            outcome_of(divide, {"what": 6, "by": 0})

    def test_and_what_was_never_called_has_none(self) -> None:
        with pytest.raises(NotRun, match="divide"):
            outcome_of(divide, {"what": "many"})

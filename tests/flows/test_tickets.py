"""Whose a run is that went through Prefect, where everybody has the same password."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from caregate.cli import app
from caregate.settings import Settings
from flows.queueing import NotDeployed, queue_training
from flows.train import train
from registry.authorship import Author
from registry.tickets import Run, TicketRefused, issue_ticket
from tests.flows.prefect_user import Prefect

RUN = Run("no-show", "sha256:" + "a" * 64, 0)
pytestmark = pytest.mark.usefixtures("prefect_server")


class TestARunThroughPrefect:
    """What becomes of a good ticket, and of none, stands in `test_lifecycle.py`, where models are trained."""

    @pytest.mark.parametrize("change", [{"model": "readmission-risk"}, {"seed": 1}, {"snapshot": None}])
    def test_with_another_runs_ticket_is_refused_and_not_taken_for_nobodys(
        self, home: Settings, ada: Author, change: dict[str, object]
    ) -> None:
        asked = {"model": RUN.model, "snapshot": RUN.snapshot, "seed": RUN.seed} | change
        with pytest.raises(TicketRefused, match="another model, snapshot or seed"):
            train(**asked, ticket=issue_ticket(home, RUN, ada))

    @pytest.mark.parametrize("forged", ["", "ada", "eyJhdXRob3IiOiJhZGEifQ=="])
    def test_with_a_forged_ticket_is_refused(self, home: Settings, forged: str) -> None:
        with pytest.raises(TicketRefused, match="not one of this home"):
            train(model=RUN.model, snapshot=RUN.snapshot, seed=RUN.seed, ticket=forged)


class TestQueueing:
    def test_hands_the_run_and_its_ticket_to_the_deployment_of_the_model(
        self, home: Settings, ada: Author, prefect_server: str
    ) -> None:
        prefect = Prefect(prefect_server)
        deployment = prefect.deploy("train", name="train-no-show")
        ticket = issue_ticket(home, RUN, ada)
        queued = prefect.run(str(queue_training(RUN, ticket)))
        assert queued["deployment_id"] == deployment
        assert queued["parameters"] == {
            "model": "no-show",
            "snapshot": RUN.snapshot,
            "seed": RUN.seed,
            "ticket": ticket,
        }
        prefect.forget(queued["id"])

    def test_says_where_prefect_has_no_such_deployment(self) -> None:
        with pytest.raises(NotDeployed, match="train-readmission-risk"):
            queue_training(Run("readmission-risk", RUN.snapshot, 0), None)

    def test_asks_for_a_running_stack(self, home: Settings) -> None:
        result = CliRunner().invoke(app, ["run", "no-show", "--queue", "--home", str(home.home)])
        assert result.exit_code == 2
        assert "caregate up" in result.output

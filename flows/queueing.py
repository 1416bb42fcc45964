"""Starting a training run of the stack's Prefect, with a ticket that says whose it is."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from caregate.errors import NotFound
from registry.tickets import Run


class NotDeployed(NotFound):
    """Prefect does not know the deployment that trains the model."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"Prefect has no deployment train-{model}: `caregate up` makes it once it says that it is ready"
        )


def queue_training(run: Run, ticket: str | None) -> UUID:
    """Start the deployment that trains `run.model`, and return the flow run's id; the worker takes it up.

    Raises
    ------
    NotDeployed
        If there is none.
    """
    parameters = {"model": run.model, "snapshot": run.snapshot, "seed": run.seed, "ticket": ticket}
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(f"train/train-{run.model}")
        except ObjectNotFound:
            raise NotDeployed(run.model) from None
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id

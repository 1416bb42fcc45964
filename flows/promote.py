"""The promote flow: an approved version becomes the champion. No rule of its own."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from caregate.errors import Refused
from caregate.settings import load_settings
from registry.address import running_stack
from registry.promotion import promote as promote_version


def _may_pass(_task: object, _run: TaskRun, state: State[object]) -> bool:
    return not isinstance(state.result(raise_on_failure=False), Refused)


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=1, retry_condition_fn=_may_pass, persist_result=False)
def set_champion(model: str, version: int) -> str:
    """Copy the approved files, point the alias to them and return their digest."""
    champion = promote_version(load_settings(), model, version)
    get_run_logger().info("%s %s is the champion, signed by %s", model, version, ", ".join(champion.standing.signed_by))
    return champion.digest


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=1, persist_result=False)
def link_to_version(model: str, version: int) -> None:
    """Leave a link to the version's page in MLflow."""
    stack = running_stack(load_settings())
    if stack is not None:
        page = f"{stack.mlflow}/#/models/{model}/versions/{version}"
        create_link_artifact(page, f"{model} {version}", key=f"{model}-champion", description="the champion")


@flow(name="promote", persist_result=False)
def promote(model: str, version: int) -> None:
    """Make an approved version the champion.

    Parameters
    ----------
    model
        Registered model, such as ``no-show``.
    version
        Number of a version that a reviewer approved.
    """
    set_champion(model, version)
    link_to_version(model, version)

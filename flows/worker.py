"""The worker: runs the flows of this folder and nothing else, ``python -m flows.worker``.

Prefect's own process worker runs any command that a deployment, its job variables or its work pool name, as the home's
owner, and Prefect has one password for all. This one reads of a flow run its name and its parameters.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutor, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.utilities.processutils import command_to_string
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from caregate.settings import load_settings
from flows.environment import POOL
from flows.ours import NotOurs, entrypoint_of

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

NOTHING_TO_SET: dict[str, Any] = {
    "job_configuration": {"name": "{{ name }}"},  # Prefect takes an empty one for none
    "variables": {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False},
}
"""The work pool's template: no command, no environment, no folder."""


class NothingFromOutside(BaseJobConfiguration):
    """The configuration of a run, which takes nothing from deployments, job variables or the work pool."""

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        *,
        client: PrefectClient,  # noqa: ARG003  Prefect calls it by these names
        work_pool: WorkPool,
        worker_name: str,
        worker_id: UUID | None = None,
        deployment: DeploymentResponse | None = None,  # noqa: ARG003
    ) -> Self:
        """Return a configuration that says whose run it is, and no more."""
        configuration = cls()
        configuration.prepare_for_flow_run(flow_run, work_pool=work_pool, worker_name=worker_name, worker_id=worker_id)
        return configuration


class NoHooks:
    """What runs when a flow run was cancelled or crashed: our flows ask for nothing, and no other is asked."""

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Do nothing."""

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State) -> None:
        """Do nothing."""


class OurFlows(BaseWorker[NothingFromOutside, BaseVariables, BaseWorkerResult]):
    """Runs each flow run in a process of its own; cancels and reports crashes as Prefect's process worker does."""

    type = "caregate"
    job_configuration = NothingFromOutside
    _display_name = "Caregate"
    _description = "Runs Caregate's flows on this machine, and nothing else."

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Return the template of the work pool that this worker makes."""
        return NOTHING_TO_SET

    async def run(
        self,
        flow_run: FlowRun,
        configuration: NothingFromOutside,  # noqa: ARG002
        task_status: TaskStatus[int] | None = None,
    ) -> BaseWorkerResult:
        """Run one of our flows to its end.

        Raises
        ------
        NotOurs
            If it is another; Prefect shows the run as crashed, with these words.
        """
        await self._require_ours(flow_run)
        async with FlowRunExecutorContext() as context:
            command = command_to_string([sys.executable, "-m", "flows.execute", str(flow_run.id)])
            starter = EngineCommandStarter(command=command, control_channel=context.control_channel)
            executor = context.create_executor(flow_run, starter, propose_submitting=False, hook_runner=NoHooks())
            ended = await _run_to_its_end(executor, task_status or anyio.TASK_STATUS_IGNORED)
        if ended is None or ended.status_code is None:
            return BaseWorkerResult(status_code=1, identifier="")
        return BaseWorkerResult(status_code=ended.status_code, identifier=str(ended.handle.pid))

    async def _require_ours(self, flow_run: FlowRun) -> None:
        if flow_run.deployment_id is None:
            raise NotOurs
        name = (await self.client.read_flow(flow_run.flow_id)).name
        deployment = await self.client.read_deployment(flow_run.deployment_id)
        if deployment.entrypoint != entrypoint_of(name):
            raise NotOurs


async def _run_to_its_end(executor: FlowRunExecutor, task_status: TaskStatus[int]) -> FlowRunExecutionResult | None:
    ended: FlowRunExecutionResult | None = None

    async def submit(*, task_status: TaskStatus[ProcessHandle]) -> None:
        nonlocal ended
        ended = await executor.submit(task_status=task_status)

    async with anyio.create_task_group() as tasks:
        handle: ProcessHandle = await tasks.start(submit)
        task_status.started(handle.pid or 0)
    return ended


def main() -> None:
    """Work until told to stop."""
    load_settings().exchange_dir.mkdir(mode=0o700, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))  # which ends children too
    try:
        anyio.run(OurFlows(work_pool_name=POOL).start)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()

"""One flow run in a process of its own, for the worker: ``python -m flows.execute FLOW_RUN_ID``.

The flow is the one of this folder that has the flow run's name. Where a deployment says that code is, what it is
started with and which steps come before is not read.
"""

from __future__ import annotations

import sys
from uuid import UUID

from prefect._internal.control_listener import configure_from_env
from prefect.client.orchestration import get_client
from prefect.engine import handle_engine_signals
from prefect.flow_engine import run_flow
from prefect.states import Failed

from caregate.errors import CaregateError
from flows.ours import check_parameters, flow_named


def execute(flow_run_id: UUID) -> None:
    """Run the flow run to its end; one that is not ours ends as failed."""
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(flow_run_id)
        try:
            flow = flow_named(client.read_flow(flow_run.flow_id).name)
            check_parameters(flow, flow_run.parameters)
        except CaregateError as error:
            client.set_flow_run_state(flow_run_id, Failed(message=str(error)))
            return
    # The state and not the result: to read a result, Prefect may load what a state of its server points to.
    run_flow(flow, flow_run=flow_run, return_type="state")


def main() -> None:
    """Run the flow run that the command line names."""
    flow_run_id = UUID(sys.argv[1])
    configure_from_env()  # the worker's line, by which it says that a run was cancelled
    with handle_engine_signals(flow_run_id):
        execute(flow_run_id)


if __name__ == "__main__":
    main()

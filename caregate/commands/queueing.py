"""`caregate run MODEL --queue`: leaving runs to the worker of `caregate up`, under the name of who signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caregate.commands.context import Context
from caregate.errors import BadInput
from flows.environment import start_prefect

if TYPE_CHECKING:
    from registry.address import StackAddress
    from registry.authorship import Author
    from registry.stages import Job


class NotUp(BadInput):
    """A run is to be left to the worker, and the home's servers do not run."""

    def __init__(self) -> None:
        super().__init__(
            "there is no worker to leave the run to: start the servers with `caregate up`, or leave --queue out"
        )


def required_stack(context: Context) -> StackAddress:
    """Return where the home's servers answer.

    Raises
    ------
    NotUp
        If they do not run.
    """
    from registry.address import running_stack

    stack = running_stack(context.settings)
    if stack is None:
        raise NotUp
    return stack


def queue_runs(context: Context, jobs: list[Job], author: Author, stack: StackAddress) -> None:
    """Start each job in Prefect as the author's, and show the pages of the flow runs."""
    from registry.tickets import Run, issue_ticket

    start_prefect(context.settings)
    from flows.queueing import queue_training

    pages = {}
    for job in jobs:
        run = Run(job.run.spec.name, job.snapshot.manifest.digest, job.run.seed)
        flow_run = queue_training(run, issue_ticket(context.settings, run, author))
        pages[run.model] = f"{stack.prefect}/runs/flow-run/{flow_run}"
    context.terminal.result(pages)
    for model, page in pages.items():
        context.terminal.line(f"{model} is queued as {author.name}'s run: {page}")

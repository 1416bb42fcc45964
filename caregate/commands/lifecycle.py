"""`caregate init`, `ingest`, `run`, `up`: from an export to a version that awaits its sign-off."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caregate.commands.context import (
    AsJson,
    Context,
    Home,
    ensure_home,
    guarded,
    open_context,
    show_credentials,
    sign_in_first_engineer,
)
from caregate.commands.queueing import queue_runs, required_stack
from caregate.home import make_home
from caregate.settings import DEFAULT_HOME
from caregate.terminal import plain, program
from flows.environment import start_prefect

if TYPE_CHECKING:
    from registry.authorship import Author

PENDING = "pending"


@guarded
def init(home: Home = None, as_json: AsJson = False) -> None:
    """Make the home: databases, keys, first accounts. Each generated secret is shown once."""
    context = open_context(home, as_json, must_exist=False)
    credentials = make_home(context.settings)
    sign_in_first_engineer(context)
    if as_json:
        named = {item.account: {"role": item.role, "secret": item.secret} for item in credentials}
        context.terminal.result({"home": str(context.settings.home), "accounts": named})
    else:
        show_credentials(context.terminal, context.settings, credentials)
        context.terminal.line(f"home: {context.settings.home}")


@guarded
def ingest(
    source: Annotated[str, typer.Argument(help="synthetic, csv, parquet, noshow-kaggle or diabetes-130")],
    location: Annotated[str | None, typer.Argument(metavar="[PATH]", help="The source's file or folder.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for the data; by default you.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows to draw (synthetic).")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Where chance starts (synthetic).")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Map a source to canonical tables without identities and publish them as a snapshot."""
    from flows.reading import read_source

    context = open_context(home, as_json, must_exist=False)
    options = {name: value for name, value in (("rows", rows), ("seed", seed)) if value is not None}
    with context.terminal.progress() as shown:
        shown.step(f"reading {source}")
        read_source(source, location, options)  # bad input ends here, before anything is written
        shown.end_step()
        ensure_home(context)
        start_prefect(context.settings)
        from flows.ingest import ingest as flow

        manifest = _in_flow(context, flow, source=source, location=location, owner=owner, rows=rows, seed=seed)
    _show_snapshot(context, manifest)


def _show_snapshot(context: Context, digest: str) -> None:
    from crm.snapshot import open_snapshot

    manifest = open_snapshot(context.settings.snapshots_dir, digest).manifest
    terminal = context.terminal
    terminal.result(vars(manifest))
    terminal.line(digest)
    terminal.line(f"rows: {plain({name: f'{rows:,}' for name, rows in manifest.tables.items() if rows})}")
    terminal.line(f"quarantined: {plain(manifest.quarantined)}")
    if manifest.released:
        terminal.line(f"released: {plain(manifest.released)}")
    terminal.line(f"repaired: {plain(manifest.repaired)}")
    terminal.line(f"basis: {manifest.basis}, owner: {manifest.owner}")


@guarded
def run(
    model: Annotated[str, typer.Argument(help="no-show, readmission-risk or all")],
    snapshot: Annotated[str | None, typer.Option(help="Digest, or its first digits; by default the newest.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of split and fit.")] = 0,
    queue: Annotated[bool, typer.Option("--queue", help="Leave the run to the worker of `caregate up`.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Validate, train, judge and register; ends with the gates' verdicts and where to sign. Exit 1: a gate failed."""
    from models.catalogue import SPECS
    from registry.stages import open_job

    context = open_context(home, as_json)
    stack = required_stack(context) if queue else None
    author = _author(context)
    wanted = tuple(SPECS) if model == "all" else (model,)
    jobs = [  # bad input ends here
        open_job(context.settings, name, snapshot=snapshot, author=author.name, seed=seed) for name in wanted
    ]
    if stack:
        queue_runs(context, jobs, author, stack)
        return
    with context.terminal.progress() as shown:
        shown.step("starting Prefect")
        start_prefect(context.settings)
        from flows.train import train

        ended = [_in_flow(context, train, model=name, snapshot=snapshot, seed=seed) for name in wanted]
    _show_runs(context, ended)


def _author(context: Context) -> Author:
    from registry.authorship import author_of

    author = author_of(context.settings)
    if not author.proven:
        context.terminal.note(
            "nobody is signed in: the author counts as unproven, so that two have to sign; see `caregate sign-in`"
        )
    return author


def _show_runs(context: Context, ended: list[Any]) -> None:
    terminal = context.terminal
    terminal.result([item.model_dump(mode="json") for item in ended])
    gates = list(dict.fromkeys(gate for item in ended for gate in item.gates))
    rows = [(gate, *(item.gates[gate].value for item in ended)) for gate in gates]
    rows.append(("all", *(item.status.value for item in ended)))
    terminal.line("")
    terminal.table("gates", ("gate", *(item.model for item in ended)), rows)
    for item in ended:
        terminal.line(f"evidence of {item.model}: {item.report}")
    waiting = [item for item in ended if item.state == PENDING]
    for item in ended:
        if item.version is None:
            terminal.line(f"{item.model} is not registered: a gate failed. Its run is kept.", style="red")
        elif item.state != PENDING:
            terminal.line(f"{item.model}: nothing new, this is version {item.version}, which is {item.state} already.")
    if waiting:
        terminal.line(_next_step(context, waiting), style="bold")
    if any(item.version is None for item in ended):
        raise typer.Exit(1)


def _next_step(context: Context, waiting: list[Any]) -> str:
    from registry.address import running_stack

    pages = " and ".join(f"/#/models/{item.model}/versions/{item.version}" for item in waiting)
    stack = running_stack(context.settings)
    up = f"run `{program()} up{_home_option(context)}`, open http://127.0.0.1:{context.settings.port_base}"
    place = f"open {stack.mlflow}" if stack else up
    two = " and ".join(item.model for item in waiting if item.signatures > 1)
    second = f" {two} takes a second signature, as `clinician`." if two else ""
    return (
        f"Awaiting sign-off. Next: {place} with {pages} as `reviewer`, read the evidence and set the tag `approval` "
        f"to `approved`.{second}"
    )


def _home_option(context: Context) -> str:
    home = context.settings.home
    return "" if home == DEFAULT_HOME else f" --home {shlex.quote(str(home))}"


@guarded
def demo(
    rows: Annotated[int, typer.Option(min=5_000, help="Appointments, and encounters, to draw.")] = 30_000,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Run both models from ingest to "awaiting sign-off" on synthetic data."""
    from flows.reading import read_source
    from models.catalogue import SPECS

    context = open_context(home, as_json, must_exist=False)
    with context.terminal.progress() as shown:
        shown.step(f"drawing {rows:,} synthetic appointments and encounters")
        read_source("synthetic", None, {"rows": rows})
        shown.end_step()
        ensure_home(context)
        shown.step("starting Prefect")
        start_prefect(context.settings)
        from flows.ingest import ingest as ingest_flow
        from flows.train import train

        digest = _in_flow(context, ingest_flow, source="synthetic", rows=rows)
        ended = [_in_flow(context, train, model=name, snapshot=digest) for name in SPECS]
    _show_runs(context, ended)


@guarded
def up(
    port_base: Annotated[int | None, typer.Option(min=1024, max=65000, help="First of the ports.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Start MLflow with sign-off, Prefect with its worker, and scoring, on this machine alone; Ctrl-C stops all."""
    from caregate.secret_store import read_secrets
    from caregate.stack import run_stack

    context = open_context(home, as_json)
    settings = context.settings.model_copy(update={"port_base": port_base or context.settings.port_base})
    raise typer.Exit(run_stack(settings, read_secrets(settings.secrets_file), announce=context.terminal.note))


def _in_flow(context: Context, flow: Any, **parameters: Any) -> Any:
    from flows.local import run_here
    from registry.authorship import author_of

    return run_here(flow, parameters, author=author_of(context.settings), listener=context.terminal.step)

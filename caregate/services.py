"""What `caregate up` runs: the servers of a home, how each is started and how it says that it is ready."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from caregate.secret_store import PREFECT_USER, Secrets, read_secrets
from caregate.settings import Settings
from flows.environment import POOL, prefect_environment
from registry.launch import home_environment, mlflow_command, mlflow_environment

HOST, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - known, not listened on here
PROJECT = Path(__file__).resolve().parent.parent
"""Where ``prefect.yaml`` and the folders of the flows stand."""


@dataclass(frozen=True)
class Service:
    """One server or worker.

    Attributes
    ----------
    name
        Of its log and in messages.
    command, environment
        How it is started; the environment is added to the supervisor's.
    ready
        Address that answers 200 once it is ready, None where it has none.
    sign_in
        User and password that the address asks for, None where it asks for none.
    certificate
        That the address shows, None where it speaks plain HTTP.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: str | None = None
    sign_in: tuple[str, str] | None = None
    certificate: Path | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers answer."""

    mlflow: str
    prefect: str
    scoring: str

    @classmethod
    def of(cls, settings: Settings) -> Addresses:
        """Return the addresses that follow from the settings' port base."""
        mlflow, prefect, scoring = ports(settings)
        scheme = "http" if settings.tls_certificate is None else "https"
        loopback = settings.scoring_host in (HOST, EVERYWHERE)
        host = HOST if loopback else settings.scoring_host
        return cls(f"http://{HOST}:{mlflow}", f"http://{HOST}:{prefect}", f"{scheme}://{host}:{scoring}")


def ports(settings: Settings) -> tuple[int, int, int]:
    """Return the ports of MLflow, Prefect and scoring."""
    return settings.port_base, settings.port_base + 1, settings.port_base + 2


def flow_environment(settings: Settings) -> dict[str, str]:
    """Return what Prefect's server, worker and clients share."""
    api = f"{Addresses.of(settings).prefect}/api"
    return (
        home_environment(settings)
        | prefect_environment(settings, api)
        | {
            "PREFECT_UI_API_URL": api,
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": Addresses.of(settings).prefect,
            "PREFECT_LOGGING_LEVEL": "INFO",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
    )


def servers(settings: Settings, secrets: Secrets) -> list[Service]:
    """Return what has to answer before anything else is started."""
    mlflow_port, prefect_port, _ = ports(settings)
    where = Addresses.of(settings)
    mlflow = home_environment(settings) | mlflow_environment(settings, secrets)
    prefect = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(prefect_port)]
    return [
        Service("mlflow", mlflow_command(mlflow_port, settings.public_url), mlflow, f"{where.mlflow}/health"),
        Service("prefect", prefect, flow_environment(settings), f"{where.prefect}/api/health"),
    ]


def workers(settings: Settings) -> list[Service]:
    """Return what works for the servers: flows, promotion, scores."""
    where, environment = Addresses.of(settings), flow_environment(settings)
    sign_in = (PREFECT_USER, read_secrets(settings.secrets_file).prefect_password)
    worker = [sys.executable, "-m", "flows.worker"]
    return [
        Service("worker", worker, environment, f"{where.prefect}/api/work_pools/{POOL}", sign_in),
        Service("promoter", [sys.executable, "-m", "flows.watch"], environment),
        Service(
            "scoring",
            [sys.executable, "-m", "serving"],
            home_environment(settings),
            f"{where.scoring}/healthz",
            certificate=settings.tls_certificate,
        ),
    ]


def deployment(settings: Settings) -> Service:
    """Return the one-off that tells Prefect's server of every flow."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    return Service("deploy", command, flow_environment(settings))

"""How the MLflow server of a home is started: its command, its environment, its sign-in file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sqlalchemy.engine import make_url

from caregate.secret_store import Secrets
from caregate.settings import Settings
from registry.artifacts import destination_of
from registry.origins import own_hosts

APP = "caregate"
PASSWORDS = "mlflow.server.auth:authenticate_request_basic_auth"
PROXY = "registry.server.single_sign_on:authenticate"

SIGN_IN = """[mlflow]
default_permission = READ
database_uri = sqlite:///{database}
admin_username = admin
authorization_function = {function}
grant_default_workspace_access = false
auth_cache_ttl_seconds = 0
"""


def mlflow_command(port: int, public_url: str | None = None) -> list[str]:
    """Return the command that starts the server on loopback `port`, known to people by `public_url`."""
    options = {
        "--app-name": APP,
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--allowed-hosts": ",".join(own_hosts(port, public_url)),
    }
    flat = [part for option in options.items() for part in option]
    return [sys.executable, "-m", "mlflow", "server", *flat]


def mlflow_environment(settings: Settings, secrets: Secrets) -> dict[str, str]:
    """Return what the server's environment adds: secrets pass by it, never by the command line."""
    return {
        "MLFLOW_BACKEND_STORE_URI": guarded_url(settings),
        "MLFLOW_REGISTRY_STORE_URI": guarded_url(settings),
        "MLFLOW_ARTIFACTS_DESTINATION": destination_of(settings),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.flask_key,
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.admin_password,
        "MLFLOW_AUTH_CONFIG_PATH": str(_write_sign_in_file(settings)),
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": secrets.webhook_key,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "DO_NOT_TRACK": "true",
    }


def guarded_url(settings: Settings) -> str:
    """Return the registry's address under the guarded scheme; MLflow knows that scheme without a driver's name."""
    url = make_url(settings.registry_url)
    return url.set(drivername=f"{APP}+{url.get_backend_name()}").render_as_string(hide_password=False)


def home_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which a child process reads the same settings."""
    values = settings.model_dump(exclude_none=True, by_alias=True, mode="json") | {"home": str(settings.home.resolve())}
    return {f"CAREGATE_{key.upper()}": _as_text(value) for key, value in values.items()}


def _as_text(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def sign_in_database(settings: Settings) -> Path:
    """Return where MLflow keeps its sign-ins."""
    return settings.mlflow_dir / "sign-in.db"


def _write_sign_in_file(settings: Settings) -> Path:
    settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
    path = settings.mlflow_dir / "sign-in.ini"
    function = PROXY if settings.single_sign_on else PASSWORDS
    path.write_text(SIGN_IN.format(database=sign_in_database(settings), function=function), encoding="utf-8")
    return path

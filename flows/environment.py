"""What Prefect reads from the environment; it has to stand there before Prefect is imported."""

from __future__ import annotations

import os

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from registry.address import running_stack

POOL = "caregate"
"""The work pool that our worker works for."""
EPHEMERAL_START_SECONDS = 120
"""A new database is migrated at the first start, which takes longer than Prefect's own 20 seconds on a busy machine."""


def prefect_environment(settings: Settings, api_url: str | None = None) -> dict[str, str]:
    """Return Prefect's variables: this home's own database, nothing sent anywhere, JSON instead of pickles.

    Parameters
    ----------
    settings
        Of the home.
    api_url
        Of a running server; without one that of the home's running stack, else Prefect starts its own for the run.
    """
    stack = running_stack(settings)
    sign_in = read_secrets(settings.secrets_file).prefect_sign_in
    address = api_url or (f"{stack.prefect}/api" if stack else None)
    values = {
        "PREFECT_HOME": str(settings.prefect_dir),
        "PREFECT_PROFILES_PATH": str(settings.prefect_dir / "profiles.toml"),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(EPHEMERAL_START_SECONDS),
        # Flows work as the home's owner: nobody starts one without the home's own sign-in.
        "PREFECT_SERVER_API_AUTH_STRING": sign_in,
        "PREFECT_API_AUTH_STRING": sign_in,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Automations send requests from the server to any address that a Prefect user writes down.
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }
    return values | ({"PREFECT_API_URL": address} if address else {})


def start_prefect(settings: Settings) -> None:
    """Put Prefect's variables into this process's environment; flows are imported after it."""
    os.environ.update(prefect_environment(settings))

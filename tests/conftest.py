"""What several rooms' tests share: the real data, a home, and one Prefect server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
KEPT_OFF = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}
os.environ.update(KEPT_OFF)  # read when Prefect and MLflow are imported


def _real(path: Path) -> Path:
    if not path.is_file():
        pytest.skip(f"the real data set {path.name} is not beside the project")
    return path


@pytest.fixture(scope="session")
def real_appointments() -> Path:
    """The public no-show file, with all its defects."""
    return _real(DATA / "noshow" / "appointments.csv.gz")


@pytest.fixture(scope="session")
def real_encounters() -> Path:
    """The public readmission file, with all its defects."""
    return _real(DATA / "readmission" / "encounters.csv.gz")


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """One Prefect server with a database of its own, and its API's address."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=180),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield str(PREFECT_API_URL.value())

"""Where things stand in MLflow's UI: paths below its address, for whoever follows a link."""

from __future__ import annotations

import re

from caregate.settings import Settings
from registry.address import running_stack
from registry.approvals import VersionKey
from registry.versions import RegisteredVersion

_EXPERIMENT = re.compile(r"[a-z-]+:/(\d+)/")
REPORT = "evidence/report.html"


def mlflow_address(settings: Settings) -> str:
    """Return where people reach MLflow: the address that was set, else where it runs, else where it would."""
    if settings.public_url:
        return settings.public_url
    stack = running_stack(settings)
    return stack.mlflow if stack else f"http://127.0.0.1:{settings.port_base}"


def version_page(key: VersionKey) -> str:
    """Return the page of a version: brief and sign-off."""
    return f"#/models/{key.model}/versions/{key.version}"


def report_page(experiment: str, run_id: str) -> str:
    """Return the page on which a run's report is open.

    MLflow opens a single file by its address on the page of a run alone; on that of a logged model it finds nothing.
    """
    return f"#/experiments/{experiment}/runs/{run_id}/artifacts/{REPORT}"


def history_page(model: str) -> str:
    """Return the page that says what was in use when, and who had signed it."""
    return f"/caregate/history/{model}"


def report_of(version: RegisteredVersion) -> str:
    """Return the page on which a version's report is open; empty where its files lie out of MLflow's order."""
    found = _EXPERIMENT.match(version.location)
    return report_page(found[1], version.run_id) if found and version.run_id else ""


def linked(brief: str, address: str) -> str:
    """Return `brief` with each mention of the report as a link to `address`, which is known once its run is."""
    return brief.replace(f"`{REPORT}`", f"[`{REPORT}`]({address})")

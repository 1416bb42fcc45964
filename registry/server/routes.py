"""What every route of MLflow that writes comes to here. A route that nobody has looked at is closed.

Rules live in the stores, where all routes end. This table says of each route which store that is, so that a route which
ends elsewhere, or starts something on this machine, is not open because it was overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

READING = frozenset({"GET", "HEAD", "OPTIONS"})
PREFIX = re.compile(r"/(ajax-)?api/\d+\.\d+(?=/|mlflow)/?")
"""Before MLflow's own name of a route; one of its routes lacks the slash after it."""

OPEN: dict[str, str] = {
    r"mlflow/(experiments|runs|logged-models|datasets|issues|traces)/search(-datasets)?": "reads",
    r"mlflow/registered-models/get-latest-versions": "reads",
    r"mlflow/traces/(metrics|batchGetInfos|calculate-filter-correlation)": "reads",
    r"/graphql": "reads: its only mutations search",
    r"mlflow/ui-telemetry": "writes nothing: the server's telemetry is off",
    r"mlflow/(registered-models|model-versions|webhooks)(/.*)?": "ends in the guarded registry store",
    r"mlflow/(experiments|logged-models)(/.*)?": "ends in the guarded tracking store",
    r"mlflow/runs/(?!create-promptlab-run).*": "ends in the guarded tracking store",
    r"mlflow/(traces|datasets|label-schemas|review-queues)(/.*)?": "ends in the guarded tracking store",
    r"mlflow/issues(/<issue_id>)?": "ends in the guarded tracking store",
    r"mlflow/scorers/(register|delete|online-config)": "ends in the guarded tracking store",
    r"mlflow/(users|roles)/.*": "ends in the guarded store of sign-ins",
    r"mlflow-artifacts/artifacts/.*": "ends in the write-once artifact store",
    r"mlflow/artifacts/presigned-download-url": "reads: the write-once store gives no such address",
}
"""Routes that may be called, and why that does no harm: patterns of their templates, without MLflow's prefix."""

CLOSED: dict[str, str] = {
    r"mlflow/(jobs|prompt-optimization|demo|genai)(/.*)?": "starts work on this machine",
    r"mlflow/(issues|scorer)/invoke": "starts work on this machine",
    r"mlflow/runs/create-promptlab-run": "writes a run that no pipeline ran",
    r"mlflow/gateway(-proxy)?(/.*)?": "keeps secrets of others, and sends requests elsewhere",
    r"mlflow/workspaces(/.*)?": "a home is one workspace",
    r"mlflow/upload-artifact": "files come by the artifact store's own route",
    r"mlflow/artifacts/presigned-upload-url": "files come by the artifact store's own route",
    r"mlflow-artifacts/mpu/.*": "files come by the artifact store's own route",
}
"""Routes that were looked at and are closed to writing, and why."""
CLOSED_TO_READING = ("mlflow/gateway-proxy", "/signup")
"""Routes that are closed altogether: one sends requests elsewhere, the other shows a form for an account."""

NATIVE = re.compile(r"/health|/version|/(ajax-)?api/(2\.0/mlflow-artifacts/artifacts/.*|3\.0/mlflow/server-info)")
"""Paths of the native half that may be called: files, which the artifact store guards, and words about the server."""
FAMILY = re.compile(r"/((ajax-)?api/\d\.\d/(mlflow/|mlflow-artifacts/)?)?[a-z0-9-]+")


def short(template: str) -> str:
    """Return a route's template without MLflow's prefix."""
    return PREFIX.sub("", template, count=1)


def is_open(template: str, method: str) -> bool:
    """Tell whether a route of the Flask half may be called."""
    if method in READING:
        return short(template) not in CLOSED_TO_READING
    return _any(OPEN, template) and not _any(CLOSED, template)


def is_known(template: str) -> bool:
    """Tell whether somebody looked at the route."""
    return _any(OPEN, template) or _any(CLOSED, template)


def family(path: str) -> str:
    """Return the fixed beginning of a native route's path, which holds no values."""
    found = FAMILY.match(path)
    return f"{found[0]}/*" if found else "/*"


def _any(patterns: Iterable[str], template: str) -> bool:
    return any(re.fullmatch(pattern, short(template)) for pattern in patterns)

"""Experiments are the pipeline's: whoever may make one may choose where on this machine its files are written."""

from __future__ import annotations

import json

import flask

from registry.actor import current_actor
from registry.names import PIPELINE

MAKING = "/experiments/create"
REFUSAL = {"error_code": "PERMISSION_DENIED", "message": "Refused: experiments are made by the pipeline alone."}


def keep_experiments() -> flask.Response | None:
    """Refuse to make an experiment for anyone but the pipeline; runs before each of MLflow's Flask routes."""
    if not flask.request.path.rstrip("/").endswith(MAKING) or current_actor() == PIPELINE:
        return None
    return flask.Response(json.dumps(REFUSAL), status=403, mimetype="application/json")

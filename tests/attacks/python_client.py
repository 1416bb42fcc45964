"""MLflow's Python client, as an engineer has it in a notebook."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import mlflow
from mlflow.tracking.client import MlflowClient

from registry.names import APPROVAL, CHAMPION
from tests.attacks.attack import Answer, Attack, by_client
from tests.attacks.scene import Scene

Act = Callable[[MlflowClient, Scene], Any]


@contextmanager
def signed_in(scene: Scene, who: str) -> Iterator[MlflowClient]:
    """Sign in as `who`, as MLflow's documentation says: by environment variables."""
    named = {"MLFLOW_TRACKING_USERNAME": who, "MLFLOW_TRACKING_PASSWORD": scene.server.passwords[who]}
    before = mlflow.get_tracking_uri()
    with patch.dict(os.environ, named):
        mlflow.set_tracking_uri(scene.server.url)
        try:
            yield MlflowClient(scene.server.url, scene.server.url)
        finally:
            mlflow.set_tracking_uri(before)


ACTS: dict[str, Act] = {
    "set_model_version_tag": lambda client, scene: client.set_model_version_tag(
        scene.waiting.model, str(scene.waiting.version), APPROVAL, "approved"
    ),
    "set_registered_model_alias": lambda client, scene: client.set_registered_model_alias(
        scene.waiting.model, CHAMPION, str(scene.waiting.version)
    ),
    "delete_registered_model_alias": lambda client, scene: client.delete_registered_model_alias(
        scene.served.model, CHAMPION
    ),
    "copy_model_version": lambda client, scene: client.copy_model_version(
        f"models:/{scene.served.model}/{scene.served.version}", "copied"
    ),
    "rename_registered_model": lambda client, scene: client.rename_registered_model(scene.served.model, "other"),
    "delete_registered_model": lambda client, scene: client.delete_registered_model(scene.served.model),
    "delete_model_version": lambda client, scene: client.delete_model_version(
        scene.served.model, str(scene.served.version)
    ),
    "transition_model_version_stage": lambda client, scene: client.transition_model_version_stage(
        scene.waiting.model, str(scene.waiting.version), "Production"
    ),
    "update_model_version": lambda client, scene: client.update_model_version(
        scene.waiting.model, str(scene.waiting.version), "all gates passed"
    ),
    "create_model_version": lambda client, scene: client.create_model_version(
        scene.served.model, f"models:/{scene.served.model}/{scene.served.version}"
    ),
    "register_model": lambda client, scene: mlflow.register_model(
        f"models:/{scene.waiting.model_id}", scene.waiting.model, tags={APPROVAL: "approved"}
    ),
    "log_metric to another's run": lambda client, scene: client.log_metric(scene.waiting.run_id, "auc", 0.99),
    "set_tag mlflow.user": lambda client, scene: client.set_tag(scene.waiting.run_id, "mlflow.user", "rita"),
    "delete_run": lambda client, scene: client.delete_run(scene.waiting.run_id),
    "delete_logged_model": lambda client, scene: client.delete_logged_model(scene.waiting.model_id),
    "create_run": lambda client, scene: client.create_run(scene.waiting.experiment_id),
    "create_experiment": lambda client, scene: client.create_experiment("mine", "file:///tmp/mine"),
    "create_registered_model": lambda client, scene: client.create_registered_model("mine"),
}

THEIRS = {"admin": (), "promoter": ("delete_registered_model_alias",)}
"""What an account may do."""


def _by_client(does: str, who: str) -> Attack:
    def act(scene: Scene) -> Answer:
        with signed_in(scene, who) as client:
            return by_client(lambda: ACTS[does](client, scene))

    return Attack(f"client: {does}", who, act)


ATTACKS = (
    *(_by_client(does, "ada") for does in ACTS),
    *(_by_client(does, who) for does in list(ACTS)[:5] for who in ("admin", "promoter") if does not in THEIRS[who]),
)

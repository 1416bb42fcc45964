"""REST, as `ajax-api`, which MLflow's own page uses, and both spellings of version 3.0."""

from __future__ import annotations

from typing import Any

from tests.attacks.attack import Attack
from tests.attacks.routes import MODELS, TRACKING, VERSIONS, Route, attack
from tests.attacks.scene import AJAX, Scene, approval

THREE = ("/api/3.0/mlflow", "/ajax-api/3.0/mlflow")
"""Prefixes of version 3.0, which has no routes for versions and models."""


def _approve(who: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send(who, "POST", f"{AJAX}/model-versions/set-tag", json=approval(scene.waiting))

    return Attack(f"approve without being a reviewer, by {AJAX}", who, send)


def _of_three(does: str, method: str, path: str, body: dict[str, object]) -> Route:
    return Route(does, method, path, lambda _: body)


OF_THREE = (
    _of_three(
        "register a scorer", "POST", "scorers/register", {"experiment_id": "1", "name": "s", "serialized_scorer": "{}"}
    ),
    _of_three("make a data set", "POST", "datasets/create", {"name": "mine"}),
    _of_three("make a secret", "POST", "gateway/secrets/create", {"secret_name": "s", "secret_value": {"k": "v"}}),
    _of_three("make a gateway's endpoint", "POST", "gateway/endpoints/create", {"name": "e"}),
    _of_three("make a workspace", "POST", "workspaces", {"name": "mine"}),
    _of_three("start a job", "POST", "prompt-optimization/jobs", {"experiment_id": "1"}),
)

ATTACKS = (
    *(_approve(who) for who in ("ada", "admin", "pipeline", "promoter", "otto")),
    *(attack(route, who, AJAX, AJAX) for route in VERSIONS for who in ("rita", "admin")),
    *(attack(route, who, AJAX, AJAX) for route in MODELS for who in ("rita", "admin")),
    *(attack(route, "admin", AJAX, AJAX) for route in TRACKING),
    *(attack(route, "admin", prefix, prefix) for prefix in THREE for route in OF_THREE),
)

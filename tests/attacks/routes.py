"""Every way in which MLflow's REST interface writes versions, models, runs and experiments, each with a body."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.names import CHAMPION
from tests.attacks.attack import Attack
from tests.attacks.scene import Scene

MODEL_JSON = json.dumps(
    {"run_id": "x", "artifact_path": "m", "utc_time_created": "2026-01-01 00:00:00", "flavors": {"f": {}}}
)
Body = Callable[[Scene], Mapping[str, Any]]


@dataclass(frozen=True)
class Route:
    """One route that writes.

    Attributes
    ----------
    does
        What it would do, in words.
    method, path
        Of the request, without the prefix; ``{run}`` and ``{logged}`` stand for the waiting version's.
    body
        Of the request.
    pipeline
        Whether the pipeline may do it.
    """

    does: str
    method: str
    path: str
    body: Body = field(default=lambda _scene: {})
    pipeline: bool = False


def attack(route: Route, who: str, prefix: str, spelling: str) -> Attack:
    """Return the attack of `who` on `route` under `prefix`."""

    def send(scene: Scene) -> Any:
        parts = {"run": scene.waiting.run_id, "logged": scene.waiting.model_id}
        return scene.send(who, route.method, f"{prefix}/{route.path.format(**parts)}", json=dict(route.body(scene)))

    return Attack(f"{route.does}, by {spelling}", who, send)


def _waiting(**more: Any) -> Body:
    return lambda scene: {"name": scene.waiting.model, "version": str(scene.waiting.version)} | more


def _served(**more: Any) -> Body:
    return lambda scene: {"name": scene.served.model, "version": str(scene.served.version)} | more


def _run(**more: Any) -> Body:
    return lambda scene: {"run_id": scene.waiting.run_id} | more


def _experiment(**more: Any) -> Body:
    return lambda scene: {"experiment_id": scene.waiting.experiment_id} | more


def _copy(scene: Scene) -> dict[str, Any]:
    tags = [{"key": key, "value": value} for key, value in scene.version(scene.served).tags.items()]
    return {"name": scene.served.model, "source": f"models:/{scene.served.model}/{scene.served.version}", "tags": tags}


def _again(scene: Scene) -> dict[str, Any]:
    born = dict(scene.version(scene.waiting).tags) | {"approval": "approved"}
    tags = [{"key": key, "value": value} for key, value in born.items()]
    return {
        "name": scene.waiting.model,
        "source": f"models:/{scene.waiting.model_id}",
        "model_id": scene.waiting.model_id,
        "tags": tags,
    }


VERSIONS = (
    Route("forge the stamp of who signed", "POST", "model-versions/set-tag", _waiting(key="approval.by", value="rita")),
    Route("call a gate passed", "POST", "model-versions/set-tag", _waiting(key="gate.bias", value="passed")),
    Route("give the version another author", "POST", "model-versions/set-tag", _waiting(key="author", value="eve")),
    Route("take a signature away", "DELETE", "model-versions/delete-tag", _served(key="approval.by")),
    Route("take the approval's tag away", "DELETE", "model-versions/delete-tag", _served(key="approval")),
    Route("rewrite the review brief", "PATCH", "model-versions/update", _waiting(description="all gates passed")),
    Route("delete the version in use", "DELETE", "model-versions/delete", _served()),
    Route(
        "move a version to production",
        "POST",
        "model-versions/transition-stage",
        _waiting(stage="Production", archive_existing_versions=True),
    ),
    Route("copy a version with its approval", "POST", "model-versions/create", _copy),
    Route("register a version that is born approved", "POST", "model-versions/create", _again),
    Route("point the champion to what nobody signed", "POST", "registered-models/alias", _waiting(alias=CHAMPION)),
    Route("rename the model", "POST", "registered-models/rename", _waiting(new_name="other")),
    Route("delete the model", "DELETE", "registered-models/delete", _waiting()),
)
"""On versions and models: nobody may, of the accounts that the table tries."""
MODELS = (
    Route("take the champion away", "DELETE", "registered-models/alias", _waiting(alias=CHAMPION)),
    Route("make a model", "POST", "registered-models/create", lambda _: {"name": "mine"}, pipeline=True),
    Route("describe the model", "PATCH", "registered-models/update", _waiting(description="safe"), pipeline=True),
    Route("tag the model", "POST", "registered-models/set-tag", _waiting(key="owner", value="eve"), pipeline=True),
    Route("untag the model", "DELETE", "registered-models/delete-tag", _waiting(key="owner"), pipeline=True),
)
TRACKING = (
    Route("make an experiment elsewhere", "POST", "experiments/create", lambda _: {"name": "mine"}, pipeline=True),
    Route("rename the experiment", "POST", "experiments/update", _experiment(new_name="other")),
    Route("delete the experiment", "POST", "experiments/delete", _experiment()),
    Route("restore the experiment", "POST", "experiments/restore", _experiment()),
    Route("tag the experiment", "POST", "experiments/set-experiment-tag", _experiment(key="a", value="b"), True),
    Route("start a run as a reviewer", "POST", "runs/create", _experiment(user_id="rita", start_time=0), True),
    Route("fail the run", "POST", "runs/update", _run(status="FAILED"), pipeline=True),
    Route("delete the run", "POST", "runs/delete", _run()),
    Route("restore the run", "POST", "runs/restore", _run()),
    Route("forge the run's user", "POST", "runs/set-tag", _run(key="mlflow.user", value="rita"), pipeline=True),
    Route("take the run's author away", "POST", "runs/delete-tag", _run(key="author"), pipeline=True),
    Route("better a metric", "POST", "runs/log-metric", _run(key="auc", value=0.99, timestamp=0), pipeline=True),
    Route("better metrics in a batch", "POST", "runs/log-batch", _run(metrics=[]), pipeline=True),
    Route("log a parameter", "POST", "runs/log-parameter", _run(key="floor", value="0"), pipeline=True),
    Route("log inputs", "POST", "runs/log-inputs", _run(datasets=[]), pipeline=True),
    Route("log a model to the run", "POST", "runs/log-model", _run(model_json=MODEL_JSON)),
    Route("make a logged model", "POST", "logged-models", _experiment(name="mine"), pipeline=True),
    Route("delete the logged model", "DELETE", "logged-models/{logged}"),
    Route(
        "set the logged model back",
        "PATCH",
        "logged-models/{logged}",
        lambda s: {"model_id": s.waiting.model_id, "status": "LOGGED_MODEL_UPLOAD_FAILED"},
    ),
    Route(
        "retag the logged model",
        "PATCH",
        "logged-models/{logged}/tags",
        lambda _: {"tags": [{"key": "run.key", "value": "x"}]},
    ),
    Route("untag the logged model", "DELETE", "logged-models/{logged}/tags/run.key"),
    Route("add a webhook", "POST", "webhooks", lambda _: {"name": "w", "url": "https://example.org", "events": []}),
)

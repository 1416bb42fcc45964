"""``prefect.yaml``: Prefect drops keys that it does not know without a word, so they are refused here."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.cli.deploy import _models as theirs
from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parent.parent.parent
SAID: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = SAID["deployments"]
names = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda item: item["name"])


class StrictWorkPool(theirs.WorkPoolConfig):
    model_config = ConfigDict(extra="forbid")


def unknown_keys(model: type[BaseModel], said: dict[str, Any]) -> set[str]:
    known = set(model.model_fields) | {field.alias for field in model.model_fields.values() if field.alias}
    return set(said) - known


class TestPrefectYaml:
    def test_no_key_is_unknown_to_prefect(self) -> None:
        assert unknown_keys(theirs.PrefectYamlModel, SAID) == {"definitions"}  # holds anchors alone

    @names
    def test_no_key_of_a_deployment_is_unknown(self, deployment: dict[str, Any]) -> None:
        assert unknown_keys(theirs.DeploymentConfig, deployment) == set()
        StrictWorkPool.model_validate(deployment["work_pool"])
        assert set(deployment["concurrency_limit"]) <= {"limit", "collision_strategy", "grace_period_seconds"}

    @names
    def test_entrypoint_and_parameters_are_the_flows(self, deployment: dict[str, Any]) -> None:
        path, name = deployment["entrypoint"].split(":")
        flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
        flow.validate_parameters({**_required(flow), **deployment.get("parameters", {})})

    def test_every_flow_has_a_deployment(self) -> None:
        deployed = {item["entrypoint"] for item in DEPLOYMENTS}
        assert {f"flows/{path.name}:{name}" for path, name in _flows()} == deployed

    def test_it_runs_on_the_prefect_that_is_locked(self) -> None:
        lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
        assert f"prefect=={SAID['prefect-version']} " in lock


def _required(flow: Any) -> dict[str, Any]:
    examples = {"model": "no-show", "version": 1, "location": "in.parquet", "output": "out.csv", "source": "synthetic"}
    return {name: examples[name] for name in flow.parameters.required if name in examples}


def _flows() -> list[tuple[Path, str]]:
    return [
        (path, node.name)
        for path in sorted((ROOT / "flows").glob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and any(_called(item) == "flow" for item in node.decorator_list)
    ]


def _called(node: ast.expr) -> str:
    function = node.func if isinstance(node, ast.Call) else node
    return function.id if isinstance(function, ast.Name) else ""


class TestPrefectItself:
    def test_its_server_can_be_made_with_the_locked_fastapi(self) -> None:
        from prefect.server.api.server import create_app

        assert create_app(ephemeral=True).routes

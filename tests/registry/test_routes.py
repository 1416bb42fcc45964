"""Every route of MLflow that writes was looked at: a new one is closed, and fails here until somebody has."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from registry.server.routes import CLOSED, NATIVE, OPEN, READING, is_known, is_open

LIST = """
import json
from mlflow.server import app, auth
native = auth.create_app()
flask = [[rule.rule, sorted(rule.methods)] for rule in app.url_map.iter_rules()]
paths = [
    [context.include_context.prefix + route.path, sorted(route.methods)]
    for context in native.routes if hasattr(context, "original_router")
    for route in context.original_router.routes
]
others = [type(route).__name__ for route in native.routes if not hasattr(route, "original_router")]
print(json.dumps([flask, paths, others]))
"""

Routes = list[tuple[str, set[str]]]


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Routes, Routes, list[str]]:
    """MLflow's Flask routes, its native ones, and the kinds of what else answers."""
    folder = tmp_path_factory.mktemp("routes")
    store = f"sqlite:///{folder}/mlflow.db"
    given = {
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED": "true",
        "_MLFLOW_SERVER_FILE_STORE": store,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "x" * 32,
    }
    command = [sys.executable, "-W", "ignore", "-c", LIST]
    ended = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=True, cwd=folder)
    flask, native, others = json.loads(ended.stdout.splitlines()[-1])
    return [(rule, set(methods)) for rule, methods in flask], [(path, set(methods)) for path, methods in native], others


def writing(routes: Routes) -> set[str]:
    return {rule for rule, methods in routes if methods - READING}


class TestTheFlaskHalf:
    def test_has_no_route_that_writes_and_nobody_looked_at(self, routes: tuple[Routes, Routes, list[str]]) -> None:
        assert {rule for rule in writing(routes[0]) if not is_known(rule)} == set()

    def test_has_a_route_for_every_line_of_the_table(self, routes: tuple[Routes, Routes, list[str]]) -> None:
        from registry.server.routes import _any

        stale = {line for line in (*OPEN, *CLOSED) if not any(_any([line], rule) for rule in writing(routes[0]))}
        assert stale == set()

    @pytest.mark.parametrize(
        "rule",
        [
            "/api/3.0/mlflow/new-thing/create",
            "/api/2.0/mlflow/upload-artifact",
            "/ajax-api/2.0/mlflow/upload-artifact",
            "/api/2.0/mlflow-artifacts/mpu/create/<path:artifact_path>",
            "/ajax-api/3.0/mlflow/gateway/secrets/create",
            "/ajax-api/3.0/mlflow/scorer/invoke",
            "/ajax-api/3.0/mlflow/issues/invoke",
            "/ajax-api/2.0/mlflow/runs/create-promptlab-run",
        ],
    )
    def test_closes_what_is_new_and_what_serves_no_lifecycle(self, rule: str) -> None:
        assert not is_open(rule, "POST")

    @pytest.mark.parametrize("rule", ["/signup", "/ajax-api/2.0/mlflow/gateway-proxy"])
    def test_closes_two_pages_even_to_reading(self, rule: str) -> None:
        assert not is_open(rule, "GET")


class TestTheNativeHalf:
    def test_is_open_for_files_and_a_word_about_the_server(self, routes: tuple[Routes, Routes, list[str]]) -> None:
        found = {path for path, _ in routes[1] if NATIVE.fullmatch(path)}
        assert found == {
            "/health",
            "/api/2.0/mlflow-artifacts/artifacts/{artifact_path:path}",
            "/ajax-api/2.0/mlflow-artifacts/artifacts/{artifact_path:path}",
            "/api/3.0/mlflow/server-info",
            "/ajax-api/3.0/mlflow/server-info",
        }

    def test_has_nothing_beside_its_routers_and_the_other_half(self, routes: tuple[Routes, Routes, list[str]]) -> None:
        assert routes[2] == ["Mount"]

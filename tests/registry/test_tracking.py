"""Runs, experiments and logged models, which versions stand on, are the pipeline's alone, by every route."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from governance.database import ledger_database
from governance.ledger import Ledger
from registry.registering import Registered
from registry.server.tracking import HOUSEKEEPING, PIPELINE_WRITES, READING, GuardedTracking, writes
from tests.registry.toys import Server, register

PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow")
PEOPLE = ("ada", "rita", "promoter", "admin")
KNOWN_TO_READ = 67
"""Methods of MLflow 3.17's store that were looked at and only read."""


class TestTheSurface:
    """A new MLflow may bring a new way to write."""

    def test_every_way_to_write_is_guarded(self) -> None:
        assert all(
            getattr(GuardedTracking, name) is not getattr(SqlAlchemyStore, name) for name in writes(SqlAlchemyStore)
        )

    def test_what_the_pipeline_writes_is_there(self) -> None:
        assert PIPELINE_WRITES.keys() <= set(writes(SqlAlchemyStore))

    def test_what_is_taken_for_reading_has_been_looked_at(self) -> None:
        public = {name for name in dir(SqlAlchemyStore) if not name.startswith("_")}
        methods = {name for name in public if callable(getattr(SqlAlchemyStore, name))}
        asynchronous = {name for name in methods if name.endswith("_async")}
        reading = methods - set(writes(SqlAlchemyStore)) - set(HOUSEKEEPING) - asynchronous
        assert all(name.startswith(READING) for name in reading)
        assert len(reading) == KNOWN_TO_READ


@pytest.fixture(scope="module")
def version(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Registered:
    """A version that awaits its sign-off; nothing here changes it."""
    from tests.registry.toys import make_candidate

    return register(server.settings, make_candidate(tmp_path_factory.mktemp("lineage") / "one", "lineage"))


def attempts(version: Registered) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every write against what `version` stands on: method, route, body."""
    run, model, experiment = version.run_id, version.model_id, version.experiment_id
    return [
        ("POST", "experiments/create", {"name": "mine", "artifact_location": "file:///tmp/mine"}),
        ("POST", "experiments/update", {"experiment_id": experiment, "new_name": "other"}),
        ("POST", "experiments/delete", {"experiment_id": experiment}),
        ("POST", "experiments/set-experiment-tag", {"experiment_id": experiment, "key": "a", "value": "b"}),
        ("POST", "runs/create", {"experiment_id": experiment, "user_id": "rita", "start_time": 0}),
        ("POST", "runs/update", {"run_id": run, "status": "FAILED"}),
        ("POST", "runs/delete", {"run_id": run}),
        ("POST", "runs/set-tag", {"run_id": run, "key": "mlflow.user", "value": "rita"}),
        ("POST", "runs/delete-tag", {"run_id": run, "key": "author"}),
        ("POST", "runs/log-metric", {"run_id": run, "key": "auc", "value": 0.99, "timestamp": 0}),
        ("POST", "runs/log-parameter", {"run_id": run, "key": "rounds", "value": "1"}),
        ("POST", "runs/log-batch", {"run_id": run, "metrics": [{"key": "auc", "value": 0.99, "timestamp": 0}]}),
        ("POST", "runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": 0}]}),
        ("POST", "logged-models", {"experiment_id": experiment, "name": "mine"}),
        ("DELETE", f"logged-models/{model}", {}),
        ("PATCH", f"logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_UPLOAD_FAILED"}),
        ("PATCH", f"logged-models/{model}/tags", {"tags": [{"key": "run.key", "value": "other"}]}),
        ("DELETE", f"logged-models/{model}/tags/run.key", {}),
    ]


class TestWhatAVersionStandsOn:
    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("who", PEOPLE)
    def test_is_written_by_no_person_and_no_other_service(
        self, server: Server, version: Registered, who: str, prefix: str
    ) -> None:
        with server.client(who) as client:
            for method, route, body in attempts(version):
                answer = client.request(method, f"{prefix}/{route}", json=body)
                assert answer.status_code == 403, (route, answer.status_code)

    def test_says_why_to_whoever_mlflow_lets_through(self, server: Server, version: Registered) -> None:
        with server.client("admin") as client:
            answer = client.post(f"{PREFIXES[0]}/runs/delete", json={"run_id": version.run_id})
            assert "closed here" in answer.json()["message"]
            answer = client.post(
                f"{PREFIXES[0]}/runs/set-tag", json={"run_id": version.run_id, "key": "a", "value": "b"}
            )
            assert "`caregate run` alone" in answer.json()["message"]

    def test_leaves_a_line_of_each_refusal(self, server: Server, version: Registered) -> None:
        ledger = Ledger(ledger_database(server.settings))
        before = len(list(ledger.read(action="mlflow.refuse")))
        with server.client("admin") as client:
            client.post(f"{PREFIXES[0]}/experiments/delete", json={"experiment_id": version.experiment_id})
        assert len(list(ledger.read(action="mlflow.refuse"))) == before + 1

    def test_is_kept_even_from_the_pipeline_once_a_version_stands_on_it(
        self, server: Server, version: Registered
    ) -> None:
        with server.client("pipeline") as client:
            answer = client.delete(f"{PREFIXES[0]}/logged-models/{version.model_id}")
        assert answer.status_code == 403
        assert "it is kept" in answer.json()["message"]

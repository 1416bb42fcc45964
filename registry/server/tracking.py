"""MLflow's tracking store with the rules of the sign-off: runs and logged models are the pipeline's alone.

What a version stands on is its run, its logged model and the experiment that says where its files lie. Whoever could
write these could forge an author, or have the files of a champion swept away. Every method that writes is named here;
one that a new MLflow brings is refused until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS
from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.settings import Settings, load_settings
from governance.database import ledger_database
from governance.people import Person
from registry.direct_sql import prove_and_require
from registry.policy import ALLOW, Decision, refuse
from registry.server.guard import Guard
from registry.server.scheme import PREFIX
from registry.writing_rules import is_pipeline

READING = ("get_", "search_", "list_", "batch_get_", "filter_", "find_", "query_", "calculate_", "sum_", "resolve_")
"""First words of methods that only read."""
HOUSEKEEPING = ("flush_async_logging", "end_async_logging", "shut_down_async_logging", "sanitize_metric_value")
"""Methods that neither read nor write a record."""
NOT_READING = ("get_or_create_user_queue",)
PIPELINE_WRITES = {
    "create_experiment": "experiment.create",
    "set_experiment_tag": "",
    "create_run": "run.create",
    "update_run_info": "",
    "set_tag": "",
    "delete_tag": "",
    "log_batch": "",
    "log_param": "",
    "log_metric": "",
    "log_inputs": "",
    "log_outputs": "",
    "create_logged_model": "logged-model.create",
    "log_logged_model_params": "",
    "set_logged_model_tags": "",
    "set_model_versions_tags": "",
    "finalize_logged_model": "",
    "delete_logged_model": "logged-model.delete",
}
"""Methods by which the pipeline writes a run, and the ledger's name for those that leave a line of their own."""
THEIRS = "experiments, runs and logged models are written by `caregate run` alone"
CLOSED = "this part of MLflow is closed here: it serves no model of the lifecycle"
ELSEWHERE = "experiments keep their files in the home's artifact store"
REGISTERED = "the logged model stands behind a registered version: it is kept"


class GuardedTracking(SqlAlchemyStore):  # type: ignore[misc]
    """The tracking store, guarded.

    Parameters
    ----------
    store_uri, artifact_uri
        ``caregate+`` and the SQLAlchemy URL of MLflow's database, and the root of artifacts; MLflow hands both over by
        these names.
    settings
        Of the home; read from the environment where MLflow makes the store.
    clock
        Tells the moment of an act.
    """

    _engine_map: ClassVar[dict[str, Engine]] = {}  # of its own: stores that MLflow makes by itself prove nothing

    def __init__(
        self,
        store_uri: str,
        artifact_uri: str,
        *,
        settings: Settings | None = None,
        clock: Clock = system_clock,
        **given: Any,
    ) -> None:
        home = settings or load_settings()
        self._guard = Guard(ledger_database(home), clock)
        super().__init__(store_uri.removeprefix(PREFIX), artifact_uri, **given)
        prove_and_require(self.engine, home)

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Any = None) -> str:
        """Make an experiment whose files lie in the home's store: from elsewhere the server would hand out any file."""
        if artifact_location:
            self._guard.never("experiment.create", name, ELSEWHERE)
        self._guard.act("experiment.create", name, _only_the_pipeline)
        made: str = super().create_experiment(name, artifact_location, tags)
        return made

    def delete_logged_model(self, model_id: str) -> None:
        """Drop a logged model that was left half-written; one that a version stands on is kept."""
        if MLFLOW_MODEL_VERSIONS in self.get_logged_model(model_id).tags:
            self._guard.never("logged-model.delete", model_id, REGISTERED)
        self._guard.act("logged-model.delete", model_id, _only_the_pipeline)
        super().delete_logged_model(model_id)


def writes(store: type) -> list[str]:
    """Return the names of the public methods of `store` that write, or may."""
    public = [name for name in dir(store) if not name.startswith("_") and callable(getattr(store, name))]
    return [name for name in public if _may_write(name)]


def _may_write(name: str) -> bool:
    return name in NOT_READING or not (name.startswith(READING) or name in HOUSEKEEPING or name.endswith("_async"))


def _only_the_pipeline(actor: Person) -> Decision:
    return ALLOW if is_pipeline(actor) else refuse(THEIRS)


def _guarded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def write(self: GuardedTracking, *args: Any, **kwargs: Any) -> Any:
        action = PIPELINE_WRITES.get(name)
        if action is None:
            self._guard.never("mlflow.write", name, CLOSED)
        if action:
            self._guard.act(action, name, _only_the_pipeline)
        else:
            self._guard.permit("run", name, _only_the_pipeline)
        return method(self, *args, **kwargs)

    return write


for _name in writes(SqlAlchemyStore):
    if _name not in vars(GuardedTracking):
        setattr(GuardedTracking, _name, _guarded(_name, getattr(SqlAlchemyStore, _name)))

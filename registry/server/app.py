"""The MLflow server's app: MLflow's own, with sign-in, on the guarded store alone."""

from __future__ import annotations

from typing import Any

from mlflow.server import auth, handlers

from caregate.errors import CaregateError
from registry.server.closed_routes import ClosedRoutes
from registry.server.store import GuardedStore
from registry.server.tracking import GuardedTracking
from registry.server.write_once import WriteOnceArtifactRepository


class Unguarded(CaregateError):
    """The server was started on stores that do not know the rules of the sign-off."""

    def __init__(self) -> None:
        super().__init__("the MLflow server runs on Caregate's guarded stores alone: start it with `caregate up`")


def create_app() -> Any:
    """Make the app; ``mlflow server --app-name caregate`` calls this.

    Raises
    ------
    Unguarded
        If the registry, the tracking or the artifact store is another.
    """
    store = handlers._get_model_registry_store()
    if not isinstance(store, GuardedStore):
        raise Unguarded
    if not isinstance(handlers._get_tracking_store(), GuardedTracking):
        raise Unguarded
    if not isinstance(handlers._get_artifact_repo_mlflow_artifacts(), WriteOnceArtifactRepository):
        raise Unguarded
    store.restore_stamps()
    app = auth.create_app()
    app.add_middleware(ClosedRoutes)
    return app

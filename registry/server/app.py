"""The MLflow server's app: MLflow's own, with sign-in, on the guarded stores alone."""

from __future__ import annotations

from typing import Any

from mlflow.environment_variables import MLFLOW_SERVER_ALLOWED_HOSTS
from mlflow.server import app as flask
from mlflow.server import auth, handlers
from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from caregate.secret_store import read_secrets
from caregate.settings import Settings, load_settings
from governance.database import ledger_database
from governance.people import People
from registry.server.closed_routes import ClosedRoutes, close_routes
from registry.server.history_page import HistoryPages
from registry.server.hosts import OwnHosts
from registry.server.malformed import refuse_malformed
from registry.server.refusals import RefusalBook, Refusals
from registry.server.sign_in import GuardedSignIns
from registry.server.single_sign_on import ProxySignIn
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
    settings = load_settings()
    return _guarded(settings, ledger_database(settings), system_clock)


def _guarded(settings: Settings, governance: Engine, clock: Clock) -> Any:
    book = RefusalBook(governance, clock)
    sign_ins = auth.store = GuardedSignIns(governance, book, clock)
    app = auth.create_app()
    close_routes(flask)
    refuse_malformed(flask)
    # From the inside out: each layer added stands before those that are there.
    app.add_middleware(ClosedRoutes, routes=app.routes, proves=sign_ins.authenticate_user)
    app.add_middleware(HistoryPages, settings=settings, sign_ins=sign_ins, clock=clock)
    if settings.single_sign_on:
        app.add_middleware(
            ProxySignIn,
            name_header=settings.sso_header,
            secret=read_secrets(settings.secrets_file).sign_on_secret,
            people=People(governance, clock),
            sign_ins=sign_ins,
            book=book,
        )
    hosts = [host for host in (MLFLOW_SERVER_ALLOWED_HOSTS.get() or "").split(",") if host]
    app.add_middleware(OwnHosts, hosts=hosts, public_url=settings.public_url)
    app.add_middleware(Refusals, book=book)
    return app

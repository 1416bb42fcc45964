"""Opening the registry: in process on the embedded default, over HTTP while the home's MLflow server runs.

Both ways give the same two stores, MLflow's tracking store and its registry store, and the same layout, so the server
shows what was registered without it. In process the guarded store applies the rules; over HTTP the server does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import mlflow
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, ErrorCode
from mlflow.store.model_registry.rest_store import RestStore as HttpModels
from mlflow.store.tracking.rest_store import RestStore as HttpTracking
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.rest_utils import MlflowHostCreds

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError, Refused
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database_roles import as_owner
from registry.actor import acting_as
from registry.address import running_stack
from registry.artifacts import ROOT, destination_of, path_of
from registry.direct_sql import guard_registry, is_unguarded
from registry.names import PIPELINE, PROMOTER
from registry.registrations import Registration
from registry.server.scheme import PREFIX
from registry.server.store import GuardedStore
from registry.server.tracking import GuardedTracking
from registry.server.write_once import WriteOnceArtifactRepository

UPLOAD_SECONDS = 120.0


class RegistryRefused(Refused):
    """The registry's rules forbid the act; the text is theirs."""


class RegistryFault(CaregateError):
    """MLflow could not do what it was asked."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the registry failed: {what}")


@dataclass(frozen=True)
class Registry:
    """An open registry.

    Attributes
    ----------
    tracking, models
        MLflow's stores, by their own interface.
    upload
        Puts every file of a folder under an artifact address.
    """

    tracking: Any
    models: Any
    upload: Callable[[Path, str], None]


@contextmanager
def open_registry(settings: Settings, *, account: str) -> Iterator[Registry]:
    """Open the registry as the service `account`, by the server where it runs, else in process.

    Raises
    ------
    RegistryRefused
        If a rule forbids what is done in the block.
    RegistryFault
        If MLflow fails at it.
    """
    stack = running_stack(settings)
    try:
        if stack is not None:
            with _over_http(settings, stack.mlflow, account) as registry:
                yield registry
        else:
            with acting_as(account):
                yield _in_process(settings)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(PERMISSION_DENIED):
            raise RegistryRefused(error.message) from error
        raise RegistryFault(error.message) from error


def prepare_database(settings: Settings, *, guard_anew: bool = False) -> None:
    """Create MLflow's tables where they do not stand; on PostgreSQL their owner also guards them against direct SQL.

    Parameters
    ----------
    settings
        Of the home.
    guard_anew
        Whether a guard that stands is made again, with this home's key.
    """
    settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
    engine = SqlAlchemyStore(as_owner(settings, settings.registry_url), ROOT).engine
    if guard_anew or is_unguarded(engine):
        guard_registry(engine, settings)


def restore_tags(settings: Settings, registrations: Iterable[Registration], *, clock: Clock = system_clock) -> None:
    """Show the tags of versions again as the ledger knows them, whether or not the server runs."""
    with acting_as(PROMOTER):
        GuardedStore(PREFIX + settings.registry_url, settings=settings, clock=clock).restore_tags(registrations)


def _in_process(settings: Settings) -> Registry:
    prepare_database(settings)
    mlflow.set_tracking_uri(settings.registry_url)  # MLflow's store looks logged models up through it
    guarded = PREFIX + settings.registry_url
    tracking, models = GuardedTracking(guarded, ROOT, settings=settings), GuardedStore(guarded, settings=settings)
    return Registry(tracking, models, lambda *given: _store(settings, *given))


def _store(settings: Settings, folder: Path, location: str) -> None:
    repository = WriteOnceArtifactRepository(destination_of(settings), settings=settings)
    repository.log_artifacts(str(folder), path_of(location))


@contextmanager
def _over_http(settings: Settings, host: str, account: str) -> Iterator[Registry]:
    secrets = read_secrets(settings.secrets_file)
    passwords = {PIPELINE: secrets.pipeline_password, PROMOTER: secrets.promoter_password}
    creds = MlflowHostCreds(host, username=account, password=passwords[account])
    with httpx.Client(base_url=host, auth=(account, passwords[account]), timeout=UPLOAD_SECONDS) as client:
        yield Registry(HttpTracking(lambda: creds), HttpModels(lambda: creds), lambda *given: _put(client, *given))


def _put(client: httpx.Client, folder: Path, location: str) -> None:
    base = "/api/2.0/mlflow-artifacts/artifacts/" + location.removeprefix(ROOT).strip("/")
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        answer = client.put(f"{base}/{path.relative_to(folder).as_posix()}", content=path.read_bytes())
        if answer.is_error:
            raise RestException({"error_code": "INTERNAL_ERROR", "message": f"upload of {path.name}: {answer.text}"})

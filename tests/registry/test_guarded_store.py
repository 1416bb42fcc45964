from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore

from caregate.clock import system_clock
from caregate.settings import Settings
from governance.database import LedgerMissing, ledger_database, open_database
from governance.people import People
from registry import names
from registry.actor import acting_as
from registry.connection import prepare_database
from registry.server.never import NeverWritten
from registry.server.scheme import PREFIX
from registry.server.signing import SigningDesk
from registry.server.store import GuardedStore
from registry.versions import read_version
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import register

GUARDED = {
    "create_registered_model",
    "update_registered_model",
    "set_registered_model_tag",
    "delete_registered_model_tag",
    "create_model_version",
    "set_model_version_tag",
    "delete_model_version_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "update_model_version",
    "rename_registered_model",
    "delete_registered_model",
    "delete_model_version",
    "transition_model_version_stage",
    "copy_model_version",
    "create_webhook",
    "update_webhook",
    "delete_webhook",
}
READING = ("get_", "search_", "list_", "supports_")
WRITTEN_THROUGH_GUARDED_METHODS = ("prompt",)
SENDS_WHAT_NOBODY_CAN_MAKE = {"test_webhook"}


class TestTheSurface:
    """A new MLflow may bring a new way to write: it has to be looked at before it is let in."""

    def test_every_way_to_write_is_known(self) -> None:
        public = {name for name, value in vars(AbstractStore).items() if callable(value) and not name.startswith("_")}
        writing = {name for name in public if not name.startswith(READING)}
        prompts = {name for name in writing if any(word in name for word in WRITTEN_THROUGH_GUARDED_METHODS)}
        assert writing - prompts - SENDS_WHAT_NOBODY_CAN_MAKE == GUARDED

    def test_every_one_is_guarded(self) -> None:
        assert {*vars(GuardedStore), *vars(NeverWritten)} >= GUARDED

    def test_prompts_write_by_no_method_of_the_sql_store(self) -> None:
        from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

        own = {name for name in vars(SqlAlchemyStore) if "prompt" in name and not name.startswith("_")}
        assert {name for name in own if not name.startswith(READING)} == set()


class TestTheApp:
    def test_does_not_start_on_unguarded_stores(self, tmp_path: Path) -> None:
        plain = {
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{tmp_path}/mlflow.db",
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{tmp_path}/mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(tmp_path),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "x" * 32,
        }
        command = [sys.executable, "-c", "from registry.server.app import create_app; create_app()"]
        ended = subprocess.run(
            command, env=os.environ | plain, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert "guarded stores alone" in ended.stderr


class TestWithoutAServer:
    @pytest.fixture
    def store(self, home: Settings) -> GuardedStore:
        """The store in process."""
        prepare_database(home)
        return GuardedStore(PREFIX + home.registry_url, settings=home)

    def test_nobody_writes_nothing(self, store: GuardedStore) -> None:
        with pytest.raises(MlflowException, match="nobody is signed in"):
            store.create_registered_model("no-show")

    def test_an_unknown_actor_writes_nothing(self, store: GuardedStore) -> None:
        with acting_as("eve"), pytest.raises(MlflowException, match="no account of Caregate"):
            store.create_registered_model("no-show")

    def test_who_approves_in_process_is_held_to_the_rules(
        self, home: Settings, store: GuardedStore, candidate: CandidateFactory
    ) -> None:
        version = str(register(home, candidate("in-process")).version)
        approval = ModelVersionTag(names.APPROVAL, "approved")
        with acting_as("ada"), pytest.raises(MlflowException, match="not a reviewer"):
            store.set_model_version_tag("no-show", version, approval)
        with acting_as("rita"):
            store.set_model_version_tag("no-show", version, approval)
        assert store.get_model_version("no-show", version).tags[names.APPROVED_BY] == "rita"

    def test_a_verdict_whose_tags_were_lost_is_shown_again(
        self, home: Settings, store: GuardedStore, candidate: CandidateFactory
    ) -> None:
        version = register(home, candidate("half-signed"))
        found = read_version(open_database(home.registry_url), version.model, version.version)
        governance = ledger_database(home)
        rita = People(governance).find("rita")
        assert rita is not None
        SigningDesk(home, governance, system_clock).take(rita, found, "approved")  # and here the server dies
        store.restore_stamps()
        tags = store.get_model_version(version.model, str(version.version)).tags
        assert (tags[names.APPROVAL], tags[names.APPROVED_BY]) == ("approved", "rita")

    def test_a_home_without_a_ledger_has_no_registry(self, home: Settings, tmp_path: Path) -> None:
        empty = home.model_copy(update={"home": tmp_path})
        with pytest.raises(LedgerMissing):
            GuardedStore(PREFIX + home.registry_url, settings=empty)

from __future__ import annotations

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore

from caregate.settings import Settings
from governance.database import LedgerMissing
from registry import names
from registry.actor import acting_as
from registry.connection import prepare_database
from registry.registering import register
from registry.server.store import PREFIX, GuardedStore
from tests.registry.conftest import CandidateFactory

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
}
READING = ("get_", "search_", "list_", "supports_")
WRITTEN_THROUGH_GUARDED_METHODS = ("prompt",)
NO_VERSIONS = {"create_webhook", "update_webhook", "delete_webhook", "test_webhook"}


class TestTheSurface:
    """A new MLflow may bring a new way to write: it has to be looked at before it is let in."""

    def test_every_way_to_write_is_known(self) -> None:
        public = {name for name, value in vars(AbstractStore).items() if callable(value) and not name.startswith("_")}
        writing = {name for name in public if not name.startswith(READING)}
        prompts = {name for name in writing if any(word in name for word in WRITTEN_THROUGH_GUARDED_METHODS)}
        assert writing - prompts - NO_VERSIONS == GUARDED

    def test_every_one_is_guarded(self) -> None:
        assert set(vars(GuardedStore)) >= GUARDED

    def test_prompts_write_by_no_method_of_the_sql_store(self) -> None:
        from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

        own = {name for name in vars(SqlAlchemyStore) if "prompt" in name and not name.startswith("_")}
        assert {name for name in own if not name.startswith(READING)} == set()


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

    def test_a_home_without_a_ledger_has_no_registry(self, home: Settings, tmp_path: object) -> None:
        empty = home.model_copy(update={"home": tmp_path})
        with pytest.raises(LedgerMissing):
            GuardedStore(PREFIX + home.registry_url, settings=empty)

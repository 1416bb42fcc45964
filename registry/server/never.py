"""What nobody does to MLflow's registry: each such method refuses, whoever calls it, and leaves its line."""

from __future__ import annotations

from typing import Any, NoReturn

from mlflow.entities.model_registry import ModelVersion
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from registry.server.guard import Guard

NEVER = "versions and models are kept as they are: nothing is deleted, renamed, copied or moved between stages"
WEBHOOKS = "webhooks are closed: scoring follows the ledger by itself, and people are told by the home's settings"


class NeverWritten(SqlAlchemyStore):  # type: ignore[misc]
    """MLflow's registry store without deleting, renaming, copying, describing anew, stages and webhooks."""

    _guard: Guard

    def update_model_version(self, name: str, version: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the review brief is what the gates wrote."""
        self._guard.never("version.describe", f"{name}/{version}", "the review brief is written once, by the gates")

    def rename_registered_model(self, name: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        self._guard.never("model.rename", name, NEVER)

    def delete_registered_model(self, name: str) -> NoReturn:
        """Refuse."""
        self._guard.never("model.delete", name, NEVER)

    def delete_model_version(self, name: str, version: str) -> NoReturn:
        """Refuse."""
        self._guard.never("version.delete", f"{name}/{version}", NEVER)

    def transition_model_version_stage(self, name: str, version: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        self._guard.never("version.stage", f"{name}/{version}", NEVER)

    def copy_model_version(self, src_mv: ModelVersion, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        self._guard.never("version.copy", f"{src_mv.name}/{src_mv.version}", NEVER)

    def create_webhook(self, name: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse: who is told of what on this registry is a setting of the home."""
        self._guard.never("webhook.create", name, WEBHOOKS)

    def update_webhook(self, webhook_id: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse."""
        self._guard.never("webhook.update", webhook_id, WEBHOOKS)

    def delete_webhook(self, webhook_id: str) -> NoReturn:
        """Refuse."""
        self._guard.never("webhook.delete", webhook_id, WEBHOOKS)

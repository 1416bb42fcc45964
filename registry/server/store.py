"""MLflow's registry store with the rules of the sign-off: every route of the server ends here.

Rules are in `registry.policy`; this file gathers the facts, writes the ledger's line, and only then lets MLflow write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.tracking.client import MlflowClient
from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from caregate.settings import Settings, load_settings
from governance.database import exclusive, ledger_database
from governance.ledger import Ledger
from governance.people import Person
from registry import names, writing_rules
from registry.approvals import VersionKey
from registry.artifacts import artifact_folder, close_folder, open_artifacts, path_of
from registry.digest import verified_manifest
from registry.direct_sql import prove_and_require
from registry.registrations import Registration, record_registration, registrations, tags_astray
from registry.server.admission import objection
from registry.server.guard import Guard
from registry.server.never import NeverWritten
from registry.server.scheme import PREFIX
from registry.server.signing import SigningDesk
from registry.versions import RegisteredVersion

BESIDE = "its run holds files of its own, and a reviewer would be shown these instead of what went through the gates"

NUMBER = re.compile(r"[1-9][0-9]{0,8}")
WRONG_NUMBER = "a version is named by its number: digits alone, the first of them no nought"


class GuardedStore(NeverWritten):
    """The registry, guarded.

    Parameters
    ----------
    store_uri
        ``caregate+`` and the SQLAlchemy URL of MLflow's database; MLflow hands it over by this name.
    settings
        Of the home; read from the environment where MLflow makes the store.
    clock
        Tells the moment of a verdict.
    """

    _engine_map: ClassVar[dict[str, Engine]] = {}  # of its own: stores that MLflow makes by itself prove nothing

    def __init__(self, store_uri: str, *, settings: Settings | None = None, clock: Clock = system_clock) -> None:
        super().__init__(store_uri.removeprefix(PREFIX))
        self._settings = settings or load_settings()
        self._governance = ledger_database(self._settings)
        prove_and_require(self.engine, self._settings)
        self._ledger = Ledger(self._governance, clock)
        self._guard = Guard(self._governance, clock)
        self._desk = SigningDesk(self._settings, self._governance, clock)

    # What the pipeline does.

    def create_registered_model(self, name: str, *args: Any, **kwargs: Any) -> RegisteredModel:
        """Make a registered model, for the pipeline."""
        self._guard.act("model.create", name, writing_rules.may_keep_house)
        return super().create_registered_model(name, *args, **kwargs)

    def update_registered_model(self, name: str, *args: Any, **kwargs: Any) -> RegisteredModel:
        """Describe a registered model, for the pipeline."""
        self._guard.act("model.describe", name, writing_rules.may_keep_house)
        return super().update_registered_model(name, *args, **kwargs)

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Tag a registered model, for the pipeline."""
        self._guard.act("model.tag", name, writing_rules.may_keep_house, key=tag.key)
        super().set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Take a registered model's tag away, for the pipeline."""
        self._guard.act("model.untag", name, writing_rules.may_keep_house, key=key)
        super().delete_registered_model_tag(name, key)

    def create_model_version(
        self, name: str, source: str, run_id: str | None = None, tags: Iterable[Any] | None = None, **kwargs: Any
    ) -> ModelVersion:
        """Register a version: closes its files, checks them against its tags, and makes one version a run."""
        given = {tag.key: tag.value for tag in tags or ()}
        digest, run_key = given.get(names.DIGEST, ""), given.get(names.RUN_KEY, "")
        actor = self._guard.permit("version", name, lambda who: writing_rules.may_create_version(who, source, given))
        model_id = source.removeprefix("models:/")
        self._close_files(actor, name, model_id, run_id, given)
        with exclusive(self._governance) as connection:  # one at a time, in every process of the home
            found = self._of_run(name, run_key, digest)
            if found is None:
                stored = [ModelVersionTag(key, value) for key, value in given.items()]
                found = super().create_model_version(name, source, run_id, stored, **kwargs | {"model_id": model_id})
            record = self._record(found)
            record_registration(
                connection, self._ledger, record.key, by=actor.name, location=record.location, tags=given
            )
            return found

    # What a reviewer does.

    def set_model_version_tag(self, name: str, version: str, tag: Any) -> None:
        """Take a verdict, or set a tag that is nobody's."""
        if tag.key == names.APPROVAL:
            self._take_verdict(self.get_model_version(name, version), tag.value)
            return
        self.get_model_version_download_uri(name, version)  # fails where there is none; the whole takes four queries
        self._guard.act(
            "tag.set", f"{name}/{version}", lambda who: writing_rules.may_set_tag(who, tag.key), key=tag.key
        )
        super().set_model_version_tag(name, version, tag)

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Take away a tag that is nobody's."""
        self.get_model_version_download_uri(name, version)
        self._guard.act("tag.delete", f"{name}/{version}", lambda who: writing_rules.may_delete_tag(who, key), key=key)
        super().delete_model_version_tag(name, version, key)

    def restore_stamps(self) -> None:
        """Show again what the ledger holds, should a server have died between a verdict's record and its tags."""
        self.restore_tags(registrations(self._ledger))

    def restore_tags(self, registered: Iterable[Registration]) -> None:
        """Show again the tags that versions were born with, and the server's stamps."""
        for version in registered:
            record = self._shown(version.key)
            if record is None:
                continue
            for key, value in tags_astray(version, record).items():
                super().set_model_version_tag(version.key.model, str(version.key.version), ModelVersionTag(key, value))
            self._stamp(record)

    # What everybody reads.

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """Return a version; its number is written in one way alone, so that rule, record and act mean the same one."""
        _require_number(version)
        return super().get_model_version(name, version)

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        """Return where a version's files lie."""
        _require_number(version)
        location: str = super().get_model_version_download_uri(name, version)
        return location

    # What the promoter does.

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias to a version that stands approved."""
        found = self.get_model_version(name, version)
        digest = found.tags.get(names.DIGEST, "")
        standing = self._stands(found)
        self._guard.act(
            "alias.set",
            _subject(found),
            lambda who: writing_rules.may_set_alias(who, alias, standing=standing),
            digest=digest,
            alias=alias,
        )
        self._stamp(self._record(found))  # PostgreSQL asks the tag, which may still be on its way
        super().set_registered_model_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Take an alias away."""
        self._guard.act("alias.delete", name, writing_rules.may_delete_alias, alias=alias)
        super().delete_registered_model_alias(name, alias)

    # How it is done.

    def _shown(self, key: VersionKey) -> RegisteredVersion | None:
        found = self.search_model_versions(f"name = '{key.model}' and version_number = {key.version}")
        return next((record for record in map(self._record, found) if record.key == key), None)

    def _of_run(self, name: str, run_key: str, digest: str) -> ModelVersion | None:
        """Return the version that stands for a run already; a row that others planted under its name is none."""
        for found in self.search_model_versions(f"name = '{name}' and tags.`{names.RUN_KEY}` = '{run_key}'"):
            with suppress(CaregateError):
                verified_manifest(artifact_folder(self._settings, self._record(found).location), digest)
                return found
        return None

    def _close_files(
        self, actor: Person, name: str, model_id: str, run_id: str | None, tags: Mapping[str, str]
    ) -> None:
        try:
            location = MlflowClient().get_logged_model(model_id).artifact_location
            close_folder(self._settings, location)
            why = objection(self._ledger, artifact_folder(self._settings, location), name, tags) or self._beside(run_id)
        except CaregateError as error:
            why = str(error)
        if why:
            self._guard.refuse(actor.name, "version", name, why)

    def _beside(self, run_id: str | None) -> str:
        """Close the run's own folder: MLflow's page shows what it holds in the place of the version's files."""
        if not run_id:
            return "it names no run"
        location = MlflowClient().get_run(run_id).info.artifact_uri
        close_folder(self._settings, location)
        return BESIDE if open_artifacts(self._settings).entries(path_of(location)) else ""

    def _stands(self, version: ModelVersion) -> bool:
        return self._desk.stands(self._record(version))

    def _take_verdict(self, version: ModelVersion, value: str) -> None:
        record = self._record(version)
        actor = self._guard.actor("approval", record.key.subject)
        decision = self._desk.take(actor, record, value)
        self._stamp(record)
        if not decision.allowed:
            self._guard.refuse(actor.name, "approval", record.key.subject, decision.why)

    def _stamp(self, record: RegisteredVersion) -> None:
        with exclusive(self._governance):  # two who stamp one version at once would fail at each other's new tag
            due = {key: stamp for key, stamp in self._desk.stamps(record).items() if record.tags.get(key) != stamp}
            for key, stamp in due.items():
                super().set_model_version_tag(record.model, str(record.version), ModelVersionTag(key, stamp))

    def _record(self, version: ModelVersion) -> RegisteredVersion:
        location = self.get_model_version_download_uri(version.name, version.version)
        key = VersionKey(version.name, int(version.version), version.creation_timestamp)
        return RegisteredVersion(key, dict(version.tags), location)


def _require_number(version: object) -> None:
    if not NUMBER.fullmatch(str(version)):
        raise MlflowException(WRONG_NUMBER, INVALID_PARAMETER_VALUE)


def _subject(version: ModelVersion) -> str:
    return f"{version.name}/{version.version}"

"""The sign-off over HTTP, on both of MLflow's API prefixes, against a real server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from governance.people import People
from models.spec import RiskClass
from registry import names
from registry.accounts import sign_in_store
from registry.address import StackAddress, announce_stack, withdraw_stack
from registry.artifacts import artifact_folder
from registry.champion import champion_of
from registry.connection import RegistryRefused, open_registry
from registry.digest import verified_manifest
from registry.promotion import promote
from registry.promotions import in_use
from registry.registering import Registered, log_run_only
from registry.versions import aliases_of, read_version
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import Server, register
from validation.gates.result import Verdict

PREFIXES = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow")


def tags_of(server: Server, version: Registered) -> dict[str, str]:
    found = read_version(open_database(server.settings.registry_url), version.model, version.version)
    return dict(found.tags)


def say(server: Server, who: str, version: Registered, value: str, *, prefix: str = PREFIXES[0]) -> httpx.Response:
    return set_tag(server, who, version, names.APPROVAL, value, prefix=prefix)


def set_tag(
    server: Server, who: str, version: Registered, key: str, value: str, *, prefix: str = PREFIXES[0]
) -> httpx.Response:
    body = {"name": version.model, "version": str(version.version), "key": key, "value": value}
    with server.client(who) as client:
        return client.post(f"{prefix}/model-versions/set-tag", json=body)


def set_alias(server: Server, who: str, version: Registered, alias: str) -> httpx.Response:
    body = {"name": version.model, "version": str(version.version), "alias": alias}
    with server.client(who) as client:
        return client.post(f"{PREFIXES[0]}/registered-models/alias", json=body)


@pytest.fixture
def version(server: Server, candidate: CandidateFactory, request: pytest.FixtureRequest) -> Registered:
    """A version that awaits its sign-off, registered in process while the server runs."""
    return register(server.settings, candidate(request.node.name.replace("[", "-").replace("]", "")))


class TestAReviewer:
    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_approves_and_the_server_stamps(self, server: Server, version: Registered, prefix: str) -> None:
        assert say(server, "rita", version, "approved", prefix=prefix).status_code == httpx.codes.OK
        tags = tags_of(server, version)
        assert (tags[names.APPROVAL], tags[names.APPROVED_BY]) == ("approved", "rita")
        assert tags[names.APPROVED_DIGEST] == version.digest
        assert tags[names.APPROVED_AT] < tags[names.APPROVED_UNTIL]

    def test_rejects_with_a_reason(self, server: Server, version: Registered) -> None:
        assert "at least 10" in say(server, "rita", version, "rejected: no").text
        assert say(server, "rita", version, "rejected: weak on new patients").is_success
        assert tags_of(server, version)[names.APPROVAL] == "rejected: weak on new patients"
        assert "rejected already" in say(server, "ron", version, "approved").text

    def test_revokes_what_another_approved(self, server: Server, version: Registered) -> None:
        assert say(server, "rita", version, "approved").is_success
        assert say(server, "ron", version, "revoked: the export was wrong").is_success
        assert tags_of(server, version)[names.APPROVED_UNTIL] == "ended: revoked"

    def test_of_a_clinical_model_is_told_who_is_missing(self, server: Server, candidate: CandidateFactory) -> None:
        clinical = candidate("clinical", model="readmission-risk", risk_class=RiskClass.CLINICAL)
        version = register(server.settings, clinical)
        assert say(server, "rita", version, "approved").is_success
        assert tags_of(server, version)[names.APPROVAL] == "pending: 1 of 2, signed by rita"
        assert "clinical reviewer" in say(server, "ron", version, "approved").text
        assert say(server, "clara", version, "approved").is_success
        tags = tags_of(server, version)
        assert (tags[names.APPROVAL], tags[names.APPROVED_BY]) == ("approved", "rita, clara")

    def test_may_leave_a_note(self, server: Server, version: Registered) -> None:
        assert set_tag(server, "rita", version, "ticket", "CRM-17").is_success


class TestEverybodyElse:
    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize("who", ["ada", "admin", "promoter", "pipeline", "otto"])
    def test_is_refused(self, server: Server, version: Registered, who: str, prefix: str) -> None:
        assert say(server, who, version, "approved", prefix=prefix).status_code == httpx.codes.FORBIDDEN
        assert tags_of(server, version)[names.APPROVAL] == "pending"

    def test_the_author_reads_why(self, server: Server, candidate: CandidateFactory) -> None:
        own = register(server.settings, candidate("own", author="rita"))
        answer = say(server, "rita", own, "approved").json()
        assert answer["error_code"] == "PERMISSION_DENIED"
        assert "four eyes" in answer["message"]

    def test_without_a_password_nothing_is_read(self, server: Server) -> None:
        answer = httpx.get(f"{server.url}{PREFIXES[0]}/registered-models/search")
        assert answer.status_code == httpx.codes.UNAUTHORIZED

    def test_an_account_that_only_mlflow_knows_does_nothing(self, server: Server, version: Registered) -> None:
        sign_in_store(server.settings).create_user("eve", "a long password", is_admin=True)
        server.passwords["eve"] = "a long password"
        assert "no account of Caregate" in say(server, "eve", version, "approved").text

    def test_a_disabled_reviewer_is_refused(self, server: Server, version: Registered) -> None:
        People(ledger_database(server.settings)).disable("rob", by="test")
        assert say(server, "rob", version, "approved").status_code == httpx.codes.FORBIDDEN


LOOK_ALIKES = ("аpproval", "gate:status", "approvals", "mlflow.approval", "approval.by.me")


class TestWhatTheServerKeeps:
    @pytest.mark.parametrize("who", ["ada", "rita", "admin"])
    @pytest.mark.parametrize("prefix", PREFIXES)
    def test_experiments_which_say_where_files_are_written(self, server: Server, who: str, prefix: str) -> None:
        elsewhere = {"name": f"mine-{who}", "artifact_location": server.settings.approved_dir.as_uri()}
        for body in (elsewhere, {"name": f"plain-{who}"}):
            with server.client(who) as client:
                answer = client.post(f"{prefix}/experiments/create", json=body)
            assert answer.json()["error_code"] == "PERMISSION_DENIED"

    def test_the_mark_of_closed_folders(self, server: Server) -> None:
        with server.client("admin") as client:
            route = "/api/2.0/mlflow-artifacts/artifacts/frozen"
            assert client.put(route, content=b"").status_code == httpx.codes.FORBIDDEN

    @pytest.mark.parametrize(
        "key", ["gate.bias", "gate.status", "approval.by", "digest", "author", "Approval", *LOOK_ALIKES]
    )
    def test_its_tags(self, server: Server, version: Registered, key: str) -> None:
        for who in ("rita", "admin", "pipeline"):
            assert set_tag(server, who, version, key, "passed").status_code == httpx.codes.FORBIDDEN

    def test_its_tags_from_deletion(self, server: Server, version: Registered) -> None:
        body = {"name": version.model, "version": str(version.version), "key": names.APPROVAL}
        with server.client("admin") as client:
            answer = client.request("DELETE", f"{PREFIXES[0]}/model-versions/delete-tag", json=body)
        assert answer.status_code == httpx.codes.FORBIDDEN

    @pytest.mark.parametrize(
        ("method", "route", "body"),
        [
            ("PATCH", "model-versions/update", {"description": "all gates passed"}),
            ("DELETE", "model-versions/delete", {}),
            ("POST", "model-versions/transition-stage", {"stage": "Production", "archive_existing_versions": False}),
            ("POST", "registered-models/rename", {"new_name": "other"}),
            ("DELETE", "registered-models/delete", {}),
            ("POST", "registered-models/set-tag", {"key": "owner", "value": "eve"}),
        ],
    )
    def test_versions_and_models_as_they_are(
        self, server: Server, version: Registered, method: str, route: str, body: dict[str, Any]
    ) -> None:
        whole = {"name": version.model, "version": str(version.version)} | body
        with server.client("admin") as client:
            assert client.request(method, f"{PREFIXES[0]}/{route}", json=whole).status_code == httpx.codes.FORBIDDEN

    @pytest.mark.parametrize("who", ["ada", "admin", "rita"])
    def test_the_door_to_new_versions(self, server: Server, version: Registered, who: str) -> None:
        copied = [{"key": key, "value": value} for key, value in tags_of(server, version).items()]
        copied.append({"key": names.APPROVAL, "value": "approved"})
        for source in (
            {"source": f"models:/{version.model}/{version.version}"},
            {"source": f"models:/{version.model_id}", "model_id": version.model_id},
        ):
            body = {"name": version.model, "tags": copied} | source
            with server.client(who) as client:
                answer = client.post(f"{PREFIXES[0]}/model-versions/create", json=body)
            assert answer.status_code == httpx.codes.FORBIDDEN, answer.text

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    @pytest.mark.parametrize("who", ["ada", "admin", "pipeline"])
    def test_the_files(self, server: Server, version: Registered, who: str, method: str) -> None:
        location = read_version(open_database(server.settings.registry_url), version.model, version.version).location
        path = location.removeprefix("mlflow-artifacts:/")
        for prefix in ("/api/2.0", "/ajax-api/2.0"):
            with server.client(who) as client:
                route = f"{prefix}/mlflow-artifacts/artifacts/{path}/model.ubj"
                assert client.request(method, route, content=b"others").status_code == httpx.codes.FORBIDDEN
        folder = artifact_folder(server.settings, location)
        assert verified_manifest(folder).digest == version.digest

    @pytest.mark.parametrize(
        "route", ["/ajax-api/3.0/mlflow/assistant/config", "/ajax-api/3.0/jobs/", "/ajax-api/3.0/jobs/search"]
    )
    def test_jobs_and_assistants_closed(self, server: Server, route: str) -> None:
        with server.client("admin") as client:
            assert client.post(route, json={}).json()["message"] == "Refused: this route is closed."


class TestAliases:
    @pytest.mark.parametrize("alias", ["champion", "Champion", "previous"])
    @pytest.mark.parametrize("who", ["ada", "rita", "admin", "pipeline"])
    def test_are_set_by_no_person(self, server: Server, version: Registered, who: str, alias: str) -> None:
        say(server, "rita", version, "approved")
        assert set_alias(server, who, version, alias).status_code == httpx.codes.FORBIDDEN

    @pytest.mark.parametrize("value", [None, "rejected: weak on new patients"])
    def test_need_an_approval(self, server: Server, version: Registered, value: str | None) -> None:
        if value:
            say(server, "rita", version, value)
        assert "standing approval" in set_alias(server, "promoter", version, "champion").text

    def test_are_set_by_the_promoter(self, server: Server, version: Registered) -> None:
        say(server, "rita", version, "approved")
        assert set_alias(server, "promoter", version, "champion").is_success
        assert aliases_of(open_database(server.settings.registry_url), version.model)["champion"] == version.version


class TestTheLedger:
    def test_holds_what_was_allowed_and_what_was_refused(self, server: Server, version: Registered) -> None:
        say(server, "ada", version, "approved")
        say(server, "rita", version, "approved")
        subject = f"{version.model}/{version.version}"
        lines = list(Ledger(ledger_database(server.settings)).read(subject=subject))
        assert [(line.actor, line.action) for line in lines] == [
            ("pipeline", "version.create"),
            ("ada", "approval.refuse"),
            ("rita", "approval.approve"),
        ]
        assert lines[-1].digest == version.digest

    def test_still_verifies(self, server: Server) -> None:
        assert Ledger(ledger_database(server.settings)).verify() > 0


class TestTheServicesOverHttp:
    """With the stack's address in the home, registering and promoting go through the server."""

    @pytest.fixture(autouse=True)
    def _announced(self, server: Server) -> Any:
        announce_stack(server.settings, StackAddress(os.getpid(), server.url, "", ""))
        yield
        withdraw_stack(server.settings)

    def test_the_way_to_a_champion(self, server: Server, candidate: CandidateFactory) -> None:
        used = in_use(Ledger(ledger_database(server.settings)), "no-show")  # others share the server
        given = candidate("over-http", seed=5, compared_with=used.digest if used else "")
        version = register(server.settings, given)
        assert register(server.settings, given) == version
        folder = artifact_folder(
            server.settings,
            read_version(open_database(server.settings.registry_url), "no-show", version.version).location,
        )
        assert verified_manifest(folder).digest == version.digest
        assert say(server, "ron", version, "approved").is_success
        assert promote(server.settings, "no-show", version.version).version == version.version
        assert champion_of(server.settings, "no-show").digest == version.digest

    def test_a_failed_run_is_kept(self, server: Server, candidate: CandidateFactory) -> None:
        run_id = log_run_only(server.settings, candidate("failed-http", gates={"bias": Verdict.FAILED}))
        with server.client("otto") as client:
            listed = client.get("/api/2.0/mlflow/artifacts/list", params={"run_id": run_id, "path": "evidence"})
        assert {Path(file["path"]).name for file in listed.json()["files"]} == {"card.md", "gates.json"}

    def test_a_refusal_keeps_its_words(self, server: Server, version: Registered) -> None:
        with (
            pytest.raises(RegistryRefused, match="standing approval"),
            open_registry(server.settings, account=names.PROMOTER) as registry,
        ):
            registry.models.set_registered_model_alias(version.model, "champion", str(version.version))

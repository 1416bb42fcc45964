"""Who is who on the MLflow server: accounts are changed by `caregate users` alone, and every refusal leaves a line."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from werkzeug.security import generate_password_hash

from governance.database import ledger_database, open_database
from governance.ledger import Act, Ledger
from governance.people import Role
from registry import names
from registry.accounts import create_account, disable_account, reset_account
from registry.launch import sign_in_database
from registry.registering import Registered
from registry.sign_ins import password_holds
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import Server, register

PREFIXES = ("/api", "/ajax-api")
KNOWN_TO_READ = 41
"""Methods of MLflow 3.17's store of sign-ins that were looked at and only read."""
KNOWN_TO_WRITE = 41
REVIEWER = "rita"
NEW = "a new password of some length"

MAKES = {"username": "eve", "password": NEW}
GRANT = {"username": "ada", "resource_type": "registered_model", "resource_id": "*", "permission": "MANAGE"}
ROLE = {"name": "signers", "workspace": "default"}
CHANGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "2.0/mlflow/users/create", MAKES),
    ("PATCH", "2.0/mlflow/users/update-password", {"username": REVIEWER, "password": NEW}),
    ("PATCH", "2.0/mlflow/users/update-admin", {"username": "ada", "is_admin": True}),
    ("PATCH", "2.0/mlflow/users/update-admin", {"username": "admin", "is_admin": False}),
    ("DELETE", "2.0/mlflow/users/delete", {"username": REVIEWER}),
    ("POST", "3.0/mlflow/users/permissions/grant", GRANT),
    ("POST", "3.0/mlflow/users/permissions/revoke", GRANT),
    ("POST", "3.0/mlflow/roles/create", ROLE),
    ("PATCH", "3.0/mlflow/roles/update", {"role_id": 1, "name": "others"}),
    ("DELETE", "3.0/mlflow/roles/delete", {"role_id": 1}),
    ("POST", "3.0/mlflow/roles/assign", {"username": "ada", "role_id": 1}),
    ("DELETE", "3.0/mlflow/roles/unassign", {"username": REVIEWER, "role_id": 1}),
    (
        "POST",
        "3.0/mlflow/roles/permissions/add",
        {"role_id": 1, "resource_type": "registered_model", "resource_pattern": "*", "permission": "MANAGE"},
    ),
    ("PATCH", "3.0/mlflow/roles/permissions/update", {"role_permission_id": 1, "permission": "MANAGE"}),
    ("DELETE", "3.0/mlflow/roles/permissions/remove", {"role_permission_id": 1}),
)


def lines(server: Server) -> list[Act]:
    return list(Ledger(ledger_database(server.settings)).read())


def ask(server: Server, who: str, method: str, route: str, body: dict[str, Any], **given: Any) -> httpx.Response:
    with server.client(who) as client:
        return client.request(method, route, json=body, **given)


@pytest.fixture
def recorded(server: Server) -> Callable[[], list[Act]]:
    """What the ledger gained since the test began."""
    before = len(lines(server))
    return lambda: lines(server)[before:]


@pytest.fixture
def person(server: Server, request: pytest.FixtureRequest) -> str:
    """A reviewer of the test's own."""
    name = request.node.name.split("[")[0].replace("_", "-")[:60]
    server.passwords[name] = create_account(server.settings, name, Role.REVIEWER, by="test")
    return name


@pytest.fixture
def version(server: Server, candidate: CandidateFactory, request: pytest.FixtureRequest) -> Registered:
    """A version that awaits its sign-off."""
    return register(server.settings, candidate(request.node.name))


def approve(server: Server, who: str, version: Registered) -> httpx.Response:
    body = {"name": version.model, "version": str(version.version), "key": names.APPROVAL, "value": "approved"}
    return ask(server, who, "POST", "/api/2.0/mlflow/model-versions/set-tag", body)


def change_own(server: Server, who: str, password: str) -> httpx.Response:
    body = {"username": who, "password": password, "current_password": server.passwords[who]}
    return ask(server, who, "PATCH", "/ajax-api/2.0/mlflow/users/update-password", body)


def reads(server: Server, who: str) -> int:
    with server.client(who) as client:
        return client.get("/api/2.0/mlflow/registered-models/search").status_code


class TestTheSurface:
    """A new MLflow may bring a new way to change an account: it has to be looked at before it is let in."""

    @pytest.fixture
    def sign_in(self) -> Any:
        """The module of the store; MLflow's own imports warn of a bridge that is deprecated."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("registry.server.sign_in")

    def test_what_is_taken_for_reading_was_looked_at(self, sign_in: Any) -> None:
        store = sign_in.SqlAlchemyStore
        public = [name for name in dir(store) if not name.startswith("_")]
        assert len([name for name in public if name.startswith(sign_in.READING)]) == KNOWN_TO_READ
        assert len(sign_in.writes(store)) == KNOWN_TO_WRITE

    def test_every_way_to_write_is_ours(self, sign_in: Any) -> None:
        assert set(sign_in.writes(sign_in.GuardedSignIns)) <= set(vars(sign_in.GuardedSignIns))
        assert sign_in.GRANTED_BY_MLFLOW == ("grant_user_permission",)


class TestAccounts:
    @pytest.mark.parametrize("prefix", PREFIXES)
    @pytest.mark.parametrize(("method", "route", "body"), CHANGES, ids=[f"{row[0]} {row[1]}" for row in CHANGES])
    def test_are_changed_by_no_administrator(
        self,
        server: Server,
        recorded: Callable[[], list[Act]],
        prefix: str,
        method: str,
        route: str,
        body: dict[str, Any],
    ) -> None:
        answer = ask(server, "admin", method, f"{prefix}/{route}", body)
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert "caregate users" in answer.json()["message"]
        assert [(line.actor, line.action) for line in recorded()] == [("admin", "user.refuse")]
        assert reads(server, REVIEWER) == httpx.codes.OK

    @pytest.mark.parametrize(("method", "route", "body"), CHANGES[:6], ids=[row[1] for row in CHANGES[:6]])
    def test_are_changed_by_nobody_else(
        self, server: Server, recorded: Callable[[], list[Act]], method: str, route: str, body: dict[str, Any]
    ) -> None:
        for who in ("ada", "pipeline"):
            answer = ask(server, who, method, f"/api/{route}", body)
            assert answer.status_code == httpx.codes.FORBIDDEN
            assert answer.json()["message"].startswith("Refused: ")
        assert [line.actor for line in recorded()] == ["ada", "pipeline"]

    def test_have_no_form_to_sign_up(self, server: Server) -> None:
        with server.client("admin") as client:
            assert client.get("/signup").status_code == httpx.codes.FORBIDDEN
            made = client.post("/api/2.0/mlflow/users/create-ui", data={"username": "yves", "password": NEW})
            assert made.is_error
            assert "yves" not in client.get("/api/2.0/mlflow/users/list").text

    def test_gain_nothing_from_what_they_register(self, server: Server, version: Registered) -> None:
        with server.client("admin") as client:
            kept = client.get("/api/3.0/mlflow/users/permissions/list", params={"username": names.PIPELINE}).text
        assert version.model not in kept


class TestAPersonsOwnPassword:
    def test_is_changed_with_the_old_one(self, server: Server, recorded: Callable[[], list[Act]], person: str) -> None:
        assert reads(server, person) == httpx.codes.OK
        assert change_own(server, person, NEW).is_success
        assert reads(server, person) == httpx.codes.UNAUTHORIZED  # the old one, which the server has just seen
        server.passwords[person] = NEW
        assert reads(server, person) == httpx.codes.OK
        assert ("user.password", person, person) in [(line.action, line.actor, line.subject) for line in recorded()]

    def test_is_not_changed_without_it(self, server: Server, person: str) -> None:
        for given in ({}, {"current_password": "another one"}):
            body = {"username": person, "password": NEW} | given
            assert ask(server, person, "PATCH", "/api/2.0/mlflow/users/update-password", body).is_error
        assert reads(server, person) == httpx.codes.OK

    @pytest.mark.parametrize("service", [names.ADMIN, names.PROMOTER])
    def test_is_no_services_to_change(self, server: Server, service: str) -> None:
        assert change_own(server, service, NEW).status_code == httpx.codes.FORBIDDEN
        assert reads(server, service) == httpx.codes.OK


class TestAPasswordThatWasReset:
    def test_ends_the_old_one_at_once_and_signs_nothing_until_it_is_changed(
        self, server: Server, person: str, version: Registered
    ) -> None:
        assert reads(server, person) == httpx.codes.OK
        fresh = reset_account(server.settings, person, by="olga")
        assert reads(server, person) == httpx.codes.UNAUTHORIZED
        server.passwords[person] = fresh
        answer = approve(server, person, version)
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert "Change password" in answer.json()["message"]
        assert change_own(server, person, NEW).is_success
        server.passwords[person] = NEW
        assert approve(server, person, version).is_success
        acts = [line for line in lines(server) if line.subject == person and line.action.startswith("user.")]
        assert [(line.action, line.actor) for line in acts] == [
            ("user.add", "test"),
            ("user.reset", "olga"),
            ("user.password", person),
        ]


class TestADisabledAccount:
    def test_reads_nothing_from_the_next_request_on(self, server: Server, person: str) -> None:
        assert reads(server, person) == httpx.codes.OK
        disable_account(server.settings, person, by="test")
        assert reads(server, person) == httpx.codes.UNAUTHORIZED

    def test_reads_nothing_even_where_mlflow_still_knows_it(
        self, server: Server, recorded: Callable[[], list[Act]], person: str
    ) -> None:
        from governance.people import People

        People(ledger_database(server.settings)).disable(person, by="test")
        artifact = "/api/2.0/mlflow-artifacts/artifacts/1/x"
        with server.client(person) as client:
            assert "disabled" in client.get("/api/2.0/mlflow/registered-models/search").json()["message"]
            assert client.get(artifact).status_code == httpx.codes.UNAUTHORIZED
        assert (person, "request.refuse") in [(line.actor, line.action) for line in recorded()]


class TestTheLedger:
    def test_holds_what_mlflow_itself_refused(self, server: Server, recorded: Callable[[], list[Act]]) -> None:
        body = {"name": "no-show", "alias": "champion", "version": "1"}
        answer = ask(server, "ada", "POST", "/ajax-api/2.0/mlflow/registered-models/alias", body)
        assert answer.status_code == httpx.codes.FORBIDDEN
        [line] = recorded()
        assert (line.actor, line.action) == ("ada", "request.refuse")
        assert line.subject == "POST /ajax-api/2.0/mlflow/registered-models/alias"
        assert line.facts["status"] == httpx.codes.FORBIDDEN

    def test_holds_what_the_native_half_refused_without_its_values(
        self, server: Server, recorded: Callable[[], list[Act]]
    ) -> None:
        with server.client("otto") as client:
            assert client.put("/api/2.0/mlflow-artifacts/artifacts/secret-name", content=b"").is_error
        [line] = recorded()
        assert (line.actor, line.subject) == ("otto", "PUT /api/2.0/mlflow-artifacts/artifacts/*")

    @pytest.mark.parametrize(
        "route",
        ["/ajax-api/3.0/jobs/", "/ajax-api/3.0/mlflow/assistant/config", "/gateway/x/mlflow/invocations", "/v1/traces"],
    )
    def test_holds_tries_at_closed_routes(self, server: Server, recorded: Callable[[], list[Act]], route: str) -> None:
        assert ask(server, "admin", "POST", route, {}).json()["message"] == "Refused: this route is closed."
        [line] = recorded()
        assert (line.actor, line.action) == ("admin", "request.refuse")

    @pytest.mark.parametrize("route", ["2.0/mlflow/upload-artifact", "3.0/mlflow/gateway/secrets/create"])
    def test_holds_tries_at_closed_routes_of_the_other_half(
        self, server: Server, recorded: Callable[[], list[Act]], route: str
    ) -> None:
        answer = ask(server, "admin", "POST", f"/ajax-api/{route}", {})
        assert answer.json()["message"] == "Refused: this route is closed."
        assert [line.subject for line in recorded()] == [f"POST /ajax-api/{route}"]

    def test_counts_failed_sign_ins_and_repeats_no_unknown_name(
        self, server: Server, recorded: Callable[[], list[Act]], person: str
    ) -> None:
        wrong = replace(server, passwords={person: "wrong", "my-own-password": "typed into the wrong field"})
        for _ in range(3):
            assert reads(wrong, person) == httpx.codes.UNAUTHORIZED
            assert reads(wrong, "my-own-password") == httpx.codes.UNAUTHORIZED
        found = [line.subject for line in recorded() if line.action == "sign-in.refuse"]
        assert found.count(person) == 1
        assert found.count("unknown") <= 1
        assert not any("my-own-password" in str(line) for line in recorded())


class TestAForeignName:
    @pytest.mark.parametrize("host", ["evil.example", "10.evil.example", "127.0.0.1", "localhost:1", ""])
    def test_is_not_answered(self, server: Server, host: str) -> None:
        with server.client("otto") as client:
            for route in ("/", "/api/2.0/mlflow/registered-models/search", "/get-artifact"):
                assert client.get(route, headers={"Host": host}).status_code in (400, httpx.codes.FORBIDDEN)

    def test_is_not_the_servers_own(self, server: Server) -> None:
        port = server.url.rpartition(":")[2]
        with server.client("otto") as client:
            assert client.get("/", headers={"Host": f"localhost:{port}"}).is_success


class TestAForeignPage:
    @pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "http://127.0.0.1:5001", "null"])
    def test_neither_reads_nor_writes(self, server: Server, version: Registered, origin: str) -> None:
        body = {"name": version.model, "version": str(version.version), "key": names.APPROVAL, "value": "approved"}
        with server.client("rita") as client:
            route = "/ajax-api/2.0/mlflow/model-versions/set-tag"
            written = client.post(route, json=body, headers={"Origin": origin})
            read = client.get("/ajax-api/2.0/mlflow/registered-models/search", headers={"Origin": origin})
        assert (written.status_code, read.status_code) == (httpx.codes.FORBIDDEN, httpx.codes.FORBIDDEN)
        assert "access-control-allow-origin" not in read.headers

    def test_writes_nothing_where_a_browser_tells_only_of_the_site(self, server: Server) -> None:
        with server.client("rita") as client:
            for site in ("cross-site", "same-site"):
                answer = client.post("/graphql", json={}, headers={"Sec-Fetch-Site": site})
                assert answer.status_code == httpx.codes.FORBIDDEN

    def test_is_not_the_servers_own(self, server: Server, version: Registered) -> None:
        body = {"name": version.model, "version": str(version.version), "key": "note", "value": "seen"}
        with server.client("rita") as client:
            own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
            assert client.post("/ajax-api/2.0/mlflow/model-versions/set-tag", json=body, headers=own).is_success


class TestAPasswordThatWasWrittenPastTheServer:
    """By SQL on the sign-ins; else whoever writes there signs as whom they like."""

    @pytest.fixture
    def written(self, server: Server, person: str) -> str:
        """A password whose hash somebody wrote over the person's."""
        engine = open_database(f"sqlite:///{sign_in_database(server.settings)}")
        with engine.begin() as connection:
            where = {"name": person, "hash": generate_password_hash(NEW)}
            connection.execute(text("UPDATE users SET password_hash = :hash WHERE username = :name"), where)
        server.passwords[person] = NEW
        return NEW

    def test_signs_nothing(self, server: Server, person: str, written: str, version: Registered) -> None:
        assert approve(server, person, version).status_code == httpx.codes.UNAUTHORIZED
        assert change_own(server, person, f"{written} of another").is_error
        assert approve(server, person, version).status_code == httpx.codes.UNAUTHORIZED

    def test_makes_nobody_the_author_of_a_run(self, server: Server, person: str, written: str) -> None:
        assert not password_holds(server.settings, person, written)

    def test_ends_with_a_reset(self, server: Server, person: str, written: str) -> None:
        server.passwords[person] = reset_account(server.settings, person, by="olga")
        assert server.passwords[person] != written
        assert reads(server, person) == httpx.codes.OK

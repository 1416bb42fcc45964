"""Signing in by a proxy: its word about who somebody is counts beside the home's secret, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry.accounts import disable_account
from tests.registry.conftest import copy_home
from tests.registry.toys import Server, running_server

SECRET, NAME = "X-Caregate-Proxy-Secret", "X-Forwarded-User"
SEARCH = "/api/2.0/mlflow/registered-models/search"
FILE = "/api/2.0/mlflow-artifacts/artifacts/1/none"
ROUTES = (SEARCH, FILE)
"""One of each half of the server."""
Headers = list[tuple[str, str | bytes]]


@pytest.fixture(scope="module")
def proxied(template: tuple[Settings, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes people from a proxy alone."""
    home = copy_home(template[0], tmp_path_factory.mktemp("proxied") / "home")
    given = home.model_copy(update={"single_sign_on": True, "public_url": "https://models.clinic.example"})
    with running_server(given, template[1]) as started:
        yield started


@pytest.fixture
def secret(proxied: Server) -> str:
    """What the proxy shows."""
    return read_secrets(proxied.settings.secrets_file).sign_on_secret


def status(server: Server, route: str, headers: Headers, auth: tuple[str, str] | None = None) -> int:
    return httpx.get(f"{server.url}{route}", headers=headers, auth=auth, timeout=60).status_code


def signs_in(server: Server, headers: Headers, auth: tuple[str, str] | None = None) -> bool:
    found = {status(server, route, headers, auth) == httpx.codes.UNAUTHORIZED for route in ROUTES}
    assert len(found) == 1, "the two halves of the server disagree"
    return not found.pop()


class TestTheProxy:
    def test_names_a_person(self, proxied: Server, secret: str) -> None:
        assert signs_in(proxied, [(SECRET, secret), (NAME, "rita")])

    def test_is_who_acts(self, proxied: Server, secret: str) -> None:
        headers = [(SECRET, secret), (NAME, "rita")]
        answer = httpx.get(f"{proxied.url}/api/2.0/mlflow/users/current", headers=headers)
        assert answer.json()["user"]["username"] == "rita"
        assert answer.json()["is_basic_auth"] is False

    def test_counts_more_than_a_password_sent_along(self, proxied: Server, secret: str) -> None:
        headers = [(SECRET, secret), (NAME, "rita")]
        auth = ("admin", proxied.passwords["admin"])
        answer = httpx.get(f"{proxied.url}/api/2.0/mlflow/users/current", headers=headers, auth=auth)
        assert answer.json()["user"]["username"] == "rita"

    def test_is_reached_by_the_public_name(self, proxied: Server, secret: str) -> None:
        headers = [(SECRET, secret), (NAME, "rita"), ("Host", "models.clinic.example")]
        assert status(proxied, SEARCH, headers) == httpx.codes.OK
        assert status(proxied, SEARCH, [*headers, ("Origin", "https://models.clinic.example")]) == httpx.codes.OK
        assert status(proxied, SEARCH, [*headers, ("Origin", "http://models.clinic.example")]) == httpx.codes.FORBIDDEN


class TestNobody:
    @pytest.mark.parametrize("shown", ["", "wrong", "Bearer"])
    def test_is_believed_without_the_secret(self, proxied: Server, shown: str) -> None:
        assert not signs_in(proxied, [(SECRET, shown), (NAME, "rita")])

    def test_is_believed_who_shows_none(self, proxied: Server) -> None:
        assert not signs_in(proxied, [(NAME, "rita")])

    def test_is_believed_who_shows_it_among_others(self, proxied: Server, secret: str) -> None:
        assert not signs_in(proxied, [(SECRET, secret), (SECRET, secret), (NAME, "rita")])
        assert not signs_in(proxied, [(SECRET, f"{secret},{secret}"), (NAME, "rita")])

    @pytest.mark.parametrize(
        "name",
        ["Rita", "RITA", "rita ada", "rita,ada", "r\u0456ta".encode(), "rita\u00a0".encode(), "nobody", "", "../rita"],
    )
    def test_is_taken_for_another(self, proxied: Server, secret: str, name: str | bytes) -> None:
        assert not signs_in(proxied, [(SECRET, secret), (NAME, name)])

    @pytest.mark.parametrize("names", [[], ["rita", "ada"], ["rita", "rita"]])
    def test_is_two_people_or_none(self, proxied: Server, secret: str, names: list[str]) -> None:
        assert not signs_in(proxied, [(SECRET, secret), *((NAME, name) for name in names)])

    def test_slips_in_by_another_spelling_of_the_header(self, proxied: Server, secret: str) -> None:
        assert not signs_in(proxied, [(SECRET, secret), ("X_Forwarded_User", "rita")])
        assert not signs_in(proxied, [("X_Caregate_Proxy_Secret", secret), (NAME, "rita")])

    @pytest.mark.parametrize("service", ["admin", "pipeline", "promoter"])
    def test_is_a_service_by_the_proxy(self, proxied: Server, secret: str, service: str) -> None:
        assert not signs_in(proxied, [(SECRET, secret), (NAME, service)])

    def test_signs_in_by_password_but_services(self, proxied: Server) -> None:
        assert not signs_in(proxied, [], auth=("rita", proxied.passwords["rita"]))
        assert signs_in(proxied, [], auth=("pipeline", proxied.passwords["pipeline"]))
        assert not signs_in(proxied, [], auth=("pipeline", "wrong"))

    def test_that_was_disabled_comes_in(self, proxied: Server, secret: str) -> None:
        assert signs_in(proxied, [(SECRET, secret), (NAME, "rob")])
        disable_account(proxied.settings, "rob", by="test")
        assert not signs_in(proxied, [(SECRET, secret), (NAME, "rob")])


class TestWhatIsWrittenDown:
    def test_names_known_accounts_and_never_the_secret(self, proxied: Server, secret: str) -> None:
        status(proxied, SEARCH, [(SECRET, f"{secret}x"), (NAME, "rita")])
        status(proxied, SEARCH, [(SECRET, secret), (NAME, "ada"), (NAME, "rita")])
        lines = [line for line in Ledger(ledger_database(proxied.settings)).read() if "sign-in" in line.action]
        assert {line.subject for line in lines} >= {"unknown"}
        assert not any(secret in str(line) for line in lines)
        assert secret not in (proxied.settings.home / "mlflow.log").read_text()


class TestWithoutIt:
    def test_the_proxys_headers_mean_nothing(self, server: Server) -> None:
        secret = read_secrets(server.settings.secrets_file).sign_on_secret
        assert not signs_in(server, [(SECRET, secret), (NAME, "rita")])

"""One service of several processes, over TLS: counted together, logged as JSON, and nothing that was sent in a line."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.key_refusals import KeyRefusals
from governance.people import People, Role
from registry.launch import home_environment
from tests.registry.toys import free_ports
from tests.serving.clinic import make_home
from tests.serving.test_tls import make_certificate

SECRET = "Mrs-Canary-1947"
URL = "/v1/models/no-show/predictions"
ASKED = 12
BOUND = 60


@dataclass
class Running:
    """A service of two workers, and who asks it."""

    process: subprocess.Popen
    address: str
    trust: ssl.SSLContext
    key: str
    log: Path
    refusals: KeyRefusals

    def ask(self, method: str, path: str, *, key: str | None = None, **options) -> httpx.Response:
        """Ask by a connection of its own, which any of the workers may get."""
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {key or self.key}"}
        with httpx.Client(base_url=self.address, verify=self.trust, timeout=BOUND) as client:
            return client.request(method, path, headers=headers, **options)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("seen")
    settings = make_home(folder / "home").model_copy(update={"port_base": free_ports(3)})
    stale = settings.serving_dir / "metrics"
    stale.mkdir(parents=True)
    (stale / "counter_1.db").write_bytes(b"of a service that ran before")
    engine, (chain, secret) = ledger_database(settings), make_certificate(folder)
    People(engine).add("clinic", Role.CRM, by="tester", service=True)
    key = ClientKeys(engine).issue("clinic", by="tester")
    tls = {"CAREGATE_TLS_CERTIFICATE": str(chain), "CAREGATE_TLS_KEY": str(secret), "CAREGATE_SCORING_WORKERS": "2"}
    environment = os.environ | home_environment(settings) | tls
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "serving"], env=environment, stdout=log, stderr=log)
    address, trust = f"https://127.0.0.1:{settings.port_base + 2}", ssl.create_default_context(cafile=chain)
    found = Running(process, address, trust, key, folder / "log", KeyRefusals(engine))
    try:
        _until(lambda: _answers(found))
        yield found
    finally:
        process.terminate()
        process.wait(BOUND)


def _answers(running: Running) -> bool:
    assert running.process.poll() is None, running.log.read_text()
    try:
        return running.ask("GET", "/healthz").status_code == 200
    except httpx.TransportError:
        return False


def _until(holds) -> None:
    deadline = time.monotonic() + BOUND
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def seen(running: Running) -> Running:
    """The service after it was asked well and badly, with a secret in every place."""
    for number in range(ASKED):
        body = {"purpose": "reminder", "instances": [{"record_id": f"{SECRET}-{number}"}]}
        assert running.ask("POST", URL, json=body).status_code == 200
    bad = {"purpose": SECRET, "instances": [{SECRET: SECRET}]}
    assert running.ask("POST", f"{URL}?name={SECRET}", json=bad, headers={"X-Request-Id": SECRET}).status_code == 403
    assert running.ask("GET", f"/v1/models/{SECRET}").status_code == 404
    assert running.ask("GET", f"/{SECRET}", headers={"User-Agent": SECRET}).status_code == 404
    assert running.ask("GET", "/v1/models/no-show", key=f"cg_{SECRET}").status_code == 401
    return running


class TestMetrics:
    def test_what_all_workers_answered_is_added_up(self, seen: Running) -> None:
        page = seen.ask("GET", "/metrics").text
        name = 'caregate_predictions_total{model="no-show",reason="no-champion",status="abstained",version="none"}'
        assert f"{name} {float(ASKED)}" in page
        assert 'caregate_refused_keys_total{reason="unknown"} 1.0' in page
        for gauge in ("caregate_served_version", "caregate_journal_backlog", "caregate_history_age_seconds"):
            assert f"\n{gauge}" in page

    def test_they_hold_nothing_that_was_sent(self, seen: Running) -> None:
        assert SECRET not in seen.ask("GET", "/metrics").text


class TestLog:
    def test_every_line_is_json_and_none_holds_what_was_sent(self, seen: Running) -> None:
        text = seen.log.read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        assert SECRET not in text
        assert seen.key not in text
        refused = [line for line in lines if line["event"] == "request refused"]
        assert {line["status"] for line in refused} >= {401, 403, 404}
        assert not [line for line in lines if line.get("status") == 200]


class TestRefusedKeys:
    def test_they_are_written_down_for_the_watch(self, seen: Running) -> None:
        _until(lambda: seen.refusals.since(datetime(2026, 1, 1, tzinfo=UTC)))
        ((why, whose),) = seen.refusals.since(datetime(2026, 1, 1, tzinfo=UTC))
        assert (why, whose.startswith("net-")) == ("unknown", True)


class TestEncryption:
    def test_who_does_not_trust_the_certificate_gets_nothing(self, running: Running) -> None:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{running.address}/healthz")

    def test_plain_http_gets_nothing(self, running: Running) -> None:
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{running.address.replace('https', 'http')}/healthz")

    def test_older_than_tls_1_2_gets_nothing(self, running: Running) -> None:
        old = ssl.create_default_context()
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{running.address}/healthz", verify=old)

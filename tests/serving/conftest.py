from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Thread
from time import sleep

import httpx
import polars as pl
import pytest
import uvicorn

from caregate.settings import Settings
from crm.snapshot import Snapshot
from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.people import People, Role
from models.artifact import FittedModel
from registry.champion import Champion
from serving.policy import load_serving_policy
from serving.server import server_config
from serving.service import Service, make_service
from tests.serving.clinic import (
    ToyChampions,
    appointments,
    champion,
    instance,
    make_home,
    publish_snapshot,
    train,
)


@dataclass(frozen=True)
class Clinic:
    """The home, what stands in it, and the registry that the tests hold in their hands."""

    settings: Settings
    snapshot: Snapshot
    rows: pl.DataFrame
    champions: ToyChampions
    versions: dict[int, Champion]
    models: dict[int, FittedModel]
    people: People
    keys: ClientKeys
    key: str

    @cached_property
    def instances(self) -> list[dict]:
        return [instance(row) for row in self.rows.iter_rows(named=True)]

    def snapshot_tokens(self) -> dict[str, dict[str, str]]:
        """Token of each of the clinic's own ids, by the place of its row."""
        stored = pl.read_parquet(self.snapshot.path("appointments"))
        return {
            "record": dict(zip(self.rows["appointment_id"], stored["appointment_id"], strict=True)),
            "patient": dict(zip(self.rows["patient_id"], stored["patient_id"], strict=True)),
        }


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    settings = make_home(tmp_path_factory.mktemp("serving") / "home")
    rows = appointments(1500)
    snapshot = publish_snapshot(settings, rows)
    folders = {version: tmp_path_factory.mktemp(f"v{version}") for version in (1, 2)}
    models = {version: train(snapshot, folder, rounds=10 * version) for version, folder in folders.items()}
    later = datetime.now(UTC) + timedelta(days=180)
    versions = {version: champion(folder, version, later) for version, folder in folders.items()}
    people = People(ledger_database(settings))
    people.add("clinic", Role.CRM, by="tester", service=True)
    champions = ToyChampions()
    champions.put(versions[1])
    keys = ClientKeys(ledger_database(settings))
    key = keys.issue("clinic", by="tester")
    return Clinic(settings, snapshot, rows, champions, versions, models, people, keys, key)


@pytest.fixture(scope="session")
def service(clinic: Clinic) -> Service:
    return make_service(clinic.settings, load_serving_policy(), clinic.champions)


@pytest.fixture(scope="session")
def address(service: Service) -> Iterator[str]:
    """A real server on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(server_config(service.app, port, load_serving_policy().shutdown))
    service.watcher.start()
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    service.watcher.stop()
    service.journal.close()


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture
def crm(clinic: Clinic, address: str) -> Iterator[httpx.Client]:
    """The CRM, with its key; version 1 answers."""
    headers = {"Authorization": f"Bearer {clinic.key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def swap(clinic: Clinic, service: Service) -> Iterator[ToyChampions]:
    """The registry; after the test version 1 answers again."""
    yield clinic.champions
    clinic.champions.down = False
    clinic.champions.put(clinic.versions[1])
    service.watcher.look()

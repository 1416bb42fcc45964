"""One home, one MLflow server and one scoring server for every attack; copies of the home for attacks past them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import Role
from registry.accounts import create_account, disable_account
from registry.connection import prepare_database
from registry.launch import home_environment
from registry.promotion import promote
from registry.proving import PROVEN
from registry.registering import Registered
from tests.attacks.attack import Place
from tests.attacks.identity import LEFT, REFUSED_ENTRY
from tests.attacks.scene import API, MODEL, Scene, approval, copied
from tests.registry.toys import Server, free_ports, make_candidate, make_home, register, running_server


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A home in which version 2 is in use, after version 1, and versions 3 and 4 wait."""
    folder = tmp_path_factory.mktemp("attacks")
    settings, passwords = make_home(folder / "home")
    prepare_database(settings)
    passwords |= {name: create_account(settings, name, Role.REVIEWER, by="init") for name in (LEFT, REFUSED_ENTRY)}
    with running_server(settings, passwords) as server:
        older = _registered(server, folder, "older", seed=1)
        _use(server, older)
        served = _registered(server, folder, "served", seed=2, compared_with=older.digest)
        _use(server, served)
        waiting = _registered(server, folder, "waiting", seed=3, compared_with=served.digest)
        own = _registered(server, folder, "own", seed=4, compared_with=served.digest, author="rita")
        disable_account(settings, LEFT, by="init")
        made = Scene(server, settings, served, older, waiting, own, folder)
        yield made
        made.close()


@pytest.fixture(scope="session")
def untouched(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The home as it was before the first attack past the server."""
    with copied(scene, tmp_path_factory.mktemp("untouched") / "home") as copy:
        yield copy


@pytest.fixture(scope="session")
def scoring(untouched: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A copy of the home with a scoring server in front of it."""
    with copied(untouched, tmp_path_factory.mktemp("scoring") / "home") as copy, _scored(copy) as scored:
        yield scored


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Place], Scene]]:
    """Where an attack comes from."""
    with ExitStack() as open_copies:

        def at(where: Place) -> Scene:
            if where is Place.DATABASE:
                untouched = request.getfixturevalue("untouched")
                return open_copies.enter_context(copied(untouched, tmp_path / "home"))
            found: Scene = request.getfixturevalue("scene" if where is Place.SERVER else "scoring")
            return found

        yield at


def _registered(server: Server, folder: Path, run_key: str, **given: object) -> Registered:
    return register(server.settings, make_candidate(folder / run_key, run_key, **given))  # type: ignore[arg-type]


def _use(server: Server, version: Registered) -> None:
    ledger = Ledger(ledger_database(server.settings))  # the serving gate is not what is attacked here
    ledger.append_once("promoter", PROVEN, f"{MODEL}/{version.version}", digest=version.digest, checks={})
    with server.client("ron") as client:
        assert client.post(f"{API}/model-versions/set-tag", json=approval(version)).is_success
    promote(server.settings, MODEL, version.version)


@contextmanager
def _scored(home: Scene) -> Iterator[Scene]:
    base = free_ports(3)
    settings = home.settings.model_copy(update={"port_base": base})
    home.people().add("clinic", Role.CRM, by="init", service=True)
    key = ClientKeys(ledger_database(settings)).issue("clinic", by="init")
    environment = os.environ | home_environment(settings)
    with (settings.home / "scoring.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "serving"], env=environment, stdout=log, stderr=log)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{base + 2}", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        try:
            _wait(client, process)
            yield replace(home, scoring=client)
        finally:
            process.terminate()
            process.wait(30)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError

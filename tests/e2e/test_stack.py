"""`caregate up`, whole: a signature becomes a champion, and however it ends no process is left."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from caregate.secret_store import PREFECT_USER, read_secrets
from caregate.settings import Settings
from governance.database import open_database
from registry.address import running_stack
from registry.champion import champion_of
from registry.connection import prepare_database
from registry.versions import aliases_of
from tests.registry.toys import free_ports, make_candidate, make_home, register

PATIENCE = 180.0
COMMAND = [sys.executable, "-c", "from caregate.cli import main; main()", "up"]


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.1)


def processes_of(settings: Settings) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CAREGATE_HOME") == str(settings.home):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def start(settings: Settings) -> subprocess.Popen[bytes]:
    ports = ["--home", str(settings.home), "--port-base", str(settings.port_base)]
    with (settings.home / "up.log").open("ab") as log:
        up = subprocess.Popen([*COMMAND, *ports], stdout=log, stderr=log)
    wait_until(lambda: up.poll() is not None or running_stack(settings) is not None, "the stack")
    assert up.poll() is None, (settings.home / "up.log").read_text(encoding="utf-8")
    return up


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, str]]:
    """A home with one version that awaits its sign-off."""
    settings, passwords = make_home(tmp_path_factory.mktemp("stack") / "home", port_base=free_ports(3))
    prepare_database(settings)
    register(settings, make_candidate(settings.home.parent / "candidate", "stack"))
    return settings, passwords


@pytest.fixture
def up(made: tuple[Settings, dict[str, str]]) -> Iterator[subprocess.Popen[bytes]]:
    """The running stack; whatever the test did, nothing of it is left afterwards."""
    started = start(made[0])
    yield started
    started.kill()
    started.wait()
    wait_until(lambda: not processes_of(made[0]), "an end of all processes")


class TestTheStack:
    def test_makes_a_champion_of_what_was_signed_and_stops_on_ctrl_c(
        self, made: tuple[Settings, dict[str, str]], up: subprocess.Popen[bytes]
    ) -> None:
        settings, passwords = made
        stack = running_stack(settings)
        assert stack is not None
        body = {"name": "no-show", "version": "1", "key": "approval", "value": "approved"}
        route = f"{stack.mlflow}/ajax-api/2.0/mlflow/model-versions/set-tag"
        assert httpx.post(route, json=body, auth=("rita", passwords["rita"])).is_success
        wait_until(lambda: "champion" in aliases_of(open_database(settings.registry_url), "no-show"), "the champion")
        assert champion_of(settings, "no-show").version == 1
        wait_until(lambda: "COMPLETED" in _promotions(settings), "the promote flow's end")
        assert httpx.get(f"{stack.scoring}/healthz").is_success
        assert httpx.post(f"{stack.prefect}/api/deployments/filter", json={}).status_code == httpx.codes.UNAUTHORIZED
        deployed = ask_prefect(settings, "deployments/filter", {})
        assert {"promote"} <= {deployment["name"] for deployment in deployed}
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE) == 0
        assert processes_of(settings) == []
        assert running_stack(settings) is None

    def test_leaves_nothing_when_it_is_killed(
        self, made: tuple[Settings, dict[str, str]], up: subprocess.Popen[bytes]
    ) -> None:
        up.kill()
        up.wait()
        wait_until(lambda: not processes_of(made[0]), "an end of all processes")
        assert running_stack(made[0]) is None


class TestBeforeItStarts:
    def test_a_taken_port_is_named(self, made: tuple[Settings, dict[str, str]]) -> None:
        settings = made[0]
        with socket.create_server(("127.0.0.1", settings.port_base + 1)):
            ports = ["--home", str(settings.home), "--port-base", str(settings.port_base)]
            ended = subprocess.run([*COMMAND, *ports], capture_output=True, text=True, check=False)
        assert ended.returncode == 2
        assert f"port {settings.port_base + 1} is taken" in ended.stderr + ended.stdout
        assert processes_of(settings) == []


def ask_prefect(settings: Settings, route: str, question: dict[str, Any]) -> Any:
    stack = running_stack(settings)
    assert stack is not None
    sign_in = (PREFECT_USER, read_secrets(settings.secrets_file).prefect_password)
    return httpx.post(f"{stack.prefect}/api/{route}", json=question, auth=sign_in).raise_for_status().json()


def _promotions(settings: Settings) -> list[str]:
    runs = ask_prefect(settings, "flow_runs/filter", {"flows": {"name": {"any_": ["promote"]}}})
    return [run["state_type"] for run in runs]

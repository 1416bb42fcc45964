"""The service as `caregate up` runs it: a process of its own on the real registry, which stops when it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import httpx
import psutil
import pytest

from caregate.clock import system_clock
from caregate.settings import Settings
from crm.snapshot import latest
from governance.client_keys import ClientKeys
from governance.database import ledger_database, open_database
from governance.people import People, Role
from registry.champion import approved_folder
from registry.launch import home_environment
from registry.promotion import promote, rollback
from registry.registering import Registered
from registry.server.signing import SigningDesk
from registry.suspension import resume, suspend
from registry.versions import read_version
from serving.champions import NotServed
from serving.registry_champions import CHANGED, NO_CHAMPION, NOT_APPROVED, RegistryChampions
from tests.registry.toys import free_ports, make_candidate, register
from tests.registry.toys import make_home as make_registry_home
from tests.serving.clinic import appointments, instance, publish_snapshot, train

URL = "/v1/models/no-show/predictions"
WORKERS = 2
UNHURRIED = 1e6
"""Instances a second that the tests may ask for."""
BOUND = 30.0
"""Seconds after which a thing that should happen within a few is given up."""


def wait_for(happened: Callable[[], object]) -> None:
    end = time.monotonic() + BOUND
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def say(settings: Settings, version: Registered, who: str, value: str) -> None:
    actor = People(ledger_database(settings)).find(who)
    found = read_version(open_database(settings.registry_url), version.model, version.version)
    decision = SigningDesk(settings, ledger_database(settings), system_clock).take(actor, found, value)
    assert decision.allowed, decision.why


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Settings:
    settings, _ = make_registry_home(tmp_path_factory.mktemp("service") / "home", port_base=free_ports(3))
    return settings


@pytest.fixture(scope="module")
def version(home, tmp_path_factory) -> Registered:
    """A version that rita approved and that was promoted."""
    snapshot = publish_snapshot(home, appointments(600))
    folder = tmp_path_factory.mktemp("candidate")
    candidate = make_candidate(folder, "one")
    train(snapshot, folder, rounds=10)
    version = register(home, candidate)
    say(home, version, "rita", "approved")
    promote(home, "no-show", version.version)
    return version


@pytest.fixture(scope="module")
def second_version(home, version, tmp_path_factory) -> Registered:
    """Another one, that is not in use."""
    folder = tmp_path_factory.mktemp("second")
    candidate = make_candidate(folder, "two", compared_with=version.digest)
    train(latest(home.snapshots_dir, "appointments"), folder, rounds=20)
    second = register(home, candidate)
    say(home, second, "rita", "approved")
    return second


@contextmanager
def serving(home: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | home_environment(home) | {"CAREGATE_SCORING_WORKERS": str(WORKERS)}
    with subprocess.Popen(
        [sys.executable, "-m", "serving"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        yield running
        running.terminate()
        running.communicate(timeout=BOUND)


@contextmanager
def asking(home: Settings) -> Iterator[httpx.Client]:
    people = People(ledger_database(home))
    if people.find("clinic") is None:
        people.add("clinic", Role.CRM, by="tester", service=True)
    key = ClientKeys(ledger_database(home)).issue("clinic", by="tester", rate_per_second=UNHURRIED)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{home.port_base + 2}", headers=headers, timeout=BOUND) as client:
        wait_for(lambda: _answers(client))
        yield client


@pytest.fixture
def process(home, version) -> Iterator[subprocess.Popen[bytes]]:
    """One that a test may end."""
    with serving(home) as running:
        yield running


@pytest.fixture
def crm(home, process) -> Iterator[httpx.Client]:
    with asking(home) as client:
        yield client


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.ConnectError:
        return False


@pytest.fixture(scope="module")
def body():
    rows = [instance(row) for row in appointments(600).tail(20).iter_rows(named=True)]
    return {"purpose": "reminder", "instances": rows}


def statuses(client, body):
    return {(item["status"], item["why"]) for item in client.post(URL, json=body).json()["predictions"]}


class TestTheProcess:
    def test_finishes_the_answer_that_it_began_and_ends_when_it_is_told_to(self, crm, process, body):
        whole = json.dumps(body).encode()

        def sent_while_it_is_told_to_stop() -> Iterator[bytes]:
            yield whole[:100]
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            yield whole[100:]

        reply = crm.post(URL, content=sent_while_it_is_told_to_stop())
        assert [item["status"] for item in reply.json()["predictions"]] == ["scored"] * len(body["instances"])
        assert process.wait(timeout=BOUND) == 0

    def test_its_log_holds_no_value_of_a_request(self, crm, process, body):
        canary = "Mrs-Canary-1947"
        crm.post(URL, json={"purpose": canary, "instances": [{"record_id": canary, "site": canary, canary: 1}]})
        crm.get(f"/v1/models/{canary}?{canary}")
        crm.post(URL, json={**body, "instances": [{**body["instances"][0], "patient_id": canary}]})
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=BOUND)
        assert b"no-show: version 1 answers" in output
        assert canary.encode() not in output

    def test_a_home_that_was_not_made_is_said_so(self, tmp_path):
        environment = os.environ | {"CAREGATE_HOME": str(tmp_path / "nowhere")}
        ended = subprocess.run(
            [sys.executable, "-m", "serving"], env=environment, capture_output=True, check=False, timeout=120
        )
        assert ended.returncode == 2
        assert b"caregate init" in ended.stderr
        assert not (tmp_path / "nowhere").exists()


def workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [worker for worker in psutil.Process(process.pid).children() if worker.status() != psutil.STATUS_ZOMBIE]


class TestSeveralProcesses:
    def test_none_outlives_the_one_that_looks_after_them(self, crm, process):
        left = workers(process)
        process.kill()
        _, alive = psutil.wait_procs(left, timeout=BOUND)
        assert alive == []


class TestWhileItRuns:
    """What leaves it running is asked of one."""

    @pytest.fixture(scope="class")
    @classmethod
    def process(cls, home, version):
        with serving(home) as running:
            yield running

    @pytest.fixture(scope="class")
    @classmethod
    def crm(cls, home, process):
        with asking(home) as client:
            yield client

    def test_serves_suspends_and_resumes_what_the_registry_says(self, home, crm, body):
        assert statuses(crm, body) == {("scored", None)}
        assert crm.get("/v1/models/no-show").json()["approved_by"] == ["rita"]
        suspend(home, "no-show", reason="scores drift at one site", by="ada")
        wait_for(lambda: {status for status, _ in statuses(crm, body)} == {"abstained"})
        assert all(why.startswith("suspended since") for _, why in statuses(crm, body))
        resume(home, "no-show", reason="the site was mended", by="rita")
        wait_for(lambda: statuses(crm, body) == {("scored", None)})

    def test_one_that_is_killed_is_replaced_while_the_other_answers(self, home, crm, process, body):
        wait_for(lambda: len(workers(process)) == WORKERS)
        victim, other = workers(process)
        victim.kill()
        wait_for(lambda: len({worker.pid for worker in workers(process)} - {victim.pid}) == WORKERS)
        assert other.is_running()
        with httpx.Client(base_url=crm.base_url, headers=crm.headers, timeout=BOUND) as client:
            wait_for(lambda: _answers(client))
            assert statuses(client, body) == {("scored", None)}

    def test_no_request_fails_while_champions_change(self, home, crm, process, version, second_version, body):
        stop = Event()

        def load() -> list[tuple[int, frozenset[int], tuple[float, ...]]]:
            answers = []
            with httpx.Client(base_url=crm.base_url, headers=crm.headers, timeout=BOUND) as client:
                while not stop.is_set():
                    reply = client.post(URL, json=body)
                    given = reply.json()["predictions"]
                    versions = frozenset(item["model_version"] for item in given)
                    answers.append((reply.status_code, versions, tuple(item["score"] for item in given)))
            return answers

        def answers_by(number: int) -> bool:
            return crm.get("/v1/models/no-show").json()["version"] == number

        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(load) for _ in range(4)]
            try:
                promote(home, "no-show", second_version.version)
                wait_for(lambda: answers_by(second_version.version))
                for wanted in (version, second_version, version):
                    rollback(home, "no-show", by="rita")
                    wait_for(lambda wanted=wanted: answers_by(wanted.version))
            finally:
                stop.set()
            answers = [answer for client in clients for answer in client.result()]
        assert {status for status, _, _ in answers} == {200}
        assert {versions for _, versions, _ in answers} == {
            frozenset([version.version]),
            frozenset([second_version.version]),
        }
        assert len({(versions, scores) for _, versions, scores in answers}) == 2


class TestRegistryChampions:
    def why(self, home: Settings, model: str = "no-show") -> str:
        with pytest.raises(NotServed) as refused:
            RegistryChampions(home).champion(model)
        return refused.value.why

    def test_the_approved_version_is_handed_out(self, home, version):
        assert RegistryChampions(home).champion("no-show").version == version.version

    def test_a_model_without_a_champion_is_not_served(self, home, version):
        assert self.why(home, "readmission-risk") == NO_CHAMPION

    def test_what_is_served_does_not_hang_on_mlflows_database(self, home, version, tmp_path):
        elsewhere = home.model_copy(update={"mlflow_url": f"sqlite:///{tmp_path / 'mlflow.db'}"})
        assert RegistryChampions(elsewhere).champion("no-show").version == version.version
        assert RegistryChampions(elsewhere).mark("no-show")
        assert not (tmp_path / "mlflow.db").exists()

    def test_the_mark_changes_with_a_suspension_and_back(self, home, version):
        champions = RegistryChampions(home)
        marks = [champions.mark("no-show")]
        suspend(home, "no-show", reason="scores drift at one site", by="ada")
        marks.append(champions.mark("no-show"))
        resume(home, "no-show", reason="the site was mended", by="rita")
        marks.append(champions.mark("no-show"))
        assert len(set(marks)) == 3

    def test_a_copy_that_was_changed_is_not_served(self, home, version):
        weights = approved_folder(home, version.digest) / "model.ubj"
        before, mode = weights.read_bytes(), weights.stat().st_mode
        weights.chmod(0o600)
        weights.write_bytes(before + b" ")
        assert self.why(home) == CHANGED
        weights.write_bytes(before)
        weights.chmod(mode)

    def test_a_revoked_version_is_not_served(self, home, version):
        champions = RegistryChampions(home)
        before = champions.mark("no-show")
        say(home, version, "rita", "revoked: found wrong on winter data")
        assert self.why(home) == NOT_APPROVED
        assert champions.mark("no-show") != before

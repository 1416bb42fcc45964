"""A new champion takes over under load: no request fails, and none is answered by two versions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from models.catalogue import SPECS
from serving.known.snapshots import SnapshotHistory
from serving.policy import Watch, load_serving_policy
from serving.shelf import Offer, Shelf, UnknownModel
from serving.watcher import STALE, UNUSABLE, Watcher
from tests.serving.clinic import ToyChampions, champion
from validation.policy import load_policy

URL = "/v1/models/no-show/predictions"


class TestSwapUnderLoad:
    def test_every_request_is_answered_by_one_version_wholly(self, clinic, address, swap, service):
        body = {"purpose": "planning", "instances": clinic.instances[-20:]}

        def ask(client: httpx.Client) -> tuple[int, tuple[int, ...], list[float]]:
            reply = client.post(URL, json=body)
            answers = reply.json()["predictions"]
            versions = {item["model_version"] for item in answers}
            return reply.status_code, tuple(versions), [item["score"] for item in answers]

        def serve(version: int) -> None:
            swap.put(clinic.versions[version])
            service.watcher.look()

        stop = Event()

        def load() -> list[tuple[int, tuple[int, ...], list[float]]]:
            with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
                return [ask(client) for _ in iter(stop.is_set, True)]

        headers = {"Authorization": f"Bearer {clinic.key}"}
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            alone = {}
            for version in (1, 2):
                serve(version)
                alone[version,] = ask(client)[2]
        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(load) for _ in range(4)]
            for turn in range(12):
                serve(2 - turn % 2)
                stop.wait(0.1)
            stop.set()
            answers = [answer for client in clients for answer in client.result()]
        assert {status for status, _, _ in answers} == {200}
        assert {versions for _, versions, _ in answers} == {(1,), (2,)}
        assert all(scores == alone[versions] for _, versions, scores in answers)


class Ticks:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def registry(clinic):
    toy = ToyChampions()
    toy.put(clinic.versions[1])
    return toy


@pytest.fixture
def watcher(clinic, registry, ticks):
    shelf = Shelf({"no-show": Offer(SPECS["no-show"], load_policy("no-show"))})
    histories = SnapshotHistory(clinic.settings.snapshots_dir, threads=1, memory_limit_gb=1)
    return Watcher(shelf, registry, histories, Watch(every_seconds=0.01, stale_after_seconds=30), ticks=ticks)


class TestWatching:
    def test_before_the_first_look_nothing_is_served(self, watcher):
        standing = watcher.shelf.standing("no-show")
        assert standing.served is None
        assert standing.why

    def test_nothing_is_loaded_again_while_nothing_changes(self, watcher):
        watcher.look()
        first = watcher.shelf.standing("no-show")
        watcher.look()
        assert watcher.shelf.standing("no-show") is first

    def test_a_new_version_is_served_from_the_next_look_on(self, watcher, registry, clinic):
        watcher.look()
        registry.put(clinic.versions[2])
        watcher.look()
        assert watcher.shelf.standing("no-show").served.version == 2

    def test_a_copy_that_cannot_be_read_is_not_served(self, watcher, registry, clinic, tmp_path):
        registry.put(champion(tmp_path, 3, clinic.versions[1].standing.expires_at))
        watcher.look()
        assert watcher.shelf.standing("no-show").why == UNUSABLE

    def test_a_registry_that_is_away_for_a_moment_changes_nothing(self, watcher, registry, ticks):
        watcher.look()
        registry.down = True
        ticks.now = 29.0
        watcher.look()
        assert watcher.shelf.standing("no-show").served.version == 1

    def test_a_registry_that_stays_away_withdraws_all(self, watcher, registry, ticks):
        watcher.look()
        registry.down = True
        ticks.now = 31.0
        watcher.look()
        assert watcher.shelf.standing("no-show").why == STALE
        assert not watcher.fresh

    def test_when_it_is_back_the_version_answers_again(self, watcher, registry, ticks):
        self.test_a_registry_that_stays_away_withdraws_all(watcher, registry, ticks)
        registry.down = False
        watcher.look()
        assert watcher.shelf.standing("no-show").served.version == 1
        assert watcher.fresh

    def test_it_looks_by_itself_until_it_is_stopped(self, watcher, registry, clinic):
        watcher.start()
        registry.put(clinic.versions[2])
        while watcher.shelf.standing("no-show").served.version == 1:
            pass
        watcher.stop()

    def test_a_model_that_is_not_offered_is_unknown(self, watcher):
        with pytest.raises(UnknownModel):
            watcher.shelf.standing("third")

    def test_the_policy_looks_often_enough_for_a_suspension_to_hold_within_seconds(self):
        assert load_serving_policy().watch.every_seconds <= 2


class TestPrevious:
    def test_the_version_before_stays_in_memory_so_that_a_rollback_reads_nothing(self, watcher, registry, clinic):
        watcher.look()
        registry.put(clinic.versions[2])
        watcher.look()
        warm = watcher.shelf.standing("no-show").served.fitted
        registry.put(clinic.versions[1])
        watcher.look()
        registry.put(clinic.versions[2])
        watcher.look()
        assert watcher.shelf.standing("no-show").served.fitted is warm

    def test_the_version_before_is_read_when_the_service_starts(self, watcher, registry, clinic, monkeypatch):
        registry.put(clinic.versions[2])
        watcher.look()
        monkeypatch.setattr("serving.served.load_model", lambda _folder: pytest.fail("it is read again"))
        registry.put(clinic.versions[1])
        watcher.look()
        assert watcher.shelf.standing("no-show").served.version == 1

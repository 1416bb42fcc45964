"""Races, with real threads: what two do at the same moment is done one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import httpx

from caregate.errors import CaregateError
from models.spec import RiskClass
from registry.artifacts import artifact_folder
from registry.champion import champion_of
from registry.digest import verified_manifest
from registry.promotion import promote
from registry.registering import Registered
from registry.versions import versions_of
from tests.attacks.attack import Attack, Ends
from tests.attacks.scene import API, OTHER, Scene, approval
from tests.registry.toys import make_candidate, register

ROUNDS = 2
REVOKED = "revoked: the export was wrong"
REJECTED = "rejected: weak on new patients"


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start every act at the same moment and return what each gave; a refusal of ours is None."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        start.wait()
        with suppress(CaregateError):
            return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [done.result() for done in [threads.submit(run, act) for act in acts]]


def verdict(scene: Scene, who: str, version: Registered, value: str = "approved") -> Callable[[], httpx.Response]:
    """Return the act of giving a verdict, on a connection of its own."""

    def say() -> httpx.Response:
        with scene.server.client(who) as client:
            return client.post(f"{API}/model-versions/set-tag", json=approval(version, value))

    return say


def _same_person(scene: Scene) -> Any:
    version = scene.fresh("race")
    given = at_once([verdict(scene, "rob", version) for _ in range(5)])
    assert scene.said(version) == [("approved", "rob")]
    assert sum(answer.is_success for answer in given) == 1
    return given


def _same_person_signs_for_two(scene: Scene) -> Any:
    version = scene.fresh("race", risk_class=RiskClass.CLINICAL)
    given = at_once([verdict(scene, "clara", version) for _ in range(5)])
    assert scene.said(version) == [("approved", "clara")]
    assert scene.version(version).tags["approval"].startswith("pending")
    return given


def _approve_against_reject(scene: Scene) -> Any:
    given = []
    for _ in range(ROUNDS):
        version = scene.fresh("race")
        acts = [verdict(scene, who, version) for who in ("rita", "ron")]
        acts += [verdict(scene, who, version, REJECTED) for who in ("rob", "clara")]
        given += at_once(acts)
        assert len(scene.said(version)) == 1
        assert scene.version(version).tags["approval"].split(":")[0] == scene.said(version)[0][0]
    return given


def _approve_against_overwrite(scene: Scene) -> Any:
    given = []
    for _ in range(ROUNDS):
        version = scene.fresh("race")
        files = scene.path_of(version)

        def overwrite(path: str = files) -> httpx.Response:
            with scene.server.client("pipeline") as client:
                return client.put(f"/api/2.0/mlflow-artifacts/artifacts/{path}/model.ubj", content=b"others")

        given += at_once([verdict(scene, "rob", version), overwrite, overwrite])
        folder = artifact_folder(scene.settings, scene.version(version).location)
        assert verified_manifest(folder).digest == version.digest
    return given


def _promote_against_revoke(scene: Scene) -> Any:
    given = []
    for _ in range(ROUNDS):
        version = _next(scene)
        assert scene.say("ron", version, "approved").is_success

        def use(item: Registered = version) -> None:
            promote(scene.settings, item.model, item.version)

        given += at_once([verdict(scene, "rob", version, REVOKED), use])
        assert _in_use(scene, OTHER) != version.digest
    return [answer for answer in given if isinstance(answer, httpx.Response)]


def _two_promotions(scene: Scene) -> Any:
    for _ in range(ROUNDS):
        first, second = _next(scene), _next(scene)
        for version in (first, second):
            assert scene.say("ron", version, "approved").is_success

        def use(item: Registered) -> Callable[[], object]:
            return lambda: promote(scene.settings, item.model, item.version)

        at_once([use(first), use(second)])
        assert _in_use(scene, first.model) in {first.digest, second.digest}


def _same_promotion(scene: Scene) -> Any:
    version = _next(scene)
    assert scene.say("ron", version, "approved").is_success
    at_once([lambda: promote(scene.settings, version.model, version.version) for _ in range(4)])
    assert _in_use(scene, version.model) == version.digest


def _alias_against_revoke(scene: Scene) -> Any:
    version = scene.fresh("race")
    assert scene.say("ron", version, "approved").is_success
    body = {"name": version.model, "version": str(version.version), "alias": "champion"}

    def point() -> httpx.Response:
        with scene.server.client("promoter") as client:
            return client.post(f"{API}/registered-models/alias", json=body)

    given = at_once([verdict(scene, "rob", version, REVOKED), point, point])
    assert _in_use(scene, version.model) is None
    return given


def _register_twice(scene: Scene) -> Any:
    name = f"race-{next(scene.numbers)}"
    ways = [make_candidate(scene.folder / f"{name}-{number}", name, model=name) for number in range(3)]
    made = at_once([lambda item=item: register(scene.settings, item) for item in ways])
    assert len(versions_of(scene.registry, name)) == 1
    assert len({item.version for item in made if item}) == 1


def _refusals_at_once(scene: Scene) -> Any:
    acts = [verdict(scene, who, scene.waiting) for who in ("ada", "admin", "pipeline", "promoter") for _ in range(3)]
    before = scene.ledger().verify()
    given = at_once(acts)
    assert len([act for act in scene.lines_after(before) if act.action.endswith(".refuse")]) == len(acts)
    return given


def _next(scene: Scene) -> Registered:
    """Register a version that was compared with the one in use and went through the serving gate."""
    seed, compared_with = next(scene.numbers), _in_use(scene, OTHER) or ""
    return scene.proven(scene.fresh(OTHER, model=OTHER, seed=seed, compared_with=compared_with))


def _in_use(scene: Scene, model: str) -> str | None:
    with suppress(CaregateError):
        return champion_of(scene.settings, model).digest
    return None


def _race(does: str, what: Callable[[Scene], Any]) -> Attack:
    return Attack(does, "everybody", what, Ends.NO_EFFECT)


ATTACKS = (
    _race("one person approves five times at once", _same_person),
    _race("one person signs for two at once", _same_person_signs_for_two),
    _race("approve against reject", _approve_against_reject),
    _race("approve against an overwrite of the files", _approve_against_overwrite),
    _race("promote against revoke", _promote_against_revoke),
    _race("two promotions of two versions", _two_promotions),
    _race("four promotions of one version", _same_promotion),
    _race("point the alias against revoke", _alias_against_revoke),
    _race("register one run three times at once", _register_twice),
    _race("twelve refusals at once", _refusals_at_once),
)

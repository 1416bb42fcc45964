"""A forged alias, without and with whatever else SQL can write, before the registry's reading side and real scoring."""

from __future__ import annotations

from typing import Any

from registry.names import CHAMPION
from tests.attacks.attack import Attack, Ends, Place
from tests.attacks.direct_sql_sqlite import REGISTRY
from tests.attacks.scene import MODEL, Scene


def _point(scene: Scene, version: int, alias: str = CHAMPION) -> None:
    scene.sql(
        scene.registry_file,
        "DELETE FROM registered_model_aliases WHERE name = :name AND alias = :alias",
        "INSERT INTO registered_model_aliases (workspace, name, alias, version)"
        " VALUES ('default', :name, :alias, :version)",
        name=MODEL,
        alias=alias,
        version=version,
    )


def _to_what_waits(scene: Scene) -> None:
    _point(scene, scene.waiting.version)


def _to_a_reviewers_own(scene: Scene) -> None:
    _point(scene, scene.own.version)


def _to_the_older(scene: Scene) -> None:
    _point(scene, scene.older.version)


def _to_nothing(scene: Scene) -> None:
    _point(scene, 99)


def _taken_away(scene: Scene) -> None:
    scene.sql(scene.registry_file, "DELETE FROM registered_model_aliases WHERE name = :name", name=MODEL)


def _with_every_tag(scene: Scene) -> None:
    """Point the alias, and let the version carry the tags of the one that was signed."""
    _to_what_waits(scene)
    for does in ("give the waiting version the tag of an approval", "give it another digest", "give it another author"):
        REGISTRY[does](scene)


def _with_other_files(scene: Scene) -> None:
    _to_what_waits(scene)
    REGISTRY["point the served version to other files"](scene)


def _previous(scene: Scene) -> None:
    _point(scene, scene.waiting.version, "previous")


FORGED = {
    "forge the alias to what waits": _to_what_waits,
    "forge the alias to a reviewer's own": _to_a_reviewers_own,
    "forge the alias back to the older": _to_the_older,
    "forge the alias to no version": _to_nothing,
    "take every alias away": _taken_away,
    "forge alias and tags": _with_every_tag,
    "forge alias and the files' address": _with_other_files,
    "forge what a rollback would go to": _previous,
}
BEFORE_SCORING = (
    "forge the alias to what waits",
    "forge the alias back to the older",
    "take every alias away",
    "forge alias and tags",
    "forge alias and the files' address",
)
"""What is tried before the real scoring server as well, where each takes two of its looks."""
BEYOND_REPAIR = ("forge alias and the files' address",)
"""What the reconciler reports and cannot set right: MLflow has no way to give a version another address."""


def _before(place: Place, where: str) -> tuple[Attack, ...]:
    return tuple(
        Attack(
            f"{does}, before {where}",
            "SQL",
            write,
            Ends.NO_EFFECT,
            place=place,
            noticed=place is Place.DATABASE,
            put_back=place is Place.DATABASE and does not in BEYOND_REPAIR,
        )
        for does, write in FORGED.items()
        if place is Place.DATABASE or does in BEFORE_SCORING
    )


def _asked(does: str, method: str, path: str, **given: Any) -> Attack:
    def ask(scene: Scene) -> Any:
        return scene.ask(method, path, **given)

    return Attack(does, "unknown", ask, Ends.NO_EFFECT, place=Place.SCORING)


ATTACKS = (
    *_before(Place.DATABASE, "the registry's reading side"),
    *_before(Place.SCORING, "the scoring server"),
    _asked("ask scoring for another version", "GET", f"/v1/models/{MODEL}?version=3"),
    _asked("tell scoring which version is in use", "PUT", f"/v1/models/{MODEL}", json={"version": 3}),
    _asked("ask scoring for a folder", "GET", "/v1/models/..%2f..%2fsecrets.toml"),
)

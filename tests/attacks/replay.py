"""Replay: an old signature under another number, another model, other files."""

from __future__ import annotations

from typing import Any

from tests.attacks.attack import Attack, Ends, Place
from tests.attacks.scene import API, MODEL, Scene

SIGNED = ("approval", "approval.by", "approval.at", "approval.digest", "approval.expires")


def _copied_tags(scene: Scene) -> Any:
    tags = scene.version(scene.served).tags
    number = str(scene.waiting.version)
    return [
        scene.send(
            "admin",
            "POST",
            f"{API}/model-versions/set-tag",
            json={"name": MODEL, "version": number, "key": key, "value": tags[key]},
        )
        for key in SIGNED
    ]


def _files(scene: Scene) -> dict[str, str]:
    return {"source": f"models:/{scene.served.model_id}", "model_id": scene.served.model_id}


def _source_of_the_served(scene: Scene) -> Any:
    tags = [{"key": key, "value": value} for key, value in scene.version(scene.served).tags.items()]
    given = {"name": "another", "tags": tags} | _files(scene)
    return scene.send("pipeline", "POST", f"{API}/model-versions/create", json=given)


def _under_another_name(scene: Scene) -> Any:
    kept = dict(scene.version(scene.served).tags) | {"approval": "pending"}
    tags = [{"key": key, "value": value} for key, value in kept.items() if not key.startswith("approval.")]
    given = {"name": "another", "tags": tags} | _files(scene)
    scene.send("pipeline", "POST", f"{API}/registered-models/create", json={"name": "another"})
    return scene.send("pipeline", "POST", f"{API}/model-versions/create", json=given)


def _born_anew(scene: Scene) -> None:
    """Delete the version in use by SQL and give its number to files that nobody signed."""
    scene.sql(
        scene.registry_file,
        "DELETE FROM model_version_tags WHERE name = :name AND version = :old",
        "DELETE FROM model_versions WHERE name = :name AND version = :old",
        "UPDATE model_versions SET version = :old WHERE name = :name AND version = :new",
        "UPDATE model_version_tags SET version = :old WHERE name = :name AND version = :new",
        name=MODEL,
        old=scene.served.version,
        new=scene.waiting.version,
    )


def _born_at_the_same_moment(scene: Scene) -> None:
    """The same, and the moment of creation forged too."""
    created = scene.version(scene.served).key.created_ms
    _born_anew(scene)
    scene.sql(
        scene.registry_file,
        "UPDATE model_versions SET creation_time = :created WHERE name = :name AND version = :old",
        name=MODEL,
        old=scene.served.version,
        created=created,
    )


def _tags_by_sql(scene: Scene) -> None:
    scene.sql(
        scene.registry_file,
        "DELETE FROM model_version_tags WHERE name = :name AND version = :new",
        "INSERT INTO model_version_tags (name, version, key, value, workspace)"
        " SELECT name, :new, key, value, workspace FROM model_version_tags WHERE name = :name AND version = :old",
        name=MODEL,
        old=scene.served.version,
        new=scene.waiting.version,
    )


def _renamed_by_sql(scene: Scene) -> None:
    scene.sql(
        scene.registry_file,
        "PRAGMA foreign_keys = OFF",
        *(
            f"UPDATE {table} SET name = 'was-' || name WHERE name = :name"  # noqa: S608 - names of this file
            for table in ("registered_models", "model_versions", "model_version_tags", "registered_model_aliases")
        ),
        name=MODEL,
    )


def _swapped_numbers(scene: Scene) -> None:
    values = {"name": MODEL, "old": scene.older.version, "new": scene.served.version}
    for table in ("model_versions", "model_version_tags"):
        for one, other in (("-1", ":old"), (":old", ":new"), (":new", "-1")):
            scene.sql(
                scene.registry_file,
                f"UPDATE {table} SET version = {one} WHERE name = :name AND version = {other}",  # noqa: S608
                **values,
            )


def _past(does: str, what: Any) -> Attack:
    return Attack(does, "SQL", what, Ends.NO_EFFECT, place=Place.DATABASE)


ATTACKS = (
    Attack("copy the stamps of another version", "admin", _copied_tags),
    Attack("register the approved files again, with their stamps", "pipeline", _source_of_the_served),
    Attack("register the approved files under another model", "pipeline", _under_another_name),
    _past("delete the version and use its number again", _born_anew),
    _past("use its number and its moment of creation again", _born_at_the_same_moment),
    _past("copy every tag of the version in use", _tags_by_sql),
    _past("rename the model", _renamed_by_sql),
    _past("swap the numbers of two versions", _swapped_numbers),
)

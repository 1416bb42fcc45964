"""Direct SQL on both databases of a home: lines of the ledger, versions, tags, files' addresses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from governance.ledger import Act, canonical_json
from tests.attacks.attack import Attack, Ends, Place
from tests.attacks.identity import LEFT
from tests.attacks.scene import MODEL, Scene

LINKED = ("seq", "at", "actor", "action", "subject", "digest", "detail", "previous")
"""What a line's hash covers: no secret, as everybody may verify the chain."""
INSERT = """INSERT INTO acts (seq, at, actor, action, subject, digest, detail, previous, hash, seal)
VALUES (:seq, :at, :actor, :action, :subject, :digest, :detail, :previous, :hash, :seal)"""


def forge(scene: Scene, action: str, subject: str, *, seal: str = "0" * 64, **changed: Any) -> None:
    """Append a line to the chain whose hash and link hold, sealed with a guess.

    Where a line of the same action stands it is the pattern, so that nothing but the seal tells them apart.
    """
    lines = list(scene.ledger().read())
    last = lines[-1]
    like = next((act for act in reversed(lines) if act.action == action), last)
    fields = asdict(like) | {"seq": last.seq + 1, "action": action, "subject": subject, "previous": last.hash} | changed
    insert(scene, rehashed(fields) | {"seal": seal})


def rehashed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a line's fields with the hash that follows from them."""
    linked = [fields[name] for name in LINKED]
    return fields | {"hash": hashlib.sha256(canonical_json(linked).encode()).hexdigest()}


def insert(scene: Scene, fields: dict[str, Any]) -> None:
    """Write a line by SQL."""
    scene.sql(scene.ledger_file, INSERT, **fields)


def _forged_approval(scene: Scene) -> None:
    forge(scene, "approval.approve", f"{MODEL}/{scene.waiting.version}", digest=scene.waiting.digest, **_said(scene))


def _said(scene: Scene) -> dict[str, str]:
    """Return what an approval of the waiting version would say."""
    line = next(scene.ledger().read(action="approval.approve"))
    said = line.facts | {"created_ms": scene.version(scene.waiting).key.created_ms}
    return {"actor": "rob", "detail": canonical_json(said)}


def _borrowed_seal(scene: Scene) -> None:
    line = next(act for act in scene.ledger().read(action="approval.approve"))
    forge(
        scene,
        "approval.approve",
        f"{MODEL}/{scene.waiting.version}",
        seal=line.seal,
        digest=scene.waiting.digest,
        **_said(scene),
    )


def _forged_promotion(scene: Scene) -> None:
    forge(scene, "version.promote", f"{MODEL}/{scene.waiting.version}", digest=scene.waiting.digest, **_said(scene))


def _forged_rollback(scene: Scene) -> None:
    forge(scene, "version.promote", f"{MODEL}/{scene.older.version}", digest=scene.older.digest)


def _forged_revocation(scene: Scene) -> None:
    forge(scene, "approval.revoke", f"{MODEL}/{scene.served.version}", actor="rob", digest=scene.served.digest)


def _forged_suspension(scene: Scene) -> None:
    forge(scene, "model.suspend", MODEL, detail=canonical_json({"reason": "out of malice, nothing else"}))


def _forged_reviewer(scene: Scene) -> None:
    forge(scene, "user.add", "ada", detail=canonical_json({"role": "reviewer", "service": False}))


def _copied_line(scene: Scene) -> None:
    """Write the promotion of the older version once more, its seal with it."""
    line = next(act for act in scene.ledger().read(action="version.promote"))
    last = list(scene.ledger().read())[-1]
    insert(scene, rehashed(asdict(line) | {"seq": last.seq + 1, "previous": last.hash}))


def _copied_whole(scene: Scene) -> None:
    """Write an old line at the end as it stands: hash and seal are true, the place is not."""
    line = next(act for act in scene.ledger().read(action="version.promote"))
    seq = list(scene.ledger().read())[-1].seq + 1
    scene.disarm()
    scene.sql(scene.ledger_file, "DELETE FROM acts WHERE seq = :seq", seq=line.seq)
    insert(scene, asdict(line) | {"seq": seq})


def _before_all(scene: Scene) -> None:
    insert(
        scene, rehashed(asdict(next(scene.ledger().read())) | {"seq": 0, "action": "version.promote"}) | {"seal": ""}
    )


def _last(scene: Scene, action: str) -> Act:
    """Return the last line of `action` that is about the model, or about an account."""
    return [act for act in scene.ledger().read(action=action) if act.subject.startswith((MODEL, LEFT))][-1]


def _changed(column: str, value: Callable[[Scene], Any], action: str) -> Callable[[Scene], None]:
    """Change one field of the last line of `action`, and reckon its hash anew."""

    def change(scene: Scene) -> None:
        line = _last(scene, action)
        fields = rehashed(asdict(line) | {column: value(scene)})
        statement = f"UPDATE acts SET {column} = :{column}, hash = :hash WHERE seq = :seq"  # noqa: S608
        scene.sql(scene.ledger_file, statement, **{key: fields[key] for key in (column, "hash", "seq")})

    return change


def _removed(action: str) -> Callable[[Scene], None]:
    def remove(scene: Scene) -> None:
        line = _last(scene, action)
        scene.sql(scene.ledger_file, "DELETE FROM acts WHERE seq = :seq", seq=line.seq)

    return remove


def _cut_off(scene: Scene) -> None:
    line = _last(scene, "version.promote")
    scene.sql(scene.ledger_file, "DELETE FROM acts WHERE seq >= :seq", seq=line.seq)


def _registry(statement: str, **values: Callable[[Scene], Any]) -> Callable[[Scene], None]:
    def write(scene: Scene) -> None:
        given = {"name": MODEL, "served": scene.served.version, "waiting": scene.waiting.version}
        chosen = {key: value for key, value in given.items() if f":{key}" in statement}
        scene.sql(scene.registry_file, statement, **chosen, **{key: value(scene) for key, value in values.items()})

    return write


def _set_tag(which: str, key: str, value: Callable[[Scene], Any]) -> Callable[[Scene], None]:
    return _registry(
        f"UPDATE model_version_tags SET value = :value WHERE name = :name AND version = :{which} AND key = '{key}'",  # noqa: S608
        value=value,
    )


def _set(which: str, column: str, value: Callable[[Scene], Any]) -> Callable[[Scene], None]:
    return _registry(
        f"UPDATE model_versions SET {column} = :value WHERE name = :name AND version = :{which}",  # noqa: S608
        value=value,
    )


def _address_of_waiting(scene: Scene) -> str:
    return scene.version(scene.waiting).location


LEDGER = {
    "append a forged approval": _forged_approval,
    "append an approval with a borrowed seal": _borrowed_seal,
    "append a promotion of what waits": _forged_promotion,
    "append a promotion of what was in use before": _forged_rollback,
    "append a revocation": _forged_revocation,
    "append a suspension": _forged_suspension,
    "append an account": _forged_reviewer,
    "append an old promotion again, linked anew": _copied_line,
    "move an old promotion to the end": _copied_whole,
    "insert a line before the first": _before_all,
}
"""Lines that were written by SQL: they count for nothing, and the ledger's check names the first of them."""
CHANGES = {
    "remove a verdict": _removed("approval.approve"),
    "bring an account back that was disabled": _removed("user.disable"),
    "take the promotion out": _removed("version.promote"),
    "cut off the end": _cut_off,
    "say that another signed": _changed("actor", lambda _: "eve", "approval.approve"),
    "say that other files were signed": _changed("digest", lambda scene: scene.waiting.digest, "approval.approve"),
    "say that another version was signed": _changed(
        "subject", lambda s: f"{MODEL}/{s.waiting.version}", "approval.approve"
    ),
    "say that another version was promoted": _changed(
        "subject", lambda s: f"{MODEL}/{s.waiting.version}", "version.promote"
    ),
    "say that it was promoted at another time": _changed(
        "at", lambda _: "2020-01-01T00:00:00.000000+00:00", "version.promote"
    ),
    "take a verdict for another act": _changed("action", lambda _: "version.promote", "approval.approve"),
}
"""Changes of lines: the database refuses them. Who owns its file can take that away; then the check names the line."""
REGISTRY = {
    "give the waiting version the tag of an approval": _set_tag("waiting", "approval", lambda _: "approved"),
    "give it another digest": _set_tag("waiting", "digest", lambda scene: scene.served.digest),
    "give it another author": _set_tag("waiting", "author", lambda _: "eve"),
    "ask for fewer signatures": _set_tag("waiting", "signatures.required", lambda _: "0"),
    "give the served version another digest": _set_tag("served", "digest", lambda scene: scene.waiting.digest),
    "call a gate of the served version failed": _set_tag("served", "gate.bias", lambda _: "failed"),
    "point the served version to other files": _set("served", "storage_location", _address_of_waiting),
    "point it to another source": _set("served", "source", lambda scene: f"models:/{scene.waiting.model_id}"),
    "point it out of the store": _set("served", "storage_location", lambda _: "file:///etc"),
    "point it up and out": _set("served", "storage_location", lambda _: "mlflow-artifacts:/../../../etc"),
    "point it to another host": _set("served", "storage_location", lambda _: "mlflow-artifacts://evil/1"),
    "change its moment of creation": _set("served", "creation_time", lambda _: 1),
    "call it deleted": _set("served", "current_stage", lambda _: "Deleted_Internal"),
    "give the waiting version the served one's moment": _set(
        "waiting", "creation_time", lambda scene: scene.version(scene.served).key.created_ms
    ),
    "make a twin in another workspace": _registry(
        "INSERT INTO registered_model_aliases (workspace, name, alias, version)"
        " VALUES ('other', :name, 'champion', :waiting)"
    ),
    "delete every tag": _registry("DELETE FROM model_version_tags WHERE name = :name"),
    "delete every version": _registry("DELETE FROM model_versions WHERE name = :name"),
}
UNSHOWN = ("point it to another source", "make a twin in another workspace")
"""What neither MLflow's page nor anything here reads."""


def _guarded(write: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def try_it(scene: Scene) -> None:
        with pytest.raises(IntegrityError):
            write(scene)

    return try_it


def _disarmed(write: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def do_it(scene: Scene) -> None:
        scene.disarm()
        write(scene)

    return do_it


def _past(
    does: str, what: Callable[[Scene], None], ends: Ends = Ends.NO_EFFECT, *, shows: bool = False, noticed: bool = False
) -> Attack:
    return Attack(does, "SQL", what, ends, place=Place.DATABASE, shows=shows, noticed=noticed)


ATTACKS = (
    *(_past(does, write, shows=True) for does, write in LEDGER.items()),
    *(_past(does, _guarded(write)) for does, write in CHANGES.items()),
    *(
        _past(f"{does}, with the triggers gone", _disarmed(write), Ends.FOUND_OUT, shows=does != "cut off the end")
        for does, write in CHANGES.items()
    ),
    *(_past(does, write, noticed=does not in UNSHOWN) for does, write in REGISTRY.items()),
)

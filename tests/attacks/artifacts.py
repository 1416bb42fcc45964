"""Artifact routes: overwriting, adding, deleting, leaving the store, in parts, by a signed address."""

from __future__ import annotations

from typing import Any

from tests.attacks.attack import Attack, Ends, each
from tests.attacks.scene import AJAX, API, Scene

FILES, FILES_AJAX = "/api/2.0/mlflow-artifacts/artifacts", "/ajax-api/2.0/mlflow-artifacts/artifacts"
PARTS = "/api/2.0/mlflow-artifacts/mpu"
OTHERS = b"others"


def _put(does: str, who: str, path: str, *, prefix: str = FILES) -> Attack:
    """Write to `path`, in which ``{files}`` stands for the folder of the version in use."""

    def send(scene: Scene) -> Any:
        return scene.send(who, "PUT", f"{prefix}/{path.format(files=scene.path_of(scene.served))}", content=OTHERS)

    return Attack(f"{does}, by {prefix}", who, send)


def _delete(does: str, who: str, path: str, *, prefix: str = FILES) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send(who, "DELETE", f"{prefix}/{path.format(files=scene.path_of(scene.served))}")

    return Attack(f"{does}, by {prefix}", who, send)


def _raw(does: str, method: str, path: str) -> Attack:
    """Write to a path that no client has tidied."""

    def send(scene: Scene) -> Any:
        files, home = scene.path_of(scene.served), str(scene.settings.home).lstrip("/")
        return scene.raw("admin", method, f"{FILES}/{path.format(files=files, home=home)}", body=OTHERS)

    return Attack(f"{does}: {method} {path}", "admin", send, Ends.NO_EFFECT)


def _parts(step: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = {"path": "model.ubj", "num_parts": 1, "upload_id": "1", "parts": []}
        return scene.send("admin", "POST", f"{PARTS}/{step}/{scene.path_of(scene.served)}", json=body)

    return Attack(f"write in parts: {step}", "admin", send, Ends.NO_EFFECT)


def _presigned(kind: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = {"run_id": scene.served.run_id, "path": "model.ubj", "expiration": 60}
        return [
            scene.send("admin", "POST", f"{prefix}/artifacts/presigned-{kind}-url", json=body) for prefix in (API, AJAX)
        ]

    return Attack(f"ask for a signed address to {kind}", "admin", send, Ends.NO_EFFECT)


def _upload(scene: Scene) -> Any:
    given = {"run_uuid": scene.served.run_id, "path": "../models/model.ubj"}
    return scene.send("admin", "POST", f"{AJAX}/upload-artifact", params=given, content=OTHERS)


def _experiment(location: str) -> Attack:
    """Make an experiment whose files lie elsewhere: the server would hand them out, or fetch them."""

    def send(scene: Scene) -> Any:
        where = location.format(home=scene.settings.home)
        body = {"name": f"mine-{next(scene.numbers)}", "artifact_location": where}
        return scene.send("pipeline", "POST", f"{API}/experiments/create", json=body)

    return Attack(f"keep an experiment's files at {location}", "pipeline", send)


def _read_beside(path: str) -> Attack:
    def send(scene: Scene) -> Any:
        version = {"name": scene.served.model, "version": str(scene.served.version), "path": path}
        return [
            scene.send("otto", "GET", "/get-artifact", params={"run_uuid": scene.served.run_id, "path": path}),
            scene.send("otto", "GET", "/model-versions/get-artifact", params=version),
            scene.send("otto", "GET", f"{API}/artifacts/list", params={"run_id": scene.served.run_id, "path": path}),
            scene.send("otto", "GET", f"{API}/../2.0/mlflow-artifacts/artifacts", params={"path": path}),
        ]

    return Attack(f"read what lies beside the files: {path}", "otto", send, Ends.NO_EFFECT)


def _form(scene: Scene) -> Any:
    route = f"{FILES}/{scene.path_of(scene.served)}/model.ubj"
    return scene.send("admin", "PUT", route, files={"file": ("model.ubj", OTHERS)})


def _in_chunks(scene: Scene) -> Any:
    route = f"{FILES}/{scene.path_of(scene.served)}/model.ubj"
    return scene.send("pipeline", "PUT", route, content=iter([b"oth", b"ers"]))


def _a_part_of_it(scene: Scene) -> Any:
    route, headers = f"{FILES}/{scene.path_of(scene.served)}/model.ubj", {"Content-Range": "bytes 0-5/6"}
    return scene.send("admin", "PUT", route, content=OTHERS, headers=headers)


WRITES = {
    "overwrite the weights in use": "{files}/model.ubj",
    "overwrite the manifest": "{files}/manifest.json",
    "overwrite the report": "{files}/evidence/gates.json",
    "add code beside the weights": "{files}/code/loader.py",
    "add a file to the folder": "{files}/MLmodel",
    "make a file into a folder": "{files}/model.ubj/deep",
}
DELETIONS = {
    "delete the weights": "{files}/model.ubj",
    "delete the folder": "{files}",
    "delete the evidence": "{files}/evidence",
}
ESCAPES = (
    "../../../approved/model.ubj",
    "..%2f..%2f..%2fapproved%2fmodel.ubj",
    "%2e%2e/%2e%2e/secrets.toml",
    "..%252f..%252fsecrets.toml",
    "..%5c..%5csecrets.toml",
    "%2f{home}/secrets.toml",
    "//{home}/secrets.toml",
    "file:///{home}/secrets.toml",
    "{files}/x/../model.ubj",
    "{files}//model.ubj",
    "{files}/./model.ubj",
    "{files}/model.ubj%00.txt",
    "{files}%2fmodel.ubj",
    "{files}/model.ubj;x=1",
    "{files}/model.ubj%20",
    "%00",
    "{files}/" + "n" * 300,
    "{files}/" + "d/" * 600 + "f",
    "x#{files}/model.ubj",
)

ATTACKS = (
    *(_put(does, who, path) for does, path in WRITES.items() for who in ("rita", "admin", "pipeline")),
    *(_put(does, "admin", path, prefix=FILES_AJAX) for does, path in WRITES.items()),
    *(_delete(does, who, path) for does, path in DELETIONS.items() for who in ("ada", "admin", "pipeline")),
    *(_delete(does, "admin", path, prefix=FILES_AJAX) for does, path in DELETIONS.items()),
    *(_raw("leave the folder by its name", "PUT", path) for path in ESCAPES),
    *(_raw("leave the folder by its name", "DELETE", path) for path in ESCAPES[:12]),
    *(_raw("read what is no artifact", "GET", path) for path in ESCAPES[:9]),
    *(_parts(step) for step in ("create", "complete", "abort")),
    *(_presigned(kind) for kind in ("upload", "download")),
    *each(("file://{home}", "file://{home}/approved", "mlflow-artifacts:/../..", "s3://bucket/x"), _experiment),
    *each(
        ("../../../../secrets.toml", "..%2f..%2f..%2fsecrets.toml", "/etc/passwd", "file:///etc/passwd"), _read_beside
    ),
    Attack("upload beside the run", "admin", _upload, Ends.NO_EFFECT),
    Attack("upload a form", "admin", _form),
    Attack("upload in chunks", "pipeline", _in_chunks),
    Attack("write a part of the file", "admin", _a_part_of_it),
)

"""Who is asking: forged users, borrowed passwords, accounts that left, sessions that ended."""

from __future__ import annotations

import json
from typing import Any

from tests.attacks.attack import Attack, Ends, each
from tests.attacks.scene import AJAX, API, Scene, approval, basic

LEFT = "lena"
"""A reviewer whose account was disabled."""
REFUSED_ENTRY = "vera"
"""A reviewer whose sign-in others try to get."""
USERS = "/api/2.0/mlflow/users"
SET_TAG = f"{API}/model-versions/set-tag"

HEADERS = {
    "X-Forwarded-User": "rob",
    "X-Forwarded-Email": "rob",
    "X-Forwarded-Preferred-Username": "rob",
    "X-Remote-User": "rob",
    "Remote-User": "rob",
    "X-Auth-Request-User": "rob",
    "X-Caregate-User": "rob",
    "X-Forwarded-For": "127.0.0.1",
    "X-Mlflow-User": "rob",
    "X-Original-User": "rob",
}


def _header(name: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send("ada", "POST", SET_TAG, json=approval(scene.waiting), headers={name: HEADERS[name]})

    return Attack(f"approve as another by the header {name}", "ada", send)


def _header_alone(name: str) -> Attack:
    def send(scene: Scene) -> Any:
        headers = {"Content-Type": "application/json", name: HEADERS[name]}
        return scene.raw("", "POST", SET_TAG, body=_body(scene), **headers)

    return Attack(f"sign in by the header {name} alone", "nobody", send, Ends.NO_EFFECT)


def _body(scene: Scene) -> bytes:
    return json.dumps(approval(scene.waiting)).encode()


def _sign_in(does: str, header: str, actor: str = "unknown") -> Attack:
    def send(scene: Scene) -> Any:
        given = header.format(password=scene.server.passwords["rob"])
        return scene.raw("", "POST", SET_TAG, body=_body(scene), Authorization=given, Content_Type="application/json")

    return Attack(does, actor, send)


def _password(does: str, name: str, password: str | None) -> Attack:
    def send(scene: Scene) -> Any:
        given = basic(name, scene.server.passwords["rob"] if password is None else password)
        return scene.raw("", "POST", SET_TAG, body=_body(scene), Authorization=given, Content_Type="application/json")

    return Attack(does, name or "unknown", send, recorded_as="unknown")


def _reset(prefix: str) -> Attack:
    def send(scene: Scene) -> Any:
        password = "a long password of the administrator"
        reset = scene.send(
            "admin", "PATCH", f"{prefix}/users/update-password", json={"username": REFUSED_ENTRY, "password": password}
        )
        header = {"Authorization": basic(REFUSED_ENTRY, password), "Content-Type": "application/json"}
        return [reset, scene.raw("", "POST", SET_TAG, body=_body(scene), **header)]

    return Attack(f"reset a reviewer's password and sign, by {prefix}", "admin", send)


def _users(does: str, method: str, path: str, body: dict[str, Any], who: str = "admin") -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send(who, method, path, json=body)

    return Attack(does, who, send)


def _new_account(scene: Scene) -> Any:
    password = "a long password of nobody"
    made = scene.send("admin", "POST", f"{USERS}/create", json={"username": "Rita", "password": password})
    header = {"Authorization": basic("Rita", password), "Content-Type": "application/json"}
    return [made, scene.raw("", "POST", SET_TAG, body=_body(scene), **header)]


def _new_reviewer(scene: Scene) -> Any:
    """Make an account again that a reviewer left."""
    password = "a long password of nobody"
    made = scene.send("admin", "POST", f"{USERS}/create", json={"username": LEFT, "password": password})
    header = {"Authorization": basic(LEFT, password), "Content-Type": "application/json"}
    return [made, scene.raw("", "POST", SET_TAG, body=_body(scene), **header)]


def _by_the_form(scene: Scene) -> Any:
    return scene.send("admin", "POST", f"{USERS}/create-ui", data={"username": "evi", "password": "a long password"})


def _forged_run(scene: Scene) -> Any:
    body = {"experiment_id": scene.waiting.experiment_id, "user_id": "rob", "start_time": 0}
    body["tags"] = [{"key": "mlflow.user", "value": "rob"}, {"key": "author", "value": "rob"}]
    return scene.send("ada", "POST", f"{API}/runs/create", json=body)


def _forged_author(scene: Scene) -> Any:
    tags = dict(scene.version(scene.own).tags) | {"author": "ada", "approval": "pending", "run.key": "forged"}
    given = [{"key": key, "value": value} for key, value in tags.items() if not key.startswith("approval.")]
    source = {"source": f"models:/{scene.own.model_id}", "model_id": scene.own.model_id}
    body = {"name": scene.own.model, "tags": given} | source
    return scene.send("pipeline", "POST", f"{API}/model-versions/create", json=body)


def _two_headers(scene: Scene) -> Any:
    """Send one's own sign-in and a reviewer's name, so that one is checked and the other believed."""
    own, other = basic("ada", scene.server.passwords["ada"]), basic("rob", "guess")
    tries = (f"{own}, {other}", f"{other}, {own}", f"{own},{other}")
    return [
        scene.raw("", "POST", SET_TAG, body=_body(scene), Authorization=both, Content_Type="application/json")
        for both in tries
    ]


def _in_the_address(scene: Scene) -> Any:
    body = json.dumps(approval(scene.waiting)).encode()
    target = f"http://rob:guess@127.0.0.1{SET_TAG}"
    return scene.raw("ada", "POST", target, body=body, Content_Type="application/json")


def _other_workspace(scene: Scene) -> Any:
    headers = {"X-MLFLOW-WORKSPACE": "other"}
    return [scene.send(who, "POST", SET_TAG, json=approval(scene.waiting), headers=headers) for who in ("ada", "admin")]


def _cookie(scene: Scene) -> Any:
    headers = {"Cookie": "session=eyJ1c2VyIjoicm9iIn0.Z0.forged", "Content-Type": "application/json"}
    return scene.raw("", "POST", SET_TAG, body=_body(scene), **headers)


def _after_logout(scene: Scene) -> Any:
    return scene.raw("", "GET", "/logout", Cookie="session=forged")


ATTACKS = (
    *each(HEADERS, _header),
    *each(HEADERS, _header_alone),
    _sign_in("sign in with a token", "Bearer {password}"),
    _sign_in("sign in with no scheme", "{password}"),
    _sign_in("sign in with what is no base64", "Basic !!!!"),
    _sign_in("sign in with no colon", "Basic cm9i"),
    _sign_in("sign in with an empty header", ""),
    _password("sign in with no name", "", None),
    _password("sign in as None", "None", None),
    _password("sign in as null", "null", "null"),
    _password("sign in as a reviewer in capitals", "ROB", None),
    _password("sign in as a reviewer with a space", "rob ", None),
    _password("sign in as a reviewer with a line's end", "rob\n", None),
    _password("sign in as a reviewer with an empty password", "rob", ""),
    _password("sign in as a reviewer with a guess", "rob", "password"),
    _password("sign in with a colon in the name", "rob:x", None),
    _password("sign in as a reviewer who left", LEFT, None),
    _password("sign in as the ledger's unknown", "unknown", "unknown"),
    _reset("/api/2.0/mlflow"),
    _reset("/ajax-api/2.0/mlflow"),
    _users("delete a reviewer", "DELETE", f"{USERS}/delete", {"username": REFUSED_ENTRY}),
    _users(
        "make an engineer an administrator", "PATCH", f"{USERS}/update-admin", {"username": "ada", "is_admin": True}
    ),
    _users("make an account", "POST", f"{USERS}/create", {"username": "eve", "password": "a long password"}),
    _users(
        "make an account by ajax", "POST", f"{AJAX}/users/create", {"username": "eva", "password": "a long password"}
    ),
    Attack("make an account by the form", "admin", _by_the_form, Ends.NO_EFFECT),
    _users("make a role", "POST", "/api/3.0/mlflow/roles/create", {"name": "all", "workspace": "default"}),
    _users(
        "grant an engineer everything",
        "POST",
        "/api/3.0/mlflow/users/permissions/grant",
        {"username": "ada", "resource_type": "registered_model", "resource_id": "*", "permission": "MANAGE"},
    ),
    _users(
        "reset a reviewer's password as an engineer",
        "PATCH",
        f"{USERS}/update-password",
        {"username": REFUSED_ENTRY, "password": "a long password"},
        who="ada",
    ),
    Attack("make a second account that differs in case, and sign", "admin", _new_account),
    Attack("make the account of a reviewer who left again, and sign", "admin", _new_reviewer),
    Attack("start a run in another's name", "ada", _forged_run),
    Attack("register another's version under a forged author", "pipeline", _forged_author),
    Attack("send two sign-ins", "ada", _two_headers, Ends.NO_EFFECT),
    Attack("name a reviewer in the address", "ada", _in_the_address, Ends.NO_EFFECT),
    Attack("ask in another workspace", "admin", _other_workspace, Ends.NO_EFFECT),
    Attack("sign in with a forged cookie", "nobody", _cookie, Ends.NO_EFFECT),
    Attack("act after the sign-out", "nobody", _after_logout, Ends.NO_EFFECT),
)

"""Bodies, keys, names and numbers that are written so that a check and an act might read them differently."""

from __future__ import annotations

import json
from typing import Any

from registry.names import CHAMPION
from tests.attacks.attack import Attack, Ends, each
from tests.attacks.scene import API, Scene, approval

SET_TAG = f"{API}/model-versions/set-tag"
ALIAS = f"{API}/registered-models/alias"
JSON = {"Content-Type": "application/json"}

LOOK_ALIKES = {
    "Approval": "a capital",
    "APPROVAL": "capitals",
    "approval ": "a space behind",
    " approval": "a space before",
    "approval\n": "a line's end",
    "аpproval": "a Cyrillic a",
    "ａpproval": "a full-width a",
    "ap\u200bproval": "a zero-width space",
    "\u202eapproval": "a mark that turns the text around",
    "approva\u0131": "a dotless i",
    "appr\u043eval.by": "a Cyrillic o",
    "app-roval": "a hyphen inside",
    "appr0val": "a nought for the o",
    "approved.by": "another form of the word",
    " author": "a space before the author",
    ".gate.bias": "a dot before the gate",
    "_digest": "an underscore before the digest",
    "mlflow.prompt.is_prompt": "MLflow's own, which hides a version",
    "signed.by": "another word for it",
    "champion": "an alias",
}
"""Keys that a reader would take for the server's own, and what is odd about them."""
MEANINGLESS = (
    "approve",
    "аpproved",
    "approved\u200b",
    "approved\x00",
    "approved; rejected: no",
    "pending",
    "",
    '{"verdict": "approved"}',
    "ok",
    "approved " + "x" * 10,
)
"""Values of the tag that no verdict is read from, whoever writes them."""
VARIANTS = ("approved ", "APPROVED", "approved\n", "approved: x", "\tapproved", "Approved:")
"""Values that are read as approval from a reviewer, written by who is none."""
INVISIBLE = (
    "rejected: \u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b",
    "approved: \u202edevorppa",
    "rejected: " + "no " * 600,
)
"""Reasons that nobody can read."""
ODD_NAMES = ("\ud800", "no-show\ud800", "no-show\x00", "n" * 5_000, "no-show\n2026-11-22 admin approval.approve")
"""Names that a database or a page might choke on; the refusal's line has to stand all the same."""
NUMBERS = ("0", "-1", "1.0", "1e0", "99999999999999999999", "latest", "3; drop table acts", "", "٣")
NAMES = ("no-show/", "No-Show", "no-show ", "no-show%2f", "../no-show", "no-show\x00", "nо-show", "*")


def _look_alike(key: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send("rita", "POST", SET_TAG, json=approval(scene.own, key=key))

    return Attack(f"set a tag that looks like the server's: {LOOK_ALIKES[key]}", "rita", send)


def _meaningless(value: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send("ron", "POST", SET_TAG, json=approval(scene.waiting, value))

    return Attack(f"approve with a value that says nothing: {value[:30]!r}", "ron", send)


def _variant(value: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send("ada", "POST", SET_TAG, json=approval(scene.waiting, value))

    return Attack(f"approve by another spelling, {value!r}", "ada", send)


def _invisible(value: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send("rob", "POST", SET_TAG, json=approval(scene.waiting, value))

    return Attack(f"give a reason that nobody can read: {value[:20]!r}", "rob", send)


def _odd_name(name: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = json.dumps({"name": name, "new_name": "other"})
        return scene.send("admin", "POST", f"{API}/registered-models/rename", content=body, headers=JSON)

    return Attack(f"rename the model {name[:40]!r}", "admin", send)


def _number(number: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = {"name": scene.waiting.model, "version": number, "alias": CHAMPION}
        return [
            scene.send("promoter", "POST", ALIAS, json=body),
            scene.send("ada", "POST", SET_TAG, json=body | {"key": "approval", "value": "approved"}),
        ]

    return Attack(f"name the version {number!r}", "promoter", send, Ends.NO_EFFECT)


def _padded(number: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = {"name": scene.waiting.model, "version": number.format(scene.waiting.version), "alias": CHAMPION}
        return scene.send("promoter", "POST", ALIAS, json=body)

    return Attack(f"write the version as {number.format('N')!r}", "promoter", send, Ends.NO_EFFECT)


def _name(name: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = approval(scene.waiting) | {"name": name}
        return scene.send("ada", "POST", SET_TAG, json=body)

    return Attack(f"name the model {name!r}", "ada", send, Ends.NO_EFFECT)


def _twice_encoded(scene: Scene) -> Any:
    body = json.dumps(json.dumps(approval(scene.waiting)))
    return [scene.send(who, "POST", SET_TAG, content=body, headers=JSON) for who in ("ada", "admin")]


def _plain_text(scene: Scene) -> Any:
    body = json.dumps(approval(scene.waiting))
    return [
        scene.send("admin", "POST", SET_TAG, content=body, headers={"Content-Type": kind})
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data")
    ]


def _form(scene: Scene) -> Any:
    return scene.send("admin", "POST", SET_TAG, data=approval(scene.waiting))


def _in_the_query(scene: Scene) -> Any:
    return scene.send("admin", "POST", SET_TAG, params=approval(scene.waiting), json={})


def _key_twice(scene: Scene) -> Any:
    body = json.dumps(approval(scene.waiting, key="ticket"))[:-1] + ', "key": "approval"}'
    return scene.send("admin", "POST", SET_TAG, content=body, headers=JSON)


def _harmless_last(scene: Scene) -> Any:
    body = '{"key": "approval", ' + json.dumps(approval(scene.waiting, key="gate.bias"))[1:]
    return scene.send("admin", "POST", SET_TAG, content=body, headers=JSON)


def _version_twice(scene: Scene) -> Any:
    body = json.dumps(approval(scene.waiting))[:-1] + f', "version": "{scene.own.version}"}}'
    return scene.send("rita", "POST", SET_TAG, content=body, headers=JSON)


def _camel_case(scene: Scene) -> Any:
    body = {"name": scene.waiting.model, "version": str(scene.waiting.version), "newStage": "x", "Key": "approval"}
    return scene.send("admin", "POST", SET_TAG, json=body | {"Value": "approved"})


def _a_list(scene: Scene) -> Any:
    return scene.send("admin", "POST", SET_TAG, json=[approval(scene.waiting)])


def _overridden(scene: Scene) -> Any:
    return scene.send(
        "admin",
        "POST",
        f"{API}/model-versions/get",
        json=approval(scene.waiting),
        headers={"X-HTTP-Method-Override": "DELETE"},
    )


def _huge(scene: Scene) -> Any:
    return scene.send("ada", "POST", SET_TAG, json=approval(scene.waiting, "approved" + "d" * 200_000))


def _huge_reason(scene: Scene) -> Any:
    return scene.send("ada", "POST", SET_TAG, json=approval(scene.waiting, "rejected: " + "no " * 60_000))


def _utf16(scene: Scene) -> Any:
    body = json.dumps(approval(scene.waiting)).encode("utf-16")
    return scene.send("admin", "POST", SET_TAG, content=body, headers=JSON)


def _bom(scene: Scene) -> Any:
    body = b"\xef\xbb\xbf" + json.dumps(approval(scene.waiting)).encode()
    return scene.send("admin", "POST", SET_TAG, content=body, headers=JSON)


def _escaped(scene: Scene) -> Any:
    body = json.dumps(approval(scene.waiting)).replace("approval", "\\u0061pproval")
    return scene.send("admin", "POST", SET_TAG, content=body, headers=JSON)


def _slashes(scene: Scene) -> Any:
    spellings = (
        "//api//2.0//mlflow//model-versions//set-tag",
        f"{SET_TAG}/",
        "/api/2.0/mlflow/./model-versions/set-tag",
    )
    body = json.dumps(approval(scene.waiting)).encode()
    return [scene.raw("admin", "POST", path, body=body, Content_Type="application/json") for path in spellings]


def _alias_case(alias: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = {"name": scene.served.model, "version": str(scene.waiting.version), "alias": alias}
        return [scene.send(who, "POST", ALIAS, json=body) for who in ("admin", "promoter")]

    return Attack(f"set the alias {alias!r}", "promoter", send)


ATTACKS = (
    *each(LOOK_ALIKES, _look_alike),
    *each(MEANINGLESS, _meaningless),
    *each(VARIANTS, _variant),
    *each(INVISIBLE, _invisible),
    *each(ODD_NAMES, _odd_name),
    *each(NUMBERS, _number),
    *each(("0{}", "+{}", "{}.0", " {} "), _padded),
    *each(NAMES, _name),
    *each(("Champion", "CHAMPION", "champion ", "previous", "challenger"), _alias_case),
    Attack("encode the body twice", "admin", _twice_encoded),
    Attack("call the body plain text", "admin", _plain_text, Ends.NO_EFFECT),
    Attack("send a form", "admin", _form, Ends.NO_EFFECT),
    Attack("put the verdict into the query", "admin", _in_the_query, Ends.NO_EFFECT),
    Attack("give the key twice, the true one last", "admin", _key_twice),
    Attack("give the key twice, the true one first", "admin", _harmless_last),
    Attack("give the version twice, one's own last", "rita", _version_twice),
    Attack("spell the fields another way", "admin", _camel_case, Ends.NO_EFFECT),
    Attack("send a list of bodies", "admin", _a_list, Ends.NO_EFFECT),
    Attack("override the method by a header", "admin", _overridden, Ends.NO_EFFECT),
    Attack("send a value of 200,000 characters", "ada", _huge, Ends.NO_EFFECT),
    Attack("reject with a reason of 180,000 characters", "ada", _huge_reason, Ends.NO_EFFECT),
    Attack("send UTF-16", "admin", _utf16, Ends.NO_EFFECT),
    Attack("begin with a byte order mark", "admin", _bom, Ends.NO_EFFECT),
    Attack("escape a letter of the key", "admin", _escaped),
    Attack("write the path with more slashes", "admin", _slashes, Ends.NO_EFFECT),
)

"""GraphQL: MLflow's own operations, others by guess, many at once."""

from __future__ import annotations

from typing import Any

from tests.attacks.attack import Attack, Ends
from tests.attacks.scene import Scene

SET_TAG = """mutation { mlflowSetModelVersionTag(input: {name: "no-show", version: "3", key: "approval",
value: "approved"}) { apiError { code } } }"""
SEARCH = 'mlflowSearchRuns(input: {experimentIds: ["1"]}) { apiError { code } }'

QUERIES = {
    "set the approval": SET_TAG,
    "set the champion": 'mutation { mlflowSetRegisteredModelAlias(input: {name: "no-show"}) { apiError { code } } }',
    "call the test's mutation": 'mutation { testMutation(inputString: "approved") { output } }',
    "hide a write behind an alias": "mutation { mlflowSearchRuns: mlflowSetModelVersionTag(input: {}) { x } }",
    "read the schema": "{ __schema { mutationType { fields { name } } } }",
    "ask a hundred times at once": "mutation {" + " ".join(f"a{number}: {SEARCH}" for number in range(100)) + "}",
    "nest without end": "query { __schema { types " + "{ fields { type " * 40 + "{ name }" + "} }" * 40 + "} }",
    "break off": "mutation {",
}


def _query(does: str, who: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send(who, "POST", "/graphql", json={"query": QUERIES[does], "variables": {}})

    return Attack(does, who, send, Ends.NO_EFFECT)


def _batch(scene: Scene) -> Any:
    return scene.send("ada", "POST", "/graphql", json=[{"query": SET_TAG}, {"query": SET_TAG}])


def _by_get(scene: Scene) -> Any:
    return scene.send("admin", "GET", "/graphql", params={"query": SET_TAG})


def _named(scene: Scene) -> Any:
    body = {"query": f'query read {{ test(inputString: "a") {{ output }} }} {SET_TAG}', "operationName": "read"}
    return scene.send("admin", "POST", "/graphql", json=body)


def _unsigned(scene: Scene) -> Any:
    return scene.raw("", "POST", "/graphql", body=b'{"query": "{ __typename }"}', Content_Type="application/json")


ATTACKS = (
    *(_query(does, who) for does in QUERIES for who in ("ada", "admin")),
    Attack("send a batch", "ada", _batch, Ends.NO_EFFECT),
    Attack("write by GET", "admin", _by_get, Ends.NO_EFFECT),
    Attack("name the harmless one of two operations", "admin", _named, Ends.NO_EFFECT),
    Attack("ask without a password", "nobody", _unsigned, Ends.NO_EFFECT),
)

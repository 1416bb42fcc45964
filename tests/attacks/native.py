"""Routes that MLflow answers without Flask: jobs, assistant, traces, the gateway and the registry of MCP servers."""

from __future__ import annotations

from typing import Any

from tests.attacks.attack import Attack, Ends
from tests.attacks.scene import Scene

ASSISTANT = "/ajax-api/3.0/mlflow/assistant"


def _closed(does: str, who: str, method: str, path: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send(who, method, path, json={})

    return Attack(does, who, send)


def _spelt(path: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.raw("admin", "POST", path, body=b"{}", Content_Type="application/json")

    return Attack(f"reach a closed route as {path}", "admin", send, Ends.NO_EFFECT)


def _traces(scene: Scene) -> Any:
    headers = {"Content-Type": "application/x-protobuf", "X-Mlflow-Experiment-Id": scene.waiting.experiment_id}
    return scene.send("ada", "POST", "/v1/traces", content=b"\x0a\x00", headers=headers)


def _gateway(scene: Scene) -> Any:
    return scene.send("admin", "POST", "/gateway/mine/mlflow/invocations", json={"messages": []})


def _mcp(method: str, path: str) -> Attack:
    def send(scene: Scene) -> Any:
        body = {"name": "com.example/mine", "version": "1", "server_json": {"name": "com.example/mine", "version": "1"}}
        return scene.send("admin", method, f"/ajax-api/3.0/mlflow/mcp-servers{path}", json=body)

    return Attack(f"write MLflow's registry of MCP servers: {method} {path or '/'}", "admin", send, Ends.NO_EFFECT)


ATTACKS = (
    _closed("start a job", "admin", "POST", "/ajax-api/3.0/jobs/"),
    _closed("look for jobs", "ada", "POST", "/ajax-api/3.0/jobs/search"),
    _closed("cancel a job", "admin", "PATCH", "/ajax-api/3.0/jobs/cancel/1"),
    _closed("ask the assistant, which runs commands", "admin", "POST", f"{ASSISTANT}/message"),
    _closed("set the assistant up", "admin", "PUT", f"{ASSISTANT}/config"),
    _closed("give the assistant a skill", "rita", "POST", f"{ASSISTANT}/skills/install"),
    _closed("permit the assistant a command", "admin", "POST", f"{ASSISTANT}/sessions/1/permission"),
    _spelt("/ajax-api/3.0//jobs/"),
    _spelt("/ajax-api/3.0/JOBS/"),
    _spelt("/ajax-api/3.0/%6aobs/"),
    _spelt("/ajax-api/3.0/mlflow/../jobs/"),
    _spelt("/ajax-api/3.0/mlflow/assistant%2fmessage"),
    _spelt("/ajax-api/3.0/mlflow/%61ssistant/message"),
    _spelt("/ajax-api/3.0/mlflow//assistant/message"),
    Attack("send traces", "ada", _traces, Ends.NO_EFFECT),
    Attack("call a model through the gateway", "admin", _gateway, Ends.NO_EFFECT),
    _mcp("POST", ""),
    _mcp("POST", "/com.example/mine/versions"),
    _mcp("POST", "/com.example/mine/aliases"),
)

"""REST, as `api`: every route that writes, by every role that may not."""

from __future__ import annotations

from typing import Any

from tests.attacks.attack import Attack, each
from tests.attacks.routes import MODELS, TRACKING, VERSIONS, attack
from tests.attacks.scene import API, Scene, approval

NO_REVIEWERS = ("ada", "admin", "pipeline", "promoter", "otto")


def _approve(who: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send(who, "POST", f"{API}/model-versions/set-tag", json=approval(scene.waiting))

    return Attack(f"approve without being a reviewer, by {API}", who, send)


def _own(value: str) -> Attack:
    def send(scene: Scene) -> Any:
        return scene.send("rita", "POST", f"{API}/model-versions/set-tag", json=approval(scene.own, value))

    return Attack(f"sign one's own version with {value!r}", "rita", send)


ATTACKS = (
    *each(NO_REVIEWERS, _approve),
    *each(("approved", "Approved", " approved ", "approved: it is fine", "rejected: so that nobody sees it"), _own),
    *(
        attack(route, who, API, API)
        for route in VERSIONS
        for who in ("ada", "rita", "otto", "admin", "pipeline", "promoter")
    ),
    *(attack(route, who, API, API) for route in MODELS for who in ("rita", "otto", "admin")),
    *(attack(route, who, API, API) for route in TRACKING for who in ("ada", "admin")),
)

"""Every attack of the table, against one real MLflow server and one real scoring server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from caregate.clock import fixed_clock
from caregate.errors import CaregateError
from caregate.secret_store import read_secrets
from governance.ledger import Act, BrokenChain
from registry.promotion import pending_promotions
from registry.reconciling import Reconciler
from registry.server.guard import REFUSALS_PER_MINUTE
from registry.server.refusals import REFUSALS_A_MINUTE
from registry.server.throttle import MINUTE
from tests.attacks.attack import Answer, Attack, Ends, Place, answers
from tests.attacks.scene import MODEL, Scene, Watched
from tests.attacks.table import FAMILIES

LATER = fixed_clock(datetime.now(UTC) + timedelta(minutes=30))
"""After what an act may take to show."""
CASES = [
    pytest.param(attack, id=f"{family}: {attack.name}, by {attack.who}".replace("\x00", "NUL"))
    for family, attacks in FAMILIES.items()
    for attack in attacks
]


@pytest.mark.parametrize("attack", CASES)
def test_an_attack_ends_refused_or_without_effect(attack: Attack, place: Callable[[Place], Scene]) -> None:
    scene = place(attack.place)
    before, length = scene.watched(), scene.ledger().verify()
    due = pending_promotions(scene.settings)
    given = answers(attack.what(scene))
    _no_answer_betrays(scene, given)
    if attack.place is Place.SERVER:
        assert scene.watched() == before
        assert scene.ledger().verify() >= length
    else:
        _nothing_else_is_served(scene, before, attack)
        assert attack.ends is Ends.FOUND_OUT or pending_promotions(scene.settings) == due
    if attack.ends is Ends.REFUSED:
        assert all(400 <= answer.status < 500 for answer in given), given
        lines = scene.lines_after(length)
        assert any(_is_refusal(line, attack) for line in lines) or _is_counted(scene, attack), (given, lines)


def _is_refusal(line: Act, attack: Attack) -> bool:
    return line.action.endswith(".refuse") and line.actor == attack.actor


def _is_counted(scene: Scene, attack: Attack) -> bool:
    """Tell whether so many refusals of this account stand already that further ones of the minute are only counted."""
    since = (datetime.now(UTC) - MINUTE).isoformat()
    lines = [act for act in scene.lines_after(0) if act.at > since and act.actor == attack.actor]
    at_the_edge = [act for act in lines if act.action == "request.refuse"]
    by_the_stores = [act for act in lines if act.action.endswith(".refuse")]
    if len(at_the_edge) >= REFUSALS_A_MINUTE or len(by_the_stores) >= REFUSALS_PER_MINUTE:
        return True
    return any(act.action == "sign-in.refuse" for act in lines)


def _in_use(scene: Scene) -> str | None:
    with suppress(CaregateError):
        return scene.in_use()[1]
    return None


def _ever_signed(scene: Scene) -> set[str | None]:
    return {scene.served.digest, scene.older.digest, None}


def _no_answer_betrays(scene: Scene, given: list[Answer]) -> None:
    secrets = [*asdict(read_secrets(scene.settings.secrets_file)).values(), *scene.server.passwords.values()]
    for answer in given:
        assert answer.status < 500, answer
        assert "Traceback" not in answer.text
        assert not any(secret in answer.text for secret in secrets)


def _nothing_else_is_served(scene: Scene, before: Watched, attack: Attack) -> None:
    if attack.ends is not Ends.FOUND_OUT:
        assert scene.in_use() == before.served
    else:
        assert _in_use(scene) in _ever_signed(scene)
    if attack.shows:
        with pytest.raises(BrokenChain):
            scene.ledger().verify()
    else:
        scene.ledger().verify()
    if attack.noticed:
        assert Reconciler(scene.settings, LATER).report()
    if attack.put_back:
        Reconciler(scene.settings, LATER).look()
        assert scene.watched() == before
    if attack.place is Place.SCORING:
        if attack.who == "SQL":
            scene.wait_for_scoring()
        answer = scene.ask("GET", f"/v1/models/{MODEL}")
        assert answer.status_code == httpx.codes.OK, answer.text
        assert (answer.json()["version"], answer.json()["digest"]) == before.served[:2]

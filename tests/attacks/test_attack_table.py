"""The table itself: long enough, whole, and shown as it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.attacks.attack import Attack, Ends
from tests.attacks.page import render
from tests.attacks.table import FAMILIES

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "attacks.md"
AT_LEAST = 120
ASKED_FOR = {
    "REST, api",
    "REST, ajax-api",
    "native routes",
    "GraphQL",
    "Python client",
    "artifact routes",
    "identity",
    "races",
    "replay",
    "direct SQL",
    "forged alias",
}
WHO = {"ada", "rita", "otto", "admin", "pipeline", "promoter"}
"""An engineer, a reviewer, an auditor, and the three services."""


class TestTheTable:
    def test_is_long_enough(self) -> None:
        assert sum(len(attacks) for attacks in FAMILIES.values()) >= AT_LEAST

    def test_holds_every_family(self) -> None:
        assert FAMILIES.keys() >= ASKED_FOR
        assert all(FAMILIES.values())

    def test_lets_every_role_try(self) -> None:
        assert {attack.who for attack in _all()} >= WHO

    def test_names_each_attack_once(self) -> None:
        for attacks in FAMILIES.values():
            twice = [
                key for key, count in Counter((attack.name, attack.who) for attack in attacks).items() if count > 1
            ]
            assert twice == []

    def test_mostly_asks_for_a_refusal(self) -> None:
        refused = [attack for attack in _all() if attack.ends is Ends.REFUSED]
        assert len(refused) > len(_all()) / 2

    def test_is_shown_on_its_page(self) -> None:
        assert PAGE.read_text(encoding="utf-8") == render(), "write it anew: python -m tests.attacks.page"


def _all() -> list[Attack]:
    return [attack for attacks in FAMILIES.values() for attack in attacks]

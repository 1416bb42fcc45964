"""A promotion that is killed at any step, and made again: one champion, one line, aliases that show it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from registry import names
from registry.champion import champion_of
from registry.launch import home_environment
from registry.promotion import pending_promotions, promote
from registry.promotions import PROMOTED
from registry.reconciling import Reconciler
from registry.versions import aliases_of
from tests.registry.conftest import CandidateFactory
from tests.registry.test_promotion import sign, use
from tests.registry.toys import register

STEPS = ("publish", "require_proof", "_put_in_use", "show_aliases")
IN_USE = {"show_aliases", "_put_in_use"}
"""Steps after which the ledger's line stands: the version is in use, whatever the aliases show."""

DYING = """
import os, signal, sys
from caregate.settings import load_settings
from registry import promotion
from registry.server.store import GuardedStore
step = sys.argv[1]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

inner = getattr(promotion, step)
if step == "show_aliases":  # killed between one alias and the next
    second = GuardedStore.set_registered_model_alias
    GuardedStore.set_registered_model_alias = lambda *given: (second(*given), die())
else:
    setattr(promotion, step, lambda *given, **more: (inner(*given, **more), die()))
promotion.promote(load_settings(), "no-show", 2)
"""


def promote_and_die(home: Settings, step: str) -> int:
    environment = os.environ | home_environment(home)
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, "-c", DYING, step], env=environment, cwd=root, check=False).returncode


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_any_step_ends_in_one_champion(home: Settings, candidate: CandidateFactory, step: str) -> None:
    use(home, first := register(home, candidate("one")))
    sign(home, register(home, candidate("two", seed=1, compared_with=first.digest)), "rita")
    assert promote_and_die(home, step) == -signal.SIGKILL
    assert champion_of(home, "no-show").version == (2 if step in IN_USE else 1)
    assert len(pending_promotions(home)) == (0 if step in IN_USE else 1)
    for _ in range(2):
        assert promote(home, "no-show", 2).version == 2
    assert [act.subject for act in Ledger(ledger_database(home)).sealed(PROMOTED)] == ["no-show/1", "no-show/2"]
    assert aliases_of(open_database(home.registry_url), "no-show") == {names.CHAMPION: 2, names.PREVIOUS: 1}


def test_killed_before_its_aliases_they_are_set_without_anybodys_doing(
    home: Settings, candidate: CandidateFactory
) -> None:
    use(home, first := register(home, candidate("one")))
    sign(home, register(home, candidate("two", seed=1, compared_with=first.digest)), "rita")
    assert promote_and_die(home, "_put_in_use") == -signal.SIGKILL
    Reconciler(home).look()
    assert aliases_of(open_database(home.registry_url), "no-show") == {names.CHAMPION: 2, names.PREVIOUS: 1}


@pytest.fixture
def home(fresh_home: Settings) -> Settings:
    return fresh_home

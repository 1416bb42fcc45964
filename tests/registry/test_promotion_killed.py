"""A promotion that is killed at any step, and made again: one champion, one line, aliases that show it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from registry import names
from registry.champion import champion_of
from registry.promotion import pending_promotions, promote
from registry.promotions import PROMOTED
from registry.reconciling import Reconciler
from registry.versions import aliases_of
from tests.registry.conftest import Template, copy_home
from tests.registry.dying import Parent
from tests.registry.test_promotion import sign, use
from tests.registry.toys import make_candidate, register

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


@pytest.fixture(scope="module")
def waiting(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with one version in use and a second one that is signed and waits."""
    folder = tmp_path_factory.mktemp("waiting")
    home = copy_home(template[0], folder / "home")
    use(home, first := register(home, make_candidate(folder / "one", "one")))
    second = make_candidate(folder / "two", "two", seed=1, compared_with=first.digest)
    sign(home, register(home, second), "rita")
    return home


@pytest.fixture
def home(waiting: Settings, tmp_path: Path) -> Settings:
    return copy_home(waiting, tmp_path / "home")


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_any_step_ends_in_one_champion(home: Settings, parent: Parent, step: str) -> None:
    assert parent.run(home, DYING, step) == -signal.SIGKILL
    assert champion_of(home, "no-show").version == (2 if step in IN_USE else 1)
    assert len(pending_promotions(home)) == (0 if step in IN_USE else 1)
    for _ in range(2):
        assert promote(home, "no-show", 2).version == 2
    assert [act.subject for act in Ledger(ledger_database(home)).sealed(PROMOTED)] == ["no-show/1", "no-show/2"]
    assert aliases_of(open_database(home.registry_url), "no-show") == {names.CHAMPION: 2, names.PREVIOUS: 1}


def test_killed_before_its_aliases_they_are_set_without_anybodys_doing(home: Settings, parent: Parent) -> None:
    assert parent.run(home, DYING, "_put_in_use") == -signal.SIGKILL
    Reconciler(home).look()
    assert aliases_of(open_database(home.registry_url), "no-show") == {names.CHAMPION: 2, names.PREVIOUS: 1}

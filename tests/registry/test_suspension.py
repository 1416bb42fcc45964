from __future__ import annotations

import pytest

from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry.suspension import ReasonMissing, resume, suspend, suspension_of


class TestSuspending:
    def test_holds_until_it_is_lifted(self, home: Settings) -> None:
        assert suspension_of(home, "no-show") is None
        suspend(home, "no-show", reason="scores drift at one site", by="ada")
        held = suspension_of(home, "no-show")
        assert held is not None
        assert (held.by, held.reason) == ("ada", "scores drift at one site")
        assert suspension_of(home, "readmission-risk") is None
        resume(home, "no-show", reason="the site sends hours again", by="rita")
        assert suspension_of(home, "no-show") is None

    def test_leaves_lines_in_the_ledger(self, home: Settings) -> None:
        suspend(home, "readmission-risk", reason="under investigation", by="ada")
        lines = Ledger(ledger_database(home)).read(action="model.suspend", subject="readmission-risk")
        assert [line.actor for line in lines] == ["ada"]

    def test_says_why(self, home: Settings) -> None:
        with pytest.raises(ReasonMissing):
            suspend(home, "no-show", reason="  because  ", by="ada")

"""What is looked after while the servers run."""

from __future__ import annotations

import threading

import pytest

from caregate.clock import system_clock
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry import proving
from registry.artifacts import artifact_folder
from registry.champion import approved_folder
from registry.digest import verified_manifest
from registry.proving import PROVEN
from registry.registrations import newest_registration
from registry.vigil import Vigil, keeping_vigil, prepare_waiting
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import register


class TestAVersionThatWaits:
    def test_is_copied_and_goes_through_the_serving_gate_before_it_is_signed(
        self, fresh_home: Settings, candidate: CandidateFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = register(fresh_home, candidate("waits"))
        prepare_waiting(fresh_home, set())
        assert verified_manifest(approved_folder(fresh_home, version.digest), version.digest)
        monkeypatch.setattr(proving, "_judge", lambda *_: pytest.fail("it went through the gate already"))
        prepare_waiting(fresh_home, set())

    def test_whose_files_are_others_is_left_and_said(
        self, fresh_home: Settings, candidate: CandidateFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        register(fresh_home, candidate("spoilt"))
        ledger = Ledger(ledger_database(fresh_home))
        folder = artifact_folder(fresh_home, newest_registration(ledger, "no-show", 1).location)
        (folder / "calibration.json").write_text("{}", encoding="utf-8")
        given_up: set[str] = set()
        prepare_waiting(fresh_home, given_up)
        assert "no-show/1 could not be promoted" in caplog.text
        assert given_up == {"no-show/1"}
        assert list(ledger.sealed(PROVEN)) == []


class TestTheVigil:
    def test_goes_on_after_a_fault(
        self, fresh_home: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        looked = []
        monkeypatch.setattr("registry.vigil.prepare_waiting", lambda *_, **__: 1 / 0)
        monkeypatch.setattr("registry.reconciling.Reconciler.look", lambda _self: looked.append("pages"))
        vigil = Vigil(fresh_home, system_clock)
        vigil.look()
        vigil.look()
        assert looked == ["pages", "pages"]
        assert "the home's copies failed" in caplog.text

    def test_ends_with_its_block(self, fresh_home: Settings) -> None:
        with keeping_vigil(fresh_home, every=0.01):
            assert "vigil" in [thread.name for thread in threading.enumerate()]
        assert "vigil" not in [thread.name for thread in threading.enumerate()]

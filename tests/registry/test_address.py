from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from caregate.settings import load_settings
from registry.address import FILE, StackAddress, announce_stack, running_stack, withdraw_stack


class TestTheRunningStack:
    def test_is_what_was_announced(self, tmp_path: Path) -> None:
        settings, address = load_settings(home=tmp_path), StackAddress(os.getpid(), "a", "b", "c")
        assert running_stack(settings) is None
        announce_stack(settings, address)
        assert running_stack(settings) == address
        withdraw_stack(settings)
        assert running_stack(settings) is None

    def test_is_not_one_that_was_killed(self, tmp_path: Path) -> None:
        settings = load_settings(home=tmp_path)
        gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
        announce_stack(settings, StackAddress(int(gone.stdout), "a", "b", "c"))
        assert running_stack(settings) is None

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1}'])
    def test_is_none_where_the_file_says_nothing(self, tmp_path: Path, text: str) -> None:
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        assert running_stack(load_settings(home=tmp_path)) is None

"""Scoring imports no scikit-learn, and who needs it finds it afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import models

ROOT = Path(models.__file__).parents[1]
CLEAN = """
import sys
from models import artifact, trees
assert "sklearn" not in sys.modules
import sklearn
"""


def test_a_process_that_scores_imports_xgboost_without_scikit_learn() -> None:
    subprocess.run([sys.executable, "-c", CLEAN], cwd=ROOT, check=True)

"""A home with accounts, and toy candidates: a real small booster with evidence, in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb

from caregate.secret_store import new_secrets, write_secrets
from caregate.settings import Settings, load_settings
from governance.database import migrate
from governance.people import Role
from models.artifact import Calibration, Column, FittedModel
from models.spec import RiskClass
from registry.accounts import create_account, create_services
from registry.candidate import Candidate
from validation.gates.result import Verdict

PEOPLE = {
    "ada": Role.ENGINEER,
    "rita": Role.REVIEWER,
    "ron": Role.REVIEWER,
    "clara": Role.CLINICAL_REVIEWER,
    "otto": Role.AUDITOR,
}
"""Of every test home; rita is the author of some candidates."""
DIGEST = "sha256:" + "a" * 64


def make_home(home: Path, **given: object) -> tuple[Settings, dict[str, str]]:
    """Make a home with services and people, and return its settings and the people's passwords."""
    home.mkdir(parents=True)
    settings = load_settings(home=home, user="ada", **given)
    secrets = new_secrets()
    write_secrets(settings.secrets_file, secrets)
    migrate(settings.ledger_url)
    create_services(settings, secrets, by="init")
    passwords = {name: create_account(settings, name, role, by="init") for name, role in PEOPLE.items()}
    services = {"admin": secrets.admin_password, "pipeline": secrets.pipeline_password}
    return settings, passwords | services | {"promoter": secrets.promoter_password}


def save_toy_model(folder: Path, *, seed: int = 0) -> None:
    """Write a booster of two features, its JSON and a little evidence."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(200, 2)).astype(np.float32)
    label = (inputs[:, 0] + chance.normal(size=200) > 0).astype(int)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, xgb.DMatrix(inputs, label), 5)
    columns = tuple(Column(name, name, "number", low=-3.0, high=3.0) for name in ("lead_days", "earlier_misses"))
    FittedModel("no-show", columns, booster, Calibration()).save(folder)
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / "card.md").write_text("# A toy\n", encoding="utf-8")
    (evidence / "gates.json").write_text('{"accuracy": "passed"}\n', encoding="utf-8")


def make_candidate(folder: Path, run_key: str, **given: object) -> Candidate:
    """Return a candidate in `folder`."""
    save_toy_model(folder, seed=int(given.pop("seed", 0)))  # type: ignore[call-overload]
    values: dict[str, object] = {
        "model": "no-show",
        "author": "ada",
        "run_key": run_key,
        "folder": folder,
        "metrics": {"auc": 0.73, "brier": 0.13},
        "params": {"rounds": "5"},
        "gates": {"accuracy": Verdict.PASSED, "bias": Verdict.CANNOT_TELL},
        "description": "## No-show\n\n| gate | verdict |\n|---|---|\n| accuracy | passed |\n| bias | cannot-tell |\n",
        "risk_class": RiskClass.OPERATIONAL,
        "snapshot": DIGEST,
        "policy": "sha256:" + "b" * 64,
    }
    return Candidate(**values | given)  # type: ignore[arg-type]


CandidateFactory = Callable[..., Candidate]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home a file; tests register their own versions in it."""
    return make_home(tmp_path_factory.mktemp("registry") / "home")[0]


@pytest.fixture
def candidate(tmp_path: Path) -> CandidateFactory:
    """Makes candidates in folders of their own."""
    made: list[Candidate] = []

    def factory(run_key: str, **given: object) -> Candidate:
        made.append(make_candidate(tmp_path / f"candidate-{len(made)}", run_key, **given))
        return made[-1]

    return factory

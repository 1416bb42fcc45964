"""What the suites' tests share: Great Expectations imported once, each file read and judged once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from crm.source import RawTables
from crm.sources.diabetes_130 import Diabetes130Source
from crm.sources.noshow_kaggle import NoShowKaggleSource
from crm.sources.synthetic import SyntheticSource
from models.features import feature_rows, labelled
from models.no_show import SPEC
from models.splitting import split
from models.training import fit
from tests.validation.suites.files import appointment_file, encounter_file
from validation.policy import load_policy
from validation.probes.subject import Subject
from validation.suites.raw import judge_raw
from validation.suites.result import Finding, SuiteResult

READERS: Mapping[str, Callable[[], NoShowKaggleSource | Diabetes130Source]] = {
    "noshow-kaggle": NoShowKaggleSource,
    "diabetes-130": Diabetes130Source,
}
CLEAN: Mapping[str, Callable[[], pl.DataFrame]] = {"noshow-kaggle": appointment_file, "diabetes-130": encounter_file}


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, pl.DataFrame], RawTables]:
    """Write a frame as a file of its source's kind and read it at the door."""

    def read(source: str, frame: pl.DataFrame) -> RawTables:
        path = tmp_path_factory.mktemp("raw") / "file.csv"
        frame.write_csv(path)
        return READERS[source]().read(str(path))

    return read


@pytest.fixture(scope="session")
def clean(read: Callable[[str, pl.DataFrame], RawTables]) -> Mapping[str, RawTables]:
    """A sound file of each source."""
    return {source: read(source, make()) for source, make in CLEAN.items()}


@pytest.fixture(scope="session")
def found_clean(clean: Mapping[str, RawTables]) -> Mapping[str, Mapping[str, Finding]]:
    return {source: by_rule(judge_raw(raw)) for source, raw in clean.items()}


@pytest.fixture(scope="session")
def real_raw(real_appointments: Path, real_encounters: Path) -> Mapping[str, RawTables]:
    """Both public files, read at the door."""
    paths = {"noshow-kaggle": real_appointments, "diabetes-130": real_encounters}
    return {source: READERS[source]().read(str(path)) for source, path in paths.items()}


@pytest.fixture(scope="session")
def found_real(real_raw: Mapping[str, RawTables]) -> Mapping[str, SuiteResult]:
    results = {source: judge_raw(raw) for source, raw in real_raw.items()}
    return {source: result for source, result in results.items() if result is not None}


@pytest.fixture(scope="session")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A quickly fitted model of synthetic bookings, with the rows that it was made of."""
    folder = tmp_path_factory.mktemp("subject")
    tables = SyntheticSource(rows=8_000, seed=5).read().tables
    files = {name: folder / f"{name}.parquet" for name in ("patients", "appointments")}
    for name, path in files.items():
        tables[name].write_parquet(path)
    spec = replace(SPEC, rounds=40, hyperparameters={**SPEC.hyperparameters, "learning_rate": 0.2})
    rows = labelled(feature_rows(spec, files, threads=1, memory_limit_gb=1, spill=folder / "spill"))
    parts = split(rows, spec.split, seed=0)
    model = fit(spec, rows.filter(parts.train), seed=0, threads=1)
    return Subject(spec, load_policy("no-show"), model, folder, rows, parts.train, parts.test, files, 0, 1)


def by_rule(result: SuiteResult | None) -> Mapping[str, Finding]:
    assert result is not None
    return {each.rule: each for each in result.findings}

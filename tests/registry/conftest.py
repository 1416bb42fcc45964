"""One home and one MLflow server for the tests of the registry."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from caregate.settings import Settings
from governance.database import open_database
from registry.candidate import Candidate
from registry.connection import prepare_database
from tests.registry.buckets import running_storage
from tests.registry.toys import Server, make_candidate, make_home, running_server

CandidateFactory = Callable[..., Candidate]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, str]]:
    """A home whose databases stand: copying it is twenty times faster than making another."""
    settings, passwords = make_home(tmp_path_factory.mktemp("template") / "home")
    prepare_database(settings)
    return settings, passwords


def _copy(template: tuple[Settings, dict[str, str]], target: Path) -> Settings:
    for database in (template[0].ledger_url, template[0].registry_url):
        open_database(database).dispose()  # its last connection writes the log into the file
    shutil.copytree(template[0].home, target)
    return template[0].model_copy(update={"home": target})


@pytest.fixture(scope="module")
def home(template: tuple[Settings, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home a file; each test registers versions of its own in it."""
    return _copy(template, tmp_path_factory.mktemp("registry") / "home")


@pytest.fixture
def fresh_home(template: tuple[Settings, dict[str, str]], tmp_path: Path) -> Settings:
    """A home of the test's own, where the order of versions matters."""
    return _copy(template, tmp_path / "home")


@pytest.fixture(scope="session")
def server(template: tuple[Settings, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one server of all tests that speak HTTP."""
    with running_server(_copy(template, tmp_path_factory.mktemp("server") / "home"), template[1]) as started:
        yield started


@pytest.fixture(scope="session")
def object_storage() -> Iterator[None]:
    """Object storage with locks, for the tests of artifacts in buckets."""
    with running_storage():
        yield


@pytest.fixture
def candidate(tmp_path: Path) -> CandidateFactory:
    """Makes candidates in folders of their own."""
    folders = iter(tmp_path / f"candidate-{number}" for number in range(100))
    return lambda run_key, **given: make_candidate(next(folders), run_key, **given)

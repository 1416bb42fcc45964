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
from tests.registry.dying import Parent, warm_parent
from tests.registry.toys import Server, make_candidate, make_home, running_server

CandidateFactory = Callable[..., Candidate]
Template = tuple[Settings, dict[str, str]]
"""A home, and everybody's password."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A home whose databases stand: copying it is twenty times faster than making another."""
    settings, passwords = make_home(tmp_path_factory.mktemp("template") / "home")
    prepare_database(settings)
    return settings, passwords


def copy_home(home: Settings, target: Path) -> Settings:
    """Copy a home; its databases are closed."""
    for database in (home.ledger_url, home.registry_url):
        open_database(database).dispose()  # its last connection writes the log into the file
    shutil.copytree(home.home, target)
    return home.model_copy(update={"home": target})


@pytest.fixture(scope="module")
def home(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home a file; each test registers versions of its own in it."""
    return copy_home(template[0], tmp_path_factory.mktemp("registry") / "home")


@pytest.fixture
def fresh_home(template: Template, tmp_path: Path) -> Settings:
    """A home of the test's own, where the order of versions matters."""
    return copy_home(template[0], tmp_path / "home")


@pytest.fixture(scope="session")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one server of all tests that speak HTTP."""
    with running_server(copy_home(template[0], tmp_path_factory.mktemp("server") / "home"), template[1]) as started:
        yield started


@pytest.fixture(scope="module")
def parent() -> Iterator[Parent]:
    """Runs code in processes that may be killed."""
    with warm_parent() as started:
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

"""One home, one MLflow server and one browser for every test of MLflow's pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from registry.connection import prepare_database
from tests.e2e.browser import chromium
from tests.registry.toys import Server, make_home, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a home of its own."""
    settings, passwords = make_home(tmp_path_factory.mktemp("browser") / "home")
    prepare_database(settings)
    with running_server(settings, passwords) as started:
        yield started


@pytest.fixture(scope="module")  # of Playwright one runs at a time, and other rooms have theirs
def browser() -> Iterator[Browser]:
    """Chromium, without a screen."""
    with chromium() as started:
        yield started

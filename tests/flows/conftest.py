"""A home for the flows: they find it in the environment, as a worker's would; nobody is signed in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from caregate.home import make_home
from caregate.settings import Settings, load_settings
from governance.people import Role
from registry.accounts import create_account
from registry.authorship import Author, proven_author


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("flows") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAREGATE_HOME", str(folder))
        settings = load_settings(home=folder)
        make_home(settings)
        yield settings


@pytest.fixture(scope="module")
def ada(home: Settings) -> Author:
    """An engineer, as the command line knows one who signed in."""
    create_account(home, "ada", Role.ENGINEER, by="admin")
    return proven_author("ada")

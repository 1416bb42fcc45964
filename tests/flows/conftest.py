"""A home for the flows: they find it in the environment, as a worker's would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from caregate.home import make_home
from caregate.settings import Settings, load_settings


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("flows") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAREGATE_HOME", str(folder))
        patch.setenv("CAREGATE_USER", "ada")
        settings = load_settings(home=folder)
        make_home(settings)
        yield settings

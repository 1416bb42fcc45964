"""What is written into MLflow's database or over files past the server: found, put back, and told as an incident."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from caregate.clock import fixed_clock
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.incident_rules import Kind, State
from governance.incidents import Incidents
from governance.ledger import Ledger
from governance.seals import with_key
from registry import names
from registry.artifacts import artifact_folder
from registry.champion import approved_folder, champion_of
from registry.promotion import promote
from registry.reconciling import Reconciler
from registry.registering import Registered
from registry.registrations import registration_of
from registry.versions import aliases_of, read_version
from serving.champions import NotServed
from serving.registry_champions import RegistryChampions
from tests.registry.test_promotion import sign
from tests.registry.toys import make_candidate, register


def later() -> datetime:
    """Return a moment after what an act may take to show."""
    return datetime.now(UTC) + timedelta(minutes=5)


@dataclass(frozen=True)
class Scene:
    """A home with a version in use, its successor, and one that waits."""

    home: Settings
    used: Registered
    waiting: Registered

    def sql(self, statement: str, **given: object) -> None:
        with open_database(self.home.registry_url).begin() as connection:
            connection.execute(text(statement), given)

    def tags(self, version: Registered) -> dict[str, str]:
        return dict(read_version(open_database(self.home.registry_url), "no-show", version.version).tags)

    def aliases(self) -> dict[str, int]:
        return aliases_of(open_database(self.home.registry_url), "no-show")

    def incidents(self) -> list[tuple[Kind, str]]:
        return [(item.kind, item.about) for item in Incidents(ledger_database(self.home)).all()]

    def look(self) -> None:
        Reconciler(self.home, later).look()


@pytest.fixture(scope="module")
def made(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The scene, made once: a test gets a copy."""
    folder = tmp_path_factory.mktemp("candidates")
    used = register(home, make_candidate(folder / "used", "used"))
    waiting = register(home, make_candidate(folder / "waiting", "waiting", seed=1))
    sign(home, used, "rita")
    promote(home, "no-show", used.version)
    Reconciler(home).look()  # shows the stamps, which were signed at the desk and not by the server
    return Scene(home, used, waiting)


@pytest.fixture
def scene(made: Scene, tmp_path: Path) -> Scene:
    for url in (made.home.ledger_url, made.home.registry_url):
        open_database(url).dispose()
    home = tmp_path / "home"
    shutil.copytree(made.home.home, home)
    return replace(made, home=made.home.model_copy(update={"home": home}))


class TestWhatTheServerWrote:
    def test_is_no_discrepancy(self, scene: Scene) -> None:
        reconciler = Reconciler(scene.home, later)
        assert [*reconciler.look(), *reconciler.look_at_files(), *reconciler.look_at_ledger()] == []
        assert scene.incidents() == []

    def test_is_none_when_an_approval_expires(self, scene: Scene) -> None:
        year = fixed_clock(datetime.now(UTC) + timedelta(days=400))
        assert Reconciler(scene.home, year).look() == []
        assert scene.aliases() == {}, "what may not be used is not shown as in use"


class TestAnAlias:
    @pytest.mark.parametrize("alias", [names.CHAMPION, names.PREVIOUS])
    def test_that_points_to_what_was_never_in_use_is_put_back(self, scene: Scene, alias: str) -> None:
        scene.sql("DELETE FROM registered_model_aliases")
        scene.sql(
            "INSERT INTO registered_model_aliases (name, alias, version) VALUES ('no-show', :alias, :version)",
            alias=alias,
            version=scene.waiting.version,
        )
        scene.look()
        assert scene.aliases() == {names.CHAMPION: scene.used.version}
        assert (Kind.ALIAS_FORGED, f"no-show/{scene.waiting.version}") in scene.incidents()

    def test_that_was_taken_away_is_set_again(self, scene: Scene) -> None:
        scene.sql("DELETE FROM registered_model_aliases")
        scene.look()
        assert scene.aliases() == {names.CHAMPION: scene.used.version}
        assert scene.incidents() == [(Kind.ALIAS_FORGED, "no-show")]

    def test_that_a_killed_promotion_left_unset_is_no_incident(self, scene: Scene) -> None:
        scene.sql("DELETE FROM registered_model_aliases")
        Reconciler(scene.home).look()
        assert scene.aliases() == {names.CHAMPION: scene.used.version}
        assert scene.incidents() == []


class TestATag:
    @pytest.mark.parametrize("key", [names.GATE_STATUS, names.DIGEST, names.AUTHOR, "gate.bias", names.SIGNATURES])
    def test_of_birth_shows_its_first_value_again(self, scene: Scene, key: str) -> None:
        before = scene.tags(scene.waiting)
        scene.sql(
            "UPDATE model_version_tags SET value = 'other' WHERE key = :key AND version = :version",
            key=key,
            version=scene.waiting.version,
        )
        scene.look()
        assert scene.tags(scene.waiting) == before
        assert scene.incidents() == [(Kind.REGISTRY_TAMPERED, f"no-show/{scene.waiting.version}")]

    def test_that_says_approved_where_nobody_signed_says_pending_again(self, scene: Scene) -> None:
        scene.sql("UPDATE model_version_tags SET value = 'approved' WHERE key = 'approval'")
        scene.look()
        assert scene.tags(scene.waiting)[names.APPROVAL] == "pending"
        assert scene.incidents() == [(Kind.REGISTRY_TAMPERED, f"no-show/{scene.waiting.version}")]

    def test_that_names_another_signer_names_the_first_again(self, scene: Scene) -> None:
        scene.sql("UPDATE model_version_tags SET value = 'ron' WHERE key = 'approval.by'")
        scene.look()
        assert scene.tags(scene.used)[names.APPROVED_BY] == "rita"
        assert scene.incidents() == [(Kind.REGISTRY_TAMPERED, f"no-show/{scene.used.version}")]


class TestAVersion:
    def test_that_is_gone_is_an_incident_and_stays_in_use(self, scene: Scene) -> None:
        for table in ("registered_model_aliases", "model_version_tags", "model_versions"):
            scene.sql(f"DELETE FROM {table} WHERE version = :version", version=scene.used.version)  # noqa: S608
        Reconciler(scene.home, later).report()
        assert (Kind.REGISTRY_TAMPERED, f"no-show/{scene.used.version}") in scene.incidents()
        assert champion_of(scene.home, "no-show").version == scene.used.version

    def test_that_no_run_registered_is_an_incident_and_void(self, scene: Scene) -> None:
        scene.sql(
            "INSERT INTO model_versions (name, version, creation_time, current_stage, source, storage_location, status)"
            " SELECT name, 9, 1, current_stage, source, storage_location, status FROM model_versions WHERE version = 1"
        )
        scene.look()
        assert scene.incidents() == [(Kind.REGISTRY_TAMPERED, "no-show/9")]

    def test_whose_files_are_said_to_lie_elsewhere_is_an_incident(self, scene: Scene) -> None:
        scene.sql("UPDATE model_versions SET storage_location = 'mlflow-artifacts:/1/models/m-0/artifacts'")
        scene.look()
        assert {about for _, about in scene.incidents()} == {"no-show/1", "no-show/2"}


class TestTheFiles:
    def test_of_a_spoilt_copy_are_copied_again(self, scene: Scene) -> None:
        (approved_folder(scene.home, scene.used.digest) / "calibration.json").write_text("{}", encoding="utf-8")
        Reconciler(scene.home).look_at_files()
        assert scene.incidents() == [(Kind.ARTIFACTS_TAMPERED, "no-show/1")]
        assert champion_of(scene.home, "no-show").version == 1

    def test_of_a_spoilt_copy_leave_an_alias_that_nobody_is_said_to_have_forged(self, scene: Scene) -> None:
        (approved_folder(scene.home, scene.used.digest) / "calibration.json").write_text("{}", encoding="utf-8")
        scene.look()
        assert scene.aliases() == {}
        Reconciler(scene.home).look_at_files()
        assert scene.aliases() == {"champion": 1}
        scene.look()
        assert scene.incidents() == [(Kind.ARTIFACTS_TAMPERED, "no-show/1")]

    def test_of_a_registered_version_that_were_changed_are_an_incident(self, scene: Scene) -> None:
        key = read_version(open_database(scene.home.registry_url), "no-show", scene.waiting.version).key
        registered = registration_of(Ledger(ledger_database(scene.home)), key)
        assert registered is not None
        folder = artifact_folder(scene.home, registered.location)
        (folder / "evidence" / "card.md").write_text("# Better", encoding="utf-8")
        Reconciler(scene.home).look_at_files()
        assert scene.incidents() == [(Kind.ARTIFACTS_TAMPERED, "no-show/2")]


class TestTheLedger:
    @staticmethod
    def cut(scene: Scene, statement: str) -> None:
        engine = open_database(scene.home.ledger_url)
        with engine.begin() as connection:
            for trigger in ("acts_no_update", "acts_no_delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
            connection.execute(text(statement))

    def test_with_a_line_that_the_home_did_not_seal_is_an_incident_and_still_believed(self, scene: Scene) -> None:
        forger = with_key(open_database(scene.home.ledger_url), b"not the home's")
        Ledger(forger).append("rita", "approval.approve", "no-show/2")
        Reconciler(scene.home).look_at_ledger()
        assert scene.incidents() == [(Kind.LEDGER_TAMPERED, "ledger")]
        assert RegistryChampions(scene.home).champion("no-show").version == 1

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM acts WHERE seq = (SELECT max(seq) FROM acts)",
            "DELETE FROM acts WHERE seq = (SELECT max(seq) - 2 FROM acts)",
            "UPDATE acts SET actor = 'ron' WHERE action = 'approval.approve'",
        ],
    )
    @pytest.mark.parametrize("covered", [False, True])
    def test_with_lines_removed_or_changed_is_believed_no_more(
        self, scene: Scene, statement: str, covered: bool
    ) -> None:
        Reconciler(scene.home).look_at_tail()
        self.cut(scene, statement)
        if covered:  # by a line that follows from the last and is nobody's
            Ledger(with_key(open_database(scene.home.ledger_url), b"not the home's")).append("eve", "thing.do", "x")
        Reconciler(scene.home).look_at_ledger()
        champions = RegistryChampions(scene.home)
        with pytest.raises(NotServed, match="nobody has settled"):
            champions.champion("no-show")

    def test_is_believed_again_once_a_person_settled_it(self, scene: Scene) -> None:
        Reconciler(scene.home).look_at_tail()
        self.cut(scene, "DELETE FROM acts WHERE action = 'version.prove'")
        Reconciler(scene.home).look_at_ledger()
        incidents = Incidents(ledger_database(scene.home))
        [opened] = incidents.all()
        for state in (State.INVESTIGATING, State.CONTAINED):
            incidents.advance(opened.id, state, "the line is in the auditor's export", by="ada")
        assert RegistryChampions(scene.home).champion("no-show").version == 1


class TestAnIncident:
    def test_is_opened_once_however_often_it_is_looked_at(self, scene: Scene) -> None:
        scene.sql("UPDATE model_versions SET storage_location = 'elsewhere' WHERE version = 2")
        for _ in range(3):
            scene.look()
        assert len(scene.incidents()) == 1

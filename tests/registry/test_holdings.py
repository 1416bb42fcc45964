from __future__ import annotations

import pytest

from caregate.checkup import check_home
from caregate.settings import Settings
from governance.database import open_database
from registry.artifact_store import FROZEN
from registry.artifacts import artifact_folder
from registry.digest import verified_manifest
from registry.promotion import publish
from registry.versions import versions_of
from tests.registry.conftest import CandidateFactory
from tests.registry.toys import register


@pytest.fixture
def home(fresh_home: Settings, candidate: CandidateFactory) -> Settings:
    """A home with one version, and an approved copy of it."""
    register(fresh_home, candidate("held"))
    [version] = versions_of(open_database(fresh_home.registry_url), "no-show")
    folder = artifact_folder(fresh_home, version.location)
    publish(fresh_home, folder, verified_manifest(folder))
    return fresh_home


def findings(home: Settings) -> dict[str, tuple[str, str]]:
    found = {item.what: (item.verdict, item.finding) for item in check_home(home)}
    return {what: found[what] for what in ("approved copies", "registered versions")}


class TestTheCheckup:
    def test_hashes_the_approved_copies_and_the_closed_folders(self, home: Settings) -> None:
        assert findings(home) == {
            "approved copies": ("passed", "1, all as they were approved"),
            "registered versions": ("passed", "1, all closed and as they were registered"),
        }

    def test_names_an_approved_copy_that_was_changed(self, home: Settings) -> None:
        [copy] = home.approved_dir.glob("sha256-*")
        (copy / "model.ubj").write_bytes(b"others")
        verdict, finding = findings(home)["approved copies"]
        assert (verdict, copy.name in finding) == ("failed", True)
        assert findings(home)["registered versions"][0] == "passed"

    def test_names_an_approved_copy_that_took_the_place_of_another(self, home: Settings) -> None:
        [copy] = home.approved_dir.glob("sha256-*")
        copy.rename(copy.with_name("sha256-" + "0" * 64))
        assert findings(home)["approved copies"][0] == "failed"

    def test_names_a_version_whose_files_were_changed_or_opened(self, home: Settings) -> None:
        [version] = versions_of(open_database(home.registry_url), "no-show")
        folder = artifact_folder(home, version.location)
        (folder.parent / FROZEN).unlink()
        verdict, finding = findings(home)["registered versions"]
        assert (verdict, "no-show/1" in finding) == ("failed", True)
        (folder.parent / FROZEN).touch()
        (folder / "added.py").write_text("code", encoding="utf-8")
        assert findings(home)["registered versions"][0] == "failed"

    def test_of_a_new_home_finds_nothing_to_hold(self, fresh_home: Settings) -> None:
        assert {verdict for verdict, _ in findings(fresh_home).values()} == {"passed"}

from __future__ import annotations

from pathlib import Path

import pytest

from registry.digest import MANIFEST, DigestMismatch, VersionManifest, hash_files, verified_manifest, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A version's folder with two files and its manifest."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "model.ubj").write_bytes(b"weights")
    (tmp_path / "evidence" / "card.md").write_text("card", encoding="utf-8")
    write_manifest(tmp_path, manifest_of(tmp_path))
    return tmp_path


def manifest_of(folder: Path, **given: str) -> VersionManifest:
    said = {"model": "no-show", "author": "ada", "risk_class": "operational", "snapshot": "s", "policy": "p"} | given
    return VersionManifest(**said, files=hash_files(folder))  # type: ignore[arg-type]


class TestTheDigest:
    def test_is_the_same_for_the_same_content(self, folder: Path) -> None:
        assert verified_manifest(folder).digest == manifest_of(folder).digest

    @pytest.mark.parametrize("part", ["model", "author", "risk_class", "snapshot", "policy"])
    def test_covers_what_the_version_stands_on(self, folder: Path, part: str) -> None:
        assert manifest_of(folder, **{part: "other"}).digest != manifest_of(folder).digest


class TestVerifying:
    def test_a_changed_file_is_named(self, folder: Path) -> None:
        (folder / "model.ubj").write_bytes(b"weighty")
        with pytest.raises(DigestMismatch, match=r"model\.ubj"):
            verified_manifest(folder)

    def test_an_added_file_is_named(self, folder: Path) -> None:
        (folder / "code.py").write_text("", encoding="utf-8")
        with pytest.raises(DigestMismatch, match=r"code\.py"):
            verified_manifest(folder)

    def test_a_removed_file_is_named(self, folder: Path) -> None:
        (folder / "evidence" / "card.md").unlink()
        with pytest.raises(DigestMismatch, match=r"evidence/card\.md"):
            verified_manifest(folder)

    def test_a_link_is_refused(self, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "model.ubj"
        elsewhere.write_bytes(b"weights")
        (folder / "model.ubj").unlink()
        (folder / "model.ubj").symlink_to(elsewhere)
        with pytest.raises(DigestMismatch, match="is a link"):
            verified_manifest(folder)

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": 1, "more": 2}'])
    def test_an_unreadable_manifest_is_refused(self, folder: Path, text: str) -> None:
        (folder / MANIFEST).write_text(text, encoding="utf-8")
        with pytest.raises(DigestMismatch, match="unreadable"):
            verified_manifest(folder)

    def test_who_changes_the_manifest_too_changes_the_digest(self, folder: Path) -> None:
        before = verified_manifest(folder).digest
        (folder / "model.ubj").write_bytes(b"weighty")
        write_manifest(folder, manifest_of(folder))
        assert verified_manifest(folder).digest != before

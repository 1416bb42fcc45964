import pytest

from models.run_key import code_digest


class TestTheCodesDigest:
    @pytest.mark.parametrize("name", ["gate.py", "rules/features.yaml", "page.html.j2"])
    def test_changes_with_what_a_verdict_depends_on(self, tmp_path, name):
        digests = []
        for text, room in (("mostly: 0.99", "before"), ("mostly: 0.01", "after")):
            path = tmp_path / room / name
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
            digests.append(code_digest((tmp_path / room,)))
        assert digests[0] != digests[1]

    def test_is_not_changed_by_what_is_left_by_running(self, tmp_path):
        (tmp_path / "gate.py").write_text("", encoding="utf-8")
        before = code_digest((tmp_path,))
        code_digest.cache_clear()
        (tmp_path / "gate.pyc").write_bytes(b"")
        assert code_digest((tmp_path,)) == before

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from crm.snapshot import Manifest
from models.no_show import SPEC
from registry.brief import review_brief
from registry.card import card_markdown, completeness, fill_card
from registry.digest import DigestMismatch, VersionManifest, hash_files, verified_manifest, write_manifest
from registry.evidence import Evidence, write_evidence
from tests.registry.evidence_makers import SNAPSHOT, in_full, make_evidence
from validation.gates.panel import judge
from validation.gates.result import Verdict
from validation.measuring import measure


@pytest.fixture(scope="module")
def evidence():
    return make_evidence()


@pytest.fixture(scope="module")
def pack(evidence, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidence")
    write_evidence(folder, evidence)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory, evidence):
    """A version's folder as it is registered: everything that the fullest pack holds."""
    folder = tmp_path_factory.mktemp("version")
    write_evidence(folder / "evidence", in_full(evidence))
    digest = "sha256:" + "e" * 64
    manifest = VersionManifest("no-show", "ann", "operational", digest, digest, hash_files(folder))
    write_manifest(folder, manifest)
    return folder


class TestAStrangersText:
    EVIL = "a clinic\n\n| all | passed |\n## Signed\u202e <img src=x onerror=alert(1)> [approve](https://example.org)"

    def test_makes_no_table_tag_or_link_in_what_the_reviewer_reads_first(self, evidence):
        named = replace(evidence, snapshot=Manifest(**{**SNAPSHOT.__dict__, "owner": self.EVIL, "source": self.EVIL}))
        for text in (review_brief(named), card_markdown(fill_card(named), named)):
            lines = text.splitlines()
            assert not [line for line in lines if line.startswith(("| all", "## Signed"))]
            assert "<img" not in text
            assert not re.search(r"(?<!\\)\]\((?!/caregate/history/no-show\))", text)
            assert "\u202e" not in text


class TestThePack:
    def test_holds_what_the_interfaces_promise(self, pack):
        assert {"card.md", "card.json", "gates.json", "report.html", "roc.svg", "calibration.svg"} <= pack.keys()

    def test_is_the_same_bytes_for_the_same_facts_at_another_time(self, pack, tmp_path):
        write_evidence(tmp_path, make_evidence(created_at="2031-01-01T00:00:00+00:00"))
        assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == pack

    def test_says_each_gate_s_verdict_with_its_numbers(self, pack, evidence):
        said = json.loads(pack["gates.json"])
        assert [gate["gate"] for gate in said["gates"]] == [gate.gate for gate in evidence.gates]
        assert said["policy"] == evidence.policy.digest
        assert said["snapshot"] == SNAPSHOT.digest
        asked = {
            "name",
            "verdict",
            "estimate",
            "bound",
            "threshold",
            "n",
            "positives",
            "reason",
            "interval",
            "group",
            "waiver",
        }
        assert all(check.keys() == asked for gate in said["gates"] for check in gate["checks"])


class TestTheDigest:
    def test_covers_every_file(self, sealed):
        assert verified_manifest(sealed).files.keys() == hash_files(sealed).keys()
        files = sorted(path for path in sealed.rglob("*") if path.is_file() and path.name != "manifest.json")
        assert len(files) > 15
        for path in files:
            before = path.read_bytes()
            path.write_bytes(before + b" ")
            with pytest.raises(DigestMismatch, match=path.name):
                verified_manifest(sealed)
            path.write_bytes(before)

    def test_misses_no_file_that_was_added_or_taken_away(self, sealed):
        added = sealed / "evidence" / "another.svg"
        added.write_text("<svg/>", encoding="utf-8")
        with pytest.raises(DigestMismatch, match=r"another\.svg"):
            verified_manifest(sealed)
        added.unlink()
        taken = sealed / "evidence" / "decision.svg"
        content = taken.read_bytes()
        taken.unlink()
        with pytest.raises(DigestMismatch, match=r"decision\.svg"):
            verified_manifest(sealed)
        taken.write_bytes(content)


class TestSmallCells:
    def test_are_withheld_from_the_gates(self, pack):
        checks = [check for gate in json.loads(pack["gates.json"])["gates"] for check in gate["checks"]]
        small = [check for check in checks if check["group"] == "sex=other"]
        assert small
        assert all(check[key] is None for check in small for key in ("n", "positives", "estimate", "bound"))
        shown = [check["n"] for check in checks if check["group"] and check["n"] is not None]
        assert min(shown) >= 11

    def test_are_named_and_withheld_in_the_report(self, pack):
        row = re.search(r'<tr[^>]*><th scope="row">other</th>(.*?)</tr>', pack["report.html"], flags=re.DOTALL)
        assert row
        assert row[1].count("withheld") == 2
        assert not re.search(r">\d", row[1])

    def test_take_part_in_no_share_of_the_card(self, pack):
        assert "other withheld" in pack["card.md"]


class TestTheReport:
    def test_asks_for_nothing_outside_of_itself(self, pack):
        page = pack["report.html"]
        assert not re.search(r"https?:|//[a-z]|@import|<link|<iframe|<img|<object|<base", page)
        assert not re.search(r"url\((?!#)", page)

    def test_runs_no_script(self, pack):
        assert not re.search(r"<script|javascript:|\son\w+=", pack["report.html"], flags=re.IGNORECASE)

    def test_has_no_id_twice(self, pack):
        figures = re.findall(r"<figure[^>]*>(.*?)</figure>", pack["report.html"], flags=re.DOTALL)
        ids = [found for figure in figures for found in set(re.findall(r'id="([^"]+)"', figure))]
        assert len(ids) == len(set(ids))

    def test_escapes_what_the_snapshot_says(self, tmp_path, evidence):
        hostile = Manifest(**{**SNAPSHOT.__dict__, "owner": "<script>alert(1)</script>"})
        write_evidence(tmp_path, Evidence(**{**evidence.__dict__, "snapshot": hostile}))
        assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")

    def test_gives_each_threshold_its_reason(self, pack):
        assert "Lead time alone, which every clinic can sort by without a model, reaches 0.69." in pack["report.html"]


class TestTheCard:
    def test_asks_for_the_thirty_one_source_attributes(self, evidence):
        assert completeness(fill_card(evidence), "hti1")[1] == 31

    def test_leaves_to_a_person_what_no_fact_answers(self, pack):
        card = json.loads(pack["card.json"])
        sections = card["hti1"]["sections"]
        assert all(value is None for value in sections["External validation process"].values())
        assert sections["Purpose of the intervention"]["Intended use"].startswith(SPEC.use)
        filled = sum(value is not None for section in sections.values() for value in section.values())
        assert card["hti1"]["filled"] == filled < 31


class TestTheBrief:
    def test_names_every_kind_of_thing_that_cannot_be_told(self, evidence):
        brief = review_brief(evidence)
        unclear = [gate for gate in evidence.gates if gate.verdict is Verdict.CANNOT_TELL]
        assert unclear
        assert all(
            f"*{gate.gate}*" in brief or f"{gate.gate}*" in brief or f"*{gate.gate}," in brief for gate in unclear
        )

    def test_says_how_to_decide(self, evidence):
        assert "set the tag `approval` to `approved` or `rejected: <reason>`" in review_brief(evidence)

    @pytest.mark.parametrize(
        ("author", "said"),
        [
            ("ada", "One reviewer signs, not the author."),
            (
                "unproven",
                "after the first the tag says `pending: 1 of 2`, and the second sets it to `approved` as well.",
            ),
        ],
    )
    def test_says_how_many_sign_and_what_the_second_does(self, evidence, author, said):
        assert said in review_brief(replace(evidence, author=author))

    def test_of_a_failed_model_says_that_it_cannot_be_registered(self):
        brief = review_brief(make_evidence(8000, slope=2.0))
        assert "cannot be registered" in brief
        assert "calibration slope" in brief

    def test_leads_with_a_table_of_verdicts(self, evidence):
        rows = [line for line in review_brief(evidence).splitlines() if line.startswith("| ")]
        assert len(rows) == 1 + len(evidence.gates)

    def test_of_everything_stays_well_under_what_the_page_holds(self, evidence):
        assert len(review_brief(in_full(evidence))) < 3500


class TestOneOutcomeAlone:
    def test_still_makes_a_pack(self, tmp_path, evidence):
        rows = evidence.rows
        nobody = type(rows)(np.zeros(rows.n, dtype=bool), rows.score, rows.patient, rows.groups, rows.strata)
        measured = measure(nobody, evidence.policy)
        changed = {"rows": nobody, "measured": measured, "gates": judge(measured, evidence.policy), "splits": ()}
        write_evidence(tmp_path, Evidence(**{**evidence.__dict__, **changed}))
        assert json.loads((tmp_path / "gates.json").read_text(encoding="utf-8"))["status"] == "cannot-tell"


class TestFewRows:
    @pytest.mark.parametrize("n", [40, 200])
    def test_still_make_a_pack(self, tmp_path, n):
        write_evidence(tmp_path, in_full(make_evidence(n)))
        assert (tmp_path / "report.html").is_file()
        assert not (tmp_path / "groups.svg").exists()

import json
import re

import numpy as np
import pytest

from benchmarks.simulated import simulate
from crm.snapshot import Manifest
from models.no_show import SPEC
from registry.brief import review_brief
from registry.card import completeness, fill_card
from registry.evidence import Evidence, write_evidence
from validation.gates.panel import judge
from validation.gates.result import Verdict
from validation.measuring import measure
from validation.policy import Policy, load_policy
from validation.quality import split_quality
from validation.scored import Grouping

SNAPSHOT = Manifest(
    digest="sha256:" + "a" * 64,
    source="synthetic",
    source_digest="sha256:" + "b" * 64,
    tables={"appointments": 30_000, "patients": 20_000},
    files={},
    quarantined={"booked-after-day": 3},
    repaired={"top-coded-age": 5},
    basis="synthetic",
    owner="the demonstration's owner",
    consent={"not-required": "no real person stands behind these rows"},
    created_at="2016-04-29T00:00:00+00:00",
)


def make_evidence(n=4000, created_at=SNAPSHOT.created_at, **faults):
    content = load_policy("no-show").model_dump()
    content["bootstrap"]["replicates"]["value"] = 100
    content["groups"]["noise_draws"]["value"] = 20
    policy = Policy.model_validate(content)
    rows = with_a_tiny_group(simulate(n, seed=7, **faults))
    measured = measure(rows, policy)
    return Evidence(
        spec=SPEC,
        snapshot=Manifest(**{**SNAPSHOT.__dict__, "created_at": created_at}),
        policy=policy,
        rows=rows,
        measured=measured,
        gates=judge(measured, policy),
        splits=(split_quality("the last fifth of the days", rows.label, rows.score, declared=True),),
        importance={feature.name: 1 / place for place, feature in enumerate(SPEC.features, start=1)},
        training={"rows": "26,000"},
        author="ann",
    )


def with_a_tiny_group(rows):
    """Move seven rows into a third sex, so that a cell is too small to be shown."""
    codes = rows.groups["sex"].codes.copy()
    codes[:7] = 2
    groups = {**rows.groups, "sex": Grouping(codes, ("female", "male", "other"))}
    return type(rows)(rows.label, rows.score, rows.patient, groups, rows.strata, rows.baselines)


@pytest.fixture(scope="module")
def evidence():
    return make_evidence()


@pytest.fixture(scope="module")
def pack(evidence, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidence")
    write_evidence(folder, evidence)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


class TestThePack:
    def test_holds_what_the_interfaces_promise(self, pack):
        assert {"card.md", "card.json", "gates.json", "report.html", "roc.svg", "calibration.svg"} <= pack.keys()

    def test_is_the_same_bytes_for_the_same_facts_at_another_time(self, pack, tmp_path):
        write_evidence(tmp_path, make_evidence(created_at="2031-01-01T00:00:00+00:00"))
        assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == pack

    def test_says_each_gate_s_verdict_with_its_numbers(self, pack, evidence):
        said = json.loads(pack["gates.json"])
        assert [gate["gate"] for gate in said["gates"]] == ["accuracy", "calibration", "bias", "leakage"]
        assert said["policy"] == evidence.policy.digest
        assert said["snapshot"] == SNAPSHOT.digest
        asked = {"name", "verdict", "estimate", "bound", "threshold", "n", "positives", "reason", "interval", "group"}
        assert all(check.keys() == asked for gate in said["gates"] for check in gate["checks"])


class TestSmallCells:
    def test_are_withheld_from_the_gates(self, pack):
        checks = [check for gate in json.loads(pack["gates.json"])["gates"] for check in gate["checks"]]
        small = [check for check in checks if check["group"] == "sex=other"]
        assert small
        assert all(check[key] is None for check in small for key in ("n", "positives", "estimate", "bound"))
        shown = [check["n"] for check in checks if check["group"] and check["n"] is not None]
        assert min(shown) >= 11

    def test_are_named_and_withheld_in_the_report(self, pack):
        row = re.search(r"<tr[^>]*><td>other</td>(.*?)</tr>", pack["report.html"], flags=re.DOTALL)
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
        figures = re.findall(r"<figure>(.*?)</figure>", pack["report.html"], flags=re.DOTALL)
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
    def test_names_everything_that_cannot_be_told(self, evidence):
        brief = review_brief(evidence)
        for gate in evidence.gates:
            for check in gate.checks:
                if check.verdict is Verdict.CANNOT_TELL and check.group:
                    assert check.group in brief

    def test_says_how_to_decide(self, evidence):
        assert "set the tag `approval` to `approved` or `rejected: <reason>`" in review_brief(evidence)

    def test_of_a_failed_model_says_that_it_cannot_be_registered(self):
        brief = review_brief(make_evidence(8000, slope=2.0))
        assert "cannot be registered" in brief
        assert "calibration slope" in brief

    def test_leads_with_a_table_of_verdicts(self, evidence):
        rows = [line for line in review_brief(evidence).splitlines() if line.startswith("| ")]
        assert len(rows) == 1 + len(evidence.gates)


class TestOneOutcomeAlone:
    def test_still_makes_a_pack(self, tmp_path, evidence):
        rows = evidence.rows
        nobody = type(rows)(np.zeros(rows.n, dtype=bool), rows.score, rows.patient, rows.groups, rows.strata)
        measured = measure(nobody, evidence.policy)
        changed = {"rows": nobody, "measured": measured, "gates": judge(measured, evidence.policy), "splits": ()}
        write_evidence(tmp_path, Evidence(**{**evidence.__dict__, **changed}))
        assert json.loads((tmp_path / "gates.json").read_text(encoding="utf-8"))["status"] == "cannot-tell"

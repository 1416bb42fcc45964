"""The card: every field that a fact answers is filled from it, and what a person has to say is left to them."""

from dataclasses import replace

import pytest

from crm.snapshot import Manifest
from registry.card import card_json, completeness, fill_card
from registry.card_facts import facts_of
from tests.registry.evidence_makers import SNAPSHOT, full_evidence

A_PERSON_S = (
    "developer",
    "contact",
    "funding",
    "users",
    "population",
    "external_source",
    "external_validity",
    "external_fairness",
    "fairness_monitoring",
    "update_schedule",
    "correction_schedule",
    "references",
)


@pytest.fixture(scope="module")
def evidence():
    return full_evidence()


@pytest.fixture(scope="module")
def facts(evidence):
    return facts_of(evidence)


class TestFacts:
    def test_of_usefulness_are_the_net_benefit_at_the_policy_s_thresholds(self, facts):
        assert facts["usefulness_result"].startswith("Net benefit 0.080 (0.070 to 0.090) at 0.15;")
        assert facts["usefulness_interpretation"] == "Gates: usefulness passed."

    def test_of_safety_are_the_gates_that_speak_of_it(self, facts):
        assert "robustness: 2 passed, 2 cannot-tell, 0 failed." in facts["safety_result"]
        assert "usefulness" not in facts["safety_interpretation"]

    def test_of_fairness_are_told_by_group(self, facts):
        assert facts["fairness_result"].startswith("calibration in groups: ")
        assert "bias in groups: " in facts["fairness_result"]

    def test_name_waivers_among_the_limitations(self, facts):
        assert "Waived until 2027-01-31 by maria." in facts["limitations"]

    @pytest.mark.parametrize("field", A_PERSON_S)
    def test_say_nothing_that_a_person_has_to(self, facts, field):
        assert not facts.get(field)


class TestWhoseRowsTheyAre:
    def test_public_and_synthetic_rows_say_nothing_of_the_house(self, facts):
        assert not facts["local_validity"]
        assert not facts["local_fairness"]
        assert not facts["relevance"]

    def test_the_house_s_own_rows_do(self, evidence):
        own = Manifest(**{**SNAPSHOT.__dict__, "basis": "limited-data-set"})
        facts = facts_of(replace(evidence, snapshot=own))
        assert facts["local_validity"].startswith("The held-out rows are the house's own. AUC ")
        assert "Held-out rows lie elsewhere in: age." in facts["relevance"]


class TestFields:
    def test_are_asked_once_in_each_section(self, evidence):
        asked = [(field.standard, field.section, field.text) for field in fill_card(evidence)]
        assert len(asked) == len(set(asked))

    def test_of_the_rule_are_grouped_as_in_its_text(self, evidence):
        sections: dict[str, int] = {}
        for field in fill_card(evidence):
            if field.standard == "hti1":
                sections[field.section] = sections.get(field.section, 0) + 1
        assert list(sections.values()) == [4, 4, 2, 4, 2, 4, 5, 4, 2]

    def test_are_counted_as_filled_only_where_a_value_stands(self, evidence):
        card = fill_card(evidence)
        filled, asked = completeness(card, "chai")
        assert filled == sum(bool(field.value) for field in card if field.standard == "chai") < asked
        assert card_json(card, evidence)["chai"]["filled"] == filled

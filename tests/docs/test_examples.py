"""Examples of a spec and a policy on the pages are read by what would read them."""

from __future__ import annotations

import re
from runpy import run_path

import yaml

from models.spec import ModelSpec
from tests.docs.pages import ROOT
from validation.limits import QuasiIdentifiers, Waiver

BLOCK = r"^ *```{language}\n(.*?)^ *```"


def example(page: str, language: str) -> str:
    """Return the one block in `language` on a page of how-tos."""
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    [block] = re.findall(BLOCK.format(language=language), text, re.MULTILINE | re.DOTALL)
    return block


class TestAddAModel:
    def test_shows_a_spec_that_can_be_made(self, tmp_path):
        module = tmp_path / "cancelled.py"
        module.write_text(example("add-a-model.md", "python"), encoding="utf-8")
        spec = run_path(str(module))["SPEC"]
        assert isinstance(spec, ModelSpec)
        assert {spec.baseline, spec.site, *spec.required} <= set(spec.feature_names)
        assert spec.timeline is not None

    def test_shows_a_part_of_a_policy_that_is_taken(self):
        QuasiIdentifiers.model_validate(yaml.safe_load(example("add-a-model.md", "yaml"))["quasi_identifiers"])


class TestWaiveACheck:
    def test_shows_a_waiver_that_is_taken(self):
        [waiver] = yaml.safe_load(example("waive-a-check.md", "yaml"))["waivers"]
        Waiver.model_validate(waiver)

"""The policy as one flat list: everything that decides something, and no more."""

import pytest

from registry.policy_numbers import policy_numbers
from validation.policy import Policy, load_policy


def changed(*path, value):
    """Return the numbers of `no-show` with one value set otherwise."""
    content = load_policy("no-show").model_dump()
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return policy_numbers(Policy.model_validate(content))


def difference(found):
    before = policy_numbers(load_policy("no-show"))
    return {name for name in before | found if before.get(name) != found.get(name)}


class TestPolicyNumbers:
    @pytest.mark.parametrize(
        ("path", "value", "name"),
        [
            (("gates", "robustness", "missing", "value"), 0.1, "robustness.missing"),
            (("gates", "calibration", "slope", "low"), 0.5, "calibration.slope.low"),
            (("decision", "coverage", "grouping"), "sex", "decision.coverage.grouping"),
            (("gates", "privacy", "quasi_identifiers", "columns"), ("site",), "privacy.quasi_identifiers.columns"),
            (("bands", "levels", 1, "low"), 0.12, "bands.levels.medium.low"),
            (("purposes", "refused"), (), "purposes.refused"),
            (("gates", "bias", "inputs"), (), "bias.inputs"),
        ],
    )
    def test_tell_each_value_that_is_set_otherwise_by_its_place(self, path, value, name):
        assert difference(changed(*path, value=value)) == {name}

    def test_leave_out_what_is_written_for_people(self):
        words = changed("gates", "robustness", "missing", "reason", value="another reason for the same number")
        assert difference(words) == set()

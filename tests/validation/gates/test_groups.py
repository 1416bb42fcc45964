import numpy as np

from validation.groups import minimum_positives, partitions
from validation.policy import Power
from validation.scored import Grouping

GROUPS = {
    "sex": Grouping(np.array([0, 1, 0, -1]), ("female", "male")),
    "age": Grouping(np.array([0, 1, 1, 0]), ("young", "old")),
}


class TestPartitions:
    def test_people_whose_group_was_not_recorded_are_a_group(self):
        assert partitions(GROUPS, 1)["sex"].levels == ("female", "male", "unknown")

    def test_intersections_hold_what_occurs_and_leave_the_unknown_out(self):
        crossed = partitions(GROUPS, 2)["sex × age"]
        assert crossed.levels == ("female × young", "female × old", "male × old")
        assert crossed.codes.tolist() == [0, 2, 1, -1]

    def test_the_policy_s_order_bounds_how_many_are_crossed(self):
        assert set(partitions(GROUPS, 1)) == {"sex", "age"}


class TestTheMinimumSize:
    def power(self, **changed):
        inputs = {"smallest_difference": 0.15, "base_rate": 0.5, "significance": 0.05, "power": 0.8}
        words = {"reason": "a test's own reason", "changed_by": "engineer"}
        return Power(**(inputs | words | changed))

    def test_is_the_textbook_s(self):
        assert minimum_positives(self.power()) == 88  # (1.960 + 0.842)**2 * 0.25 / 0.0225 = 87.2

    def test_grows_as_the_difference_to_be_seen_shrinks(self):
        assert minimum_positives(self.power(smallest_difference=0.05)) > 700

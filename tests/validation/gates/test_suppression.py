import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from validation.measured import Partition
from validation.suppression import suppressed, withheld

AGES, SEXES = ("young", "middle", "old"), ("female", "male")
CROSSED = tuple(f"{age} × {sex}" for age in AGES for sex in SEXES)


class TestSuppression:
    def test_a_cell_under_the_limit_is_withheld_by_rows_positives_or_negatives(self):
        n, positives = np.array([100, 9, 50, 40]), np.array([50, 5, 4, 35])
        assert suppressed(("a", "b", "c", "d"), n, positives, 11).tolist() == [False, True, True, True]

    def test_a_single_withheld_cell_takes_the_next_smallest_with_it(self):
        n, positives = np.array([500, 9, 60]), np.array([250, 5, 30])
        assert suppressed(("a", "b", "c"), n, positives, 11).tolist() == [False, True, True]

    def test_where_nothing_is_small_nothing_is_withheld(self):
        n, positives = np.array([500, 90]), np.array([250, 50])
        assert not suppressed(("a", "b"), n, positives, 11).any()

    @given(cells=st.lists(st.integers(0, 60), min_size=6, max_size=6))
    def test_no_row_or_column_of_an_intersection_gives_a_withheld_cell_away(self, cells):
        n = np.array(cells) * 2
        hidden = suppressed(CROSSED, n, n // 2, 11).reshape(3, 2)
        assert (hidden.sum(axis=0) != 1).all()
        assert (hidden.sum(axis=1) != 1).all()
        assert hidden[(n // 2 < 11).reshape(3, 2)].all()


def counted(levels, n):
    return Partition(tuple(levels), np.array(n), np.array(n) // 2, {}, {}, crossed=" × " in levels[0])


class TestRowsOfUnknownGroup:
    def hidden(self, women, men):
        """Which cells are withheld where so many women and men have no age on record."""
        cells = {f"{sex} × {age}": 200 + place for place, age in enumerate(AGES) for sex in SEXES}
        known = [sum(n for name, n in cells.items() if name.startswith(f"{sex} ×")) for sex in SEXES]
        partitions = {
            "sex": counted(SEXES, (known[0] + women, known[1] + men)),
            "sex × age": counted(list(cells), list(cells.values())),
        }
        return dict(zip(cells, withheld(partitions, "sex × age", 11), strict=True))

    def test_that_are_few_in_one_group_take_a_cell_of_it_with_them(self):
        assert [name for name, gone in self.hidden(37, 3).items() if gone and name.startswith("male")]

    def test_that_are_many_or_none_withhold_nothing(self):
        assert not any(self.hidden(60, 0).values())

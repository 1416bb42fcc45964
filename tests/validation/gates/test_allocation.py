import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from validation.allocation import allocate
from validation.scored import Grouping

rows = st.lists(st.tuples(st.floats(0, 1), st.integers(-1, 3)), min_size=1, max_size=60)
shares = st.floats(0, 1)


def grouping(codes):
    return Grouping(np.array(codes), ("a", "b", "c", "d"))


class TestAnAllocation:
    @given(rows=rows, capacity=shares, floor=shares)
    def test_fills_the_capacity_and_never_more(self, rows, capacity, floor):
        score, codes = zip(*rows, strict=True)
        chosen = allocate(np.array(score), capacity, grouping(codes), floor)
        assert chosen.sum() == int(len(rows) * capacity)

    @given(rows=rows, capacity=shares, floor=shares)
    def test_gives_each_group_its_floor(self, rows, capacity, floor):
        score, codes = (np.array(column) for column in zip(*rows, strict=True))
        chosen = allocate(score, capacity, grouping(codes), floor)
        for code in set(codes):
            assert chosen[codes == code].sum() >= int((codes == code).sum() * capacity * floor)

    @given(rows=rows, capacity=shares, floor=shares)
    def test_never_prefers_a_lower_score_within_a_group(self, rows, capacity, floor):
        score, codes = (np.array(column) for column in zip(*rows, strict=True))
        chosen = allocate(score, capacity, grouping(codes), floor)
        for code in set(codes):
            taken, left = score[(codes == code) & chosen], score[(codes == code) & ~chosen]
            if len(taken) and len(left):
                assert taken.min() >= left.max()

    @given(rows=rows, capacity=shares)
    def test_without_a_floor_takes_the_highest_scores(self, rows, capacity):
        score = np.array([row[0] for row in rows])
        chosen = allocate(score, capacity)
        assert sorted(score[chosen]) == sorted(score)[len(score) - int(len(score) * capacity) :]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.sources.synthetic_draws import draw, happens, place, score, shared_normal, uniform_order

SHARES = st.lists(st.floats(0.01, 1), min_size=1, max_size=8)


class TestPlace:
    @given(SHARES, st.lists(st.floats(0, 0.999999), min_size=1, max_size=20))
    def test_keeps_order_and_stays_within_the_levels(self, shares: list[float], values: list[float]) -> None:
        placed = place(np.sort(np.asarray(values)), shares)
        assert (np.diff(placed) >= 0).all()
        assert placed.min() >= 0
        assert placed.max() < len(shares)

    def test_draws_each_level_as_often_as_its_share(self) -> None:
        drawn = draw(np.random.default_rng(0), [3, 1], 40_000)
        assert drawn.mean() == pytest.approx(0.25, abs=0.01)

    def test_a_level_without_share_is_never_drawn(self) -> None:
        assert 1 not in draw(np.random.default_rng(0), [1, 0, 1], 10_000)


COLUMNS = {"lead": np.asarray([0, 1, 5]), "age": np.asarray([10, 40, 70])}


class TestScore:
    def test_adds_the_coefficient_of_each_bin(self) -> None:
        terms = [{"of": "lead", "edges": [1], "coefficients": [-1.0, 2.0]}]
        assert score(COLUMNS, terms).tolist() == [-1.0, 2.0, 2.0]

    def test_reads_an_interaction_as_one_list_for_each_bin_of_the_second(self) -> None:
        term = {"of": "lead", "edges": [1], "by": "age", "by_edges": [50], "coefficients": [1, 2, 3, 4]}
        assert score(COLUMNS, [term, term]).tolist() == [2.0, 4.0, 8.0]


class TestHappens:
    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
    def test_dependence_leaves_each_chance_as_it_is(self, share: float) -> None:
        rng = np.random.default_rng(1)
        group = rng.standard_normal(20_000).repeat(2)
        normal = shared_normal([(share, group)], rng.standard_normal(40_000))
        assert happens(np.full(40_000, 0.2), normal).mean() == pytest.approx(0.2, abs=0.015)

    def test_shares_of_the_variance_make_a_groups_outcomes_alike(self) -> None:
        rng = np.random.default_rng(1)
        group = rng.standard_normal(20_000).repeat(2)
        alike = happens(np.full(40_000, 0.2), shared_normal([(0.8, group)], rng.standard_normal(40_000)))
        first, second = alike.reshape(-1, 2).T
        assert np.corrcoef(first, second)[0, 1] > 0.4


class TestUniformOrder:
    def test_forgets_mean_and_spread(self) -> None:
        uniform = uniform_order(np.random.default_rng(0).normal(12, 5, 50_000))
        assert np.quantile(uniform, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.01)

    def test_one_value_lies_in_the_middle(self) -> None:
        assert uniform_order(np.asarray([3.0])).tolist() == [0.5]

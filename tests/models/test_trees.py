"""Trees run by our own compiled code say what xgboost says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import compiled
from models.tree_arrays import UnsupportedBooster
from models.trees import FEW, Trees, WrongWidth

SMALL = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def boosters(draw):
    """A small booster with the rows that it is asked about: few values, so that they meet thresholds, and gaps."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, features = 300, draw(st.integers(1, 8))
    values = draw(st.sampled_from([3, 20, 10_000]))
    inputs = (chance.integers(0, values, (rows, features)) / 7).astype(np.float32)
    inputs[chance.random(inputs.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    chances = 0.2 + 0.6 * (np.nan_to_num(inputs).sum(axis=1) > features * values / 14)
    label = (chance.random(rows) < chances).astype(int)
    label[:2] = 0, 1
    told = {
        "objective": "binary:logistic",
        "max_depth": draw(st.integers(1, 6)),
        "gamma": draw(st.sampled_from([0.0, 0.5, 1e6])),
        "tree_method": draw(st.sampled_from(["hist", "exact"])),
        "nthread": 1,
    }
    return xgb.train(told, xgb.DMatrix(inputs, label, nthread=1), draw(st.integers(1, 12))), inputs


class TestAgainstXgboost:
    @SMALL
    @given(boosters())
    def test_margins_and_probabilities_are_the_same_bits(self, made):
        booster, inputs = made
        trees = Trees.of(booster)
        assert (trees.margins(inputs) == booster.predict(xgb.DMatrix(inputs), output_margin=True)).all()
        theirs = booster.inplace_predict(inputs)
        assert (np.abs(trees.probabilities(inputs) - theirs) <= np.spacing(theirs)).all()

    @SMALL
    @given(boosters())
    def test_contributions_are_equal_to_a_hundred_thousandth(self, made):
        booster, inputs = made
        trees, theirs = Trees.of(booster), booster.predict(xgb.DMatrix(inputs), pred_contribs=True)
        assert np.abs(trees.contributions(inputs) - theirs[:, :-1]).max() < 1e-5
        assert abs(trees.bias - theirs[0, -1]) < 1e-5

    @SMALL
    @given(boosters())
    def test_contributions_and_bias_add_up_to_the_margin(self, made):
        booster, inputs = made
        trees = Trees.of(booster)
        sums = trees.contributions(inputs).sum(axis=1) + trees.bias
        assert np.abs(sums - trees.margins(inputs)).max() < 1e-5

    @SMALL
    @given(boosters())
    def test_few_rows_are_explained_as_many(self, made):
        booster, inputs = made
        trees = Trees.of(booster)
        assert np.abs(trees.contributions(inputs[:FEW]) - trees.contributions(inputs)[:FEW]).max() < 1e-12


@pytest.fixture(scope="module")
def deep():
    """A booster with trees of eleven levels, and the rows that it was trained on."""
    chance = np.random.default_rng(3)
    inputs = chance.normal(size=(9_000, 12)).astype(np.float32)
    told = {"objective": "binary:logistic", "max_depth": 11, "min_child_weight": 0.1, "nthread": 1}
    return xgb.train(told, xgb.DMatrix(inputs, chance.integers(0, 2, len(inputs))), 4), inputs


class TestSize:
    def test_trees_deeper_than_one_round_of_points_are_exact_too(self, deep):
        booster, inputs = deep
        theirs = booster.predict(xgb.DMatrix(inputs[:300]), pred_contribs=True)[:, :-1]
        for rows in (3, 300):
            assert np.abs(Trees.of(booster).contributions(inputs[:rows]) - theirs[:rows]).max() < 1e-5

    def test_several_threads_say_what_one_says(self, deep):
        booster, inputs = deep
        one, two = (Trees.of(booster, threads=threads) for threads in (1, 2))
        assert (one.margins(inputs) == two.margins(inputs)).all()
        assert (one.contributions(inputs) == two.contributions(inputs)).all()

    def test_no_rows_give_nothing(self, deep):
        booster, inputs = deep
        assert Trees.of(booster).margins(inputs[:0]).shape == (0,)
        assert Trees.of(booster).contributions(inputs[:0]).shape == (0, 12)


class TestRefused:
    @pytest.mark.parametrize("told", [{"objective": "reg:squarederror"}, {"booster": "dart"}, {"booster": "gblinear"}])
    def test_boosters_of_another_kind(self, told):
        label = np.array([0, 1, 0, 1])
        matrix = xgb.DMatrix(np.arange(8, dtype=np.float32).reshape(4, 2), label)
        booster = xgb.train({"objective": "binary:logistic", "nthread": 1, **told}, matrix, 1)
        with pytest.raises(UnsupportedBooster):
            Trees.of(booster)

    def test_inputs_of_another_width(self, deep):
        booster, inputs = deep
        with pytest.raises(WrongWidth):
            Trees.of(booster).margins(inputs[:, :3])


class TestWhereCompiledFunctionsAreKept:
    def test_in_a_folder_of_the_owner_alone(self, monkeypatch, tmp_path):
        monkeypatch.setenv(compiled.FOLDER, str(tmp_path / "kept"))
        assert compiled.kept_in() == tmp_path / "kept"
        assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700

    def test_never_where_others_could_write(self, monkeypatch, tmp_path):
        monkeypatch.setenv(compiled.FOLDER, str(tmp_path))
        tmp_path.chmod(0o770)
        assert compiled.kept_in() is None

    def test_nowhere_where_no_folder_can_be_made(self, monkeypatch):
        monkeypatch.setenv(compiled.FOLDER, str(Path("/dev/null/kept")))
        assert compiled.kept_in() is None

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import precision_score, roc_auc_score

from benchmarks.simulated import simulate


@pytest.fixture(scope="module")
def rows():
    return simulate(8000, seed=7)


class TestEstimates:
    @pytest.mark.parametrize("name", ["sex", "age", "welfare"])
    def test_equal_fairlearn_s_over_single_rows(self, measured_of, rows, name):
        measured = measured_of(8000)
        metrics = {
            "selection_rate": selection_rate,
            "tpr": true_positive_rate,
            "fpr": false_positive_rate,
            "ppv": precision_score,
        }
        codes = rows.groups[name].codes
        peer = MetricFrame(metrics=metrics, y_true=rows.label, y_pred=measured.flagged, sensitive_features=codes)
        for metric in metrics:
            expected = peer.by_group[metric].to_numpy()
            assert measured.partitions[name].fairlearn[metric] == pytest.approx(expected)
            assert measured.partitions[name].metrics[metric].sample == pytest.approx(expected)

    def test_of_an_intersection_are_those_of_its_rows(self, measured_of, rows):
        measured = measured_of(8000)
        partition = measured.partitions["sex × welfare"]
        inside = (rows.groups["sex"].codes == 1) & (rows.groups["welfare"].codes == 1)
        place = partition.levels.index("male × yes")
        assert partition.n[place] == inside.sum()
        label, score = rows.label[inside], rows.score[inside]
        assert partition.metrics["auc"].sample[place] == pytest.approx(roc_auc_score(label, score))
        assert partition.metrics["observed_expected"].sample[place] == pytest.approx(label.sum() / score.sum())

    def test_a_group_is_held_against_all_others(self, measured_of, rows):
        measured = measured_of(8000)
        young = rows.groups["age"].codes == 1
        own, rest = (measured.flagged[part & rows.label].mean() for part in (young, ~young))
        assert measured.partitions["age"].metrics["tpr_ratio"].sample[1] == pytest.approx(own / rest)


class TestTheNoiseFloor:
    def test_covers_the_spread_of_groups_that_differ_by_chance_alone(self, measured_of):
        partition = measured_of(30_000).partitions["sex"]
        assert partition.spread <= partition.noise * 1.5

    def test_lies_under_the_spread_of_groups_that_do_differ(self, measured_of):
        partition = measured_of(30_000, blind=1.0).partitions["sex"]
        assert partition.spread > 3 * partition.noise


class TestTheTradeOff:
    def test_a_higher_floor_never_finds_more_in_all(self, measured_of):
        points = measured_of(30_000).trade_off
        assert [point.floor for point in points] == [0.0, 0.25, 0.5, 0.75, 1.0]
        assert np.all(np.diff([point.recall for point in points]) <= 0.005)

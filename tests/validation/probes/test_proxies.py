import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from models.catalogue import spec_of
from models.spec import Feature, Kind
from models.training import fit
from validation.policy import load_policy
from validation.probes.proxies import proxies
from validation.probes.subject import Subject

ROWS = 2400
FEATURES = (Feature("lead", "lead"), Feature("title", "title", Kind.CATEGORY), Feature("years", "years"))


@pytest.fixture(scope="module")
def spec():
    return replace(spec_of("no-show"), features=FEATURES, groups=("sex", "age"), rounds=5)


def table(**changed):
    """Rows in which nothing tells a group, but for what is `changed`."""
    chance = np.random.default_rng(5)
    columns = {
        "patient_id": [f"p{place}" for place in chance.integers(0, ROWS // 2, ROWS)],
        "label": (chance.random(ROWS) < 0.3).astype(np.int8),
        "lead": chance.normal(size=ROWS),
        "title": chance.choice(["a", "b", "c"], ROWS),
        "years": chance.integers(0, 90, ROWS),
        "group_sex": chance.choice(["female", "male"], ROWS),
        "group_age": chance.choice(["young", "middle", "old"], ROWS),
    }
    return pa.table(columns | changed)


@pytest.fixture
def found(spec):
    """Scans a table and returns what is found, by group."""

    def scan(rows):
        test = np.arange(ROWS) % 2 == 0
        model = fit(spec, rows.filter(pa.array(~test)), seed=0, threads=1)
        subject = Subject(spec, load_policy("no-show"), model, Path(), rows, ~test, test, {}, seed=0, threads=1)
        answer = {}
        for proxy in proxies(subject):
            answer.setdefault(proxy.group, []).append(proxy)
        return answer

    return scan


def number_of(name):
    """Return a number of a patient that says nothing of the order of the others."""
    return int(np.random.default_rng(int(name[1:])).integers(0, 2**40))


class TestFeaturesThatKnowNothing:
    def test_tell_every_level_about_as_well_as_a_coin(self, found):
        told = found(table())
        assert set(told) == {"sex=female", "sex=male", "age=young", "age=middle", "age=old"}
        for entries in told.values():
            assert len(entries) == 1
            assert abs(entries[0].auc - 0.5) < 0.08
            assert entries[0].feature_auc < 0.6

    def test_are_not_made_to_tell_by_a_patient_s_other_rows(self, found):
        rows = table()
        of_patient = np.array([number_of(name) for name in rows.column("patient_id").to_pylist()])
        sex = np.where(of_patient % 2 == 0, "female", "male")
        told = found(table(group_sex=sex, lead=of_patient + 0.0))
        assert told["sex=female"][0].feature_auc < 0.6


class TestAFeatureThatIsAGroup:
    @pytest.fixture
    def sexes(self):
        return np.random.default_rng(1).choice(["female", "male"], ROWS)

    def test_is_found_under_another_name(self, found, sexes):
        told = found(table(group_sex=sexes, title=np.where(sexes == "female", "c", "b")))
        best = told["sex=female"][0]
        assert (best.feature, best.feature_auc, best.auc) == ("title", 1.0, 1.0)

    def test_is_found_where_a_level_lies_in_its_middle(self, found):
        years = np.random.default_rng(2).integers(0, 90, ROWS)
        told = found(table(years=years, group_age=np.select([years < 30, years < 60], ["young", "middle"], "old")))
        assert told["age=middle"][0].feature == "years"
        assert told["age=middle"][0].feature_auc > 0.99

    def test_is_named_beside_every_other_one(self, found, sexes):
        female = sexes == "female"
        told = found(table(group_sex=sexes, title=np.where(female, "c", "b"), lead=female + 0.0))
        assert {proxy.feature for proxy in told["sex=female"]} == {"title", "lead"}


class TestSmallGroups:
    def test_are_named_without_numbers(self, found):
        ages = np.where(np.arange(ROWS) < 12, "old", "young")
        for proxy in found(table(group_age=ages))["age=old"]:
            assert math.isnan(proxy.auc)
            assert math.isnan(proxy.feature_auc)
            assert (proxy.feature, proxy.n) == ("", None)

    def test_are_not_given_away_by_the_size_of_the_others(self, found):
        ages = np.where(np.arange(ROWS) < 12, "old", "young")
        young = found(table(group_age=ages))["age=young"][0]
        assert young.n is None

    def test_of_people_whose_group_is_not_known_are_scanned_as_well(self, found):
        ages = [None if place % 3 == 0 else "young" for place in range(ROWS)]
        assert "age=unknown" in found(table(group_age=ages))

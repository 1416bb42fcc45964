"""Patients are counted by how many share what an acquaintance may know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb

from models.artifact import Calibration, FittedModel
from models.catalogue import spec_of
from tests.validation.probes.examined import policy_with
from validation.probes.anonymity import UnknownQuasiIdentifier, anonymity
from validation.probes.subject import Subject

COLUMNS = ("group_sex", "group_age", "site")


def subject(rows, train=None):
    """Rows of patient, sex, age and site; all of them trained on unless said."""
    patient, sex, age, site = zip(*rows, strict=True)
    table = pa.table({"patient_id": patient, "group_sex": sex, "group_age": age, "site": site})
    trained = np.ones(len(rows), dtype=bool) if train is None else np.array(train)
    spec = spec_of("no-show")
    return Subject(
        spec=spec,
        policy=policy_with("no-show"),
        model=FittedModel(spec.name, (), xgb.Booster(), Calibration()),
        folder=Path(),
        rows=table,
        train=trained,
        test=~trained,
        files={},
        seed=0,
        threads=1,
    )


def people(count, *, start=0, sex="female", age="30-44", site="north"):
    return [(f"p-{start + number}", sex, age, site) for number in range(count)]


def counted(rows, train=None):
    found = anonymity(subject(rows, train))
    return found.patients, found.below_k, found.smallest


class TestAClass:
    def test_of_k_patients_is_large_enough(self):
        assert counted(people(5)) == (5, 0, 5)

    def test_of_fewer_counts_each_of_them(self):
        assert counted(people(9) + people(4, start=100, site="south")) == (13, 4, 4)

    def test_counts_patients_and_not_rows(self):
        assert counted(people(4) * 10) == (4, 4, 4)

    def test_of_unknown_values_is_one_of_its_own(self):
        assert counted(people(6) + people(2, start=100, sex=None)) == (8, 2, 2)

    def test_counts_the_training_part_alone(self):
        rows = people(6) + people(3, start=100, site="south")
        assert counted(rows, [True] * 6 + [False] * 3) == (6, 0, 6)


class TestAPatientInSeveralClasses:
    def test_counts_once_and_by_the_rarest(self):
        rows = [*people(8), ("p-0", "female", "45-59", "north")]
        assert counted(rows) == (8, 1, 1)


class TestAColumnThatIsNotThere:
    def test_is_refused_by_name(self):
        given = subject(people(5))
        with pytest.raises(UnknownQuasiIdentifier, match="site"):
            anonymity(replace(given, rows=given.rows.drop_columns(["site"])))

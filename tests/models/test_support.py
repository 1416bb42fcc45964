"""Beyond what training saw, a model says what it said at the edge."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models.artifact import FittedModel, load_model
from models.spec import Kind
from models.training import fit
from tests.validation.probes.small_clinic import a_little_of_everything, clinic_rows, clinic_spec


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> FittedModel:
    """Fitted on rows of which two fifths lack ``miss_rate``, saved and loaded."""
    folder = tmp_path_factory.mktemp("model")
    fit(clinic_spec(), clinic_rows(a_little_of_everything, rows=4_000), seed=0, threads=1).save(folder)
    return load_model(folder)


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return clinic_rows(a_little_of_everything, rows=300, seed=9)


def places(kind: Kind, model: FittedModel) -> list[int]:
    return [place for place, column in enumerate(model.columns) if column.kind == kind]


class TestNumbersBeyondTheSupport:
    @pytest.mark.parametrize("end", ["low", "high"])
    def test_score_and_explain_as_at_its_edge(self, model, rows, end):
        for place in places(Kind.NUMBER, model):
            edge = getattr(model.columns[place], end)
            far = edge + (1000 if end == "high" else -1000)
            at_edge, beyond = (model.encode(rows) for _each in range(2))
            at_edge[:, place], beyond[:, place] = edge, far
            assert (model.predict_encoded(at_edge) == model.predict_encoded(beyond)).all()
            assert (model.contributions(at_edge) == model.contributions(beyond)).all()

    def test_are_not_taken_for_missing_ones(self, model, rows):
        missing, beyond = (model.encode(rows) for _each in range(2))
        place = [column.name for column in model.columns].index("miss_rate")
        missing[:, place], beyond[:, place] = np.nan, -1000
        assert (model.predict_encoded(missing) != model.predict_encoded(beyond)).any()


class TestMissingValuesThatTrainingDidNotSee:
    @pytest.mark.parametrize("name", ["hypertension", "age", "site"])
    def test_score_and_explain_as_the_usual_value(self, model, rows, name):
        place = [column.name for column in model.columns].index(name)
        missing, usual = (model.encode(rows) for _each in range(2))
        missing[:, place], usual[:, place] = np.nan, model.columns[place].usual
        assert (model.predict_encoded(missing) == model.predict_encoded(usual)).all()
        assert (model.contributions(missing) == model.contributions(usual)).all()

    def test_of_a_rare_flag_are_no_flag(self):
        spec, rows = clinic_spec(), clinic_rows(a_little_of_everything, rows=2_000)
        rare = pa.array((np.arange(2_000) % 50 == 0).astype(np.int8))
        fitted = fit(
            spec, rows.set_column(rows.column_names.index("hypertension"), "hypertension", rare), seed=0, threads=1
        )
        assert next(column.usual for column in fitted.columns if column.name == "hypertension") == 0.0

    def test_of_a_number_are_its_median(self, model):
        rows = clinic_rows(a_little_of_everything, rows=4_000)
        usual = next(column.usual for column in model.columns if column.name == "age")
        assert usual == float(np.median(rows.column("age").to_numpy()))


class TestEverythingElse:
    def test_within_the_support_stays_as_it_is(self, model, rows):
        inputs = model.encode(rows)
        inside = np.ones(inputs.shape, dtype=bool)
        for place in places(Kind.NUMBER, model):
            column = model.columns[place]
            inside[:, place] = (inputs[:, place] >= column.low) & (inputs[:, place] <= column.high)
        assert (model.supported(inputs)[inside] == inputs[inside]).all()

    def test_missing_values_of_which_training_saw_enough_stay_missing(self, model, rows):
        inputs = model.encode(rows)
        place = [column.name for column in model.columns].index("miss_rate")
        assert np.isnan(inputs[:, place]).any()
        assert (np.isnan(model.supported(inputs)[:, place]) == np.isnan(inputs[:, place])).all()

    def test_flags_are_no_numbers(self, rows):
        spec = clinic_spec()
        always = rows.set_column(rows.schema.get_field_index("hypertension"), "hypertension", pa.array([0] * 300))
        flagged = fit(spec, always, seed=0, threads=1)
        inputs = flagged.encode(rows)
        place = [feature.name for feature in spec.features].index("hypertension")
        assert (flagged.supported(inputs)[:, place] == inputs[:, place]).all()

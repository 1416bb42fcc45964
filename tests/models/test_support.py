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


class TestEverythingElse:
    def test_within_the_support_stays_as_it_is(self, model, rows):
        inputs = model.encode(rows)
        inside = np.ones(inputs.shape, dtype=bool)
        for place in places(Kind.NUMBER, model):
            column = model.columns[place]
            inside[:, place] = (inputs[:, place] >= column.low) & (inputs[:, place] <= column.high)
        assert (model.supported(inputs)[inside] == inputs[inside]).all()

    def test_missing_values_stay_missing(self, model, rows):
        inputs = model.encode(rows)
        assert (np.isnan(model.supported(inputs)) == np.isnan(inputs)).all()

    def test_flags_are_no_numbers(self, rows):
        spec = clinic_spec()
        always = rows.set_column(rows.schema.get_field_index("hypertension"), "hypertension", pa.array([0] * 300))
        flagged = fit(spec, always, seed=0, threads=1)
        inputs = flagged.encode(rows)
        place = [feature.name for feature in spec.features].index("hypertension")
        assert (flagged.supported(inputs)[:, place] == inputs[:, place]).all()

"""No skew: an instance's features are the very ones that training made of the same record."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crm.tables import TABLES
from models import no_show
from models.catalogue import spec_of
from serving.known.history import History, nothing_known
from serving.withholding import Placing
from tests.serving.clinic import SYSTEM, features_of
from validation.policy import load_policy

KEY = "appointment_id"


@pytest.fixture(scope="module")
def history(clinic):
    files = {name: clinic.snapshot.path(name) for name in ("patients", "appointments")}
    return History(files, system=SYSTEM)


@pytest.fixture(scope="module")
def trained_on(clinic, tmp_path_factory):
    return features_of(clinic.snapshot, tmp_path_factory.mktemp("spill"))


@pytest.fixture(scope="module")
def stored(clinic):
    return pa.parquet.read_table(clinic.snapshot.path("appointments")).cast(TABLES["appointments"])


def as_booked(rows: pa.Table) -> pa.Table:
    """The rows as they were known when they were booked."""
    booked = pa.array(["booked"] * rows.num_rows)
    unknown = pa.nulls(rows.num_rows, pa.timestamp("us"))
    at = rows.schema.get_field_index
    rows = rows.set_column(at("status"), rows.schema.field("status"), booked)
    return rows.set_column(at("outcome_known_at"), rows.schema.field("outcome_known_at"), unknown)


def inputs(rows: pa.Table) -> pa.Table:
    """What the model sees; engines hand on whole numbers in different widths."""
    columns = ["record_id", *no_show.SPEC.feature_names]
    wide = [pa.string() if rows[name].type == pa.string() else pa.float64() for name in columns]
    return rows.select(columns).cast(pa.schema(zip(columns, wide, strict=True)))


class TestFeaturesOfInstances:
    @pytest.mark.parametrize("place", [0, 1, 700, 1200, 1499])
    def test_one_record_alone_has_the_features_that_training_saw(self, history, trained_on, stored, place):
        answered = history.features(no_show.SPEC, as_booked(stored.slice(place, 1)))
        same = trained_on.filter(pc.equal(trained_on["record_id"], stored[KEY][place]))
        assert inputs(answered).equals(inputs(same))

    def test_all_records_together_have_them_too_and_in_order(self, history, trained_on, stored):
        answered = history.features(no_show.SPEC, stored)
        assert inputs(answered).equals(inputs(trained_on))

    def test_records_keep_their_labels_where_they_are_known(self, history, trained_on, stored):
        assert history.features(no_show.SPEC, stored)["label"].equals(trained_on["label"])

    def test_a_small_site_is_read_as_the_one_it_was_merged_into(self, history, stored):
        row = as_booked(stored.slice(1499, 1))
        place = row.schema.get_field_index("site")
        hamlet = row.set_column(place, row.schema.field("site"), pa.array(["HAMLET"]))
        assert history.features(no_show.SPEC, hamlet)["site"].to_pylist() == ["other"]

    def test_without_a_snapshot_nothing_is_known_before(self, stored):
        answered = nothing_known().features(no_show.SPEC, as_booked(stored.slice(1499, 1)))
        assert answered["known_visits"].to_pylist() == [0]


class TestPosition:
    def test_the_newest_encounter_stands_after_all_others(self):
        spec = spec_of("readmission-risk")
        assert Placing(spec, load_policy(spec.name).freshness).position(None) == 0

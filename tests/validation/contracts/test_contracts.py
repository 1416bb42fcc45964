"""Contracts: what may stand in canonical tables and features, said in counts and never in values."""

from __future__ import annotations

import traceback
from datetime import date, datetime

import ibis
import polars as pl
import pytest

from crm.canonical import conform, empty
from crm.tables import TABLES
from models.spec import Feature, Kind, ModelSpec, RiskClass, Split
from validation.contracts.basis import BasisViolation, ConsentUndeclared, UnknownBasis, check_basis
from validation.contracts.check import ContractViolation, check, check_all
from validation.contracts.features import check_features

DAY = date(2026, 1, 9)
MOMENT = datetime.fromisoformat("2026-01-05T10:00:00")
PRIVATE = "29872499824296"
ASKED = {"asked": "required"}


def token(letter: str) -> str:
    return letter * 16


def patients(**changes: object) -> pl.DataFrame:
    row = {"patient_id": token("p"), "sex": "female", "race": None}
    return conform(pl.DataFrame([row | changes]), "patients")


def appointments(**changes: object) -> pl.DataFrame:
    row = {
        **{"appointment_id": token("a"), "patient_id": token("p"), "booked_at": MOMENT, "day": DAY, "site": "north"},
        **{"age": 44, "status": "noshow", "outcome_known_at": datetime.fromisoformat("2026-01-10")},
    }
    return conform(pl.DataFrame([row | changes]), "appointments")


def encounters(**changes: object) -> pl.DataFrame:
    row = {"encounter_id": token("e"), "patient_id": token("p"), "ordinal": 3, "age": 70, "insulin": "up"}
    return conform(pl.DataFrame([row | changes]), "encounters")


class TestTables:
    @pytest.mark.parametrize("table", TABLES)
    def test_an_empty_table_holds(self, table):
        check(table, empty(table))

    def test_sound_rows_hold(self):
        check_all({"patients": patients(), "appointments": appointments(), "encounters": encounters()})

    @pytest.mark.parametrize(
        ("rule", "change"),
        [
            ("patient_id-is-token", {"patient_id": PRIVATE}),
            ("age-in-range", {"age": 91}),
            ("age-in-range", {"age": -1}),
            ("status-is-known", {"status": "ghosted"}),
            ("booked-by-its-day", {"day": date(2026, 1, 1)}),
            ("outcome-known-iff-over", {"status": "booked"}),
            ("outcome-known-iff-over", {"outcome_known_at": None}),
            ("series-contains-nulls (day)", {"day": None}),
        ],
    )
    def test_an_appointment_that_breaks_a_rule_is_counted_under_it(self, rule, change):
        with pytest.raises(ContractViolation) as found:
            check("appointments", appointments(**change))
        assert found.value.counts == {rule: 1}

    @pytest.mark.parametrize(
        ("rule", "change"),
        [
            ("outcome-known-later", {"outcome_known_ordinal": 3}),
            ("discharged-after-admitted", {"admitted_on": DAY, "discharged_on": date(2026, 1, 8)}),
            ("insulin-is-known", {"insulin": "sometimes"}),
            ("diagnosis_1-is-known", {"diagnosis_1": "428.0"}),
            ("procedures-in-range", {"procedures": -1}),
        ],
    )
    def test_an_encounter_too(self, rule, change):
        with pytest.raises(ContractViolation) as found:
            check("encounters", encounters(**change))
        assert found.value.counts == {rule: 1}

    def test_a_key_stands_once(self):
        with pytest.raises(ContractViolation, match="duplicates"):
            check("appointments", pl.concat([appointments(), appointments(age=3)]))

    @pytest.mark.parametrize(
        "change",
        [
            lambda frame: frame.with_columns(phone=1),
            lambda frame: frame.drop("age"),
            lambda frame: frame.select(reversed(frame.columns)),
            lambda frame: frame.with_columns(pl.col("age").cast(pl.Int64)),
        ],
    )
    def test_columns_types_and_order_are_exact(self, change):
        with pytest.raises(ContractViolation):
            check("appointments", change(appointments()))

    def test_a_patient_that_nobody_lists_is_found(self):
        with pytest.raises(ContractViolation, match="patient-is-known: 1"):
            check_all({"patients": patients(patient_id=token("q")), "appointments": appointments()})
        with pytest.raises(ContractViolation, match="patient-is-known: 1"):
            check_all({"appointments": appointments()})

    def test_no_value_stands_in_the_error_or_what_led_to_it(self):
        with pytest.raises(ContractViolation) as found:
            check("appointments", appointments(status=PRIVATE, patient_id=PRIVATE, site=PRIVATE))
        said = "".join(traceback.format_exception(found.value))
        assert PRIVATE not in said


class TestBasis:
    @pytest.mark.parametrize("basis", ["public", "synthetic", "limited-data-set", "expert-determination"])
    def test_dates_and_places_are_allowed(self, basis):
        check_basis(basis, ASKED, {"appointments": appointments()})

    def test_safe_harbor_allows_neither(self):
        with pytest.raises(BasisViolation) as found:
            check_basis("safe-harbor", ASKED, {"appointments": appointments()})
        assert found.value.counts == {"date-finer-than-year": 1, "place-smaller-than-state": 1}

    def test_safe_harbor_allows_years_and_rows_without_dates(self):
        yearly = encounters(admitted_on=date(2026, 1, 1))
        check_basis("safe-harbor", ASKED, {"encounters": yearly, "patients": patients()})

    def test_ages_above_ninety_are_allowed_on_none(self):
        with pytest.raises(BasisViolation, match="age-over-90: 1"):
            check_basis("public", ASKED, {"appointments": appointments(age=91)})

    def test_a_basis_that_nobody_knows_is_refused(self):
        with pytest.raises(UnknownBasis, match="safe-harbor"):
            check_basis("whatever", ASKED, {})

    @pytest.mark.parametrize("consent", [{}, {"asked": "perhaps"}, {"asked": "not-required"}])
    def test_consent_is_declared_with_its_reason(self, consent):
        with pytest.raises(ConsentUndeclared):
            check_basis("public", consent, {})


def no_table(tables: object) -> ibis.Table:
    raise NotImplementedError


SPEC = ModelSpec(
    name="toy",
    title="Toy",
    use="tests",
    risk_class=RiskClass.OPERATIONAL,
    table="appointments",
    record_id="appointment_id",
    label="missed",
    features=(Feature("lead", "days"), Feature("welfare", "w", Kind.FLAG), Feature("site", "s", Kind.CATEGORY)),
    build=no_table,
    groups=("age",),
    strata=("ahead",),
    baseline="lead",
    split=Split("time"),
    rounds=1,
)


def features(**changes: object) -> pl.DataFrame:
    row = {
        **{"record_id": "r", "patient_id": "p", "moment": 5, "day": 3, "label": 1, "lead": 2.5, "welfare": 1},
        **{"site": "north", "group_age": "18-29", "stratum_ahead": True},
    }
    return pl.DataFrame([row | changes], schema_overrides={"day": pl.Int32})


class TestFeatures:
    def test_a_sound_row_holds(self):
        check_features(SPEC, features())

    @pytest.mark.parametrize("column", ["day", "label", "lead", "welfare", "site", "group_age"])
    def test_what_may_be_unknown_may_be_null(self, column):
        kinds = features().schema
        check_features(SPEC, features(**{column: None}).cast(dict(kinds)))

    @pytest.mark.parametrize(
        ("rule", "change"),
        [
            ("label-is-0-or-1", {"label": 2}),
            ("lead-is-finite", {"lead": float("inf")}),
            ("lead-is-finite", {"lead": float("nan")}),
            ("welfare-is-0-or-1", {"welfare": 3}),
            ("lead-is-number", {"lead": "long"}),
        ],
    )
    def test_a_row_that_breaks_a_rule_is_counted_under_it(self, rule, change):
        with pytest.raises(ContractViolation) as found:
            check_features(SPEC, features(**change))
        assert found.value.counts[rule] == 1

    @pytest.mark.parametrize("change", [lambda f: f.with_columns(x=1), lambda f: f.drop("lead"), lambda f: f.vstack(f)])
    def test_columns_are_exact_and_records_stand_once(self, change):
        with pytest.raises(ContractViolation):
            check_features(SPEC, change(features()))

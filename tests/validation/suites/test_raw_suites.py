"""Raw files: every defect that is known of them is caught by a named expectation, and no value of theirs is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.rules import Action
from crm.snapshot import Snapshot, publish
from crm.source import REJECTED, Draft, RawTables
from crm.sources.diabetes_130_rules import encounter_rules
from crm.sources.noshow_kaggle_rules import appointment_rules
from crm.sources.synthetic import SyntheticSource
from tests.validation.suites.conftest import by_rule
from tests.validation.suites.files import appointment_file, encounter_file
from validation.gates.data import data as data_gate
from validation.gates.result import Verdict
from validation.suites.door_counts import NAMED
from validation.suites.on_snapshot import PAGE, RESULT, write_quality
from validation.suites.raw import RAW_VIEWS, judge_raw, keep_raw_findings, raw_findings, raw_suite
from validation.suites.result import Finding, Outcome, SuiteResult
from validation.suites.rule import Severity
from validation.suites.validate import judge_view

Read = Callable[[str, pl.DataFrame], RawTables]
DEFECTS = Path(__file__).parents[4] / "shared" / "data" / "defects.md"
NOT_COUNTED = None
"""The page of defects names the kind and no number."""

KNOWN: Mapping[str, Mapping[str, tuple[str, int | None]]] = {
    "noshow-kaggle": {
        "`PatientId` in scientific notation": ("noshow-id-scientific", 5),
        "booked after the appointment's day": ("noshow-booked-after-day", 3),
        "`AppointmentDay` has no hour": ("noshow-same-day-looks-late", 30_670),
        "age 103 and above": ("noshow-age-oldest", 5),
        "`Handcap` 2, 3 or 4": ("noshow-handcap-counts", 160),
        "the same row but for `AppointmentID`": ("noshow-booking-copied", 962),
        "further appointments of a patient on the same day": ("noshow-patient-day-further", 6_917),
        "neighbourhoods with fewer than 50 rows": ("noshow-site-small", 5),
        "non-ASCII names": ("noshow-site-beyond-ascii", NOT_COUNTED),
        "`SMS_received` is a reminder": ("noshow-reminder-by-lead", NOT_COUNTED),
    },
    "diabetes-130": {
        "`?` for missing: weight": ("diabetes-weight-unknown", 79_122),
        "medical_specialty": ("diabetes-specialty-unknown", 40_067),
        "payer_code": ("diabetes-payer-unknown", 32_333),
        ", race": ("diabetes-race-unknown", 1_785),
        "diag_3": ("diabetes-diagnosis-3-unknown", 1_117),
        "diag_2": ("diabetes-diagnosis-2-unknown", 285),
        "diag_1": ("diabetes-diagnosis-1-unknown", 16),
        '"not measured"': ("diabetes-test-not-measured", NOT_COUNTED),
        "discharged dead": ("diabetes-died", 1_309),
        "discharged to hospice": ("diabetes-to-hospice", 616),
        "encounters after the patient's death": ("diabetes-after-death", NOT_COUNTED),
        "`gender` `Unknown/Invalid`": ("diabetes-gender-unknown", 2),
        "codes that mean": ("diabetes-disposition-means-unknown", NOT_COUNTED),
        "several encounters of a patient": ("diabetes-encounter-further", 24_413),
        "patients with more than one race": ("diabetes-race-changes", 200),
        "or gender": ("diabetes-gender-contradicts", 3),
        "drug columns constant": ("diabetes-drug-constant", NOT_COUNTED),
        "or nearly so": ("diabetes-drug-nearly-constant", NOT_COUNTED),
        "age in brackets": ("diabetes-age-in-brackets", NOT_COUNTED),
        "`[90-100)` identifies": ("diabetes-age-oldest", NOT_COUNTED),
    },
}
"""Words of the page of defects, the expectation that catches them on the real file, and how often."""
INVERTED = {"`No-show` = `Yes` means": "noshow-missed-share"}
"""A defect that the file lacks as it is: what would happen if it were read wrongly."""

FORM = {
    "noshow-kaggle": {"noshow-day-without-hour", "noshow-same-day-looks-late"},
    "diabetes-130": {"diabetes-age-in-brackets"},
}
"""What every file of the kind is like, sound or not."""


def put(frame: pl.DataFrame, cells: Mapping[int, Mapping[str, str | None]]) -> pl.DataFrame:
    """Return `frame` with single cells changed."""
    rows = frame.to_dicts()
    for row, changes in cells.items():
        rows[row].update(changes)
    return pl.DataFrame(rows, schema=frame.schema)


APPOINTMENT_KINDS: Mapping[str, tuple[int, Mapping[str, str | None]]] = {
    "noshow-id-scientific": (10, {"PatientId": "9876543210E-5"}),
    "noshow-id-digits-lost": (11, {"PatientId": "9.377E+12"}),
    "noshow-id-malformed": (12, {"AppointmentID": "A-17"}),
    "noshow-required-empty": (13, {"ScheduledDay": None}),
    "noshow-optional-empty": (14, {"Age": None}),
    "noshow-outcome-empty": (15, {"No-show": None}),
    "noshow-date-broken": (16, {"AppointmentDay": "2016-02-30T00:00:00Z"}),
    "noshow-booking-year": (17, {"ScheduledDay": "1916-05-01T08:00:00Z"}),
    "noshow-day-year": (18, {"AppointmentDay": "2916-05-01T00:00:00Z"}),
    "noshow-booked-after-day": (19, {"ScheduledDay": "2017-01-01T08:00:00Z"}),
    "noshow-age-negative": (20, {"Age": "-1"}),
    "noshow-age-oldest": (21, {"Age": "103"}),
    "noshow-age-identifies": (22, {"Age": "91"}),
    "noshow-number-malformed": (23, {"Age": "forty"}),
    "noshow-handcap-counts": (24, {"Handcap": "3"}),
    "noshow-handcap-range": (25, {"Handcap": "9"}),
    "noshow-flag-unknown": (26, {"Diabetes": "2"}),
    "noshow-outcome-unknown": (27, {"No-show": "Maybe"}),
    "noshow-gender-unknown": (28, {"Gender": "X"}),
    "noshow-site-small": (29, {"Neighbourhood": "LONELY HILL"}),
    "noshow-site-beyond-ascii": (30, {"Neighbourhood": "ILHAS OCEÂNICAS"}),
    "noshow-site-garbled": (31, {"Neighbourhood": "JOÃ£O"}),
}
ENCOUNTER_KINDS: Mapping[str, tuple[int, Mapping[str, str | None]]] = {
    "diabetes-id-scientific": (10, {"patient_nbr": "9876543210E-5"}),
    "diabetes-id-digits-lost": (11, {"patient_nbr": "9.377E+12"}),
    "diabetes-id-malformed": (12, {"encounter_id": "A-17"}),
    "diabetes-required-empty": (13, {"num_procedures": None}),
    "diabetes-optional-empty": (14, {"diag_2": None}),
    "diabetes-outcome-empty": (15, {"readmitted": None}),
    "diabetes-test-empty": (16, {"A1Cresult": None}),
    "diabetes-test-not-measured": (17, {"max_glu_serum": "None"}),
    "diabetes-number-malformed": (18, {"num_medications": "many"}),
    "diabetes-count-negative": (19, {"number_inpatient": "-2"}),
    "diabetes-count-too-many": (20, {"num_lab_procedures": "4000"}),
    "diabetes-age-not-bracket": (21, {"age": "-5"}),
    "diabetes-age-oldest": (22, {"age": "[90-100)"}),
    "diabetes-dose-unknown": (23, {"insulin": "Double"}),
    "diabetes-medication-unknown": (24, {"change": "Perhaps"}),
    "diabetes-outcome-unknown": (25, {"readmitted": "soon"}),
    "diabetes-gender-unknown": (26, {"gender": "Unknown/Invalid"}),
    "diabetes-code-strange": (27, {"admission_type_id": "77"}),
    "diabetes-admission-type-means-unknown": (28, {"admission_type_id": "6"}),
    "diabetes-admission-source-means-unknown": (29, {"admission_source_id": "17"}),
    "diabetes-disposition-means-unknown": (30, {"discharge_disposition_id": "18"}),
    "diabetes-died": (31, {"discharge_disposition_id": "11"}),
    "diabetes-to-hospice": (32, {"discharge_disposition_id": "13"}),
    "diabetes-specialty-small": (33, {"medical_specialty": "Dentistry"}),
    "diabetes-payer-small": (34, {"payer_code": "XX"}),
    "diabetes-after-death": (36, {"patient_nbr": "7000031"}),
    "diabetes-encounter-further": (37, {"patient_nbr": "7000038"}),
    **{f"diabetes-{name}-unknown": (40 + place, {column: "?"})
       for place, (name, column) in enumerate(
           [("weight", "weight"), ("specialty", "medical_specialty"), ("payer", "payer_code"), ("race", "race"),
            ("diagnosis-1", "diag_1"), ("diagnosis-2", "diag_2"), ("diagnosis-3", "diag_3")])},
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(read: Read) -> Mapping[str, Mapping[str, Finding]]:
    """A file of each source with every kind of defect once."""
    appointments = put(appointment_file(), dict(APPOINTMENT_KINDS.values()))
    first = appointments.row(50, named=True)
    again = [first, first | {"AppointmentID": "1"}, appointments.row(51, named=True) | {"Age": "3"}]
    encounters = put(encounter_file(), dict(ENCOUNTER_KINDS.values()))
    stay = encounters.row(60, named=True)
    more = [
        stay,
        stay | {"encounter_id": "1"},
        encounters.row(61, named=True) | {"age": "[0-10)"},
        encounters.row(62, named=True) | {"encounter_id": "2", "race": "Asian", "gender": "Trans"},
    ]
    frames = {
        "noshow-kaggle": pl.concat([appointments, pl.DataFrame(again, schema=appointments.schema)]),
        "diabetes-130": pl.concat([encounters, pl.DataFrame(more, schema=encounters.schema)]).with_columns(
            examide=pl.lit("No")
        ),
    }
    return {source: by_rule(judge_raw(read(source, frame))) for source, frame in frames.items()}


def broken(found: Mapping[str, Finding]) -> set[str]:
    return {name for name, each in found.items() if each.outcome is Outcome.BROKEN}


class TestRealFiles:
    @pytest.mark.parametrize(("source", "words"), [(source, words) for source in KNOWN for words in KNOWN[source]])
    def test_each_known_defect_is_found_as_often_as_it_stands_there(
        self, found_real: Mapping[str, SuiteResult], source: str, words: str
    ) -> None:
        rule, count = KNOWN[source][words]
        found = by_rule(found_real[source])[rule]
        assert found.outcome is Outcome.BROKEN
        assert count is None or found.unexpected == count

    @pytest.mark.skipif(not DEFECTS.is_file(), reason="the page of defects is not at ../shared/data")
    def test_no_line_of_the_page_of_defects_is_left_out(self) -> None:
        lines = [line for line in DEFECTS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
        lines = [line for line in lines if not line.startswith(("| defect", "|--"))]
        words = [*KNOWN["noshow-kaggle"], *KNOWN["diabetes-130"], *INVERTED]
        assert len(lines) > 20
        assert not [line for line in lines if not any(each in line for each in words)]

    def test_they_are_what_they_are_said_to_be(self, found_real: Mapping[str, SuiteResult]) -> None:
        for result in found_real.values():
            assert result.verdict is Verdict.PASSED
            assert not [each.rule for each in result.findings if each.outcome is Outcome.ERROR]

    def test_what_the_door_mended_or_held_back_stops_no_model(self, found_real: Mapping[str, SuiteResult]) -> None:
        for result in found_real.values():
            answer = data_gate(result)
            assert answer.verdict is Verdict.PASSED
            shown = {check.name: check.reason for check in answer.checks}
            assert all(each.done in shown[each.rule] for each in result.broken())

    def test_the_door_counts_beside_the_suite(self, found_real: Mapping[str, SuiteResult]) -> None:
        found = by_rule(found_real["noshow-kaggle"])
        assert found["noshow-booked-after-day"].done == "held back (`booked-after-day`: 3)"
        assert "`implausible-age`: 5" in found["noshow-age-oldest"].done


class TestPlantedKinds:
    @pytest.mark.parametrize("rule", APPOINTMENT_KINDS)
    def test_in_appointments_are_found(self, planted: Mapping[str, Mapping[str, Finding]], rule: str) -> None:
        found = planted["noshow-kaggle"][rule]
        assert found.outcome is Outcome.BROKEN
        assert found.unexpected

    @pytest.mark.parametrize("rule", ENCOUNTER_KINDS)
    def test_in_encounters_are_found(self, planted: Mapping[str, Mapping[str, Finding]], rule: str) -> None:
        found = planted["diabetes-130"][rule]
        assert found.outcome is Outcome.BROKEN
        assert found.unexpected

    def test_that_take_several_rows_are_found(self, planted: Mapping[str, Mapping[str, Finding]]) -> None:
        assert broken(planted["noshow-kaggle"]) >= {
            "noshow-id-repeated",
            "noshow-row-repeated",
            "noshow-booking-copied",
            "noshow-patient-day-further",
        }
        assert broken(planted["diabetes-130"]) >= {
            "diabetes-id-repeated",
            "diabetes-row-repeated",
            "diabetes-encounter-copied",
            "diabetes-race-changes",
            "diabetes-race-contradicts",
            "diabetes-gender-contradicts",
            "diabetes-drug-constant",
            "diabetes-drug-nearly-constant",
        }

    @pytest.mark.parametrize("source", RAW_VIEWS)
    def test_a_single_one_is_no_other_file(self, planted: Mapping[str, Mapping[str, Finding]], source: str) -> None:
        assert not [each for each in planted[source].values() if _critical(each)]

    @pytest.mark.parametrize("source", RAW_VIEWS)
    def test_no_rule_stays_silent(self, planted: Mapping[str, Mapping[str, Finding]], source: str) -> None:
        critical = {rule.id for rule in raw_suite(source).rules if rule.severity is Severity.CRITICAL}
        assert set(planted[source]) - broken(planted[source]) - critical <= {"noshow-reminder-by-lead"}

    @pytest.mark.parametrize("source", RAW_VIEWS)
    def test_a_sound_file_breaks_nothing(self, found_clean: Mapping[str, Mapping[str, Finding]], source: str) -> None:
        assert broken(found_clean[source]) == FORM[source]

    @pytest.mark.parametrize("source", RAW_VIEWS)
    def test_a_null_in_each_column_has_its_flag(self, clean: Mapping[str, RawTables], source: str) -> None:
        raw = clean[source]
        assert raw.text is not None
        for column in raw.text.columns:
            view = RAW_VIEWS[source](raw.text.head(5).with_columns(pl.lit(None, pl.String).alias(column)))
            empty = view.select(pl.max_horizontal("required_empty", "optional_empty", "outcome_empty"))
            assert empty.to_series().to_list() == [1] * 5, column


TEXT = st.none() | st.text(max_size=12) | st.from_regex(r"-?[0-9]{1,30}([.eE][+-]?[0-9]{1,3})?", fullmatch=True)


class TestAnyText:
    @pytest.mark.parametrize("source", RAW_VIEWS)
    @given(data=st.data())
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_is_looked_at_row_by_row(self, clean: Mapping[str, RawTables], source: str, data: st.DataObject) -> None:
        text = clean[source].text
        assert text is not None
        cells = {
            row: data.draw(st.dictionaries(st.sampled_from(text.columns), TEXT, min_size=1, max_size=4), label="cells")
            for row in range(3)
        }
        view = RAW_VIEWS[source](put(text.head(6), cells))
        assert view.height == 6
        assert pl.String() not in view.schema.values()


def _critical(finding: Finding) -> bool:
    return finding.outcome is Outcome.BROKEN and finding.severity is Severity.CRITICAL


OTHER_FILES: Mapping[str, tuple[str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
    "noshow-columns": ("noshow-kaggle", lambda frame: frame.drop("Hipertension")),
    "noshow-missed-share": (
        "noshow-kaggle",
        lambda frame: frame.with_columns(pl.col("No-show").replace({"Yes": "No", "No": "Yes"})),
    ),
    "noshow-required-there": ("noshow-kaggle", lambda frame: frame.with_columns(PatientId=pl.lit(None, pl.String))),
    "noshow-dates-readable": (
        "noshow-kaggle",
        lambda frame: frame.with_columns(AppointmentDay=pl.lit("02/05/2016")),
    ),
    "noshow-booked-before": (
        "noshow-kaggle",
        lambda frame: frame.with_columns(ScheduledDay="AppointmentDay", AppointmentDay="ScheduledDay"),
    ),
    "noshow-ids-numbers": ("noshow-kaggle", lambda frame: frame.with_columns(PatientId="Neighbourhood")),
    "noshow-loaded-once": ("noshow-kaggle", lambda frame: pl.concat([frame, frame])),
    "diabetes-columns": ("diabetes-130", lambda frame: frame.drop("insulin")),
    "diabetes-readmitted-share": ("diabetes-130", lambda frame: frame.with_columns(readmitted=pl.lit("<30"))),
    "diabetes-required-there": ("diabetes-130", lambda frame: frame.with_columns(insulin=pl.lit(None, pl.String))),
    "diabetes-ids-numbers": ("diabetes-130", lambda frame: frame.with_columns(patient_nbr="race")),
    "diabetes-ages-bracketed": ("diabetes-130", lambda frame: frame.with_columns(age=pl.lit("63"))),
    "diabetes-loaded-once": ("diabetes-130", lambda frame: pl.concat([frame, frame])),
}
"""Files that are not what they are said to be; some of them the door would refuse by itself."""


class TestOtherFiles:
    @pytest.mark.parametrize("rule", OTHER_FILES)
    def test_break_a_critical_rule(self, clean: Mapping[str, RawTables], rule: str) -> None:
        source, change = OTHER_FILES[rule]
        raw = clean[source]
        assert raw.text is not None
        suite = raw_suite(source)
        asked = replace(suite, rules=tuple(each for each in suite.rules if each.id == rule))
        assert _critical(judge_view(RAW_VIEWS[source](change(raw.text)), asked).findings[0])

    def test_each_critical_rule_has_one(self) -> None:
        critical = {rule.id for source in RAW_VIEWS for rule in raw_suite(source).rules if rule.severity == "critical"}
        assert critical == set(OTHER_FILES)


class TestWhatTheDoorDoes:
    def test_is_told_by_rules_that_it_has(self) -> None:
        doors = {"noshow-kaggle": appointment_rules(for_scoring=False), "diabetes-130": encounter_rules()}
        for source, rules in doors.items():
            action = {rule.name: rule.action for rule in rules}
            for each in raw_suite(source).rules:
                named = NAMED.findall(each.done)
                assert set(named) <= {*action, "contradictory-sex", "contradictory-race"}, each.id
                if named and named[0] in action:
                    wanted = Action.QUARANTINE if each.done.startswith("held back") else Action.REPAIR
                    assert action[named[0]] is wanted, each.id

    def test_is_said_of_every_defect_but_those_that_a_person_has_to_look_into(self) -> None:
        open_ones = {
            rule.id
            for source in RAW_VIEWS
            for rule in raw_suite(source).rules
            if not rule.done and rule.severity is not Severity.CRITICAL
        }
        assert open_ones == {"noshow-site-garbled", "diabetes-test-empty", "diabetes-encounter-copied"}

    def test_is_not_believed_where_it_counted_nothing(self, read: Read) -> None:
        raw = read("noshow-kaggle", put(appointment_file(), {19: {"ScheduledDay": "2017-01-01T08:00:00Z"}}))
        idle = replace(raw, rejected=pl.DataFrame(schema=REJECTED), repaired={})
        result = judge_raw(idle)
        assert result is not None
        assert by_rule(result)["noshow-booked-after-day"].done == ""
        assert data_gate(result).verdict is Verdict.CANNOT_TELL
        honest = judge_raw(raw)
        assert honest is not None
        assert data_gate(honest).verdict is Verdict.PASSED


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Any snapshot: raw findings are kept under its digest."""
    source = SyntheticSource(rows=500, seed=1).read()
    draft = Draft(
        source="synthetic",
        source_digest=source.source_digest,
        tables=source.tables,
        quarantine=pl.DataFrame(
            schema={"table": pl.String, "rule": pl.String, "row_number": pl.Int64, "sealed": pl.Binary}
        ),
        quarantined={},
        repaired={},
        basis="synthetic",
        owner="ada",
        consent=source.consent,
    )
    return publish(tmp_path_factory.mktemp("snapshots"), draft, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))


class TestKeptFindings:
    def test_hold_no_value_of_the_file(self, read: Read, published: Snapshot, tmp_path: Path) -> None:
        frame = put(appointment_file(), {0: {"Neighbourhood": "MARKER HILL", "PatientId": "123454321"}})
        frame = put(frame, {1: {name: f"zq{place}" for place, name in enumerate(frame.columns)}})
        raw = read("noshow-kaggle", frame)
        folder = keep_raw_findings(tmp_path, published, raw)
        assert folder is not None
        assert {path.name for path in folder.iterdir()} == {RESULT, PAGE}
        self.assert_absent(folder, frame)

    def test_hold_none_of_the_real_files(
        self, real_raw: Mapping[str, RawTables], found_real: Mapping[str, SuiteResult], tmp_path: Path
    ) -> None:
        for source, result in found_real.items():
            text, folder = real_raw[source].text, tmp_path / source
            assert text is not None
            folder.mkdir()
            write_quality(folder, result)
            self.assert_absent(folder, text)

    @staticmethod
    def assert_absent(folder: Path, frame: pl.DataFrame) -> None:
        """Short values and words of the suite's own texts stand in any English sentence; all others may not."""
        own = " ".join(str(rule) for source in RAW_VIEWS for rule in raw_suite(source).rules)
        texts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
        words = set().union(*(re.findall(r"[^\s\"'<>,;]+", text) for text in texts))
        for column in frame.columns:
            values = {value for value in frame[column].drop_nulls().unique() if len(value) > 2 and value not in own}
            numbers = {value for value in values if value.isdecimal() and len(value) < 6}
            assert not (values - numbers) & words, column
            if column in ("PatientId", "AppointmentID", "patient_nbr", "encounter_id", "Neighbourhood"):
                assert not [text for text in texts if any(value in text for value in sorted(values)[:3_000])], column

    def test_are_judged_once(self, clean: Mapping[str, RawTables], published: Snapshot, tmp_path: Path) -> None:
        folder = keep_raw_findings(tmp_path, published, clean["noshow-kaggle"])
        assert folder is not None
        before = (folder / RESULT).stat().st_mtime_ns
        assert keep_raw_findings(tmp_path, published, clean["noshow-kaggle"]) == folder
        assert (folder / RESULT).stat().st_mtime_ns == before

    def test_are_found_again_by_the_snapshots_canonical_ones(
        self, clean: Mapping[str, RawTables], published: Snapshot, tmp_path: Path
    ) -> None:
        canonical = tmp_path / f"{published.manifest.digest.removeprefix('sha256:')[:32]}-appointments-0123456789ab"
        assert raw_findings(canonical) is None
        keep_raw_findings(tmp_path, published, clean["noshow-kaggle"])
        found = raw_findings(canonical)
        assert found is not None
        assert set(found.tables) == {"noshow-kaggle"}

    def test_a_source_without_a_file_of_its_own_keeps_none(self, published: Snapshot, tmp_path: Path) -> None:
        raw = SyntheticSource(rows=500, seed=1).read()
        assert judge_raw(raw) is None
        assert keep_raw_findings(tmp_path, published, raw) is None
        assert not list(tmp_path.iterdir())

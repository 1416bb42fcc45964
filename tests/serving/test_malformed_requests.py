"""Whatever is sent, the answer is a problem document that repeats nothing of it, and never a fault."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.tables import TABLES

URL = "/v1/models/no-show/predictions"
CANARY = "Mrs-Canary-1947"
FIELDS = ["record_id", *(name for name in TABLES["appointments"].names if name != "appointment_id")]
WRONG = [
    CANARY,
    "",
    "\x00" + CANARY,
    CANARY * 100,
    "9999999999-01-01",
    "2026-13-40",
    "2026-02-30T25:61:61Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "٢٠٢٦-٠١-٠١",
    -1,
    10**30,
    1.5,
    1e308,
    True,
    [],
    [CANARY],
    {},
    {CANARY: CANARY},
]
BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"\x00",
    b"NaN",
    b"9" * 5000,
    b"1e400",
    b"[" * 100_000,
    b'{"purpose":' * 10_000,
    b'{"purpose": "reminder"}',
    b'{"purpose": "reminder", "instances": null}',
    b'{"purpose": "reminder", "instances": []}',
    b'{"purpose": "reminder", "instances": {}}',
    b'{"purpose": "reminder", "instances": [null]}',
    b'{"purpose": "reminder", "instances": [[]]}',
    b'{"purpose": 7, "instances": [{}]}',
    b'{"purpose": null, "instances": [{}]}',
    b'{"purpose": "reminder", "instances": [{}], "Mrs-Canary-1947": 1}',
    b'{"purpose": "reminder", "instances": [{"Mrs-Canary-1947": 1}]}',
    b'{"purpose": "reminder", "instances": [{"record_id": "\\ud800"}]}',
    b'{"purpose": "reminder", "instances": [{"record_id": "a", "patient_id": NaN}]}',
    b"purpose=reminder&name=Mrs-Canary-1947",
]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4),
    max_leaves=8,
)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def answered_with_manners(reply: httpx.Response) -> bool:
    if reply.status_code == 200:
        return CANARY not in reply.text
    named = reply.headers["content-type"] == "application/problem+json"
    return named and 400 <= reply.status_code < 500 and CANARY not in reply.text


class TestMalformedBodies:
    @pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{body[:30]!r}")
    def test_a_body_that_asks_nothing(self, crm, body):
        reply = crm.post(URL, content=body)
        assert reply.status_code == 422
        assert answered_with_manners(reply)

    def test_every_wrong_value_in_every_field(self, crm, clinic):
        for field in FIELDS:
            for value in WRONG:
                instance = {**clinic.instances[-1], field: value}
                reply = crm.post(URL, json={"purpose": "reminder", "instances": [instance]})
                assert answered_with_manners(reply), field

    def test_a_problem_points_to_the_field(self, crm, clinic):
        instances = [clinic.instances[-2], {**clinic.instances[-1], "age": CANARY}]
        problem = crm.post(URL, json={"purpose": "reminder", "instances": instances}).json()
        assert problem["pointer"] == "/instances/1/age"
        assert problem["detail"].startswith("has to be a whole number")

    def test_one_record_twice(self, crm, clinic):
        body = {"purpose": "reminder", "instances": [clinic.instances[-1]] * 2}
        assert crm.post(URL, json=body).status_code == 422

    @QUIET
    @given(body=VALUES)
    def test_any_json_at_all(self, crm, body):
        assert answered_with_manners(crm.post(URL, json=body))

    @QUIET
    @given(instance=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=12))
    def test_any_instance_at_all(self, crm, instance):
        assert answered_with_manners(crm.post(URL, json={"purpose": "reminder", "instances": [instance]}))

    @QUIET
    @given(body=st.binary(max_size=200), cut=st.integers(0, 300))
    def test_any_bytes_at_all(self, crm, clinic, body, cut):
        whole = json.dumps({"purpose": "reminder", "instances": clinic.instances[:1]}).encode()
        assert answered_with_manners(crm.post(URL, content=whole[:cut] + body))


class TestFaults:
    def test_a_fault_of_ours_tells_nothing_and_logs_no_value(self, crm, clinic, service, monkeypatch, caplog):
        def fail(*_args, **_options):
            raise RuntimeError(CANARY)

        monkeypatch.setattr("serving.scorer.assess_encoded", fail)
        reply = crm.post(URL, json={"purpose": "reminder", "instances": clinic.instances[-1:]})
        assert reply.status_code == 500
        assert reply.headers["content-type"] == "application/problem+json"
        assert CANARY not in reply.text + caplog.text
        assert "fault RuntimeError at" in caplog.text

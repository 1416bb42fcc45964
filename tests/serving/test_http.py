"""The scoring API as a CRM meets it."""

from __future__ import annotations

from tests.serving.conftest import Clinic

URL = "/v1/models/no-show/predictions"


class TestScoring:
    def test_each_instance_gets_a_score_with_band_reasons_and_version(self, crm, clinic: Clinic):
        reply = crm.post(URL, json={"purpose": "reminder", "instances": clinic.instances[-3:]})
        assert reply.status_code == 200, reply.text
        predictions = reply.json()["predictions"]
        assert [item["status"] for item in predictions] == ["scored"] * 3

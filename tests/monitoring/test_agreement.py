"""Agreement with the scores, and people who agree with everything at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from governance.review import Reason, Review, Verdict
from monitoring.agreement import agreement, judge_agreement
from monitoring.finding import Alarm
from monitoring.policy import AgreementLimits, load_monitoring_policy

LIMITS = AgreementLimits(least_reviews=5, fast_seconds=1.0, fast_share=0.9, relying_share_to_act=0.5)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def reviews(
    reviewer: str, count: int, *, overrides: int = 0, seconds: float | None = 9.0, **given: object
) -> list[Review]:
    said = {"version": 1, "band": "high", "client": "clinic", "decided": "personal-call", "at": JUNE} | given
    return [
        Review(
            review_id=f"{reviewer}-{at}",
            prediction_id=f"{reviewer}-{at}",
            model="no-show",
            verdict=Verdict.OVERRIDE if at < overrides else Verdict.AGREE,
            reason=Reason.PATIENT_SAID if at < overrides else None,
            reviewer=reviewer,
            seconds=seconds,
            **said,
        )
        for at in range(count)
    ]


class TestAgreement:
    def test_is_told_by_version_band_and_month(self) -> None:
        told = agreement(
            "no-show",
            [
                *reviews("ann", 10, overrides=5),
                *reviews("ben", 5, version=2, band="low", at=datetime(2026, 7, 1, tzinfo=UTC)),
            ],
            LIMITS,
        )
        assert [(item.name, item.reviews, item.agreed, item.overridden) for item in told.by_version] == [
            ("1", 10, 5, 5),
            ("2", 5, 5, 0),
        ]
        assert [item.name for item in told.by_band] == ["high", "low"]
        assert [item.name for item in told.by_month] == ["2026-06", "2026-07"]
        assert told.decided == {"personal-call": 15}
        assert told.reasons == {"patient-said": 5}

    def test_shows_nothing_of_few(self) -> None:
        told = agreement("no-show", [*reviews("ann", 6), *reviews("ben", 4, band="low")], LIMITS)
        assert [item.name for item in told.by_band] == ["high"]
        assert [item.token for item in told.reviewers] == ["ann"]
        assert told.not_shown == 4


class TestOverReliance:
    @pytest.mark.parametrize(
        ("given", "relies"),
        [
            ({"seconds": 0.4}, True),
            ({"seconds": 0.4, "overrides": 1}, False),
            ({"seconds": 9.0}, False),
            ({"seconds": None}, False),
        ],
        ids=["always and at once", "one override", "always after a look", "without times"],
    )
    def test_is_agreeing_always_and_within_a_second(self, given: dict, relies: bool) -> None:
        told = agreement("no-show", reviews("ann", 10, **given), LIMITS)
        assert [item.relies for item in told.reviewers] == [relies]

    @pytest.mark.parametrize(
        ("careless", "alarm"), [(0, Alarm.OK), (5, Alarm.WATCH), (20, Alarm.ACT)], ids=["nobody", "few", "half"]
    )
    def test_raises_an_alarm_by_its_share_of_the_reviews(self, careless: int, alarm: Alarm) -> None:
        found = [*reviews("ann", 20), *reviews("ben", careless, seconds=0.2)]
        (finding,) = judge_agreement(agreement("no-show", found, LIMITS), LIMITS)
        assert finding.alarm is alarm
        assert "ben" not in finding.reason

    def test_cannot_be_told_by_few_reviews_and_is_no_question_without_any(self) -> None:
        (finding,) = judge_agreement(agreement("no-show", reviews("ann", 4), LIMITS), LIMITS)
        assert finding.alarm is Alarm.WATCH
        assert judge_agreement(agreement("no-show", [], LIMITS), LIMITS) == []


def test_the_policy_has_its_limits() -> None:
    assert load_monitoring_policy().agreement.least_reviews >= 10

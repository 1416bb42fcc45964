"""Agreement: how often people go along with the scores, and whether they still look.

Who agrees with everything within a second does not review. That is over-reliance (Parasuraman and Manzey 2010,
Complacency and bias in human use of automation), and it takes away the check that the reviewer signed for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from governance.review import Review, Verdict
from monitoring.finding import Alarm, Finding
from monitoring.policy import AgreementLimits


@dataclass(frozen=True, slots=True)
class Share:
    """Reviews of one kind: how many, and how many of them agreed or overrode."""

    name: str
    reviews: int
    agreed: int
    overridden: int


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One person's reviews, by their token.

    Attributes
    ----------
    token
        Whose.
    reviews, agreed
        How many, and how many of them agreed.
    timed, fast
        How many say how long they took, and how many of them were over within the policy's seconds.
    relies
        Whether the person agreed always and fast, by the policy.
    """

    token: str
    reviews: int
    agreed: int
    timed: int
    fast: int
    relies: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """What reviews of a model come to.

    Attributes
    ----------
    model, reviews
        Whose predictions, and how many were reviewed.
    by_version, by_band, by_month
        Kinds with enough reviews to be shown.
    decided, reasons
        What was decided, and why scores were overridden, where it was said often enough to be shown.
    reviewers
        People with enough reviews to be shown.
    not_shown
        Reviews of people with too few.
    """

    model: str
    reviews: int
    by_version: tuple[Share, ...]
    by_band: tuple[Share, ...]
    by_month: tuple[Share, ...]
    decided: dict[str, int]
    reasons: dict[str, int]
    reviewers: tuple[Reviewer, ...]
    not_shown: int


def agreement(model: str, reviews: Sequence[Review], limits: AgreementLimits) -> Agreement:
    """Return what the last review of each prediction comes to.

    Parameters
    ----------
    model
        Whose predictions they are of.
    reviews
        One a prediction.
    limits
        Of what is shown, and of what counts as relying on the score.
    """
    people = defaultdict(list)
    for review in reviews:
        people[review.reviewer].append(review)
    shown = {token: own for token, own in people.items() if len(own) >= limits.least_reviews}
    return Agreement(
        model=model,
        reviews=len(reviews),
        by_version=_shares(reviews, lambda item: str(item.version or "none"), limits),
        by_band=_shares(reviews, lambda item: item.band or "abstained", limits),
        by_month=_shares(reviews, lambda item: f"{item.at:%Y-%m}", limits),
        decided=_counts((item.decided for item in reviews), limits),
        reasons=_counts((item.reason.value for item in reviews if item.verdict == "override" and item.reason), limits),
        reviewers=tuple(_reviewer(token, shown[token], limits) for token in sorted(shown)),
        not_shown=sum(len(own) for token, own in people.items() if token not in shown),
    )


def judge_agreement(seen: Agreement, limits: AgreementLimits) -> list[Finding]:
    """Return the finding for over-reliance; none where nobody reviews."""
    if not seen.reviews:
        return []
    judged = sum(item.reviews for item in seen.reviewers)
    if not judged:
        reason = f"{seen.reviews} reviews: nobody has the {limits.least_reviews} that are needed to tell"
        return [Finding("over-reliance", Alarm.WATCH, None, None, None, seen.reviews, reason)]
    relying = [item for item in seen.reviewers if item.relies]
    share = sum(item.reviews for item in relying) / judged
    alarm = Alarm.ACT if share >= limits.relying_share_to_act else Alarm.WATCH if relying else Alarm.OK
    return [Finding("over-reliance", alarm, share, None, None, judged, _words(seen, relying, share, limits))]


def _words(seen: Agreement, relying: Sequence[Reviewer], share: float, limits: AgreementLimits) -> str:
    if not relying:
        return f"none of {len(seen.reviewers)} people agrees with every score within {limits.fast_seconds:g} s"
    return (
        f"{len(relying)} of {len(seen.reviewers)} people agree with every score within {limits.fast_seconds:g} s, "
        f"{share:.0%} of the reviews: that is no review; ask them what they look at"
    )


def _shares(reviews: Iterable[Review], kind: Callable[[Review], str], limits: AgreementLimits) -> tuple[Share, ...]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for review in reviews:
        found[kind(review)][review.verdict] += 1
    return tuple(
        Share(name, counts.total(), counts[Verdict.AGREE], counts[Verdict.OVERRIDE])
        for name, counts in sorted(found.items())
        if counts.total() >= limits.least_reviews
    )


def _counts(words: Iterable[str], limits: AgreementLimits) -> dict[str, int]:
    return {word: count for word, count in sorted(Counter(words).items()) if count >= limits.least_reviews}


def _reviewer(token: str, own: Sequence[Review], limits: AgreementLimits) -> Reviewer:
    agreed = sum(item.verdict == Verdict.AGREE for item in own)
    times = [item.seconds for item in own if item.seconds is not None]
    fast = sum(seconds <= limits.fast_seconds for seconds in times)
    relies = agreed == len(own) and len(times) >= limits.least_reviews and fast >= limits.fast_share * len(times)
    return Reviewer(token, len(own), agreed, len(times), fast, relies)

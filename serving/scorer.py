"""The scorer: answers a request from one version wholly, and writes down what it answered before it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from caregate.clock import Clock, system_clock
from governance.consent_book import ConsentBook
from governance.ledger import digest_of
from governance.predictions import Prediction
from serving.assessment import MISSING, Assessment, assess_encoded
from serving.door import Door, Tokens, canonical_row
from serving.fields import MalformedRequest
from serving.instances import Form, Instance
from serving.known.history import History
from serving.policy import ServingPolicy
from serving.question import Answer, PurposeRefused, Question, TooManyInstances, random_id
from serving.seen.telemetry import span
from serving.served import Served
from serving.shelf import Offer, Shelf, Standing
from serving.withholding import (
    EXPIRED,
    NO_CONSENT,
    NOT_FOR_IT,
    SCORE,
    UNKNOWN_PATIENT,
    Placing,
    consents,
    is_unknown,
    stale,
)

Rows = Mapping[int, dict[str, Any]]
"""Canonical rows by the place of their instance in the request."""


class Record(Protocol):
    """Where predictions are written down."""

    def append(self, rows: Sequence[Prediction]) -> None:
        """Return once `rows` cannot be lost by the end of this process."""


class Scorer:
    """Scores instances by the models on a shelf.

    Parameters
    ----------
    shelf
        What answers for each model.
    door
        Exchanges the CRM's ids for tokens.
    book
        What patients agreed to.
    record
        Where each answer is written before it is given.
    policy
        Limits, support and number of reasons.
    """

    def __init__(
        self,
        shelf: Shelf,
        door: Door,
        book: ConsentBook,
        record: Record,
        policy: ServingPolicy,
        *,
        clock: Clock = system_clock,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._shelf = shelf
        self._door = door
        self._book = book
        self._record = record
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        longest = policy.limits.text_characters
        self._forms = {name: Form(offer.spec, longest=longest) for name, offer in shelf.offers.items()}
        self._placings = {name: Placing(offer.spec, offer.policy.freshness) for name, offer in shelf.offers.items()}

    def score(self, model: str, question: Question, *, may_wait: bool = True) -> list[Answer]:
        """Answer `question`, one answer an instance, in their order.

        Parameters
        ----------
        model
            Name of an offered model.
        question
            What is asked.
        may_wait
            Whether new ids may be given tokens, which waits for the disk.

        Raises
        ------
        serving.shelf.UnknownModel
            If the model is not offered.
        PurposeRefused
            If the model's policy does not allow the declared purpose.
        TooManyInstances, serving.fields.MalformedRequest
            If the instances cannot be read.
        serving.door.NewIds
            If ids are new and `may_wait` is false: nothing was answered and nothing written.
        """
        offer, standing = self._shelf.offer(model), self._shelf.standing(model)
        instances, shown = self._read(offer, question), self._shown(question)
        system, key = standing.history.system, offer.spec.record_id
        tokens = self._door.tokens(instances, system=system, record_id=key, may_draw=may_wait)
        self._book.refresh()
        moment = self._clock()
        with span("assess"):
            found = self._assess(model, standing, instances, tokens, moment, shown)
        version = standing.served.version if standing.served else None
        answers = [_answer(self._new_id(), assessment, version) for assessment in found]
        rows = [
            _prediction(answer, assessment, token, model=model, question=question, at=moment)
            for answer, assessment, token in zip(answers, found, tokens, strict=True)
        ]
        with span("write"):
            self._record.append(rows)
        return answers

    def _read(self, offer: Offer, question: Question) -> list[Instance]:
        if not offer.policy.allows(question.purpose):
            raise PurposeRefused([item.name for item in offer.policy.purposes.allowed])
        limits = self._policy.limits
        if len(question.instances) > limits.instances:
            raise TooManyInstances(limits.instances)
        return self._forms[offer.spec.name].read(question.instances)

    def _shown(self, question: Question) -> int:
        if question.reasons is None:
            return self._policy.reasons.shown
        most = self._policy.reasons.most
        if not 0 <= question.reasons <= most:
            raise MalformedRequest(f"has to be a whole number from 0 to {most}", "/reasons")
        return question.reasons

    def _assess(
        self,
        model: str,
        standing: Standing,
        instances: Sequence[Instance],
        tokens: list[Tokens],
        moment: datetime,
        shown: int,
    ) -> list[Assessment]:
        served, history = standing.served, standing.history
        why = standing.why if served is None else _outdated(served, history, moment)
        if served is None or why:
            return [_abstained(instance, why) for instance in instances]
        rows: dict[int, dict[str, Any]] = {}
        whys: dict[int, str] = {}
        for at, (instance, token) in enumerate(zip(instances, tokens, strict=True)):
            row = canonical_row(instance, token, record_id=served.spec.record_id)
            held = self._held_back(served, standing, instance, row, self._placings[model])
            if row["patient_id"] != token.patient:  # the record is known, and another's
                tokens[at] = Tokens(token.record, row["patient_id"])
            if held:
                whys[at] = held
            else:
                rows[at] = row
        found = self._assess_rows(served, history, rows, shown) if rows else {}
        return [
            found.get(at) or _abstained(instance, whys.get(at, NOT_FOR_IT)) for at, instance in enumerate(instances)
        ]

    def _held_back(
        self, served: Served, standing: Standing, instance: Instance, row: dict[str, Any], placing: Placing
    ) -> str | None:
        history, named = standing.history, row["patient_id"]
        if named is not None and not self._consents(history, named):
            return NO_CONSENT
        if instance.missing:
            return MISSING + ", ".join(instance.missing)
        if backdated := placing.place(row, history, standing.newest):
            return backdated
        if row["patient_id"] != named and not self._consents(history, row["patient_id"]):
            return NO_CONSENT
        return UNKNOWN_PATIENT if is_unknown(served.spec, row, history) else None

    def _consents(self, history: History, patient: str) -> bool:
        in_snapshot = history.consent_word(patient, SCORE)
        return consents(self._book.said(patient, SCORE), in_snapshot, required=history.consent_required)

    def _assess_rows(self, served: Served, history: History, rows: Rows, shown: int) -> dict[int, Assessment]:
        with span("features"):
            made = dict(zip(rows, history.rows_of(served.spec, list(rows.values())), strict=True))
        features = {at: row for at, row in made.items() if row is not None}
        if not features:
            return {}
        with span("score"):
            inputs = served.encoder.encode(list(features.values()))
            found = assess_encoded(served, inputs, self._policy, shown=shown)
        return dict(zip(features, found, strict=True))


def _outdated(served: Served, history: History, moment: datetime) -> str | None:
    if served.expires_at is not None and served.expires_at <= moment:
        return EXPIRED
    return stale(history, served.policy.freshness, moment)


def _abstained(instance: Instance, why: str | None) -> Assessment:
    asked = {name: None if value is None else str(value) for name, value in instance.values.items()}
    return Assessment(None, None, (), why, digest_of(asked))


def _answer(prediction_id: str, found: Assessment, version: int | None) -> Answer:
    return Answer(
        prediction_id,
        found.status,
        found.score,
        found.range,
        found.band,
        found.meaning,
        found.reasons,
        version,
        found.why,
    )


def _prediction(
    answer: Answer, found: Assessment, token: Tokens, *, model: str, question: Question, at: datetime
) -> Prediction:
    return Prediction(
        prediction_id=answer.prediction_id,
        at=at,
        model=model,
        version=answer.model_version,
        client=question.client,
        purpose=question.purpose,
        patient=token.patient,
        record=token.record,
        inputs_digest=found.inputs_digest,
        status=answer.status,
        score=answer.score,
        band=answer.band,
        reasons=[
            {"feature": reason.feature, "text": reason.text, "contribution": reason.contribution}
            for reason in answer.reasons
        ],
        why=answer.why,
    )

"""The scorer: answers a request from one version wholly, and writes down what it answered before it answers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, Refused
from governance.ledger import digest_of
from governance.predictions import Prediction, Predictions
from serving.assessment import Assessment, Reason, assess
from serving.door import Door, Tokens, canonical_rows
from serving.history import History
from serving.instances import POSITION, Instance, read_instances
from serving.policy import ServingPolicy
from serving.served import Served
from serving.shelf import Offer, Shelf, Standing

EXPIRED = "the approval has expired: the version has to be signed again"
NOT_FOR_IT = "not of the population that the model is for"


class PurposeRefused(Refused):
    """The declared purpose is none that the model's policy allows."""

    title = "Purpose refused"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(f"scores of this model are not given for the declared purpose, only for: {', '.join(allowed)}")


class TooManyInstances(BadInput):
    """A request holds more instances than one may."""

    status = 413
    title = "Too large"

    def __init__(self, most: int) -> None:
        super().__init__(f"a request may hold {most} instances: send fewer, or use `caregate score` for files")


@dataclass(frozen=True, slots=True)
class Question:
    """A request for scores.

    Attributes
    ----------
    client
        Whose key it came with.
    purpose
        What the scores are for, as declared.
    instances
        JSON objects, one a record.
    """

    client: str
    purpose: str
    instances: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets for one instance."""

    prediction_id: str
    status: str
    score: float | None
    band: str | None
    reasons: tuple[Reason, ...]
    model_version: int | None
    why: str | None


def random_id() -> str:
    """Draw an id that cannot be guessed."""
    return secrets.token_urlsafe(16)


class Scorer:
    """Scores instances by the models on a shelf.

    Parameters
    ----------
    shelf
        What answers for each model.
    door
        Exchanges the CRM's ids for tokens.
    predictions
        Where each answer is written before it is given.
    policy
        Limits, support and number of reasons.
    """

    def __init__(
        self,
        shelf: Shelf,
        door: Door,
        predictions: Predictions,
        policy: ServingPolicy,
        *,
        clock: Clock = system_clock,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._shelf = shelf
        self._door = door
        self._predictions = predictions
        self._policy = policy
        self._clock = clock
        self._new_id = new_id

    def score(self, model: str, question: Question) -> list[Answer]:
        """Answer `question`, one answer an instance, in their order.

        Raises
        ------
        serving.shelf.UnknownModel
            If the model is not offered.
        PurposeRefused
            If the model's policy does not allow the declared purpose.
        TooManyInstances, serving.fields.MalformedRequest
            If the instances cannot be read.
        """
        offer, standing = self._shelf.offer(model), self._shelf.standing(model)
        instances = self._read(offer, question)
        tokens = self._door.tokens(instances, system=standing.history.system, record_id=offer.spec.record_id)
        moment = self._clock()
        found = self._assess(standing, instances, tokens, moment)
        version = standing.served.version if standing.served else None
        answers = [self._answer(assessment, version) for assessment in found]
        self._predictions.append(
            [
                _prediction(answer, assessment, token, model=model, question=question, at=moment)
                for answer, assessment, token in zip(answers, found, tokens, strict=True)
            ]
        )
        return answers

    def _read(self, offer: Offer, question: Question) -> list[Instance]:
        if not offer.policy.allows(question.purpose):
            raise PurposeRefused([item.name for item in offer.policy.purposes.allowed])
        limits = self._policy.limits
        if len(question.instances) > limits.instances:
            raise TooManyInstances(limits.instances)
        spec = offer.spec
        return read_instances(
            question.instances, table=spec.table, record_id=spec.record_id, longest=limits.text_characters
        )

    def _assess(
        self, standing: Standing, instances: Sequence[Instance], tokens: Sequence[Tokens], moment: datetime
    ) -> list[Assessment]:
        served = standing.served
        if served is None:
            return [_abstained(instance, standing.why) for instance in instances]
        if served.expires_at is not None and served.expires_at <= moment:
            return [_abstained(instance, EXPIRED) for instance in instances]
        known = self._assess_complete(served, standing.history, instances, tokens)
        return [
            known.get(token.record) or _abstained(instance, _lack(instance))
            for instance, token in zip(instances, tokens, strict=True)
        ]

    def _assess_complete(
        self, served: Served, history: History, instances: Sequence[Instance], tokens: Sequence[Tokens]
    ) -> Mapping[str | None, Assessment]:
        complete = [at for at, instance in enumerate(instances) if not instance.missing]
        if not complete:
            return {}
        spec = served.spec
        position = POSITION.get(spec.table)
        rows = canonical_rows(
            [instances[at] for at in complete],
            [tokens[at] for at in complete],
            table=spec.table,
            record_id=spec.record_id,
            defaults={position: history.after_all(spec.table, position)} if position else {},
        )
        features = history.features(spec, rows)
        found = assess(served, features, self._policy)
        return dict(zip(features.column("record_id").to_pylist(), found, strict=True))

    def _answer(self, found: Assessment, version: int | None) -> Answer:
        return Answer(self._new_id(), found.status, found.score, found.band, found.reasons, version, found.why)


def _lack(instance: Instance) -> str:
    if instance.missing:
        return "missing required field: " + ", ".join(instance.missing)
    return NOT_FOR_IT


def _abstained(instance: Instance, why: str | None) -> Assessment:
    asked = {name: None if value is None else str(value) for name, value in instance.values.items()}
    return Assessment(None, None, (), why, digest_of(asked))


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
        reasons=[asdict(reason) for reason in answer.reasons],
        why=answer.why,
    )

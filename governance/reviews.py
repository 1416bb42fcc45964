"""Reviews of predictions: append-only, the last one counts, and a report that comes twice counts once.

What a person wrote in their own words may hold what no ledger should: it is sealed by the vault and stands in the table
alone. The ledger's line holds the decision's digest and what was decided.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, insert, select

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, NotFound
from governance.database import exclusive
from governance.ledger import Ledger
from governance.predictions import Prediction
from governance.recorded import RecordedPredictions
from governance.review import Decision, Reason, Review, Verdict
from governance.schema import reviews
from governance.vault import Vault, namespace

REVIEWED = "prediction.review"
"""Act of the ledger, on a prediction."""
Found = dict[str, Any] | None
_SHOWN = [reviews.c[item.name] for item in fields(Review)]


class UnknownPrediction(NotFound):
    """The client was given no prediction of this id; the answer does not say whether somebody else was."""

    title = "Unknown prediction"

    def __init__(self) -> None:
        super().__init__("no prediction of this id was given to this client; those of scored files belong to none")


class UnknownChoice(BadInput):
    """The model's policy does not know what was decided."""

    title = "Unknown decision"

    def __init__(self, known: Collection[str]) -> None:
        super().__init__(f"what was decided has to be one of {', '.join(known)}")


class KeyReused(BadInput):
    """The idempotency key came before, with another content."""

    title = "Idempotency key reused"

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was sent before with another content: send each with a key of its own")


class Reviews:
    """Records and reads reviews.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    vault
        Seals what people write, and draws the reviewers' tokens.
    recorded
        Finds predictions, those of a moment ago too.
    clock
        Tells when a review is reported.
    """

    def __init__(
        self, engine: Engine, vault: Vault, recorded: RecordedPredictions, *, clock: Clock = system_clock
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._recorded = recorded
        self._clock = clock
        self._ledger = Ledger(engine, clock)

    def record(
        self,
        prediction_id: str,
        decision: Decision,
        *,
        client: str,
        choices: Mapping[str, Collection[str]],
        once: str | None = None,
    ) -> tuple[Review, bool]:
        """Record a decision about a prediction.

        Parameters
        ----------
        prediction_id
            What the client was given.
        decision
            The person's.
        client
            Who reports it.
        choices
            By model, what can be decided.
        once
            The client's name for this report. A report of the same name, or without one the same as the last of its
            prediction, is not written again.

        Returns
        -------
        tuple of Review and bool
            What stands, and whether it is new.

        Raises
        ------
        UnknownPrediction
            If the client was given none of this id.
        UnknownChoice, KeyReused
            If it cannot be what it says.
        """
        prediction = self._recorded.find(prediction_id)
        if prediction is None or prediction.client != client:
            raise UnknownPrediction
        known = choices.get(prediction.model, ())
        if decision.decided not in known:
            raise UnknownChoice(known)
        person = namespace(client, "user")
        reviewer = self._vault.tokens(person, [decision.reviewer])[decision.reviewer]
        content = self._mark(prediction_id, decision, reviewer)
        name = self._vault.mark(f"review/once/{client}", once.encode()) if once else None
        with exclusive(self._engine) as connection:
            found = self._standing(connection, prediction_id, content, name)
            if found is not None:
                return _review(found), False
            values = self._values(prediction, decision, client, reviewer) | {"content": content, "once": name}
            connection.execute(insert(reviews).values(values))
            said = {"verdict": decision.verdict.value, "decided": decision.decided, "review": values["review_id"]}
            subject = f"{prediction.model}/prediction/{prediction_id}"
            self._ledger.append_within(connection, client, REVIEWED, subject, digest=f"sha256:{content}", **said)
        return _review(values), True

    def note(self, review_id: str) -> str | None:
        """Return what the person wrote in their own words, None where they wrote nothing or no such review stands."""
        with self._engine.connect() as connection:
            sealed = connection.scalar(select(reviews.c.note).where(reviews.c.review_id == review_id))
        return self._vault.unseal(_label(review_id), bytes(sealed)).decode() if sealed is not None else None

    def _standing(
        self, connection: Connection, prediction_id: str, content: str, name: str | None
    ) -> dict[str, Any] | None:
        columns = select(*_SHOWN, reviews.c.content)
        if name is not None:
            found = _first(connection, columns.where(reviews.c.once == name))
            if found is not None and found["content"] != content:
                raise KeyReused
            return found
        of_it = columns.where(reviews.c.prediction_id == prediction_id)
        last = _first(connection, of_it.order_by(reviews.c.seq.desc()).limit(1))
        return last if last is not None and last["content"] == content else None

    def _values(self, prediction: Prediction, decision: Decision, client: str, reviewer: str) -> dict[str, Any]:
        review_id = secrets.token_urlsafe(16)
        note = self._vault.seal(_label(review_id), decision.note.encode()) if decision.note else None
        return {
            "review_id": review_id,
            "at": self._clock(),
            "prediction_id": prediction.prediction_id,
            "model": prediction.model,
            "version": prediction.version,
            "band": prediction.band,
            "client": client,
            "verdict": decision.verdict.value,
            "decided": decision.decided,
            "reason": decision.reason.value if decision.reason else None,
            "note": note,
            "reviewer": reviewer,
            "seconds": decision.seconds,
        }

    def _mark(self, prediction_id: str, decision: Decision, reviewer: str) -> str:
        said = asdict(decision) | {"reviewer": reviewer, "prediction_id": prediction_id}
        return self._vault.mark("review", json.dumps(said, sort_keys=True).encode())


def last_reviews(engine: Engine, model: str, *, since: datetime | None = None) -> list[Review]:
    """Return of each reviewed prediction of `model` the last review, oldest first.

    Parameters
    ----------
    engine
        The governance database.
    model
        Whose predictions.
    since
        Only reviews from here on.
    """
    newest = select(func.max(reviews.c.seq)).where(reviews.c.model == model).group_by(reviews.c.prediction_id)
    query = select(*_SHOWN).where(reviews.c.seq.in_(newest)).order_by(reviews.c.seq)
    if since is not None:
        query = query.where(reviews.c.at >= since)
    with engine.connect() as connection:
        return [_review(dict(row)) for row in connection.execute(query).mappings()]


def _first(connection: Connection, query: Select[Any]) -> Found:
    row = connection.execute(query).mappings().first()
    return dict(row) if row is not None else None


def _review(values: Mapping[str, Any]) -> Review:
    said = {item.name: values[item.name] for item in fields(Review)}
    said["at"] = said["at"] if said["at"].tzinfo else said["at"].replace(tzinfo=UTC)
    said["verdict"] = Verdict(said["verdict"])
    said["reason"] = Reason(said["reason"]) if said["reason"] else None
    return Review(**said)


def _label(review_id: str) -> str:
    return f"review/{review_id}"

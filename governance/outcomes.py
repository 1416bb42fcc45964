"""Outcomes: append-only, the last word on a record counts, and what was said already is not written again.

The last word is the one that was known last: a file that is loaded again, or one that comes late, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select

from caregate.clock import Clock, system_clock
from governance.database import exclusive
from governance.ledger import Ledger, digest_of
from governance.outcome import Outcome, Reported, Taken
from governance.predictions import Prediction
from governance.recorded import RecordedPredictions
from governance.schema import outcomes
from governance.vault import Vault, chunks

REPORTED = "outcome.report"
"""Act of the ledger, on a model: how many words were added, and their digest."""

Place = Callable[[str], str | None]
"""The vault's namespace of the ids of a model's records; None of a model that is not offered."""
EARLIEST = 2000
"""The first year in which an outcome can have been known: earlier ones are misread dates."""
Key = tuple[str, str]
"""A model and a record's token."""


class _Name(NamedTuple):
    """What an outcome is about: the record's token, or the system's own id of it."""

    model: str
    record: str
    is_token: bool


class Outcomes:
    """Records outcomes.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    vault
        Knows the records' tokens, and draws one for a record that nobody asked about yet.
    recorded
        Finds predictions.
    place
        Where ids of a model's records stand in the vault.
    clock
        Tells when an outcome is reported.
    """

    def __init__(
        self,
        engine: Engine,
        vault: Vault,
        recorded: RecordedPredictions,
        place: Place,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._recorded = recorded
        self._place = place
        self._clock = clock
        self._ledger = Ledger(engine, clock)

    def record(self, rows: Sequence[Reported], *, by: str, client: str | None = None) -> list[Taken]:
        """Record `rows` and return what became of each, in their order; all are written, or none.

        Parameters
        ----------
        rows
            What is reported; a later row about a record is a later word.
        by
            Who reports it.
        client
            Whose predictions may be named; None for those of all clients.
        """
        now = self._clock()
        predicted = self._recorded.find_all({row.prediction_id for row in rows if row.prediction_id is not None})
        found = [self._named(row, predicted, client, now) for row in rows]
        tokens = self._tokens([name for name in found if isinstance(name, _Name)])
        keys = [tokens[name] if isinstance(name, _Name) else name for name in found]
        taken: list[Taken] = []
        with exclusive(self._engine) as connection:
            standing = _standing(connection, {key for key in keys if not isinstance(key, Taken)})
            fresh: list[tuple[Key, Outcome]] = []
            for row, key in zip(rows, keys, strict=True):
                taken.append(key if isinstance(key, Taken) else _say(key, row, standing, fresh))
            self._write(connection, fresh, by=by, at=now)
        return taken

    def _named(
        self, row: Reported, predicted: Mapping[str, Prediction], client: str | None, now: datetime
    ) -> Taken | _Name:
        """Return what `row` is about, or the rule that holds it back."""
        if row.known_at.year < EARLIEST:
            return Taken.TOO_EARLY
        if row.known_at > now:
            return Taken.IN_FUTURE
        if row.prediction_id is None and row.record is None:
            return Taken.NO_ID
        if row.prediction_id is None:
            is_known = row.model is not None and self._place(row.model) is not None
            return _Name(str(row.model), str(row.record), is_token=False) if is_known else Taken.UNKNOWN_MODEL
        if row.record is not None:
            return Taken.TWO_IDS
        prediction = predicted.get(row.prediction_id)
        if prediction is None or client not in (None, prediction.client):
            return Taken.UNKNOWN_PREDICTION
        if row.model not in (None, prediction.model):
            return Taken.OTHER_MODEL
        return _Name(prediction.model, prediction.record, is_token=True) if prediction.record else Taken.NO_RECORD

    def _tokens(self, names: Collection[_Name]) -> dict[_Name, Key]:
        found = {name: (name.model, name.record) for name in names if name.is_token}
        for model in {name.model for name in names if not name.is_token}:
            own = [name.record for name in names if name.model == model and not name.is_token]
            drawn = self._vault.tokens(str(self._place(model)), own)
            found |= {_Name(model, record, is_token=False): (model, token) for record, token in drawn.items()}
        return found

    def _write(self, connection: Connection, fresh: Sequence[tuple[Key, Outcome]], *, by: str, at: datetime) -> None:
        rows = [
            {"at": at, "by": by, "model": model, "record": record, "happened": said.happened, "known_at": said.known_at}
            for (model, record), said in fresh
        ]
        if not rows:
            return
        connection.execute(insert(outcomes), rows)
        for model in sorted({model for (model, _), _ in fresh}):
            words = [[record, said.happened, said.known_at.isoformat()] for (of, record), said in fresh if of == model]
            self._ledger.append_within(connection, by, REPORTED, model, digest=digest_of(words), outcomes=len(words))


def known_outcomes(engine: Engine, model: str) -> Mapping[str, Outcome]:
    """Return the last word on each record of `model`, by its token."""
    newest = select(func.max(outcomes.c.seq)).where(outcomes.c.model == model).group_by(outcomes.c.record)
    query = select(outcomes.c.record, outcomes.c.happened, outcomes.c.known_at).where(outcomes.c.seq.in_(newest))
    with engine.connect() as connection:
        return {row.record: Outcome(row.happened, _utc(row.known_at)) for row in connection.execute(query)}


def _say(key: Key, row: Reported, standing: dict[Key, Outcome], fresh: list[tuple[Key, Outcome]]) -> Taken:
    said = Outcome(row.happened, row.known_at.astimezone(UTC))
    stands = standing.get(key)
    if stands is not None and (stands == said or stands.known_at > said.known_at):
        return Taken.STANDS
    standing[key] = said
    fresh.append((key, said))
    return Taken.RECORDED


def _standing(connection: Connection, keys: set[Key]) -> dict[Key, Outcome]:
    found: dict[Key, Outcome] = {}
    for model in {model for model, _ in keys}:
        records = [record for of, record in keys if of == model]
        for chunk in chunks(records):
            about = (outcomes.c.model == model) & outcomes.c.record.in_(chunk)
            newest = select(func.max(outcomes.c.seq)).where(about).group_by(outcomes.c.record)
            query = select(outcomes.c.record, outcomes.c.happened, outcomes.c.known_at)
            for row in connection.execute(query.where(outcomes.c.seq.in_(newest))):
                found[model, row.record] = Outcome(row.happened, _utc(row.known_at))
    return found


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

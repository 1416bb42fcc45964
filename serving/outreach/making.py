"""Making a day's worklist: candidates scored by the champion, capacity given by the rule that the bias gate judged."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from crm.canonical import conform
from crm.outreach.candidates import candidates
from crm.outreach.desk import Desk, Errand
from crm.outreach.hold_out import Arm, arm_of
from crm.outreach.policy import ModelOutreach
from crm.outreach.rules import Refusal
from crm.outreach.webhook import WEBHOOK
from crm.outreach.worklist_store import Entry, Worklist, name_of
from crm.snapshot import Snapshot
from crm.tables import TABLES
from governance.ledger import digest_of
from governance.predictions import Prediction
from registry.judging import grouping_of
from serving.assessment import Assessment, assess
from serving.known.history import History
from serving.policy import ServingPolicy
from serving.served import Served
from serving.withholding import NO_CONSENT, NOT_FOR_IT
from validation.allocation import allocate
from validation.decision import choose
from validation.policy import Policy
from validation.scored import Flags, Floats, Grouping

CLIENT: Final = "worklist"
"""Who stands in the prediction rows."""
CHUNK: Final = 10_000
"""Rows explained at a time, which bounds the memory that contributions take."""
TEMPORARY: Final = (None, Refusal.QUIET, Refusal.CAP_DAY, Refusal.CAP_WEEK)
"""What stands in the way of a patient today and not for good."""


@dataclass(frozen=True)
class Makings:
    """What a worklist is made of.

    Attributes
    ----------
    served, history, snapshot
        Which version scores, and what is known.
    said, serving
        Policies.
    may_score
        Tells by a patient's token whether they may be scored.
    desk
        Knows whom a channel is open to.
    key
        Of the hold-out.
    """

    served: Served
    history: History
    snapshot: Snapshot
    said: ModelOutreach
    serving: ServingPolicy
    may_score: Callable[[str], bool]
    desk: Desk
    key: bytes


def make(makings: Makings, day: date, *, by: str, at: datetime) -> tuple[Worklist, list[Prediction]]:
    """Return the worklist of `day` and the predictions behind it; nothing is written yet."""
    spec = makings.served.spec
    rows = candidates(pl.scan_parquet(makings.snapshot.verified(spec.table)), spec.table, makings.said, day)
    features, found = _scores(makings, rows)
    answers = dict(zip(features.column("record_id").to_pylist(), found, strict=True))
    predicted = [
        _prediction(makings, answers.get(row[spec.record_id]) or _unseen(makings, row), row, at)
        for row in rows.iter_rows(named=True)
    ]
    scored = features.filter(pa.array([item.status == "scored" for item in found], pa.bool_()))
    ids = {row.record: row.prediction_id for row in predicted if row.record}
    chosen, grouping = _chosen(makings, scored, [item.score for item in found if item.score is not None])
    facts = _facts(makings, predicted, scored, chosen, grouping)
    made = Worklist(
        worklist=name_of(spec.name, day),
        model=spec.name,
        day=day.isoformat(),
        version=makings.served.version,
        at=at,
        by=by,
        facts=facts,
        entries=(),
    )
    return replace(made, entries=_entries(makings, made, scored, chosen, grouping, ids)), predicted


def cut(score: Floats, groups: Mapping[str, Grouping], policy: Policy, daily: int) -> Flags:
    """Return what the model's own capacity chooses, or, where that is more than `daily`, what `daily` places would.

    Both by the same rule: a smaller capacity has the same floor for each group.
    """
    chosen = choose(score, groups, policy)
    if int(chosen.sum()) <= daily:
        return chosen
    coverage = policy.decision.coverage
    grouping = groups.get(coverage.grouping) if coverage else None
    share = (daily + 0.5) / len(score)  # half a place more, so that no rounding takes one
    return allocate(score, share, grouping, coverage.floor if coverage else 0.0)


def _scores(makings: Makings, rows: pl.DataFrame) -> tuple[pa.Table, list[Assessment]]:
    spec = makings.served.spec
    allowed = rows.filter([makings.may_score(patient) for patient in rows["patient_id"]]) if rows.height else rows
    instances = conform(allowed, spec.table).to_arrow().cast(TABLES[spec.table])
    features = makings.history.features(spec, instances)
    parts = (features.slice(start, CHUNK) for start in range(0, features.num_rows, CHUNK))
    return features, [answer for part in parts for answer in assess(makings.served, part, makings.serving)]


def _chosen(
    makings: Makings, scored: pa.Table, scores: Sequence[float]
) -> tuple[list[tuple[int, float]], Grouping | None]:
    """Return the places of the chosen rows with their scores, highest first, and the grouping with a floor."""
    policy, score = makings.served.policy, np.array(scores, dtype=np.float64)
    coverage = policy.decision.coverage
    grouping = grouping_of(scored.column(f"group_{coverage.grouping}")) if coverage else None
    groups = {coverage.grouping: grouping} if coverage and grouping is not None else {}
    chosen = cut(score, groups, policy, makings.said.daily.value)
    order = np.argsort(-score, kind="stable")
    return [(int(at), float(score[at])) for at in order if chosen[at]], grouping


def _entries(
    makings: Makings,
    made: Worklist,
    scored: pa.Table,
    chosen: Sequence[tuple[int, float]],
    grouping: Grouping | None,
    ids: Mapping[str, str],
) -> tuple[Entry, ...]:
    records, patients = scored.column("record_id").to_pylist(), scored.column("patient_id").to_pylist()
    share = makings.said.hold_out.value
    entries = [
        Entry(
            place=place,
            record=records[at],
            patient=patients[at],
            prediction_id=ids[records[at]],
            arm=arm_of(patients[at], made.model, share, makings.key),
            chance=share,
            covered=_level(grouping, at),
            reachable=False,
        )
        for place, (at, _score) in enumerate(chosen, start=1)
    ]
    asked = [replace(errand_of(made, entry, makings.said), arm=Arm.CONTACT) for entry in entries]
    offers = makings.desk.offers(asked, WEBHOOK)
    return tuple(
        replace(entry, reachable=any(offer.refusal in TEMPORARY for offer in found))
        for entry, found in zip(entries, offers, strict=True)
    )


def errand_of(worklist: Worklist, entry: Entry, said: ModelOutreach) -> Errand:
    """Return what an entry of a worklist asks for."""
    return Errand(
        worklist=worklist.worklist,
        model=worklist.model,
        prediction_id=entry.prediction_id,
        patient=entry.patient,
        record=entry.record,
        arm=entry.arm,
        template=said.template,
        about=worklist.day,
    )


def _unseen(makings: Makings, row: Mapping[str, Any]) -> Assessment:
    why = NOT_FOR_IT if makings.may_score(row["patient_id"]) else NO_CONSENT
    asked = {name: None if value is None else str(value) for name, value in row.items()}
    return Assessment(None, None, (), why, digest_of(asked))


def _prediction(makings: Makings, found: Assessment, row: Mapping[str, Any], at: datetime) -> Prediction:
    return Prediction(
        prediction_id=secrets.token_urlsafe(16),
        at=at,
        model=makings.served.spec.name,
        version=makings.served.version,
        client=CLIENT,
        purpose=makings.said.purpose,
        patient=row["patient_id"],
        record=row[makings.served.spec.record_id],
        inputs_digest=found.inputs_digest,
        status=found.status,
        score=found.score,
        band=found.band,
        reasons=[asdict(reason) for reason in found.reasons],
        why=found.why,
    )


def _facts(
    makings: Makings,
    predicted: Sequence[Prediction],
    scored: pa.Table,
    chosen: Sequence[tuple[int, float]],
    grouping: Grouping | None,
) -> dict[str, Any]:
    coverage = makings.served.policy.decision.coverage
    return {
        "snapshot": makings.snapshot.manifest.digest,
        "as_of": makings.snapshot.manifest.created_at,
        "considered": len(predicted),
        "not_scored": _counts(row.why.partition(":")[0] for row in predicted if row.why),
        "scored": scored.num_rows,
        "chosen": len(chosen),
        "grouping": coverage.grouping if coverage else None,
        "floor": coverage.floor if coverage else None,
        "groups": _groups(grouping, scored.num_rows, [at for at, _ in chosen]),
    }


def _groups(grouping: Grouping | None, rows: int, chosen: Sequence[int]) -> dict[str, list[int]]:
    """Return how many of each group were scored, and how many were chosen."""
    scored, got = (_counts(_level(grouping, at) or "" for at in places) for places in (range(rows), chosen))
    return {level: [count, got.get(level, 0)] for level, count in sorted(scored.items()) if grouping is not None}


def _level(grouping: Grouping | None, at: int) -> str | None:
    if grouping is None:
        return None
    code = int(grouping.codes[at])
    return grouping.levels[code] if code >= 0 else "unknown"


def _counts(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words))

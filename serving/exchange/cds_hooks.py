"""CDS Hooks 2.0 (``cds-hooks.hl7.org/2.0``): a request read into instances, an answer told as a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from governance.review import Reason
from serving.exchange.cds_services import CdsService
from serving.exchange.fhir import PERSON, uuid_of
from serving.exchange.fhir_reading import (
    Appointment,
    Condition,
    Encounter,
    Patient,
    appointment_instance,
    encounter_instance,
    recorded_of,
)
from serving.fields import MalformedRequest
from serving.question import Answer

LONGEST_SUMMARY = 139
SYSTEM: Final = "urn:caregate:override-reason"
Resource = TypeVar("Resource")


class MalformedHook(MalformedRequest):
    """The request has not the form of this hook; `pointer` says where."""

    def __init__(self, pointer: str = "") -> None:
        what = "the body has to be a CDS Hooks 2.0 request of this service's hook, with FHIR R4 resources"
        super().__init__(what, pointer)


class Call(msgspec.Struct, frozen=True):
    """What is read of a request; an access token that comes along is not."""

    hook: str
    hookInstance: str  # noqa: N815
    context: dict[str, Any]
    prefetch: dict[str, Any] | None = None


class OverrideReason(msgspec.Struct, frozen=True):
    """Why a person did otherwise."""

    reason: dict[str, Any] | None = None
    userComment: str | None = None  # noqa: N815


class Feedback(msgspec.Struct, frozen=True):
    """What a person did with one card."""

    card: str
    outcome: str
    overrideReason: OverrideReason | None = None  # noqa: N815


class FeedbackCall(msgspec.Struct, frozen=True):
    """The body of feedback."""

    feedback: tuple[Feedback, ...]


def read_call(body: bytes, hook: str) -> Call:
    """Return the request in `body`.

    Raises
    ------
    MalformedHook
        If it is none, or of another hook.
    """
    call = _decoded(body, Call)
    if call.hook != hook:
        raise MalformedHook("/hook")
    return call


def read_feedback(body: bytes) -> tuple[Feedback, ...]:
    """Return the feedback in `body`.

    Raises
    ------
    MalformedHook
        If it is none.
    """
    return _decoded(body, FeedbackCall).feedback


def instances_of(call: Call, *, now: datetime) -> list[dict[str, Any]]:
    """Return the instances that `call` asks about.

    Raises
    ------
    MalformedHook
        If context or prefetch do not hold what the hook says.
    """
    patient_id = call.context.get("patientId")
    if not isinstance(patient_id, str) or not patient_id:
        raise MalformedHook("/context/patientId")
    patient = _one(call, "patient", Patient)
    if call.hook == "appointment-book":
        conditions = _all(call.prefetch, "conditions", Condition, "/prefetch")
        booked = _all(call.context, "appointments", Appointment, "/context")
        if not booked:
            raise MalformedHook("/context/appointments")
        recorded = None if conditions is None else recorded_of(conditions)
        return [appointment_instance(item, patient_id, patient, recorded, now=now) for item in booked]
    encounter = _one(call, "encounter", Encounter)
    if encounter is None:
        encounter = Encounter(id=call.context.get("encounterId"))
    others = _all(call.prefetch, "encounters", Encounter, "/prefetch")
    found = encounter_instance(encounter, patient_id, patient, others, today=now.date())
    return [] if found is None else [found]


def cards(service: CdsService, answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return the cards that the answers come to, in their order."""
    told = [answer for answer in answers if answer.score is not None or service.abstained == "card"]
    return [_card(service, answer) for answer in told]


def reason_of(feedback: Feedback) -> Reason:
    """Return why the person did otherwise, by our own codes; another system's code is another reason."""
    told = feedback.overrideReason.reason if feedback.overrideReason else None
    code = (told or {}).get("code")
    return Reason(code) if code in list(Reason) else Reason.OTHER


def _card(service: CdsService, answer: Answer) -> dict[str, Any]:
    stands_out = answer.band in service.warning
    summary = f"{service.title}: {answer.band}" if answer.score is not None else f"{service.title}: no score"
    return {
        "uuid": uuid_of(answer.prediction_id),
        "summary": summary[:LONGEST_SUMMARY],
        "indicator": "warning" if stands_out else "info",
        "detail": _detail(answer),
        "source": {"label": "Caregate", "topic": {"system": "urn:caregate:model", "code": service.model}},
        "overrideReasons": [{"code": reason.value, "system": SYSTEM, "display": reason.words} for reason in Reason],
    }


def _detail(answer: Answer) -> str:
    if answer.score is None:
        return f"The model abstained: {answer.why}. The usual care stands."
    lines = [answer.meaning or "", f"Score {answer.score:.0%}{_range(answer)}, version {answer.model_version}.", ""]
    lines += [f"- {'raised' if reason.contribution > 0 else 'lowered'} by {reason.text}" for reason in answer.reasons]
    return "\n".join([*lines, "", PERSON]).strip()


def _range(answer: Answer) -> str:
    return f" (expected between {answer.range[0]:.0%} and {answer.range[1]:.0%})" if answer.range else ""


def _one(call: Call, name: str, kind: type[Resource]) -> Resource | None:
    told = (call.prefetch or {}).get(name)
    return None if told is None else _converted(told, kind, f"/prefetch/{name}")


def _all(told: Mapping[str, Any] | None, name: str, kind: type[Resource], place: str) -> list[Resource] | None:
    """Return the resources of a Bundle, None where there is no Bundle or it is not whole."""
    bundle = (told or {}).get(name)
    if bundle is None:
        return None
    entries = bundle.get("entry", []) if isinstance(bundle, dict) else bundle
    links = bundle.get("link", []) if isinstance(bundle, dict) else []
    if not isinstance(entries, list) or not isinstance(links, list):
        raise MalformedHook(f"{place}/{name}")
    if any(isinstance(link, dict) and link.get("relation") == "next" for link in links):
        return None
    resources = [entry.get("resource", entry) if isinstance(entry, dict) else entry for entry in entries]
    wanted = [item for item in resources if isinstance(item, dict) and item.get("resourceType") == kind.__name__]
    return [_converted(item, kind, f"{place}/{name}") for item in wanted]


def _converted(told: Any, kind: type[Resource], pointer: str) -> Resource:
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError:
        raise MalformedHook(pointer) from None


def _decoded(body: bytes, kind: type[Resource]) -> Resource:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise MalformedHook from None

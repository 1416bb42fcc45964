"""What an incident can be, the way it goes, and who may move it on."""

from __future__ import annotations

from enum import StrEnum

from caregate.errors import BadInput, Refused
from governance.people import Person, Role


class Kind(StrEnum):
    """What went wrong; `reason` says when an incident is of this kind."""

    ALIAS_FORGED = "alias-forged"
    ARTIFACTS_TAMPERED = "artifacts-tampered"
    DRIFT = "drift"
    ERROR_REPORTED = "error-reported"
    EXTRACTION = "extraction"
    HARM_REPORTED = "harm-reported"
    KEYS_REFUSED = "keys-refused"
    LEDGER_TAMPERED = "ledger-tampered"
    PRIVACY = "privacy"
    REGISTRY_TAMPERED = "registry-tampered"
    SECURITY = "security"
    SUSPENSION = "suspension"
    OTHER = "other"

    @property
    def reason(self) -> str:
        """When an incident is of this kind."""
        return _REASONS[self]


_REASONS = {
    Kind.ALIAS_FORGED: "an alias pointed to a version that the ledger does not name",
    Kind.ARTIFACTS_TAMPERED: "files of a registered or an approved version are not those that were signed",
    Kind.DRIFT: "data, calibration or fairness left the limits of the model's policy",
    Kind.ERROR_REPORTED: "somebody reported a score that was wrong, and that harmed nobody",
    Kind.EXTRACTION: "a client asked for more, of more patients or at other hours than it ever did",
    Kind.HARM_REPORTED: "somebody reported that a score harmed a patient, or nearly did",
    Kind.KEYS_REFUSED: "keys of the scoring API were tried again and again that do not stand, or do not open enough",
    Kind.LEDGER_TAMPERED: "a line of the ledger has no true seal, was changed, or is missing",
    Kind.PRIVACY: "data of patients was seen, kept or used where it should not have been",
    Kind.REGISTRY_TAMPERED: "MLflow's database says something else than the ledger, past the server's rules",
    Kind.SECURITY: "an account, a password or a key was used by somebody else",
    Kind.SUSPENSION: "a model was stopped; patients may have been affected before",
    Kind.OTHER: "none of the other kinds",
}


class State(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    INVESTIGATING = "investigating"
    CONTAINED = "contained"
    CLOSED = "closed"
    REOPENED = "reopened"


_NEXT = {
    State.OPEN: (State.INVESTIGATING,),
    State.INVESTIGATING: (State.CONTAINED,),
    State.CONTAINED: (State.CLOSED, State.REOPENED),
    State.CLOSED: (State.REOPENED,),
    State.REOPENED: (State.INVESTIGATING,),
}
HANDLERS = (Role.ENGINEER, Role.REVIEWER, Role.CLINICAL_REVIEWER, Role.ADMIN)
"""Who moves an incident on. Opening one and adding a note is every account's: nobody is turned away who saw harm."""


class UnknownKind(BadInput):
    """There is no such kind of incident."""

    def __init__(self) -> None:
        super().__init__(f"no such kind of incident: choose one of {', '.join(Kind)}")


class UnknownState(BadInput):
    """An incident does not know this state."""

    def __init__(self) -> None:
        super().__init__(f"no such state of an incident: choose one of {', '.join(State)}")


class MayNotAdvance(Refused):
    """The account's role does not handle incidents."""

    def __init__(self, by: str) -> None:
        super().__init__(
            f"{by} may add a note; an incident is moved on by people with the role {' or '.join(HANDLERS)}"
        )


class WrongStep(Refused):
    """The incident does not go that way."""

    def __init__(self, incident: str, found: State) -> None:
        super().__init__(f"{incident} is {found}: from there it goes to {' or '.join(_NEXT[found])} alone")


class FourEyes(Refused):
    """Nobody closes what they opened or contained themselves."""

    def __init__(self, incident: str, by: str) -> None:
        super().__init__(f"four eyes: {by} opened or contained {incident}; somebody else has to close it")


def kind_of(word: str) -> Kind:
    """Return the kind that is called `word`.

    Raises
    ------
    UnknownKind
        If there is none.
    """
    if word not in set(Kind):
        raise UnknownKind
    return Kind(word)


def state_of(word: str) -> State:
    """Return the state that is called `word`.

    Raises
    ------
    UnknownState
        If there is none.
    """
    if word not in set(State):
        raise UnknownState
    return State(word)


def require_handler(by: str, person: Person | None) -> None:
    """Hold `by` to the roles that move incidents on.

    Raises
    ------
    MayNotAdvance
        If it is no account, a disabled or a service's one, or of another role.
    """
    if person is None or person.disabled or person.service or person.role not in HANDLERS:
        raise MayNotAdvance(by)


def require_step(incident: str, found: State, to: State, *, by: str, opened_by: str, contained_by: str | None) -> None:
    """Decide whether an incident goes from `found` to `to` by the hand of `by`.

    Who caused an incident is often unknown when it is handled, and a name that somebody gives is a claim. So the rule
    asks for no culprit: two people look at each incident, the one who opened or contained it and the one who closes it.

    Raises
    ------
    WrongStep
        If the way is another.
    FourEyes
        If it is closed by who opened or contained it.
    """
    if to not in _NEXT[found]:
        raise WrongStep(incident, found)
    if to is State.CLOSED and by in (opened_by, contained_by):
        raise FourEyes(incident, by)

"""`caregate consent`: what a patient said yes and no to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.commands.patient_ids import Patient, System, known_token_of, token_of

if TYPE_CHECKING:
    from governance.consent import Word
    from governance.consents import Consents

consents = typer.Typer(help="Consents: record and show what a patient said.", no_args_is_help=True)
Purpose = Annotated[str, typer.Option(help="train, score, contact, share, or contact:sms and the like.")]
How = Annotated[str, typer.Option(help="How it was said: in-person, paper, portal, voice, sms, …")]


@consents.command("grant")
@guarded
def grant_consent(
    patient: Patient,
    purpose: Purpose,
    notice: Annotated[str | None, typer.Option(help="Version of the notice shown; by default the newest.")] = None,
    how: How = "unstated",
    source: System = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Record that a patient agreed, when they were shown the purpose's notice; for engineers and administrators."""
    from governance.consents import RECORDERS, way_of
    from governance.notices import load_notices
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, *RECORDERS)
    way, shown = way_of(how), load_notices().notice(purpose, notice)
    token = token_of(context, patient, source)
    _tell(context, _consents(context).grant(token, purpose, by=by, how=way, notice=shown.version))


@consents.command("revoke")
@guarded
def revoke_consent(
    patient: Patient,
    purpose: Purpose,
    how: How = "unstated",
    source: System = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Record that a patient said no, or took a yes back; for engineers and administrators."""
    from governance.consents import RECORDERS, way_of
    from governance.notices import load_notices
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, *RECORDERS)
    way = way_of(how)
    load_notices().purpose(purpose)
    _tell(context, _consents(context).revoke(token_of(context, patient, source), purpose, by=by, how=way))


@consents.command("show")
@guarded
def show_consents(
    patient: Patient,
    purpose: Annotated[str | None, typer.Option(help="Only words on this.")] = None,
    source: System = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show every word of a patient, and how each purpose stands; for engineers, administrators and auditors."""
    from governance.consents import RECORDERS
    from governance.notices import load_notices
    from governance.people import Role
    from registry.authorship import require_role

    context = open_context(home, as_json)
    by = require_role(context.settings, *RECORDERS, Role.AUDITOR)
    notices = load_notices()
    asked = list(notices.purposes) if purpose is None else [purpose]
    for name in asked:
        notices.purpose(name)
    words = [word for word in _words(context, patient, source, by=by) if purpose in (None, word.purpose)]
    last = {word.purpose: word.granted for word in words}
    standing = {name: last.get(name) for name in asked}
    context.terminal.result({"standing": standing, "words": [asdict(word) for word in words]})
    _show(context, standing, words)


def _show(context: Context, standing: dict[str, bool | None], words: Sequence[Word]) -> None:
    from governance.notices import load_notices

    notices = load_notices()
    rows = [(name, _answer(said), notices.purpose(name).allows) for name, said in standing.items()]
    context.terminal.table("as it stands", ("purpose", "the patient says", "which means that"), rows)
    for word in words:
        context.terminal.line(f"{_sentence(word)}; line {word.line}")
    if not words:
        context.terminal.line("this patient never said anything about it")


def _answer(said: bool | None) -> str:
    return {True: "yes", False: "no", None: "nothing: that is no consent"}[said]


def _sentence(word: Word) -> str:
    answer = "yes" if word.granted else "no"
    shown = f", shown notice {word.notice}" if word.notice else ""
    return f"{word.at:%Y-%m-%d %H:%M:%S} UTC: {answer} to {word.purpose} ({word.how}{shown}), recorded by {word.by}"


def _tell(context: Context, word: Word) -> None:
    context.terminal.result(asdict(word))
    context.terminal.line(_sentence(word))
    context.terminal.line(f"line {word.line} of the ledger; it counts from the next request and the next run on")


def _words(context: Context, patient: str, source: str | None, *, by: str) -> list[Word]:
    from governance.database import ledger_database
    from governance.ledger import Ledger

    token = known_token_of(context, patient, source)
    if token is None:
        return []
    Ledger(ledger_database(context.settings)).append(by, "consent.show", token)
    return _consents(context).of(token)


def _consents(context: Context) -> Consents:
    from governance.consents import Consents
    from governance.database import ledger_database

    return Consents(ledger_database(context.settings))

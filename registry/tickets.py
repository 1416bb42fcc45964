"""Tickets: how a signed-in person's name gets through Prefect, which knows no persons.

A ticket names one run (model, snapshot, seed) and its author, is sealed with the home's key, ends after an hour and
opens one run. Prefect shows it to all who sign in there; to them it is worth no more than the run that it was made for.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets as chance
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from caregate.clock import Clock, system_clock
from caregate.errors import Refused
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger, digest_of
from governance.people import People
from registry.authorship import Author, proven_author
from registry.sealing import sealed, unsealed

PURPOSE = "ticket"
TICKET_HOURS = 1


class TicketRefused(Refused):
    """The ticket does not open this run."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the ticket {why}: start the run again with `caregate run MODEL --queue`")


@dataclass(frozen=True, slots=True)
class Run:
    """What a ticket is good for: one model on one snapshot (its whole digest) from one seed."""

    model: str
    snapshot: str
    seed: int


def issue_ticket(settings: Settings, run: Run, author: Author, *, clock: Clock = system_clock) -> str | None:
    """Return a ticket by which `run` is `author`'s, None where the author is not proven."""
    if not author.proven:
        return None
    expires = clock() + timedelta(hours=TICKET_HOURS)
    claims = asdict(run) | {"author": author.name, "expires_at": expires.isoformat(), "nonce": chance.token_hex(16)}
    text = json.dumps(sealed(claims, read_secrets(settings.secrets_file).key_for(PURPOSE)))
    return base64.urlsafe_b64encode(text.encode()).decode()


def redeem_ticket(settings: Settings, ticket: str, run: Run, *, clock: Clock = system_clock) -> Author:
    """Use `ticket` up for `run` and return its author.

    Raises
    ------
    TicketRefused
        If it is forged, another run's, expired or used, or its author's account was disabled.
    """
    try:
        text = base64.urlsafe_b64decode(ticket).decode()
    except (ValueError, binascii.Error):
        raise TicketRefused("is not one of this home") from None
    claims = unsealed(text, read_secrets(settings.secrets_file).key_for(PURPOSE))
    if claims is None:
        raise TicketRefused("is not one of this home")
    if {name: claims[name] for name in asdict(run)} != asdict(run):
        raise TicketRefused("was made for another model, snapshot or seed")
    if datetime.fromisoformat(claims["expires_at"]) <= clock():
        raise TicketRefused("has expired")
    engine = ledger_database(settings)
    author = People(engine).find(claims["author"])
    if author is None or author.disabled:
        raise TicketRefused("is of an account that stands no more")
    # The digest is of what is claimed and not of the text, which can be written in more than one way.
    if not Ledger(engine, clock).append_once(author.name, "ticket.use", run.model, digest=digest_of(claims)):
        raise TicketRefused("was used already")
    return proven_author(author.name)

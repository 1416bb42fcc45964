"""The sandbox: messages are written into a folder of the home, and nobody gets them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from crm.outreach.channels import Capabilities, Message, Receipt
from crm.outreach.medium import Medium

SANDBOX = "sandbox"


class Sandbox:
    """Keeps each message as a file of its own, readable by the owner of the home alone.

    Parameters
    ----------
    outbox
        The folder; made where there is none.
    """

    name = SANDBOX
    capabilities = Capabilities(frozenset(Medium), contacts=False)

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox

    def deliver(self, message: Message) -> Receipt:
        """Write the message aside and rename it: a second one of the same id takes the first one's place."""
        self._outbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._outbox / f".{message.message_id}.{os.getpid()}"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(message), file, ensure_ascii=False, indent=1)
        aside.rename(self._outbox / f"{message.message_id}.json")
        return Receipt.ACCEPTED

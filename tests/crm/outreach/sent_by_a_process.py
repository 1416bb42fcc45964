"""Sends to all patients of a list by a gateway, in a process of its own that a test kills."""

from __future__ import annotations

import sys

from tenacity import wait_none

from crm.outreach.medium import Medium
from crm.outreach.policy import load_outreach_policy
from crm.outreach.sending import Sender
from crm.outreach.webhook import Gateway, Webhook
from governance.database import open_database
from governance.seals import with_key
from tests.crm.outreach.conftest import KEY, Hand, desk_at
from tests.crm.outreach.gateway import SECRET
from tests.crm.outreach.test_outreach_rules import errand


def sender_at(url: str, gateway: str) -> Sender:
    desk = desk_at(with_key(open_database(url), KEY), load_outreach_policy(), Hand())
    channel = Webhook({Medium.SMS: Gateway(gateway, lambda: SECRET)}, pauses=wait_none())
    return Sender(desk, channel, lambda tokens: {token: f"crm-{token}" for token in tokens}, Hand())


if __name__ == "__main__":
    database, address, *patients = sys.argv[1:]
    counts = sender_at(database, address).send([errand(patient) for patient in patients], by="rita")
    sys.stdout.write(f"{counts}\n")

"""Outreach of a home, put together from its settings: policy, desk and channels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from crm.outreach.channels import Channel, ChannelUnset, UnknownChannel
from crm.outreach.desk import PURPOSE, Clinic, Desk
from crm.outreach.medium import Medium
from crm.outreach.policy import POLICY, OutreachPolicy, load_outreach_policy
from crm.outreach.sandbox import SANDBOX, Sandbox
from crm.outreach.terms import zone_of
from crm.outreach.webhook import WEBHOOK, Gateway, Webhook

SHORTEST_SECRET: Final = 16
UNNAMED: Final = Clinic("PROVIDER", "HOW TO REACH A PERSON", "UTC")
"""Who seems to send where the settings do not say; nothing leaves the house in this name."""


class ProviderUnset(BadInput):
    """The settings do not say who sends."""

    def __init__(self) -> None:
        super().__init__(
            "nobody is named who sends: set provider and reach in the table [outreach] of caregate.toml, so that each "
            "message can say them"
        )


class GatewaySecretUnfit(BadInput):
    """The file with a gateway's secret cannot be used."""

    def __init__(self, medium: str) -> None:
        super().__init__(
            f"the secret_file of the gateway {medium} is missing, not readable, or holds fewer than {SHORTEST_SECRET} "
            "characters"
        )


class ZoneUnknown(BadInput):
    """The clinic's time zone has no such name."""

    def __init__(self) -> None:
        super().__init__("the zone in [outreach] of caregate.toml is no name of the IANA database of time zones")


def policy_of(settings: Settings) -> OutreachPolicy:
    """Return the outreach policy of the home: the operator's own where the settings name one.

    Raises
    ------
    crm.outreach.policy.OutreachPolicyUnfit
        If it cannot be used.
    """
    own = settings.outreach.policy
    return load_outreach_policy(settings.home.resolve() / own if own else POLICY)


def clinic_of(settings: Settings, policy: OutreachPolicy) -> Clinic:
    """Return who sends, or who seems to where the settings do not say.

    Raises
    ------
    ZoneUnknown
        If the zone that is set is none.
    """
    said = settings.outreach
    zone = said.zone or policy.defaults.zone
    try:
        zone_of(zone)
    except (ValueError, OSError, KeyError):
        raise ZoneUnknown from None
    return Clinic(said.provider or UNNAMED.provider, said.reach or UNNAMED.reach, zone)


def names_sender(settings: Settings) -> bool:
    """Tell whether the settings say who sends, and how to reach a person there."""
    return bool(settings.outreach.provider and settings.outreach.reach)


def desk_of(settings: Settings, engine: Engine, policy: OutreachPolicy, clock: Clock = system_clock) -> Desk:
    """Return the desk of the home."""
    key = read_secrets(settings.secrets_file).key_for(PURPOSE)
    return Desk(engine, policy, clinic_of(settings, policy), key, clock)


def channel_of(settings: Settings, name: str, clock: Clock = system_clock) -> Channel:
    """Return the channel that is called `name`.

    Raises
    ------
    UnknownChannel, ChannelUnset, ProviderUnset, GatewaySecretUnfit
        If it is none, or the settings lack what it needs.
    """
    if name not in (SANDBOX, WEBHOOK):
        raise UnknownChannel
    if not names_sender(settings):
        raise ProviderUnset
    if name == SANDBOX:
        return Sandbox(settings.outbox_dir)
    if not settings.outreach.gateways:
        raise ChannelUnset
    home = settings.home.resolve()
    gateways = {}
    for medium, said in settings.outreach.gateways.items():
        secret = partial(_secret, home / said.secret_file, medium)
        secret()
        gateways[Medium(medium)] = Gateway(said.url, secret)
    return Webhook(gateways, clock=clock)


def _secret(path: Path, medium: str) -> bytes:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if len(text) < SHORTEST_SECRET:
        raise GatewaySecretUnfit(medium)
    return text.encode()

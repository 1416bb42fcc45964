"""Settings of outreach: who sends, and the operator's own gateways. No number or address of a patient is ever set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=60, pattern=r"^[^\n\r{}]+$")]
Way = Literal["voice", "sms", "chat", "email", "whatsapp"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GatewaySettings(_Part):
    """A gateway of one channel."""

    url: str = Field(pattern=r"^(https://[^\s@\\]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/[^\s@\\]*)?)$")
    secret_file: Path
    """File whose text signs what is sent; a relative path is one of the home."""


class OutreachSettings(_Part):
    """Who sends, and by what; without a provider nothing can be sent."""

    provider: Line | None = None
    """The name that patients know."""
    reach: Line | None = None
    """How to reach a person there, such as ``call +1 555 010 2000``."""
    zone: str | None = None
    """The IANA time zone of patients who named none; the policy's where none is given."""
    policy: Path | None = None
    """A policy of the operator's own, in the place of ``crm/outreach/policy.yaml``."""
    gateways: Mapping[Way, GatewaySettings] = {}

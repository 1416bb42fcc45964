"""Settings of the notices: whom to tell, and by what. Passwords stand in files, so that no dump of settings has one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def _one_address(value: str) -> str:
    if not _ADDRESS.fullmatch(value) or len(value) > 254:
        raise ValueError("an address is one name@domain, without a display name")
    return value


Address = Annotated[str, AfterValidator(_one_address)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Recipients(_Part):
    """Addresses by role; a role without any hears nothing."""

    reviewer: tuple[Address, ...] = ()
    clinical_reviewer: tuple[Address, ...] = Field(default=(), alias="clinical-reviewer")
    engineer: tuple[Address, ...] = ()
    auditor: tuple[Address, ...] = ()
    admin: tuple[Address, ...] = ()


class EmailSettings(_Part):
    """A mail server and who is written to."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the line is kept secret: from the first word (``tls``), from the second (``starttls``), or not at all."""
    authority: Path | None = None
    """Certificates (PEM) to trust instead of the system's."""
    user: str | None = None
    password_file: Path | None = None
    """File whose text is the user's password."""
    sender: Address = Field(alias="from")
    to: Recipients

    @model_validator(mode="after")
    def _keeps_the_password(self) -> EmailSettings:
        if self.user and self.security == "none":
            raise ValueError("a password is not sent without TLS: set security to starttls or tls")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file are set together")
        return self


class WebhookSettings(_Part):
    """An address that is posted to."""

    url: str
    secret_file: Path | None = None
    """File whose text signs what is sent; the home's own key where none is given."""
    allow_private: bool = False
    """Whether the address may lie in a private network."""

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s@\\]+", value):
            raise ValueError("a webhook's url begins with https:// and holds neither a space nor a sign-in")
        return value


class NoticeSettings(_Part):
    """By what people are told; neither is set, and nobody is."""

    email: EmailSettings | None = None
    webhook: WebhookSettings | None = None

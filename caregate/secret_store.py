"""Generated secrets of a home: one file, readable by its owner alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from cryptography.fernet import Fernet

from caregate.errors import CaregateError

PREFECT_USER = "caregate"


class SecretsMissing(CaregateError):
    """The home's ``secrets.toml`` is absent or incomplete."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("this home has no complete secrets.toml: run `caregate init`, or restore it from the backup")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the servers of a home share; never logged, never in Prefect's parameters.

    Attributes
    ----------
    vault_key
        The vault's AES-SIV key, 64 bytes in base64.
    flask_key, webhook_key
        MLflow's session key and the Fernet key of its webhook secrets.
    admin_password, pipeline_password, promoter_password
        Of MLflow's administrator and of the two service accounts.
    prefect_password
        Of Prefect, which knows no persons: one for all who may start flows.
    seal_key
        What the ledger's seals, tickets and proofs are made with, each by a key of its own that is drawn from this one.
    sign_on_secret
        What a single sign-on proxy shows to be believed.
    """

    vault_key: str
    flask_key: str
    webhook_key: str
    admin_password: str
    pipeline_password: str
    promoter_password: str
    prefect_password: str
    seal_key: str
    sign_on_secret: str

    def key_for(self, purpose: str) -> bytes:
        """Return the key of one purpose, 32 bytes: what is sealed for one is no seal for another."""
        return hmac.digest(self.seal_key.encode(), purpose.encode(), hashlib.sha256)

    @property
    def prefect_sign_in(self) -> str:
        """What Prefect's UI and clients sign in with."""
        return f"{PREFECT_USER}:{self.prefect_password}"

    @property
    def vault_key_bytes(self) -> bytes:
        """The vault's key as bytes."""
        return base64.b64decode(self.vault_key)


def new_secrets() -> Secrets:
    """Draw a fresh set."""
    return Secrets(
        vault_key=base64.b64encode(secrets.token_bytes(64)).decode(),
        flask_key=secrets.token_urlsafe(32),
        webhook_key=Fernet.generate_key().decode(),
        admin_password=secrets.token_urlsafe(18),
        pipeline_password=secrets.token_urlsafe(18),
        promoter_password=secrets.token_urlsafe(18),
        prefect_password=secrets.token_urlsafe(18),
        seal_key=secrets.token_urlsafe(32),
        sign_on_secret=secrets.token_urlsafe(32),
    )


def write_secrets(path: Path, values: Secrets) -> None:
    """Write `values` to a new file that only its owner can read; an existing file is never overwritten."""
    text = "".join(f'{key} = "{value}"\n' for key, value in asdict(values).items())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def read_secrets(path: Path) -> Secrets:
    """Read the home's secrets.

    Raises
    ------
    SecretsMissing
        If the file is absent, is not TOML or lacks a key.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return Secrets(**{field.name: values[field.name] for field in fields(Secrets)})
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        raise SecretsMissing from None

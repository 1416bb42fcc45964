"""The messengers that the settings ask for."""

from __future__ import annotations

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from registry.messengers.email import Email
from registry.messengers.message import Messenger
from registry.messengers.secret_files import read_secret
from registry.messengers.webhook import NAME as WEBHOOK
from registry.messengers.webhook import Webhook, read_key

PURPOSE = "notices"
"""Names the key among those that a home draws from one secret."""


def messengers_of(settings: Settings, timeout: float) -> list[Messenger]:
    """Return the messengers that are set, none where none is.

    Parameters
    ----------
    settings
        Of the home.
    timeout
        Seconds that each waits for an answer.
    """
    given, home = settings.notices, settings.home.resolve()
    found: list[Messenger] = []
    if given.email:
        found.append(Email(given.email, home, timeout))
    if given.webhook:
        found.append(Webhook(given.webhook, lambda: webhook_key(settings), timeout))
    return found


def webhook_key(settings: Settings) -> bytes:
    """Return what signs the webhook: the secret of its file, else the home's own key.

    Raises
    ------
    NotDelivered
        If the file cannot be used.
    """
    given = settings.notices.webhook
    if given is None or given.secret_file is None:
        return read_secrets(settings.secrets_file).key_for(PURPOSE)
    return read_key(read_secret(given.secret_file, settings.home.resolve(), WEBHOOK))

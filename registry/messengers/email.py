"""Tells people by e-mail, over SMTP (RFC 5321) with STARTTLS (RFC 3207) unless it was set otherwise."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Collection
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from caregate.notice_settings import EmailSettings
from governance.people import Role
from registry.messengers.message import Message, NotDelivered
from registry.messengers.secret_files import read_secret

NAME = "e-mail"
log = logging.getLogger("caregate.notices")


class Email:
    """Writes to the addresses of each role.

    Parameters
    ----------
    settings
        The mail server and the addresses.
    home
        Folder that relative paths are of.
    timeout
        Seconds that an answer may take.
    """

    name = NAME

    def __init__(self, settings: EmailSettings, home: Path, timeout: float) -> None:
        self._settings = settings
        self._home = home
        self._timeout = timeout

    def reaches(self, roles: tuple[Role, ...]) -> bool:
        """Tell whether any of these roles has an address."""
        return bool(self._addresses(roles))

    def send(self, message: Message) -> None:
        """Send `message` to everybody of its roles; it is delivered once the server took it for one of them."""
        mail, to = self._written(message), self._addresses(message.roles)
        try:
            refused = self._handed_over(mail, to)
        except ssl.SSLError as error:
            raise NotDelivered(NAME, "the mail server's certificate or TLS cannot be trusted") from error
        except TimeoutError as error:
            raise NotDelivered(NAME, f"the mail server took longer than {self._timeout:g} seconds") from error
        except smtplib.SMTPException as error:
            raise NotDelivered(NAME, _said(error)) from error
        except OSError as error:
            raise NotDelivered(NAME, "the mail server cannot be reached") from error
        except UnicodeError as error:
            raise NotDelivered(NAME, "user and password may hold ASCII alone") from error
        if refused:
            log.warning("the mail server refused %d of %d addresses of a notice", len(refused), len(to))

    def _addresses(self, roles: tuple[Role, ...]) -> list[str]:
        by_role = self._settings.to.model_dump(by_alias=True)
        return list(dict.fromkeys(address for role in roles for address in by_role.get(role.value, ())))

    def _written(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._settings.sender
        mail["To"] = ", ".join(self._addresses(message.roles))
        mail["Subject"] = f"[Caregate] {message.title}"
        mail["Date"] = format_datetime(message.at)
        domain = self._settings.sender.rpartition("@")[2]
        mail["Message-ID"] = f"<{message.name.removeprefix('sha256:')}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no reply from an absent person
        mail.set_content(message.text + "\n")
        return mail

    def _handed_over(self, mail: EmailMessage, to: list[str]) -> Collection[str]:
        """Hand the mail over and return the addresses that were refused."""
        session = self._session()
        try:
            refused = session.send_message(mail, self._settings.sender, to)
            with suppress(smtplib.SMTPException, OSError):  # it has the mail: how it takes the farewell is no matter
                session.quit()
        finally:
            session.close()
        return refused

    def _session(self) -> smtplib.SMTP:
        given, context = self._settings, self._trust()
        if given.security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(given.host, given.port, timeout=self._timeout, context=context)
        else:
            session = smtplib.SMTP(given.host, given.port, timeout=self._timeout)
        try:
            if given.security == "starttls":
                session.starttls(context=context)
            if given.user:
                session.login(given.user, read_secret(given.password_file, self._home, NAME))
        except BaseException:
            session.close()
            raise
        return session

    def _trust(self) -> ssl.SSLContext:
        authority = self._settings.authority
        try:
            return ssl.create_default_context(cafile=str(self._home / authority) if authority else None)
        except FileNotFoundError as error:
            raise NotDelivered(NAME, "the file of certificates to trust is missing") from error


def _said(error: smtplib.SMTPException) -> str:
    """Say what went wrong without the server's own words, which may repeat addresses."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the mail server offers no STARTTLS, or no sign-in"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "the mail server refused the user or the password"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the mail server refused every address"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}"
    return "the mail server said nothing in time, or ended the connection"

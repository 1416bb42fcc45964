"""Where the service listens and how: beyond loopback it speaks TLS alone."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from caregate.errors import BadInput
from caregate.settings import Settings

LOOPBACK = "localhost"


class Unencrypted(BadInput):
    """Scores would go over a network in the clear."""

    def __init__(self) -> None:
        super().__init__(
            "scoring listens beyond loopback with a certificate alone: set CAREGATE_TLS_CERTIFICATE and "
            "CAREGATE_TLS_KEY, or leave CAREGATE_SCORING_HOST at 127.0.0.1 and put a proxy in front"
        )


class UnfitCertificate(BadInput):
    """The certificate or its key cannot be used."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: see CAREGATE_TLS_CERTIFICATE and CAREGATE_TLS_KEY")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a certificate with its chain, and of its key, both PEM."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return what a server shakes hands by: TLS 1.2 or newer.

        Raises
        ------
        UnfitCertificate
            If a file cannot be read, is not PEM, needs a passphrase, or the two do not belong together.
        """
        for file in (self.chain, self.key):
            if not file.is_file():
                raise UnfitCertificate(f"the file {file} is not there")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.chain, self.key, password=_no_passphrase)
        except ssl.SSLError as error:
            mismatch = error.reason == "KEY_VALUES_MISMATCH"
            why = "are not of one pair" if mismatch else "are not both in PEM form, or the key's is spoilt"
            raise UnfitCertificate(f"the certificate {self.chain} and the key {self.key} {why}") from None
        except OSError:
            raise UnfitCertificate(f"{self.chain} or {self.key} cannot be read by this user") from None
        return context


def certificate_of(settings: Settings) -> Certificate | None:
    """Return the certificate that the service shows, None where it speaks plain HTTP on loopback.

    Raises
    ------
    UnfitCertificate
        If one of the two files is named without the other, or they cannot be used.
    Unencrypted
        If there is none and the service shall listen beyond loopback.
    """
    chain, key = settings.tls_certificate, settings.tls_key
    if chain is None and key is None:
        if not _is_loopback(settings.scoring_host):
            raise Unencrypted
        return None
    if chain is None or key is None:
        raise UnfitCertificate("a certificate and its key go together, and one of the two is not set")
    found = Certificate(chain.resolve(), key.resolve())
    found.context()
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOOPBACK


def _no_passphrase() -> str:
    raise UnfitCertificate("the key is locked by a passphrase, and nobody is there to type it")

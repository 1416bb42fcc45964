"""Beyond loopback the service speaks TLS alone."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from caregate.errors import BadInput
from caregate.settings import Settings
from serving.tls import Unencrypted, UnfitCertificate, certificate_of


def make_certificate(folder: Path, name: str = "server", *, passphrase: bytes = b"") -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scoring.clinic.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return chain, secret


class TestWhereItListens:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost"])
    def test_on_loopback_it_needs_no_certificate(self, tmp_path, host):
        assert certificate_of(Settings(home=tmp_path, scoring_host=host)) is None

    @pytest.mark.parametrize("host", ["10.0.0.7", "scoring.clinic.example"])
    def test_elsewhere_it_refuses_without_one(self, tmp_path, host):
        with pytest.raises(Unencrypted):
            certificate_of(Settings(home=tmp_path, scoring_host=host))

    def test_elsewhere_it_listens_with_one(self, tmp_path):
        chain, key = make_certificate(tmp_path)
        settings = Settings(home=tmp_path, scoring_host="10.0.0.7", tls_certificate=chain, tls_key=key)
        found = certificate_of(settings)
        assert (found.chain, found.key) == (chain, key)
        assert found.context().minimum_version is ssl.TLSVersion.TLSv1_2


class TestFilesThatCannotBeUsed:
    def refusal(self, folder: Path, **files: Path) -> str:
        with pytest.raises(UnfitCertificate) as error:
            certificate_of(Settings(home=folder, **files))
        assert isinstance(error.value, BadInput)
        return str(error.value)

    def test_one_without_the_other(self, tmp_path):
        chain, _ = make_certificate(tmp_path)
        assert "go together" in self.refusal(tmp_path, tls_certificate=chain)

    def test_one_that_is_not_there(self, tmp_path):
        chain, key = make_certificate(tmp_path)
        key.unlink()
        assert "is not there" in self.refusal(tmp_path, tls_certificate=chain, tls_key=key)

    def test_one_that_is_no_pem(self, tmp_path):
        chain, key = make_certificate(tmp_path)
        chain.write_text("nonsense")
        assert "PEM" in self.refusal(tmp_path, tls_certificate=chain, tls_key=key)

    def test_two_that_are_no_pair(self, tmp_path):
        chain, _ = make_certificate(tmp_path)
        _, key = make_certificate(tmp_path, "other")
        assert "one pair" in self.refusal(tmp_path, tls_certificate=chain, tls_key=key)

    def test_a_key_with_a_passphrase(self, tmp_path):
        chain, key = make_certificate(tmp_path, passphrase=b"secret")
        assert "passphrase" in self.refusal(tmp_path, tls_certificate=chain, tls_key=key)

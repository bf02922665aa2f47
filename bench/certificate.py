"""A certificate for the model's TLS: made for one run, trusted by the gateway under test alone."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LASTS = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Its two files: what is shown and trusted, and the key."""

    shown: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Certificate:
        """For 127.0.0.1, signed by itself, on the curve real servers mostly use (P-256)."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + LASTS)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        certificate = cls(folder / "model.pem", folder / "model.key")
        certificate.shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        certificate.key.touch(mode=0o600)
        certificate.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate

    def server(self) -> ssl.SSLContext:
        """The context of who shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.shown, self.key)
        return context

    @property
    def environment(self) -> dict[str, str]:
        """What makes OpenSSL's default context trust it."""
        return {"SSL_CERT_FILE": str(self.shown)}

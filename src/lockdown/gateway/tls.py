"""The gateway's certificate: the configured one, or a self-signed one that is made once.

Fails as: OperatorError for a certificate that cannot be read, does not fit its key, or has ended.
"""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from lockdown.config import Gateway
from lockdown.model.errors import OperatorError


def server_context(gateway: Gateway, hostname: str, directory: Path, now: datetime) -> ssl.SSLContext:
    """The context of our listeners: TLS 1.2 and later, no compression, no renegotiation."""
    certificate, key = _files(gateway, hostname, directory, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise _broken(certificate, error) from None
    return context


def upstream_context(*, verify: bool = False) -> ssl.SSLContext:
    """The context towards the server behind; its certificate is not checked unless asked (it is our own machine)."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _broken(certificate: Path, error: Exception) -> OperatorError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
    return OperatorError(
        "certificate",
        what=f"the certificate {certificate} cannot be used",
        why=f"{reason} (a PEM file with the chain is needed, and the key that belongs to it)",
        try_this=f"openssl x509 -noout -subject -enddate -in {certificate}"
        "     (or leave gateway.tls_certificate empty: a self-signed one is made)",
    )


def _files(gateway: Gateway, hostname: str, directory: Path, now: datetime) -> tuple[Path, Path]:
    if gateway.tls_certificate:
        return Path(gateway.tls_certificate), Path(gateway.tls_key or gateway.tls_certificate)
    certificate, key = directory / "self-signed.pem", directory / "self-signed.key"
    if not (certificate.exists() and key.exists() and _is_fresh(certificate, now)):
        _make_self_signed(hostname, certificate, key, now)
    return certificate, key


def _is_fresh(certificate: Path, now: datetime) -> bool:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc > now + timedelta(days=7)
    except (OSError, ValueError):
        return False


def _make_self_signed(hostname: str, certificate: Path, key: Path, now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=825))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    _write_private(
        key,
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    _write_private(certificate, made.public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, content: bytes) -> None:
    """Aside and renamed, so that two workers that make it at once both find a whole file."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    aside.replace(path)

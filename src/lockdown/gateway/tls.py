"""The gateway's certificate: the configured one, or a self-signed one that is made once.

Fails as: OperatorError for a certificate that cannot be read or made, or does not fit its key. One that has ended is
used all the same, since most senders do not look at it and mail must not stop; `lockdown doctor` tells.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from lockdown.config import Gateway
from lockdown.model.errors import OperatorError


def server_context(gateway: Gateway, hostname: str, directory: Path, now: datetime) -> ssl.SSLContext:
    """The context of our listeners: TLS 1.2 and later, no compression, no renegotiation."""
    if gateway.tls_certificate:
        certificate = Path(gateway.tls_certificate)
        return _context(certificate, Path(gateway.tls_key) if gateway.tls_key else certificate)
    own = directory / "self-signed.pem"
    try:
        return _self_signed(hostname, own, now)
    except OSError as error:
        raise _cannot_make(own, error) from None


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        # A password for an encrypted key would be asked for on the terminal, which nobody may be looking at.
        context.load_cert_chain(certificate, key, password="")
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


def _cannot_make(certificate: Path, error: OSError) -> OperatorError:
    return OperatorError(
        "certificate",
        what=f"the self-signed certificate {certificate} cannot be written",
        why=(error.strerror or str(error)).lower(),
        try_this=f"ls -ld {certificate.parent}; df -h {certificate.parent}",
    )


def _self_signed(hostname: str, own: Path, now: datetime) -> ssl.SSLContext:
    """Our own, made anew before it ends and when it is no longer whole."""
    if _is_fresh(own, now):
        with suppress(OperatorError):
            return _context(own, own)
    _make_self_signed(hostname, own, now)
    return _context(own, own)


def _is_fresh(certificate: Path, now: datetime) -> bool:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc > now + timedelta(days=7)
    except (OSError, ValueError):
        return False


def _make_self_signed(hostname: str, own: Path, now: datetime) -> None:
    """Key and certificate in one file: whoever makes it at the same time, they belong together."""
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
    key = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_private(own, key + made.public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, content: bytes) -> None:
    """Aside and renamed, so that two workers that make it at once both find a whole file."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    aside.replace(path)

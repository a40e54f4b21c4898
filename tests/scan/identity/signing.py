"""Messages signed with keys of our own, and the zone that publishes them."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from lockdown._vendor import dkim as dkimpy
from tests.rig.dns import Zone

MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: a plain  letter\r\n"
    b"Date: Tue, 24 Nov 2026 06:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nHello,\r\n\r\nAnn\r\n\r\n"
)


@lru_cache(maxsize=8)
def rsa_key(bits: int = 2048) -> tuple[bytes, str]:
    """The private key for the signer, and the record for the zone."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def weak_key() -> tuple[bytes, str]:
    """768 bits, made once for these tests: libraries of today refuse to make them."""
    here = Path(__file__).parent
    return (here / "weak_key.pem").read_bytes(), (here / "weak_key.txt").read_text().strip()


@lru_cache(maxsize=1)
def ed25519_key() -> tuple[bytes, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    private = base64.b64encode(key.private_bytes_raw())
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return private, f"v=DKIM1; k=ed25519; p={public}"


def signed(message: bytes = MESSAGE, *, key: bytes | None = None, domain: str = "example.org", **options: Any) -> bytes:
    """The message with one signature by the library, at selector s1."""
    options.setdefault("canonicalize", (b"relaxed", b"relaxed"))
    made: bytes = dkimpy.sign(message, b"s1", domain.encode(), key or rsa_key()[0], **options)
    return made + message


def zone(record: str | None = None, domain: str = "example.org", **more: Any) -> Zone:
    return {f"s1._domainkey.{domain}": {"TXT": [[record or rsa_key()[1]]]}, **more}


def sealed(message: bytes, *, claims: str = "arc=none", domain: str = "example.org", key: bytes | None = None) -> bytes:
    """The message with one more ARC set, after its results were noted in the name of a forwarder."""
    noted = f"Authentication-Results: list.example; {claims}\r\n".encode() + message
    made = dkimpy.arc_sign(
        noted, b"s1", domain.encode(), key or rsa_key()[0], b"list.example", include_headers=[b"from", b"subject"]
    )
    assert made
    return b"".join(made) + message

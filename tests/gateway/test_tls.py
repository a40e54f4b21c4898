"""The gateway's certificate: made once, renewed in time, and whatever is wrong with a given one is told in words."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lockdown.config import Gateway
from lockdown.gateway.tls import server_context, upstream_context
from lockdown.model.errors import OperatorError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def own(folder: Path, now: datetime = NOW) -> bytes:
    """The self-signed file after a start at that time."""
    context = server_context(Gateway(), "gate.example.org", folder, now)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    return (folder / "self-signed.pem").read_bytes()


def test_a_self_signed_certificate_is_made_once(tmp_path: Path) -> None:
    made = own(tmp_path)
    assert own(tmp_path, NOW + timedelta(days=800)) == made
    assert (tmp_path / "self-signed.pem").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["self-signed.pem"]
    names = x509.load_pem_x509_certificate(made).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["gate.example.org"]


def test_it_is_renewed_a_week_before_it_ends(tmp_path: Path) -> None:
    made = own(tmp_path)
    assert own(tmp_path, NOW + timedelta(days=819)) != made


@pytest.mark.parametrize(
    "damage", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"]
)
def test_one_that_is_damaged_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "self-signed.pem").write_bytes(damage)
    assert own(tmp_path).count(b"-----BEGIN") == 2


def test_one_whose_key_belongs_to_another_is_made_anew(tmp_path: Path) -> None:
    made = own(tmp_path)
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "self-signed.pem").write_bytes(other + made[made.index(b"-----BEGIN CERT") :])
    assert own(tmp_path).count(b"-----BEGIN") == 2


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("a file")
    with pytest.raises(OperatorError, match="not a directory") as told:
        own(tmp_path / "tls")
    assert "df -h" in told.value.try_this


def given(tmp_path: Path, certificate: bytes, key: bytes = b"") -> OperatorError:
    """What is said of a configured certificate, with its key in the same file or beside it."""
    (tmp_path / "given.pem").write_bytes(certificate)
    (tmp_path / "given.key").write_bytes(key)
    settings = Gateway(tls_certificate=str(tmp_path / "given.pem"), tls_key=str(tmp_path / "given.key") if key else "")
    with pytest.raises(OperatorError) as told:
        server_context(settings, "gate.example.org", tmp_path, NOW)
    assert "given.pem cannot be used" in told.value.what
    assert "openssl x509" in told.value.try_this
    return told.value


def test_a_file_that_is_no_certificate_is_told_in_words(tmp_path: Path) -> None:
    assert "a PEM file with the chain is needed" in given(tmp_path, b"garbage").why


def test_a_certificate_without_its_key_is_told_in_words(tmp_path: Path) -> None:
    made = own(tmp_path)
    assert given(tmp_path, made[made.index(b"-----BEGIN CERT") :])


def test_an_encrypted_key_is_told_in_words_and_never_asked_for_on_the_terminal(tmp_path: Path) -> None:
    made = own(tmp_path)
    locked = serialization.load_pem_private_key(made, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    assert given(tmp_path, made[made.index(b"-----BEGIN CERT") :], locked)


def test_a_file_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    settings = Gateway(tls_certificate=str(tmp_path / "missing.pem"))
    with pytest.raises(OperatorError, match="No such file"):
        server_context(settings, "gate.example.org", tmp_path, NOW)


def test_a_given_certificate_with_its_key_in_the_same_file_is_used(tmp_path: Path) -> None:
    own(tmp_path)
    settings = Gateway(tls_certificate=str(tmp_path / "self-signed.pem"))
    assert server_context(settings, "gate.example.org", tmp_path / "unused", NOW)


def test_the_server_behind_is_checked_only_where_that_is_asked() -> None:
    assert upstream_context().verify_mode is ssl.CERT_NONE
    assert upstream_context(verify=True).verify_mode is ssl.CERT_REQUIRED

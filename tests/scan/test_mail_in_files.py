"""Mail that comes as a file: what S/MIME has signed is opened, what it has encrypted is told; Outlook's files."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from lockdown.config import Antivirus
from lockdown.model.scan import Ambiguity, Trait
from lockdown.scan.builtin import Builtin
from lockdown.scan.containers.ber import octets_within
from tests.scan.inspect.compound import compound
from tests.scan.parcels import EICAR, PAYLOAD, PAYLOAD_DIGEST, file, found, message, read, uuencoded

LETTER = message(("payload.txt", PAYLOAD))
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a@example.org")])
    certificate = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    certificate = certificate.serial_number(1).not_valid_before(START).not_valid_after(START + timedelta(days=365))
    return certificate.sign(key, hashes.SHA256()), key


def signed(signer: tuple[x509.Certificate, rsa.RSAPrivateKey], *options: pkcs7.PKCS7Options) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(LETTER).add_signer(*signer, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary, *options])


def test_a_file_in_a_signed_message_is_found(signer: tuple[x509.Certificate, rsa.RSAPrivateKey]) -> None:
    assert found(read(("smime.p7m", signed(signer)))) == {"smime.p7m/payload.txt"}


def test_a_signature_alone_has_nothing_in_it(signer: tuple[x509.Certificate, rsa.RSAPrivateKey]) -> None:
    content = read(("smime.p7s", signed(signer, pkcs7.PKCS7Options.DetachedSignature)))
    assert not content.unread and [file.kind for file in content.files] == ["text", "pkcs7"]


def test_content_of_no_known_length_in_pieces_is_joined() -> None:
    """As programs that sign while they read write it: BER, with end marks (X.690 8.1.3.6)."""
    pieces = [LETTER[at : at + 100] for at in range(0, len(LETTER), 100)]
    strings = b"".join(b"\x04" + bytes([len(piece)]) + piece for piece in pieces)
    start = bytes.fromhex("3080 06092a864886f70d010702 a080 3080 020101 3100 3080 06092a864886f70d010701 a080 2480")
    whole = start + strings + bytes(4) + bytes(8)
    assert octets_within(whole) == (LETTER, True)
    assert octets_within(whole[:400])[1] is False


def test_an_encrypted_message_is_told_as_encrypted(signer: tuple[x509.Certificate, rsa.RSAPrivateKey]) -> None:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(LETTER).add_recipient(signer[0])
    content = read(("smime.p7m", builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])))
    assert [unread.encrypted for unread in content.unread] == [True]
    assert Trait.ENCRYPTED in file(content, "smime.p7m").traits


def test_an_openpgp_message_is_told_as_encrypted_and_a_key_is_not() -> None:
    armor = b"-----BEGIN PGP %s-----\n\nhQEMA1sf\n=abcd\n-----END PGP %s-----\n"
    assert read(("a.asc", armor % (b"MESSAGE", b"MESSAGE"))).unread[0].encrypted
    assert not read(("a.asc", armor % (b"SIGNATURE", b"SIGNATURE"))).unread


def test_the_attachments_of_an_outlook_message_have_their_names() -> None:
    attachment = {"__substg1.0_37010102": EICAR, "__substg1.0_3707001F": "Zahlung.txt".encode("utf-16-le")}
    outlook = compound(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_1000001F": "Please see.".encode("utf-16-le"),
            "__attach_version1.0_#00000000": attachment,
        }
    )
    content = read(("fwd.msg", outlook))
    assert "fwd.msg/Zahlung.txt" in found(content)


def test_a_stream_of_an_old_document_is_searched() -> None:
    assert "a.doc/Data" in found(read(("a.doc", compound({"WordDocument": bytes(2000), "Data": EICAR}))))


def test_a_message_in_an_attached_message_that_reads_in_two_ways_is_doubted() -> None:
    twice = b"From: a@example.org\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\nhello\r\n"
    assert Ambiguity.TWO_CONTENT_TYPES in read(("fwd.eml", twice)).ambiguities


def test_two_messages_in_a_mailbox_are_both_read() -> None:
    line = b"From a@example.org Mon Jan  5 10:00:00 2026\n"
    box = line + message(("first.txt", b"1")) + line + message(("payload.txt", PAYLOAD))
    assert found(read(("old.mbox", box))) == {"old.mbox/payload.txt"}


def test_a_uuencoded_file_in_a_text_body_is_found_once() -> None:
    body = b"see:\r\n" + uuencoded(b"payload.txt", PAYLOAD).replace(b"\n", b"\r\n")
    content = Builtin(Antivirus(), {PAYLOAD_DIGEST: "payload"}).read(message(text=body)).content
    assert [find.path for find in content.found] == ["1/payload.txt"]

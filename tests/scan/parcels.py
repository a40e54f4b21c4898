"""Messages with files in them, and files with files in them, made for one test."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256

from lockdown.config import Antivirus
from lockdown.model.scan import Content, File
from lockdown.scan.builtin import Builtin

PAYLOAD = b"the one file that every container of this test holds\n" * 3
PAYLOAD_DIGEST = sha256(PAYLOAD).hexdigest()
# Backwards, as in the engine: this file shall not be taken for the test virus.
EICAR = rb"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X"[::-1]


def message(*files: tuple[str, bytes], text: bytes = b"Please see what is attached.\r\n") -> bytes:
    """A letter with these attachments."""
    head = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: files\r\nMIME-Version: 1.0\r\n"
    parts = [b"--=limit\r\nContent-Type: text/plain\r\n\r\n" + text, *map(attachment, files)]
    return head + b'Content-Type: multipart/mixed; boundary="=limit"\r\n\r\n' + b"".join(parts) + b"--=limit--\r\n"


def attachment(file: tuple[str, bytes]) -> bytes:
    name, data = file
    lines = base64.encodebytes(data).replace(b"\n", b"\r\n")
    head = b'--=limit\r\nContent-Type: application/octet-stream; name="%s"\r\n' % name.encode()
    return head + b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n" + lines


def read(*files: tuple[str, bytes], policy: Antivirus | None = None) -> Content:
    """What the builtin engine, which refuses the payload's digest, reads of a letter with these attachments."""
    engine = Builtin(policy or Antivirus(), {PAYLOAD_DIGEST: "payload"})
    return engine.read(message(*files)).content


def found(content: Content) -> set[str]:
    return {find.path for find in content.found}


def file(content: Content, path: str) -> File:
    return next(file for file in content.files if file.path == path)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return octets.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return octets.getvalue()


def archived(
    form: str, filter_name: str | None, files: Mapping[str, bytes], options: str = "", password: str = ""
) -> bytes:
    """Made by libarchive's writer."""
    import libarchive

    pieces: list[bytes] = []

    def take(piece: bytes) -> int:
        pieces.append(bytes(piece))
        return len(piece)

    with libarchive.custom_writer(
        take, form, filter_name, options=options or "", passphrase=password or None, block_size=65536
    ) as archive:
        for name, data in files.items():
            archive.add_file_from_memory(name, len(data), data)
    return b"".join(pieces)


def encrypted_zip(name: str, data: bytes) -> bytes:
    """A ZIP whose flags say that its member needs a password (APPNOTE 4.4.4, bit 0)."""
    plain = bytearray(zipped({name: data}, zipfile.ZIP_STORED))
    central = plain.find(b"PK\x01\x02")
    plain[6] |= 1
    plain[central + 8] |= 1
    return bytes(plain)


def zip_local(name: bytes, data: bytes, flags: int = 0) -> bytes:
    """A stored member with its header, as it stands in the archive."""
    crc = zlib.crc32(data)
    return (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, 0, 0, 0, crc, len(data), len(data), len(name), 0) + name + data
    )


def zip_central(name: bytes, data: bytes, offset: int) -> bytes:
    sizes = (zlib.crc32(data), len(data), len(data))
    head = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, *sizes, len(name), 0, 0, 0, 0, 0, offset)
    return head + name


def zip_end(central: Sequence[bytes], offset: int) -> bytes:
    size = sum(map(len, central))
    return b"".join(central) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(central), len(central), size, offset, 0)


def uuencoded(name: bytes, data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return b"begin 644 " + name + b"\n" + b"".join(lines) + b"`\nend\n"

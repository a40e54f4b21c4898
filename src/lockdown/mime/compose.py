"""Write messages by hand, octet by octet: fields, parts, encodings. For letters that prove something.

The standard library writes correct messages only; half of what a drill sends must not be correct.
Fails as: nothing; what is written is what was asked for, however malformed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import NamedTuple

from lockdown.model.step import SENDER, Occasion

_UU_LINE = 45
_YENC_LINE = 128
_YENC_ESCAPED = frozenset({0x00, 0x0A, 0x0D, 0x3D})


class Piece(NamedTuple):
    """One part of a message, as it stands: its fields (without line ends) and its encoded body."""

    fields: tuple[str, ...]
    body: bytes


def head(sender: str, recipient: str, subject: str, now: datetime, message_id: str, *more: str) -> bytes:
    """The header of an ordinary letter with `more` fields after it, without the empty line."""
    lines = (
        f"From: {sender}", f"To: <{recipient}>", f"Subject: {subject}", f"Date: {format_datetime(now)}",
        f"Message-ID: <{message_id}>", "MIME-Version: 1.0", *more,
    )  # fmt: skip
    return "".join(f"{line}\r\n" for line in lines).encode()


def message(header: bytes, body: bytes) -> bytes:
    """A header, the empty line, a body."""
    return header + b"\r\n" + body


def whole(header: bytes, piece: Piece) -> bytes:
    """A message that is one part."""
    return message(header + _lines(piece.fields), piece.body)


def mixed(header: bytes, boundary: str, pieces: Sequence[Piece], kind: str = "mixed") -> bytes:
    """A multipart message."""
    return whole(header, multipart(boundary, pieces, kind))


def multipart(boundary: str, pieces: Sequence[Piece], kind: str = "mixed") -> Piece:
    """Parts in a part."""
    return Piece((f'Content-Type: multipart/{kind}; boundary="{boundary}"',), body_of(boundary, pieces))


def body_of(boundary: str, pieces: Sequence[Piece]) -> bytes:
    """The parts between their boundaries, the last one closed."""
    line = boundary.encode()
    return b"".join(b"--" + line + b"\r\n" + raw(piece) for piece in pieces) + b"--" + line + b"--\r\n"


def raw(piece: Piece) -> bytes:
    """A part as it stands between two boundaries."""
    return _lines(piece.fields) + b"\r\n" + piece.body + (b"" if piece.body.endswith(b"\r\n") else b"\r\n")


def text(words: str, kind: str = "plain") -> Piece:
    """A readable body in UTF-8, as quoted-printable."""
    fields = (f"Content-Type: text/{kind}; charset=utf-8", "Content-Transfer-Encoding: quoted-printable")
    return Piece(fields, quoted_printable(words.replace("\r\n", "\n").encode()))


def attachment(name: str, data: bytes, kind: str = "application/octet-stream") -> Piece:
    """A file, in base64."""
    return Piece(
        (
            f'Content-Type: {kind}; name="{name}"',
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{name}"',
        ),
        base64_lines(data),
    )


def base64_lines(data: bytes) -> bytes:
    """In lines of 76 characters (RFC 2045 6.8)."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def quoted_printable(data: bytes) -> bytes:
    """Short lines, line ends as they are (RFC 2045 6.7)."""
    return binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n") + b"\r\n"


def escaped(data: bytes) -> bytes:
    """Quoted-printable with every octet escaped."""
    coded = [b"=%02X" % octet for octet in data]
    return b"".join(b"".join(coded[at : at + 24]) + b"=\r\n" for at in range(0, len(coded), 24)) + b"\r\n"


def uuencoded(name: str, data: bytes) -> bytes:
    """As uuencode writes it, from `begin` to `end`."""
    lines = [binascii.b2a_uu(data[at : at + _UU_LINE]).rstrip(b"\n") for at in range(0, len(data), _UU_LINE)]
    return b"\r\n".join([b"begin 644 " + name.encode(), *lines, b"`", b"end", b""])


def yenc(name: str, data: bytes) -> bytes:
    """As yEnc 1.3 has it, in one part."""
    coded = [_yenc_octet(octet) for octet in data]
    lines = [b"".join(coded[at : at + _YENC_LINE]) for at in range(0, len(coded), _YENC_LINE)]
    first = f"=ybegin line={_YENC_LINE} size={len(data)} name={name}".encode()
    last = f"=yend size={len(data)} crc32={binascii.crc32(data):08x}".encode()
    return b"\r\n".join([first, *lines, last, b""])


def _yenc_octet(octet: int) -> bytes:
    shifted = (octet + 42) % 256
    # A dot is escaped too: at the beginning of a line it would be SMTP's.
    escape = shifted in _YENC_ESCAPED or shifted == 0x2E
    return bytes((0x3D, (shifted + 64) % 256)) if escape else bytes((shifted,))


def _lines(fields: Sequence[str]) -> bytes:
    return "".join(f"{field}\r\n" for field in fields).encode()


# ── letters of a drill ──


def opening(occasion: Occasion, subject: str, *more: str, sender: str = f"Canary <{SENDER}>") -> bytes:
    """The header of a drill's letter, found again by the mark in its Message-ID."""
    return head(sender, occasion.recipient, subject, occasion.now, f"{occasion.mark}@drill.example", *more)


def with_file(occasion: Occasion, subject: str, piece: Piece, words: str = "See the attached file.") -> bytes:
    """A letter with one attachment."""
    return mixed(opening(occasion, subject), f"=_{occasion.mark}", [text(f"{words}\n"), piece])


def plain(occasion: Occasion) -> bytes:
    """The control message: nobody could have anything against it."""
    words = (
        "Hello,\n\nthis is a plain letter of the mail server's own drill. It says nothing and asks for nothing; "
        "it only has to arrive.\nIt is removed again when the drill is over.\n"
    )
    return whole(opening(occasion, "A plain letter"), text(words))

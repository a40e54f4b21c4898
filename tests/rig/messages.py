"""Messages to send, and the comparison of what was sent with what arrived."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Letter:
    """An envelope and its content: whole lines ended by CRLF, not yet dot-stuffed."""

    id: str
    content: bytes
    sender: str
    recipients: tuple[str, ...] = ("bob@example.org", "carol@example.org")
    mail_params: str = ""

    @property
    def wire(self) -> bytes:
        """The content with dots stuffed and the final dot (RFC 5321 4.5.2)."""
        return stuffed(self.content) + b".\r\n"


def stuffed(content: bytes) -> bytes:
    """The plain way: a dot before each line that begins with one."""
    return re.sub(rb"(?m)^\.", b"..", content)


def unstuffed(wire: bytes) -> bytes:
    """The inverse of `stuffed`."""
    return re.sub(rb"(?m)^\.", b"", wire)


def new_id() -> str:
    """Unlike any other in this test run, xdist workers included."""
    return f"{next(_numbers)}.{os.getpid()}.{os.urandom(6).hex()}"


def _head(ident: str, *extra: str) -> str:
    lines = (
        "From: Alice <alice@sender.example>",
        "To: Bob <bob@example.org>",
        f"Date: {formatdate()}",
        f"Message-ID: <{ident}@sender.example>",
        "Subject: a letter",
        *extra,
    )
    return "".join(f"{line}\r\n" for line in lines)


def _letter(ident: str, content: bytes, envelope: Mapping[str, Any]) -> Letter:
    """Each letter has a sender of its own, by which a log can be asked about it."""
    return Letter(**{"id": ident, "content": content, "sender": f"a.{ident}@sender.example", **envelope})


def plain_letter(size: int = 2000, **envelope: str | tuple[str, ...]) -> Letter:
    """An ordinary message; its body has dots where they hurt."""
    ident = new_id()
    body = ".one dot\r\n..two dots\r\n.\x20\r\n" + f"{ident} body line of an ordinary letter\r\n" * (size // 60 + 1)
    return _letter(ident, (_head(ident) + "\r\n" + body).encode(), envelope)


def letter_of_many_parts(parts: int = 8, **envelope: str | tuple[str, ...]) -> Letter:
    """A message whose number of MIME parts a gate may object to."""
    ident = new_id()
    kind = 'Content-Type: multipart/mixed; boundary="seam"'
    body = "".join(f"--seam\r\nContent-Type: text/plain\r\n\r\n.part {n} of {ident}\r\n" for n in range(parts))
    text = _head(ident, "MIME-Version: 1.0", kind) + "\r\n" + body + "--seam--\r\n"
    return _letter(ident, text.encode(), envelope)


def looping_letter(hops: int = 60, **envelope: str | tuple[str, ...]) -> Letter:
    """A message that has passed through too many hosts (RFC 5321 6.3)."""
    ident = new_id()
    hop = "Received: from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    return _letter(ident, (hop * hops + _head(ident) + "\r\nround and round\r\n").encode(), envelope)


_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")


def fields_put_before(arrived: bytes, sent: bytes) -> list[str] | None:
    """The names of the header fields on top of `sent`; None if `arrived` is not `sent`, byte for byte, behind fields.

    A message that begins with no field would continue the last of them; there an empty line may end the header.
    """
    if not arrived.endswith(sent):
        return None
    before = arrived[: len(arrived) - len(sent)]
    if not _FIELD.match(sent):
        before = re.sub(rb"\r\n\r\n\Z", b"\r\n", before)
    fields = [match[0] for match in _FIELD.finditer(before)]
    if b"".join(fields) != before:
        return None
    return [field.partition(b":")[0].strip().decode("ascii").lower() for field in fields]


def only_fields_were_put_before(arrived: bytes, sent: bytes) -> bool:
    """Whether `arrived` is `sent`, byte for byte, behind zero or more whole header fields, whoever put them there."""
    return fields_put_before(arrived, sent) is not None


def only_our_fields_were_put_before(arrived: bytes, sent: bytes, *, marked: bool = False) -> bool:
    """The same, straight from the gateway: one Received, our id, and our mark on a message that is held."""
    ours = ["received", "x-lockdown-id", *(["x-lockdown-scan"] if marked else [])]
    return fields_put_before(arrived, sent) == ours


def ids_in(content: bytes) -> tuple[str, ...]:
    """The ids of the letters whose Message-ID stands in the header of the content."""
    header = content[: content.find(b"\r\n\r\n") + 1] or content
    return tuple(found.decode() for found in re.findall(rb"(?mi)^Message-ID: <([\w.]+)@sender\.example>", header))

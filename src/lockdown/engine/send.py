"""Send one message as somebody outside would, and say what became of it and where it lies now.

Fails as: `Refused` in the server's words; `Unknown(why)` when the last answer was lost; `OperatorError` when nobody
answers, or for a file that is not a message.
"""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from lockdown.config import Settings, upstreams
from lockdown.engine.targets import Mailbox, target_of
from lockdown.model.errors import OperatorError
from lockdown.model.unknown import Unknown
from lockdown.probe.smtp import Accepted, Caller, Delivered, Letter, NotSent, Overhear, Refused, Target, deliver
from lockdown.smtp.address import AddressError, parse_path

__all__ = ["Accepted", "Composed", "Delivered", "Draft", "NotSent", "Overhear", "Refused", "Target", "compose", "send"]

_PIECE = 64 * 1024
_LINE_OCTETS = 76


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sent, as asked for. `size_bytes` pads the message to about that size; `raw` is sent as it is."""

    sender: str
    recipients: tuple[str, ...]
    subject: str = "A test from Lockdown"
    body: str = "This is a test message."
    attachment: Path | None = None
    raw: Path | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Composed:
    """The message and the Message-ID by which it is found again ("" when it has none)."""

    letter: Letter
    message_id: str


def compose(draft: Draft, now: datetime) -> Composed:
    """Turn a draft into bytes with CRLF line ends."""
    for address in (draft.sender, *draft.recipients):
        _judge_address(address)
    content = _raw(draft.raw) if draft.raw else _written(draft, now)
    letter = Letter(
        draft.sender,
        draft.recipients,
        lambda: _in_pieces(content),
        len(content),
        tuple(_parameters(draft, content)),
    )
    return Composed(letter, _message_id_of(content))


def _parameters(draft: Draft, content: bytes) -> Iterator[str]:
    if not content.isascii():
        yield "BODY=8BITMIME"
    if not all(address.isascii() for address in (draft.sender, *draft.recipients)):
        yield "SMTPUTF8"


def _judge_address(address: str) -> None:
    parsed = parse_path(f"<{address}>".encode(), allow_utf8=True, null_allowed=True)
    if isinstance(parsed, AddressError):
        raise OperatorError(
            "not-an-address",
            what=f"{address!r} is not an address",
            why=parsed.why,
            try_this="lockdown send --to postmaster@example.org",
        )


def _written(draft: Draft, now: datetime) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"<{draft.sender}>" if draft.sender else "<>"
    message["To"] = ", ".join(draft.recipients)
    message["Subject"] = draft.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{secrets.token_hex(12)}@lockdown.invalid>"
    message.set_content(draft.body)
    if draft.attachment:
        _attach(message, draft.attachment)
    content = message.as_bytes()
    return content + _padding(draft.size_bytes - len(content))


def _attach(message: EmailMessage, path: Path) -> None:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    main, _, sub = kind.partition("/")
    message.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)


def _padding(octets: int) -> bytes:
    line = b"x" * (_LINE_OCTETS - 2) + b"\r\n"
    return line * max(0, -(-octets // len(line)))


def _raw(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.strip():
        raise OperatorError("empty-message", what=f"{path} is not a message", why="it is empty", try_this="ls -l FILE")
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _in_pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]


def _message_id_of(content: bytes) -> str:
    header = content.partition(b"\r\n\r\n")[0]
    for line in header.split(b"\r\n"):
        if line[:11].lower() == b"message-id:":
            return line[11:].decode("ascii", "replace").strip()
    return ""


def send(composed: Composed, target: Target, overhear: Overhear) -> Accepted | Refused | Unknown:
    """Deliver it over a connection of its own; `OperatorError` when it could not even be handed over."""
    outcome = deliver(target, composed.letter, Caller(name="lockdown-send.invalid", overhear=overhear))
    if isinstance(outcome, NotSent):
        raise OperatorError(
            "nobody-there",
            what="the message was not sent",
            why=outcome.why,
            try_this="lockdown up     (or name the server: --server HOST:PORT)",
        )
    return outcome


def where_it_lies(settings: Settings, message_id: str, newest: int = 50) -> Path | None:
    """The file of a message in the embedded Maildir, if that is where the mail goes and it is there."""
    for url in upstreams(settings.gateway):
        match target_of(url, settings):
            case Mailbox(path) if message_id:
                files = sorted((path / "new").glob("*"), key=_age, reverse=True)[:newest]
                return next((file for file in files if _holds(file, message_id.encode())), None)
            case _:
                continue
    return None


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # its reader has moved it just now
        return 0.0


def _holds(file: Path, needle: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return needle in opened.read(_PIECE)
    except OSError:  # its reader has moved it just now
        return False

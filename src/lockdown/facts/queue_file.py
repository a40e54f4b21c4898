"""A queue file of Postfix: its records, and from them what the queue knows of a message.

A record is a type, a length of seven bits an octet, and so many octets. Envelope records come first, then the message,
then what was taken from its header. Postfix documents none of it; it has been so since 2002, and
`tests/live/test_queue_surgery.py` holds it against the Postfix that is installed.

Fails as: `NotWhole` where the octets end before the envelope does: read more; `None` for what is no queue file. Never
raises, whatever the octets are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lockdown.model.queued import Fingerprint, Queued, digest_of

_SIZE, _TIME, _SENDER, _ATTRIBUTE = ord("C"), ord("T"), ord("S"), ord("A")
_RECIPIENT, _MESSAGE, _LINE, _PIECE = ord("R"), ord("M"), ord("N"), ord("L")
_POINTER, _EXTRACTED, _END = ord("p"), ord("X"), ord("E")
_MOST_RECORDS = 1_000_000
_MOST_HEADER = 64 * 1024
MOST_RECIPIENTS = 50_000
_LATEST = 4_102_444_800 * 1_000_000


class NotWhole(NamedTuple):
    """The octets end too early."""


NOT_WHOLE = NotWhole()


class Parts(NamedTuple):
    """Where the parts of a queue file lie, as its first record says."""

    size: int
    content_at: int
    recipients: int

    @property
    def extracted_at(self) -> int:
        """Behind the message."""
        return self.content_at + self.size


def records(octets: bytes, at: int = 0) -> Iterator[tuple[int, bytes, int]]:
    """Type, content, and where the next one begins; ends with the octets, or before a record that is cut."""
    end = len(octets)
    while at + 2 <= end:
        kind, length, at = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            length, at = _long_length(octets, at, length)
            if at < 0:
                return
        if at + length > end:
            return
        yield kind, octets[at : at + length], at + length
        at += length


def _long_length(octets: bytes, at: int, first: int) -> tuple[int, int]:
    """A length of more than seven bits, and where it ends; -1 where it does not."""
    length, shift, end = first & 0x7F, 7, len(octets)
    while at < end and shift <= 28:
        octet, at = octets[at], at + 1
        length |= (octet & 0x7F) << shift
        shift += 7
        if not octet & 0x80:
            return length, at
    return 0, -1


def parts_of(content: bytes) -> Parts | None:
    """What the first record says."""
    numbers = content.split()
    if len(numbers) < 3 or not all(number.isdigit() and len(number) < 19 for number in numbers[:3]):
        return None
    return Parts(*map(int, numbers[:3]))


def fingerprint(octets: bytes, id: str) -> Fingerprint | NotWhole | None:
    """By what a message is known again: in the first few hundred octets of its file."""
    parts: Parts | None = None
    arrived = -1
    for kind, content, _ in records(octets):
        if kind == _SENDER:
            return Fingerprint(id, arrived, parts.size, digest_of(_text(content))) if parts and arrived >= 0 else None
        if parts is None:
            # Before anything else stands the size; what begins otherwise is another kind of file.
            if kind != _SIZE or (parts := parts_of(content)) is None:
                return None
        elif kind == _TIME:
            arrived = _time(content)
        elif kind in (_MESSAGE, _END):
            return None
    return NOT_WHOLE if len(octets) < _MOST_HEADER else None


def signed_in(octets: bytes) -> bytes:
    """Who has handed it in; b"" for nobody. Only the envelope says so: behind it is what anybody may write."""
    for kind, content, _ in records(octets):
        if kind == _MESSAGE:
            break
        name, _, value = content.partition(b"=")
        if kind == _ATTRIBUTE and name == b"sasl_username":
            return value
    return b""


_WANTED = {b"log_client_address": 0, b"log_helo_name": 1, b"sasl_username": 2}
_WANTED_BEGIN = frozenset(name[:4] for name in _WANTED)


def queued(octets: bytes, id: str, queue: str, *, is_whole: bool = False) -> Queued | NotWhole | None:
    """What the queue knows, but the subject. With `is_whole` these are all the octets of the file."""
    parts: Parts | None = None
    arrived, sender = -1, None
    recipients: list[bytes] = []
    known = [b"", b"", b""]
    reached, at, end = 0, 0, len(octets)
    # As `records`, but without a generator: a queue of tens of thousands is read in half the time.
    while at + 2 <= end:
        kind, length, begins = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            length, begins = _long_length(octets, begins, length)
        at = begins + length
        if at > end or begins < 0:
            break
        if kind == _ATTRIBUTE and parts is not None:
            if octets[begins : begins + 4] in _WANTED_BEGIN:
                name, _, value = octets[begins:at].partition(b"=")
                if (place := _WANTED.get(name)) is not None:
                    known[place] = value
        elif parts is None:
            if kind != _SIZE or (parts := parts_of(octets[begins:at])) is None:
                return None
        elif kind == _RECIPIENT:
            recipients.append(octets[begins:at])
        elif kind == _TIME:
            arrived = _time(octets[begins:at])
        elif kind == _SENDER:
            sender = octets[begins:at]
        elif kind == _MESSAGE:
            reached = at
            break
        elif kind == _END or len(recipients) >= MOST_RECIPIENTS:
            break
    if parts is None or not reached:
        return None if is_whole or (parts is None and len(octets) > 64) else NOT_WHOLE
    if arrived < 0 or sender is None:
        return None
    if not recipients and parts.recipients:
        # Given in the header (sendmail -t): they stand behind the message.
        if not is_whole:
            return NOT_WHOLE
        recipients = _extracted(octets, parts.extracted_at)
    client, helo, user = map(_text, known)
    to = tuple(map(_text, recipients[:MOST_RECIPIENTS]))
    return Queued(id, queue, arrived, parts.size, _text(sender), to, client, helo, user)


def _extracted(octets: bytes, at: int) -> list[bytes]:
    found: list[bytes] = []
    if at < len(octets):
        for kind, content, _ in records(octets, at):
            if kind == _RECIPIENT and len(found) < MOST_RECIPIENTS:
                found.append(content)
            elif kind == _END:
                break
    return found


def header_of(octets: bytes) -> bytes:
    """The header of the message as far as these octets hold it, with the line ends of the wire."""
    lines: list[bytes] = []
    taken, is_message = 0, False
    for kind, content, _ in records(octets):
        if is_message and (kind not in (_LINE, _PIECE) or not content or taken > _MOST_HEADER):
            break
        if is_message:
            lines.append(content)
            taken += len(content)
        is_message = is_message or kind == _MESSAGE
    return b"\r\n".join(lines) + b"\r\n"


def message(octets: bytes) -> bytes:
    """The message itself, as it would be delivered; what a filter has rewritten in place is followed."""
    lines: list[bytes] = []
    parts: Parts | None = None
    for kind, content, _ in records(octets):
        parts = parts_of(content) if kind == _SIZE else None
        break
    if parts is None:
        return b""
    at, hops, count = parts.content_at, 0, 0
    while 0 <= at < len(octets) and hops < 1000:
        leads = -1
        for kind, content, _ in records(octets, at):
            count += 1
            if kind == _LINE:
                lines += (content, b"\n")
            elif kind == _PIECE:
                lines.append(content)
            elif kind == _POINTER and content.strip().isdigit() and len(content) < 20 and int(content) > 0:
                leads = int(content)
                break
            elif kind in (_EXTRACTED, _END) or count > _MOST_RECORDS:
                return b"".join(lines)
        if leads < 0:
            break
        at, hops = leads, hops + 1
    return b"".join(lines)


# ── a file of our own ──


def queue_file(sender: str, recipient: str, arrived: int, letter: bytes) -> bytes:
    """A letter as it lies in a queue; `arrived` in microseconds. Its lines must be shorter than a piece (2,048)."""
    content = b"".join(_record(_LINE, line) for line in letter.removesuffix(b"\r\n").split(b"\r\n"))
    seconds, rest = divmod(arrived, 1_000_000)
    envelope = b"".join((
        _record(_TIME, b"%d %d" % (seconds, rest)), _record(_ATTRIBUTE, b"rewrite_context=local"),
        _record(_SENDER, sender.encode()), _record(_RECIPIENT, recipient.encode()), _record(_MESSAGE, b""),
    ))  # fmt: skip
    at = len(_record(_SIZE, _SIZES % (0, 0, 0, 0, 0, 0))) + len(envelope)
    first = _record(_SIZE, _SIZES % (len(content), at, 1, 0, len(content), 0))
    return first + envelope + content + _record(_EXTRACTED, b"") + _record(_END, b"")


_SIZES = b"%15d %15d %15d %15d %15d %15d"


def _record(kind: int, content: bytes) -> bytes:
    octets, left = bytearray((kind,)), len(content)
    while left >= 0x80:
        octets.append(left & 0x7F | 0x80)
        left >>= 7
    octets.append(left)
    return bytes(octets) + content


def _time(content: bytes) -> int:
    """Seconds, and in most files microseconds too."""
    numbers = content.split()
    if not numbers or len(numbers) > 2 or not all(number.isdigit() and len(number) < 12 for number in numbers):
        return -1
    seconds, rest = int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else 0
    return min(seconds * 1_000_000 + rest, _LATEST)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def first_reason(octets: bytes) -> str:
    """Why it waits, of the file that Postfix keeps beside a deferred message."""
    for line in octets.split(b"\n"):
        if line.startswith(b"reason="):
            return _text(line[7:])[:500]
    return ""


# ── names ──

_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def is_id(name: str) -> bool:
    """Is this the name of a queue file?"""
    return 6 <= len(name) <= 40 and name.isascii() and name.isalnum()


def id_for_inode(id: str, inode: int) -> str:
    """The id with another inode in it: a file that is put back lies under one that agrees with it, as Postfix's own."""
    before, sign, _ = id.rpartition("z")
    if sign and len(before) >= 10:
        return f"{before}z{_in_base(inode, 51)}"
    return f"{id[:5]}{inode:X}"


def inode_in(id: str) -> int:
    """The inode that an id names; -1 for what names none."""
    before, sign, after = id.rpartition("z")
    try:
        if sign and len(before) >= 10:
            value = 0
            for letter in after:
                value = value * 51 + _BASE52.index(letter)
            return value
        return int(id[5:], 16)
    except ValueError:
        return -1


def hashed_by(id: str) -> str:
    """The letters that name the folders below a hashed queue."""
    before, sign, _ = id.rpartition("z")
    if not sign or len(before) < 10:
        return id
    value = 0
    for letter in before[-4:]:
        value = value * 52 + max(_BASE52.find(letter), 0)
    return f"{value:05X}"


def _in_base(number: int, base: int) -> str:
    said = ""
    while number:
        number, digit = divmod(number, base)
        said = _BASE52[digit] + said
    return said or "0"

"""Bodies that were read lately: what a thousand people get is read once, and its header anew for each of them.

Two messages are the same here if their bodies are, octet by octet, and all fields but those that differ from copy to
copy and say nothing of what is within: who, when, on which way. Whatever is odd about a header makes it no copy of
anything. Bounded, in entries and in octets; nothing is kept of a message that was not read whole.
Fails as: nothing; what is not known is read.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import NamedTuple

from lockdown.mime.fields import header_fields, of_sender
from lockdown.mime.letter import is_of_body_alone, under_header
from lockdown.model.scan import Reading
from lockdown.scan.signatures import holds_test_virus

MOST_BODIES = 256
MOST_OCTETS = 8 * 1024 * 1024
"""What readings may hold together, about."""
MOST_HEADER = 16 * 1024
_EACH = 256
"""Octets that a link or a file of a reading takes, about."""
# No program looks into one of these for how to read a body. All others are part of what must be the same.
_OF_A_COPY = frozenset(
    ("received", "date", "message-id", "from", "to", "cc", "subject", "reply-to", "sender", "return-path",
     "delivered-to", "in-reply-to", "references", "dkim-signature", "authentication-results", "received-spf",
     "arc-seal", "arc-message-signature", "arc-authentication-results", "feedback-id", "errors-to", "precedence",
     "auto-submitted", "user-agent", "organization", "importance", "priority", "thread-topic", "thread-index")
)  # fmt: skip
_ODD = bytes((*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F))
_BEGINS_ODDLY = (b"From ", b">From ", b"\r\n", b" ", b"\t")


class Copy(NamedTuple):
    """What a message may have in common with others, and what it has for itself."""

    digest: bytes
    fields: tuple[tuple[str, bytes], ...]


def copy_of(content: bytes) -> Copy | None:
    """None for a message whose header is odd in any way: it has its own reading."""
    end = content.find(b"\r\n\r\n", 0, MOST_HEADER)
    block = content[: end + 2]
    if end < 0 or block.startswith(_BEGINS_ODDLY) or len(block.translate(None, _ODD)) != len(block):
        return None
    lines = block.replace(b"\r\n", b"")
    if b"\n" in lines or b"\r" in lines or holds_test_virus(block):
        return None
    fields, strange = header_fields(block)
    if strange or of_sender(fields, [name for name, _ in fields]):
        return None
    told = [
        b"%d %d %b%b" % (len(name), len(value), name.encode("latin-1"), value)
        for name, value in fields
        if name not in _OF_A_COPY and not name.startswith(("x-", "list-"))
    ]
    # Processors have instructions of their own for this hash.
    digest = sha256(b"".join([*told, b"body "]))
    digest.update(memoryview(content)[end + 4 :])
    return Copy(digest.digest(), fields)


class Bodies:
    """Readings by what their messages have in common, those used lately."""

    def __init__(self, most_bodies: int = MOST_BODIES, most_octets: int = MOST_OCTETS) -> None:
        self._most_bodies, self._room = most_bodies, most_octets
        self._kept: OrderedDict[bytes, Reading] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def recall(self, copy: Copy) -> Reading | None:
        """The reading of the same body, with this message's own header."""
        kept = self._kept.get(copy.digest)
        letter = None if kept is None else under_header(kept.letter, copy.fields)
        if kept is None or letter is None:
            return None
        self._kept.move_to_end(copy.digest)
        return kept._replace(letter=letter)

    def keep(self, copy: Copy, reading: Reading) -> None:
        """For the next one."""
        if reading.content.unread or not is_of_body_alone(reading.letter) or copy.digest in self._kept:
            return
        self._kept[copy.digest] = reading
        self._room -= _size(reading)
        while len(self._kept) > self._most_bodies or (self._room < 0 and self._kept):
            self._room += _size(self._kept.popitem(last=False)[1])


def _size(reading: Reading) -> int:
    """About; text of all scripts takes up to four octets a character."""
    content, letter = reading
    counted = len(content.files) + len(content.found) + len(content.suspicious) + len(letter.links)
    return 1000 + 4 * (len(letter.text) + len(letter.hidden_text)) + _EACH * (counted + len(letter.attachments))

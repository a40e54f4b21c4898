"""What a message is made of, as values: parts with their decoded content on demand, and what was left unread.

Fails as: nothing. A part whose encoding is broken gives what can be decoded of it; the reader has named the breach.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from lockdown.mime.decode import decoded
from lockdown.model.scan import Ambiguity, Unread

KIB = 1024
MIB = 1024 * KIB


class ReadLimits(NamedTuple):
    """How much of one message is read. What lies beyond is named in `Message.unread`."""

    max_parts: int = 1000
    """Containers, files within texts, and second readings of one part are counted too."""
    max_depth: int = 20
    """Parts within parts; the message itself is 0."""
    max_header: int = 256 * KIB
    max_part_header: int = 64 * KIB
    max_decoded: int = 128 * MIB
    """Octets that reading itself may decode (texts, containers in an encoding, TNEF), all together."""
    max_searched: int = 64 * MIB
    """Octets that may be searched for boundaries, but always eight times the message."""


DEFAULT_LIMITS = ReadLimits()
NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class Part(NamedTuple):
    """One part: a leaf, or a container whose members follow it."""

    path: str
    """As IMAP numbers it: `1`, `1.2`, `2.1` in an embedded message; a multipart that is a whole message is `0`, `2.0`.

    A file within it is `1/uu1`, `1/yenc1`, `1/tnef2`, `1/binhex1`; another reading of the same octets is `1~2`."""
    content_type: str
    """Lower case; text/plain where none is declared, message/rfc822 in a digest (RFC 2046 5.1.5)."""
    parameters: Mapping[str, str]
    """Of Content-Type, names in lower case, values decoded (RFC 2231)."""
    charset: str
    """As declared, lower case; "" for none."""
    name: str
    """As a reader sees it: of Content-Disposition first, then of Content-Type; "" for none."""
    other_names: tuple[str, ...]
    """What other readers may take for its name."""
    disposition: str
    """"attachment", "inline", "", or what else is written there."""
    encoding: str
    """"7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "x-yenc": how `data` decodes."""
    content_id: str
    depth: int
    start: int
    end: int
    """Where its body lies within `octets`."""
    is_container: bool
    octets: bytes
    """The message itself, or for a file within a part, what that was decoded to."""
    kept: list[bytes]
    """What `data` has decoded already; not for others."""

    def raw(self) -> bytes:
        """Its body as it came."""
        return self.octets[self.start : self.end]

    def data(self) -> bytes:
        """Its body decoded; of a container, as it came. Never longer than `raw`, but for BinHex never made here."""
        kept = self.kept
        if not kept:
            raw = self.octets[self.start : self.end]
            kept.append(raw if self.is_container else decoded(raw, self.encoding))
        return kept[0]

    def __repr__(self) -> str:
        return f"<Part {self.path} {self.content_type} {self.name!r} {self.encoding} {self.start}:{self.end}>"


class Message(NamedTuple):
    """A message that was read."""

    header: bytes
    """As received, without the empty line that ends it."""
    fields: tuple[tuple[str, bytes], ...]
    """Name in lower case, value as it came (folds within), white space around it taken away."""
    parts: tuple[Part, ...]
    """Leaves and containers, in their order."""
    ambiguities: tuple[Ambiguity, ...]
    """Each once, in the order in which they were met."""
    unread: tuple[Unread, ...]

    def values(self, name: str) -> tuple[bytes, ...]:
        """The values of all fields of this (lower-case) name."""
        return tuple(value for field, value in self.fields if field == name)

    @property
    def leaves(self) -> tuple[Part, ...]:
        """All that has content of its own."""
        return tuple(part for part in self.parts if not part.is_container)

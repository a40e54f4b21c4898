"""Messages in files: .eml, Apple's .emlx, mailboxes, web pages with all their parts, and what S/MIME has signed.

Fails as: a `Flaw` for what the reader of messages leaves unread, or what is encrypted; a `Doubt` where two mail
programs would read it differently.
"""

from __future__ import annotations

import itertools
import re

from lockdown.mime.reader import read_message
from lockdown.model.scan import Trait
from lockdown.scan.containers.ber import octets_within
from lockdown.scan.containers.member import Allowance, Doubt, Flaw, Member, Opened, damaged
from lockdown.scan.containers.stream import inflate, zlib_deflate

_FROM_LINE = re.compile(rb"(?:\A|\n)From [^\n]{0,1000}\n")
_ENVELOPED = bytes.fromhex("06092a864886f70d010703")
_AUTH_ENVELOPED = bytes.fromhex("060b2a864886f70d0109100117")
_COMPRESSED = bytes.fromhex("060b2a864886f70d0109100109")
_OID_WITHIN = 64
"""The object that a CMS file is, is named within so many octets."""
_PGP_ENCRYPTED = frozenset({1, 3, 9, 18, 20})
_PGP_PACKED = frozenset({4, 8, 11})


def open_mail(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The parts of one message."""
    message = read_message(data)
    for ambiguity in message.ambiguities:
        yield Doubt(ambiguity)
    for unread in message.unread:
        yield Flaw(unread.why, unread.path, too_big=unread.too_big)
    for part in message.parts:
        if not part.is_container:
            allowance.take_member()
            content = part.data()
            allowance.take(len(content))
            yield Member(part.name or part.path, content, quiet=not part.name)


def open_mailbox(data: bytes, name: str, allowance: Allowance) -> Opened:
    """The messages of an mbox (RFC 4155)."""
    lines = [line.span() for line in _FROM_LINE.finditer(data)]
    for (_, start), (end, _) in itertools.pairwise([*lines, (len(data), 0)]):
        yield from open_mail(data[start:end], name, allowance)


def open_apple_mail(data: bytes, name: str, allowance: Allowance) -> Opened:
    """A line with a length, the message, then settings as XML."""
    length, _, rest = data.partition(b"\n")
    whole = int(length) if length.strip().isdigit() and len(length) < 20 else len(rest)
    yield from open_mail(rest[:whole], name, allowance)


def open_cms(data: bytes, name: str, allowance: Allowance) -> Opened:
    """What S/MIME has signed (RFC 8551 3.5.2); a signature alone has nothing within."""
    start = data[:_OID_WITHIN]
    if _ENVELOPED in start or _AUTH_ENVELOPED in start:
        yield Flaw("encrypted with S/MIME", trait=Trait.ENCRYPTED)
        return
    content, whole = octets_within(data)
    if not whole:
        yield damaged("not to be read as S/MIME")
    if content and _COMPRESSED in start:
        content = inflate(memoryview(content), zlib_deflate(), allowance).data
    if content:
        yield from open_mail(content, name, allowance)


def open_pgp(data: bytes, name: str, allowance: Allowance) -> Opened:
    """OpenPGP: keys and signatures are what they are; anything else is for its receiver alone (RFC 9580 5)."""
    if data.lstrip()[:5] == b"-----":
        if b"-----BEGIN PGP MESSAGE" in data[:1000]:
            yield Flaw("encrypted with OpenPGP", trait=Trait.ENCRYPTED)
        return
    first = data[:1] or b"\0"
    packet = first[0] & 0x3F if first[0] & 0x40 else first[0] >> 2 & 0xF
    if packet in _PGP_ENCRYPTED:
        yield Flaw("encrypted with OpenPGP", trait=Trait.ENCRYPTED)
    elif packet in _PGP_PACKED:
        yield Flaw("no builtin reader for OpenPGP's compressed data")

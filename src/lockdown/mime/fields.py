"""The fields of a header block, and what is odd about them: names, lengths, text that is no field, who sends.

Fails as: nothing; lines that are no fields are given as such. Never raises.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from lockdown.mime.header import unfolded, without_comments
from lockdown.model.scan import Ambiguity

LONGEST_FIELD = 100_000
"""Octets; mail servers cut a header that is longer (Postfix: header_size_limit 102,400)."""

_FIELD = re.compile(rb"([!-9;-~]++[ \t]*+):([^\n]*+(?>(?:\n[ \t][^\n]*+)*))\n?|([^\n]++\n?|\n)")
_QUOTED = re.compile(rb'"(?>(?:[^"\\]|\\.)*)"', re.DOTALL)
_ODD_NAME = re.compile(
    rb"[\x00-\x20\x7f-\xff]*+(?:content-|mime-version|from|subject|sender)[!-~]{0,40}[\x00-\x20\x7f-\xff]*+:",
    re.IGNORECASE,
)
_ODD_IF_SPACED = frozenset(
    ("content-type", "content-transfer-encoding", "content-disposition", "from", "sender", "subject", "reply-to",
     "mime-version")
)  # fmt: skip
_USUAL = (
    "Received Return-Path Delivered-To From To Cc Bcc Subject Date Message-ID Message-Id In-Reply-To References "
    "Reply-To Sender MIME-Version Mime-Version Content-Type Content-type Content-Transfer-Encoding Content- "
    "transfer-encoding Content-Disposition Content-disposition Content-ID Content-Id Content-Description Content- "
    "Language Content-Class X-Mailer User-Agent X-Priority X-MSMail-Priority X-MimeOLE X-MIMEOLE Importance "
    "Priority Precedence List-Id List-ID List-Unsubscribe List-Unsubscribe-Post List-Subscribe List-Help List- "
    "Post List-Archive Errors-To X-BeenThere X-Beenthere X-Mailman-Version X-Original-Date Organization DKIM- "
    "Signature Authentication-Results ARC-Seal ARC-Message-Signature ARC-Authentication-Results Received-SPF "
    "Feedback-ID X-Received Thread-Topic Thread-Index Auto-Submitted X-Spam-Status X-Spam-Level X-Originating-IP "
    "Disposition-Notification-To Lines X-Loop X-Egroups-Return X-Sender X-Apparently-To X-OriginalArrivalTime "
    "Status X-Status X-Keywords"
)
_KNOWN = {name.encode(): name.lower() for name in _USUAL.split()}


class Header(NamedTuple):
    """A header block taken apart."""

    fields: tuple[tuple[str, bytes], ...]
    strange: tuple[bytes, ...]
    """Lines that are no fields, and names with space before the colon; rare."""


@lru_cache(maxsize=4)
def header_fields(block: bytes) -> Header:
    """Its fields in their order; names in lower case, values as they came, white space around them taken away."""
    known = _KNOWN.get
    found = _FIELD.findall(block)
    fields = [(known(name) or _plain(name), value.strip()) for name, value, _ in found if name]
    if len(fields) == len(found) and b" :" not in block and b"\t:" not in block:
        return Header(tuple(fields), ())
    return Header(tuple(fields), tuple(name or line for name, _, line in found if line or name[-1:] in b" \t"))


def _plain(name: bytes) -> str:
    return name.rstrip().decode("latin_1").lower()


def strange_lines(strange: tuple[bytes, ...]) -> list[Ambiguity]:
    """What lines that are no fields mean. Those that mail stores put there (`>From `) mean nothing."""
    found = []
    for line in strange[:1000]:
        if (line[-1:] in b" \t" and b"\n" not in line and _plain(line) in _ODD_IF_SPACED) or (
            (b":" in line and _ODD_NAME.match(line)) or _plain(line) in _ODD_IF_SPACED
        ):
            found.append(Ambiguity.ODD_FIELD)
        elif b"\n" in line and not line.startswith((b">From ", b"From ")) and line.strip():
            found.append(Ambiguity.TEXT_BEFORE_HEADER)
    return found


def text_within(block: bytes) -> tuple[int, bool] | None:
    """Where the first line stands that is no field, and whether fields follow it; None where all are fields."""
    first = -1
    for line in _FIELD.finditer(block):
        if line[1]:
            if first >= 0:
                return first, True
        elif first < 0 and not line[0].startswith((b">From ", b"From ")) and line[0].strip():
            first = line.start()
    return (first, False) if first >= 0 else None


def of_sender(fields: tuple[tuple[str, bytes], ...], names: list[str]) -> list[Ambiguity]:
    """What is ambiguous about who sends, and about what; `names` are those of the fields."""
    found = []
    senders = names.count("from")
    if senders != 1:
        found.append(Ambiguity.TWO_FROM if senders else Ambiguity.NO_FROM)
    if any(_has_two_addresses(value) for name, value in fields if name == "from"):
        found.append(Ambiguity.TWO_SENDERS_IN_FROM)
    if names.count("subject") > 1:
        found.append(Ambiguity.TWO_SUBJECTS)
    return found


def _has_two_addresses(value: bytes) -> bool:
    # Hot path: one pair of brackets and no comma is one address.
    if value.count(b"@") < 2 or (b"," not in value and b";" not in value and value.count(b"<") == 1):
        return False
    plain = without_comments(_QUOTED.sub(b"", unfolded(value[:16384])))
    if plain.count(b"<") > 1:
        return plain.count(b"@") > 1
    return sum(b"@" in piece for piece in re.split(rb"[,;]", plain)) > 1


def longest(fields: tuple[tuple[str, bytes], ...]) -> int:
    """Octets of the longest value."""
    return max((len(value) for _, value in fields), default=0)

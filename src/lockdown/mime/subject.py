"""The subject of a message as a person reads it. Bounded; never raises: what cannot be decoded is shown as it came."""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from lockdown.mime.header import unfolded

# A subject of one megabyte takes the standard library half a minute; nobody reads beyond the first line.
_MOST_BYTES = 1000
_SUBJECT = re.compile(rb"^subject[ \t]*:[ \t]*(.*(?:\r\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)


def subject_of(header: bytes) -> str:
    """The first Subject field, its encoded words decoded (RFC 2047), control characters replaced."""
    found = _SUBJECT.search(header)
    if found is None:
        return ""
    raw = unfolded(found[1][:_MOST_BYTES]).decode("utf-8", "replace").strip()
    try:
        shown = str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):
        shown = raw
    return "".join(char if char.isprintable() else "?" for char in shown)

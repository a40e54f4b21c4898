"""What a local part would mean to a server that reads more into it than the name of a mailbox.

Servers of four decades have read routes out of local parts: `user%host`, `host!user`, a quoted second address, an SRS
or VERP form that carries one. Whether the server behind still does is not known here, so each is taken at its word.
Fails as: nothing; every text has an answer, and an empty one means an ordinary mailbox.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set

# All that is printable but % ! @ : and =. The hot path: one run over one set of characters settles it, which costs a
# third of a search for alternatives.
ORDINARY = re.compile(r"(?![Ss][Rr][Ss][01][-+])[\x20\x22-\x24\x26-\x39;<>?\x41-\x7e]*\Z")
"""Matches a local part that is the name of a mailbox and nothing more."""
_ROUTE_SIGNS = {
    "@": "a second address inside the local part",
    "%": "a percent route",
    "!": "a bang route",
    ":": "a colon route",
    "=?": "an encoded word, which may hold any of these",
}
_SRS = re.compile(r"SRS[01][-+=]", re.IGNORECASE)
_BATV = re.compile(r"prvs=[0-9a-f]{10}=|btv1==[0-9a-f]+==", re.IGNORECASE)
"""A signed return path for one of our own mailboxes: what follows is its local part, dots and all."""
_CARRIED = re.compile(r"=([^=]+)")
_HOST = re.compile(r"[^.]+(?:\.[^.]+)*\.(?:[^.]*[^.\d][^.]*)\.?|\d+(?:\.\d+){3}")
"""A name with a dot whose last label is not a number, or an IPv4 address: `=12.50` is a price, not a host."""


def hidden_destination(local: str, ours: Set[str], *, srs: bool, verp: bool) -> str:
    """Say where a local part would lead besides the mailbox of that name; nothing for an ordinary one."""
    return "" if ORDINARY.match(local) else _route(local, ours, srs, verp)


def carries_address(local: str, ours: Set[str]) -> bool:
    """True for the SRS and VERP forms, whose mailbox only the server behind can know."""
    return bool(_SRS.match(local)) or bool(_foreign_host(local, ours))


def _route(local: str, ours: Set[str], srs: bool, verp: bool) -> str:
    # A server behind that normalises its input turns a full-width sign into the sign itself, after we have looked.
    plain = unicodedata.normalize("NFKC", local)
    for sign, meaning in _ROUTE_SIGNS.items():
        if sign in plain:
            return meaning
    if _SRS.match(plain):
        return "" if srs else "an SRS address, which nobody here checks (relaying.srs is off)"
    host = _foreign_host(plain, ours)
    return f"an address at {host} carried in the local part (relaying.verp is off)" if host and not verp else ""


def _foreign_host(local: str, ours: Set[str]) -> str:
    signed = _BATV.match(local)
    mailbox = local[signed.end() :] if signed else local
    for carried in _CARRIED.findall(mailbox):
        host = carried.lower()
        if _HOST.fullmatch(host) and host.removesuffix(".") not in ours:
            return str(host)
    return ""

"""How the header of a message is put together, in words that name nobody: what program wrote it, and its way.

A program has habits: the order of its fields, the form of its Message-ID, date and boundary. Programs that send in bulk
have others, and those that claim to be another program mix them up. Values become forms (`A` capitals, `a` small
letters, `9` digits); no host, address, list, date or time zone is among them. Bounded: MOST_FIELDS fields, SHOWN octets
of each, MOST_HOPS hops.

Fails as: nothing; what is absent or cannot be understood is a word too, or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple

MOST_FIELDS = 400
MOST_HOPS = 20
SHOWN = 300

_AUTHORED = frozenset({
    "from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "mime-version", "content-type",
    "content-transfer-encoding", "x-mailer", "user-agent", "x-priority", "x-msmail-priority", "importance", "priority",
    "x-mimeole", "in-reply-to", "references", "sender", "organization", "x-originating-ip", "x-accept-language",
    "content-disposition", "thread-index", "thread-topic", "content-class", "disposition-notification-to",
    "return-receipt-to",
})  # fmt: skip
"""Fields that the program of the sender writes; others are added on the way."""

_CAPITALS, _SMALL, _DIGITS = re.compile(r"[A-Z]++"), re.compile(r"[a-z]++"), re.compile(r"\d++")
_KINDS = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", b"A" * 26 + b"a" * 26 + b"9" * 10
)
_RUNS = ((b"AA", b"A"), (b"aa", b"a"), (b"99", b"9"))
"""Each replacement halves a run."""
_LETTERS = re.compile(rb"[A-Za-z]++")
_BOUNDARY = re.compile(r'boundary\s{0,3}=\s{0,3}("?)([^";\s]{1,80})', re.IGNORECASE)
_CHARSET = re.compile(r'charset\s{0,3}=\s{0,3}("?)([^";\s]{1,40})', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*+"')
_ZONE = re.compile(r"[+-]\d{4}")
_NUMERIC = re.compile(rb"\[?[\d.]++\]?")
_NUMBERED = re.compile(rb"\d++[-.x_]\d++[-.x_]\d++")
_DIALLED = re.compile(rb"dsl|dial|ppp|dhcp|cable|pool|dyn|modem|client|user", re.IGNORECASE)
_WITH = re.compile(rb"\bwith\s{1,3}(\w{1,10})")
_FROM = re.compile(rb"from\s{1,3}(\S{1,100})(?:\s{1,3}\(([^)]{0,200})\))?", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9-]++(?:\.[a-z0-9-]++)+")


def form(value: str, most: int) -> str:
    """Capitals as `A`, small letters as `a`, digits as `9`, each run of them once."""
    value = value[:SHOWN]
    if not value.isascii():
        return _SMALL.sub("a", _CAPITALS.sub("A", _DIGITS.sub("9", value)))[:most]
    kinds = value.encode().translate(_KINDS)
    for run, one in _RUNS:
        while run in kinds:
            kinds = kinds.replace(run, one)
    return kinds[:most].decode()


def build_of(fields: Iterable[tuple[str, bytes]], sender: str) -> tuple[str, ...]:
    """The habits in a header; `sender` is the domain of From."""
    first: dict[str, bytes] = {}
    hops = []
    for name, value in islice(fields, MOST_FIELDS):
        if name in _AUTHORED:
            if name not in first:
                first[name] = value[:SHOWN].strip()
        elif name == "received":
            hops.append(value[:SHOWN])
    message_id = first.get("message-id", b"")
    return (
        *_of_order(tuple(first)),
        *_of_mailer(first.get("x-mailer") or first.get("user-agent") or b""),
        *_of_type(first.get("content-type", b"")),
        "encoded " + first.get("content-transfer-encoding", b"none").decode("latin-1")[:16].lower(),
        *_of_id(message_id),
        *_of_date(first.get("date", b"").decode("latin-1")),
        *_of_people(first.get("to", b""), first.get("from", b"")),
        *_of_words(first.get("subject", b""), first.get("from", b""), first.get("x-priority", b"")),
        *(_of_way(hops[:MOST_HOPS], len(hops), sender, message_id) if hops else ()),
    )


@lru_cache(maxsize=512)
def _of_order(order: tuple[str, ...]) -> tuple[str, ...]:
    if not order:
        return ()
    return (*(f"order {one}>{other}" for one, other in pairwise(order)), f"first {order[0]}", f"last {order[-1]}")


@lru_cache(maxsize=512)
def _of_mailer(mailer: bytes) -> tuple[str, ...]:
    """Its first three words: programs have families, and a family has habits."""
    if not mailer:
        return ("mailer none",)
    family = b" ".join(_LETTERS.findall(mailer[:60])[:3]).lower().decode()
    return f"mailer {family[:24]}", "mailer-form " + form(mailer[:60].decode("latin-1"), 24)


@lru_cache(maxsize=512)
def _of_type(value: bytes) -> tuple[str, ...]:
    text = value.decode("latin-1")
    found = [
        "type " + (text.partition(";")[0].strip().lower()[:30] or "none"),
        "type-form " + form(_QUOTED.sub("Q", text), 16),
    ]
    if boundary := _BOUNDARY.search(text):
        found.append(f"boundary {boundary[1]}{form(boundary[2], 24)}")
        found.append(f"boundary-length {len(boundary[2]) // 4}")
    if charset := _CHARSET.search(text):
        found.append(f"charset {charset[1]}{form(charset[2][:3], 3)}{'A' if charset[2].isupper() else 'a'}")
    return tuple(found)


def _of_id(message_id: bytes) -> list[str]:
    local, _, domain = message_id.decode("latin-1").strip("<> \t").rpartition("@")
    if not domain:
        return ["id-host none"]
    case = "A" if domain.isupper() else "a" if domain.islower() else "Aa"
    dots = "numeric" if _NUMERIC.fullmatch(domain.encode("latin-1")) else min(domain.count("."), 4)
    return [
        f"id-length {min(len(local) // 4, 12)}",
        f"id-host {dots}",
        f"id-case {case}",
    ]


def _of_date(date: str) -> list[str]:
    zone = _ZONE.search(date[:100])
    if zone is None:
        return ["date " + form(date[:100], 40)]
    return ["date " + form(_ZONE.sub("Z", date[:100]), 40), "zone " + _zone(zone[0])]


def _zone(zone: str) -> str:
    """Only what no place on earth has is told."""
    if zone == "-0000":
        return "unknown"
    return "odd" if zone[3:] not in ("00", "30", "45") or int(zone[1:3]) > 14 else "of earth"


def _of_people(to: bytes, sender: bytes) -> list[str]:
    found = [f"to {_to(to)}", f"from {_from(sender)}"]
    if b"," in to:
        found.append("to-many")
    return found


def _to(value: bytes) -> str:
    if not value:
        return "none"
    if b"undisclosed" in value.lower():
        return "undisclosed"
    return "angle" if value[:1] == b"<" else "named" if b"<" in value else "bare" if b"@" in value else "odd"


def _from(value: bytes) -> str:
    begins = {b'"': "quoted", b"<": "angle"}.get(value[:1])
    return begins or (
        "encoded" if value[:2] == b"=?" else "named" if b"<" in value else "comment" if b"(" in value else "bare"
    )


def _of_words(subject: bytes, sender: bytes, priority: bytes) -> list[str]:
    found = []
    if b"=?" in subject:
        found.append("subject-encoded " + ("b" if b"?b?" in subject.lower() else "q"))
    elif not subject.isascii():
        found.append("subject-8bit")
    if not sender.isascii():
        found.append("from-8bit")
    if priority:
        found.append(f"priority {priority[:1].decode('latin-1')}{form(priority.decode('latin-1'), 8)}")
    return found


# ── by what way it came ──


def _of_way(hops: list[bytes], count: int, sender: str, message_id: bytes) -> list[str]:
    """Of Received fields; a message that has none says nothing by it: whoever asks may not have written his own yet."""
    found = [f"hops {min(count.bit_length(), 5)}", *_of_origin(hops[-1])]
    named = claimed = False
    own, joined = tuple(sender.rsplit(".", 2)[-2:]), b"\n".join(hops)
    for way in map(_FROM.match, hops if sender else ()):
        if way:
            hop = _handed_on(*way.groups())
            named = named or own in hop.hosts
            claimed = claimed or own == hop.claimed
    found.append("way-own" if named else "way-claims-own" if claimed else "way-foreign")
    local, _, host = message_id.strip(b"<> \t").rpartition(b"@")
    found.append("id-on-way" if host and host.lower() in joined.lower() else "id-not-on-way")
    if len(local) > 5 and local.rpartition(b".")[2] in joined:
        found.append("id-by-relay")
    return found


class _Hop(NamedTuple):
    """By whom a message was handed on. Hosts under the same two labels are near enough for a habit."""

    claimed: tuple[str, ...] | None
    hosts: frozenset[tuple[str, ...]]


@lru_cache(maxsize=512)
def _handed_on(greeting: bytes, seen: bytes | None) -> _Hop:
    """Of how it greeted, and of what was seen of it. The same few relays hand on most mail."""
    hosts = _HOST.findall((seen or b"").decode("latin-1").lower())
    claimed = greeting.decode("latin-1").lower().strip("[]")
    under = frozenset(tuple(host.rsplit(".", 2)[-2:]) for host in hosts if not host[-1].isdigit())
    return _Hop(tuple(claimed.rsplit(".", 2)[-2:]) if claimed else None, under)


def _of_origin(hop: bytes) -> list[str]:
    """Of the first hop: who handed it in."""
    with_at = hop.find(b"with")
    protocol = _WITH.search(hop, max(0, with_at - 1)) if with_at >= 0 else None
    begins = hop[5:40].partition(b"(")[0] if hop[:5] == b"from " else hop[:12]
    greeting = _FROM.match(hop)
    form_of_it, *habits = _of_client(begins, greeting[1] if greeting else None, hop.partition(b" by ")[0])
    spoken = protocol[1].decode("latin-1").lower() if protocol else "none"
    found = [form_of_it, "origin-with " + spoken, *habits]
    if b"unknown" in hop:
        found.append("origin-unknown")
    if b"may be forged" in hop:
        found.append("origin-forged")
    return found


@lru_cache(maxsize=512)
def _of_client(begins: bytes, greeting: bytes | None, host: bytes) -> tuple[str, ...]:
    """Of the program that handed it in: those who write once write again."""
    found = ["origin " + form(begins.decode("latin-1"), 16)]
    if greeting is not None:
        dots = "numeric" if _NUMERIC.fullmatch(greeting) else "full" if b"." in greeting else "bare"
        found.append("origin-greets " + dots)
    if _NUMBERED.search(host.partition(b"[")[0]):
        found.append("origin-numbered")
    if _DIALLED.search(host):
        found.append("origin-dialled")
    return tuple(found)

"""What the classifier looks at: a letter as numbers, in three views.

*Words*: those of the text, of the subject and of the names, each once. *Grams*: every four octets of subject and text,
which see through spelling, inflection and languages that we cannot cut into words. *Shapes*: how the message is
built, without a word of it, and every two shapes together. No view holds an address, a host, a date or a list: they
tell a corpus, not spam.

All is hashed by arithmetic of our own, the same on every machine and in every process. The text is read by numpy in
whole arrays: a loop over words would cost ten times as much.

Fails as: nothing; every letter has features, an empty one has its shapes. Bounded by `TEXT_BYTES`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from math import sqrt
from typing import NamedTuple, TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt

from lockdown.mime.build import form
from lockdown.model.scan import Letter, Link

FEATURE_VERSION = 2
"""Counts up whenever a letter would give other numbers: a model holds for one version only."""
TEXT_BYTES = 16_384
WORD_BITS = 18
GRAM_BITS = 19
SHAPE_BITS = 19

Ids: TypeAlias = npt.NDArray[np.intp]
"""Places in a table of weights. Of the type that numpy indexes with: any other is converted at each use."""

_SUBJECT_BYTES = 400
_NAME_BYTES = 200
_LINKS = 100


class Features(NamedTuple):
    """The hashed features of one letter; each view without repetition."""

    words: Ids
    grams: Ids
    shapes: Ids


# ── octets ──


def _plain_table() -> bytes:
    """What each octet becomes: small letters, every digit a nought (years and prices give the age of a corpus away)."""
    table = bytearray(bytes(range(256)).lower())
    table[ord("0") : ord("9") + 1] = b"0" * 10
    table[:33] = b" " * 33
    table[127] = 32
    return bytes(table)


_PLAIN = _plain_table()
_IN_WORD = bytes(octet in b"abcdefghijklmnopqrstuvwxyz0'$%" or octet >= 128 for octet in range(256))
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)


def _powers(base: int, count: int) -> npt.NDArray[np.uint64]:
    powers, value = [], 1
    for _ in range(count):
        powers.append(value)
        value = value * base & 0xFFFF_FFFF_FFFF_FFFF
    return np.array(powers, dtype=np.uint64)


_MOST = TEXT_BYTES + _SUBJECT_BYTES + 8
_UP = _powers(_BASE, _MOST)
_DOWN = _powers(_INVERSE, _MOST)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_WORD_SHIFT, _THIRD = np.uint64(64 - WORD_BITS), np.uint64(29)
_GRAM_MIX = np.uint32(0x9E3779B1)
_GRAM_SHIFT = np.uint32(32 - GRAM_BITS)
_OF_SUBJECT, _OF_NAME = np.uint64(0x5B1D_3C7F_A9E4_6D21), np.uint64(0xC2B2_AE3D_27D4_EB4F)
"""Salts: they set the words of a subject, and those of names, apart."""


def octets_of(text: str, most: int) -> bytes:
    """The first octets of a text, as they are."""
    return text[:most].encode("utf-8", "replace")[:most]


def plain(octets: bytes) -> bytes:
    """In small letters, digits as noughts, between spaces: every word then begins and ends within."""
    return b" %b " % octets.translate(_PLAIN)


class Cut(NamedTuple):
    """Where the words of some plain octets begin and end, and a hash of each."""

    begins: Ids
    ends: Ids
    hashes: npt.NDArray[np.uint64]


def cut(octets: bytes) -> Cut:
    """Find the words. The hash of a word is a difference of running sums, moved back to where all words begin."""
    within = np.frombuffer(octets.translate(_IN_WORD), dtype=np.uint8)
    edges = (within[1:] != within[:-1]).nonzero()[0]
    sums = (np.frombuffer(octets, dtype=np.uint8) * _UP[: len(octets)]).cumsum().take(edges)
    edges += 1
    begins = edges[::2]
    return Cut(begins, edges[1::2], (sums[1::2] - sums[::2]) * _DOWN.take(begins))


def word_ids(hashes: npt.NDArray[np.uint64]) -> Ids:
    """Where these words stand in the table of weights."""
    mixed = hashes * _MIX
    mixed ^= mixed >> _THIRD
    mixed *= _MIX
    mixed >>= _WORD_SHIFT
    return mixed.astype(np.intp)


def gram_ids(octets: bytes) -> Ids:
    """Where every four octets in a row stand in the table of weights."""
    grams = np.ndarray((max(0, len(octets) - 3),), "<u4", octets, 0, (1,)) * _GRAM_MIX
    grams >>= _GRAM_SHIFT
    return grams.astype(np.intp)


_PLACES = np.arange(_MOST * 3, dtype=np.uint16)
_SEEN = np.zeros(1 << max(WORD_BITS, GRAM_BITS, SHAPE_BITS), dtype=np.uint16)


def last_of_each(ids: Ids) -> npt.NDArray[np.bool_]:
    """Which are the last of their kind. Each writes its place into a table, and the last writer is found there."""
    places = _PLACES[: ids.size]
    _SEEN[ids] = places
    last: npt.NDArray[np.bool_] = _SEEN.take(ids) == places
    return last


def once(ids: Ids) -> Ids:
    """Every id once."""
    return ids.compress(last_of_each(ids))


# ── shapes ──

_REPLY = re.compile(r"(?:re|aw|sv|antw|rif|odp)\s?:", re.IGNORECASE)
_TAGGED = re.compile(r"(?:\w{1,4}: ?)?\[[^\]]{1,40}\]")
_FORWARD = re.compile(r"(?:fwd?|wg|tr)\s?:", re.IGNORECASE)
_NUMERIC_HOST = re.compile(r"[\d.]+|\[.*")
_ZONE = re.compile(r"[+-]\d{4}")
_FIELDS = frozenset({
    "in-reply-to", "references", "reply-to", "x-priority", "importance", "priority", "user-agent", "x-mailer", "cc",
    "bcc", "organization", "x-msmail-priority", "x-mimeole", "x-originating-ip", "x-accept-language", "thread-index",
    "thread-topic", "content-class", "content-disposition", "disposition-notification-to", "return-receipt-to",
    "auto-submitted", "feedback-id", "list-unsubscribe-post", "resent-from", "x-ms-has-attach",
})  # fmt: skip
_EXPECTED = ("to", "mime-version", "message-id", "date")
_TOLD = _FIELDS.union(_EXPECTED)


def _count(name: str, number: int) -> str:
    """A count in octaves: 0, 1-2, 3-6, 7-14 …"""
    return f"{name}={min((number + 1).bit_length() - 1, 12)}"


def _share(name: str, part: int, whole: int, steps: int = 10) -> str:
    return f"{name}={steps * part // (whole or 1)}"


def shapes_of(letter: Letter, octets: bytes) -> list[str]:
    """How the message is built, in words that name no one. `octets` are those of its text."""
    return [*shapes_of_text(octets), *shapes_around(letter)]


def shapes_around(letter: Letter) -> list[str]:
    """Those of all but the text."""
    return [
        *_of_subject(letter.subject),
        *_of_header(letter),
        *_of_sender(letter),
        *_of_body(letter),
        *_of_claims(letter),
        *letter.build,
    ]


_COUNTED = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz", b"0123456789", bytes(range(128, 256)),
    b"!", b"$", b"?", b">",
)  # fmt: skip
"""Octets that are counted together; others are not."""
_KINDS = bytes(next((kind for kind, alike in enumerate(_COUNTED, 1) if octet in alike), 0) for octet in range(256))


def shapes_of_text(octets: bytes) -> list[str]:
    """Those of the text, by counting its octets."""
    kinds = np.frombuffer(octets.translate(_KINDS), dtype=np.uint8)
    often = np.bincount(kinds, minlength=len(_COUNTED) + 1).tolist()
    _, upper, lower, digits, foreign, exclamations, dollars, questions, quotes = often
    return [
        _count("length", len(octets)),
        _share("capitals", upper, upper + lower, 20),
        _share("digits", digits, len(octets), 20),
        _share("foreign", foreign, len(octets)),
        _count("exclamations", exclamations),
        _count("dollars", dollars),
        _count("questions", questions),
        _count("quotes", quotes),
    ]


def _of_subject(subject: str) -> list[str]:
    found = [f"subject-length={min(len(subject) // 10, 10)}"]
    found.append(
        "subject-reply" if _REPLY.match(subject) else "subject-forward" if _FORWARD.match(subject) else "subject-new"
    )
    marks = {
        "subject-empty": not subject, "subject-capitals": subject.isupper(), "subject-gap": "   " in subject,
        "subject-!": "!" in subject, "subject-?": "?" in subject, "subject-$": "$" in subject,
        "subject-digits": _digits(subject[:100]) > 0, "subject-tagged": _TAGGED.match(subject) is not None,
    }  # fmt: skip
    return found + [name for name, holds in marks.items() if holds]


def _digits(text: str) -> int:
    """How many digits of whatever script."""
    if text.isascii():
        octets = text.encode()
        return len(octets) - len(octets.translate(None, b"0123456789"))
    return sum(map(str.isdigit, text))


def _of_header(letter: Letter) -> list[str]:
    date = letter.date
    found = [*_of_fields(letter.fields & _TOLD), _count("recipients", len(letter.recipients))]
    if date:
        found.append("date-zone" if _ZONE.search(date[-14:]) else "date-no-zone")
        found.append("date-weekday" if date[3:4] == "," else "date-no-weekday")
    if letter.recipients:
        found.append("to-named" if any(person.name for person in letter.recipients[:20]) else "to-nameless")
    # How a Message-ID is made up: the programs that send in bulk have forms of their own.
    local = letter.message_id.strip("<> \t")[:80].rpartition("@")[0]
    return [*found, f"id-form={form(local, 12)}"]


@lru_cache(maxsize=1024)
def _of_fields(told: frozenset[str]) -> tuple[str, ...]:
    """Of the names of fields; programs are far fewer than messages."""
    lacks = (f"lacks-{name}" for name in _EXPECTED if name not in told)
    return (*(f"has-{name}" for name in _FIELDS & told), *lacks)


def _of_sender(letter: Letter) -> list[str]:
    if len(letter.senders) != 1:
        return [_count("senders", len(letter.senders))]
    sender = letter.senders[0]
    local, _, domain = sender.address.rpartition("@")
    found = [
        "sender-named" if sender.name else "sender-nameless",
        _count("sender-digits", _digits(local[:64])),
    ]
    if sender.name.lower() == local:
        found.append("sender-name-is-address")
    id_domain = letter.message_id.rpartition("@")[2].rstrip("> \t").lower()
    if id_domain and domain:
        found.append("id-of-sender" if _akin(id_domain, domain) else "id-of-another")
    if letter.reply_to:
        found.append("reply-to-sender" if _akin(letter.reply_to[0].domain, domain) else "reply-to-another")
    return found


def _akin(one: str, other: str) -> bool:
    return one == other or one.endswith("." + other) or other.endswith("." + one)


def _of_body(letter: Letter) -> list[str]:
    found = [
        f"body-{'text' if letter.has_text else ''}{'html' if letter.has_html else ''}",
        _count("links", len(letter.links)),
        _count("images", letter.images),
        _count("attachments", len(letter.attachments)),
        *{f"attached-{_extension(name)}" for name in letter.attachments[:20]},
        *{_charset(name) for name in letter.charsets[:8]},
        *_of_links(letter.links[:_LINKS], letter.senders[0].domain if letter.senders else ""),
    ]
    marks = {
        "form": bool(letter.form_actions),
        "password": letter.asks_password,
        "hidden-text": len(letter.hidden_text) > 40,
    }
    return found + [name for name, holds in marks.items() if holds]


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower()[:8]


_CHARSETS = frozenset({"us-ascii", "utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", ""})


def _charset(name: str) -> str:
    return "charset-western" if name.lower() in _CHARSETS else "charset-other"


def _of_links(links: tuple[Link, ...], sender: str) -> list[str]:
    hosts = {link.host for link in links if link.host}
    if not hosts:
        return []
    under = _under(sender) if sender else None
    own = sum(_under(host) == under for host in hosts)
    found = [
        _count("hosts", len(hosts)),
        "links-own" if own == len(hosts) else "links-mixed" if own else "links-foreign",
    ]
    if any(_NUMERIC_HOST.fullmatch(host) for host in hosts):
        found.append("links-numeric")
    return found


def _related(host: str, domain: str) -> bool:
    """Whether both lie under the same two labels: near enough for a shape."""
    return bool(domain) and _under(host) == _under(domain)


@lru_cache(maxsize=1024)
def _under(host: str) -> tuple[str, ...]:
    """Its last two labels."""
    return tuple(host.rsplit(".", 2)[-2:])


# ── who it says that it is, and to whom ──

_FREE = frozenset({
    "aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.com",
    "mail.ru", "msn.com", "outlook.com", "web.de", "yahoo.co.uk", "yahoo.com",
})  # fmt: skip
"""Where anybody has an address."""
_NAMED_WITHIN, _GREETED_WITHIN = 6000, 300


def _of_claims(letter: Letter) -> list[str]:
    """Whether sender, text and links speak of the same, and whether the reader is known by name."""
    domain = letter.senders[0].domain if letter.senders else ""
    text = letter.text[:_NAMED_WITHIN].lower()
    marks = {"sender-free": domain in _FREE, **_of_brand(domain, letter, text), **_of_reader(letter, text)}
    return [*_of_ways_out(letter.links[:_LINKS], domain), *(name for name, holds in marks.items() if holds)]


def _of_brand(domain: str, letter: Letter, text: str) -> dict[str, bool]:
    brand = domain.split(".")[-2] if "." in domain else domain
    name = letter.senders[0].name.lower().replace(" ", "") if letter.senders else ""
    known = len(brand) > 3
    return {
        "text-names-sender": known and brand in text,
        "name-of-domain": known and (brand in name or (len(name) > 3 and name in brand)),
    }


def _of_reader(letter: Letter, text: str) -> dict[str, bool]:
    if not letter.recipients:
        return {}
    reader = letter.recipients[0]
    first = reader.name.lower().partition(" ")[0]
    return {
        "text-names-reader": bool(reader.address) and reader.address in text,
        "greets-reader": len(first) > 2 and first in text[:_GREETED_WITHIN],
    }


def _of_ways_out(links: tuple[Link, ...], domain: str) -> list[str]:
    """Where links lead by domain, and where one that promises to leave the list does."""
    domains: dict[tuple[str, ...], int] = {}
    hosts = [link.host for link in links if link.host]
    for host in hosts:
        under = _under(host)
        domains[under] = domains.get(under, 0) + 1
    if not domains:
        return []
    count = len(hosts)
    found = [
        _share("links-own", domains.get(_under(domain), 0), count, 4),
        _count("domains", len(domains)),
        _share("links-together", max(domains.values()), count, 4),
    ]
    if leaves := _leaving(links):
        found.append("leave-own" if any(_related(host, domain) for host in leaves) else "leave-foreign")
    return found


def _leaving(links: tuple[Link, ...]) -> list[str]:
    """The hosts where one leaves the list. Few links promise it: all are asked at once first."""
    if not _leaves("\n".join([link.url for link in links])):
        return []
    return [link.host for link in links if link.host and _leaves(link.url)]


def _leaves(url: str) -> bool:
    url = url.lower()
    return "unsub" in url or "remove" in url or "optout" in url or "opt-out" in url


# ── all of it ──


class Read(NamedTuple):
    """A letter's octets, read once for all views."""

    raw: bytes
    """Of the text."""
    running: bytes
    """Subject and text, plain."""
    text_begins: int
    """Where in `running`."""
    words: Cut
    names: npt.NDArray[np.uint64]


def read(letter: Letter) -> Read:
    """Turn a letter into octets and cut its words."""
    return read_text(letter.subject, letter.text, names_of(letter))


def read_text(subject: str, text: str, names: str) -> Read:
    """The same of its subject, its text and the names in it."""
    raw = octets_of(text, TEXT_BYTES)
    first = octets_of(subject, _SUBJECT_BYTES)
    running = plain(b"%b %b" % (first, raw))
    return Read(raw, running, len(first) + 1, cut(running), _hashes_of(octets_of(names, _NAME_BYTES)))


@lru_cache(maxsize=512)
def _hashes_of(names: bytes) -> npt.NDArray[np.uint64]:
    """Those who write once write again."""
    return cut(plain(names)).hashes


def names_of(letter: Letter) -> str:
    """The names that the classifier reads besides the text."""
    return " ".join([*(sender.name for sender in letter.senders[:3]), *letter.attachments[:5]])


def all_word_ids(taken: Read) -> Ids:
    """Of subject and text in the order of reading, then those of the subject as such, then those of names."""
    hashes = taken.words.hashes
    in_subject = hashes[: taken.words.begins.searchsorted(taken.text_begins)]
    salted = np.concatenate((hashes, in_subject, taken.names))
    salted[hashes.size :] ^= _OF_SUBJECT
    salted[hashes.size + in_subject.size :] ^= _OF_SUBJECT ^ _OF_NAME
    return word_ids(salted)


_SHAPES = 160
"""Of so many the pairs are looked at: no letter that a mailer wrote has more."""
_SHAPE_SHIFT, _HALF = np.uint32(32 - SHAPE_BITS), np.uint32(15)


class _Hashes(dict[str, int]):
    """Those of the shapes met; all are forgotten when they have become too many."""

    def __missing__(self, shape: str) -> int:
        if len(self) >= _MOST_HASHES:
            self.clear()
        self[shape] = crc32(shape.encode("utf-8", "replace"))
        return self[shape]


_SHAPE_HASHES, _MOST_HASHES = _Hashes(), 8192


def shape_hash(shape: str) -> int:
    """The same on every machine."""
    return _SHAPE_HASHES[shape]


def shape_hashes(shapes: Iterable[str]) -> npt.NDArray[np.uint32]:
    """A hash of each shape, each once, in their order."""
    return np.array(sorted(_once_hashed(shapes)), dtype=np.uint32)


def _once_hashed(shapes: Iterable[str]) -> Collection[int]:
    hashed = set(map(_SHAPE_HASHES.__getitem__, shapes))
    return hashed if len(hashed) <= _SHAPES else sorted(hashed)[:_SHAPES]


@lru_cache(maxsize=_SHAPES + 1)
def _pairs(count: int) -> Ids:
    """Which places of a square of so many are on its diagonal or above."""
    return np.flatnonzero(np.triu(np.ones((count, count), dtype=np.bool_)))


@lru_cache(maxsize=_SHAPES // 4)
def paired(count: int) -> tuple[Ids, Ids]:
    """Of the pairs of so many, in the order of `pair_ids`, which is the one and which the other."""
    one, other = np.divmod(_pairs(count), max(1, count))
    return one, other


def pair_ids(hashes: npt.NDArray[np.uint32]) -> Ids:
    """Where each shape, and each pair of them, stands in the table of weights.

    What a program writes and what it would write if it were what it says are told apart by pairs alone.
    """
    mixed = hashes * _GRAM_MIX
    return _places_of(np.add.outer(mixed, mixed).take(_pairs(hashes.size)))


def _places_of(sums: npt.NDArray[np.uint32]) -> Ids:
    sums ^= sums >> _HALF
    sums *= _GRAM_MIX
    sums >>= _SHAPE_SHIFT
    return sums.astype(np.intp)


def all_shape_ids(shapes: Iterable[str]) -> Ids:
    """The same places in no order of meaning, some of them twice: of n shapes each meets itself, the next, and so on
    to the one half round. Cheaper than picking the pairs out of a square."""
    hashes = np.fromiter(_once_hashed(shapes), dtype=np.uint32) * _GRAM_MIX
    count = hashes.size
    if not count:
        return np.zeros(0, dtype=np.intp)
    turned = np.ndarray((count // 2 + 1, count), np.uint32, np.concatenate((hashes, hashes)), 0, (4, 4))
    return _places_of((turned + hashes).ravel())


_UNSEEN = {"words": 30, "grams": 120, "shapes": 0}
"""Features that every letter is taken to have besides its own, and that say nothing: five words prove little."""


def length_of(view: str, size: int) -> float:
    """What a view of so many features is divided by: a long letter is not louder than a short one."""
    return sqrt(max(1, size + _UNSEEN[view]))


def features(letter: Letter) -> Features:
    """All three views of a letter."""
    taken = read(letter)
    shapes = shape_ids(shapes_of(letter, taken.raw))
    return Features(once(all_word_ids(taken)), once(gram_ids(taken.running)), shapes)


def shape_ids(shapes: Iterable[str]) -> Ids:
    """Where shapes and their pairs stand in their table, each once."""
    return once(all_shape_ids(shapes))

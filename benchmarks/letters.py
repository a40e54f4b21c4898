"""Whole letters, each once: the SpamAssassin corpus in a fixed, shuffled order, and the DNS of those who wrote them.

A load that sends twenty files over and over would measure a cache; so each leg goes on where the last one stopped, and
comes round again only after all of them. Messages are untouched, but for a numbered field on top (`scan_client`).
Half of the senders' domains publish DMARC, all publish SPF that lets the client's network send.

Fails as: `Unmeasurable` where the corpus is not here: made text would say nothing about how fast real mail is read.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.figures import Unmeasurable
from benchmarks.mix import corpus_messages
from benchmarks.own_network import STRANGER
from benchmarks.scan_client import Letter, wire_form

MOST_OCTETS = 1 << 20
_ORDER = 20261124
_FROM = re.compile(rb"^From:[^\n]*?@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5})", re.IGNORECASE | re.MULTILINE)
_NOBODY = "nobody.example"


@dataclass(frozen=True, slots=True)
class Letters:
    """A file for the client, and what it holds."""

    file: Path
    count: int
    octets: int
    domains: frozenset[str]

    @property
    def origin(self) -> str:
        return f"{self.count} different messages of the SpamAssassin public corpus, mean {self.octets // self.count} B"


def all_letters(folder: Path) -> Letters:
    """All of them."""
    messages = [message for message in corpus_messages() if len(message) <= MOST_OCTETS]
    if not messages:
        raise Unmeasurable("the corpus is not here (LOCKDOWN_CASES names the folder)")
    random.Random(_ORDER).shuffle(messages)
    return _packed(folder / "letters", messages)


def one_letter(folder: Path) -> Letters:
    """One of middling size, for the load that repeats itself."""
    messages = sorted(corpus_messages(), key=len)
    if not messages:
        raise Unmeasurable("the corpus is not here (LOCKDOWN_CASES names the folder)")
    return _packed(folder / "letter", messages[len(messages) // 2 :][:1])


def _packed(file: Path, messages: list[bytes]) -> Letters:
    letters = [Letter(_domain(message), wire_form(message)) for message in messages]
    file.write_bytes(msgspec.msgpack.encode(letters))
    octets = sum(len(letter.body) for letter in letters)
    return Letters(file, len(letters), octets, frozenset(letter.domain for letter in letters))


def _domain(message: bytes) -> str:
    found = _FROM.search(message)
    return found[1].decode().lower() if found else _NOBODY


def zone_of(domains: frozenset[str]) -> dict[str, dict[str, list[str]]]:
    """What the DNS of the senders says; names that are not in it do not exist."""
    network = f"v=spf1 ip4:{STRANGER.rpartition('.')[0]}.0/24 -all"
    zone = {domain: {"A": [STRANGER], "TXT": [network]} for domain in domains}
    published = sorted(domains)[::2]
    return zone | {f"_dmarc.{domain}": {"TXT": ["v=DMARC1; p=none"]} for domain in published}

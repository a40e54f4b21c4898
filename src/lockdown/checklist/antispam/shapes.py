"""Borrowed names: mail from outside that claims to be from us, from our people, or from who is nearly us.

Each shape is a fact with the control that it touches; what becomes of it is `antispam.forged`. A client in
`gateway.trusted_networks` is us, and is not asked. Not being able to tell is DEFER while it may still be told (DNS does
not answer), and held where it never will (DNS is not asked): nothing is let in for want of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from lockdown.checklist.antispam.places import named
from lockdown.checklist.antispam.vouching import Voucher, Word, is_vouched, voucher
from lockdown.config import Settings
from lockdown.mime.addresses import mailboxes
from lockdown.mime.domains import organisational, readable
from lockdown.mime.lookalike import How, Resemblance, latin, resembles
from lockdown.model.scan import Ambiguity, Examined, Letter, Mailbox, Reading
from lockdown.model.verdict import Kind

FORGED = "antispam.forged-own-domain"
PEOPLE = "antispam.protected-people"
LOOK_ALIKE = "antispam.look-alike"

WEAK = frozenset((How.OTHER_ENDING, How.OTHER_WORD))
"""Resemblances that honest strangers have too: they only cost points."""


class Shape(NamedTuple):
    """One borrowed name."""

    control: str
    says: str
    most: Kind = Kind.REJECT
    """The strictest that may become of it."""
    least: Kind = Kind.ACCEPT
    """DEFER where it may be told later."""


class Ours(NamedTuple):
    """Our names, prepared from the settings."""

    domains: tuple[str, ...]
    below: tuple[str, ...]
    """The same with a dot in front: how domains below them end."""
    known: tuple[str, ...]
    """Domains that must not be imitated: ours and our partners'."""
    people: tuple[tuple[frozenset[str], str, frozenset[str]], ...]
    """Words of the name, the name, addresses that are truly of that person."""

    def has(self, domain: str) -> bool:
        """One of our domains, or below it."""
        return domain in self.domains or domain.endswith(self.below)


@lru_cache(maxsize=8)
def _ours(domains: tuple[str, ...], partners: tuple[str, ...], people: tuple[str, ...]) -> Ours:
    own = tuple(readable(domain) for domain in domains)
    named: dict[str, set[str]] = {}
    for entry in people:
        for box in mailboxes(entry.encode()):
            named.setdefault(box.name or box.address.partition("@")[0].replace(".", " "), set()).add(
                box.address.lower()
            )
    words = tuple(
        (_name_words(name), name, frozenset(addresses)) for name, addresses in named.items() if _name_words(name)
    )
    return Ours(own, tuple(f".{domain}" for domain in own), (*own, *(readable(partner) for partner in partners)), words)


def ours(policy: Settings) -> Ours:
    """Our names as the settings have them."""
    return _ours(policy.site.domains, policy.antispam.partners, policy.antispam.people)


def shapes(examined: Examined, policy: Settings) -> tuple[Shape, ...]:
    """All names that this message borrows. Most borrow none."""
    if examined.mail.client.trusted:
        return ()
    mine = ours(policy)
    asked = bool(policy.antispam.resolvers)
    reading = examined.reading
    if not isinstance(reading, Reading):
        return tuple(_envelope(examined, mine, asked))
    letter = reading.letter
    found = [
        *_envelope(examined, mine, asked),
        *_from_ours(examined, letter, mine, asked),
        *_names(examined, letter, mine),
        *_reply_to(examined, letter, mine),
        *_cousins(examined, letter, mine),
    ]
    return tuple(found)


def _shape(found: Voucher, says: str, *, most: Kind = Kind.REJECT) -> Shape:
    """A claim that is not vouched for."""
    match found.word:
        case Word.UNTOLD:
            return Shape(FORGED, f"{says}, and whether it may could not be told: {found.why}", Kind.DEFER, Kind.DEFER)
        case Word.UNASKED:
            return Shape(FORGED, f"{says}, and whether it may is not known: {found.why}", Kind.QUARANTINE)
        case _:
            return Shape(FORGED, f"{says}, and nobody vouches for it: {found.why}", most)


# ── our own domain ──


def _envelope(examined: Examined, mine: Ours, asked: bool) -> Iterator[Shape]:
    """An envelope sender of ours."""
    domain = examined.mail.sender.domain
    if domain and mine.has(readable(domain)):
        found = voucher(readable(domain), examined, asked=asked)
        if found.word is not Word.VOUCHED:
            yield _shape(found, f"a stranger sends as <{examined.mail.sender.raw}>")


def _from_ours(examined: Examined, letter: Letter, mine: Ours, asked: bool) -> Iterator[Shape]:
    """A From of ours; with foreign ones beside it, nothing could vouch for the whole."""
    claimed = [box for box in letter.senders if mine.has(box.domain)]
    if not claimed:
        return
    reading = examined.reading
    two = isinstance(reading, Reading) and Ambiguity.TWO_FROM in reading.content.ambiguities
    foreign = next((box for box in letter.senders if not mine.has(box.domain)), None)
    if foreign is not None:
        others = f" beside <{foreign.address}>" if foreign.address else ""
        yield Shape(FORGED, f"From claims <{claimed[0].address}>{others}")
        return
    if two:
        yield Shape(FORGED, f"two From fields, one of them <{claimed[0].address}>")
        return
    for box in claimed[:3]:
        found = voucher(box.domain, examined, asked=asked)
        if found.word is not Word.VOUCHED:
            null = " with a null sender" if not examined.mail.sender.domain else ""
            most = Kind.QUARANTINE if _by_a_list(examined, letter, mine) else Kind.REJECT
            yield _shape(found, f"From claims <{box.address}>{null}", most=most)
            return


def _by_a_list(examined: Examined, letter: Letter, mine: Ours) -> bool:
    """One of ours may have written to a mailing list, which breaks signatures: held, so that a person can tell."""
    sender = readable(examined.mail.sender.domain)
    return "list-id" in letter.fields and bool(sender) and not mine.has(sender)


# ── names in front of addresses ──

_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]{1,64}@((?:[\w-]{1,63}\.){1,8}[\w-]{2,63})")
_HOST = re.compile(r"(?<![\w@.-])((?:[\w-]{1,63}\.){1,8}[a-z]{2,24})(?![\w@-])", re.IGNORECASE)


def named_domains(name: str) -> tuple[str, ...]:
    """Domains in a display name, of addresses or alone."""
    if "." not in name and "\u3002" not in name:
        return ()
    return tuple(readable(found) for found in (*_ADDRESS.findall(name), *_HOST.findall(name)))


def _names(examined: Examined, letter: Letter, mine: Ours) -> Iterator[Shape]:
    for box in _whole_names(letter.senders):
        if not box.name or mine.has(box.domain):
            if box.name and (person := _person(box, mine)) and not is_vouched(box.domain, examined.identity):
                yield Shape(PEOPLE, f"the name of {person} on <{box.address}>, which nobody vouches for")
            continue
        if person := _person(box, mine):
            yield Shape(PEOPLE, f"the name of {person} in front of <{box.address}>")
        # A service that shares a document of ours names us too; it signs what it sends.
        elif any(mine.has(domain) for domain in named_domains(box.name)) and not is_vouched(
            box.domain, examined.identity
        ):
            yield Shape(LOOK_ALIKE, f"our domain in the name “{box.name[:80]}” in front of <{box.address}>")


def _whole_names(senders: tuple[Mailbox, ...]) -> Iterator[Mailbox]:
    """`Director, Ann <x@evil.test>` without quotes is two mailboxes to a parser, and one name to a reader."""
    front = ""
    for box in senders:
        if box.address:
            yield box._replace(name=f"{front} {box.name}") if front else box
        front = f"{front} {box.name}".strip() if not box.address else ""


def _name_words(name: str) -> frozenset[str]:
    return frozenset(word for word in re.split(r"[\W_]+", latin(name)) if len(word) > 1)


_TITLES = named("dr prof mr mrs ms herr frau dipl ing ceo cfo coo cto via mba phd jr sr sra director")


def _person(box: Mailbox, mine: Ours) -> str:
    """The person of ours whose name this is though the address is not of that person; "" for none."""
    if not mine.people:
        return ""
    words = _name_words(box.name)
    for name, shown, addresses in mine.people:
        if name <= words and box.address.lower() not in addresses and len(words - name - _TITLES) <= 2:
            return shown
    return ""


# ── answers that go elsewhere ──


def _reply_to(examined: Examined, letter: Letter, mine: Ours) -> Iterator[Shape]:
    """From is one of ours or a protected person, and the answer goes out of the house."""
    away = next((box for box in letter.reply_to if box.domain and not mine.has(box.domain)), None)
    if away is None:
        return
    for box in letter.senders:
        of_a_person = any(box.address.lower() in addresses for _, _, addresses in mine.people)
        if not (of_a_person or mine.has(box.domain)) or is_vouched(box.domain, examined.identity):
            continue
        if organisational(away.domain) != organisational(box.domain) and "list-id" not in letter.fields:
            yield Shape(FORGED, f"From is <{box.address}>, but answers go to <{away.address}>")
            return


# ── who is nearly us ──


def _cousins(examined: Examined, letter: Letter, mine: Ours) -> Iterator[Shape]:
    """Look-alikes of our and our partners' domains: who sends, who answers are for, what the name shows."""
    asked = {box.domain for box in (*letter.senders, *letter.reply_to[:10]) if box.domain}
    asked.add(readable(examined.mail.sender.domain))
    for box in letter.senders:
        if box.name:
            asked.update(named_domains(box.name))
    for domain in asked:
        if domain and (found := resembles(domain, mine.known)) is not None and found.how not in WEAK:
            yield Shape(LOOK_ALIKE, found.says)
            return


def resemblance(domain: str, mine: Ours) -> Resemblance | None:
    """Which of our or our partners' domains this one is made to be taken for."""
    return resembles(domain, mine.known)

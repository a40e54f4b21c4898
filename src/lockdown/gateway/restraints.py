"""The restraints in force, as one worker keeps them: which of them meets a client, an envelope or a message.

Each is looked for at the moment when the last of its values is known: an address at the greeting, a sender at MAIL, a
recipient at RCPT, what the message says at its dot. A look-up for each set of dimensions in use, not for each
restraint; and none at all while there is no restraint.

Fails as: never. What is not known of a message (nobody read it) matches nothing, so nobody is restrained by mistake.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_network
from itertools import product
from typing import TYPE_CHECKING

from lockdown.checklist.monitoring import gate
from lockdown.config import Settings
from lockdown.gateway import pipeline
from lockdown.mime.texture import is_near
from lockdown.model.mail import Client
from lockdown.model.restraint import Restrained, Restraint, plain_value
from lockdown.model.traffic import Dimension, Doors, Match, Rung
from lockdown.model.verdict import ACCEPT, Verdict
from lockdown.smtp.address import Address

if TYPE_CHECKING:
    from lockdown.gateway.scanned import Scanned
    from lockdown.gateway.transaction import Transaction

MOST_WAITING = 200
"""Conversations of one worker that wait a little before each answer; whoever comes then is put off instead."""
_MOST_COMBINATIONS = 1000

Values = Mapping[Dimension, tuple[str, ...]]
Shape = tuple[tuple[Dimension, int], ...]
"""Dimensions, with the length of the prefix for networks."""
Hashed = Callable[[str], str]


class Moment(IntEnum):
    """When something of a message is known."""

    CONNECT = 0
    SENDER = 1
    RECIPIENT = 2
    DOT = 3


_KNOWN_AT = {
    Dimension.CLIENT: Moment.CONNECT,
    Dimension.NETWORK: Moment.CONNECT,
    Dimension.WIDE_NETWORK: Moment.CONNECT,
    Dimension.HELO: Moment.SENDER,
    Dimension.SENDER: Moment.SENDER,
    Dimension.SENDER_DOMAIN: Moment.SENDER,
    Dimension.RECIPIENT: Moment.RECIPIENT,
}
_NETWORKS = frozenset({Dimension.CLIENT, Dimension.NETWORK, Dimension.WIDE_NETWORK})
_TEXTS = (Dimension.SENDER, Dimension.RECIPIENT, Dimension.SUBJECT)
"""What `log.addresses = "hashed"` hides: then the log, and so a restraint, may know only a digest of it."""


class Restraints:
    """Matched by every conversation of a worker; replaced as a whole from the thread that reads the store."""

    def __init__(self, settings: Settings, hashed: Hashed | None = None) -> None:
        self._settings, self._hashed = settings, hashed
        self._at: tuple[_Book, ...] = tuple(_Book() for _ in Moment)
        self._apart = _Book()
        self._alike: tuple[str, ...] = ()
        """The middles of texts that restraints are about."""
        self._hits: Counter[int] = Counter()
        self.waiting = 0
        self.in_force = False
        """False is the usual: then nothing else here is asked."""

    # ── from the thread that reads the store ──

    def replace(self, restraints: Iterable[Restraint]) -> None:
        """These are in force now."""
        books = tuple(_Book() for _ in Moment)
        apart = _Book()
        alike: dict[str, None] = {}
        for restraint in restraints:
            if restraint.doors is not Doors.MAIL or any(one is Dimension.USER for one, _ in restraint.match):
                continue  # nobody signs in here
            alike |= dict.fromkeys(value for dimension, value in restraint.match if dimension is Dimension.ALIKE)
            for moment in _moments(restraint):
                books[moment].add(restraint)
            if restraint.rung is Rung.QUARANTINE and not restraint.shadow and (known := _for_recipients(restraint)):
                apart.add(replace(restraint, match=known))
        self._alike = tuple(alike)
        self._at, self._apart, self.in_force = books, apart, any(book.shapes for book in books)

    def take_hits(self) -> Mapping[int, int]:
        """What was met since it was last asked."""
        if not self._hits:
            return {}
        hits, self._hits = self._hits, Counter()
        return hits

    # ── from conversations: the stricter verdict, and how many seconds its answer waits ──

    def at_connect(self, client: Client, before: Verdict) -> Verdict:
        """Instead of a greeting, or not at all."""
        found = self._found(Moment.CONNECT, client, _of_client(client))
        if not found:
            return before
        verdict = self._judged(Restrained(client, found, before_greeting=True), before)
        if verdict is not before and verdict.kind > ACCEPT.kind:
            self._count(found)
        return verdict

    def at_sender(self, client: Client, helo: str, sender: Address, before: Verdict) -> tuple[Verdict, float]:
        """At MAIL."""
        return self._met(Moment.SENDER, client, self._of_sender(client, helo, sender), before)

    def at_recipient(self, transaction: Transaction, recipient: Address, before: Verdict) -> tuple[Verdict, float]:
        """At RCPT."""
        values = self._of_envelope(transaction, [recipient])
        return self._met(Moment.RECIPIENT, transaction.client, values, before)

    def sets_apart(self, transaction: Transaction, recipient: Address) -> bool:
        """Its mail to this recipient will be held: to others it must come in a transaction of its own."""
        if not self._apart.shapes or not gate.in_reach(transaction.client, self._settings):
            return False
        return bool(self._apart.of(self._of_envelope(transaction, [recipient]), datetime.now(UTC)))

    def at_dot(self, transaction: Transaction, before: Verdict, scanned: Scanned | None) -> tuple[Verdict, float]:
        """When all is known that will be."""
        values = dict(self._of_envelope(transaction, [event.address for event in transaction.accepted]))
        if scanned is not None:
            values |= _of_content(scanned, transaction.nature(), self._alike)
        return self._met(Moment.DOT, transaction.client, self._with_digests(values), before)

    async def wait(self, seconds: float) -> None:
        """Before an answer, in a task of its own: nobody else waits meanwhile."""
        self.waiting += 1
        try:
            await asyncio.get_running_loop().create_task(asyncio.sleep(seconds))
        finally:
            self.waiting -= 1

    def _met(self, moment: Moment, client: Client, values: Values, before: Verdict) -> tuple[Verdict, float]:
        found = self._found(moment, client, values)
        if not found:
            return before, 0.0
        self._count(found)
        facts = Restrained(client, found, crowded=self.waiting >= MOST_WAITING)
        return self._judged(facts, before), gate.pause(facts, self._settings)

    def _found(self, moment: Moment, client: Client, values: Values) -> tuple[Restraint, ...]:
        book = self._at[moment]
        found = book.of(values, datetime.now(UTC)) if book.shapes else ()
        return found if found and gate.in_reach(client, self._settings) else ()

    def _judged(self, facts: Restrained, before: Verdict) -> Verdict:
        verdict = pipeline.judge(pipeline.RESTRAINED, facts, self._settings)
        return verdict if before is ACCEPT or verdict.kind > before.kind else before

    def _count(self, found: tuple[Restraint, ...]) -> None:
        for restraint in found:
            self._hits[restraint.number] += 1

    # ── values ──

    def _of_sender(self, client: Client, helo: str, sender: Address) -> Values:
        values = {
            **_of_client(client),
            Dimension.HELO: (plain_value(Dimension.HELO, helo),),
            Dimension.SENDER: (plain_value(Dimension.SENDER, sender.raw),),
            Dimension.SENDER_DOMAIN: (plain_value(Dimension.SENDER_DOMAIN, sender.domain),),
        }
        return self._with_digests(values)

    def _of_envelope(self, transaction: Transaction, recipients: Iterable[Address]) -> Values:
        values = {
            **self._of_sender(transaction.client, transaction.stranger.helo, transaction.sender),
            Dimension.RECIPIENT: tuple(plain_value(Dimension.RECIPIENT, one.raw) for one in recipients),
        }
        return self._with_digests(values)

    def _with_digests(self, values: Values) -> Values:
        if self._hashed is None:
            return values
        digests = {
            one: tuple(dict.fromkeys((*found, *map(self._hashed, found))))
            for one in _TEXTS
            if (found := values.get(one, ()))
        }
        return {**values, **digests}


class _Book:
    """Restraints by the dimensions they are about, and by their values."""

    def __init__(self) -> None:
        self.shapes: dict[Shape, dict[tuple[str, ...], Restraint]] = {}

    def add(self, restraint: Restraint) -> None:
        """One more."""
        shape = tuple((dimension, _length(dimension, value)) for dimension, value in restraint.match)
        self.shapes.setdefault(shape, {})[tuple(value for _, value in restraint.match)] = restraint

    def of(self, values: Values, now: datetime) -> tuple[Restraint, ...]:
        """Those that all of these values meet."""
        return tuple(self._of(values, now))

    def _of(self, values: Values, now: datetime) -> Iterator[Restraint]:
        for shape, restraints in self.shapes.items():
            columns = [_column(dimension, length, values) for dimension, length in shape]
            for number, key in enumerate(product(*columns)):
                restraint = restraints.get(key)
                if restraint is not None and restraint.runs(now):
                    yield restraint
                    break
                if number == _MOST_COMBINATIONS:
                    break


def _column(dimension: Dimension, length: int, values: Values) -> tuple[str, ...]:
    found = values.get(dimension, ())
    if dimension is Dimension.CLIENT or dimension not in _NETWORKS or not found:
        return found
    return (_prefix(found[0], length),)


@lru_cache(maxsize=8192)
def _prefix(address: str, length: int) -> str:
    # A prefix that is longer than an address is none: such a restraint meets nobody of this family.
    bits = 128 if ":" in address else 32
    return str(ip_network(f"{address}/{length}", strict=False)) if length <= bits else ""


def _length(dimension: Dimension, value: str) -> int:
    if dimension is Dimension.CLIENT or dimension not in _NETWORKS:
        return 0
    try:
        return ip_network(value).prefixlen
    except ValueError:
        return 129


def _known(restraint: Restraint) -> Moment:
    return max(_KNOWN_AT.get(dimension, Moment.DOT) for dimension, _ in restraint.match)


def _for_recipients(restraint: Restraint) -> Match:
    """What of it is known at RCPT, where it is about recipients: only of theirs may mail be held."""
    if all(dimension is not Dimension.RECIPIENT for dimension, _ in restraint.match):
        return ()
    return tuple(key for key in restraint.match if _KNOWN_AT.get(key[0], Moment.DOT) <= Moment.RECIPIENT)


def _moments(restraint: Restraint) -> set[Moment]:
    """When it is judged. Whoever was connected before it began, meets it at his next message."""
    if not restraint.match:
        return set()  # all of the world has nothing in common
    known = _known(restraint)
    if restraint.shadow or restraint.rung is Rung.OBSERVE:
        return {max(known, Moment.SENDER)}  # what is counted are messages
    if restraint.rung is Rung.QUARANTINE:
        return {Moment.DOT}
    return {Moment.CONNECT, Moment.SENDER} if known is Moment.CONNECT else {known}


def _number(texture: str) -> int:
    try:
        return int(texture, 16)
    except ValueError:
        return 0  # a person may have typed it; it is near hardly anything


def _of_client(client: Client) -> dict[Dimension, tuple[str, ...]]:
    return dict.fromkeys(_NETWORKS, (client.address,))


def _of_content(scanned: Scanned, nature: str, middles: tuple[str, ...]) -> dict[Dimension, tuple[str, ...]]:
    """By what a message is told to be one of many, as the log has it: the same words, so that what was counted there
    is what is met here."""
    from lockdown.gateway.likeness import likeness

    like = likeness(scanned)
    return {
        Dimension.DKIM: (like.dkim,) if like.dkim else (),
        Dimension.SPF: (like.spf,) if like.spf else (),
        Dimension.BODY: tuple(like.body),
        Dimension.ALIKE: tuple(one for one in middles if like.texture and is_near(_number(one), _number(like.texture))),
        Dimension.SUBJECT: (like.subject,) if like.subject else (),
        Dimension.URL_HOST: tuple(like.hosts),
        Dimension.ATTACHMENT: tuple(like.files),
        Dimension.NATURE: (nature,) if nature else (),
    }

"""Lines as a busy Postfix with Dovecot writes them: many senders, many clients, refusals, guesses at passwords.

Made from dice of a fixed seed, so that every reader is given the very same octets.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
_START = datetime(2026, 5, 4, tzinfo=UTC)
_DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_REASONS = (
    ("host mx1.{domain}[198.51.100.7] said: 451 4.7.1 Greylisting in action, please come back later "
"(in reply to RCPT TO command)"),
    "connect to mx2.{domain}[198.51.100.9]:25: Connection timed out",
    "host mx1.{domain}[198.51.100.7] refused to talk to me: 421 4.7.0 Try again later",
)  # fmt: skip
_REFUSALS = (
    ("NOQUEUE: reject: RCPT from {client}: 554 5.7.1 <{to}>: Relay access denied; from=<{sender}> "
"to=<{to}> proto=ESMTP helo=<{helo}>"),
    ("NOQUEUE: reject: RCPT from {client}: 550 5.1.1 <{to}>: Recipient address rejected: User "
"unknown in virtual mailbox table; from=<{sender}> to=<{to}> proto=ESMTP helo=<{helo}>"),
    ("NOQUEUE: reject: RCPT from {client}: 554 5.7.1 Service unavailable; Client host [{address}] "
"blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/{address}; from=<{sender}> "
"to=<{to}> proto=ESMTP helo=<{helo}>"),
    ("NOQUEUE: reject: RCPT from {client}: 450 4.7.25 Client host rejected: cannot find your "
"hostname, [{address}]; from=<{sender}> to=<{to}> proto=ESMTP helo=<{helo}>"),
)  # fmt: skip


class _Town:
    """Who writes here, and to whom."""

    def __init__(self, dice: random.Random, senders: int) -> None:
        self.domains = [f"d{number}.example" for number in range(4000)]
        self.senders = [f"user{number}@{dice.choice(self.domains)}" for number in range(senders)]
        self.own = [f"person{number}@corp.example" for number in range(300)]
        self.clients = [
            (f"mail{number}.{dice.choice(self.domains)}", ".".join(str(dice.randint(1, 223)) for _ in range(4)))
            for number in range(8000)
        ]


class _Hand:
    """Writes one line after the other, with the time going on."""

    def __init__(self, dice: random.Random, style: str) -> None:
        self._dice, self._style, self._at = dice, style, _START
        self.processes = {name: _Processes(dice) for name in ("smtpd", "submission/smtpd", "cleanup", "smtp", "lmtp")}

    def tag(self, daemon: str) -> str:
        """As syslog has it."""
        return f"postfix/{daemon}[{self.processes[daemon].next()}]"

    def line(self, tag: str, text: str) -> str:
        self._at += timedelta(microseconds=self._dice.randint(100, 160_000))
        stamp = self._at.strftime("%b %e %H:%M:%S") if self._style == "rfc3164" else self._at.isoformat()
        return f"{stamp} mx1 {tag}: {text}\n"


def lines(count: int, *, style: str = "rfc3339", senders: int = 20_000, seed: int = 1) -> Iterator[str]:
    """So many lines, and a few more to end the last message."""
    dice = random.Random(seed)
    town, hand = _Town(dice, senders), _Hand(dice, style)
    made = 0
    while made < count:
        kind = dice.random()
        story = _guess if kind < 0.05 else _refused if kind < 0.16 else _login if kind < 0.2 else _message
        for line in story(dice, town, hand):
            made += 1
            yield line


def write(path: Path, count: int, *, style: str = "rfc3339", senders: int = 20_000, seed: int = 1) -> None:
    """The same into a file."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(lines(count, style=style, senders=senders, seed=seed))


def _queue_id(dice: random.Random) -> str:
    return "4" + "".join(dice.choices(_DIGITS, k=9)) + "z" + "".join(dice.choices(_DIGITS, k=4))


class _Processes:
    """Those of one daemon: a few at a time, each for a hundred turns, as master(8) keeps them."""

    def __init__(self, dice: random.Random, count: int = 30) -> None:
        self._dice, self._all = dice, [[dice.randint(1000, 60000), dice.randint(1, 100)] for _ in range(count)]

    def next(self) -> int:
        """The process identifier of the one whose turn it is."""
        one = self._dice.choice(self._all)
        one[1] -= 1
        if one[1] <= 0:
            one[:] = [self._dice.randint(1000, 60000), 100]
        return one[0]


def _message(dice: random.Random, town: _Town, hand: _Hand) -> Iterator[str]:
    queue_id = _queue_id(dice)
    goes_out = dice.random() < 0.3
    smtpd = hand.tag("submission/smtpd" if goes_out else "smtpd")
    sender = dice.choice(town.own) if goes_out else _skewed(dice, town.senders)
    name, address = _skewed(dice, town.clients)
    client = f"{name}[{address}]"
    login = f", sasl_method=PLAIN, sasl_username={sender}" if goes_out else ""
    to = f"friend{dice.randint(1, 99)}@{_skewed(dice, town.domains)}" if goes_out else dice.choice(town.own)
    yield hand.line(smtpd, f"connect from {client}")
    if dice.random() < 0.5:
        yield hand.line(
            smtpd,
            f"Anonymous TLS connection established from {client}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 "
            "(256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256",
        )
    yield hand.line(smtpd, f"{queue_id}: client={client}{login}")
    yield hand.line(hand.tag("cleanup"), f"{queue_id}: message-id=<{dice.getrandbits(80):x}@{name}>")
    size = int(dice.lognormvariate(9.5, 1.5))
    yield hand.line("postfix/qmgr[2211]", f"{queue_id}: from=<{sender}>, size={size}, nrcpt=1 (queue active)")
    yield hand.line(smtpd, f"disconnect from {client} ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7")
    yield from _deliveries(dice, hand, queue_id, to, sender, size, goes_out=goes_out)
    yield hand.line("postfix/qmgr[2211]", f"{queue_id}: removed")


def _deliveries(
    dice: random.Random, hand: _Hand, queue_id: str, to: str, sender: str, size: int, *, goes_out: bool
) -> Iterator[str]:
    waited = dice.expovariate(2)
    stages = f"{waited:.2f}/{dice.random() / 50:.2f}/{dice.random() / 3:.2f}/{dice.random():.2f}"
    domain = to.partition("@")[2]
    if goes_out and dice.random() < 0.08:
        why = dice.choice(_REASONS).format(domain=domain)
        yield hand.line(
            hand.tag("smtp"),
            (
                f"{queue_id}: to=<{to}>, relay=none, delay=30, delays={waited:.2f}/0.01/30/0, dsn=4.4.1, "
                f"status=deferred ({why})"
            ),
        )
        yield hand.line("postfix/qmgr[2211]", f"{queue_id}: from=<{sender}>, size={size}, nrcpt=1 (queue active)")
    if goes_out:
        yield hand.line(
            hand.tag("smtp"),
            (
                f"{queue_id}: to=<{to}>, relay=mx1.{domain}[198.51.100.7]:25, delay={waited + 1:.2f}, "
                f"delays={stages}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {_queue_id(dice)})"
            ),
        )
    else:
        yield hand.line(
            hand.tag("lmtp"),
            (
                f"{queue_id}: to=<{to}>, relay=mx1[private/dovecot-lmtp], delay={waited + 1:.2f}, "
                f"delays={stages}, dsn=2.0.0, status=sent (250 2.0.0 <{to}> {dice.getrandbits(96):x} Saved)"
            ),
        )


def _refused(dice: random.Random, town: _Town, hand: _Hand) -> Iterator[str]:
    smtpd = hand.tag("smtpd")
    name, address = _skewed(dice, town.clients)
    client = f"{name}[{address}]"
    yield hand.line(smtpd, f"connect from {client}")
    yield hand.line(
        smtpd,
        dice.choice(_REFUSALS).format(
            client=client, address=address, to=dice.choice(town.own), sender=_skewed(dice, town.senders), helo=name
        ),
    )
    yield hand.line(smtpd, f"disconnect from {client} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4")


def _guess(dice: random.Random, town: _Town, hand: _Hand) -> Iterator[str]:
    smtpd = hand.tag("submission/smtpd")
    address = f"203.0.113.{dice.randint(1, 250)}"
    yield hand.line(smtpd, f"connect from unknown[{address}]")
    yield hand.line(
        smtpd,
        f"warning: unknown[{address}]: SASL LOGIN authentication failed: (reason unavailable), "
        f"sasl_username={dice.choice(town.own)}",
    )
    yield hand.line(smtpd, f"disconnect from unknown[{address}] ehlo=1 auth=0/1 quit=1 commands=2/3")


def _login(dice: random.Random, town: _Town, hand: _Hand) -> Iterator[str]:
    user = dice.choice(town.own)
    address = f"192.0.2.{dice.randint(1, 250)}"
    session = f"{dice.getrandbits(64):x}"
    if dice.random() < 0.2:
        yield hand.line(
            "dovecot",
            (
                f"imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<{user}>,"
                f" method=PLAIN, rip={address}, lip=10.0.0.1, TLS, session=<{session}>"
            ),
        )
    else:
        yield hand.line(
            "dovecot",
            (
                f"imap-login: Login: user=<{user}>, method=PLAIN, rip={address}, lip=10.0.0.1, mpid=812, TLS, "
                f"session=<{session}>"
            ),
        )


def _skewed(dice: random.Random, many: list[_T]) -> _T:
    return many[int(len(many) * dice.random() ** 3)]

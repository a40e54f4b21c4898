"""Try the relay matrix against one listener: what it says to mail that is not for it.

Without leave to attack: the core forms alone, up to RCPT. With it: every form; where a canary mailbox is given, what is
taken at RCPT is sent as well, marked, so that its arrival proves it. Paced; whatever is left when the time is up is
not tested.
Fails as: attempts that are "put-off" (4xx) or "not-tested", with the reason. Never raises for what a server says.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from lockdown.facts.probed import Attempt, Outcome, Said
from lockdown.facts.relay_forms import (
    CORE_RECIPIENTS,
    CORE_SENDERS,
    MIXED,
    PLAIN,
    RECIPIENTS,
    SAME_AS_RECIPIENT,
    SENDERS,
    Form,
    Names,
    filled,
)
from lockdown.probe.pace import Pace
from lockdown.probe.talk import Manner, Talk

_PER_CONNECTION = 8
"""Servers slow down and hang up on a client after so many errors."""
# Refusals that are about something else than relaying: they tell nothing about it.
_NAMES_UNKNOWN = re.compile(
    r"\b[45]\.1\.(?:2|8|10)\b|\b[45]\.7\.27\b|\b[45]\.4\.\d+|sender address|domain (?:of )?\S* ?(?:does not|not) |"
    r"domain not found|null ?mx|unrouteable|host or domain name",
    re.IGNORECASE,
)
_US = re.compile(
    r"client host|blocked|block ?list|blacklist|dnsbl|\brbl\b|spamhaus|reverse|helo command", re.IGNORECASE
)
_RELAY = re.compile(r"relay", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Orders:
    """What to try. `canary` is a mailbox of the tester's; without one nothing is sent, whatever the leave."""

    names: Names
    whole: bool = False
    may_send: bool = False
    marker: str = ""

    @classmethod
    def for_names(cls, names: Names, *, whole: bool, may_send: bool) -> Orders:
        return cls(names, whole, may_send, secrets.token_hex(6))


@dataclass(frozen=True, slots=True)
class _Try:
    sender: Form
    recipient: Form
    mode: str = "rset"


def attempts(address: str, port: int, orders: Orders, manner: Manner, pace: Pace) -> tuple[Attempt, ...]:
    """Every attempt of the orders, in their order."""
    return tuple(_Series(address, port, orders, manner, pace).run(tuple(_tries(orders))))


def _tries(orders: Orders) -> Iterator[_Try]:
    senders = {form.id: form for form in SENDERS}
    plain = next(form for form in RECIPIENTS if form.id == PLAIN)
    core = [form for form in RECIPIENTS if form.id in CORE_RECIPIENTS]
    for name in CORE_SENDERS:
        yield _Try(senders[name], plain, "new connection")
    yield from (_Try(senders["F02"], form) for form in core if form != plain)
    if orders.whole:
        yield from (_Try(form, plain) for form in SENDERS if form.id not in CORE_SENDERS)
        yield from (_Try(senders["F02"], form) for form in RECIPIENTS if form not in core)
        yield _Try(senders["F02"], Form(MIXED, plain.template))
        for hello in (orders.names.banner, "localhost", "[127.0.0.1]", f"[{orders.names.address}]"):
            yield _Try(senders["F02"], plain, f"HELO {hello}")


class _Series:
    """The conversation that is open, if one is, and how much was tried in it."""

    def __init__(self, address: str, port: int, orders: Orders, manner: Manner, pace: Pace) -> None:
        self._address, self._port = address, port
        self._orders, self._manner, self._pace = orders, manner, pace
        self._talk: Talk | None = None
        self._count = 0
        self._failures = 0

    def run(self, tries: tuple[_Try, ...]) -> Iterator[Attempt]:
        try:
            for number, one in enumerate(tries):
                yield self._attempt(number, one)
        finally:
            self._leave()

    def _attempt(self, number: int, one: _Try) -> Attempt:
        recipient = filled(one.recipient, self._orders.names)
        sender = recipient if one.sender.template == SAME_AS_RECIPIENT else filled(one.sender, self._orders.names)
        begun = Attempt(one.sender.id, one.recipient.id, sender, recipient, "not-tested", mode=one.mode)
        # A server that fails thrice in a row is not asked fifty times more: each may cost the longest deadline.
        if self._failures >= 3:
            return _because(begun, "the server had stopped answering")
        if self._pace.is_over or not self._pace.wait():
            return _because(begun, "the time for this probe was used up")
        if why := self._open(one.mode):
            self._failures += 1
            return _because(begun, why)
        seen = self._transaction(begun, number, one)
        self._failures = self._failures + 1 if seen.said.why else 0
        return seen

    def _open(self, mode: str) -> str:
        hello = mode.removeprefix("HELO ") if mode.startswith("HELO ") else ""
        if self._talk is not None and (mode != "rset" or self._talk.lost or self._count >= _PER_CONNECTION):
            self._leave()
        if self._talk is None:
            self._talk, self._count = Talk(self._address, self._port, self._manner).__enter__(), 0
            greeting = self._talk.hello(hello, "HELO" if hello else "EHLO") if self._talk.greeting.took else None
            if greeting is None or not greeting.took:
                said = self._talk.greeting if greeting is None else greeting
                self._leave()
                return f"it would not talk: {said}"
        self._count += 1
        return ""

    def _leave(self) -> None:
        talk, self._talk = self._talk, None
        if talk is not None:
            talk.__exit__(None, None, None)

    def _transaction(self, begun: Attempt, number: int, one: _Try) -> Attempt:
        talk = self._talk
        assert talk is not None
        if _needs_utf8(one) and not any(offer.upper().startswith("SMTPUTF8") for offer in talk.offers):
            return _because(begun, "the server offers no SMTPUTF8")
        mail = talk.ask(f"MAIL FROM:{begun.sender}")
        if not mail.took:
            self._reset(talk)
            return _judged(begun, "MAIL", mail)
        if one.recipient.id == MIXED:
            talk.ask(f"RCPT TO:<postmaster@{self._orders.names.domain}>")
        said = talk.ask_octets("RCPT", f"RCPT TO:{begun.recipient}\r\n".encode("utf-8", "replace"))
        seen = _judged(begun, "RCPT", said)
        if seen.outcome == "taken-at-rcpt" and self._orders.may_send and one.recipient.id != MIXED:
            return self._with_letter(talk, seen, number)
        self._reset(talk)
        return seen

    def _reset(self, talk: Talk) -> None:
        if not talk.lost:
            talk.ask("RSET")

    def _with_letter(self, talk: Talk, seen: Attempt, number: int) -> Attempt:
        """Taken at RCPT: only DATA tells whether it really goes on from there."""
        data = talk.ask("DATA")
        if not 300 <= data.code < 400:
            self._reset(talk)
            return _judged(seen, "DATA", data)
        talk.send(self._letter(number, seen))
        end = talk.ask_octets("DATA-END", b"\r\n.\r\n")
        if end.took:
            return _with(seen, "taken-at-data", "DATA", end)
        return _judged(seen, "DATA", end)

    def _letter(self, number: int, seen: Attempt) -> bytes:
        names = self._orders.names
        mark = marker_of(self._orders.marker, number)
        return (
            f"From: <t@{names.domain}>\r\nTo: <{names.canary}@{names.outside}>\r\n"
            f"Subject: relay test {seen.sender_form} {seen.recipient_form}\r\n"
            f"Message-ID: <{mark}@drill.example>\r\nX-Lockdown-Probe: {mark}\r\n\r\n"
            "A test of whether this server sends strangers' mail on. It should not have.\r\n"
        ).encode("utf-8", "replace")


def marker_of(marker: str, number: int) -> str:
    """What the letter of this attempt is known by."""
    return f"relay-{marker}-{number:03}"


def with_arrivals(seen: tuple[Attempt, ...], marker: str, arrived: set[str]) -> tuple[Attempt, ...]:
    """The attempts whose letters have come out at the canary mailbox are proven."""
    return tuple(
        _with(attempt, "arrived", attempt.verb, attempt.said) if marker_of(marker, number) in arrived else attempt
        for number, attempt in enumerate(seen)
    )


def markers(seen: tuple[Attempt, ...], marker: str) -> tuple[str, ...]:
    """Those of the letters that the server took."""
    return tuple(marker_of(marker, number) for number, one in enumerate(seen) if one.outcome == "taken-at-data")


def _needs_utf8(one: _Try) -> bool:
    return one.sender.needs_utf8 or one.recipient.needs_utf8


def _judged(begun: Attempt, verb: str, said: Said) -> Attempt:
    """The ladder: refused, put off, taken; a refusal for another reason than relaying has tested nothing."""
    if said.took:
        return _with(begun, "taken-at-rcpt", verb, said)
    if said.put_off:
        return _with(begun, "put-off", verb, said)
    if not said.refused:
        return _because(_with(begun, "not-tested", verb, said), said.why or f"an answer out of place: {said}")
    if why := _another_reason(said.text):
        return _because(_with(begun, "not-tested", verb, said), why)
    return _with(begun, "refused", verb, said)


def _another_reason(text: str) -> str:
    if _RELAY.search(text):
        return ""
    if _US.search(text):
        return "it refuses the address that the probe comes from, whatever is asked"
    return "it refuses a name, not the relaying" if _NAMES_UNKNOWN.search(text) else ""


def _with(attempt: Attempt, outcome: Outcome, verb: str, said: Said) -> Attempt:
    return msgspec.structs.replace(attempt, outcome=outcome, verb=verb, said=said)


def _because(attempt: Attempt, why: str) -> Attempt:
    return msgspec.structs.replace(attempt, outcome="not-tested", why=why)

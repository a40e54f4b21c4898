"""Look at one SMTP listener from outside: its greeting, offers, TLS, names, limits, and whether it relays.

`leave` is what the owner allows. Without it nothing is sent, nobody's mailbox is guessed, and one VRFY is asked, of a
mailbox that cannot exist.
Fails as: a `Listener` that says "closed", "silent", "busy" (4xx, 421) or "nonsense" and why. Nothing hangs: each answer
has its deadline, the whole its end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import msgspec

from lockdown.facts.probed import Attempt, Listener, Said, Smuggled, StartTls
from lockdown.facts.relay_forms import Names
from lockdown.probe.pace import Pace
from lockdown.probe.relay import Orders, attempts
from lockdown.probe.smuggling import smuggling, starttls
from lockdown.probe.talk import Manner, Talk
from lockdown.smtp.extensions import parse_extensions

LMTP_PORTS = frozenset({24, 2003, 2424, 10024, 10026})
_TIMED = 5


@dataclass(frozen=True, slots=True)
class Leave:
    """What may be done. `active`: the owner's leave is proved; `canary`: a mailbox of the tester's, elsewhere."""

    active: bool = False
    canary: str = ""
    recipient: str = ""
    """A mailbox of the server's that test letters may go to; empty is its postmaster."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A listener to look at."""

    address: str
    port: int
    name: str
    domain: str
    core_only: bool = False
    """Only what is polite to ask of a second listener of the same server."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen, and by which marker the letters of its relay attempts are known."""

    listener: Listener
    marker: str = field(default="")


def look_at(asked: Asked, leave: Leave, manner: Manner, pace: Pace) -> Looked:
    """All that may be asked of it."""
    first = _first_look(asked, manner)
    if first.kind != "smtp":
        return Looked(first)
    tls, inside = (
        (StartTls("works", why="TLS from the first octet"), first.offers)
        if asked.port == 465
        else starttls(asked.address, asked.port, manner, inject=leave.active)
    )
    seen = msgspec.structs.replace(first, starttls=tls, offers_in_tls=inside)
    seen = msgspec.structs.replace(seen, **_mailboxes(seen, leave, manner, pace))
    tried, marker = _relayed(seen, asked, leave, manner, pace)
    plain, smuggled = _smuggled(seen, asked, leave, manner, pace)
    return Looked(msgspec.structs.replace(seen, relay=tried, plain_letter=plain, smuggling=smuggled), marker)


def _first_look(asked: Asked, manner: Manner) -> Listener:
    bare = Listener(asked.address, asked.port, asked.name, asked.domain)
    with Talk(asked.address, asked.port, manner) as talk:
        if not talk.greeting.took:
            return msgspec.structs.replace(bare, greeting=talk.greeting, **_not_greeted(talk.greeting))
        greeted = msgspec.structs.replace(bare, greeting=talk.greeting, kind="smtp")
        said = talk.hello()
        if not said.took and not talk.lost and talk.hello(verb="LHLO").took:
            return msgspec.structs.replace(greeted, kind="lmtp", offers=talk.offers)
        if not said.took and not talk.lost:
            said = talk.hello(verb="HELO")
        if not said.took:
            kind = "busy" if said.put_off else "nonsense" if "does not speak" in said.why else "silent"
            return msgspec.structs.replace(greeted, kind=kind, why=f"EHLO: {said}")
        offers = parse_extensions(talk.offers)
        return msgspec.structs.replace(greeted, offers=talk.offers, helo=said, size=offers.size)


def _not_greeted(said: Said) -> dict[str, str]:
    """Why there was no conversation: each kind is another matter to whoever reads it."""
    if said.put_off or said.code:
        return {"kind": "busy", "why": str(said)}
    for words, kind in (("does not speak SMTP", "nonsense"), ("does not answer", "closed")):
        if words in said.why:
            return {"kind": "silent" if "timed out" in said.why else kind, "why": said.why}
    return {"kind": "silent", "why": said.why}


def _mailboxes(seen: Listener, leave: Leave, manner: Manner, pace: Pace) -> dict[str, object]:
    """Who can be written to, and what the server tells of who exists."""
    if not pace.wait():
        return {}
    nobody = f"lockdown-nobody-{secrets.token_hex(4)}@{seen.domain}"
    found: dict[str, object] = {}
    with Talk(seen.address, seen.port, manner) as talk:
        if not (talk.greeting.took and talk.hello().took):
            return {}
        found["vrfy"] = talk.ask(f"VRFY {nobody}")
        if leave.active:
            found["expn"] = talk.ask(f"EXPN {nobody}")
        found["null_sender"] = talk.ask("MAIL FROM:<>")
        talk.ask("RSET")
        for name, mailbox in (("postmaster", f"postmaster@{seen.domain}"), ("abuse", f"abuse@{seen.domain}")):
            found[name] = _recipient(talk, mailbox)
        found["unknown"] = _recipient(talk, nobody)
        if leave.active and isinstance(found["unknown"], Said) and found["unknown"].took:
            found |= _timed(talk, seen)
        if seen.size:
            found["over_size"] = talk.ask(f"MAIL FROM:<> SIZE={seen.size + 1}")
    return found


def _recipient(talk: Talk, mailbox: str) -> Said:
    """What is said to mail for this mailbox, as a bounce would come; from a sender where bounces are not taken."""
    mail = talk.ask("MAIL FROM:<>")
    if mail.refused:
        mail = talk.ask(f"MAIL FROM:<probe@{mailbox.rpartition('@')[2]}>")
    said = talk.ask(f"RCPT TO:<{mailbox}>") if mail.took else mail
    talk.ask("RSET")
    return said


def _timed(talk: Talk, seen: Listener) -> dict[str, object]:
    """Where words do not tell who exists, time may."""
    times: dict[str, list[float]] = {"known_ms": [], "unknown_ms": []}
    for _ in range(_TIMED):
        for name, mailbox in (("known_ms", "postmaster"), ("unknown_ms", f"nobody-{secrets.token_hex(4)}")):
            said = _recipient(talk, f"{mailbox}@{seen.domain}")
            times[name].append(round(said.seconds * 1000, 1))
    return {name: tuple(values) for name, values in times.items()}


def _relayed(seen: Listener, asked: Asked, leave: Leave, manner: Manner, pace: Pace) -> tuple[tuple[Attempt, ...], str]:
    canary, _, outside = (leave.canary or "canary@example.com").rpartition("@")
    banner = (seen.greeting.text.split() or [seen.domain])[0]
    names = Names(canary, outside, seen.domain, _literal(seen.address), banner)
    orders = Orders.for_names(
        names, whole=leave.active and not asked.core_only, may_send=leave.active and bool(leave.canary)
    )
    return attempts(seen.address, seen.port, orders, manner, pace), orders.marker


def _literal(address: str) -> str:
    return f"IPv6:{address}" if ":" in address else address


def _smuggled(
    seen: Listener, asked: Asked, leave: Leave, manner: Manner, pace: Pace
) -> tuple[Said, tuple[Smuggled, ...]]:
    if not leave.active or asked.core_only:
        return Said(), ()
    recipient = leave.recipient or f"postmaster@{seen.domain}"
    return smuggling(seen.address, seen.port, recipient, manner, pace)

"""Does a server take a false end of data for a true one? And what does it do with a command smuggled before TLS?

Each false end is sent on a connection that is dropped before the true one, so a server that holds on has nothing to
deliver; one plain letter goes before them, or a server that answers nothing would pass.
Only for servers whose owner has given leave: one that is fooled delivers what it was sent.
Fails as: outcomes "not-tested" with what the server said. Never raises for what a server says.
"""

from __future__ import annotations

from typing import Literal

from lockdown.facts.probed import Said, Smuggled, StartTls
from lockdown.probe.pace import Pace
from lockdown.probe.talk import Manner, Talk

ENDS: tuple[tuple[str, bytes], ...] = (
    (r"\n.\n", b"\n.\n"),
    (r"\r.\r", b"\r.\r"),
    (r"\r.\n", b"\r.\n"),
    (r"\n.\r", b"\n.\r"),
    (r"\n.\r\n", b"\n.\r\n"),
    (r"\r\n.\n", b"\r\n.\n"),
    (r"\r.\r\n", b"\r.\r\n"),
    (r"\r\n.\r", b"\r\n.\r"),
    (r"\r\n\0.\r\n", b"\r\n\0.\r\n"),
    (r"\r\n.\0\r\n", b"\r\n.\0\r\n"),
)
"""The false ends of data; the true one is \\r\\n.\\r\\n alone (RFC 5321 4.1.1.4)."""

_HEAD = (
    b"From: <%s>\r\nTo: <%s>\r\nSubject: end of data test\r\nX-Lockdown-Probe: end-of-data\r\n\r\n"
    b"A test of where this server sees the end of a message."
)


def smuggling(address: str, port: int, recipient: str, manner: Manner, pace: Pace) -> tuple[Said, tuple[Smuggled, ...]]:
    """The answer to the plain letter, and to each false end."""
    plain = _answer(address, port, recipient, b"\r\n.\r\n", manner, pace)
    if not plain.took:
        return plain, tuple(Smuggled(name, "not-tested", plain) for name, _ in ENDS)
    return plain, tuple(_tried(name, end, address, port, recipient, manner, pace) for name, end in ENDS)


def _tried(name: str, end: bytes, address: str, port: int, to: str, manner: Manner, pace: Pace) -> Smuggled:
    said = _answer(address, port, to, end, manner, pace)
    if said.took:
        return Smuggled(name, "taken-as-end", said)
    if said.refused:
        return Smuggled(name, "refused", said)
    if said.why == _HELD:
        return Smuggled(name, "held", said)
    return Smuggled(name, "refused" if said.why.endswith(_CLOSED) else "not-tested", said)


_HELD = "it waited for the true end"
_CLOSED = "instead of answering DATA-END"


def _answer(address: str, port: int, recipient: str, end: bytes, manner: Manner, pace: Pace) -> Said:
    """What is said after this end; silence is told as such, and the connection then dropped."""
    if not pace.wait():
        return Said(why="the time for this probe was used up")
    with Talk(address, port, manner) as talk:
        for said in (talk.greeting, talk.hello(), talk.ask("MAIL FROM:<>"), talk.ask(f"RCPT TO:<{recipient}>")):
            if not said.took:
                return said
        if (data := talk.ask("DATA")).code != 354:
            return data
        talk.send(_HEAD % (recipient.encode(), recipient.encode()) + end, "DATA-END")
        true_end = end == b"\r\n.\r\n"
        if not true_end and talk.is_quiet():
            talk.drop()
            return Said(why=_HELD)
        return talk.hear("DATA-END")


def starttls(address: str, port: int, manner: Manner, *, inject: bool) -> tuple[StartTls, tuple[str, ...]]:
    """Which kind of STARTTLS, and what EHLO offers inside TLS. `inject`: with a command in plain text behind it."""
    with Talk(address, port, manner, tls=False) as talk:
        for said in (talk.greeting, talk.hello()):
            if not said.took:
                return StartTls("not-tested", why=f"it would not talk: {said}"), ()
        if not any(offer.upper().split()[:1] == ["STARTTLS"] for offer in talk.offers):
            return StartTls("not-offered"), ()
        # In one piece: a server that reads more than the command keeps the rest, and may obey it as if encrypted.
        said = talk.ask_octets("STARTTLS", b"STARTTLS\r\n" + (b"NOOP\r\n" if inject else b""))
        if inject and not said.took:
            again, offers = starttls(address, port, manner, inject=False)
            return _told(again, "dropped", f"it refused: {said}"), offers
        if not said.took:
            return _not_begun(said), ()
        return _inside(talk, manner, inject=inject)


def _not_begun(said: Said) -> StartTls:
    """454 is the server's own word that TLS does not work (RFC 3207 4); any other 4xx may be about us."""
    is_failure = said.refused or said.code == 454
    return StartTls("fails" if is_failure else "not-tested", why=str(said))


def _inside(talk: Talk, manner: Manner, *, inject: bool) -> tuple[StartTls, tuple[str, ...]]:
    if why := talk.handshake():
        return StartTls("fails", why=why), ()
    seen = StartTls("works", version=talk.tls_version)
    if inject:
        if not talk.is_quiet():
            # A server that hangs up at the sight of it has dropped it as well.
            talk.send(b"", "NOOP")
            answer = talk.hear("NOOP")
            fate: Literal["dropped", "obeyed"] = "obeyed" if answer.took else "dropped"
            return _told(seen, fate, str(answer)), ()
        seen = _told(seen, "dropped", "")
    offered = talk.hello()
    return seen, talk.offers if offered.took else ()


def _told(seen: StartTls, fate: Literal["dropped", "obeyed", "not-tested"], why: str) -> StartTls:
    return StartTls(seen.kind, seen.why, seen.version, fate, why)

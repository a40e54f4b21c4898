"""Is there another way in? Does a server that is no MX host of the domain take mail for it all the same?

Spammers keep the addresses that a domain once had, and write to the server behind the gateway directly.
Fails as: a `WayIn` that is "not-tested", with what was said. Never raises for what a server says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lockdown.facts.probed import Said, WayIn
from lockdown.probe.pace import Pace
from lockdown.probe.talk import Manner, Talk

LABELS = ("mail", "smtp", "owa", "autodiscover", "exchange", "webmail", "mx", "imap", "relay", "mail2", "old")
"""The names under which servers behind a gateway are commonly still found."""
_MOST = 16


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address to try, and how one comes upon it."""

    name: str
    address: str
    found_by: str


def ways_in(
    domain: str, candidates: Iterable[Candidate], known: Sequence[str], manner: Manner, pace: Pace, port: int = 25
) -> tuple[WayIn, ...]:
    """Try each address that is no MX host's, once."""
    return tuple(_tried(domain, one, port, manner, pace) for one in _distinct(candidates, set(known)))


def _distinct(candidates: Iterable[Candidate], known: set[str]) -> Iterator[Candidate]:
    left = _MOST
    for candidate in candidates:
        if candidate.address not in known and left:
            known.add(candidate.address)
            left -= 1
            yield candidate


def _tried(domain: str, one: Candidate, port: int, manner: Manner, pace: Pace) -> WayIn:
    if not pace.wait():
        return WayIn(one.name, one.address, "not-tested", Said(why="the time was used up"), one.found_by)
    with Talk(one.address, port, manner) as talk:
        if not talk.greeting.code:
            absent = "does not answer" in talk.lost
            return WayIn(one.name, one.address, "closed" if absent else "not-tested", talk.greeting, one.found_by)
        said = _answers(talk, domain)
    kind = "takes" if said.took else "refuses" if said.refused else "not-tested"
    return WayIn(one.name, one.address, kind, said, one.found_by)  # type: ignore[arg-type]


def _answers(talk: Talk, domain: str) -> Said:
    """The first no, or what is said to a recipient of the domain."""
    if not talk.greeting.took:
        return talk.greeting
    for line in ("", "MAIL FROM:<>"):
        said = talk.ask(line) if line else talk.hello()
        if not said.took:
            return said
    return talk.ask(f"RCPT TO:<postmaster@{domain}>")

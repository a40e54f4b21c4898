"""DNS blocklists: is this client listed, or a domain of the message (RFC 5782)?

A list is believed only as long as it passes its own test: what must be listed is, what must not be is not, and a name
that nobody has registered is not either. A list that refuses us (127.255.255.x), that has died and now lists the whole
world, or a resolver that invents answers for missing names, would otherwise stop all mail, or none.

Fails as: Listing(list, Unknown(why)). Never raises but for Need.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from lockdown.model.scan import Listing
from lockdown.model.unknown import Unknown
from lockdown.scan.dns import Answer, Ask, NoData, NoSuchName, Records, Resolver, ask_all, question
from lockdown.scan.spf import is_local

_RETEST, _RETEST_UNKNOWN = 600.0, 60.0
_DOMAINS = 10
_NAME = re.compile(r"(?=.{1,200}\Z)[a-z0-9_-]{1,63}+(?>(?:\.[a-z0-9_-]{1,63}+)+)")
_POINTS = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,3})?")
_LISTED_NET = ipaddress.ip_network("127.0.0.0/8")
_REFUSED_NET = ipaddress.ip_network("127.255.255.0/24")


class Blocklist(NamedTuple):
    """One rule of antispam.blocklists."""

    zone: str
    ranges: tuple[tuple[int, int], ...]
    """Answers that count, as numbers, both ends included."""
    points: float
    domains: bool
    """It lists domains, not addresses."""


class Health(NamedTuple):
    """How a list has passed its last test; `passes` is None before the first one."""

    zone: str
    passes: bool | None
    why: str
    tested: float
    """On the clock that was handed in; 0 is never."""


def parse_blocklist(text: str) -> Blocklist | str:
    """A rule ("zen.example=127.0.0.2-11,127.0.0.20 +6", "dbl.example=127.0.1.2-99 +5 domains"), or its problem."""
    words = text.split()
    if not words:
        return "a blocklist without a name"
    zone, _, ranges = words[0].lower().partition("=")
    points, domains = 1.0, False
    for word in words[1:]:
        if word == "domains":
            domains = True
        elif _POINTS.fullmatch(word):
            points = float(word)
        else:
            return f'{word!r} is neither points ("+6") nor "domains"'
    if not _NAME.fullmatch(zone.removesuffix(".")):
        return f"{zone!r} is not the name of a list"
    found = [_range(part) for part in ranges.split(",")] if ranges else [(0x7F000000, 0x7FFFFEFF)]
    good = [one for one in found if not isinstance(one, str)]
    if len(good) < len(found):
        return next(one for one in found if isinstance(one, str))
    return Blocklist(zone.removesuffix("."), tuple(good), points, domains)


def _range(text: str) -> tuple[int, int] | str:
    """ "127.0.0.2", "127.0.0.2-11", "127.0.0.2-127.0.0.11"."""
    first, dash, last = text.partition("-")
    try:
        low = ipaddress.IPv4Address(first)
        high = low if not dash else ipaddress.IPv4Address(last if "." in last else f"{first.rpartition('.')[0]}.{last}")
    except ValueError:
        return f"{text!r} is no address and no range of addresses"
    if low > high:
        return f"{text!r} ends before it begins"
    if low not in _LISTED_NET or high not in _LISTED_NET or high in _REFUSED_NET:
        return f"{text!r} is not within 127.0.0.0/8, or is a code for refusal"
    return int(low), int(high)


class _State:
    """What is known of one zone."""

    def __init__(self) -> None:
        self.passes: bool | None = None
        self.why = "not tested yet"
        self.tested, self.due = 0.0, 0.0
        self.testing: asyncio.Task[None] | None = None


class Blocklists:
    """The lists of the settings, each with its health."""

    def __init__(
        self, rules: Sequence[Blocklist], resolver: Resolver, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rules = tuple(rules)
        self._resolver, self._clock = resolver, clock
        self._zones = {(rule.zone, rule.domains): _State() for rule in self.rules}

    def __bool__(self) -> bool:
        return bool(self.rules)

    def health(self) -> tuple[Health, ...]:
        """Of every list, for the operator."""
        return tuple(Health(zone, one.passes, one.why, one.tested) for (zone, _), one in self._zones.items())

    # ── asking ──

    def listings(self, ask: Ask, client_address: str, domains: Iterable[str]) -> tuple[Listing, ...]:
        """What each list says of the client, and of the first few domains. Nothing is asked about local addresses."""
        address = () if is_local(client_address) else (client_address,)
        names = _asked_domains(domains) if any(rule.domains for rule in self.rules) else ()
        asked = [
            (rule, what, f"{what if rule.domains else _reversed(what)}.{rule.zone}")
            for rule in self.rules
            for what in (names if rule.domains else address)
        ]
        believed = [name for rule, _, name in asked if self._state(rule).passes]
        answers = dict(zip(believed, ask_all(ask, [(name, "A") for name in believed]), strict=True))
        return tuple(self._listing(rule, what, answers.get(name)) for rule, what, name in asked)

    def _state(self, rule: Blocklist) -> _State:
        return self._zones[rule.zone, rule.domains]

    def _listing(self, rule: Blocklist, what: str, answer: Answer | None) -> Listing:
        state = self._state(rule)
        match answer:
            case None:
                return Listing(rule.zone, Unknown(f"{rule.zone}: {state.why}"), "", what, rule.points)
            case Unknown(why):
                return Listing(rule.zone, Unknown(f"{rule.zone}: {why}"), "", what, rule.points)
            case Records(values):
                codes = [str(value) for value in values]
                if why := _no_listing(codes):
                    self._leave_out(state, why)
                    return Listing(rule.zone, Unknown(f"{rule.zone}: {why}"), codes[0], what, rule.points)
                counted = [code for code in codes if _counts(code, rule)]
                return Listing(rule.zone, bool(counted), (counted or codes)[0], what, rule.points)
            case _:
                return Listing(rule.zone, False, "", what, rule.points)

    # ── testing the lists themselves ──

    def due(self) -> bool:
        """Whether a list is to be tested now."""
        now = self._clock()
        return any(state.due <= now for state in self._zones.values())

    def untested(self) -> bool:
        """Whether a list has never been tested: then one waits for its test, later on one need not."""
        return any(state.passes is None for state in self._zones.values())

    def begin_tests(self) -> list[asyncio.Task[None]]:
        """Start what is due; all tests that are under way."""
        now, loop = self._clock(), asyncio.get_running_loop()
        for (zone, domains), state in self._zones.items():
            if state.testing is None and state.due <= now:
                state.testing = loop.create_task(self._test(zone, domains, state))
        return [state.testing for state in self._zones.values() if state.testing is not None]

    async def test(self) -> None:
        """Test what is due; whoever comes meanwhile waits for the same test."""
        await asyncio.gather(*map(asyncio.shield, self.begin_tests()))

    async def _test(self, zone: str, domains: bool, state: _State) -> None:
        # RFC 5782 5: 127.0.0.2 and TEST are listed, 127.0.0.1 and INVALID are not.
        listed, unlisted = ("test", "invalid") if domains else ("2.0.0.127", "1.0.0.127")
        names = [f"{listed}.{zone}", f"{unlisted}.{zone}", f"lockdown-{secrets.token_hex(6)}.{zone}"]
        try:
            for name in names:
                self._resolver.forget(name, "A")
            self._judge(state, await asyncio.gather(*(self._resolver.lookup(name, "A") for name in names)))
        finally:
            state.testing = None

    def _judge(self, state: _State, answers: list[Answer]) -> None:
        unknown = next((answer for answer in answers if isinstance(answer, Unknown)), None)
        state.why = f"it could not be tested: {unknown.why}" if unknown else _fault(answers)
        state.passes = not state.why
        state.tested = self._clock()
        state.due = state.tested + (_RETEST_UNKNOWN if unknown else _RETEST)

    def _leave_out(self, state: _State, why: str) -> None:
        """Until its next test, which is not brought forward: a list that refuses us is not to be pestered."""
        state.passes, state.why = False, why
        state.due = max(state.due, self._clock() + _RETEST_UNKNOWN)


def _fault(answers: list[Answer]) -> str:
    """What is wrong with a list that answers its canaries so; empty where nothing is."""
    listed, unlisted, invented = answers
    for answer in answers:
        if isinstance(answer, Records) and (why := _no_listing([str(value) for value in answer.values])):
            return why
    if not isinstance(listed, Records):
        return "its test entry is not listed: it is dead, or it does not answer us"
    if not isinstance(unlisted, NoSuchName | NoData) or not isinstance(invented, NoSuchName | NoData):
        return "it lists what nobody can list: it has been given up, or the resolver invents answers"
    return ""


def _no_listing(codes: list[str]) -> str:
    """Why these answers are none (RFC 5782 2.1 has all of them in 127.0.0.0/8); empty where they are."""
    for code in codes:
        address = ipaddress.ip_address(code)
        if address in _REFUSED_NET:
            return f"it refuses to answer us ({code}): a large public resolver, too many questions, or no account"
        if address not in _LISTED_NET:
            return f"it answers {code}, which is no code of a list: the resolver invents answers"
    return ""


def _counts(code: str, rule: Blocklist) -> bool:
    number = int(ipaddress.IPv4Address(code))
    return any(low <= number <= high for low, high in rule.ranges)


@lru_cache(maxsize=4096)
def _reversed(address: str) -> str:
    """The octets, or nibbles for IPv6, last first (RFC 5782 2.1, 2.4)."""
    found = ipaddress.ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    return found.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def _asked_domains(domains: Iterable[str]) -> tuple[str, ...]:
    """Names only: addresses are for other lists. As A-labels; at most a few."""
    names: list[str] = []
    for domain in domains:
        name = _a_label(domain)
        if name and name not in names:
            names.append(name)
        if len(names) >= _DOMAINS:
            break
    return tuple(names)


def _a_label(domain: str) -> str:
    try:
        name = domain.lower().removesuffix(".") if domain.isascii() else domain[:253].encode("idna").decode().lower()
    except ValueError:
        return ""
    is_name = "." in name and not name.rpartition(".")[2].isdigit() and question(name, "A") is not None
    return name if is_name and len(name) <= 200 else ""

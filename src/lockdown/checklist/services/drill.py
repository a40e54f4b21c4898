"""The drill of item 6: a stranger knocks at every door that should be shut, over IPv4 and over IPv6.

A door counts as shut only where the way to the machine is open: one that answers nothing at all proves nothing.
Fails as: UNKNOWN, where the stranger could not knock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lockdown.checklist.services.audit import OLD, declared
from lockdown.checklist.services.controls import CLEAR_MAILBOXES, COMES_BACK, DECLARED, NOTHING_OLD
from lockdown.config import Settings
from lockdown.facts.listeners import listeners
from lockdown.model.finding import State
from lockdown.model.trial import Ask, Heard, Judged, Knock, Scene, Told, Trial
from lockdown.model.unknown import Unknown

DOORS = "doors that should be shut"
CLEAR = "passwords before TLS"
_MAIL = 25
_OLD_TCP = tuple(sorted(port for protocol, port in OLD if protocol == "tcp"))
_MOST_DOORS = 100
_TCP = re.compile(r"tcp/(\d{1,5})")
_STANDING = ("open", "closed", "silent")
_WHY_DOORS = "Strangers reach a program that nobody guards; one hole in it, and they are in."
_WHY_CLEAR = "A mail program that is set up wrongly sends its password where everybody on the way reads it."

Ports = Callable[[Scene], tuple[int, ...] | Unknown]


def drill(policy: Settings) -> Iterator[Trial]:
    """All trials, in their order."""
    wanted = frozenset(port for protocol, port in declared(policy) if protocol == "tcp")
    for ipv6 in (False, True):
        yield _shut(NOTHING_OLD.id, "services of another time", lambda scene: _OLD_TCP, ipv6)
        yield _shut(DECLARED.id, "what listens and was not declared", lambda scene: _strange(scene, wanted), ipv6)
        yield _shut(COMES_BACK.id, "what Lockdown has stopped", lambda scene: _still_unwanted(scene, wanted), ipv6)
    yield from (_clear(dialogue) for dialogue in _DIALOGUES)


# ── doors that should be shut ──


def _shut(control: str, name: str, ports: Ports, ipv6: bool) -> Trial:
    def knocks(scene: Scene) -> tuple[Knock, ...]:
        """Port 25 first: it may be open, and shows that the way to the machine is."""
        found = ports(scene)
        others = () if isinstance(found, Unknown) else found
        return tuple(Knock(port, ipv6) for port in (_MAIL, *others) if 0 < port < 1 << 16)

    def judge(told: Told) -> Judged:
        if isinstance(found := ports(told.scene), Unknown):
            return Judged(State.UNKNOWN, f"What listens is not known: {found.why}.")
        if ipv6 and _has_no_ipv6(told.scene):
            return Judged(State.PASS, "No program of this machine listens on IPv6.")
        return _judged({knock.port: heard for knock, heard in zip(knocks(told.scene), told.heard, strict=False)})

    return Trial(control, DOORS, f"{name}, over {'IPv6' if ipv6 else 'IPv4'}", knocks, judge, _WHY_DOORS)


def _strange(scene: Scene, wanted: frozenset[int]) -> tuple[int, ...] | Unknown:
    """What is bound to loopback is knocked at too: from outside it must be shut, whatever the machine says of it."""
    if scene.snapshot is None:
        return Unknown("the drill is not held on the server itself")
    found = listeners(scene.snapshot)
    if isinstance(found, Unknown):
        return found
    ports = sorted({one.port for one in found if one.protocol == "tcp"} - wanted - {_MAIL})
    return tuple(ports) if len(ports) <= _MOST_DOORS else Unknown(f"{len(ports)} ports listen, more than a drill tries")


def _still_unwanted(scene: Scene, wanted: frozenset[int]) -> tuple[int, ...] | Unknown:
    """What was declared since may be open again."""
    if scene.snapshot is None:
        return Unknown("the drill is not held on the server itself")
    old = {port for (protocol, port), name in OLD.items() if protocol == "tcp" and name in scene.stopped}
    named = {int(found[1]) for target in scene.stopped if (found := _TCP.fullmatch(target))}
    return tuple(sorted((old | named) - wanted - {_MAIL}))


def _has_no_ipv6(scene: Scene) -> bool:
    found = listeners(scene.snapshot) if scene.snapshot else Unknown("not this machine")
    return not isinstance(found, Unknown) and all(one.is_loopback or ":" not in one.address for one in found)


def _judged(doors: dict[int, Heard]) -> Judged:
    open_ones = [port for port, heard in doors.items() if heard.door == "open" and port != _MAIL]
    if open_ones:
        return Judged(State.FAIL, f"Open to strangers: {', '.join(map(_named, open_ones))}.")
    if untried := [heard.lost for heard in doors.values() if heard.door not in _STANDING]:
        return Judged(State.UNKNOWN, f"The stranger could not knock: {untried[0] or 'no reason was given'}.")
    if all(heard.door == "silent" for heard in doors.values()):
        return Judged(State.UNKNOWN, "Nothing answers the stranger, not even port 25: that proves no door shut.")
    shut = len(doors) - (_MAIL in doors)
    return Judged(State.PASS, f"{shut} doors are shut." if shut else "There is no such door.")


def _named(port: int) -> str:
    name = OLD.get(("tcp", port))
    return f"{port} ({name})" if name else str(port)


# ── passwords before TLS ──


class _Dialogue(NamedTuple):
    """One clear-text protocol of mailboxes, and how its server says that it takes no password yet."""

    name: str
    port: int
    lines: tuple[str, ...]
    """The last one tries to sign in, as a user whom nobody has."""
    refuses: re.Pattern[str]
    """In the answer to the last line: not before TLS. A no to the password itself is another."""


_DIALOGUES = (
    _Dialogue(
        "IMAP", 143, ("a1 CAPABILITY", "a2 LOGIN lockdown-drill-nobody no-password"),
        re.compile(r"(?im)^a2 (?:NO|BAD) .*(?:\[PRIVACYREQUIRED\]|TLS|SSL|plaintext|disabled|unknown command)"),
    ),
    _Dialogue(
        "POP3", 110, ("USER lockdown-drill-nobody",),
        re.compile(r"(?im)^-ERR .*(?:TLS|SSL|plaintext|disallowed|unknown command)"),
    ),
)  # fmt: skip

_ENDS = ("a2 ", "+OK", "-ERR")


def _clear(dialogue: _Dialogue) -> Trial:
    def judge(told: Told) -> Judged:
        door, talk = (*told.heard, Heard(lost="not asked"), Heard(lost="not asked"))[:2]
        return _of_dialogue(dialogue, door, talk)

    moves = (Knock(dialogue.port), Ask(dialogue.port, dialogue.lines))
    return Trial(CLEAR_MAILBOXES.id, CLEAR, dialogue.name, lambda scene: moves, judge, _WHY_CLEAR)


def _of_dialogue(dialogue: _Dialogue, door: Heard, talk: Heard) -> Judged:
    if door.door in ("closed", "silent"):
        return Judged(State.PASS, f"Port {dialogue.port} is shut.")
    if door.door != "open" or not talk.text:
        return Judged(State.UNKNOWN, f"Port {dialogue.port} could not be asked: {talk.lost or door.lost}.")
    if dialogue.refuses.search(talk.text):
        return Judged(State.PASS, f"Port {dialogue.port} is open, and takes no password before TLS.")
    said = talk.text.splitlines()
    if len(said) < 1 + len(dialogue.lines) or not said[-1].startswith(_ENDS):
        return Judged(
            State.UNKNOWN, f"Port {dialogue.port} gave no answer to the sign-in: {talk.lost or said[-1][:80]}."
        )
    return Judged(State.FAIL, f"Port {dialogue.port} takes a password before TLS: {said[-1][:80]!r}.")

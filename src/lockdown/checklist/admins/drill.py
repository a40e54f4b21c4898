"""The drill of item 7: which ways into ssh a stranger is offered, and whether guessing shuts out who guesses, alone.

Wrong passwords are tried for the drill's own account only, a handful of them; root is asked for nothing.
Fails as: UNKNOWN with what to type, where the drill has no account, or its account does not sign in at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from lockdown.checklist.admins.audit_access import audit_sshd
from lockdown.checklist.admins.controls import GUESSING, PASSWORD_SSH, ROOT_SSH
from lockdown.config import Settings
from lockdown.facts.listeners import listeners
from lockdown.facts.sshd import Sshd, sshd
from lockdown.model.finding import Finding, State
from lockdown.model.trial import Heard, Judged, Knock, Move, Need, Scene, SignIn, Told, Trial, WaysIn, Who
from lockdown.model.unknown import Unknown

SSH = "ways into ssh"
LOCKOUT = "guessing passwords"
TRIES = 7
"""Wrong passwords in a row, at most: the usual limits bite at the third to the sixth."""
_SIGNED_IN, _REFUSED = 235, 535
_HELD_UP_SECONDS = 4.0
"""A flat delay of two seconds, as Dovecot and PAM have it, counts nothing: hundreds may guess at the same time."""
_SHUT = ("closed", "silent")
_ASKS_ROOT = "sshd asks a stranger for root's password"
_PASSWORDS = "password"
_QUESTIONS = "keyboard-interactive"


def drill(policy: Settings) -> Iterator[Trial]:
    """All trials, in their order."""
    yield Trial(
        PASSWORD_SSH.id, SSH, "no password is asked for", lambda scene: _ask("lockdown-drill", scene),
        lambda told: _passwords(told, policy), "Whoever guesses a password is in.",
    )  # fmt: skip
    yield Trial(
        ROOT_SSH.id, SSH, "root's password is worth nothing", lambda scene: _ask("root", scene),
        lambda told: _root(told, policy), "The one name that every guessing machine knows lets in.",
    )  # fmt: skip
    yield from (_guessing(place) for place in _PLACES)


# ── ssh ──


def _port_of_ssh(scene: Scene) -> int:
    found = sshd(scene.snapshot) if scene.snapshot else None
    port = found.value("port") if isinstance(found, Sshd) else ""
    return int(port) if port.isdecimal() and 0 < int(port) < 1 << 16 else 22


def _ask(user: str, scene: Scene) -> tuple[Move, ...]:
    port = _port_of_ssh(scene)
    return (Knock(port), WaysIn(user, port))


def _ways(told: Told) -> frozenset[str] | Judged:
    """What was offered; or what there is to say without."""
    door, ways = (*told.heard, Heard(lost="not asked"), Heard(lost="not asked"))[:2]
    if door.door in _SHUT:
        return Judged(State.PASS, "No sshd answers strangers.")
    offered = frozenset(word.strip() for word in ways.text.split(",") if word.strip())
    if not offered:
        return Judged(State.UNKNOWN, f"sshd was not heard: {ways.lost or door.lost or 'it names no way in'}.")
    return offered


def _passwords(told: Told, policy: Settings) -> Judged:
    ways = _ways(told)
    if isinstance(ways, Judged):
        return ways
    offered = f"sshd offers {', '.join(sorted(ways))}."
    if _PASSWORDS in ways and policy.site.profile != "starter":
        return Judged(State.FAIL, offered)
    if _QUESTIONS in ways and policy.site.profile == "strict":
        return Judged(State.FAIL, offered)
    return Judged(State.PASS, offered)


def _root(told: Told, policy: Settings) -> Judged:
    """sshd asks root for a password even where it takes none: what it would do with the right one, its settings say."""
    ways = _ways(told)
    if isinstance(ways, Judged):
        return ways
    if not ways & {_PASSWORDS, _QUESTIONS}:
        return Judged(State.PASS, f"root is offered {', '.join(sorted(ways))}: no password.")
    found = _by_its_settings(told.scene, policy)
    if found is None:
        return Judged(State.UNKNOWN, f"{_ASKS_ROOT}; whether it takes it, only the server itself can say.")
    if found.state is State.FAIL:
        return Judged(State.FAIL, f"{_ASKS_ROOT}, and by its settings: {found.says}")
    if found.state is State.PASS:
        return Judged(State.PASS, f"{_ASKS_ROOT}, in vain: {found.says}")
    return Judged(State.UNKNOWN, f"{_ASKS_ROOT}; whether it takes it is not known: {found.says}")


def _by_its_settings(scene: Scene, policy: Settings) -> Finding | None:
    if scene.snapshot is None:
        return None
    return next(one for one in audit_sshd(scene.snapshot, policy) if one.control == ROOT_SSH.id)


# ── guessing ──


class _Place(NamedTuple):
    """Where passwords are guessed."""

    name: str
    services: tuple[tuple[str, int], ...]
    """The first whose port listens on the server is tried; the first of all, where that is not known."""


_PLACES = (
    _Place("for mailboxes", (("imaps", 993), ("imap", 143))),
    _Place("for sending mail", (("submission", 587),)),
    _Place("for ssh", (("ssh", 22),)),
)


def _service(place: _Place, scene: Scene) -> tuple[str, int]:
    if place.services[0][0] == "ssh":
        return "ssh", _port_of_ssh(scene)
    found = listeners(scene.snapshot) if scene.snapshot else Unknown("not this machine")
    ports = set() if isinstance(found, Unknown) else {one.port for one in found if not one.is_loopback}
    return next((service for service in place.services if service[1] in ports), place.services[0])


def _guessing(place: _Place) -> Trial:
    def moves(scene: Scene) -> tuple[Move, ...]:
        service, port = _service(place, scene)
        tries = (
            Knock(port),
            SignIn(service, right=True, who=Who.OTHER, port=port),
            SignIn(service, right=False, times=TRIES, enough_seconds=_HELD_UP_SECONDS, port=port),
            SignIn(service, right=True, who=Who.OTHER, port=port),
        )
        return (*tries, WaysIn("lockdown-drill", port, Who.OTHER)) if service == "ssh" else tries

    return Trial(
        GUESSING.id, LOCKOUT, place.name, moves, _of_guesses,
        "Whoever may guess without end finds the weakest password; a limit by name shuts out its owner instead.",
        frozenset({Need.ACCOUNT}),
    )  # fmt: skip


def _of_guesses(told: Told) -> Judged:
    if len(told.heard) < 4:
        return Judged(State.UNKNOWN, "The trial was cut short.")
    door, before, guesses, after = told.heard[:4]
    if door.door in _SHUT:
        says = "Strangers find no such door." if not _is_in(before) else "The stranger is not let in to the door."
        return Judged(State.PASS, says)
    ways = told.heard[4].text if len(told.heard) > 4 else ""
    if ways and _PASSWORDS not in ways and _QUESTIONS not in ways:
        return Judged(State.PASS, f"There is nothing to guess: sshd offers {ways}.")
    for judge in (_of_before, _of_luck, _of_owner, _of_guesser):
        if found := judge(before, guesses, after):
            return found
    return Judged(State.UNKNOWN, f"Not one guess was answered: {_words(guesses)}")


_Judge = Callable[[Heard, Heard, Heard], Judged | None]


def _of_before(before: Heard, guesses: Heard, after: Heard) -> Judged | None:
    if _is_in(before):
        return None
    says = f"The drill's account does not sign in here with its own password: {_words(before)}"
    return Judged(State.UNKNOWN, says)


def _of_luck(before: Heard, guesses: Heard, after: Heard) -> Judged | None:
    return Judged(State.FAIL, "A wrong password was taken.") if _SIGNED_IN in guesses.codes else None


def _of_owner(before: Heard, guesses: Heard, after: Heard) -> Judged | None:
    """He comes from another address, with the right password, right after the guesses."""
    if _is_in(after):
        return None
    return Judged(State.FAIL, f"The guesses of a stranger have locked out the owner: {_words(after)}")


def _of_guesser(before: Heard, guesses: Heard, after: Heard) -> Judged | None:
    codes, took = guesses.codes, guesses.took
    answered = sum(code == _REFUSED for code in codes)
    if not answered:
        return None
    if codes[-1] != _REFUSED:
        why = guesses.text or guesses.lost or "no answer any more"
        says = f"After {answered} guesses the guesser is turned away ({why[:80]}); the owner is not."
        return Judged(State.PASS, says)
    slowest = took[-1] if took else guesses.seconds / len(codes)
    if slowest >= _HELD_UP_SECONDS:
        return Judged(State.PASS, f"Try {len(codes)} is answered after {slowest:.0f} s only; the owner is not held up.")
    says = (
        f"{len(codes)} wrong passwords are each answered at once, the last after {slowest:.1f} s: nothing counts them."
    )
    return Judged(State.FAIL, says)


def _is_in(heard: Heard) -> bool:
    return heard.codes[-1:] == (_SIGNED_IN,) or heard.code == _SIGNED_IN


def _words(heard: Heard) -> str:
    return (heard.text or heard.lost or "no answer")[:120]

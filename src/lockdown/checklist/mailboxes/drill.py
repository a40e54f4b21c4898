"""The drill of item 5: the drill's own mailbox is filled, and a bomb goes off in it.

Only a mailbox of the drill's own is ever filled, with at most some fifty megabytes, and emptied again by the engine.
Fails as: UNKNOWN with what to type, where no such mailbox was named or it is too large to be filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from lockdown.checklist.mailboxes.controls import QUOTA_FINITE, REFUSED_EARLY, WARNED
from lockdown.checklist.mailboxes.quota import Quota, quota
from lockdown.config import Settings
from lockdown.facts.dovecot import Dovecot, dovecot
from lockdown.model.finding import State
from lockdown.model.step import SENDER
from lockdown.model.trial import Connect, Deliver, Heard, Judged, Look, Move, Need, Say, Scene, Told, Trial, Wait, Who
from lockdown.model.units import ByteSize

FULL = "a full mailbox"
BOMB = "a mail bomb"
_KIB, _MIB = 1 << 10, 1 << 20
_RISING = tuple(size * _KIB for size in (128, 128, 256, 512, 1024, 2048, 4096, 8192, 8192, 8192, 8192))
_FALLING = tuple(size * _KIB for size in (4096, 2048, 1024, 512, 256, 128, 64, 64, 32, 32))
_FILLING = _RISING + _FALLING
"""Small letters first, so that a small mailbox takes some; small ones last, to fill a large one to the brim."""
_SETTLE = Wait(0.15)
"""A letter that is on its way still is counted by nobody, so the next one may be taken as well."""
_BOMB = (2 * _MIB,) * 20
_WARNING_SECONDS = 6.0
"""Dovecot starts the warning at the crossing itself, and its usual script delivers into the mailbox."""
_AT_MOST = sum(_FILLING)
_HEADERS = 8 * _KIB
_FULL = re.compile(r"[45]\.2\.2|quota|mailbox (?:is )?full|over ?quota", re.IGNORECASE)
_WARNING = re.compile(r"quota|full|\d\d ?%|voll|space|mailbox|postfach", re.IGNORECASE)

Sizes = Sequence[int]


def drill(policy: Settings) -> Iterator[Trial]:
    """All trials, in their order."""
    needs = frozenset({Need.MAILBOX})
    yield Trial(
        REFUSED_EARLY.id, FULL, "is refused before the message comes", _fill_and_ask_for_another, _refused_early,
        "What is taken for a full mailbox is bounced later, to a sender that may be forged.", needs, fills=True,
    )  # fmt: skip
    yield Trial(
        WARNED.id, FULL, "its user is told before it is full", _fill_and_look, _warned,
        "The user learns from his partners that he gets no mail.", needs, fills=True,
    )  # fmt: skip
    yield Trial(
        QUOTA_FINITE.id, BOMB, "fills one mailbox and not the disk", _bomb, _bounded,
        "One mailbox takes the whole disk, and then nobody gets mail.", needs, fills=True,
    )  # fmt: skip


# ── moves ──


def _sizes(scene: Scene, every: Sizes) -> tuple[int, ...]:
    """None that the server refuses for its own size; none at all where everyone's limit is known to be out of reach."""
    if _known_limit(scene) > _AT_MOST:
        return ()
    # A letter grows on its way: headers, and the transfer encoding that is not used here.
    most = scene.limit_bytes - _HEADERS if scene.limit_bytes else max(every)
    return tuple(min(size, max(most, _HEADERS)) for size in every)


def _counted(scene: Scene) -> Quota | None:
    """How Dovecot counts; None where it is not known of this mailbox."""
    found = dovecot(scene.snapshot) if scene.snapshot else None
    return quota(found) if isinstance(found, Dovecot) else None


def _known_limit(scene: Scene) -> int:
    """In octets; 0 where it is not known of this mailbox."""
    counted = _counted(scene)
    return 0 if counted is None or counted.from_database else counted.storage or 0


def _has_no_limit(scene: Scene) -> bool:
    """Surely: nothing is counted, or nobody has a limit."""
    counted = _counted(scene)
    if counted is None or not counted.is_on:
        return counted is not None
    return not counted.from_database and counted.storage is None


def _filling(scene: Scene) -> tuple[Move, ...]:
    sizes = () if _has_no_limit(scene) else _sizes(scene, _FILLING)
    return tuple(move for size in sizes for move in (Deliver(scene.recipient, size_bytes=size), _SETTLE))


def _fill_and_ask_for_another(scene: Scene) -> tuple[Move, ...]:
    """Another mailbox is asked for without a letter: the postmaster's, which every server has (RFC 5321 4.5.1)."""
    other = f"postmaster@{scene.domain}"
    if other.lower() == scene.recipient.lower():
        return _filling(scene)
    return (
        *_filling(scene),
        Connect(who=Who.OTHER),
        Say("EHLO drill.example", Who.OTHER),
        Say(f"MAIL FROM:<{SENDER}>", Who.OTHER),
        Say(f"RCPT TO:<{other}>", Who.OTHER),
        Say("RSET", Who.OTHER),
        Say("QUIT", Who.OTHER),
    )


def _fill_and_look(scene: Scene) -> tuple[Move, ...]:
    filling = _filling(scene)
    return (*filling, Look(_WARNING_SECONDS)) if filling else ()


def _bomb(scene: Scene) -> tuple[Move, ...]:
    return tuple(Deliver(scene.recipient, size_bytes=size) for size in _sizes(scene, _BOMB))


# ── what it shows ──


def _letters(told: Told, moves: Callable[[Scene], tuple[Move, ...]]) -> list[tuple[int, Heard]]:
    """Each letter's size, and what became of it."""
    pairs = zip(moves(told.scene), told.heard, strict=False)
    return [(move.size_bytes, heard) for move, heard in pairs if isinstance(move, Deliver)]


def _is_taken(heard: Heard) -> bool:
    return heard.code == 250


def _is_full(heard: Heard) -> bool:
    return heard.code >= 400 and bool(_FULL.search(heard.text))


def _not_full(told: Told, letters: list[tuple[int, Heard]]) -> Judged:
    """Why nobody can tell what a full mailbox would do."""
    if not letters and _has_no_limit(told.scene):
        return Judged(
            State.UNKNOWN, "Dovecot sets this mailbox no limit, so it is never full. Type: lockdown plan mailboxes"
        )
    if not letters:
        limit = ByteSize(_known_limit(told.scene))
        return Judged(State.UNKNOWN, f"A mailbox of {limit} is too large to be filled. {_small_one(told.scene)}")
    if other := next((heard for _, heard in letters if not _is_taken(heard)), None):
        why = other.text or other.lost
        return Judged(State.UNKNOWN, f"The letters were stopped before the mailbox was full: {why[:160]}")
    sent = ByteSize(sum(size for size, _ in letters))
    return Judged(State.UNKNOWN, f"{sent} did not fill the mailbox. {_small_one(told.scene)}")


def _small_one(scene: Scene) -> str:
    """The line that gives one user a small mailbox."""
    found = dovecot(scene.snapshot) if scene.snapshot else None
    is_new = isinstance(found, Dovecot) and found.is_new
    field = "userdb_quota_storage_size=5M" if is_new else "userdb_quota_rule=*:storage=5M"
    name = scene.recipient.rpartition("@")[0] or scene.recipient
    return f"Give the drill's account a small one, in its userdb: {name}:{{SCHEME}}HASH::::::{field}"


def _refused_early(told: Told) -> Judged:
    letters = _letters(told, _filling)
    early = [number for number, (_, heard) in enumerate(letters) if _is_full(heard) and heard.verb != "DATA-END"]
    lost = [number for number, (_, heard) in enumerate(letters) if _is_taken(heard) and not heard.arrived]
    late = [heard for _, heard in letters if _is_full(heard) and heard.verb == "DATA-END"]
    if late and not early:
        return Judged(State.FAIL, f"It is refused only when the whole message has come: {late[0].text[:120]}")
    if lost and not any(heard.arrived for _, heard in letters):
        return Judged(State.UNKNOWN, "Letters were taken, and none of them reached the mailbox.")
    # One may have been on its way when the mailbox became full; behind the last refusal there is no such excuse.
    if lost and (not early or lost[-1] > early[-1]):
        return Judged(
            State.FAIL, f"{len(lost)} letters were taken with 250 and did not reach the mailbox: it was full."
        )
    return _others_are_served(told, letters[early[0]][1]) if early else _not_full(told, letters)


def _others_are_served(told: Told, full: Heard) -> Judged:
    """A server that refuses everybody is not one that knows a full mailbox."""
    answers = [
        heard
        for move, heard in zip(_fill_and_ask_for_another(told.scene), told.heard, strict=False)
        if isinstance(move, Say) and str(move.line).startswith("RCPT")
    ]
    if answers and not answers[0].code:
        return Judged(State.UNKNOWN, "Whether another mailbox still takes mail could not be asked.")
    if answers and _is_full(answers[0]):
        return Judged(State.FAIL, f"With one mailbox full, another one is refused too: {answers[0].text[:120]}")
    return Judged(State.PASS, f"It is refused at {full.verb or 'RCPT'}: {full.text[:120]}")


def _warned(told: Told) -> Judged:
    letters, moves = _letters(told, _filling), _fill_and_look(told.scene)
    if not letters:
        return _not_full(told, letters)
    look = told.heard[-1] if len(told.heard) == len(moves) else Heard(lost="nobody looked")
    if any(_WARNING.search(subject) for subject in look.text.splitlines()):
        return Judged(State.PASS, f"A warning came: {look.text.splitlines()[0][:120]!r}.")
    if look.lost:
        return Judged(State.UNKNOWN, f"Whether a warning came could not be seen: {look.lost}.")
    if not any(_is_full(heard) or (_is_taken(heard) and not heard.arrived) for _, heard in letters):
        return _not_full(told, letters)
    if look.arrived:
        says = f"Something came while the mailbox filled, and it does not speak of it: {look.text[:120]!r}."
        return Judged(State.UNKNOWN, says)
    return Judged(State.FAIL, "The mailbox was filled, and nothing in it says so.")


def _bounded(told: Told) -> Judged:
    letters = _letters(told, _bomb)
    inside = ByteSize(sum(size for size, heard in letters if heard.arrived))
    stopped = [heard for _, heard in letters if _is_full(heard)]
    bounced = sum(_is_taken(heard) and not heard.arrived for _, heard in letters)
    if not stopped and not (bounced and inside):
        if inside and _has_no_limit(told.scene) and all(heard.arrived for _, heard in letters):
            return Judged(State.FAIL, f"{inside} lie in one mailbox, and Dovecot sets it no limit.")
        return _not_full(told, letters)
    kept_out = len(stopped) + bounced
    return Judged(State.PASS, f"It ends at {inside}: {kept_out} of {len(letters)} letters do not get in.")

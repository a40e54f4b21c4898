"""What holds now, who sends most and what waits, as rows of the page: no I/O, no clock.

What could not be read is one row that says so; what was not looked at yet is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockdown.engine.busiest import Busiest, MostSent, Queue, Waits
from lockdown.engine.grip import Held
from lockdown.engine.restraining import BECOMES
from lockdown.engine.story import lets_go
from lockdown.engine.top_senders import Sender
from lockdown.model.mail import Block
from lockdown.model.restraint import Restraint, match_in_words
from lockdown.model.traffic import Doors
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown

MOST_ROWS = 50
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Holds:
    """Something that is done to mail or to an account now, and how it is ended."""

    what: str
    how: str
    still: str
    met: str
    by: str
    why: str
    undo: str
    release: str = ""
    """For the mail that it holds."""


@dataclass(frozen=True, slots=True)
class Sends:
    """Who sends much, with how it went over the last hour."""

    by: str
    value: str
    messages: str
    recipients: str
    new: str
    bounced: str
    spam: str
    bars: str
    paces: str
    """The bars in figures, for who cannot see them."""


def left(until: datetime | None, now: datetime) -> str:
    """How long still, in one unit."""
    if until is None:
        return "until removed"
    return span(until - now)


def span(time: timedelta) -> str:
    """In one unit."""
    time = max(time, timedelta(0))
    for seconds, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if time >= timedelta(seconds=2 * seconds):
            return f"{time // timedelta(seconds=seconds)} {unit}"
    return f"{time // timedelta(seconds=1)} s"


def holding(
    restraints: Iterable[Restraint], blocks: Iterable[Block], accounts: Iterable[Held], now: datetime
) -> Iterator[Holds]:
    """Accounts first: somebody waits for his mail."""
    for account in accounts:
        if account.until > now:
            yield _account(account, now)
    for one in restraints:
        if one.runs(now):
            yield _restraint(one, now)
    for block in blocks:
        undo = f"lockdown block remove {block.network}"
        yield Holds(f"network {block.network}", "blocked", left(block.until, now), "", block.by, block.why, undo)


def _account(one: Held, now: datetime) -> Holds:
    how = "what it sends waits in the queue" + (", and its password opens nothing" if one.locked else "")
    undo = f"lockdown user release {one.user}"
    return Holds(f"account {one.user}", how, left(one.until, now), "", one.by, one.why, undo)


def _restraint(one: Restraint, now: datetime) -> Holds:
    at = " where users sign in" if one.doors is Doors.SIGN_IN else ""
    how = f"{'only watched; would be ' if one.shadow else ''}{BECOMES[one.rung]}{at}"
    undo = f"lockdown block remove {one.id}"
    return Holds(
        match_in_words(one.match), how, left(one.until, now), f"{one.hits:,}", one.by, one.why, undo, lets_go(one)
    )


def sending(busiest: Busiest | Unknown | None) -> Iterator[Sends]:
    """Who sends most, users before networks."""
    if isinstance(busiest, Busiest):
        for top in busiest.senders:
            for one in top.first:
                if one.messages:
                    yield _sends(top, one)


def _sends(top: MostSent, one: Sender) -> Sends:
    new = f"{one.new_recipients:,}" if top.knows_before else "?"
    return Sends(
        top.by, one.value or "<>", f"{one.messages:,}", f"{one.recipients:,}", new,
        _share(one.bounced, one.tried), _share(one.spam, one.judged), bars(one.pace), " ".join(map(str, one.pace)),
    )  # fmt: skip


def _share(part: int, whole: int) -> str:
    """A dash where nothing is known of it."""
    return f"{part / whole:.0%}" if whole else "–"


def bars(figures: Sequence[int]) -> str:
    """As high as they are beside the highest; what is not nothing is seen."""
    most = max(figures, default=0)
    return "".join(_BARS[-(-one * (len(_BARS) - 1) // most)] if most else _BARS[0] for one in figures)


def waiting(busiest: Busiest | Unknown | None, now: datetime) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """The queue in one sentence, and its groups: by what, which, messages, size, oldest."""
    if isinstance(busiest, Busiest) and isinstance(busiest.queue, Queue):
        queue = busiest.queue
        if not queue.messages:
            return "Nothing waits in the queue.", ()
        size = ByteSize(queue.octets)
        says = f"{queue.messages:,} messages wait, {size}, the oldest for {_age(queue.oldest, now)}."
        return says, tuple(_waits(one, now) for one in queue.groups)
    return "", ()


def _waits(one: Waits, now: datetime) -> tuple[str, ...]:
    return one.by, one.key or "<>", f"{one.messages:,}", str(ByteSize(one.octets)), _age(one.oldest, now)


def _age(since: datetime | None, now: datetime) -> str:
    return "?" if since is None else span(now - since)


def unseen(busiest: Busiest | Unknown | None) -> Iterator[str]:
    """What of it could not be read."""
    if isinstance(busiest, Unknown):
        yield f"who sends and what waits: {busiest.why}"
    elif busiest is not None:
        yield from (f"who sends: {why}" for why in busiest.unseen)
        if isinstance(busiest.queue, Unknown):
            yield f"the queue: {busiest.queue.why}"

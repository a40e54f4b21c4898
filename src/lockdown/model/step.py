"""Step: one move of a drill, a harmless letter and what must become of it. And what did become of it: Fate, Outcome.

A drill is a tuple of steps. Each is sent beside a plain letter that must arrive, or a dead server would pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import NamedTuple

from lockdown.model.finding import State

STRANGERS = "198.18.0.0/15"
"""Where a drill's strangers have their addresses: the range for benchmarks (RFC 2544), which nobody on the Internet
has."""


class Fate(StrEnum):
    """What became of one letter."""

    REFUSED = "refused"
    """For good (5xx): its sender is told."""
    HELD = "held"
    """250, and it lies in the quarantine."""
    PUT_OFF = "put off"
    """For now (4xx): its sender keeps it."""
    MARKED = "arrived, marked"
    ARRIVED = "arrived"
    VANISHED = "accepted and vanished"
    """250, and it is neither in the mailbox nor in the quarantine."""
    UNTOLD = "could not be told"
    """It could not be sent, its answer was lost, or nobody can look where it went."""


class Expect(Enum):
    """What must become of a letter: in words, and the fates that are right. Worded to follow "it should be"."""

    STOPPED = "refused or held", frozenset({Fate.REFUSED, Fate.HELD})
    ANSWERED = "refused, held or put off", frozenset({Fate.REFUSED, Fate.HELD, Fate.PUT_OFF})
    CAUGHT = "refused, held or marked", frozenset({Fate.REFUSED, Fate.HELD, Fate.MARKED})
    PUT_OFF = "put off", frozenset({Fate.PUT_OFF})
    HELD = "held", frozenset({Fate.HELD})
    MARKED = "delivered with a mark", frozenset({Fate.MARKED})
    LET_IN = "delivered", frozenset({Fate.ARRIVED, Fate.MARKED})
    """A setting of the site lets it in; a mark does no harm."""
    ARRIVES = "delivered without a mark", frozenset({Fate.ARRIVED})

    def __init__(self, words: str, fates: frozenset[Fate]) -> None:
        self.words, self.fates = words, fates

    def judge(self, fate: Fate) -> State:
        """PASS, FAIL, or UNKNOWN: a letter that is only put off was judged by nobody."""
        if fate in self.fates:
            return State.PASS
        return State.UNKNOWN if fate in (Fate.UNTOLD, Fate.PUT_OFF) else State.FAIL


class Occasion(NamedTuple):
    """One sending: what a letter must name so that it is new, dated and found again."""

    mark: str
    """Letters and digits, found nowhere else; stands in the Message-ID."""
    now: datetime
    recipient: str
    """The canary mailbox."""
    domain: str
    """One of ours: what a forger would claim."""


SENDER = "canary@drill.example"
"""Of a reserved top-level domain (RFC 2606): nobody has a policy there that a drill could break, as example.com has."""


@dataclass(frozen=True, slots=True)
class Step:
    """One letter, and what must become of it."""

    control: str
    """The id of the control that is proved."""
    set: str
    """The set that it belongs to, as a heading: "the test virus in every wrapping"."""
    name: str
    """Within the set: "in a zip in a zip"."""
    write: Callable[[Occasion], bytes]
    """The whole letter, lines ending in CRLF where it is not malformed on purpose."""
    expect: Expect
    why: str = ""
    """What it means when it does not hold, in a sentence."""
    sender: str = SENDER
    """Of the envelope."""

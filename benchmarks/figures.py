"""The arithmetic of the figures, apart from the measuring: legs, ratios pair by pair, targets met or missed.

Fails as: `BrokenRun` when what arrived is not what was sent; a fast gateway that loses mail has no rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import ClassVar


class BrokenRun(Exception):
    """Something happened to mail that makes its rate worthless; the run ends with exit code 1."""

    headline: ClassVar[str] = "BROKEN"


class LostMessages(BrokenRun):
    """The sink has not counted exactly the messages that the client was told are accepted."""

    headline = "MAIL WAS LOST OR DOUBLED"


class RefusedMessages(BrokenRun):
    """A client was refused or cut off, where every message should have been taken."""

    headline = "MAIL WAS REFUSED"


class Unmeasurable(Exception):
    """This figure cannot be taken here; the text says why. Never a figure of zero."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One timed run of load against one stand."""

    stand: str
    sent: int
    arrived: int
    seconds: float
    octets: int = 0
    cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.sent / self.seconds

    @property
    def megabytes_a_second(self) -> float:
        return self.octets / 1e6 / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Of the proxy's processes, for one message."""
        return self.cpu_seconds * 1e6 / self.sent

    def checked(self) -> Leg:
        """This leg, if nothing is missing and nothing came twice."""
        if self.arrived != self.sent:
            kind = "lost" if self.arrived < self.sent else "delivered twice"
            raise LostMessages(
                f"{self.stand}: {self.sent} sent and accepted, {self.arrived} arrived: "
                f"{abs(self.sent - self.arrived)} {kind}"
            )
        return self


def pairwise_ratio(subject: Sequence[float], reference: Sequence[float]) -> float:
    """The median of the ratios of neighbours: what slows the whole machine for a while cancels out."""
    if len(subject) != len(reference) or not subject:
        raise ValueError(f"{len(subject)} legs cannot be paired with {len(reference)}")
    return median(a / b for a, b in zip(subject, reference, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    if not values:
        raise ValueError("no values, so no percentile")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Sign(StrEnum):
    """Whether more or less is better."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is meant to reach."""

    sign: Sign
    bound: float

    def met_by(self, value: float) -> bool:
        return value >= self.bound if self.sign is Sign.AT_LEAST else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with how it was measured."""

    group: str
    name: str
    value: float
    unit: str
    how: str
    target: Target | None = None

    @property
    def verdict(self) -> str:
        """Met, not met, or nothing where nothing was promised."""
        if self.target is None:
            return ""
        return "met" if self.target.met_by(self.value) else "NOT MET"


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A figure that could not be taken, with the reason: silence would read as health."""

    group: str
    name: str
    why: str

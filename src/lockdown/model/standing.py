"""Standing: what is half done on a machine, and when a drill last proved what holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Halfway(StrEnum):
    """How an apply stands that is not at its end."""

    AT_WORK = "at work"
    PROBATION = "on probation"
    CUT_OFF = "cut off"


@dataclass(frozen=True, slots=True)
class HalfDone:
    """An apply that is not at its end."""

    apply: str
    how: Halfway
    until: datetime | None = None
    """When it is undone by itself."""


@dataclass(frozen=True, slots=True)
class LastDrill:
    """The newest signed result."""

    began: datetime
    is_ours: bool
    """Whole, and signed with the key of this machine."""
    as_expected: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Both; None: there is none. `unread` is what of it could not be read, and why."""

    half_done: HalfDone | None = None
    drill: LastDrill | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

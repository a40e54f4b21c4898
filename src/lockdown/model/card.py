"""Card: what a room of the checklist is: its number, its promise, its controls, and which of the four verbs it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockdown.model.finding import Control

VERBS = ("audit", "enforce", "watch", "drill")
"""What each item gets. A room has a module of that name, or its card declares the place empty and says why."""


@dataclass(frozen=True, slots=True)
class Card:
    """One of the thirteen items. `empty` maps a verb that the room does not have yet to what the user misses."""

    number: int
    id: str
    title: str
    promise: str
    controls: tuple[Control, ...] = ()
    empty: Mapping[str, str] = field(default_factory=dict)

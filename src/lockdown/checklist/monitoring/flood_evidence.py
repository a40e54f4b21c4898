"""The latest messages of a flood, as an incident keeps them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lockdown.model.finding import Evidence
from lockdown.model.traffic import Dimension, Seen

_MOST = 5


def evidence(seen: Sequence[Seen]) -> tuple[Evidence, ...]:
    """The latest of them."""
    return tuple(Evidence(f"log {one.id}", f"{_client(one)}: {one.kind}, {one.size} octets") for one in seen[-_MOST:])


def _client(one: Seen) -> str:
    return next((value for dimension, value in one.keys if dimension is Dimension.CLIENT), "this machine")

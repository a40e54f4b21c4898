"""Unknown: the answer "could not tell", with its reason, all the way to the screen. It never counts as a pass."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be read, asked or decided; `why` is a sentence for the operator."""

    why: str

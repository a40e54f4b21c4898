"""What a drill has heard, in literals: the tests of the rooms' drills are written with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from lockdown.config import Settings, read_settings
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.trial import Heard, Judged, Move, Scene, Told, Trial

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Answer = Callable[[Move], Heard]


def policy(text: str = "") -> Settings:
    return read_settings([("lockdown.toml", text)]).settings


def scene(
    readings: Mapping[str, Reading] | None = None, recipient: str = "canary@example.org", limit: int = 0
) -> Scene:
    snapshot = None if readings is None else Snapshot("m", NOW, "1", readings)
    return Scene(
        mark="0123456789abcdef", now=NOW, domain="example.org", recipient=recipient, address="198.18.0.1",
        stranger="198.18.0.2", user="canary", snapshot=snapshot, limit_bytes=limit,
    )  # fmt: skip


def named(trials: Iterable[Trial], name: str) -> Trial:
    """The one trial whose name has these words."""
    (found,) = [trial for trial in trials if name in trial.name]
    return found


def judged(trial: Trial, where: Scene, answer: Answer) -> Judged:
    """How the room judges, when each move is answered like this."""
    return trial.judge(Told(where, tuple(answer(move) for move in trial.moves(where)), plain_arrived=True))

"""When the watch looked last: without that, "no incident is open" would say nothing.

Fails as: None, where nobody has looked yet, or when cannot be told.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

FILE = "watch.json"
"""Below the state directory; its time is that of the last look."""
LATE = timedelta(minutes=2)
"""A look is made every half minute; after four that were missed nobody watches."""


def note(state: Path, now: datetime) -> None:
    """Somebody has looked. A disk that takes no more notes shows as a watch that has stopped."""
    with suppress(OSError):
        os.utime(state / FILE, (now.timestamp(), now.timestamp()))


def last_look(state: Path) -> datetime | None:
    """When it was."""
    try:
        return datetime.fromtimestamp((state / FILE).stat().st_mtime, UTC)
    except OSError:
        return None


def not_watched(state: Path, now: datetime) -> str:
    """Why silence is no health at present; "" while somebody watches."""
    last = last_look(state)
    if last is None:
        return "nobody has looked yet: the gateway does, every half minute"
    return f"nobody has looked since {last:%Y-%m-%d %H:%M} UTC" if now - last > LATE else ""

"""How much room the disk has on which Lockdown keeps its state, and how much mail needs.

Fails as: `Unknown(why)` where the disk cannot be asked.
"""

from __future__ import annotations

import os
from pathlib import Path

from lockdown.config import Settings
from lockdown.model.unknown import Unknown
from lockdown.model.window import Room


def room_of(settings: Settings, state: Path) -> Room | Unknown:
    """Of the state directory, or of what is nearest to it where it is not there yet."""
    try:
        nearest = next(folder for folder in (state, *state.parents) if folder.exists())
        disk = os.statvfs(nearest)
    except OSError as error:
        return Unknown(f"{state}: {error.strerror}")
    # Rule R4: below one and a half times the largest message, MAIL is answered 452.
    return Room(str(nearest), disk.f_bavail * disk.f_frsize, settings.gateway.max_message * 3 // 2)

"""How many transactions today, by what became of them: counted from the log, each octet read once.

Fails as: `Unknown(why)` when the log cannot be read. A log that is not there yet is a day without mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from lockdown.model.unknown import Unknown
from lockdown.state.transactions import KINDS

_NEEDLES = {kind: f'"type":"{kind}"'.encode() for kind in KINDS}
"""Inside a text the quotes would be escaped, so what a stranger writes is never counted."""
_PIECE = 4 * 1024 * 1024


class TodayCounts:
    """Remembers how far it has read, so that a page costs only what has come since the last one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: Path | None = None
        self._offset = 0
        self._counts: Counter[str] = Counter()

    def read(self, now: datetime) -> Mapping[str, int] | Unknown:
        """The counts of this day (UTC) up to now."""
        file = self._directory / f"gateway-{now:%Y%m%d}.jsonl"
        if file != self._file:
            self._file, self._offset, self._counts = file, 0, Counter()
        try:
            self._read_on(file)
        except FileNotFoundError:
            return Counter()
        except OSError as error:
            return Unknown(f"{file}: {error.strerror or error}")
        return self._counts.copy()

    def _read_on(self, file: Path) -> None:
        with file.open("rb") as log:
            log.seek(self._offset)
            while piece := log.read(_PIECE):
                # Only whole lines: the rest of a line that is being written comes next time.
                whole = piece.rfind(b"\n") + 1
                if not whole:
                    break
                self._counts.update({kind: piece.count(needle, 0, whole) for kind, needle in _NEEDLES.items()})
                self._offset += whole
                log.seek(self._offset)

"""How well the mail server's log is seen: the lines that were read, those that no pattern knows, and the gaps.

One small file, put in place whole by the process that watches; read by the doctor and for the metrics.

Fails as: None where nothing was read yet, and for a file that is damaged or may not be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

FILE = "log-sight.json"
"""Below the state directory."""
_RECENT = 100_000
_FEW = 100
_MOST_BYTES = 64 * 1024
_LONGEST_WORDS = 300
_STAYS = "is not there"
"""What every look finds again is one gap."""


class LogSight(msgspec.Struct):
    """Totals since the file was begun, and the share of late that is not understood."""

    schema: str = "lockdown.log-sight/1"
    at: float = 0.0
    """When a log was looked at last."""
    lines: int = 0
    unread: dict[str, int] = {}
    """By daemon, lines of a mail server that no pattern knows, or that can be read in two ways."""
    misdated: int = 0
    """Lines whose stamp is none, or lies in the future."""
    gaps: int = 0
    """Times that something of a log could not be read at all."""
    last_gap: str = ""
    foreign: int = 0
    """Entries of the journal in the mail server's name, by a user who is none: passed over."""
    closed: str = ""
    """The logs that may not be read, in words."""
    recent_lines: int = 0
    recent_unread: int = 0

    def octets(self) -> bytes:
        """For the file."""
        return msgspec.json.encode(self)

    @property
    def blindness(self) -> float:
        """The share of the lines of late that no pattern knows; 0 for so few that a share says nothing."""
        return self.recent_unread / self.recent_lines if self.recent_lines >= _FEW else 0.0

    def add(
        self, at: float, lines: int, unread: Counter[str], misdated: int, missed: Iterable[str], foreign: int = 0
    ) -> None:
        """What one look came to."""
        self.at, self.lines, self.misdated = at, self.lines + lines, self.misdated + misdated
        self.foreign += foreign
        for daemon, count in unread.items():
            self.unread[daemon] = self.unread.get(daemon, 0) + count
        for words in missed:
            if words == self.last_gap and words.endswith(_STAYS):
                continue
            self.gaps, self.last_gap = self.gaps + 1, words[:_LONGEST_WORDS]
        self.recent_lines, self.recent_unread = self.recent_lines + lines, self.recent_unread + unread.total()
        if self.recent_lines > _RECENT:
            self.recent_lines, self.recent_unread = self.recent_lines // 2, self.recent_unread // 2


def read_sight(state: Path) -> LogSight | None:
    """As it was kept last."""
    try:
        with (state / FILE).open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=LogSight)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def sight_numbers(state: Path) -> bytes:
    """The same for Prometheus: blindness is a figure."""
    from prometheus_client import CollectorRegistry, Counter, generate_latest

    sight, registry = read_sight(state), CollectorRegistry()
    if sight is None:
        return b""
    for name, says, value in (
        ("lockdown_mail_log_lines", "Lines of the mail server's log that were read.", sight.lines),
        ("lockdown_mail_log_misdated", "Lines whose stamp is none, or lies in the future.", sight.misdated),
        ("lockdown_mail_log_gaps", "Times that something of the log could not be read at all.", sight.gaps),
        ("lockdown_mail_log_foreign", "Entries in the mail server's name, by a user who is none.", sight.foreign),
    ):
        Counter(name, says, registry=registry).inc(value)
    unread = Counter("lockdown_mail_log_unread", "Lines that no pattern knows.", ["daemon"], registry=registry)
    for daemon, count in sight.unread.items():
        unread.labels(daemon).inc(count)
    return generate_latest(registry)

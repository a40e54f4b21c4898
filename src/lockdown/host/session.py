"""From where somebody is at work on this machine: the login sessions above a process, and its ssh connection.

Used to tell whether a word comes over a new connection. Everything between the process and the daemon that let its
user in counts: a window beside the first one, `sudo` and `su` are no new connection.
Fails as: an Origin that names nothing, which is never taken for a new connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_DEEPEST = 64
_SSH = b"SSH_CONNECTION="


@dataclass(frozen=True, slots=True)
class Origin:
    """`sessions` are session leaders with their start, so that a number used again is another; `ssh` is both ends."""

    sessions: tuple[str, ...] = ()
    ssh: str = ""

    @property
    def is_known(self) -> bool:
        """Can it be told from another?"""
        return bool(self.sessions or self.ssh)

    def is_apart_from(self, other: Origin) -> bool:
        """Is it surely another connection?"""
        if not (self.is_known and other.is_known):
            return False
        return not set(self.sessions) & set(other.sessions) and (not self.ssh or self.ssh != other.ssh)


def origin_of(pid: int) -> Origin:
    """Where this process was started from."""
    sessions: list[str] = []
    ssh = ""
    for _ in range(_DEEPEST):
        about = _stat(pid)
        if about is None:
            break
        parent, session = about
        # A child of the first process is a daemon: the same for everybody whom it lets in.
        if sessions and parent <= 1:
            break
        if session > 0 and (name := _leader(session)) not in sessions:
            sessions.append(name)
        ssh = ssh or _ssh_connection(pid)
        if parent <= 1:
            break
        pid = parent
    return Origin(tuple(sessions), ssh)


def started(pid: int) -> str:
    """When it began, in ticks since the start of the machine; empty where there is no such process."""
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 else ""


def _leader(session: int) -> str:
    return f"{session}@{started(session) or 'gone'}"


def _stat(pid: int) -> tuple[int, int] | None:
    fields = _fields(pid)
    return (int(fields[1]), int(fields[3])) if len(fields) > 3 else None


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the name before them may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _ssh_connection(pid: int) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    found = next((entry for entry in environment if entry.startswith(_SSH)), b"")
    return found.removeprefix(_SSH)[:200].decode("ascii", "replace")

"""Hold one account: what it hands in waits in the queue, its sessions end, its password opens nothing; and let it go.

The record, owned by root, is what counts; the tables that Postfix and Dovecot read are written from it, whole. Whether
they are asked at all was set up once; where they are not, that is said with what to type, and what else can be done is
done. Nothing is refused and nothing deleted: what was held is sent when the account is let go.

Fails as: sentences in `Outcome.missing` for each piece that could not be done.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from lockdown.facts.holding import DENY_TABLE, EMPTY_TABLE, HOLD_TABLE, LIST, WIRE_DENY, WIRE_HOLD
from lockdown.facts.mail_log.prefix import parts
from lockdown.facts.queue_file import signed_in
from lockdown.host.change.files import FileImage, put
from lockdown.host.commands import run
from lockdown.host.grips import RECORD, RELEASED, Held, Released, held, released
from lockdown.host.log_sources import end_of, sources
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@-]{0,127}")
"""What can be a line of a table, and an argument, without a second meaning."""
_LOG_OCTETS = 2 << 20
_MOST_QUEUE_FILES = 100_000
_RECORDS_OCTETS = 64 << 10
_MOST_AT_ONCE = 200
_MOST_RELEASED = 1_000
_LATE = timedelta(minutes=10)
"""Longer than Postfix lets a client be silent."""

PASSWORD_UNIT = (
    ("ProtectSystem", "strict"),
    ("ReadWritePaths", "/etc"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateNetwork", "yes"),
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_AUDIT_WRITE"),
)
"""What a system account is locked in: the file of passwords is replaced whole, so all of /etc must be writable for it.
The agent's own unit keeps /etc closed, and asks for this one moment of another."""
_SYSTEMD = Path("/run/systemd/system")

Runs = Callable[[Sequence[str]], Reading]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, and what was not and why."""

    done: tuple[str, ...]
    missing: tuple[str, ...] = ()
    until: datetime | None = None
    left: tuple[str, ...] = ()
    """Queue ids of what stays in hold."""

    @property
    def says(self) -> str:
        """All of it, in a sentence."""
        return "; ".join((*self.done, *(f"NOT done: {one}" for one in self.missing)))


def _run(argv: Sequence[str]) -> Reading:
    return run((*_apart(argv[0]), *argv), time_limit=30.0)


def _apart(program: str) -> tuple[str, ...]:
    if program != "usermod" or not _SYSTEMD.is_dir():
        return ()
    properties = (f"--property={name}={value}" for name, value in PASSWORD_UNIT)
    return ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", *properties, "--")


class GripHands:
    """Root's hands on one machine's accounts. `logs` tell which processes an account talks to."""

    def __init__(self, logs: Iterable[str | Path] = (), record: Path = RECORD, runs: Runs = _run) -> None:
        self._logs, self._record, self._runs = tuple(map(str, logs)), record, runs

    def held(self) -> dict[str, Held]:
        """Who is held now."""
        return held(self._record)

    def grip(self, wanted: Held) -> Outcome:
        """Hold it as firmly as that; what is done already is done again, which changes nothing."""
        before = self.held().get(wanted.user)
        kept = before.pieces if before else ()
        done: list[str] = []
        missing: list[str] = []
        for piece, deed in (("hold", self._hold), ("deny", self._deny)):
            if piece == "deny" and not wanted.locked:
                continue
            says, is_done = deed(wanted)
            (done if is_done else missing).append(says)
            kept = (*kept, piece) if is_done and piece not in kept else kept
        if wanted.locked and "deny" not in kept and "passwd" not in kept:
            says, is_done = self._lock_password(wanted.user)
            (done if is_done else missing).append(says)
            kept = (*kept, "passwd") if is_done else kept
        if kept:
            locked = wanted.locked or bool(before and before.locked)
            self._write({**self.held(), wanted.user: msgspec.structs.replace(wanted, pieces=kept, locked=locked)})
            done.extend(self._end_sessions(wanted))
        return Outcome(tuple(done), tuple(missing), wanted.until if kept else None)

    def release(self, user: str, *, send: bool = True) -> Outcome | None:
        """Let it go and send what was held for it, or leave that where it is; None: it is not held."""
        now = self.held()
        gone = now.pop(user, None)
        if gone is None:
            return None
        self._write(now)
        self._remember(Released(user, datetime.now(UTC), was_owner=send))
        done, missing = [f"{user} may send and sign in again"], []
        self._write_tables(now)
        if isinstance(failed := self._runs(("postfix", "reload")), Unknown) and "hold" in gone.pieces:
            missing.append(f"Postfix has not read its table again: {failed.why}")
        if "passwd" in gone.pieces and isinstance(failed := self._runs(("usermod", "-U", "--", user)), Unknown):
            missing.append(f"its password is still locked: {failed.why}")
        self._runs(("doveadm", "auth", "cache", "flush", user))
        if "hold" not in gone.pieces:
            return Outcome(tuple(done), tuple(missing))
        ids = self._held_for(gone)
        if isinstance(ids, Unknown):
            return Outcome(tuple(done), (*missing, f"what was held for it was not sent: {ids.why}"))
        if not send:
            return Outcome(tuple(done), tuple(missing), left=tuple(ids))
        says, is_done = self._send(ids)
        (done if is_done else missing).append(says)
        return Outcome(tuple(done), tuple(missing))

    def release_expired(self, now: datetime) -> dict[str, tuple[str, ...]]:
        """Those whose term is over may send again; by user, what was held for them and waits for a person."""
        over = [one for one in self.held().values() if one.until <= now]
        if over:
            left = {user: one for user, one in self.held().items() if one.until > now}
            self._write(left)
            self._write_tables(left)
            self._runs(("postfix", "reload"))
            for one in over:
                if "passwd" in one.pieces:
                    self._runs(("usermod", "-U", "--", one.user))
        ids = {one.user: self._held_for(one) for one in over}
        return {user: () if isinstance(found, Unknown) else tuple(found) for user, found in ids.items()}

    def end_late(self, now: datetime) -> int:
        """End conversations that began before a hold and only now turn out to be of who is held; how many were.

        Postfix writes down who signed in with the first letter only, and such a process has the table of before.
        """
        lately = [one for one in self.held().values() if "hold" in one.pieces and now - one.since < _LATE]
        old = {pid for one in lately for pid in self._talking_to(one.user) if began_before(pid, one.since, now)}
        return sum(_ended(pid) for pid in old)

    # ── pieces ──

    def _hold(self, wanted: Held) -> tuple[str, bool]:
        asked = self._runs(("postconf", "-nh", LIST))
        if isinstance(asked, Unknown) or HOLD_TABLE not in asked:
            why = asked.why if isinstance(asked, Unknown) else "Postfix does not ask for held accounts"
            return f"its mail is not held: {why}; {WIRE_HOLD}", False
        self._write_tables({**self.held(), wanted.user: msgspec.structs.replace(wanted, pieces=("hold",))})
        failed = self._runs(("postfix", "reload"))
        said = self._runs(("postmap", "-q", wanted.user, f"texthash:{HOLD_TABLE}"))
        if isinstance(failed, Unknown) or isinstance(said, Unknown) or not said.startswith("HOLD"):
            why = next((one.why for one in (failed, said) if isinstance(one, Unknown)), "its table does not say so")
            return f"its mail is not held: {why}", False
        return "what it sends waits in the queue from now on", True

    def _deny(self, wanted: Held) -> tuple[str, bool]:
        asked = self._runs(("doveconf", "-n"))
        if isinstance(asked, Unknown) or DENY_TABLE not in asked:
            why = asked.why if isinstance(asked, Unknown) else "Dovecot does not ask for locked accounts"
            return f"Dovecot goes on letting it in: {why}; {WIRE_DENY}", False
        self._write_tables({**self.held(), wanted.user: msgspec.structs.replace(wanted, pieces=("hold", "deny"))})
        self._runs(("doveadm", "auth", "cache", "flush", wanted.user))
        return "its password opens nothing", True

    def _lock_password(self, user: str) -> tuple[str, bool]:
        if isinstance(self._runs(("getent", "passwd", user)), Unknown):
            return "it is no account of the system, so its password could not be locked there either", False
        failed = self._runs(("usermod", "-L", "--", user))
        if isinstance(failed, Unknown):
            return f"its password could not be locked: {failed.why}", False
        return "the password of its system account is locked", True

    def _end_sessions(self, wanted: Held) -> list[str]:
        said = []
        ended = sum(_ended(pid) for pid in self._talking_to(wanted.user))
        if ended:
            said.append(f"{ended} connections over which it was sending were ended")
        if wanted.locked and not isinstance(self._runs(("doveadm", "kick", wanted.user)), Unknown):
            said.append("its sessions were ended")
        return said

    def _talking_to(self, user: str) -> set[int]:
        """Processes of Postfix that talk to it now: one that goes on has the table of before."""
        found: set[int] = set()
        for log in sources(self._logs):
            with suppress(OSError):
                found |= talking_to(user, b"".join(end_of(log, _LOG_OCTETS)))
        return found

    # ── what was held ──

    def _held_for(self, gone: Held) -> list[str] | Unknown:
        queue = self._runs(("postconf", "-h", "queue_directory"))
        return queue if isinstance(queue, Unknown) else held_for(Path(queue.strip()) / "hold", gone.user, gone.since)

    def _send(self, ids: list[str]) -> tuple[str, bool]:
        for begin in range(0, len(ids), 200):
            command = ("postsuper", *(word for id in ids[begin : begin + 200] for word in ("-H", id)))
            if isinstance(failed := self._runs(command), Unknown):
                return f"not all that was held for it is sent: {failed.why}", False
        for id in ids[:_MOST_AT_ONCE]:  # the others go with the next run of the queue
            self._runs(("postqueue", "-i", id))
        return f"{len(ids)} messages that were held are sent", True

    # ── files ──

    def _write(self, now: dict[str, Held]) -> None:
        self._record.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        put(FileImage(str(self._record), msgspec.json.encode(list(now.values())), 0o644, os.geteuid(), os.getegid()))

    def _remember(self, one: Released) -> None:
        """What it did before then is no reason to hold it again."""
        path = self._record.with_name(RELEASED.name)
        told = [*(other for other in released(path) if other.user != one.user), one][-_MOST_RELEASED:]
        put(FileImage(str(path), msgspec.json.encode(told), 0o644, os.geteuid(), os.getegid()))

    def _write_tables(self, now: dict[str, Held]) -> None:
        for path, piece, line in (
            (HOLD_TABLE, "hold", "{user} HOLD this account is held\n"),
            (DENY_TABLE, "deny", "{user}:::::::\n"),
        ):
            if Path(path).exists():
                rows = "".join(line.format(user=one.user) for one in now.values() if piece in one.pieces)
                with suppress(OperatorError):  # what is not there is seen where it is asked for
                    put(FileImage(path, (EMPTY_TABLE + rows).encode(), 0o644, 0, 0))


_PID = re.compile(r"[0-9]{1,10}")
_SMTPD = re.compile(r"(?:dis)?connect from |\w{5,24}: client=[^\n]*?, sasl_username=([^\n,]*)(?:, [^\n]*)?$")


def talking_to(user: str, log: bytes) -> set[int]:
    """Of the smtpd processes in this log, those whose conversation now is with this account.

    A process serves one client after another: of who came before, its lines say nothing any more. Which process says a
    line stands in its prefix alone: a stranger may greet with the words of another one.
    """
    now: dict[int, str] = {}
    for octets in log.split(b"\n"):
        if b"/smtpd[" not in octets:
            continue
        line = parts(octets.decode("utf-8", "surrogateescape"))
        if line is None or line.daemon != "smtpd" or not _PID.fullmatch(line.pid):
            continue
        if said := _SMTPD.match(line.text):
            now[int(line.pid)] = (said[1] or "").lower()
    return {pid for pid, login in now.items() if login == user.lower()}


def held_for(folder: Path, user: str, since: datetime) -> list[str]:
    """Queue ids of what this account has handed in and what is held, since then."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry, _ in zip(entries, range(_MOST_QUEUE_FILES), strict=False):
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime >= since.timestamp() - 1:
                    with Path(entry.path).open("rb") as file:
                        octets = file.read(_RECORDS_OCTETS)
                    if signed_in(octets).lower() == user.encode().lower():
                        found.append(entry.name)
    return sorted(found)


def began_before(pid: int, moment: datetime, now: datetime, proc: Path = Path("/proc")) -> bool:
    """Whether this process is older than that; False where it is gone."""
    try:
        # The name may hold blanks and brackets: fields are counted from behind it.
        ticks = int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
        uptime = float((proc / "uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return uptime - ticks / os.sysconf("SC_CLK_TCK") > (now - moment).total_seconds()


_PIDFD_GETFD = 438
"""The number of this system call (Linux 5.6) on every architecture."""
_PRIVILEGED = 1024


def _ended(pid: int) -> bool:
    """The connection of an smtpd to its client is closed, as if the client had hung up.

    The process is not killed: master takes one that dies in its first session for a broken program, and lets nobody in
    for a minute.
    """
    with suppress(OSError):
        if Path(f"/proc/{pid}/comm").read_text().strip() == "smtpd":
            process = os.pidfd_open(pid)
            try:
                numbers = [int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()]
                return sum(_shut(process, number) for number in numbers) > 0
            finally:
                os.close(process)
    return False


def _shut(process: int, number: int) -> bool:
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
    if descriptor < 0:
        return False
    try:
        with socket.socket(fileno=descriptor) as connection:
            # Its own questions to others, to a milter for one, come from a port that anybody may have.
            is_client = connection.family in (socket.AF_INET, socket.AF_INET6)
            if is_client and connection.getpeername() and connection.getsockname()[1] < _PRIVILEGED:
                connection.shutdown(socket.SHUT_RDWR)
                return True
    except OSError:
        with suppress(OSError):
            os.close(descriptor)
    return False

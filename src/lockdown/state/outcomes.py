"""What became of each message that was handed upstream: the cure for the lost final reply (RFC 1047).

Between upstream's acceptance and the client's hearing of it lies a gap; a connection or a worker that dies in it makes
the client send the same message again. The retry has the same envelope, client and content, so it has the same key,
and gets the reply that was lost instead of a second copy. A genuine second sending differs in its content (Date,
Message-ID, Received).

One file for all workers, any of which may write any slot. Each record carries its checksum: one that two workers tore,
and one that was pushed out of a full bucket, is absent; then a duplicate is possible, never a loss.

Settled records are in the page cache before the client hears its 250 (a kill -9 does not lose them) but not on the
disk: `sync` is called by a timer. Nothing rests on them but the absence of a duplicate; the message itself is
upstream's, so power loss may cost one second copy and an fsync before every 250 would buy no safety.

Fails as: OperatorError at opening; afterwards never.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from zlib import crc32

from lockdown.state.keyfile import key_of
from lockdown.state.shared import ABSENT, SharedTable

_KEY_BYTES = 16
_VALUE_BYTES = 256
_CHECKSUM = struct.Struct("=I")
# The key again, kind, code, pid and start of the process that handed it on, when, length of the text that follows.
_RECORD = struct.Struct(f"={_KEY_BYTES}sBHIQdH")
_TEXT_AT = _CHECKSUM.size + _RECORD.size
MOST_TEXT_BYTES = _VALUE_BYTES - _TEXT_AT
_pack, _pack_checksum = _RECORD.pack, _CHECKSUM.pack
_process = os.getpid()
"""Of this process; kept, since asking the system with each message costs as much as writing the record."""


def _forked() -> None:
    global _process
    _process = os.getpid()


os.register_at_fork(after_in_child=_forked)


# Of a record. Plain numbers: a member of an Enum class is dear to reach, and these are written with every message.
_BEGUN, _SETTLED, _DOUBTFUL, _BEGUN_ATTENDED, _SETTLED_ATTENDED = 1, 2, 3, 4, 5
_LEFT = {_BEGUN_ATTENDED: _BEGUN, _SETTLED_ATTENDED: _SETTLED}


@dataclass(frozen=True, slots=True)
class InFlight:
    """Handed upstream by a process that lives; its answer is awaited."""

    since: float


@dataclass(frozen=True, slots=True)
class Lost:
    """Handed upstream, and the answer was lost, or its reader died before it came: nobody can know."""

    since: float


@dataclass(frozen=True, slots=True)
class Settled:
    """Upstream's final reply."""

    code: int
    text: str


Outcome = InFlight | Lost | Settled


class Outcomes:
    """The memory of this machine's workers. Times are Unix time."""

    def __init__(self, directory: Path, *, keep: timedelta, slots: int = 131072) -> None:
        path = Path(directory) / "outcomes"
        self._table = SharedTable(path, digest_bytes=_KEY_BYTES, value_bytes=_VALUE_BYTES, slots=slots)
        self._memory, self._write = self._table.memory, self._table.write
        # A copy of a hash that has taken in the key already is a third cheaper than a new one.
        self._hash = blake2b(digest_size=_KEY_BYTES, key=key_of(path.with_name("outcomes.key")))
        self._keep_seconds = keep.total_seconds()
        self._pid, self._start = _process, _start_of(_process)

    def key(self, client_prefix: str, sender: str, recipients: Sequence[str], content_digest: bytes) -> bytes:
        """What an identical retry has in common with its first sending. The order of recipients does not matter."""
        if len(recipients) == 1:
            envelope = f"{client_prefix}\0{sender}\0{recipients[0]}".encode("utf-8", "surrogateescape")
        else:
            envelope = "\0".join((client_prefix, sender, *sorted(recipients))).encode("utf-8", "surrogateescape")
        hashed = self._hash.copy()
        hashed.update(content_digest + envelope)
        return hashed.digest()

    def begin(self, key: bytes, now: float, *, attended: bool = False) -> None:
        """The message is about to be handed upstream; its answer is unknown.

        `attended`: its client is connected and waits. Until it has left, the same message on another connection is no
        retry but a sending of its own, and `recall` says None; see `left`.
        """
        if self._pid != _process:
            self._pid, self._start = _process, _start_of(_process)
        body = _pack(key, _BEGUN_ATTENDED if attended else _BEGUN, 0, self._pid, self._start, now, 0)
        self._write(key, _pack_checksum(crc32(body)) + body, self._rank)

    def settle(self, key: bytes, code: int, text: str, now: float, *, attended: bool = False) -> None:
        """Upstream's final reply; to be called before the client hears it. The text is cut to fit."""
        octets = text.encode("utf-8", "replace")
        if len(octets) > MOST_TEXT_BYTES:
            octets = octets[:MOST_TEXT_BYTES].decode("utf-8", "ignore").encode()
        body = (
            _pack(key, _SETTLED_ATTENDED if attended else _SETTLED, code, self._pid, self._start, now, len(octets))
            + octets
        )
        self._write(key, _pack_checksum(crc32(body)) + body, self._rank)

    def doubt(self, key: bytes, now: float) -> None:
        """The connection was lost after the final dot: a retry finds `Lost`, though we live."""
        body = _pack(key, _DOUBTFUL, 0, self._pid, self._start, now, 0)
        self._write(key, _pack_checksum(crc32(body)) + body, self._rank)

    def left(self, key: bytes) -> None:
        """The client has left, or cannot be reached, before it proved that it heard: now a retry may come."""
        at = self._table.find(key)
        if at == ABSENT:
            return
        octets = self._memory[at : at + _VALUE_BYTES]
        written, kind, *rest, length = _RECORD.unpack_from(octets, _CHECKSUM.size)
        if written == key and kind in _LEFT:
            body = _pack(key, _LEFT[kind], *rest, length) + octets[_TEXT_AT : _TEXT_AT + length]
            self._write(key, _pack_checksum(crc32(body)) + body, self._rank)

    def recall(self, key: bytes, now: float) -> Outcome | None:
        """What is known of this key; None: nothing, not any more, or only of a client that is still attended."""
        at = self._table.find(key)
        if at == ABSENT:
            return None
        octets = self._memory[at : at + _VALUE_BYTES]
        written, kind, code, pid, start, since, length = _RECORD.unpack_from(octets, _CHECKSUM.size)
        body = octets[_CHECKSUM.size : _TEXT_AT + length]
        if crc32(body) != _CHECKSUM.unpack_from(octets)[0] or written != key or now - since > self._keep_seconds:
            return None
        if kind in _LEFT:
            if _start_of(pid) == start:
                return None
            kind = _LEFT[kind]  # its worker died with the connection
        if kind == _SETTLED:
            return Settled(code, octets[_TEXT_AT : _TEXT_AT + length].decode())
        in_flight = kind == _BEGUN and _start_of(pid) == start
        return InFlight(since) if in_flight else Lost(since)

    def forget(self, key: bytes) -> None:
        """The client has proved that it heard the reply, or the outcome was a refusal."""
        self._table.drop(key)

    def sync(self) -> None:
        """Bring to disk what is known so far. Blocks for the disk, so call it in a thread."""
        self._table.sync()

    def close(self) -> None:
        """Give the file back; what it says stays."""
        self._table.close()

    def _rank(self, value_at: int) -> tuple[float, ...]:
        """The lowest leaves: the oldest."""
        since: float = _RECORD.unpack_from(self._memory, value_at + _CHECKSUM.size)[5]
        return (since,)


def _start_of(pid: int) -> int:
    """A stamp of the process that has this number now: of its boot and its start. 0: there is no such process.

    A zombie has ended: it will hear no answer any more.
    """
    try:
        # The name, in parentheses, may hold anything; the fields begin behind its last one.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in b"ZX" else crc32(_boot()) << 32 | int(fields[19]) & 0xFFFFFFFF


def _boot() -> bytes:
    return Path("/proc/sys/kernel/random/boot_id").read_bytes()

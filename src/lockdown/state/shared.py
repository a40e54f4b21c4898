"""A table of fixed size in a mapped file, shared by processes without a lock.

A key is a digest of 8 or 16 octets. A bucket is eight digests in a row and behind them their eight values, so that a
key is found, or is known to be absent, with one search in 64 or 128 octets. When a bucket is full the caller's rank
decides who leaves: the table never grows and never refuses.

A value is written before its digest is, and a slot's digest is cleared before its value changes hands. A reader that
looks in between finds nothing, or looks at the digest again afterwards; values that several processes write
carry their own checksum. What a process wrote survives its kill -9: the page cache keeps it. Power loss may cost
what came after the last `sync`.

Fails as: OperatorError when the file cannot be made (its whole room is taken at once: a store into a hole of a full
disk would be SIGBUS). A file of another shape or a damaged header is replaced by an empty one.
"""

from __future__ import annotations

import mmap
import os
import struct
import weakref
from collections.abc import Callable
from pathlib import Path

from lockdown.state.keyfile import alone_in
from lockdown.state.layout import cannot_use, make_folder

WAYS = 8
"""Slots of a bucket."""
HEADER_BYTES = 64
ABSENT = -1

_HEADER = struct.Struct("<8sIII")
_first_word = struct.Struct("<I").unpack_from
_MAGIC = b"LDTABLE1"


class SharedTable:
    """`memory` is public for hot paths, together with `place`: they may search and write by offset."""

    __slots__ = (
        "__weakref__",
        "_bucket_bytes",
        "_buckets",
        "_digest_bytes",
        "_empty",
        "_file",
        "_first",
        "_let_go",
        "_values_at",
        "memory",
        "value_bytes",
    )

    def __init__(self, path: Path, *, digest_bytes: int, value_bytes: int, slots: int) -> None:
        if value_bytes % 8 or digest_bytes % 8:
            raise ValueError("digests and values are whole words, so that a word of one is never torn")
        self._digest_bytes, self.value_bytes = digest_bytes, value_bytes
        self._empty, self._first = bytes(digest_bytes), os.getpid() % WAYS * digest_bytes
        self._buckets = -(-slots // WAYS)
        self._values_at = WAYS * digest_bytes
        self._bucket_bytes = WAYS * (digest_bytes + value_bytes)
        self._file = _open(path, _HEADER.pack(_MAGIC, digest_bytes, value_bytes, self._buckets), self.size_bytes)
        self.memory = mmap.mmap(self._file, self.size_bytes)
        self._let_go = weakref.finalize(self, os.close, self._file)

    @property
    def size_bytes(self) -> int:
        """Of the file, for ever."""
        return HEADER_BYTES + self._buckets * self._bucket_bytes

    def place(self, digest: bytes) -> tuple[int, int]:
        """Where in `memory` this digest's bucket begins, and where its digests end and its values begin."""
        start = HEADER_BYTES + _first_word(digest)[0] % self._buckets * self._bucket_bytes
        return start, start + self._values_at

    # `find`, `write` and `drop` run for each message: the place is worked out in them, a call would cost as much again.

    def find(self, digest: bytes) -> int:
        """Where in `memory` the value of this digest begins, or ABSENT."""
        start = HEADER_BYTES + _first_word(digest)[0] % self._buckets * self._bucket_bytes
        values = start + self._values_at
        # A match across two neighbours is as unlikely as a collision of digests, and means as little.
        at = self.memory.find(digest, start, values)
        return ABSENT if at < 0 else values + (at - start) // self._digest_bytes * self.value_bytes

    def write(self, digest: bytes, value: bytes, rank: Callable[[int], tuple[float, ...]]) -> None:
        """Give a digest this value, or the first octets of it; as `insert` does where it is absent."""
        memory, start = self.memory, HEADER_BYTES + _first_word(digest)[0] % self._buckets * self._bucket_bytes
        values = start + self._values_at
        at = memory.find(digest, start, values)
        if at >= 0:
            at = values + (at - start) // self._digest_bytes * self.value_bytes
            memory[at : at + len(value)] = value
        else:
            self._enter(start, values, digest, value, rank)

    def insert(self, digest: bytes, value: bytes, rank: Callable[[int], tuple[float, ...]]) -> int:
        """Enter an absent digest; from a full bucket the one that ranks lowest leaves. Gives where the value lies."""
        start, values = self.place(digest)
        return self._enter(start, values, digest, value, rank)

    def _enter(
        self, start: int, values: int, digest: bytes, value: bytes, rank: Callable[[int], tuple[float, ...]]
    ) -> int:
        memory, size = self.memory, self._digest_bytes
        at = memory.find(self._empty, start + self._first, values)
        if at < 0 or (at - start) % size:
            at = self._free(start, values)
        if at < 0:
            slot = min(range(WAYS), key=lambda way: rank(values + way * self.value_bytes))
            at = start + slot * size
            memory[at : at + size] = self._empty
        value_at = values + (at - start) // size * self.value_bytes
        memory[value_at : value_at + len(value)] = value
        memory[at : at + size] = digest
        return value_at

    def drop(self, digest: bytes) -> None:
        """Remove a digest, if it is there."""
        start = HEADER_BYTES + _first_word(digest)[0] % self._buckets * self._bucket_bytes
        at = self.memory.find(digest, start, start + self._values_at)
        if at >= 0:
            self.memory[at : at + self._digest_bytes] = self._empty

    def clear(self) -> None:
        """Remove all; other processes that have the file open see it empty."""
        self.memory[HEADER_BYTES:] = bytes(self.size_bytes - HEADER_BYTES)

    def sync(self) -> None:
        """Bring to disk what has been written so far. fsync also writes mapped pages, and lets other threads run."""
        os.fsync(self._file)

    def close(self) -> None:
        """Give the mapping back; the file stays."""
        self.memory.close()
        self._let_go()

    def _free(self, start: int, values: int) -> int:
        """Where an empty digest lies, or ABSENT.

        Processes begin their search at different slots, so that two of them rarely take the same one at once.
        """
        at = self.memory.find(self._empty, start + self._first, values)
        if at < 0:
            at = self.memory.find(self._empty, start, values)
        if at < 0 or (at - start) % self._digest_bytes == 0:
            return at
        # One digest ends and the next begins with enough zeros to look like an empty one: look slot by slot.
        size = self._digest_bytes
        return next((at for at in range(start, values, size) if self.memory[at : at + size] == self._empty), ABSENT)


def _open(path: Path, header: bytes, size: int) -> int:
    make_folder(path.parent)
    try:
        with alone_in(path.parent):
            if not _is_ours(path, header, size):
                _make(path, header, size)
            return os.open(path, os.O_RDWR)
    except OSError as error:
        raise cannot_use(path, error) from None


def _is_ours(path: Path, header: bytes, size: int) -> bool:
    if not path.is_file() or path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        return file.read(len(header)) == header


def _make(path: Path, header: bytes, size: int) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)
        os.pwrite(handle, header, 0)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)

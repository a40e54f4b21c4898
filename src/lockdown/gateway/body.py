"""The content of one message on its way: in memory first, then in an unlinked file, in wire form (still dot-stuffed).

The wire form is kept because it is what goes out again: stuffing is the same on both sides, so nothing is rewritten.
Fails as: OSError when the spool's file system is full or broken; the conversation answers 452 and keeps nothing.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

_READ_BYTES = 256 * 1024
_NOTHING = sha256()


class Memory:
    """What all messages of a worker hold in memory together; over the limit, they spill at once (rule R20)."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0


class Body:
    """One message being received. Add chunks, then read it as often as needed; `close` gives the file back."""

    __slots__ = ("_chunks", "_digest", "_directory", "_file", "_hash", "_memory", "_memory_limit", "size")

    def __init__(self, directory: Path, memory_limit: int, memory: Memory) -> None:
        self._chunks: list[bytes] = []
        self._directory = directory
        self._file: int | None = None
        self._hash = _NOTHING
        self._digest: bytes | None = None
        self._memory_limit, self._memory = memory_limit, memory
        self.size = 0
        """Octets in wire form."""

    def add(self, chunk: bytes) -> None:
        """Keep one more piece."""
        # Measured hot path: most messages are one chunk, and its hash is made with it.
        length = len(chunk)
        if self.size:
            self._hash.update(chunk)
            self._digest = None
        else:
            self._hash = sha256(chunk)
        self.size = size = self.size + length
        if self._file is not None:
            _write_all(self._file, chunk)
            return
        self._chunks.append(chunk)
        memory = self._memory
        memory.used = used = memory.used + length
        if size > self._memory_limit or used > memory.limit:
            self._spill()

    def _spill(self) -> None:
        """Move to a file without a name: whatever happens to us, nothing is left behind."""
        descriptor, name = tempfile.mkstemp(dir=self._directory)
        Path(name).unlink()
        self._file = descriptor
        for chunk in self._chunks:
            _write_all(descriptor, chunk)
        self._forget_chunks()

    def digest(self) -> bytes:
        """SHA-256 of what has been received; made once for all who ask at the end."""
        digest = self._digest
        if digest is None:
            digest = self._digest = self._hash.digest()
        return digest

    def start(self, length: int) -> bytes:
        """The first octets, at least `length` of them where there are so many."""
        chunks = self._chunks
        if len(chunks) == 1:
            return chunks[0]
        if self._file is not None:
            return os.pread(self._file, length, 0)
        if not chunks:
            return b""
        if len(chunks[0]) < length:
            chunks[:] = [b"".join(chunks)]
        return chunks[0]

    def whole(self) -> bytes | mmap.mmap:
        """All of it for a scan: the octets where they are in memory, a read-only map of the file where not."""
        if self._file is not None:
            return mmap.mmap(self._file, 0, prot=mmap.PROT_READ)
        return self.start(self.size)

    def pieces(self, offset: int = 0) -> Iterator[bytes]:
        """The content from `offset` on, piece by piece, with bounded memory."""
        if self._file is None and not offset:
            return iter(self._chunks)
        return self._pieces_of_file(self._file, offset) if self._file is not None else self._pieces_behind(offset)

    def _pieces_of_file(self, file: int, offset: int) -> Iterator[bytes]:
        while piece := os.pread(file, _READ_BYTES, offset):
            offset += len(piece)
            yield piece

    def _pieces_behind(self, offset: int) -> Iterator[bytes]:
        for chunk in self._chunks:
            if offset < len(chunk):
                yield chunk[offset:] if offset else chunk
            offset = max(0, offset - len(chunk))

    @property
    def in_memory(self) -> bool:
        """Whether it is small enough to be sent in one write."""
        return self._file is None

    def close(self) -> None:
        """Give memory and file back."""
        if self._chunks:
            self._forget_chunks()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _forget_chunks(self) -> None:
        # They are all of it: it spills whole, and what comes afterwards is kept in the file alone.
        self._memory.used -= self.size
        self._chunks.clear()


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]

"""Find the lines of a large file that have some octets in them, from either end, without reading it line by line.

The file is read in blocks of whole lines; a block is searched at once, without regard to ASCII case, and only lines
that have a needle are cut out. A last line without its end counts as a line.

Fails as: OSError from the system; a file that is gone has no lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

BLOCK_BYTES = 4 * 1024 * 1024


def lines_with(
    path: Path, needles: Sequence[bytes], *, last_first: bool, block_bytes: int = BLOCK_BYTES
) -> Iterator[bytes]:
    """Lines that have one of these (lower case) octets, without their ends. An empty needle is in every line."""
    blocks = _from_the_end if last_first else _from_the_start
    try:
        for block in blocks(path, block_bytes):
            low = block.lower()
            spans = {_line_around(block, at) for needle in needles for at in _places(low, needle)}
            for start, end in sorted(spans, reverse=last_first):
                yield block[start:end]
    except FileNotFoundError:
        return


def _places(block: bytes, needle: bytes) -> Iterator[int]:
    """One place in each line that has it."""
    at = block.find(needle)
    while 0 <= at < len(block):
        yield at
        end = block.find(b"\n", at)
        at = block.find(needle, end + 1) if end >= 0 else -1


def _line_around(block: bytes, at: int) -> tuple[int, int]:
    end = block.find(b"\n", at)
    return block.rfind(b"\n", 0, at) + 1, end if end >= 0 else len(block)


def _from_the_start(path: Path, block_bytes: int) -> Iterator[bytes]:
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(block_bytes):
            piece = rest + piece
            end = piece.rfind(b"\n") + 1
            rest = piece[end:]
            if end:
                yield piece[:end]
    if rest:
        yield rest


def _from_the_end(path: Path, block_bytes: int) -> Iterator[bytes]:
    rest = b""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        while at > 0:
            size = min(at, block_bytes)
            at = file.seek(at - size)
            piece = file.read(size) + rest
            # Up to its first line's end a piece has the end of a line that began further up.
            begin = piece.find(b"\n") + 1 if at else 0
            if at and not begin:
                rest = piece
                continue
            rest = piece[:begin]
            if begin < len(piece):
                yield piece[begin:]

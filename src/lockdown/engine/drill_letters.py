"""The letters that a trial sends: plain, marked, and as long as they are asked to be.

Fails as: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.mime import compose
from lockdown.model.step import Occasion
from lockdown.model.trial import Scene

_LINE = b"This line is here for its length alone; it says nothing, and asks for nothing.\r\n"
_PIECE_LINES = 800


def letter(scene: Scene, mark: str, head: bytes = b"", recipient: str = "") -> bytes:
    """A plain letter, known by its mark; `head` stands behind the field that has the mark, or nobody would find it."""
    plain = compose.plain(Occasion(mark, scene.now, recipient or scene.recipient, scene.domain))
    return plain.replace(b"MIME-Version:", head + b"MIME-Version:", 1) if head else plain


def pieces(content: bytes, size_bytes: int) -> Iterator[bytes]:
    """The letter, and lines behind it until it has this size, to the octet; none of them begins with a dot."""
    yield content
    missing = size_bytes - len(content)
    block = _LINE * _PIECE_LINES
    for _ in range(max(missing, 0) // len(block)):
        yield block
    lines, rest = divmod(max(missing, 0) % len(block), len(_LINE))
    if lines or rest >= 2:
        yield _LINE * lines + (b"x" * (rest - 2) + b"\r\n" if rest >= 2 else b"")

"""The content of a message on its way: bounded in memory, whole when read back."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lockdown.gateway.body import Body, Memory

CHUNKS = [b"From: a\r\n", b"\r\n", b"x" * 5000 + b"\r\n", b"..dot\r\n"]


def filled(body: Body) -> Body:
    for chunk in CHUNKS:
        body.add(chunk)
    return body


@pytest.mark.parametrize("limit", [1, 100, 1 << 20])
def test_what_was_added_is_read_back_whole_from_any_place(tmp_path: Path, limit: int) -> None:
    body, content = filled(Body(tmp_path, limit, Memory(1 << 20))), b"".join(CHUNKS)
    assert [b"".join(body.pieces(offset)) for offset in (0, 5, 9, 11, 5014)] == [
        content[offset:] for offset in (0, 5, 9, 11, 5014)
    ]
    assert body.digest() == hashlib.sha256(content).digest()
    assert bytes(body.whole()[:]) == content
    assert body.start(20)[:20] == content[:20]


def test_a_large_message_is_moved_to_a_file_without_a_name(tmp_path: Path) -> None:
    body = filled(Body(tmp_path, 1000, memory := Memory(1 << 20)))
    assert not body.in_memory
    assert memory.used == 0
    assert list(tmp_path.iterdir()) == []


def test_r20_small_messages_spill_too_when_all_together_hold_too_much(tmp_path: Path) -> None:
    memory = Memory(6000)
    first, second = filled(Body(tmp_path, 1 << 20, memory)), filled(Body(tmp_path, 1 << 20, memory))
    assert first.in_memory
    assert not second.in_memory
    assert b"".join(second.pieces()) == b"".join(CHUNKS)


def test_a_closed_message_gives_its_memory_back(tmp_path: Path) -> None:
    memory = Memory(1 << 20)
    body = filled(Body(tmp_path, 1 << 20, memory))
    assert memory.used == sum(map(len, CHUNKS))
    body.close()
    assert memory.used == 0

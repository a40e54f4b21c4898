"""A Maildir delivery is there whole or not at all, and durable when it is said to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockdown.state.maildir import deliver


def test_a_delivered_message_lies_in_new_with_every_octet(tmp_path: Path) -> None:
    file = deliver(tmp_path / "mail", [b"Subject: a\r\n", b"\r\n", b"\0\xff.\r\n"])
    assert file.parent == tmp_path / "mail/new"
    assert file.read_bytes() == b"Subject: a\r\n\r\n\0\xff.\r\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "mail/tmp").iterdir())


def test_names_never_meet(tmp_path: Path) -> None:
    assert len({deliver(tmp_path, [b"x"]).name for _ in range(200)}) == 200


def test_a_named_delivery_may_be_repeated_and_stays_one_copy(tmp_path: Path) -> None:
    deliver(tmp_path, [b"first"], name="1.Lid.host")
    deliver(tmp_path, [b"again"], name="1.Lid.host")
    assert [file.read_bytes() for file in (tmp_path / "new").iterdir()] == [b"again"]


def test_a_source_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError(5, "read error")

    with pytest.raises(OSError, match="read error"):
        deliver(tmp_path, broken())
    assert not list((tmp_path / "new").iterdir())
    assert not list((tmp_path / "tmp").iterdir())


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(OSError):
        deliver(tmp_path / "mail", [b"x"])

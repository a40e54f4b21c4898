"""Letters for the classifier: written in the test, or read from a file."""

from __future__ import annotations

from pathlib import Path

from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.model.scan import Letter, Mailbox


def letter(text: str = "", subject: str = "", **different: object) -> Letter:
    plain = Letter(
        subject, (Mailbox("Ann", "ann@example.org"),), (), (Mailbox("Bob", "bob@example.net"),), text, "", (), False,
        (), True, False, 0, (), "<1@example.org>", "Mon, 02 Nov 2026 09:14:03 +0000",
        frozenset({"from", "to", "subject", "date", "message-id", "mime-version"}),
    )  # fmt: skip
    return plain._replace(**different)  # type: ignore[arg-type]


def stored(path: Path) -> Letter:
    return letter_of(read_message(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))

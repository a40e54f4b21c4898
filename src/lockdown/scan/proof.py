"""What an engine is tried with: a harmless virus, a harmless spam, and a plain letter that must pass.

Each stands here in two halves: written in one, this file would itself be taken for what it tests.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Final

TRIAL_SECONDS: Final = 5.0
"""An engine that needs longer for a letter of one line is as good as away."""

EICAR: Final = b"".join((rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-", b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"))
"""https://www.eicar.org: every antivirus engine knows it."""
GTUBE: Final = b"".join((b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-", b"STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"))
"""https://spamassassin.apache.org/gtube: every antispam engine knows it."""
_MINUTES: Final = b"Hello,\r\n\r\nhere are the minutes of our meeting on Tuesday.\r\n\r\nAnna"


def spam_letter() -> bytes:
    """A letter that every engine takes for spam."""
    return _letter("test", GTUBE)


def plain_letter() -> bytes:
    """A letter that no engine may take for spam or a virus."""
    return _letter("The minutes of Tuesday", _MINUTES)


def _letter(subject: str, text: bytes) -> bytes:
    fields = (
        "From: Anna <anna@example.org>", "To: Ben <ben@example.org>", f"Subject: {subject}",
        f"Date: {formatdate()}", "Message-ID: <trial.1@example.org>", "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
    )  # fmt: skip
    return "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n" + text + b"\r\n"

"""The real message mix: twenty messages whose sizes are the twenty-quantiles of the SpamAssassin public corpus.

The corpus is looked for where LOCKDOWN_CASES says, or in ../shared/cases beside the checkout. Without it, text of
the same sizes is made, and the report says so. Sizes: median 3.4 kB, mean 5.3 kB.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PARTS = 20
# Measured once on the corpus, for machines that do not have it.
_SIZES = (
    1160,
    1560,
    1830,
    2060,
    2280,
    2490,
    2690,
    2910,
    3130,
    3330,
    3540,
    3770,
    4040,
    4380,
    4740,
    5220,
    5990,
    7230,
    9740,
    20700,
)


@dataclass(frozen=True, slots=True)
class Mix:
    """Files for `smtp-source -F`, one for each concurrent session, and where they come from."""

    files: tuple[Path, ...]
    origin: str

    @property
    def octets(self) -> int:
        return sum(file.stat().st_size for file in self.files)


def message_mix(folder: Path) -> Mix:
    """The mix as files in `folder`."""
    corpus = sorted(corpus_messages(), key=len)
    if corpus:
        origin = f"twenty-quantiles of {len(corpus)} messages of the SpamAssassin public corpus"
        chosen = [corpus[(2 * part + 1) * len(corpus) // (2 * _PARTS)] for part in range(_PARTS)]
    else:
        origin = "made text of the sizes of the SpamAssassin corpus (the corpus is not here)"
        chosen = [_made(size) for size in _SIZES]
    return Mix(tuple(_written(folder, number, message) for number, message in enumerate(chosen)), origin)


def _written(folder: Path, number: int, message: bytes) -> Path:
    file = folder / f"mix-{number:02}.eml"
    file.write_bytes(message)
    return file


def corpus_messages(kinds: str = "*") -> Iterator[bytes]:
    """Messages of the corpus as files have them, of "*ham*" or of all kinds; nothing where it is not here."""
    cases = Path(os.environ.get("LOCKDOWN_CASES") or _ROOT.parent / "shared" / "cases")
    for archive in sorted(cases.glob(f"spamassassin-corpus-{kinds}.tar.gz")):
        with tarfile.open(archive) as tar:
            for member in tar:
                if (opened := tar.extractfile(member)) and not member.name.endswith("cmds"):
                    yield from _usable(opened.read())


def _usable(message: bytes) -> Iterator[bytes]:
    """Without the mailbox's own first line. A bare CR or a NUL cannot go through SMTP, whoever sends it."""
    if message.startswith(b"From "):
        message = message.partition(b"\n")[2]
    if message and b"\r" not in message and b"\0" not in message:
        yield message


def _made(size: int) -> bytes:
    head = b"From: a@client.example\nTo: b@bench.example\nSubject: made\nDate: Mon, 5 Jan 2026 10:00:00 +0000\n\n"
    line = b"The quick brown fox jumps over the lazy dog and carries on with its day.\n"
    return head + line * max(1, (size - len(head)) // len(line))

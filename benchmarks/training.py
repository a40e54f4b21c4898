"""`script/train --cases DIR`: train the classifier that is shipped, from the SpamAssassin corpus in DIR.

Exit code 1 where the folder has too few messages of both kinds.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.scan.training import Example, train
from lockdown.scan.weights import SHIPPED, save

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
_PREFIX, _SUFFIX = "spamassassin-corpus-", ".tar.gz"


class CorpusMessage(NamedTuple):
    """One message of the corpus as it went over the wire, and what people said of it."""

    batch: str
    """`easy-ham-1`, `spam-2` …"""
    name: str
    content: bytes

    @property
    def is_spam(self) -> bool:
        return self.batch.startswith("spam")

    @property
    def is_hard(self) -> bool:
        return self.batch.startswith("hard")

    @property
    def half(self) -> int:
        """0 or 1, by the sum of its body: copies of one letter are in one half."""
        return hashlib.sha256(self.content.partition(b"\r\n\r\n")[2]).digest()[0] & 1


def corpus(folder: Path) -> Iterator[CorpusMessage]:
    """All messages, batch by batch, by name."""
    for archive in sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}")):
        batch = archive.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        with tarfile.open(archive) as packed:
            for member in sorted((each for each in packed if each.isfile()), key=lambda each: each.name):
                read = packed.extractfile(member)
                assert read is not None
                yield CorpusMessage(batch, member.name, _as_sent(read.read()))


def _as_sent(octets: bytes) -> bytes:
    """Lines end with CRLF, whatever ended them before; the first line of an mbox is no part of the message."""
    if octets.startswith(b"From "):
        octets = octets.partition(b"\n")[2]
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def example_of(message: CorpusMessage) -> Example:
    """A message of the corpus as the trainer takes it."""
    letter = letter_of(read_message(message.content))
    return Example(letter, message.is_spam, message.is_hard, hashlib.sha256(message.content).hexdigest())


def main(given: Sequence[str]) -> int:
    """Train, write, say what it reached."""
    parser = argparse.ArgumentParser(prog="script/train", description="Train the classifier that is shipped.")
    parser.add_argument("--cases", type=Path, default=CASES, metavar="DIR", help="the folder with the corpora")
    parser.add_argument("--out", type=Path, default=SHIPPED, metavar="FILE", help="the model to write")
    chosen = parser.parse_args(given)
    try:
        weights = train([example_of(message) for message in corpus(chosen.cases)])
    except ValueError as why:
        print(f"{chosen.cases}: {why}", file=sys.stderr)
        return 1
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    save(weights, chosen.out)
    print(f"{chosen.out}: {chosen.out.stat().st_size:,} octets, trained on {weights.trained_on[:16]}…")
    for name, value in weights.figures.items():
        print(f"  {name:16} {value}   {'(cross-validation)' if isinstance(value, float) else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Real messages of other projects, made fit for SMTP, and what must come out of the gateway for each.

The larger sets lie outside of the project: in the folder that LOCKDOWN_CASES names, or in `../shared/cases` beside the
checkout. A small sample is always there.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROJECT = Path(__file__).parents[2]
_SAMPLE = _PROJECT / "tests" / "live" / "messages"
_SETS = (
    "spamassassin-tdata", "spamassassin-dkim", "rspamd-messages", "mime4j-testmsgs", "mime4j-mimetools", "mimekit",
    "stalwart-eml", "mailparser-malformed", "mox-eml", "haraka-specimen", "python-test-email", "chasquid-smtp",
    "dkimpy-data",
)  # fmt: skip
_NO_MESSAGES = (".xml", ".csv", ".py", ".md", ".go", ".cmy", ".yml", ".yaml", ".json", ".key", ".pem", ".html")


@dataclass(frozen=True, slots=True)
class Specimen:
    """A message of a corpus as it goes over the wire: whole lines with CRLF."""

    name: str
    content: bytes


def why_no_corpora() -> str:
    """The reason to skip; empty when the sets are there."""
    return "" if _cases() else "the corpora are not here (LOCKDOWN_CASES names their folder)"


def _cases() -> Path | None:
    named = os.environ.get("LOCKDOWN_CASES")
    folder = Path(named) if named else _PROJECT.parent / "shared" / "cases"
    return folder if folder.is_dir() else None


def case(name: str) -> Path | None:
    """A single file of the sets, by its path in their folder; None when it is not here."""
    folder = _cases()
    return folder / name if folder and (folder / name).is_file() else None


def sample() -> list[Specimen]:
    """The few that are always there."""
    return [_specimen(path.name, path.read_bytes()) for path in sorted(_SAMPLE.iterdir()) if path.name != "README.md"]


def message_sets() -> list[Specimen]:
    """Every message of every set."""
    folder = _cases()
    return [] if folder is None else [specimen for name in _SETS for specimen in _messages_of(folder / name)]


def _messages_of(folder: Path) -> Iterator[Specimen]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in _NO_MESSAGES and (octets := path.read_bytes()):
            yield _specimen(f"{folder.name}/{path.relative_to(folder)}", octets)


def spam_and_ham(at_most: int) -> list[Specimen]:
    """A sample of the SpamAssassin corpus, spread evenly over its archives and within them."""
    folder = _cases()
    archives = [] if folder is None else sorted(folder.glob("spamassassin-corpus-*.tar.gz"))
    return [specimen for archive in archives for specimen in _spread(archive, at_most // len(archives))]


def _spread(archive: Path, count: int) -> Iterator[Specimen]:
    with tarfile.open(archive) as packed:
        members = [member for member in packed.getmembers() if member.isfile() and member.size]
        for member in members[:: max(1, len(members) // count)][:count]:
            read = packed.extractfile(member)
            assert read is not None
            yield _specimen(member.name, read.read())


def _specimen(name: str, octets: bytes) -> Specimen:
    """Lines end with CRLF, whatever ended them before; the first line of an mbox is no part of the message."""
    lines = re.split(rb"\r\n|\r|\n", octets)
    if lines[0].startswith(b"From "):
        del lines[0]
    if not lines[-1]:
        del lines[-1]
    return Specimen(name, b"".join(line + b"\r\n" for line in lines))


def without_forged_fields(content: bytes, authserv_id: bytes) -> bytes:
    """What of a message the gateway may pass on: all but what only we may say (RFC 8601 5; X-Spam-, X-Lockdown-).

    Line by line, and so unlike the gateway's own way that the two can be held against each other.
    """
    kept: list[bytes] = []
    dropping, in_header = False, True
    for line in re.findall(rb"[^\n]*\n", content):
        if in_header and line == b"\r\n":
            in_header = False
        if not in_header:
            kept.append(line)
            continue
        if line[:1] not in (b" ", b"\t"):
            dropping = _only_ours_to_say(line, authserv_id)
        if not dropping:
            kept.append(line)
    return b"".join(kept)


def _only_ours_to_say(line: bytes, authserv_id: bytes) -> bool:
    name, colon, value = line.partition(b":")
    name = name.rstrip().lower()
    if not colon:
        return False
    if name == b"authentication-results":
        return value.strip().lower().split(b";")[0].split()[:1] == [authserv_id.lower()]
    return name.startswith((b"x-spam-", b"x-lockdown-"))

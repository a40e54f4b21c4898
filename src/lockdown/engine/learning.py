"""Teach the classifier what people here say of a message: a held one by its id, a reported one by its file.

Fails as: `NotLearnt(why, try_this)`, a value; what was learnt before stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from lockdown.config import Settings
from lockdown.mime.header import header_end, strip_forged
from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.model.scan import Letter
from lockdown.model.unknown import Unknown
from lockdown.scan.learning import Learner
from lockdown.scan.weights import SHIPPED
from lockdown.scan.weights import load as load_weights
from lockdown.state.layout import StateDirectory
from lockdown.state.spool import Spool

MOST_BYTES = 32 * 1024 * 1024
_HEADER_BYTES = 256 * 1024


class Said(StrEnum):
    """What a person says of a message."""

    SPAM = "spam"
    WANTED = "wanted"
    FORGET = "forget"
    """What was said of it before no longer counts."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """It counts from now on, in all workers within a second."""

    said: Said
    sender: str
    """The domain that it claims to come from."""
    lessons: int
    """How many count now, all together."""


@dataclass(frozen=True, slots=True)
class NotLearnt:
    """Nothing was learnt, and why."""

    why: str
    try_this: str


def message_files(target: str) -> Iterator[Path]:
    """The messages that a path means: a file, or all files in a folder (a Maildir's `new` and `cur` too)."""
    path = Path(target)
    if path.is_file():
        yield path
    elif path.is_dir():
        folders = [folder for folder in (path / "new", path / "cur") if folder.is_dir()] or [path]
        for folder in folders:
            yield from sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


def learn_held(settings: Settings, spool: Spool, id: str, said: Said, by: str, now: datetime) -> Learnt | NotLearnt:
    """Learn from a message in the quarantine's spool."""
    try:
        with spool.open(id) as file:
            content = file.read(MOST_BYTES)
    except (OSError, ValueError) as error:
        why = f"the octets of {id} cannot be read: {getattr(error, 'strerror', None) or error}"
        return NotLearnt(
            why, "lockdown quarantine list     (what is held; a released message can be learnt by its file)"
        )
    return learn(settings, content, said, by, now)


def learn_file(settings: Settings, path: Path, said: Said, by: str, now: datetime) -> Learnt | NotLearnt:
    """Learn from a reported message, as its recipient saved it."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES)
    except OSError as error:
        return NotLearnt(f"{path} cannot be read: {error.strerror}", f"ls -l {path}")
    return learn(settings, content, said, by, now)


def learn(settings: Settings, content: bytes, said: Said, by: str, now: datetime) -> Learnt | NotLearnt:
    """Learn from a message's octets; the fields that we have written ourselves are no part of it."""
    weights = load_weights(SHIPPED)
    if isinstance(weights, Unknown):
        return NotLearnt(weights.why, "script/setup     (the model is part of the package)")
    directory = StateDirectory(Path(settings.state.directory)).learning
    letter = letter_of(read_message(_as_received(content, settings)))
    domain = _sender_domain(letter)
    learner, at = Learner(directory, weights), now.timestamp()
    if said is Said.FORGET:
        written = learner.unlearn(letter, by, at)
    else:
        written = learner.learn(letter, said is Said.SPAM, by, domain, at)
    lessons = written if isinstance(written, Unknown) else learner.rebuild()
    if isinstance(lessons, Unknown):
        return NotLearnt(lessons.why, f"ls -ld {directory}     (who runs lockdown must be able to write there)")
    return Learnt(said, domain, lessons)


def _as_received(content: bytes, settings: Settings) -> bytes:
    content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    header = content[: header_end(content, _HEADER_BYTES)]
    cleaned = strip_forged(header, settings.gateway.hostname.encode())
    return content if cleaned is None else cleaned + content[len(header) :]


def _sender_domain(letter: Letter) -> str:
    return next((sender.domain for sender in letter.senders if sender.domain), "")

"""What people here have said of messages: each is remembered by its rarer words, and what resembles it is moved.

A lesson moves only letters that resemble it (cosine of the rare words at least 0.3), and never far: all lessons about
one sender's domain together move the mail of *others* by 2 points at most, all lessons of one reporter by 4, everything
by 6. A thousand reports of one sender count as one. A letter reported as spam and as wanted moves nothing. No weight of
the model is touched, so that nothing drifts; a lesson can be taken back whole.

Two files: `lessons.jsonl`, to which lessons are appended (synced before `learn` returns), and `lessons.index`, made of
it and renamed into place, which the gateway's workers read. The index is the same for the same lessons.

Fails as: `Unknown` where a letter has too few words to be known again, or a file cannot be read or written; readers
keep what they had. A torn last line of the journal is left out.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lockdown.model.scan import Letter
from lockdown.model.unknown import Unknown
from lockdown.scan.features import FEATURE_VERSION, WORD_BITS, Ids, features
from lockdown.scan.weights import Weights

PER_SENDER = 2.0
"""Points that lessons about one sender's domain add to, or take from, mail of others."""
PER_OWN_SENDER = 5.0
"""The same for mail of that very domain."""
PER_REPORTER = 4.0
MOST = 6.0
RESEMBLES = 0.3

JOURNAL, INDEX, _LOCK = "lessons.jsonl", "lessons.index", "lessons.lock"
_MAGIC = b"lockdown-lessons 1\n"
_FEWEST_WORDS = 6
_MOST_WORDS = 256
"""Of one lesson: those with the smallest hashes, so that of two letters the same words are compared."""
_MOST_LESSONS = 4096
_MOST_ALIKE = 512
"""Lessons asked for one word, the latest: a word of every other lesson tells nothing."""
_OF_ONE_SENDER = 8
"""The latest of each kind; earlier ones no longer count."""
_MOST_OF_ONE_REPORTER = 1024
_MOST_LINES = 100_000
_MOST_BYTES = 64 << 20


class Lesson(NamedTuple):
    """One message that someone has judged."""

    key: str
    """Of its words: the same letter has the same key."""
    is_spam: bool
    by: str
    """Who said so."""
    domain: str
    """Of the sender."""
    at: float
    words: tuple[int, ...]


def rare_words(words: Ids, common: npt.NDArray[np.uint8]) -> Ids:
    """The words by which a letter is known again, in order."""
    rare: Ids = np.sort(words[common[words] == 0])[:_MOST_WORDS]
    return rare


# ── learning: the side that writes ──


class Learner:
    """Takes lessons. For a command or the console, not for the gateway's workers."""

    def __init__(self, directory: Path, weights: Weights) -> None:
        self._directory, self._common = directory, weights.common

    def learn(self, letter: Letter, is_spam: bool, by: str, sender_domain: str, now: float) -> str | Unknown:
        """Take one lesson; its key. On disk when this returns; `rebuild` makes it count."""
        words = rare_words(features(letter).words, self._common)
        if words.size < _FEWEST_WORDS:
            return Unknown("the message has too few words of its own to be known again")
        lesson = Lesson(_key(words), is_spam, by[:200], sender_domain.lower()[:255], now, tuple(words.tolist()))
        written = self._append(_line(lesson))
        return written if isinstance(written, Unknown) else lesson.key

    def unlearn(self, letter: Letter, by: str, now: float) -> str | Unknown:
        """Take back what was said of this letter, by whomever."""
        key = _key(rare_words(features(letter).words, self._common))
        written = self._append(json.dumps({"v": FEATURE_VERSION, "unlearn": key, "by": by[:200], "at": now}) + "\n")
        return written if isinstance(written, Unknown) else key

    def rebuild(self) -> int | Unknown:
        """Make the index of the journal; how many lessons count."""
        try:
            with _alone(self._directory):
                counting = counting_of(_lessons(self._directory / JOURNAL))
                _replace(self._directory / INDEX, _index(counting))
        except OSError as error:
            return Unknown(f"the lessons cannot be written: {error.strerror}")
        return len(counting)

    def _append(self, line: str) -> Unknown | None:
        try:
            with _alone(self._directory), (self._directory / JOURNAL).open("ab") as journal:
                journal.write(line.encode())
                journal.flush()
                os.fsync(journal.fileno())
        except OSError as error:
            return Unknown(f"the lesson cannot be written: {error.strerror}")
        return None


def _key(words: Ids) -> str:
    return hashlib.sha256(words.astype("<u4").tobytes()).hexdigest()[:32]


def _line(lesson: Lesson) -> str:
    # It begins with a newline: what a crash has left of the line before ends there.
    return "\n" + json.dumps({"v": FEATURE_VERSION, **lesson._asdict()}) + "\n"


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, content: bytes) -> None:
    """Write, sync, rename, sync the directory: a reader sees the old file or the new one."""
    aside = path.with_suffix(".new")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    entry = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


# ── which lessons count ──


def _lessons(journal: Path) -> list[Lesson]:
    """All lessons that were not taken back, in order."""
    taken: dict[tuple[str, str, str, bool], Lesson] = {}
    for given in _lines(journal):
        if key := given.get("unlearn"):
            taken = {at: lesson for at, lesson in taken.items() if lesson.key != key}
        elif lesson := _lesson(given):
            # Said again, it is said later.
            said = (lesson.key, lesson.by, lesson.domain, lesson.is_spam)
            taken.pop(said, None)
            taken[said] = lesson
    return list(taken.values())


def _lines(journal: Path) -> Iterator[dict[str, Any]]:
    """What can be read of the journal; the latest lines of it, should it be huge."""
    try:
        lines = journal.read_bytes()[-_MOST_BYTES:].split(b"\n")
    except FileNotFoundError:
        return
    for line in lines[-_MOST_LINES:]:
        try:
            given = json.loads(line) if line else None
        except (ValueError, RecursionError):
            continue
        if isinstance(given, dict) and given.get("v") == FEATURE_VERSION:
            yield given


def _lesson(given: dict[str, Any]) -> Lesson | None:
    try:
        words = tuple(int(word) for word in given["words"])[:_MOST_WORDS]
        lesson = Lesson(
            str(given["key"]),
            given["is_spam"] is True,
            str(given["by"]),
            str(given["domain"]),
            float(given["at"]),
            words,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    known = len(words) >= _FEWEST_WORDS and all(0 <= word < 1 << WORD_BITS for word in words)
    return lesson if known else None


def counting_of(lessons: Iterable[Lesson]) -> list[Lesson]:
    """The latest of every sender and of every reporter, oldest first; the rest is too much from one side."""
    senders: dict[tuple[str, bool], int] = defaultdict(int)
    reporters: dict[str, int] = defaultdict(int)
    kept: list[Lesson] = []
    for lesson in reversed(list(lessons)):
        of_sender = senders[lesson.domain, lesson.is_spam]
        if of_sender < _OF_ONE_SENDER and reporters[lesson.by] < _MOST_OF_ONE_REPORTER and len(kept) < _MOST_LESSONS:
            kept.append(lesson)
            senders[lesson.domain, lesson.is_spam] += 1
            reporters[lesson.by] += 1
    return kept[::-1]


# ── the index ──


def _index(lessons: Sequence[Lesson]) -> bytes:
    sizes = np.array([len(lesson.words) for lesson in lessons], dtype="<u4")
    words = np.array([word for lesson in lessons for word in lesson.words], dtype="<u4")
    tables = sizes.tobytes() + words.tobytes()
    about = [[lesson.is_spam, lesson.by, lesson.domain] for lesson in lessons]
    header = {"features": FEATURE_VERSION, "tables": hashlib.sha256(tables).hexdigest(), "lessons": about}
    return _MAGIC + json.dumps(header).encode() + b"\n" + tables


class _Told(NamedTuple):
    """What an index says of one lesson."""

    is_spam: bool
    by: str
    domain: str
    size: int


@dataclass(frozen=True, slots=True)
class _Lessons:
    """An index in memory: for every word the lessons that have it, as a run of `lessons` from `begins` on."""

    told: tuple[_Told, ...]
    begins: npt.NDArray[np.int32]
    lessons: npt.NDArray[np.int32]


def _read_index(content: bytes) -> _Lessons:
    magic, _, rest = content.partition(b"\n")
    header_line, _, tables = rest.partition(b"\n")
    if magic + b"\n" != _MAGIC:
        raise ValueError("it is not an index of this version")
    header = json.loads(header_line)
    if header["features"] != FEATURE_VERSION:
        raise ValueError("its features are of another version")
    if hashlib.sha256(tables).hexdigest() != header["tables"]:
        raise ValueError("it is damaged")
    about = header["lessons"]
    sizes = np.frombuffer(tables, dtype="<u4", count=len(about)).astype(np.intp)
    words = np.frombuffer(tables, dtype="<u4", offset=4 * len(about)).astype(np.intp)
    told = tuple(_Told(bool(s), str(b), str(d), n) for (s, b, d), n in zip(about, sizes.tolist(), strict=True))
    order = np.argsort(words, kind="stable")
    begins = np.searchsorted(words[order], np.arange((1 << WORD_BITS) + 1)).astype(np.int32)
    return _Lessons(told, begins, np.repeat(np.arange(len(told), dtype=np.int32), sizes)[order])


# ── asking: the side that reads ──


class LocalLearning:
    """What was learned here, for those who judge mail."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / INDEX
        self._lessons: _Lessons | None = None
        self._stamp: tuple[int, ...] = ()

    def refresh(self) -> bool | Unknown:
        """Read the index if it is another than before: whether it was. One `stat` where it is not."""
        try:
            status = self._path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._lessons = _read_index(self._path.read_bytes())
        except FileNotFoundError:
            gone = self._lessons is not None
            self._lessons, self._stamp = None, ()
            return gone
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            return Unknown(f"the lessons in {self._path} cannot be used: {error}")
        return True

    def __len__(self) -> int:
        return 0 if self._lessons is None else len(self._lessons.told)

    def points(self, rare: Ids, domain: str) -> float:
        """What lessons add to a letter with these rare words from this domain."""
        lessons = self._lessons
        if lessons is None or rare.size < _FEWEST_WORDS:
            return 0.0
        alike = _alike(lessons, rare)
        return _weighed([(lessons.told[at], cosine) for at, cosine in alike], domain.lower()) if alike else 0.0


def _alike(lessons: _Lessons, rare: Ids) -> list[tuple[int, float]]:
    """The lessons that resemble this letter, with the cosine of their rare words."""
    ends = lessons.begins[rare + 1]
    begins = np.maximum(lessons.begins[rare], ends - _MOST_ALIKE)
    met = (ends > begins).nonzero()[0]
    if met.size < 2:
        return []
    runs = [lessons.lessons[begin:end] for begin, end in zip(begins[met].tolist(), ends[met].tolist(), strict=True)]
    shared = np.bincount(np.concatenate(runs))
    found = []
    for at in (shared >= 2).nonzero()[0].tolist():
        cosine = float(shared[at]) / (rare.size * lessons.told[at].size) ** 0.5
        if cosine >= RESEMBLES:
            found.append((at, min(cosine, 1.0)))
    return found


def _weighed(alike: Sequence[tuple[_Told, float]], domain: str) -> float:
    """The nearest lesson of each kind speaks for its sender, its sender for its reporter, and each has its limit."""
    nearest: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for lesson, cosine in alike:
        both = nearest[lesson.by, lesson.domain]
        both[lesson.is_spam] = max(both[lesson.is_spam], cosine)
    own, of_sender = 0.0, defaultdict(list)
    for (by, sender), (ham, spam) in nearest.items():
        if sender == domain and domain:
            own += spam - ham
        else:
            of_sender[sender].append((by, spam - ham))
    of_reporter: dict[str, float] = defaultdict(float)
    for said in of_sender.values():
        # Several reporters of one sender share that sender's limit.
        for by, difference in said:
            of_reporter[by] += PER_SENDER * difference / len(said)
    others = sum(_within(points, PER_REPORTER) for points in of_reporter.values())
    return _within(_within(PER_OWN_SENDER * own, PER_OWN_SENDER) + others, MOST)


def _within(points: float, limit: float) -> float:
    return max(-limit, min(limit, points))

"""Counts shared by the workers of one machine, without locks and without a server.

Each worker writes its own table file, `tally/NAME.WORKER.tab`, and a total is the sum over the files of all workers.
A sliding window is ten panes; the oldest is dropped whole, never weighted: everything younger than nine tenths of the
window is counted, nothing older than the window is. So nobody is blamed for what he did not do within it.

A pane is one 64-bit word, its number above and its count below, written in one store: a stale pane needs no
clearing and no word is ever torn. Before the panes lies their sum without the newest, made when that one began, so that
a total is mostly two words. `now` is Unix time, the same clock in every worker.

Fails as: OperatorError at opening. Afterwards never: a full bucket gives up its expired key, else the one heard of
longest ago, else the lightest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from lockdown.state.keyfile import key_of
from lockdown.state.shared import SharedTable

PANES = 10
_COUNT_BITS = 40
_COUNT = (1 << _COUNT_BITS) - 1
_STAMP = (1 << 64 - _COUNT_BITS) - 1
MOST_IN_A_PANE = (1 << 36) - 1
"""A pane counts no further (64 GiB when it counts octets): ten of them must not run into the pane's number."""

_DIGEST_BYTES = 8
_WORDS = PANES + 1
"""Of a counter: the sum of the older panes, then the panes."""
_NUMBER = struct.Struct("=Q")
_PLACES_REMEMBERED = 2048

Place = tuple[bytes, int, int]
"""A key's digest, and where its bucket's digests begin and end (there its values begin)."""


class _Files:
    """The files of all workers for one name. All have the same shape, so a key has one place in all of them."""

    def __init__(self, directory: Path, name: str, worker: int, workers: int, value_bytes: int, slots: int) -> None:
        folder = Path(directory) / "tally"
        secret = key_of(folder / "key")
        self.tables = [
            SharedTable(
                folder / f"{name}.{number}.tab", digest_bytes=_DIGEST_BYTES, value_bytes=value_bytes, slots=slots
            )
            for number in range(max(workers, worker + 1))
        ]
        self.own = own = self.tables[worker]
        self.readable = tuple((table.memory, memoryview(table.memory).cast("Q")) for table in self.tables)
        self.words = self.readable[worker][1]

        def locate(key: str | bytes) -> Place:
            octets = key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key
            digest = blake2b(octets, digest_size=_DIGEST_BYTES, key=secret).digest()
            return (digest, *own.place(digest))

        # A digest and its place cost 1.5 us, remembered they cost 0.1 us; the same keys come again and again.
        self.place: Callable[[str | bytes], Place] = lru_cache(_PLACES_REMEMBERED)(locate)

    def forget(self, key: str | bytes) -> None:
        digest = self.place(key)[0]
        for table in self.tables:
            table.drop(digest)

    def close(self) -> None:
        for (_, words), table in zip(self.readable, self.tables, strict=True):
            words.release()
            table.close()


# What follows runs several times for each message: offsets are worked out in place and calls are spared.
# The digest found at `at` is the (at - start) / 8 th of its bucket; its value is as many values behind `values`.


class _Sliding:
    """One or two counters a key."""

    _counters: int

    def __init__(
        self, directory: Path, name: str, *, worker: int, workers: int, window: timedelta, slots: int = 16384
    ) -> None:
        self._value = bytes(8 * _WORDS * self._counters)
        self._files = files = _Files(directory, name, worker, workers, len(self._value), slots)
        self._own, self._words, self._place, self._readable = files.own.memory, files.words, files.place, files.readable
        self._pane_seconds = window.total_seconds() / PANES
        self._pane = 0

    def forget(self, key: str | bytes) -> None:
        """Count this key from nothing again, in all workers."""
        self._files.forget(key)

    def close(self) -> None:
        """Give the files back; the counts stay in them."""
        self._files.close()

    def _enter(self, digest: bytes) -> int:
        """A new key with empty panes; its first word's index."""
        return self._files.own.insert(digest, self._value, self._rank) >> 3

    def _rank(self, value_at: int) -> tuple[float, ...]:
        """The lowest leaves: heard of longest ago, then lightest. Panes ahead of now (a clock set back) are old."""
        index, pane = value_at >> 3, self._pane
        older = self._words[index]
        age = pane - (older >> _COUNT_BITS) & _STAMP
        return -age, older & _COUNT if age else _counted(self._words, index, pane)


class Tally(_Sliding):
    """How much of one thing each key has done within the window, on this whole machine."""

    _counters = 1

    def add(self, key: str | bytes, amount: int, now: float) -> None:
        """Count `amount`, which is not negative, for this key."""
        digest, start, values = self._place(key)
        self._pane = pane = int(now / self._pane_seconds)
        at = self._own.find(digest, start, values)
        index = self._enter(digest) if at < 0 else (values + (at - start) * _WORDS) >> 3
        _count(self._words, index, pane, amount)

    def total(self, key: str | bytes, now: float) -> int:
        """What this key has done within the window, over all workers."""
        digest, start, values = self._place(key)
        pane = int(now / self._pane_seconds)
        total = 0
        for memory, words in self._readable:
            at = memory.find(digest, start, values)
            if at >= 0:
                counted = _counted(words, (values + (at - start) * _WORDS) >> 3, pane)
                # Its worker may have given the slot to another key while we read.
                if memory[at : at + _DIGEST_BYTES] == digest:
                    total += counted
        return total


class PairTally(_Sliding):
    """How many messages, and of how many octets, each key has sent or been sent within the window."""

    _counters = 2

    def add(self, key: str | bytes, messages: int, size_bytes: int, now: float) -> None:
        """Count so many messages of so many octets together for this key."""
        digest, start, values = self._place(key)
        self._pane = pane = int(now / self._pane_seconds)
        at = self._own.find(digest, start, values)
        index = self._enter(digest) if at < 0 else (values + (at - start) * 2 * _WORDS) >> 3
        _count(self._words, index, pane, messages)
        _count(self._words, index + _WORDS, pane, size_bytes)

    def total(self, key: str | bytes, now: float) -> tuple[int, int]:
        """Messages and octets of this key within the window, over all workers."""
        digest, start, values = self._place(key)
        pane = int(now / self._pane_seconds)
        messages = size_bytes = 0
        for memory, words in self._readable:
            at = memory.find(digest, start, values)
            if at >= 0:
                index = (values + (at - start) * 2 * _WORDS) >> 3
                first, second = _counted(words, index, pane), _counted(words, index + _WORDS, pane)
                if memory[at : at + _DIGEST_BYTES] == digest:
                    messages += first
                    size_bytes += second
        return messages, size_bytes


class Gauge:
    """How many of something each key has now (open connections), on this whole machine.

    A worker's own file is emptied when that worker opens it: its predecessor's connections died with it. Worker numbers
    beyond `workers` are not read, so a smaller machine does not remember the larger one's.
    """

    def __init__(self, directory: Path, name: str, *, worker: int, workers: int, slots: int = 65536) -> None:
        self._files = files = _Files(directory, name, worker, workers, _NUMBER.size, slots)
        self._own, self._words, self._place, self._readable = files.own.memory, files.words, files.place, files.readable
        files.own.clear()

    def add(self, key: str | bytes, change: int) -> None:
        """Add to this worker's number for the key, or take from it. It never falls below nothing."""
        digest, start, values = self._place(key)
        at = self._own.find(digest, start, values)
        if at < 0:
            if change > 0:
                self._files.own.insert(digest, _NUMBER.pack(change), self._rank)
            return
        index = (values + at - start) >> 3
        left = self._words[index] + change
        if left > 0:
            self._words[index] = left
        else:
            self._files.own.drop(digest)

    def put(self, key: str | bytes, number: int) -> None:
        """Make this worker's number for the key this one, whatever it was."""
        digest, start, values = self._place(key)
        at = self._own.find(digest, start, values)
        if at >= 0 and number > 0:
            self._words[(values + at - start) >> 3] = number
        elif number > 0:
            self._files.own.insert(digest, _NUMBER.pack(number), self._rank)
        elif at >= 0:
            self._files.own.drop(digest)

    def total(self, key: str | bytes) -> int:
        """What the key has now, over all workers."""
        digest, start, values = self._place(key)
        total = 0
        for memory, words in self._readable:
            at = memory.find(digest, start, values)
            if at >= 0:
                number = words[(values + at - start) >> 3]
                if memory[at : at + _DIGEST_BYTES] == digest:
                    total += number
        return total

    def forget(self, key: str | bytes) -> None:
        """As if the key had none, in all workers."""
        self._files.forget(key)

    def close(self) -> None:
        """Give the files back."""
        self._files.close()

    def _rank(self, value_at: int) -> tuple[float, ...]:
        """The lowest leaves: the one that has fewest."""
        return (self._words[value_at >> 3],)


def _count(words: memoryview[int], index: int, pane: int, amount: int) -> None:
    """Add to a counter's newest pane; `index` is its first word."""
    stamp, at = pane & _STAMP, index + 1 + pane % PANES
    word = words[at]
    if word >> _COUNT_BITS == stamp:
        amount += word & _COUNT
        words[at] = stamp << _COUNT_BITS | (amount if amount < MOST_IN_A_PANE else MOST_IN_A_PANE)
        return
    older = _within(words[index + 1 : index + _WORDS].tolist(), pane)
    # The pane first: until the sum is there too, readers add the panes up.
    words[at] = stamp << _COUNT_BITS | (amount if amount < MOST_IN_A_PANE else MOST_IN_A_PANE)
    words[index] = stamp << _COUNT_BITS | older


def _counted(words: memoryview[int], index: int, pane: int) -> int:
    """What a counter has within the window that ends with this pane."""
    older = words[index]
    if older >> _COUNT_BITS == pane & _STAMP:
        return (older & _COUNT) + (words[index + 1 + pane % PANES] & _COUNT)
    return _within(words[index + 1 : index + _WORDS].tolist(), pane)


def _within(panes: list[int], pane: int) -> int:
    """The sum of the panes that lie within the window which ends with this one. Their numbers overflow away."""
    oldest, newest = (pane - PANES + 1 & _STAMP) << _COUNT_BITS, (pane & _STAMP) << _COUNT_BITS | _COUNT
    if oldest < newest:
        return sum([word for word in panes if oldest <= word <= newest]) & _COUNT
    # Pane numbers have just begun again at 0 (a window of a minute: once in three years).
    return sum([word for word in panes if word and (oldest <= word or word <= newest)]) & _COUNT

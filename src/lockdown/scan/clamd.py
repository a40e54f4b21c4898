"""Ask clamd about one message (INSTREAM, clamd(8)), over a unix socket or TCP.

An answer counts for what it says and no more: an error is neither clean nor found, OK to something that clamd has not
read to its end is nothing, and an engine that does not know the test virus has no signatures.

Fails as: Unknown("clamd: no answer in 8 s"), Unknown("clamd: connection refused"). Never raises for a bad message.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from time import perf_counter
from typing import Final, NamedTuple

from lockdown.model.scan import Answer, Clean, Encrypted, Found, Outcome, TooBig
from lockdown.model.unknown import Unknown
from lockdown.scan.place import place_of
from lockdown.scan.proof import EICAR, TRIAL_SECONDS, plain_letter
from lockdown.scan.wire import Heard, Octets, Sized, Trouble, ask, has_turn, shown

PORT: Final = 3310
ANSWER_OCTETS: Final = 4096
_NAME_CHARACTERS = 200

# With ExtendedDetectionInfo, digest and size stand behind the name.
_FOUND = re.compile(r"stream: (\S[^\0\n]*?)(?:\([0-9a-f]{32,64}:[0-9]{1,20}\))? FOUND")
_VERSION = re.compile(rb"ClamAV ([\w.+-]{1,40})(?:/([0-9]{1,9})(?:/([^\0/\n]{1,60}))?)?\s*\0?")
_CTIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ 0-9]?[0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ClamdVersion(NamedTuple):
    """What clamd says of itself. `signatures` is the number of its daily database, 0 for a database of one's own."""

    engine: str
    signatures: int = 0
    built: datetime | None = None


class Clamd:
    """One clamd. At most `most` questions at a time: over its MaxQueue clamd drops connections."""

    word = "clamd"
    unproven = "clamd does not find the test virus, or finds it everywhere: its database is not loaded"

    def __init__(self, url: str, most: int = 8, connect: float = 3.0, trial: float = TRIAL_SECONDS) -> None:
        self.url = url
        self._place = place_of(url, PORT)
        self._turns = asyncio.Semaphore(most)
        self._connect, self._trial = connect, trial

    async def scan(self, content: Octets, size: int, deadline: float) -> Answer:
        """What it says of `content`, `size` octets; `deadline` is on the loop's clock."""
        began = perf_counter()
        if not await has_turn(self._turns, deadline):
            return Answer(self.url, Unknown(f"clamd: busy for {perf_counter() - began:.3g} s"), perf_counter() - began)
        try:
            outcome = await self._ask(content, size, deadline)
        finally:
            self._turns.release()
        return Answer(self.url, outcome, perf_counter() - began)

    async def _ask(self, content: Octets, size: int, deadline: float) -> Outcome:
        message = Sized(content)
        heard = await self._answer(_instream(message), deadline)
        if isinstance(heard, Unknown):
            return heard
        outcome = parse_answer(heard.octets)
        if isinstance(outcome, Clean) and heard.early:
            return Unknown("clamd: it answered before it had read all")
        if isinstance(outcome, Clean) and message.sent != size:
            return Unknown(f"clamd: it was given {message.sent} octets of {size}")
        return outcome

    async def _answer(self, question: Iterable[bytes | memoryview], deadline: float) -> Heard | Unknown:
        try:
            return await ask(
                self._place, question, is_whole=_is_whole, most=ANSWER_OCTETS, deadline=deadline, connect=self._connect
            )
        except Trouble as trouble:
            return Unknown(f"clamd: {trouble.why}")

    async def version(self) -> ClamdVersion | Unknown:
        """Engine and signatures, from clamd itself."""
        heard = await self._answer([b"zVERSION\0"], asyncio.get_running_loop().time() + self._trial)
        return heard if isinstance(heard, Unknown) else parse_version(heard.octets)

    async def proves_itself(self) -> bool | Unknown:
        """Whether it finds the test virus and passes a plain letter; Unknown when it could not be asked.

        Takes no turn: an engine that is busy with eight frozen messages must still be told from a dead one.
        """
        deadline = asyncio.get_running_loop().time() + self._trial
        bad = await self._ask(EICAR, len(EICAR), deadline)
        if isinstance(bad, Unknown):
            return bad
        letter = plain_letter()
        plain = await self._ask(letter, len(letter), deadline)
        if isinstance(plain, Unknown):
            return plain
        return isinstance(bad, Found) and isinstance(plain, Clean)

    async def reaches(self, size: int, deadline: float) -> bool | Unknown:
        """Whether it finds the test virus attached behind `size` octets of other files, or says that it stopped before.

        Without AlertExceedsMax, clamd calls clean what lies behind its limits: only this tells how far it reads.
        """
        letter = _LongLetter(size)
        outcome = await self._ask(letter, letter.size, deadline)
        return outcome if isinstance(outcome, Unknown) else isinstance(outcome, Found)


class _LongLetter:
    """A plain file of a given size, and the test virus behind it; made as it is sent."""

    _HEAD = (
        b'Subject: two files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: text/plain\r\n\r\n"
    )
    _TAIL = (
        b"\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=eicar.com\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(EICAR).replace(b"\n", b"\r\n") + b"--b--\r\n"
    )
    _LINE = b"Nothing is wrong with this line of text, and there are many.\r\n"

    def __init__(self, size: int) -> None:
        self._lines = size // len(self._LINE) + 1
        self.size = len(self._HEAD) + self._lines * len(self._LINE) + len(self._TAIL)

    def __iter__(self) -> Iterator[bytes]:
        yield self._HEAD
        for start in range(0, self._lines, 1000):
            yield self._LINE * min(1000, self._lines - start)
        yield self._TAIL


def _instream(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield b"zINSTREAM\0"
    for piece in pieces:
        yield len(piece).to_bytes(4, "big")
        yield piece
    yield b"\0\0\0\0"


def _is_whole(heard: bytearray) -> bool:
    return b"\0" in heard


def parse_answer(raw: bytes) -> Outcome:
    """clamd's words, from the first octet to the NUL that ends them."""
    if len(raw) > ANSWER_OCTETS or raw.find(b"\0") != len(raw) - 1 or not raw:
        return Unknown(f"clamd: an answer that is cut off or nonsense: {shown(raw)}")
    if raw == b"stream: OK\0":
        return Clean()
    text = raw[:-1].decode("utf-8", "replace").strip()
    if found := _FOUND.fullmatch(text):
        return _found(found[1].strip())
    if text == "INSTREAM size limit exceeded. ERROR":
        return TooBig("clamd: larger than its StreamMaxLength")
    return Unknown(f"clamd: {shown(raw[:-1])}")


def _found(name: str) -> Outcome:
    name = name[:_NAME_CHARACTERS]
    if name.startswith("Heuristics.Encrypted."):  # AlertEncrypted
        return Encrypted(name)
    if name.startswith("Heuristics.Limits.Exceeded"):  # AlertExceedsMax
        return TooBig(name)
    return Found(name)


def parse_version(raw: bytes) -> ClamdVersion | Unknown:
    """Of "ClamAV 1.4.6/27431/Tue Nov 18 09:27:31 2026"; a database of one's own leaves only "ClamAV 1.4.6"."""
    found = _VERSION.fullmatch(raw)
    if not found:
        return Unknown(f"clamd: a version that is nonsense: {shown(raw)}")
    built = _time_of(found[3].decode("utf-8", "replace").strip()) if found[3] else None
    return ClamdVersion(found[1].decode(), int(found[2] or 0), built)


def _time_of(text: str) -> datetime | None:
    """clamd writes ctime(3) in the time zone of its machine; ours is the best guess."""
    found = _CTIME.fullmatch(text)
    if not found or found[1] not in _MONTHS:
        return None
    day, hour, minute, second, year = (int(found[each]) for each in range(2, 7))
    try:
        return datetime(year, _MONTHS.index(found[1]) + 1, day, hour, minute, second).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None

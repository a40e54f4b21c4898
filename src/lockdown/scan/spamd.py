"""Ask SpamAssassin's spamd what it thinks of one message (REPORT, SPAMC/1.5: spamd/PROTOCOL of its sources).

REPORT and not SYMBOLS: it costs the same and gives the points of each rule. spamd judges a client by Received fields
alone, so one is put before the message that says who brought it; nothing of it is delivered.

Fails as: Failed(engine, "spamd: connection refused"), Failed(engine, "spamd: 79 EX_TIMEOUT"). Half an answer or a score
that is no number is a failure too. Never raises for a bad message.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from email.utils import formatdate
from itertools import chain
from time import perf_counter
from typing import Final

from lockdown.model.scan import Failed, Opinion, Reason
from lockdown.model.unknown import Unknown
from lockdown.scan.place import place_of
from lockdown.scan.proof import TRIAL_SECONDS, plain_letter, spam_letter
from lockdown.scan.rspamd import NOBODY, REASONS, Envelope
from lockdown.scan.wire import Heard, Octets, Sized, Trouble, ask, framed, has_turn, shown

PORT: Final = 783
ANSWER_OCTETS: Final = 256 * 1024
MESSAGE_OCTETS: Final = 2 << 20
"""spamc gives it half a MiB by default; spam is smaller, and a large message costs seconds."""
_HEAD_OCTETS = 4096
_STATUS = re.compile(rb"SPAMD/[0-9]\.[0-9] ([0-9]{1,3}) ([^\r\n]{0,200})\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
_SPAM = re.compile(
    rb"\r\nspam:[ \t]*(true|false|yes|no)[ \t]*;[ \t]*(-?[0-9.]{1,12})[ \t]*/[ \t]*(-?[0-9.]{1,12})[ \t]*(?=\r\n)",
    re.IGNORECASE,
)
# "1000 GTUBE                  BODY: Generic Test …": the table of SpamAssassin's report template, in every language.
_ROW = re.compile(r"[ ]{0,4}(-?[0-9]{1,4}(?:\.[0-9])?) ([A-Z][A-Z0-9_]{1,60})(?: +(\S.{0,200}))?$", re.MULTILINE)
_VERSION = re.compile(rb"SPAMD/([0-9.]{1,10}) 0 PONG\r\n")


class Spamd:
    """One spamd. At most `most` questions at a time: each takes one of its children for the time."""

    word = "spamd"
    unproven = "spamd does not recognise the test spam (GTUBE), or takes a plain letter for it: are its rules loaded?"

    def __init__(
        self,
        url: str,
        most: int = 4,
        connect: float = 3.0,
        most_bytes: int = MESSAGE_OCTETS,
        trial: float = TRIAL_SECONDS,
    ) -> None:
        self.url = url
        self._place = place_of(url, PORT)
        self._turns = asyncio.Semaphore(most)
        self._connect, self._trial = connect, trial
        self._most_bytes = most_bytes

    async def check(self, content: Octets, size: int, envelope: Envelope, deadline: float) -> Opinion | Failed:
        """Its opinion of `content`, `size` octets; `deadline` is on the loop's clock."""
        if size > self._most_bytes:
            return Failed(self.url, f"spamd: {size} octets are more than it is given ({self._most_bytes})")
        began = perf_counter()
        if not await has_turn(self._turns, deadline):
            return Failed(self.url, f"spamd: busy for {perf_counter() - began:.3g} s")
        try:
            opinion = await self._ask(content, size, envelope, deadline)
        finally:
            self._turns.release()
        return opinion._replace(seconds=perf_counter() - began) if isinstance(opinion, Opinion) else opinion

    async def _ask(self, content: Octets, size: int, envelope: Envelope, deadline: float) -> Opinion | Failed:
        message, received = Sized(content), received_field(envelope)
        head = b"REPORT SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % (len(received) + size)
        heard = await self._answer(framed(head, chain((received,), message)), deadline)
        if isinstance(heard, Unknown):
            return Failed(self.url, heard.why)
        if heard.early or message.sent != size:
            return Failed(self.url, f"spamd: it answered before it had read all: {_status_of(heard.octets)}")
        return parse_answer(heard.octets, self.url)

    async def _answer(self, question: Iterable[bytes | memoryview], deadline: float) -> Heard | Unknown:
        try:
            return await ask(
                self._place, question, is_whole=_is_whole, most=ANSWER_OCTETS, deadline=deadline, connect=self._connect
            )
        except Trouble as trouble:
            return Unknown(f"spamd: {trouble.why}")

    async def version(self) -> str | Unknown:
        """Of its protocol: spamd tells nobody the version of SpamAssassin but within a report."""
        heard = await self._answer([b"PING SPAMC/1.5\r\n\r\n"], asyncio.get_running_loop().time() + self._trial)
        if isinstance(heard, Unknown):
            return heard
        found = _VERSION.match(heard.octets)
        return f"SPAMD/{found[1].decode()}" if found else Unknown(f"spamd: {_status_of(heard.octets)}")

    async def proves_itself(self) -> bool | Unknown:
        """Whether it takes the test spam (GTUBE) for spam and a plain letter not; Unknown: it could not be asked."""
        deadline = asyncio.get_running_loop().time() + self._trial
        verdicts = []
        for content in (spam_letter(), plain_letter()):
            opinion = await self._ask(content, len(content), NOBODY, deadline)
            if isinstance(opinion, Failed):
                return Unknown(opinion.why)
            verdicts.append(opinion.score >= opinion.required)
        return verdicts == [True, False]


def received_field(envelope: Envelope) -> bytes:
    """The Received field (RFC 5321 4.4) that our own server would have written.

    None where nobody has looked for the client's name: without one, SpamAssassin counts 2.4 points against it.
    """
    if not (envelope.client and envelope.hostname):
        return b""
    # Blanks and brackets of a hostile HELO, or of a name in DNS, would make another field of it.
    words = (envelope.helo, envelope.hostname, envelope.client)
    helo, name, client = (re.sub(r"[^\w.:\[\]-]", "?", word[:255]) or "unknown" for word in words)
    by = f"by localhost with {'ESMTPA' if envelope.user else 'ESMTP'}; {formatdate()}"
    return f"Received: from {helo} ({name} [{client}])\r\n\t{by}\r\n".encode()


def _is_whole(heard: bytes | bytearray) -> bool:
    if heard.startswith(b"SPAMD/") and _VERSION.match(heard):
        return True
    end = heard.find(b"\r\n\r\n", 0, _HEAD_OCTETS)
    if end < 0:
        return False
    length = _LENGTH.search(heard, 0, end + 2)
    return length is not None and len(heard) >= end + 4 + int(length[1])


def _status_of(heard: bytes) -> str:
    status = _STATUS.match(heard)
    if not status:
        return "nonsense"
    return f"{status[1].decode()} {shown(status[2])}"


def parse_answer(raw: bytes, engine: str = "spamd") -> Opinion | Failed:
    """The whole of an answer to REPORT."""
    status = _STATUS.match(raw)
    if status is None or status[1] != b"0":
        return Failed(engine, f"spamd: {_status_of(raw)}")
    head, _, body = raw.partition(b"\r\n\r\n")
    head += b"\r\n"
    lengths, scores = _LENGTH.findall(head), _SPAM.findall(head)
    if len(lengths) != 1 or len(body) != int(lengths[0]) or len(scores) != 1:
        return Failed(engine, "spamd: an answer that is cut off or nonsense")
    try:
        score, required = float(scores[0][1]), float(scores[0][2])
    except ValueError:
        return Failed(engine, "spamd: a score that is no number")
    return Opinion(engine, score, required, _reasons(body))


def _reasons(body: bytes) -> tuple[Reason, ...]:
    rows = [
        Reason(row[2], float(row[1]), (row[3] or "").strip()) for row in _ROW.finditer(body.decode("utf-8", "replace"))
    ]
    moved = sorted((row for row in rows if row.points), key=lambda row: -abs(row.points))
    return tuple(moved[:REASONS])

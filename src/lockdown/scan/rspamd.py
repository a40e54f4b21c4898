"""Ask rspamd what it thinks of one message (POST /checkv2), and tell it whom the message comes from.

A connection for each question: rspamd closes it after its answer, whatever it is asked.

Fails as: Failed(engine, "rspamd: connection refused"), Failed(engine, "rspamd: 500 …"). A score that is no number, a
message that it skipped, or half an answer is a failure too, never "no spam". Never raises for a bad message.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from time import perf_counter
from typing import Final, NamedTuple

import msgspec

from lockdown.model.scan import Failed, Opinion, Reason
from lockdown.model.unknown import Unknown
from lockdown.scan.place import place_of
from lockdown.scan.proof import TRIAL_SECONDS, plain_letter, spam_letter
from lockdown.scan.wire import Heard, Octets, Sized, Trouble, ask, framed, has_turn, shown

PORT: Final = 11333
ANSWER_OCTETS: Final = 1 << 20
MESSAGE_OCTETS: Final = 50 << 20
"""rspamd's own max_message."""
REASONS: Final = 12
_HEAD_OCTETS = 16 * 1024
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_FIELD_CHARACTERS = 1000
_RECIPIENTS = 200
_SAYS_CHARACTERS = 200
# RFC 9112 4 and 5, as far as rspamd uses them.
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]{0,200}))?\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
_SERVER = re.compile(rb"\r\nserver:[ \t]*rspamd/([\w.+-]{1,40})[ \t]*\r\n", re.IGNORECASE)


class Envelope(NamedTuple):
    """What an engine is told of the way a message came. All as text, "" where not known."""

    client: str = ""
    """Address of the client."""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    helo: str = ""
    hostname: str = ""
    """The client's name, confirmed both ways; "unknown": looked up, and there is none; "": nobody has looked."""
    queue_id: str = ""
    user: str = ""
    """Authenticated, or of a trusted network: such mail is not judged as a stranger's."""


NOBODY: Final = Envelope()


class _Symbol(msgspec.Struct, frozen=True):
    score: float = 0.0
    description: str = ""


class _Checked(msgspec.Struct, frozen=True):
    score: float
    required_score: float
    action: str
    symbols: dict[str, _Symbol]
    is_skipped: bool = False
    messages: dict[str, object] = {}


class Rspamd:
    """One rspamd, its "normal" worker. At most `most` questions at a time."""

    word = "rspamd"
    unproven = "rspamd does not recognise the test spam (GTUBE: is it switched off?), or takes a plain letter for it"

    def __init__(
        self,
        url: str,
        most: int = 16,
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
            return Failed(self.url, f"rspamd: {size} octets are more than it is given ({self._most_bytes})")
        began = perf_counter()
        if not await has_turn(self._turns, deadline):
            return Failed(self.url, f"rspamd: busy for {perf_counter() - began:.3g} s")
        try:
            opinion = await self._ask(content, size, envelope, deadline)
        finally:
            self._turns.release()
        return opinion._replace(seconds=perf_counter() - began) if isinstance(opinion, Opinion) else opinion

    async def _ask(self, content: Octets, size: int, envelope: Envelope, deadline: float) -> Opinion | Failed:
        message = Sized(content)
        head = request_head(size, envelope)
        heard = await self._answer(framed(head, message), deadline)
        if isinstance(heard, Unknown):
            return Failed(self.url, heard.why)
        if heard.early or message.sent != size:
            return Failed(self.url, f"rspamd: it answered before it had read all: {_status_of(heard.octets)}")
        return parse_answer(heard.octets, self.url)

    async def _answer(self, question: Iterable[bytes | memoryview], deadline: float) -> Heard | Unknown:
        try:
            return await ask(
                self._place, question, is_whole=_is_whole, most=ANSWER_OCTETS, deadline=deadline, connect=self._connect
            )
        except Trouble as trouble:
            return Unknown(f"rspamd: {trouble.why}")

    async def version(self) -> str | Unknown:
        """As it names itself in its answers: "3.4"."""
        deadline = asyncio.get_running_loop().time() + self._trial
        heard = await self._answer([b"GET /ping HTTP/1.1\r\nHost: rspamd\r\nConnection: close\r\n\r\n"], deadline)
        if isinstance(heard, Unknown):
            return heard
        found = _SERVER.search(heard.octets[:_HEAD_OCTETS])
        return found[1].decode() if found else Unknown("rspamd: it does not say which version it is")

    async def proves_itself(self) -> bool | Unknown:
        """Whether it refuses the test spam (GTUBE) and not a plain letter; Unknown when it could not be asked."""
        deadline = asyncio.get_running_loop().time() + self._trial
        verdicts = []
        for content in (spam_letter(), plain_letter()):
            opinion = await self._ask(content, len(content), NOBODY, deadline)
            if isinstance(opinion, Failed):
                return Unknown(opinion.why)
            verdicts.append(opinion.rejects or opinion.score >= opinion.required)
        return verdicts == [True, False]


def request_head(size: int, envelope: Envelope) -> bytes:
    """The request before its content. What a stranger wrote may not end a line of it."""
    fields = [
        ("IP", envelope.client), ("From", envelope.sender), ("Helo", envelope.helo), ("Hostname", envelope.hostname),
        ("Queue-Id", envelope.queue_id), ("User", envelope.user),
        *(("Rcpt", recipient) for recipient in envelope.recipients[:_RECIPIENTS]),
    ]  # fmt: skip
    lines = [f"{name}: {safe}\r\n" for name, value in fields if (safe := as_field(value))]
    head = "".join(lines).encode("utf-8", "replace")
    return b"POST /checkv2 HTTP/1.1\r\nHost: rspamd\r\nConnection: close\r\nContent-Length: %d\r\n%b\r\n" % (size, head)


def as_field(value: str) -> str:
    """Fit to stand in one line of a header, whoever wrote it."""
    return _CONTROLS.sub("", value)[:_FIELD_CHARACTERS].strip()


def _is_whole(heard: bytes | bytearray) -> bool:
    end = heard.find(b"\r\n\r\n", 0, _HEAD_OCTETS)
    if end < 0:
        return False
    length = _LENGTH.search(heard, 0, end + 2)
    return length is not None and len(heard) >= end + 4 + int(length[1])


def _status_of(heard: bytes) -> str:
    status = _STATUS.match(heard)
    return f"{status[1].decode()} {shown(status[2]) if status[2] else ''}".strip() if status else "nonsense"


def parse_answer(raw: bytes, engine: str = "rspamd") -> Opinion | Failed:
    """An HTTP answer with rspamd's JSON, from its first octet to its last."""
    if not _is_whole(raw):
        return Failed(engine, f"rspamd: an answer that is cut off or nonsense: {_status_of(raw)}")
    status = _STATUS.match(raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    lengths = _LENGTH.findall(head + b"\r\n")
    if status is None or status[1] != b"200" or len(lengths) != 1 or len(body) != int(lengths[0]):
        return Failed(engine, f"rspamd: {_status_of(raw)}")
    try:  # neither NaN nor a number without end gets through the decoder
        checked = msgspec.json.decode(body, type=_Checked)
    except (msgspec.DecodeError, RecursionError) as error:
        return Failed(engine, f"rspamd: its answer is not to be understood ({shown(str(error))})")
    return _opinion(checked, engine)


def _opinion(checked: _Checked, engine: str) -> Opinion | Failed:
    says = shown(str(checked.messages.get("smtp_message", "no reason given")))
    rejects = checked.action == "reject"
    if checked.is_skipped and not rejects:  # GTUBE is skipped *and* refused
        return Failed(engine, "rspamd: it has skipped the message")
    if checked.action == "soft reject" and "timeout" in says.lower():  # soft_reject_on_timeout
        return Failed(engine, f"rspamd: it ran out of time: {says}")
    return Opinion(engine, checked.score, checked.required_score, _reasons(checked, says), rejects)


def _reasons(checked: _Checked, says: str) -> tuple[Reason, ...]:
    """What moved the score, the heaviest first; before them what it would do, where it would not let it pass."""
    moved = [(name, symbol) for name, symbol in checked.symbols.items() if symbol.score]
    moved.sort(key=lambda each: (-abs(each[1].score), each[0]))
    reasons = [
        Reason(name[:100], symbol.score, symbol.description[:_SAYS_CHARACTERS]) for name, symbol in moved[:REASONS]
    ]
    if checked.action in ("reject", "soft reject", "greylist"):
        reasons.insert(0, Reason(checked.action, 0.0, says))
    return tuple(reasons[:REASONS])

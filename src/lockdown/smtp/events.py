"""What a server session tells its driver.

A closed union, to be matched whole. All events but DataChunk leave the session PAUSED until `answer`.
Events are immutable by convention: a frozen dataclass costs three times as much to make, and these are made for every
command of every message.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from .address import Address
from .reply import Reply

Parameters = tuple[tuple[str, str], ...]


class Signal(Enum):
    """What `next_event` says when there is no event."""

    NEED_DATA = "need data"
    PAUSED = "paused"


NEED_DATA: Final = Signal.NEED_DATA
PAUSED: Final = Signal.PAUSED


class FaultKind(Enum):
    """What the protocol itself refuses, and whether the conversation can go on after it."""

    UNKNOWN_COMMAND = "unknown command"
    NOT_OFFERED = "not offered"  # AUTH, EXPN, ETRN, STARTTLS where it was not announced
    BAD_SEQUENCE = "bad sequence"
    BAD_ARGUMENT = "bad argument"
    LINE_TOO_LONG = "line too long"
    NUL = "NUL in a command"
    TOO_BIG = "declared size over the limit"
    TOO_MANY_RECIPIENTS = "too many recipients"
    BARE_NEWLINE = "bare CR or LF in a command"
    SYNC = "spoke out of turn"
    OTHER_PROTOCOL = "not SMTP"  # a browser, or a framing that we never offered: what follows is not commands

    @property
    def closes(self) -> bool:
        return self in _CLOSING

    @property
    def counts(self) -> bool:
        """Is it an error for the budget? An honest sender may well meet a limit."""
        return self not in _HONEST


_CLOSING: Final = frozenset({FaultKind.BARE_NEWLINE, FaultKind.SYNC, FaultKind.OTHER_PROTOCOL})
_HONEST: Final = frozenset({FaultKind.TOO_BIG, FaultKind.TOO_MANY_RECIPIENTS})


class DataFlaw(Enum):
    """Why the body that just ended must not be passed on. Of several, the latest in this list is told."""

    TOO_BIG = "over the size limit"
    LINE_TOO_LONG = "a line over the limit"
    BARE_CR = "a CR without LF"
    BARE_LF = "a LF without CR"
    OVERRUN = "far over the size limit, and no end in sight"  # the reader gave up: answer and close


@dataclass(slots=True)
class Hello:
    name: str
    esmtp: bool


@dataclass(slots=True)
class Mail:
    sender: Address
    size: int | None  # as declared, RFC 1870
    body: str  # "", "7BIT" or "8BITMIME"
    smtputf8: bool
    params: Parameters  # those to be passed on: RET, ENVID, AUTH


@dataclass(slots=True)
class Recipient:
    address: Address
    params: Parameters  # NOTIFY, ORCPT


@dataclass(slots=True)
class DataRequested:
    pass


@dataclass(slots=True)
class DataChunk:
    """A piece of the body as on the wire: dots still stuffed, the final dot never in it. Needs no answer."""

    data: bytes


@dataclass(slots=True)
class DataEnd:
    size: int  # octets after unstuffing, which is what RFC 1870 counts
    wire_size: int
    flaw: DataFlaw | None


@dataclass(slots=True)
class StartTls:
    pass


@dataclass(slots=True)
class Reset:
    pass


@dataclass(slots=True)
class Noop:
    pass


@dataclass(slots=True)
class Verify:
    argument: str


@dataclass(slots=True)
class Help:
    pass


@dataclass(slots=True)
class Quit:
    pass


@dataclass(slots=True)
class Fault:
    """The protocol refuses; the reply is ready. `answer(fault.reply)`, and close if the kind says so."""

    reply: Reply
    kind: FaultKind


Event = (
    Hello
    | Mail
    | Recipient
    | DataRequested
    | DataChunk
    | DataEnd
    | StartTls
    | Reset
    | Noop
    | Verify
    | Help
    | Quit
    | Fault
)

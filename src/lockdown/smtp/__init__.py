"""SMTP without I/O: bytes in, events out, answers as bytes. Both sides of the conversation; the standard library only.

The sockets, the clocks and the judgements are elsewhere. What every module here promises: no bytes of a stranger raise.
"""

from .address import Address, AddressError, AddressShape, parse_path
from .client import Answered, ClientSession, Nonsense
from .data import Unstuffer, stuff, unstuff
from .events import (
    NEED_DATA,
    PAUSED,
    DataChunk,
    DataEnd,
    DataFlaw,
    DataRequested,
    Event,
    Fault,
    FaultKind,
    Hello,
    Help,
    Mail,
    Noop,
    Quit,
    Recipient,
    Reset,
    StartTls,
    Verify,
)
from .extensions import Extensions
from .reply import Reply, parse_reply
from .server import Limits, ServerSession

__all__ = [
    "NEED_DATA",
    "PAUSED",
    "Address",
    "AddressError",
    "AddressShape",
    "Answered",
    "ClientSession",
    "DataChunk",
    "DataEnd",
    "DataFlaw",
    "DataRequested",
    "Event",
    "Extensions",
    "Fault",
    "FaultKind",
    "Hello",
    "Help",
    "Limits",
    "Mail",
    "Nonsense",
    "Noop",
    "Quit",
    "Recipient",
    "Reply",
    "Reset",
    "ServerSession",
    "StartTls",
    "Unstuffer",
    "Verify",
    "parse_path",
    "parse_reply",
    "stuff",
    "unstuff",
]

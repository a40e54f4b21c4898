"""One SMTP conversation, seen from the server's side, without any I/O.

Bytes go in by `receive`, events come out of `next_event`, and after each event but a DataChunk the session is PAUSED
until `answer`: in SMTP it is the answer that decides the next state, so nothing is ever parsed in the wrong mode, and
pipelined commands simply wait in the buffer. After each `answer` look at `over`: if it is true, close.
Fails as: a Fault event, whatever a peer sends. RuntimeError only for a driver that answers what was not asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from .address import COMMON_PATH, LABEL_OCTETS, Address, AddressError, common_address, parse_path
from .data import DataReader
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
    Signal,
    StartTls,
    Verify,
)
from .extensions import ParameterFault, mail_parameters, recipient_parameters
from .reply import Reply


@dataclass(frozen=True, slots=True)
class Limits:
    """What one conversation may ask of us; the values come from the settings. Octets, line ends included."""

    command_line: int = 512  # RFC 5321 4.5.3.1.4
    long_command_line: int = 4096  # MAIL and RCPT: each extension adds its own allowance (RFC 1870, 3461, 4954, 6531)
    max_size: int = 0  # 0: no limit
    data_line: int = 1024 * 1024  # RFC 5321 says 1000, and real mail is lost by that
    recipients: int = 1000


class State(IntEnum):
    CONNECTED = 0  # before the greeting, and when it spoke out of turn: the client has to listen
    GREETED = 1
    READY = 2
    SENDER = 3
    RECIPIENTS = 4
    BODY = 5
    HANDSHAKE = 6  # 220 said to STARTTLS: the next octets are TLS and not for us
    OVER = 7


# Looked up once: on CPython 3.11 a member of an Enum costs five times as much to reach as a global.
_CONNECTED: Final = State.CONNECTED
_BODY: Final = State.BODY
_HANDSHAKE: Final = State.HANDSHAKE
_OVER: Final = State.OVER

_OVERRUN: Final = DataFlaw.OVERRUN

_DOT: Final = b"."

# In which state which command is allowed, and the state after a positive answer (DATA: 354). What is missing is 503.
TABLE: Final[dict[State, dict[bytes, State]]] = {
    State.CONNECTED: {},
    State.GREETED: {
        b"EHLO": State.READY,
        b"HELO": State.READY,
        b"RSET": State.GREETED,
        b"NOOP": State.GREETED,
        b"VRFY": State.GREETED,
        b"HELP": State.GREETED,
        b"QUIT": State.OVER,
    },
    State.READY: {
        b"EHLO": State.READY,
        b"HELO": State.READY,
        b"STARTTLS": State.HANDSHAKE,
        b"MAIL": State.SENDER,
        b"RSET": State.READY,
        b"NOOP": State.READY,
        b"VRFY": State.READY,
        b"HELP": State.READY,
        b"QUIT": State.OVER,
    },
    State.SENDER: {
        b"EHLO": State.READY,
        b"HELO": State.READY,
        b"RCPT": State.RECIPIENTS,
        b"RSET": State.READY,
        b"NOOP": State.SENDER,
        b"VRFY": State.SENDER,
        b"HELP": State.SENDER,
        b"QUIT": State.OVER,
    },
    State.RECIPIENTS: {
        b"EHLO": State.READY,
        b"HELO": State.READY,
        b"RCPT": State.RECIPIENTS,
        b"DATA": State.BODY,
        b"RSET": State.READY,
        b"NOOP": State.RECIPIENTS,
        b"VRFY": State.RECIPIENTS,
        b"HELP": State.RECIPIENTS,
        b"QUIT": State.OVER,
    },
    State.BODY: {_DOT: State.READY},
    State.HANDSHAKE: {},
    State.OVER: {},
}

# These move the state whatever the answer is: a refused message is as finished as an accepted one.
_SETTLED_BY_ANY_ANSWER: Final = frozenset({_DOT, b"RSET"})
# With these the state is not all that changes.
_MORE_THAN_A_MOVE: Final = frozenset({b"DATA", b"STARTTLS", b"QUIT"})
# RFC 2920 3.1: after these the client has to wait, so what came with them was sent by someone who does not listen.
_LAST_IN_A_GROUP: Final = frozenset({b"EHLO", b"HELO", b"DATA", b"STARTTLS"})


@dataclass(frozen=True, slots=True)
class _Step:
    """What waits for its answer. Made once for each entry of the table, so that `answer` has nothing to look up."""

    verb: bytes
    following: State | None = None  # after a positive answer, where it is a move and no more
    ends_group: bool = False


def _step(verb: bytes, following: State) -> _Step:
    return _Step(verb, None if verb in _MORE_THAN_A_MOVE else following, verb in _LAST_IN_A_GROUP)


_STEPS: Final = {state: {verb: _step(verb, to) for verb, to in row.items()} for state, row in TABLE.items()}
_ENDED: Final = _STEPS[State.BODY][_DOT]
_REFUSED: Final = _Step(b"fault")
# A refused DATA is still the last of its group: what came with it is a message and must not be obeyed.
_REFUSED_LAST: Final = _Step(b"fault", ends_group=True)
_FATAL: Final = _Step(b"fatal")

_NEVER_OFFERED: Final = frozenset({b"AUTH", b"EXPN", b"ETRN", b"TURN", b"ATRN", b"SEND", b"SOML", b"SAML"})
# A page in a browser can be made to send mail; and the octets behind BDAT are a message, which must not be obeyed.
_OTHER_PROTOCOLS: Final = frozenset(
    {b"BDAT", b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"PATCH", b"DELETE", b"TRACE", b"PRI", b"HOST:"}
)

_USUAL_OFFERS: Final = frozenset({"SIZE", "8BITMIME"})

_UNKNOWN = Fault(Reply(500, "5.1", "Command not recognized"), FaultKind.UNKNOWN_COMMAND)
_NOT_OFFERED = Fault(Reply(502, "5.1", "Command not implemented"), FaultKind.NOT_OFFERED)
_OTHER_PROTOCOL = Fault(Reply(554, "5.1", "This is not what this server speaks"), FaultKind.OTHER_PROTOCOL)
_OUT_OF_TURN = Fault(Reply(554, "5.1", "Spoke out of turn"), FaultKind.SYNC)
_TOO_LONG = Fault(Reply(500, "5.2", "Line too long"), FaultKind.LINE_TOO_LONG)
_BARE_NEWLINE = Fault(Reply(500, "5.2", "Bare CR or LF in a command"), FaultKind.BARE_NEWLINE)
_NUL = Fault(Reply(500, "5.2", "NUL in a command"), FaultKind.NUL)
_NO_ARGUMENT = Fault(Reply(501, "5.4", "No argument is allowed here"), FaultKind.BAD_ARGUMENT)
_BAD_NAME = Fault(Reply(501, "5.4", "A host name is required"), FaultKind.BAD_ARGUMENT)
_BAD_MAIL = Fault(Reply(501, "5.4", "Syntax: MAIL FROM:<address>"), FaultKind.BAD_ARGUMENT)
_BAD_RCPT = Fault(Reply(501, "5.4", "Syntax: RCPT TO:<address>"), FaultKind.BAD_ARGUMENT)
_NEEDS_SMTPUTF8 = Fault(Reply(553, "6.7", "This address needs SMTPUTF8"), FaultKind.BAD_ARGUMENT)
_TOO_BIG = Fault(Reply(552, "3.4", "The message is larger than this server takes"), FaultKind.TOO_BIG)
_TOO_MANY = Fault(
    Reply(452, "5.3", "Too many recipients; send the rest in another transaction"), FaultKind.TOO_MANY_RECIPIENTS
)

_DATA_REQUESTED: Final = DataRequested()
_QUIT: Final = Quit()

_OUT_OF_SEQUENCE: Final = {
    State.GREETED: Fault(Reply(503, "5.1", "Say EHLO first"), FaultKind.BAD_SEQUENCE),
    State.READY: Fault(Reply(503, "5.1", "Say MAIL first"), FaultKind.BAD_SEQUENCE),
    State.SENDER: Fault(Reply(503, "5.1", "Not before a recipient is accepted"), FaultKind.BAD_SEQUENCE),
    State.RECIPIENTS: Fault(Reply(503, "5.1", "Not within a transaction"), FaultKind.BAD_SEQUENCE),
}

_NOTHING_OFFERED: Final[frozenset[str]] = frozenset()


class ServerSession:
    """Small while idle: the buffer is the shared empty bytes object, the data reader lives only within DATA."""

    __slots__ = (
        "_at",
        "_limits",
        "_offers",
        "_pending",
        "_reader",
        "_recipients",
        "_smtputf8",
        "_state",
        "_utf8",
        "deaf",
        "is_secure",
        "over",
        "pending_input",
    )

    def __init__(self, limits: Limits, *, smtputf8: bool = True) -> None:
        self._limits = limits
        self._smtputf8 = smtputf8
        self._state = _CONNECTED
        # Plain attributes and no properties: the driver asks for them after every command.
        self.pending_input = b""  # what has been received and not told; bytes, but to be asked for its truth only
        self.over = False  # send what `answer` gave, then close
        self.deaf = False  # it is over, awaits TLS, or is within a line that was too long: what comes is not heard
        self._at = 0  # what of the input has been read; cutting it off at each command would copy it each time
        self._pending: _Step | None = None  # the command that waits for its answer
        self._offers = _NOTHING_OFFERED
        self._recipients = 0  # of this transaction: those accepted, and the one that waits for its answer
        self._utf8 = False
        self._reader: DataReader | None = None  # within a body
        self.is_secure = False

    # ── the three verbs ──

    def receive(self, data: bytes) -> None:
        if self.pending_input:
            self.pending_input = self.pending_input[self._at :] + data
            self._at = 0
        elif not self.deaf:
            self.pending_input = data
        elif not self.over and not self.awaits_handshake:
            self._skip(data)

    def next_event(self) -> Event | Signal:
        # Measured hot path. Its first octet finds the usual form of a command, and one match settles the whole line.
        reader = self._reader
        if reader is not None:
            return self._next_of_body(reader)
        received = self.pending_input
        if received and self._pending is None:
            at = self._at
            usual = _USUAL[self._state].get(received[at])
            if usual is not None:
                match, event_of, step = usual
                found = match(received, at)
                if found is not None and (event := event_of(self, found)) is not None:
                    if found["last"] is None:
                        self._at = found.end()
                    else:
                        self.pending_input = b""
                        if at:
                            self._at = 0
                    self._pending = step
                    return event
        return self._next_of_any_form()

    def answer(self, reply: Reply) -> bytes:
        """The bytes to send. None at all where the client has meanwhile spoken out of turn: a Fault comes next."""
        step = self._pending
        if step is None:
            raise RuntimeError("nothing waits for an answer")
        self._pending = None
        if self.pending_input and step.ends_group:
            self._state = _CONNECTED
            return b""
        following = step.following
        if following is not None and reply.code < 300:
            self._state = following
        else:
            self._settle(step, reply.code)
        return reply.wire

    def _settle(self, step: _Step, code: int) -> None:
        """What an answer does besides moving on."""
        verb = step.verb
        if code == 354 and verb == b"DATA":
            self._reader = DataReader(self._limits.max_size, self._limits.data_line)
            self._state = _BODY
        elif step is _FATAL or verb == b"QUIT" or code == 421 or code == 521:
            # RFC 5321 3.8, RFC 7504 2: after these codes the server closes.
            self.end()
        elif step.following is not None and verb in _SETTLED_BY_ANY_ANSWER:
            self._state = step.following
        elif verb == b"RCPT":
            self._recipients -= 1
        elif verb == b"STARTTLS" and code < 300:
            self._state = _HANDSHAKE
            self.deaf = True

    # ── what a driver does besides ──

    def end(self) -> None:
        """It is over, whatever the last reply was: what still comes is not heard."""
        self._state = _OVER
        self.over = self.deaf = True
        self.pending_input, self._at = b"", 0
        self._reader = None

    def greeted(self) -> None:
        """The greeting is sent. A client that spoke before it is refused by the next event."""
        if not self.pending_input or self._pending is not None:
            self._state = State.GREETED

    def answer_hello(self, hostname: str, offers: tuple[str, ...]) -> bytes:
        """250 to EHLO with these offers (`SIZE 1000`, `PIPELINING` ...), or to HELO without any."""
        step = self._pending
        esmtp = step is not None and step.verb == b"EHLO"
        reply, self._offers = _hello_reply(hostname, offers if esmtp else (), self._smtputf8)
        return self.answer(reply)

    def secured(self) -> None:
        """The TLS handshake is done. RFC 3207 4.2: nothing that was said before it counts."""
        if self._state is not _HANDSHAKE:
            raise RuntimeError("no STARTTLS was answered with 220")
        self._offers = _NOTHING_OFFERED
        self._state = State.GREETED
        self.is_secure = True
        self.deaf = False

    @property
    def awaits_handshake(self) -> bool:
        """220 was said to STARTTLS: hand the connection over to TLS, then call `secured`."""
        return self._state is _HANDSHAKE

    @property
    def is_receiving_body(self) -> bool:
        return self._state is _BODY

    @property
    def buffered(self) -> int:
        """Octets received and not yet understood."""
        return len(self.pending_input) - self._at

    # ── commands in their usual form: capitals, one blank, a plain address; None for what needs a closer look ──

    def _usual_ehlo(self, found: re.Match[bytes]) -> Event:
        return Hello(found[1].decode(), True)

    def _usual_helo(self, found: re.Match[bytes]) -> Event:
        return Hello(found[1].decode(), False)

    def _usual_mail(self, found: re.Match[bytes]) -> Event | None:
        raw, declared, body = found.group(1, 2, 3)
        if len(raw) > LABEL_OCTETS:
            return None
        size = None
        if declared is not None:
            size = int(declared)
            if size > (self._limits.max_size or size) or not self._offers >= _USUAL_OFFERS:
                return None
        self._utf8 = False
        self._recipients = 0
        return Mail(common_address(raw), size, body.decode() if body else "", False, ())

    def _usual_rcpt(self, found: re.Match[bytes]) -> Event | None:
        raw = found[1]
        if len(raw) > LABEL_OCTETS or self._recipients >= self._limits.recipients:
            return None
        self._recipients += 1
        return Recipient(common_address(raw), ())

    def _usual_data(self, found: re.Match[bytes]) -> Event:
        return _DATA_REQUESTED

    def _usual_quit(self, found: re.Match[bytes]) -> Event:
        return _QUIT

    # ── commands in any form ──

    def _next_of_any_form(self) -> Event | Signal:
        if self._pending is not None:
            return PAUSED
        if not self.pending_input:
            return NEED_DATA
        if self._state is _CONNECTED:
            return self._refused(_OUT_OF_TURN)
        return self._next_command()

    def _next_command(self) -> Event | Signal:
        received, start = self.pending_input, self._at
        end = received.find(b"\n", start) + 1
        if not end:
            return self._unfinished_line()
        line = received[start:end]
        if end == len(received):
            self.pending_input = b""
            self._at = 0
        else:
            self._at = end
        length = end - start
        if length < 2 or line.find(b"\r") != length - 2 or b"\0" in line or length > self._limits.command_line:
            fault = self._flaw_of(line)
            if fault is not None:
                return self._refused(fault)
        verb, _, argument = line[:-2].partition(b" ")
        verb = verb.upper()
        if self.pending_input and verb in _LAST_IN_A_GROUP:
            return self._refused(_OUT_OF_TURN)
        step = _STEPS[self._state].get(verb)
        event = _PARSERS[verb](self, argument) if step is not None else self._why_not(verb)
        if type(event) is Fault:
            return self._refused(event, verb)
        self._pending = step
        return event

    def _unfinished_line(self) -> Event | Signal:
        if self.buffered < self._limits.long_command_line:
            return NEED_DATA
        self.pending_input, self._at = b"", 0
        self.deaf = True
        return self._refused(_TOO_LONG)

    def _skip(self, data: bytes) -> None:
        """The rest of a line that was refused: it is dropped as it comes, never kept."""
        end = data.find(b"\n") + 1
        if end:
            self.pending_input = data[end:]
            self.deaf = False

    def _flaw_of(self, line: bytes) -> Fault | None:
        if len(line) > self._limits.long_command_line:
            return _TOO_LONG
        if not line.endswith(b"\r\n") or line.find(b"\r") != len(line) - 2:
            return _BARE_NEWLINE
        if b"\0" in line:
            return _NUL
        takes_parameters = line[:5].upper() in (b"MAIL ", b"RCPT ")
        return _TOO_LONG if len(line) > self._limits.command_line and not takes_parameters else None

    def _why_not(self, verb: bytes) -> Fault:
        if verb in _PARSERS:
            return _OUT_OF_SEQUENCE[self._state]
        if verb in _OTHER_PROTOCOLS:
            return _OTHER_PROTOCOL
        return _NOT_OFFERED if verb in _NEVER_OFFERED else _UNKNOWN

    def _refused(self, fault: Fault, verb: bytes = b"") -> Fault:
        self._pending = _FATAL if fault.kind.closes else _REFUSED_LAST if verb in _LAST_IN_A_GROUP else _REFUSED
        return fault

    # ── one parser for each command; a Fault is its way of saying no ──

    def _hello(self, argument: bytes, esmtp: bool) -> Event:
        name = argument.strip()
        if not name or len(name) > 255 or not name.isascii() or not (text := name.decode()).isprintable():
            return _BAD_NAME
        return Hello(text, esmtp)

    def _ehlo(self, argument: bytes) -> Event:
        return self._hello(argument, True)

    def _helo(self, argument: bytes) -> Event:
        return self._hello(argument, False)

    def _mail(self, argument: bytes) -> Event:
        if argument[:5].upper() != b"FROM:":
            return _BAD_MAIL
        path = parse_path(argument[5:], allow_utf8=True, null_allowed=True)
        if isinstance(path, AddressError):
            return Fault(Reply(501, "1.7", path.why), FaultKind.BAD_ARGUMENT)
        sender, rest = path
        self._recipients = 0
        if not rest:
            self._utf8 = False
            return Mail(sender, None, "", False, ()) if not sender.utf8 else _NEEDS_SMTPUTF8
        return self._mail_with(sender, rest)

    def _mail_with(self, sender: Address, rest: bytes) -> Event:
        params = mail_parameters(rest, self._offers)
        if isinstance(params, ParameterFault):
            return Fault(*params)
        given = dict(params)
        size = int(given.pop("SIZE")) if "SIZE" in given else None
        body = given.pop("BODY", "").upper()
        self._utf8 = given.pop("SMTPUTF8", None) is not None
        if sender.utf8 and not self._utf8:
            return _NEEDS_SMTPUTF8
        return self._if_it_fits(Mail(sender, size, body, self._utf8, tuple(given.items())))

    def _if_it_fits(self, mail: Mail) -> Event:
        # RFC 1870 6.1: what is declared too large is refused at once, before it is sent.
        return mail if mail.size is None or mail.size <= (self._limits.max_size or mail.size) else _TOO_BIG

    def _rcpt(self, argument: bytes) -> Event:
        if argument[:3].upper() != b"TO:":
            return _BAD_RCPT
        path = parse_path(argument[3:], allow_utf8=True, null_allowed=False)
        if isinstance(path, AddressError):
            return Fault(Reply(501, "1.3", path.why), FaultKind.BAD_ARGUMENT)
        address, rest = path
        if address.utf8 and not self._utf8:
            return _NEEDS_SMTPUTF8
        if self._recipients >= self._limits.recipients:
            return _TOO_MANY
        params = recipient_parameters(rest, self._offers) if rest else ()
        if isinstance(params, ParameterFault):
            return Fault(*params)
        self._recipients += 1
        return Recipient(address, params)

    def _data(self, argument: bytes) -> Event:
        return _NO_ARGUMENT if argument.strip() else DataRequested()

    def _starttls(self, argument: bytes) -> Event:
        if "STARTTLS" not in self._offers or self.is_secure:
            return _NOT_OFFERED
        return _NO_ARGUMENT if argument.strip() else StartTls()

    def _rset(self, argument: bytes) -> Event:
        return _NO_ARGUMENT if argument.strip() else Reset()

    def _quit(self, argument: bytes) -> Event:
        return _NO_ARGUMENT if argument.strip() else Quit()

    def _noop(self, argument: bytes) -> Event:
        return Noop()

    def _help(self, argument: bytes) -> Event:
        return Help()

    def _vrfy(self, argument: bytes) -> Event:
        return Verify(argument.strip().decode("utf-8", "replace"))

    # ── the body ──

    def _next_of_body(self, reader: DataReader) -> Event | Signal:
        if not reader.ended:
            received = self.pending_input
            if not received:
                return NEED_DATA
            # Nothing stands before it: DATA is the last of its group, and its answer comes before the body.
            chunk, self.pending_input = reader.feed(received)
            if chunk:
                return DataChunk(chunk)
            if not reader.ended:
                return NEED_DATA
        self._reader = None
        flaw = reader.flaw
        self._pending = _FATAL if flaw is _OVERRUN else _ENDED
        return DataEnd(reader.size, reader.wire_size, flaw)


@lru_cache(maxsize=64)
def _hello_reply(hostname: str, offers: tuple[str, ...], smtputf8: bool) -> tuple[Reply, frozenset[str]]:
    """The answer to a greeting and the names it offers; the same few again and again, so they are made once."""
    kept = tuple(offer for offer in offers if smtputf8 or offer.upper() != "SMTPUTF8")
    return Reply(250, "", hostname, *kept), frozenset(offer.split()[0].upper() for offer in kept)


_PARSERS: Final[dict[bytes, Callable[[ServerSession, bytes], Event]]] = {
    b"EHLO": ServerSession._ehlo,
    b"HELO": ServerSession._helo,
    b"MAIL": ServerSession._mail,
    b"RCPT": ServerSession._rcpt,
    b"DATA": ServerSession._data,
    b"STARTTLS": ServerSession._starttls,
    b"RSET": ServerSession._rset,
    b"NOOP": ServerSession._noop,
    b"VRFY": ServerSession._vrfy,
    b"HELP": ServerSession._help,
    b"QUIT": ServerSession._quit,
}

_EventOf = Callable[[ServerSession, re.Match[bytes]], Event | None]
_Usual = tuple[Callable[[bytes, int], re.Match[bytes] | None], _EventOf, _Step]

_NAME: Final = rb" ([!-~]{1,255})"
_SIZE: Final = rb"(?: SIZE=([0-9]{1,20})(?: BODY=(7BIT|8BITMIME))?)?"

# None of these lines can be longer than a command line may be.
_USUAL_FORMS: Final[dict[bytes, tuple[bytes, _EventOf]]] = {
    b"EHLO": (_NAME, ServerSession._usual_ehlo),
    b"HELO": (_NAME, ServerSession._usual_helo),
    b"MAIL": (rb" FROM: ?" + COMMON_PATH + _SIZE, ServerSession._usual_mail),
    b"RCPT": (rb" TO: ?" + COMMON_PATH, ServerSession._usual_rcpt),
    b"DATA": (b"", ServerSession._usual_data),
    b"QUIT": (b"", ServerSession._usual_quit),
}


def _usual(step: _Step) -> _Usual:
    form, event_of = _USUAL_FORMS[step.verb]
    # `last`: nothing stands behind the line.
    last = rb"(?P<last>\Z)" if step.ends_group else rb"(?P<last>\Z)?"
    return re.compile(step.verb + form + rb"\r\n" + last).match, event_of, step


# For each state, by the first octet. In a state without commands, and where the client had to listen, there is none.
_USUAL: Final[tuple[dict[int, _Usual], ...]] = tuple(
    {verb[0]: _usual(step) for verb, step in _STEPS[state].items() if verb in _USUAL_FORMS} for state in State
)

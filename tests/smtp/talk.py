"""A conversation as text, and the small host that answers in it.

    with max_size=100        # how this host differs from the usual one
    C: MAIL FROM:<a@b.example>     a line, sent with its CRLF
    C: hello\n.\r\n                sent as it stands, since it says itself where it ends
    S: 550 5.7.1                   one reply, of any number of lines: its code, its enhanced code
    S: closed                      the session is over
    S: nothing                     no reply at all
    B: 12 BARE_LF                  the body that ended: its size, and its flaw
    TLS: done                      the handshake, after a 220 to STARTTLS

Lines of C that follow each other are one group, sent before any reply is read. Two blanks and # begin a comment.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lockdown.smtp import (
    NEED_DATA,
    PAUSED,
    Address,
    AddressShape,
    DataChunk,
    DataEnd,
    DataFlaw,
    DataRequested,
    Event,
    Fault,
    Hello,
    Help,
    Limits,
    Mail,
    Noop,
    Quit,
    Recipient,
    Reply,
    Reset,
    ServerSession,
    StartTls,
    Verify,
)

OFFERS = ("PIPELINING", "SIZE 10000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS")
OURS = "example.com"

Cut = Callable[[bytes], Iterator[bytes]]


def whole(group: bytes) -> Iterator[bytes]:
    yield group


def every_byte(group: bytes) -> Iterator[bytes]:
    return (group[at : at + 1] for at in range(len(group)))


def cut_at(place: int) -> Cut:
    def cut(group: bytes) -> Iterator[bytes]:
        yield from (group[:place], group[place:])

    return cut


# ── the host ──


@dataclass
class Host:
    """Answers by a fixed policy. While more of a group is to come it holds what ends a group, as a slow host would."""

    session: ServerSession
    data_reply: Reply = field(default_factory=lambda: Reply(354, "", "Go ahead"))
    offers: tuple[str, ...] = OFFERS
    said: bytes = b""
    events: list[Event] = field(default_factory=list)
    held: Event | None = None

    def hears(self, group: bytes, cut: Cut = whole) -> None:
        pieces = list(cut(group))
        for piece in pieces[:-1]:
            self.session.receive(piece)
            self._attend(more=True)
        self.session.receive(pieces[-1] if pieces else b"")
        self._attend(more=False)

    @property
    def settled(self) -> list[Event]:
        """The events, without the beginning of a body whose end is not here: whether it is flawed nobody knows yet."""
        return self.events[:-1] if self.events and isinstance(self.events[-1], DataChunk) else self.events

    def _attend(self, more: bool) -> None:
        if self.held is not None and not more:
            self._answer(self.held)
        while (event := self.session.next_event()) not in (NEED_DATA, PAUSED):
            self._note(event)
            if isinstance(event, DataChunk):
                continue
            self.held = event if isinstance(event, Hello | DataRequested | StartTls | Fault) and more else None
            if self.held is None:
                self._answer(event)

    def _note(self, event: Event) -> None:
        last = self.events[-1] if self.events else None
        if isinstance(event, DataEnd) and event.flaw is not None:
            # How much was delivered before a flaw was seen depends on the cuts, and nobody may use it.
            if isinstance(last, DataChunk):
                self.events.pop()
            size = event.size if event.flaw is not DataFlaw.OVERRUN else 0
            self.events.append(DataEnd(size, event.wire_size if size else 0, event.flaw))
        elif isinstance(event, DataChunk) and isinstance(last, DataChunk):
            self.events[-1] = DataChunk(last.data + event.data)
        else:
            self.events.append(event)

    def _answer(self, event: Event) -> None:
        self.held = None
        said = (
            self.session.answer_hello("mx.example.com", self.offers)
            if isinstance(event, Hello)
            else self.session.answer(self._reply(event))
        )
        if not said:
            # The session took the event back: its sender did not wait.
            self.events.pop()
        self.said += said

    def _reply(self, event: Event) -> Reply:
        match event:
            case Fault(reply, _):
                return reply
            case Mail(sender):
                return Reply(550, "7.1", "Go away") if sender.domain == "refused.example" else Reply(250, "1.0", "Ok")
            case Recipient(address):
                return recipient_reply(address)
            case DataRequested():
                return self.data_reply
            case DataEnd(_, _, flaw):
                return body_reply(flaw)
            case StartTls():
                return Reply(220, "0.0", "Ready")
            case Reset() | Noop():
                return Reply(250, "0.0", "Ok")
            case Verify():
                return Reply(252, "5.0", "Send it and see")
            case Help():
                return Reply(214, "0.0", "See RFC 5321")
            case Quit():
                return Reply(221, "0.0", "Bye")
            case _:
                raise AssertionError(f"no answer to {event}")


def recipient_reply(address: Address) -> Reply:
    """The least that any relay gate does: our domain only, and no second address hidden inside."""
    if address.shape is AddressShape.POSTMASTER:
        return Reply(250, "1.5", "Ok")
    if address.domain != OURS or address.shape is AddressShape.SOURCE_ROUTE or set(address.local) & set("@%!"):
        return Reply(550, "7.1", "Relaying denied")
    if address.local.startswith("unknown"):
        return Reply(550, "1.1", "No such user")
    return Reply(450, "2.1", "Later") if address.local.startswith("later") else Reply(250, "1.5", "Ok")


def body_reply(flaw: DataFlaw | None) -> Reply:
    match flaw:
        case None:
            return Reply(250, "0.0", "Ok")
        case DataFlaw.BARE_CR | DataFlaw.BARE_LF:
            return Reply(521, "5.2", "Bare newline")
        case DataFlaw.LINE_TOO_LONG:
            return Reply(554, "6.0", "Line too long")
        case _:
            return Reply(552, "3.4", "Too big")


# ── the text ──

_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)")
_SINGLE = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"'}


@dataclass
class Turn:
    """A group of the client, and what has to come of it."""

    group: bytes = b""
    told: list[str] = field(default_factory=list)


def turns(path: Path) -> tuple[dict[str, str], list[Turn]]:
    settings: dict[str, str] = {}
    found = [Turn()]
    for line in path.read_text("utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        rest = re.split(r"\s{2,}#", rest)[0]
        if kind == "with":
            settings |= dict(word.split("=", 1) for word in rest.split())
        elif kind == "C:":
            if found[-1].told:
                found.append(Turn())
            found[-1].group += sent(rest)
        elif kind in ("S:", "B:", "TLS:"):
            found[-1].told.append(line.partition("  #")[0].rstrip())
        else:
            assert not kind or kind.startswith("#"), f"{path.name}: what is {line!r}?"
    return settings, found


def sent(text: str) -> bytes:
    """`(12000)x` stands for twelve thousand x."""
    text = re.sub(r"\((\d+)\)(\\.|.)", lambda many: many[2] * int(many[1]), text)
    octets = b"".join(_octets(piece) for piece in re.split(r"(\\x[0-9a-f]{2}|\\.)", text))
    return octets if re.search(r"\\[rn]", text) else octets + b"\r\n"


def _octets(piece: str) -> bytes:
    escape = _ESCAPE.fullmatch(piece)
    if escape is None:
        return piece.encode()
    return bytes.fromhex(escape[1][1:]) if len(escape[1]) == 3 else _SINGLE[escape[1]]


def new_host(settings: dict[str, str]) -> Host:
    limits = Limits(
        max_size=int(settings.get("max_size", 10000)),
        data_line=int(settings.get("data_line", 100000)),
        recipients=int(settings.get("recipients", 5)),
    )
    session = ServerSession(limits, smtputf8=settings.get("smtputf8") != "no")
    code = int(settings.get("data", 354))
    host = Host(session, Reply(code, "" if code == 354 else "3.0", "As the policy says"))
    if "offers" in settings:
        host.offers = tuple(settings["offers"].split(","))
    return host


def speak(settings: dict[str, str], parts: list[Turn], cut: Cut = whole) -> Host:
    """Hold the whole conversation, and compare what is said with what has to be said."""
    host = new_host(settings)
    for turn in parts:
        if turn.group:
            host.hears(turn.group, cut)
        else:
            host.session.greeted()
            host.said += b"220 mx.example.com ESMTP\r\n"
        _compare(host, turn)
        host.said = b""
    return host


def _compare(host: Host, turn: Turn) -> None:
    replies = list(told_replies(host.said))
    for line in turn.told:
        kind, _, wanted = line.partition(" ")
        if kind == "TLS:":
            assert host.session.awaits_handshake
            host.session.secured()
        elif kind == "B:":
            assert _last_body(host) == wanted
        elif wanted == "closed":
            assert host.session.over
        elif wanted == "nothing":
            assert not host.said
        else:
            assert replies and f"{replies.pop(0)} ".startswith(wanted + " "), f"{line!r}, but {host.said!r}"
    assert not replies, f"more was said than expected: {host.said!r}"
    assert host.session.over == ("S: closed" in turn.told)


def _last_body(host: Host) -> str:
    end = next(event for event in reversed(host.events) if isinstance(event, DataEnd))
    return f"{end.size} {end.flaw.name}" if end.flaw else str(end.size)


def told_replies(wire: bytes) -> Iterator[str]:
    """The last line of each reply."""
    lines = wire.decode("ascii").split("\r\n")
    assert lines.pop() == ""
    return (line for line in lines if line[3:4] != "-")

"""The moves of a trial, made on the live server: from which address, in what time, and what is heard of each.

Everything is bounded: the time of one trial, the conversations it may hold, the repetitions of a move.
Fails as: `Heard` with `lost`, the reason why there is no answer. Never raises for what a server says or does.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never

from lockdown.engine.canary import Canary
from lockdown.engine.drill_letters import letter, pieces
from lockdown.engine.drill_queue import DrilledQueue
from lockdown.engine.signing_in import Account, sign_in, ways_in
from lockdown.engine.stranger import Vantage
from lockdown.engine.wire import Lost, Overhear, Said, Wire
from lockdown.model.trial import (
    Ask,
    Clog,
    Connect,
    Content,
    Deliver,
    Flood,
    Heard,
    Hold,
    Knock,
    Look,
    Move,
    Say,
    Scene,
    SignIn,
    Wait,
    WaysIn,
    Who,
)

TRIAL_SECONDS = 240.0
"""For all moves of one trial."""
_FINAL_SECONDS = 60.0
_KNOCK_SECONDS = 3.0
_GREETINGS_SECONDS = 3.0
_MORE_ANSWERS_SECONDS = 0.4
_MOST_HELD = 200
_MOST_TIMES = 500
_MOST_CLOG = 50
_TAKEN, _HELD = 250, "Held for review"
NAME = "drill.example"


@dataclass(slots=True)
class Kept:
    """What must be looked for and cleaned up when the moves are over."""

    marks: dict[int, list[str]] = field(default_factory=dict)
    """Of each move, those of the letters that were taken, or may have been."""
    certain: set[str] = field(default_factory=set)
    """Those that the server has said to have taken for delivery."""
    replies: list[str] = field(default_factory=list)
    """To the end of each letter: queue ids and the quarantine's ids stand in them."""

    def every_mark(self) -> list[str]:
        """Of all moves."""
        return [mark for marks in self.marks.values() for mark in marks]


class Mover:
    """Makes the moves of one trial, in their order; as a context, it ends all conversations."""

    def __init__(
        self, scene: Scene, vantage: Vantage, account: Account | None, canary: Canary, overhear: Overhear,
        answer_seconds: float, queue: DrilledQueue | None = None,
    ) -> None:  # fmt: skip
        self._scene, self._vantage, self._account, self._canary = scene, vantage, account, canary
        self._overhear, self._answer_seconds, self._queue = overhear, answer_seconds, queue
        self._wires: dict[Who, Wire] = {}
        self._last: dict[Who, Said] = {}
        self._held: list[socket.socket] = []
        self._dripping: _Drip | None = None
        self._until = time.monotonic() + TRIAL_SECONDS
        self._number = 0
        self._began = time.time()
        self.kept = Kept()

    def __enter__(self) -> Mover:
        return self

    def __exit__(self, *_: object) -> None:
        if self._dripping is not None:
            self._dripping.stop()
        for wire in self._wires.values():
            wire.leave()
        for held in self._held:
            held.close()

    def make(self, number: int, move: Move) -> Heard:
        """One move."""
        self._number = number
        began = time.monotonic()
        if began > self._until:
            return Heard(lost=f"the trial had taken {TRIAL_SECONDS:.0f} s already")
        try:
            heard = self._made(move)
        except Lost as lost:
            heard = Heard(lost=str(lost))
        except OSError as error:
            heard = Heard(lost=f"no connection: {error.strerror or error}")
        return replace(heard, seconds=round(time.monotonic() - began, 3))

    def _made(self, move: Move) -> Heard:
        match move:
            case Connect():
                return self._connect(move)
            case Say():
                return self._say(move)
            case Content():
                return self._content(move)
            case Deliver():
                return self._deliver(move)
            case Flood():
                return self._flood(move)
            case Knock():
                return self._knock(move)
            case Ask():
                return self._ask(move)
            case SignIn():
                return self._sign_in(move)
            case WaysIn():
                return ways_in(self._vantage, move, self._overheard_by(move.who))
            case Hold():
                return self._hold(move)
            case Look():
                return self._look(move)
            case Clog():
                return self._clog(move)
            case Wait(seconds):
                time.sleep(min(seconds, self._left(seconds)))
                return Heard()
            case _:
                assert_never(move)

    # ── one conversation, move by move ──

    def _connect(self, move: Connect) -> Heard:
        if before := self._wires.pop(move.who, None):
            before.leave()
        wire = self._open(move.who, move.port, move.ipv6)
        self._wires[move.who] = wire
        said = wire.hear(self._left(self._answer_seconds))
        if move.starttls and said.code < 400:
            refusal = self._secured(wire)
            said = refusal or said
        self._last[move.who] = said
        return Heard(said.code, said.text)

    def _secured(self, wire: Wire) -> Said | None:
        """The refusal, if there is one."""
        for line in (f"EHLO {NAME}", "STARTTLS"):
            if (said := wire.ask(line, self._left(self._answer_seconds))).code >= 300:
                return said
        wire.secure(self._left(self._answer_seconds))
        said = wire.ask(f"EHLO {NAME}", self._left(self._answer_seconds))
        return said if said.code >= 300 else None

    def _say(self, move: Say) -> Heard:
        wire = self._wire(move.who)
        if isinstance(move.line, bytes):
            self._remember_marks_in(move.line)
        said = wire.ask(move.line, self._left(self._answer_seconds))
        self._last[move.who] = said
        if isinstance(move.line, str):
            return Heard(said.code, said.text)
        every = [said, *self._more_of(wire)]
        self.kept.replies += [f"{one.code} {one.text}" for one in every]
        return Heard(said.code, said.text, codes=tuple(one.code for one in every))

    def _more_of(self, wire: Wire) -> Iterator[Said]:
        """What else is answered to octets that may have been more than one command."""
        with contextlib.suppress(Lost):
            while True:
                yield wire.hear(_MORE_ANSWERS_SECONDS)

    def _content(self, move: Content) -> Heard:
        wire = self._wire(move.who)
        if self._last.get(move.who, Said(0, "")).code != 354:
            return Heard(lost="the server had not asked for a letter")
        mark = self._new_mark(0)
        until = time.monotonic() + self._left(move.seconds if move.octets_per_second else _FINAL_SECONDS)
        content = letter(self._scene, mark, move.head)
        try:
            wire.pour(pieces(content, move.size_bytes), until, move.octets_per_second)
            said = wire.ask(b".\r\n", self._left(_FINAL_SECONDS))
        except Lost as lost:
            return self._cut_off(wire, mark, lost)
        self._last[move.who] = said
        self._keep(mark, said)
        return Heard(said.code, said.text)

    def _cut_off(self, wire: Wire, mark: str, lost: Lost) -> Heard:
        """Who cuts a letter off may have said why; whether it was taken all the same, the mailbox tells."""
        self._keep(mark, None)
        try:
            said = wire.hear(2.0)
        except Lost:
            return Heard(lost=str(lost))
        return Heard(said.code, said.text, lost=str(lost))

    def _wire(self, who: Who) -> Wire:
        wire = self._wires.get(who)
        if wire is None or wire.lost:
            raise Lost(wire.lost if wire else "no conversation is open")
        return wire

    # ── whole letters ──

    def _deliver(self, move: Deliver) -> Heard:
        codes: list[int] = []
        took: list[float] = []
        last = Heard()
        for number in range(min(move.times, _MOST_TIMES)):
            began = time.monotonic()
            if began > self._until:
                break
            last = self._delivered(move, self._new_mark(number))
            codes.append(last.code)
            took.append(time.monotonic() - began)
        return Heard(last.code, last.text, last.lost, 0.0, last.verb, tuple(codes), tuple(took))

    def _delivered(self, move: Deliver, mark: str) -> Heard:
        verb = "CONNECT"
        content = letter(self._scene, mark, recipient=move.recipient)
        try:
            wire = self._open(move.who, move.port)
        except OSError as error:
            return Heard(lost=f"no connection: {error.strerror or error}", verb=verb)
        try:
            for verb, line in self._steps(move):
                said = self._step(wire, verb, line)
                if said.code >= 400 or (verb == "DATA" and said.code != 354):
                    return Heard(said.code, said.text, verb=verb)
            verb = "DATA-END"
            wire.pour(pieces(content, move.size_bytes), time.monotonic() + self._left(_FINAL_SECONDS))
            said = wire.ask(b".\r\n", self._left(_FINAL_SECONDS))
            self._keep(mark, said)
            return Heard(said.code, said.text, verb=verb)
        except Lost as lost:
            return self._cut_off(wire, mark, lost) if verb == "DATA-END" else Heard(lost=str(lost), verb=verb)
        finally:
            wire.leave()

    def _flood(self, move: Flood) -> Heard:
        codes: list[int] = []
        took: list[float] = []
        wire = self._open(move.who, move.port)
        said, began = Said(0, ""), time.monotonic()
        try:
            for line in ("", f"EHLO {NAME}"):
                said = self._step(wire, "", line)
            while said.code < 400 and len(codes) < min(move.letters, _MOST_TIMES):
                start = time.monotonic()
                said = self._one_of_many(wire, move, self._new_mark(len(codes)))
                codes.append(said.code)
                took.append(time.monotonic() - start)
                if said.code != _TAKEN or _HELD in said.text or took[-1] >= move.slow_seconds:
                    break
                time.sleep(max(0.0, min(began + len(codes) / move.each_second - time.monotonic(), self._left(1.0))))
        except Lost as lost:
            return Heard(said.code, said.text, str(lost), codes=tuple(codes), took=tuple(took))
        finally:
            wire.leave()
        return Heard(said.code, said.text, codes=tuple(codes), took=tuple(took))

    def _one_of_many(self, wire: Wire, move: Flood, mark: str) -> Said:
        """The answer that ended this letter."""
        for line in (f"MAIL FROM:<{move.sender}>", f"RCPT TO:<{move.recipient}>", "DATA"):
            if (said := self._step(wire, "", line)).code >= 400:
                return said
        wire.pour(pieces(letter(self._scene, mark, recipient=move.recipient), 0), time.monotonic() + _FINAL_SECONDS)
        said = wire.ask(b".\r\n", self._left(_FINAL_SECONDS))
        self._keep(mark, said)
        return said

    def _steps(self, move: Deliver) -> Iterator[tuple[str, str]]:
        """Each verb with its line; the greeting has none."""
        yield "CONNECT", ""
        yield "EHLO", f"EHLO {NAME}"
        if move.as_user:
            account = self._account or Account("", "")
            secret = b64encode(f"\0{account.user}\0{account.password}".encode()).decode()
            yield from (
                ("STARTTLS", "STARTTLS"),
                ("TLS", ""),
                ("EHLO", f"EHLO {NAME}"),
                ("AUTH", f"AUTH PLAIN {secret}"),
            )
        # RFC 1870 6: who announces the size lets the server refuse early, for its own limit or for a full mailbox.
        size = f" SIZE={move.size_bytes}" if move.size_bytes and self._scene.limit_bytes else ""
        yield "MAIL", f"MAIL FROM:<{move.sender}>{size}"
        yield "RCPT", f"RCPT TO:<{move.recipient}>"
        yield "DATA", "DATA"

    def _step(self, wire: Wire, verb: str, line: str) -> Said:
        if verb == "TLS":
            wire.secure(self._left(self._answer_seconds))
            return Said(220, "")
        return wire.ask(line, self._left(self._answer_seconds)) if line else wire.hear(self._left(self._answer_seconds))

    # ── what is no conversation of SMTP ──

    def _knock(self, move: Knock) -> Heard:
        try:
            self._vantage.connect(move.who, move.port, self._left(_KNOCK_SECONDS), move.ipv6).close()
        except ConnectionRefusedError:
            return Heard(door="closed")
        except TimeoutError:
            return Heard(door="silent")
        except OSError as error:
            return Heard(door="unknown", lost=error.strerror or str(error))
        return Heard(door="open")

    def _ask(self, move: Ask) -> Heard:
        wire = self._open(move.who, move.port)
        said = b""
        try:
            said += wire.raw(self._left(5.0))
            for line in move.lines:
                wire.send(line.encode() + b"\r\n", self._left(5.0))
                said += self._answer_to(line, wire)
        except Lost as lost:
            return Heard(text=_lines_of(said), lost=str(lost))
        finally:
            wire.close()
        return Heard(text=_lines_of(said))

    def _answer_to(self, line: str, wire: Wire) -> bytes:
        ends = (line.split(" ", 1)[0].encode(), b"+OK", b"-ERR")
        said = b""
        while not any(one.startswith(ends) for one in said.splitlines()) and len(said) < 1 << 16:
            said += wire.raw(self._left(5.0))
        return said

    def _sign_in(self, move: SignIn) -> Heard:
        if self._account is None:
            return Heard(lost="there is no account of the drill's own")
        tries = list(self._tries(move, self._account))
        if not tries:
            return Heard(lost="the time was used up")
        last = tries[-1]
        return Heard(
            last.code, last.text, last.lost, codes=tuple(one.code for one in tries),
            took=tuple(round(one.seconds, 3) for one in tries),
        )  # fmt: skip

    def _tries(self, move: SignIn, account: Account) -> Iterator[Heard]:
        for number in range(min(move.times, _MOST_TIMES)):
            if time.monotonic() > self._until:
                return
            yield (one := sign_in(self._vantage, move, account, number, self._overheard_by(move.who)))
            if 0 < move.enough_seconds <= one.seconds:
                return

    def _look(self, move: Look) -> Heard:
        until = time.monotonic() + self._left(move.seconds)
        while True:
            others = self._canary.others(self._began)
            if others or time.monotonic() > until:
                return Heard(arrived=len(others), text="\n".join(others))
            time.sleep(0.5)

    # ── many at once ──

    def _hold(self, move: Hold) -> Heard:
        began = len(self._held)
        why = ""
        for _ in range(min(move.connections, _MOST_HELD)):
            try:
                self._held.append(self._vantage.connect(move.who, move.port, self._left(_KNOCK_SECONDS)))
            except OSError as error:
                why = f"no connection: {error.strerror or error}"
                break
        mine = self._held[began:]
        codes = _greetings(mine, time.monotonic() + self._left(_GREETINGS_SECONDS))
        if move.drip_seconds:
            self._dripping = _Drip(mine, move.drip_seconds)
        self._overhear("C", f"({len(mine)} conversations held open)")
        return Heard(max(codes, default=0), f"{len(mine)} conversations", why, codes=codes)

    def _clog(self, move: Clog) -> Heard:
        if self._queue is None:
            return Heard(lost="the queue of that server is not this machine's")
        marks = [self._new_mark(number) for number in range(min(move.letters, _MOST_CLOG))]
        letters = [letter(self._scene, mark) for mark in marks]
        sender = f"{self._scene.mark}@{NAME}"
        operated = self._queue.hold_and_release(
            sender, self._scene.recipient, letters, lambda: len(self._canary.arrivals(marks))
        )
        self.kept.replies += [f"queued as {id}" for id in operated.ids]
        self.kept.marks[self._number] = marks
        if operated.released:
            self.kept.certain.update(marks)
        laid = len(operated.ids)
        self._overhear("C", f"({laid} letters of {sender} laid into the queue: {operated.says})")
        codes = (laid, operated.held, operated.seen, operated.escaped, operated.released)
        return Heard(text=operated.says, lost=operated.lost, codes=codes)

    # ── small things ──

    def _open(self, who: Who, port: int, ipv6: bool = False) -> Wire:
        self._overhear("-", f"{who} ({'IPv6' if ipv6 else self._vantage.address(who)}) connects to port {port}")
        connection = self._vantage.connect(who, port, self._left(self._answer_seconds), ipv6)
        return Wire(connection, self._overheard_by(who))

    def _overheard_by(self, who: Who) -> Overhear:
        return lambda side, line: self._overhear(f"{side}:{who.name.lower()}", line)

    def _left(self, wished: float) -> float:
        return max(min(wished, self._until - time.monotonic()), 0.1)

    def _new_mark(self, repetition: int) -> str:
        return f"{self._scene.mark}m{self._number:03x}{repetition:04x}"

    def _keep(self, mark: str, said: Said | None) -> None:
        """Unless it was refused, it must be looked for."""
        if said is None or said.code < 400:
            self.kept.marks.setdefault(self._number, []).append(mark)
        if said is not None:
            self.kept.replies.append(f"{said.code} {said.text}")
            if said.code < 300 and "Held for review" not in said.text:
                self.kept.certain.add(mark)

    def _remember_marks_in(self, octets: bytes) -> None:
        """A room that writes a letter itself has put the trial's mark into it, with more behind it or without."""
        mark = self._scene.mark.encode()
        at = octets.find(mark)
        while at >= 0:
            end = at + len(mark)
            while end < len(octets) and octets[end : end + 1].isalnum():
                end += 1
            self.kept.marks.setdefault(self._number, []).append(octets[at:end].decode())
            at = octets.find(mark, end)


def _lines_of(said: bytes) -> str:
    text = said.decode("utf-8", "replace")
    return "\n".join("".join(char for char in line if char.isprintable()) for line in text.splitlines())[:8192]


def _greetings(held: list[socket.socket], until: float) -> tuple[int, ...]:
    """The code of each greeting that comes in time; 0 where none does."""
    codes = []
    for one in held:
        one.settimeout(max(until - time.monotonic(), 0.01))
        try:
            start = one.recv(512)[:3]
        except OSError:
            start = b""
        codes.append(int(start) if start.isdigit() else 0)
    return tuple(codes)


class _Drip:
    """One octet in each conversation, again and again, until it is stopped."""

    def __init__(self, held: list[socket.socket], seconds: float) -> None:
        self._held, self._seconds = held, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip, name="drip", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Before the conversations are closed."""
        self._over.set()
        self._thread.join(10.0)

    def _drip(self) -> None:
        while not self._over.wait(self._seconds):
            for one in self._held:
                with contextlib.suppress(OSError):
                    one.send(b"E")

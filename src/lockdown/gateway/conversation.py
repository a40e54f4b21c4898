"""One client's SMTP conversation: which moment is it, who judges now, and what is answered.

Answers come at once where they can, from a task where an upstream or the disk must be asked; the session stays paused
meanwhile, so that replies keep their order. A crash is caught here, on either way: it answers 4xx, it never accepts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lockdown.gateway import pipeline
from lockdown.gateway.errand import run_errand
from lockdown.gateway.transaction import Transaction, refusal
from lockdown.gateway.upstream import Stranger
from lockdown.model.mail import Announced, Client
from lockdown.model.verdict import ACCEPT, Kind, Verdict
from lockdown.smtp.events import (
    DataChunk,
    DataEnd,
    DataRequested,
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
from lockdown.smtp.reply import Reply
from lockdown.smtp.server import ServerSession

if TYPE_CHECKING:
    from lockdown.gateway.listener import Connection
    from lockdown.gateway.worker import Worker

log = logging.getLogger("lockdown.gateway")

SENDER_OK = Reply(250, "1.0", "Sender ok")
GO_AHEAD = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
OK = Reply(250, "0.0", "Ok")
BYE = Reply(221, "0.0", "Bye")
CANNOT_VERIFY = Reply(252, "5.2", "Cannot VRFY; send the message and see")
HELP = Reply(214, "0.0", "See RFC 5321")
READY_FOR_TLS = Reply(220, "0.0", "Ready to start TLS")
TOO_MANY_ERRORS = Reply(421, "7.0", "Too many errors")
TOO_MANY_COMMANDS = Reply(421, "7.0", "Too many commands without a message")
TOO_SLOW = Reply(421, "4.2", "Too slow; closing")
# What a client may send ahead while an answer is being found; then its TCP window closes (rule R20).
_READ_AHEAD_BYTES = 64 * 1024
_ANSWERS_BYTES = 16 * 1024
_NEVER = float("inf")
_SECONDS_TO_ACKNOWLEDGE = 5
# Looked up once: a member of an Enum class costs a third of a microsecond each time.
_DEFER = Kind.DEFER
# Someone who has just come or has just spoken is about to go on: cutting him off then would cost him a retry.
_IDLE_SECONDS = 2.0

CLOSING = Reply(421, "3.2", "Service is shutting down; try again")
NO_ROOM = Reply(452, "3.1", "No room for a message right now; try again")
CRASHED = Reply(451, "3.0", "Local trouble; try again later")
BLOCKED = Reply(421, "7.1", "Service refused")
BROKEN = Reply(421, "3.0", "Local trouble; try again later")
OVERLOADED = Reply(421, "3.2", "Too busy for new clients; try again later")


def in_place_of_a_greeting(verdict: Verdict) -> Reply:
    """What a client hears that is not greeted: 421 or 554, as RFC 5321 4.3.2 knows no other refusal there."""
    reply = refusal(verdict)
    return reply if reply.code in (421, 554) else BROKEN


class Conversation:
    """What is said on one connection, from the greeting to QUIT."""

    __slots__ = (
        "_advancing",
        "_busy",
        "_channel",
        "_commands",
        "_draining",
        "_errors",
        "_esmtp",
        "_gone",
        "_helo",
        "_line_begun",
        "_peer",
        "_refused",
        "_seconds_unheard",
        "_stranger",
        "_transaction",
        "_unheard",
        "_worker",
        "client",
        "session",
    )

    def __init__(self, worker: Worker, channel: Connection, peer: tuple[Any, ...]) -> None:
        self._worker = worker
        self._channel = channel
        self._peer = peer
        self.session = ServerSession(worker.limits)
        self.client: Client = worker.counts.connected(peer[0])
        self._helo = ""
        self._esmtp = False
        self._stranger: Stranger | None = None
        self._transaction: Transaction | None = None
        self._unheard: bytes | None = None
        self._advancing = self._busy = self._gone = self._draining = self._refused = self._line_begun = False
        self._errors = self._commands = self._seconds_unheard = 0

    # ── from the connection ──

    def greet(self) -> None:
        """The first word is ours: 220, or why not (421 for load and limits, 554 for blocks; rule R7)."""
        worker = self._worker
        verdict = pipeline.judge(pipeline.AT_CONNECT, self.client, worker.settings)
        if worker.restraints.in_force and verdict.kind < _DEFER:
            verdict = worker.restraints.at_connect(self.client, verdict)
        if verdict is not ACCEPT and verdict.kind >= _DEFER:
            reply = in_place_of_a_greeting(verdict)
            worker.recorder.turned_away(self.client, verdict, reply)
            self._turn_away(reply)
        elif worker.draining:
            self._turn_away(CLOSING)
        elif not worker.has_room_for(self.client):
            self._turn_away(OVERLOADED)
        else:
            worker.metrics.connection("greeted")
            if self._channel.has_spoken():
                self.session.receive(b" ")  # what exactly was said does not matter: it came before the greeting
                self.session.greeted()
                self._advance()
                return
            self._channel.transport.write(worker.greeting)
            self.session.greeted()
            self._channel.deadline = worker.idle_until

    def _turn_away(self, reply: Reply) -> None:
        self._refused = True
        self._worker.metrics.connection("refused")
        self._channel.transport.write(reply.wire)
        self._channel.close()

    def receive(self, data: bytes) -> None:
        """More from the client."""
        if self._unheard is not None:
            # It speaks again after our final reply, so it has heard it: a retry will not come (rule R17).
            self._worker.outcomes.forget(self._unheard)
            self._unheard = None
        if self._refused:
            return
        self.session.receive(data)
        if not self._busy:
            self._advance()
        elif self.session.buffered > _READ_AHEAD_BYTES:
            self._channel.hold_back()

    def heard(self) -> None:
        """The client has read our answers: what it sent meanwhile may be answered."""
        if not self._busy and not self._refused and self.session.pending_input:
            self._advance()

    def gone(self) -> None:
        """The connection is closed. What has gone upstream goes on; what has not is forgotten (rule R9)."""
        self._gone = True
        self._worker.counts.disconnected(self.client)
        if self._unheard is not None:
            self._worker.outcomes.left(self._unheard)
        if self._transaction is not None and self._busy:
            self._transaction.client_left()
        elif self._transaction is not None:
            self._transaction.abandon("the client left before the end of the message")
            self._transaction = None

    def client_closes(self) -> None:
        """It ends the connection in order. Had it not read our last words, its system would have reset it instead."""
        if self._unheard is not None and self._channel.is_acknowledged():
            self._worker.outcomes.forget(self._unheard)
            self._unheard = None

    def look_for_proof(self) -> None:
        """Once a second: a client that does not even acknowledge our final reply is as good as gone (rule R17)."""
        if self._unheard is None or self._channel.is_acknowledged():
            self._seconds_unheard = 0
            return
        self._seconds_unheard += 1
        if self._seconds_unheard == _SECONDS_TO_ACKNOWLEDGE:
            self._worker.outcomes.left(self._unheard)

    def too_slow(self) -> None:
        """The deadline is over."""
        if not self._busy:
            self._worker.metrics.connection("too-slow")
            self._say_goodbye(TOO_SLOW)

    def drain(self, now: float) -> None:
        """We stop: who is idle hears it now, who is not may end his transaction first (rule R23)."""
        self._draining = True
        idle_for = now - (self._channel.deadline - self._worker.idle)
        if self._transaction is None and not self._busy and idle_for > _IDLE_SECONDS:
            self._say_goodbye(CLOSING)

    def _say_goodbye(self, reply: Reply) -> None:
        if self._refused:
            return  # it has been said, and the connection only waits to be closed
        self._refused = True
        self._channel.transport.write(reply.wire)
        self._channel.close()

    # ── the loop ──

    def _advance(self) -> None:
        """Answer what has come, in order. A crash of ours ends the conversation with 421: it never accepts."""
        try:
            self._answer_what_has_come()
        except Exception:
            log.exception("conversation-broken %s", self.client.address)
            self._forget_transaction()
            self._say_goodbye(BROKEN)

    def _answer_what_has_come(self) -> None:
        """Until more is needed or something must be asked first."""
        # Measured hot path: it runs for every command of every message.
        session, counts = self.session, self._worker.commands
        out = b""
        while True:
            event = session.next_event()
            kind = type(event)
            if kind is DataChunk:
                self._take(event.data)  # type: ignore[union-attr]
                continue
            if kind is Signal:
                break
            answer = _ANSWERS[kind](self, event)
            if isinstance(answer, Reply):
                counts[kind, answer.code] += 1
                answer = session.answer(answer)
            elif not isinstance(answer, bytes):
                self._busy = True
                self._channel.deadline = _NEVER
                if out:
                    self._channel.transport.write(out)
                    out = b""
                self._advancing = True
                run_errand(self._answer_later(answer, kind))
                self._advancing = False
                if self._busy or self._refused or not session.pending_input:
                    return
                continue  # answered without waiting: calling ourselves for each of these would use up the stack
            out = out + answer if out else answer
            if not session.pending_input:
                break
            if len(out) > _ANSWERS_BYTES:
                # Thousands of commands in one segment: joining their answers on and on would copy them on and on.
                self._channel.transport.write(out)
                self._channel.deadline, out = self._worker.idle_until, b""
                if self._channel.is_clogged:
                    return  # it does not read what we say; `heard` goes on
        if out:
            self._channel.transport.write(out)
            self._channel.deadline = self._worker.idle_until
            self._line_begun = False
            if session.over:
                self._close()
            elif session.deaf and session.awaits_handshake:
                self._busy = True
                self._worker.start_task(self._secure())
        elif not self._line_begun and not session.is_receiving_body:
            # A command has begun; dripping its octets does not prolong it (rule R1).
            self._line_begun = True
            self._channel.deadline = min(self._channel.deadline, self._worker.request_until)

    async def _answer_later(self, answer: Coroutine[Any, Any, Reply], kind: type) -> None:
        try:
            reply = await answer
        except Exception:
            # As in `_advance`: it defers, it never accepts.
            log.exception("conversation-broken %s", self.client.address)
            reply = CRASHED
            self._forget_transaction()
        self._busy = False
        transaction = self._transaction
        if kind is DataEnd:
            self._transaction = None
        if self._gone:
            self._forget_transaction()
            return
        self._worker.commands[kind, reply.code] += 1
        self._channel.transport.write(self.session.answer(reply))
        if transaction is not None:
            if kind is DataEnd:
                self._unheard = transaction.key
            if transaction.hang_up:
                self._close()
                return
        if self.session.over:
            self._close()
            return
        if self._draining and self._transaction is None:
            self._say_goodbye(CLOSING)
            return
        self._channel.deadline = self._worker.idle_until
        self._line_begun = False
        if self._advancing:
            return
        if self.session.pending_input:
            self._advance()
        self._channel.caught_up()

    def _forget_transaction(self) -> None:
        if self._transaction is not None:
            self._transaction.abandon("the conversation ended")
            self._transaction = None

    def _close(self) -> None:
        self._refused = True
        self._channel.close()

    # ── one method for each kind of event ──

    def _hello(self, event: Hello) -> bytes:
        self._forget_transaction()
        self._helo, self._esmtp, self._stranger = event.name, event.esmtp, None
        self._commands += 1
        if self._commands > self._worker.settings.monitoring.commands:
            return self.session.answer(TOO_MANY_COMMANDS)
        return self.session.answer_hello(self._worker.hostname, self._worker.offers(self.session.is_secure))

    def _mail(self, event: Mail) -> Reply | Coroutine[Any, Any, Reply]:
        worker = self._worker
        if not worker.has_disk_room:
            return NO_ROOM
        if (block := worker.counts.blocks.of(self.client.address)) is not None and self.client.block is None:
            self.client = self.client._replace(block=block)
            if self._is_turned_away():
                return BLOCKED
        announced = Announced(self.client, event.sender, event.size, worker.counts.from_network(self.client))
        verdict = pipeline.judge(pipeline.AT_SENDER, announced, worker.settings)
        seconds = 0.0
        if worker.restraints.in_force and verdict.kind < _DEFER:
            verdict, seconds = worker.restraints.at_sender(self.client, self._helo, event.sender, verdict)
        transaction = Transaction(
            worker, self.client, self._stranger or self._make_stranger(), event, self.session.is_secure
        )
        if verdict is not ACCEPT and verdict.kind >= _DEFER:
            transaction.refuse(verdict)
            worker.counts.put_off(self.client)
            return refusal(verdict)
        self._transaction = transaction
        return self._slowly(seconds, SENDER_OK) if seconds else SENDER_OK

    async def _slowly(self, seconds: float, reply: Reply) -> Reply:
        await self._worker.restraints.wait(seconds)
        return reply

    def _is_turned_away(self) -> bool:
        """A block reaches those who are connected already at their next message; the gate may exempt them."""
        verdict = pipeline.judge(pipeline.AT_CONNECT, self.client, self._worker.settings)
        if verdict.kind < _DEFER:
            return False
        self._worker.recorder.turned_away(self.client, verdict, BLOCKED)
        return True

    def _make_stranger(self) -> Stranger:
        # Only a PROXY header tells where the client came to; asking for it is a system call.
        local = ("", 0)
        if self._worker.tells_by_proxy:
            local = self._channel.transport.get_extra_info("sockname") or local
        self._stranger = Stranger(self.client.address, self._peer[1], self._helo, self._esmtp, local[0], local[1])
        return self._stranger

    def _recipient(self, event: Recipient) -> Reply | bytes | Coroutine[Any, Any, Reply]:
        transaction = self._transaction
        assert transaction is not None
        answer = transaction.recipient(event)
        return self._hang_up(answer) if transaction.hang_up and isinstance(answer, Reply) else answer

    def _hang_up(self, reply: Reply) -> bytes:
        """The last word, whatever its code: a gate wants this client gone."""
        self._worker.commands[Recipient, reply.code] += 1
        wire = self.session.answer(reply)
        self.session.end()
        return wire

    def _data_requested(self, event: DataRequested) -> Reply:
        assert self._transaction is not None
        self._commands = 0
        self._transaction.begin_body()
        return GO_AHEAD

    def _take(self, chunk: bytes) -> None:
        """A piece of the message. The deadline moves with the octets, as fast as the least rate allows (rule R1)."""
        transaction = self._transaction
        assert transaction is not None
        self._channel.deadline = transaction.add(chunk)

    def _data_end(self, event: DataEnd) -> Coroutine[Any, Any, Reply]:
        assert self._transaction is not None
        return self._transaction.finish(event)

    def _start_tls(self, event: StartTls) -> Reply:
        self._forget_transaction()
        return READY_FOR_TLS

    async def _secure(self) -> None:
        if await self._channel.secure(self._worker.tls):
            self.session.secured()
            self._busy = False
            self._channel.deadline = self._worker.idle_until

    def _reset(self, event: Reset) -> Reply:
        self._forget_transaction()
        return self._counted(OK)

    def _noop(self, event: Noop) -> Reply:
        return self._counted(OK)

    def _verify(self, event: Verify) -> Reply:
        return self._counted(CANNOT_VERIFY)

    def _help(self, event: Help) -> Reply:
        return self._counted(HELP)

    def _counted(self, reply: Reply) -> Reply:
        self._commands += 1
        return TOO_MANY_COMMANDS if self._commands > self._worker.settings.monitoring.commands else reply

    def _quit(self, event: Quit) -> Reply:
        self._forget_transaction()
        return BYE

    def _fault(self, event: Fault) -> Reply:
        if event.kind.counts:
            self._errors += 1
        if self._errors > self._worker.settings.monitoring.errors:
            return TOO_MANY_ERRORS
        return self._worker.too_big if event.kind is FaultKind.TOO_BIG else event.reply


_ANSWERS: dict[type, Callable[[Conversation, Any], Reply | bytes | Coroutine[Any, Any, Reply]]] = {
    Hello: Conversation._hello,
    Mail: Conversation._mail,
    Recipient: Conversation._recipient,
    DataRequested: Conversation._data_requested,
    DataEnd: Conversation._data_end,
    StartTls: Conversation._start_tls,
    Reset: Conversation._reset,
    Noop: Conversation._noop,
    Verify: Conversation._verify,
    Help: Conversation._help,
    Quit: Conversation._quit,
    Fault: Conversation._fault,
}

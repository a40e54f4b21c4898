"""One message: its envelope, its upstream, its body, its end.

250 is said in two places only, both here: `_deliver` passes on the upstream's own 250 (or the recorded one, to an
identical retry), and `_hold` says it when the quarantine has file, directory and row on disk.
Fails as: a 4xx reply; an OSError of the spool becomes 452.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from lockdown.checklist.attachments.gate import is_held_against_network
from lockdown.checklist.relaying.gate import Route, route
from lockdown.gateway import pipeline, trace
from lockdown.gateway.body import Body
from lockdown.gateway.likeness import proven
from lockdown.gateway.upstream import CHANGED_ITS_MIND, LOST, ONE_AT_A_TIME, UNAVAILABLE, Delivery, Final, Stranger
from lockdown.mime.header import strip_forged
from lockdown.model.mail import Asked, Client
from lockdown.model.mail import Mail as Measured
from lockdown.model.verdict import ACCEPT, Kind, Verdict
from lockdown.smtp.data import Unstuffer
from lockdown.smtp.events import DataEnd, DataFlaw, Mail, Parameters, Recipient
from lockdown.smtp.reply import Reply, parse_reply
from lockdown.state.outcomes import InFlight, Settled
from lockdown.state.transactions import Kind as Ending

if TYPE_CHECKING:
    from lockdown.gateway.scanned import Scanned
    from lockdown.gateway.scanning import Scanning
    from lockdown.gateway.worker import Worker

# Looked up once: a member of an Enum class costs a third of a microsecond each time.
_DEFER = Kind.DEFER

OTHER_CLASS = Reply(452, "5.3", "Send this recipient in a transaction of its own")
NO_ROOM = Reply(452, "3.1", "No room for this message right now; try again")
STILL_BUSY = Reply(451, "4.5", "The same message is being delivered right now; try again")
TOO_LONG_LINE = Reply(550, "6.0", "A line of this message is too long")
BARE_NEWLINE = Reply(550, "6.0", "Bare CR or LF in the message; lines end with CR LF (RFC 5321 2.3.8)")


SERVED = Reply(250, "0.0", "Delivered before")


def refusal(verdict: Verdict, reference: str = "") -> Reply:
    """What the peer hears of a verdict: generic words and a reference, the rest is in the log (rule R7)."""
    text = verdict.tells or "Refused"
    return Reply(verdict.code or 451, verdict.detail or "7.1", f"{text} ({reference})" if reference else text)


_REFUSED_KEPT, _REFUSED_BORNE = 200, 1000
_BOUNCE_OCTETS = 64 * 1024


class Transaction:
    """From MAIL to the answer to the final dot."""

    __slots__ = (
        "_apart",
        "_client_left",
        "_delivery",
        "_in_flight",
        "_last_refusal",
        "_mail",
        "_mark",
        "_refused_besides",
        "_route",
        "_spool_failure",
        "_unrecorded",
        "_worker",
        "accepted",
        "at",
        "body",
        "body_began",
        "client",
        "hang_up",
        "id",
        "key",
        "refused",
        "scanned",
        "secure",
        "sender",
        "started",
        "stranger",
    )

    def __init__(self, worker: Worker, client: Client, stranger: Stranger, mail: Mail, secure: bool) -> None:
        self._worker, self.client, self.stranger, self._mail, self.secure = worker, client, stranger, mail, secure
        self.id = worker.next_id()
        self.sender = mail.sender
        self.accepted: list[Recipient] = []
        self.refused: list[tuple[str, Reply]] = []
        self.body: Body | None = None
        self.body_began = 0.0
        self.at = time.time()
        self.started = time.perf_counter()
        self.scanned: Scanned | None = None
        self.hang_up = False
        """The connection is to be closed after the reply."""
        self.key: bytes | None = None
        """Of the outcome that is remembered until the client has shown that it heard our 250."""
        self._delivery: Delivery | None = None
        self._route: Route | None = None
        self._apart = False
        """Its mail to these recipients will be held; to others it must come on its own."""
        self._spool_failure = ""
        self._refused_besides = 0
        self._in_flight: bytes | None = None
        self._client_left = False
        self._mark: Verdict | None = None
        """Why it goes on with a mark."""
        self._unrecorded = True

    @property
    def size(self) -> int:
        """Octets received, in wire form."""
        return self.body.size if self.body is not None else 0

    @property
    def digest(self) -> str:
        """Of the content, for the log."""
        return self.body.digest().hex()[:32] if self.body is not None and self.body.size else ""

    def sender_words(self) -> tuple[str, ...]:
        """The parameters of MAIL as they are passed on."""
        mail = self._mail
        words = _words(mail.params)
        if mail.size is not None:
            words += (f"SIZE={mail.size}",)
        if mail.body:
            words += (f"BODY={mail.body}",)
        return (*words, "SMTPUTF8") if mail.smtputf8 else words

    # ── recipients ──

    def recipient(self, event: Recipient) -> Reply | Coroutine[Any, Any, Reply]:
        """Judge one RCPT; the upstream is asked live when no gate objects."""
        worker, client, address = self._worker, self.client, event.address
        lately, refused_lately = worker.counts.asked(client)
        asked = Asked(client, self.sender, address, len(self.accepted), lately, refused_lately)
        verdict = pipeline.judge(pipeline.AT_RECIPIENT, asked, worker.settings)
        seconds, apart = 0.0, False
        if worker.restraints.in_force and verdict.kind < _DEFER:
            verdict, seconds = worker.restraints.at_recipient(self, address, verdict)
            apart = worker.restraints.sets_apart(self, address)
        if verdict is not ACCEPT and verdict.kind >= _DEFER:
            return self._refuse_recipient(address.raw, verdict)
        way = route(address, client, worker.settings)
        if self._route not in (None, way) or (self.accepted and apart is not self._apart):
            # Rule R6: one reply after the dot serves one class of recipients; the others come back.
            return self._not_taken(address.raw, OTHER_CLASS)
        self._route, self._apart = way, apart
        return self._ask_slowly(seconds, event) if seconds else self._ask(event)

    async def _ask_slowly(self, seconds: float, event: Recipient) -> Reply:
        await self._worker.restraints.wait(seconds)
        return await self._ask(event)

    def _refuse_recipient(self, path: str, verdict: Verdict) -> Reply:
        if verdict.code >= 500:
            self._worker.counts.refused(self.client)
        self.hang_up = verdict.kind is Kind.HANG_UP
        return self._not_taken(path, refusal(verdict, self.id), verdict)

    def _not_taken(self, path: str, reply: Reply, verdict: Verdict | None = None) -> Reply:
        # Who is refused may ask again without end: what is kept of it is bounded, the rest is counted.
        if len(self.refused) < _REFUSED_KEPT:
            self.refused.append((path, reply))
        else:
            self._refused_besides += 1
            self.hang_up |= self._refused_besides > _REFUSED_BORNE
        self._last_refusal = reply, verdict
        return reply

    async def _ask(self, event: Recipient) -> Reply:
        path, params, delivery = event.address.raw, _words(event.params), self._delivery
        if self._worker.answers_per_recipient and (remembered := self._refused_before(path)) is not None:
            # Told once: it was said of one message, and the next one may well be taken.
            self._worker.outcomes.forget(self._refused_key(path))
            return self._not_taken(path, remembered)
        reply = await (self._open(path, params) if delivery is None else delivery.recipient(path, params))
        if reply.code < 300:
            self.accepted.append(event)
            return reply
        if reply.is_permanent:
            self._worker.counts.refused(self.client)
        return self._not_taken(path, reply)

    async def _open(self, path: str, params: tuple[str, ...]) -> Reply:
        """The first recipient finds the upstream: by preference, the next one when one is down."""
        reply = UNAVAILABLE
        for upstream in self._worker.upstreams(self._route):
            delivery = upstream.delivery(self.sender.raw, self.sender_words(), self.stranger)
            reply = await delivery.recipient(path, params)
            if reply is not UNAVAILABLE:
                self._delivery = delivery
                return reply
        return reply

    # ── the body ──

    def begin_body(self) -> None:
        """DATA was said."""
        worker = self._worker
        self.body = Body(worker.spill_directory, worker.memory_per_message, worker.memory)
        self.body_began = worker.now
        worker.uploading.add(self)

    def add(self, chunk: bytes) -> float:
        """One more piece; until when the next one must come (rule R1: the octets prolong it at the least rate).

        A full disk is answered at the dot: until then the client only speaks (RFC 5321 4.1.1.4).
        """
        body, worker = self.body, self._worker
        assert body is not None
        if not self._spool_failure:
            try:
                body.add(chunk)
            except OSError as error:
                self._spool_failure = f"{worker.spill_directory}: {error.strerror or error}"
                body.close()
        whole = self.body_began + worker.request + body.size / worker.least_rate
        return whole if whole < worker.idle_until else worker.idle_until

    def release_upstream(self) -> None:
        """The upload is slow: the upstream's connection serves others meanwhile (rule R5)."""
        if self._delivery is not None:
            self._delivery.release()

    def nature(self) -> str:
        """What it is to whom it comes; "" for most, and for what was not read."""
        worker, scanned, body = self._worker, self.scanned, self.body
        if scanned is None or body is None or worker.scanning is None:
            return ""
        # A bounce tells in its body which letter it is about.
        start = body.start(_BOUNCE_OCTETS) if not self.sender.raw and body.in_memory else b""
        return worker.scanning.nature(scanned, start)

    # ── the end ──

    async def finish(self, end: DataEnd) -> Reply:
        """The dot has come: judge, and deliver, hold or refuse. Whatever happens, it is recorded once."""
        self._worker.uploading.discard(self)
        dot = time.perf_counter()
        try:
            reply = await self._decide(end)
        finally:
            if self.body is not None:
                self.body.close()
        self._worker.metrics.dot_to_reply(time.perf_counter() - dot)
        return reply

    async def _decide(self, end: DataEnd) -> Reply:
        if self._spool_failure:
            return self._turn_down("deferred", NO_ROOM, self._spool_failure)
        if end.flaw is not None:
            return self._flawed(end.flaw)
        assert self.body is not None
        mail = self._worker.facts.mail(self, self.body, end)
        verdict = pipeline.judge(pipeline.AT_MESSAGE, mail, self._worker.settings)
        scanning = self._worker.scanning
        if scanning is not None and (verdict is ACCEPT or verdict.kind < _DEFER):
            verdict = await self._scan(scanning, mail, verdict)
        if self._worker.restraints.in_force and verdict.kind < _DEFER:
            verdict, seconds = self._worker.restraints.at_dot(self, verdict, self.scanned)
            if seconds and verdict.kind < _DEFER:
                await self._worker.restraints.wait(seconds)
        if verdict is not ACCEPT and verdict.kind >= _DEFER:
            self.hang_up = verdict.kind is Kind.HANG_UP
            self._worker.counts.spare(mail.recipients, self.size)
            return self._turn_down(_word(verdict), refusal(verdict, self.id), verdict.says, verdict)
        if verdict is not ACCEPT and verdict.kind is Kind.QUARANTINE:
            self._worker.counts.spare(mail.recipients, self.size)
            return await self._hold(verdict, mail.header)
        self._mark = None if verdict is ACCEPT else verdict
        return await self._deliver(verdict, mail.header)

    async def _scan(self, scanning: Scanning, mail: Measured, verdict: Verdict) -> Verdict:
        """What the engines say is gathered, then judged; the stricter verdict of both wins."""
        worker = self._worker
        found = scanning.examine(self, mail)
        if not isinstance(found, tuple | Verdict):
            # Of its own task: what it awaits needs one, and this code runs in an errand.
            found = await worker.loop.create_task(found)
        if isinstance(found, Verdict):
            return found
        self.scanned = found
        after = pipeline.judge(scanning.gates, found.examined, worker.settings)
        return after if after.kind > verdict.kind else verdict

    def _flawed(self, flaw: DataFlaw) -> Reply:
        """Refused, never mended: the servers behind trust their neighbour's line ends (rules R11, R18)."""
        if flaw in (DataFlaw.BARE_CR, DataFlaw.BARE_LF):
            self.hang_up = True
            return self._turn_down("rejected", BARE_NEWLINE, flaw.value)
        if flaw is DataFlaw.LINE_TOO_LONG:
            return self._turn_down("rejected", TOO_LONG_LINE, flaw.value)
        return self._turn_down("rejected", self._worker.too_big, flaw.value)

    def _turn_down(self, ending: Ending, reply: Reply, says: str, verdict: Verdict | None = None) -> Reply:
        self._abandon_delivery()
        self._record(ending, reply, says=says, verdict=verdict)
        return reply

    async def _hold(self, verdict: Verdict, header: bytes) -> Reply:
        """250 only when file, directory and row are on disk; the recipients' server never sees it."""
        self._abandon_delivery()
        reply = await self._worker.quarantine.hold(self, verdict, header, self._content(header, verdict))
        self._record("quarantined" if reply.is_positive else "deferred", reply, verdict=verdict)
        return reply

    def _content(self, header: bytes, verdict: Verdict) -> Iterator[bytes]:
        """The message as a reader would see it: our trace fields, then what came, unstuffed."""
        assert self.body is not None
        prefix, offset = self._prefix(header, verdict)
        yield prefix
        unstuffer = Unstuffer()
        for piece in self.body.pieces(offset):
            yield unstuffer.feed(piece)

    def _prefix(self, header: bytes, verdict: Verdict) -> tuple[bytes, int]:
        """Our fields on top (rule R16), and where the rest of the body begins: behind the header if it was cleaned."""
        top = trace.fields(self, self._worker.hostname, verdict, self._worker.settings)
        cleaned = strip_forged(header, self._worker.authserv_id)
        if cleaned is not None:
            return top + cleaned, len(header)
        # A message that begins with no field would continue our last one: an empty line ends the header, as in Postfix.
        assert self.body is not None
        begins_with_body = not header or header[:1] in b" \t"
        return (top + b"\r\n" if begins_with_body and self.body.start(2)[:2] != b"\r\n" else top), 0

    async def _deliver(self, verdict: Verdict, header: bytes) -> Reply:
        worker, delivery = self._worker, self._delivery
        assert delivery is not None and self.body is not None
        outcomes, now = worker.outcomes, time.time
        key = self.outcome_key()
        before = outcomes.recall(key, now())
        match before:
            case Settled():
                delivery.abandon()
                worker.metrics.duplicate_suppressed()
                reply = _recorded(before)
                self._record("replayed", reply, says="an identical retry; the first sending had been accepted")
                self.key = key
                return reply
            case InFlight():
                return self._turn_down("deferred", STILL_BUSY, "the same message is in flight")
        served = self._served_before() if delivery.per_recipient else frozenset()
        if served and len(served) == len(self.accepted):
            return self._all_served(key)
        # From the first word on, not only from the dot: a client that grows impatient sends the same on a second
        # connection while the first one is still being handed over.
        outcomes.begin(key, now(), attended=not self._client_left)
        self._in_flight = key
        delivery.repeats = before is not None
        try:
            final = await (
                self._hand_over(verdict, header) if not served else self._serve_others(served, verdict, header)
            )
        except BaseException:
            # A crash of ours: nobody knows, and a retry must not wait for us.
            outcomes.doubt(key, now())
            raise
        says = "possible duplicate: an earlier sending was lost between acceptance and its answer" if before else ""
        return self._settle(key, final, served, says)

    def _hand_over(self, verdict: Verdict, header: bytes) -> Coroutine[Any, Any, Final]:
        assert self._delivery is not None and self.body is not None
        prefix, offset = self._prefix(header, verdict)
        return self._delivery.deliver(prefix, self.body, offset)

    def _settle(self, key: bytes, final: Final, served: frozenset[int], says: str) -> Reply:
        """Remember before the client hears: an identical retry must find what became of this one."""
        outcomes, now = self._worker.outcomes, time.time()
        if final.doubtful:
            outcomes.doubt(key, now)
            self._remember_each(final, served)
            self._worker.metrics.outcome_unknown()
            self._record("unknown-outcome", LOST, says=f"{final.why}; outcome=unknown")
            return LOST
        if all(reply.is_positive for reply in final.replies):
            reply = final.replies[0]
            words = f"{reply.enhanced} {reply.lines[0]}"
            outcomes.settle(key, reply.code, words, now, attended=not self._client_left)
            self.key = key
            self._forget_each(served)
            if self.scanned is not None and self._worker.scanning is not None:
                self._worker.scanning.delivered(self.scanned)
                self._vouch(self.scanned)
            self._record("accepted", reply, says=says, verdict=self._mark)
            return reply
        outcomes.forget(key)
        reply = self._mixed(final, served) if served or len(final.replies) > 1 else final.replies[0]
        self._record("rejected" if reply.is_permanent else "deferred", reply, says=final.why)
        return reply

    def _vouch(self, scanned: Scanned) -> None:
        """A newsletter is many letters of one network, and no flood: they are taken off its account."""
        examined, worker = scanned.examined, self._worker
        dkim, spf, _ = proven(examined.identity)
        spam = self._mark is not None or scanned.score.points >= worker.settings.antispam.tag
        if not is_held_against_network(examined.mail, proven=bool(dkim or spf), spam=spam):
            worker.counts.vouch(self.client, len(self.accepted), self.size)

    # ── LMTP: an answer for each recipient, one answer to the client (rule R6) ──

    def _mixed(self, final: Final, served: frozenset[int]) -> Reply:
        """Those served are remembered and left out of the retry; those refused for good are told so at RCPT."""
        replies = final.replies
        if served or any(reply.is_positive for reply in replies):
            # A refusal for all would bounce to those, too, who have the message.
            self._remember_each(final, served)
            return ONE_AT_A_TIME
        return next((reply for reply in replies if reply.is_transient), replies[0])

    def _remember_each(self, final: Final, served: frozenset[int]) -> None:
        """What became of each recipient, where each was told of."""
        now, outcomes = time.time(), self._worker.outcomes
        pending = [event for index, event in enumerate(self.accepted) if index not in served]
        if len(pending) != len(final.replies):
            return
        for event, reply in zip(pending, final.replies, strict=True):
            if reply.is_positive:
                outcomes.settle(self._served_key(event), reply.code, reply.lines[0], now)
            elif reply.is_permanent:
                outcomes.settle(
                    self._refused_key(event.address.raw), reply.code, f"{reply.enhanced} {reply.lines[0]}", now
                )

    def _forget_each(self, served: frozenset[int]) -> None:
        """The outcome of the whole is known now and stands for theirs: the same message again is another message."""
        for index in served:
            self._worker.outcomes.forget(self._served_key(self.accepted[index]))

    def _all_served(self, key: bytes) -> Reply:
        """Those who are left in this retry have the message already."""
        self._abandon_delivery()
        self._worker.metrics.duplicate_suppressed()
        self._worker.outcomes.settle(key, SERVED.code, f"{SERVED.enhanced} {SERVED.lines[0]}", time.time())
        self._forget_each(frozenset(range(len(self.accepted))))
        self.key = key
        self._record("replayed", SERVED, says="all recipients were served by an earlier sending")
        return SERVED

    def _served_before(self) -> frozenset[int]:
        """Recipients (by place) that got this very message in an earlier try."""
        if self._delivery is None or not self._delivery.per_recipient:
            return frozenset()
        recall, now = self._worker.outcomes.recall, time.time()
        found = (index for index, event in enumerate(self.accepted) if recall(self._served_key(event), now) is not None)
        return frozenset(found)

    async def _serve_others(self, served: frozenset[int], verdict: Verdict, header: bytes) -> Final:
        assert self._delivery is not None
        others = [index for index in range(len(self.accepted)) if index not in served]
        if not await self._delivery.restrict(others):
            return Final((CHANGED_ITS_MIND,), why="the envelope was not accepted a second time")
        return await self._hand_over(verdict, header)

    def _served_key(self, event: Recipient) -> bytes:
        assert self.body is not None
        return self._outcome_key([event.address.raw, "served alone"], self.body.digest())

    def _refused_key(self, path: str) -> bytes:
        return self._outcome_key([path, "refused after the dot"], b"")

    def _refused_before(self, path: str) -> Reply | None:
        found = self._worker.outcomes.recall(self._refused_key(path), time.time())
        return _recorded(found) if isinstance(found, Settled) else None

    def outcome_key(self) -> bytes:
        """What an identical retry has in common with this transaction."""
        assert self.body is not None
        return self._outcome_key([event.address.raw for event in self.accepted], self.body.digest())

    def _outcome_key(self, recipients: list[str], digest: bytes) -> bytes:
        return self._worker.outcomes.key(self.client.prefix, self.sender.raw, recipients, digest)

    # ── other ends ──

    def client_left(self) -> None:
        """It left while its message is on the way: that goes on, and the retry will ask what became of it."""
        self._client_left = True
        if self._in_flight is not None:
            self._worker.outcomes.left(self._in_flight)

    def refuse(self, verdict: Verdict) -> None:
        """MAIL was refused."""
        self._record(_word(verdict), refusal(verdict, self.id), verdict=verdict)

    def abandon(self, why: str) -> None:
        """No message came of it: RSET, QUIT, another EHLO, or the client vanished (rule R9)."""
        self._worker.uploading.discard(self)
        self._abandon_delivery()
        if self.body is not None:
            self.body.close()
        if self._unrecorded and self.accepted:
            self._record("aborted", None, says=why)
        elif self._unrecorded and self.refused:
            reply, verdict = self._last_refusal
            self._record("rejected" if reply.is_permanent else "deferred", reply, verdict=verdict)

    def _abandon_delivery(self) -> None:
        if self._delivery is not None:
            self._delivery.abandon()

    def _record(self, ending: Ending, reply: Reply | None, *, says: str = "", verdict: Verdict | None = None) -> None:
        self._unrecorded = False
        if self._refused_besides:
            says = f"{says}{'; ' if says else ''}{self._refused_besides} recipients more were refused"
        url = self._delivery.url if self._delivery is not None else ""
        self._worker.recorder.ended(self, ending, reply, verdict, says, url)


def _recorded(outcome: Settled) -> Reply:
    return parse_reply([f"{outcome.code} {outcome.text}".encode()])


def _word(verdict: Verdict) -> Ending:
    return "deferred" if verdict.kind is Kind.DEFER else "rejected"


def _words(params: Parameters) -> tuple[str, ...]:
    return tuple([f"{name}={value}" if value else name for name, value in params]) if params else ()

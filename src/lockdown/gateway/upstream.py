"""The servers behind: who may take a message, over which connection, and what they said.

A `Delivery` is one transaction towards them. It is opened by the first recipient, asked live for each, and carries the
message only when the whole of it is here and judged. `deliver` answers in one of three ways, and the difference is
what keeps mail from being lost or doubled: the upstream's own words, "nothing was accepted", or "nobody can know".

Fails as: a 450 or 451 `Reply` with the reason in `why`; never by an exception.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from lockdown.config import Gateway
from lockdown.gateway.body import Body
from lockdown.gateway.errand import as_errand, run_errand
from lockdown.gateway.link import Link, LinkLost
from lockdown.gateway.proxy import proxy_header
from lockdown.smtp.reply import Reply

log = logging.getLogger("lockdown.gateway")

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Za-z.:]{3,60}\]")
# Idle connections that are kept for their whole time; more than these are closed after Postfix's own two seconds.
_KEPT_IDLE = 5
_SURPLUS_SECONDS = 2.0
# Beyond these the rest after a failure grows no longer; a power of a number without bound is no float some day.
_MOST_FAILURES = 10

UNAVAILABLE = Reply(450, "4.1", "The mail server behind does not answer; try again")
LOST = Reply(451, "4.1", "The mail server behind was lost; try again")
CONFUSED = Reply(451, "3.0", "The mail server behind gave an answer that makes no sense; try again")
CHANGED_ITS_MIND = Reply(451, "3.0", "The mail server behind answered differently this time; try again")
NO_SMTPUTF8 = Reply(550, "6.7", "The mail server behind does not take internationalised addresses")
ONE_AT_A_TIME = Reply(451, "5.3", "Some recipients were not served; try again, those who were are remembered")


@dataclass(frozen=True, slots=True)
class Offers:
    """What an upstream can do, as far as it matters to our own EHLO (rule R13)."""

    size: int | None = None
    eightbitmime: bool = False
    smtputf8: bool = False
    dsn: bool = False

    def both(self, other: Offers) -> Offers:
        """What both can do."""
        sizes = [size for size in (self.size, other.size) if size]
        return Offers(
            size=min(sizes, default=None),
            eightbitmime=self.eightbitmime and other.eightbitmime,
            smtputf8=self.smtputf8 and other.smtputf8,
            dsn=self.dsn and other.dsn,
        )


class Stranger(NamedTuple):
    """The client as the upstream is told of it (XCLIENT, PROXY)."""

    address: str
    port: int
    helo: str
    esmtp: bool
    local_address: str
    local_port: int

    @property
    def known_as(self) -> str:
        """What XCLIENT tells of it."""
        return f"{self.address} {self.helo} {self.esmtp}"


class Final(NamedTuple):
    """How a delivery ended. `replies` are the upstream's own, one for SMTP, one a recipient for LMTP.

    `doubtful`: the dot was sent and no answer came, so nobody can know whether it was accepted.
    """

    replies: tuple[Reply, ...]
    doubtful: bool = False
    why: str = ""


class Delivery(Protocol):
    """One transaction towards an upstream."""

    url: str
    per_recipient: bool
    """Whether the upstream answers for each recipient after the dot (LMTP)."""
    repeats: bool
    """Whether an earlier sending of this message may have arrived: who can look, should."""

    async def recipient(self, path: str, params: Sequence[str]) -> Reply:
        """Ask for one recipient, live."""
        ...

    async def deliver(self, prefix: bytes, body: Body, offset: int) -> Final:
        """Hand over `prefix` and the body from `offset`."""
        ...

    async def restrict(self, wanted: Sequence[int]) -> bool:
        """Keep only these of the accepted recipients, counted from 0; False when the upstream no longer agrees."""
        ...

    def release(self) -> None:
        """Give the connection back while a slow client uploads; `deliver` asks for the envelope again."""
        ...

    def abandon(self) -> None:
        """The transaction is over without a message."""
        ...


class Upstream(Protocol):
    """A server that may take messages."""

    url: str
    offers: Offers | None
    """None: not known, since it has not answered yet."""
    up: bool

    def delivery(self, sender: str, params: Sequence[str], stranger: Stranger) -> Delivery:
        """Begin a transaction; nothing is sent before the first recipient."""
        ...

    def resting(self) -> bool:
        """Whether it was down so recently that asking again would only make the client wait."""
        ...

    async def probe(self) -> None:
        """Learn what it can do; sets `up` and `offers`."""
        ...

    def tick(self, now: float) -> None:
        """Once a second: time limits, idle connections."""
        ...

    async def close(self) -> None:
        """Say farewell to idle connections."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """An upstream URL, read."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    proxy: bool

    @classmethod
    def read(cls, url: str) -> Target:
        """Read a URL that the settings have already checked."""
        if url.startswith(("maildir:", "lmtp:/")) and not url.startswith("lmtp://"):
            scheme, _, path = url.partition(":")
            return cls(url, scheme, "", 0, path, False)
        parts = urlsplit(url)
        port = parts.port or (24 if parts.scheme == "lmtp" else 25)
        return cls(url, parts.scheme, parts.hostname or "", port, "", parse_qs(parts.query).get("proxy") == ["v2"])


class TlsFailed(LinkLost):
    """It offers STARTTLS and cannot do it."""


class SmtpUpstream:
    """An SMTP or LMTP server, with the connections that one worker keeps to it."""

    def __init__(self, target: Target, gateway: Gateway, hostname: str, tls: ssl.SSLContext) -> None:
        self.url = target.url
        self.target, self.gateway, self.hostname = target, gateway, hostname
        self.lmtp = target.scheme == "lmtp"
        self.offers: Offers | None = None
        self.up = True
        self.why_down = ""
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._idle: list[Link] = []
        self._links: set[Link] = set()
        self._opening = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._failures = 0
        self._retry_at = 0.0
        self._asks_tls = target.scheme == "smtp+starttls"
        self.command_timeout = gateway.command_timeout.total_seconds()
        self.data_timeout = gateway.data_timeout.total_seconds()
        self.final_timeout = gateway.final_timeout.total_seconds()

    def delivery(self, sender: str, params: Sequence[str], stranger: Stranger) -> Delivery:
        return SmtpDelivery(self, sender, params, stranger)

    def resting(self) -> bool:
        return not self.up and self._loop.time() < self._retry_at

    async def probe(self) -> None:
        # No client yet: a PROXY header then says LOCAL, and no XCLIENT is sent.
        stranger = Stranger("", 0, self.hostname, True, "", 0)
        with suppress(LinkLost):
            await as_errand(self._probe(stranger))

    async def _probe(self, stranger: Stranger) -> None:
        self.give(await self.take(stranger, introduce=False))

    def ready_link(self, stranger: Stranger) -> Link | None:
        """An idle connection that knows this client already, or needs not know; None: `take` must be asked."""
        for index in range(len(self._idle) - 1, -1, -1):
            link = self._idle[index]
            if not link.closed and (link.client == stranger.known_as or not (link.client or link.tells_clients)):
                return self._idle.pop(index)
        return None

    def _introducible_link(self) -> Link | None:
        """An idle connection that can still be told of another client.

        Postfix takes XCLIENT from its friends only, and once it has been told of a stranger, it sees the stranger: such
        a connection must never serve another client.
        """
        for index in range(len(self._idle) - 1, -1, -1):
            if not self._idle[index].closed and self._idle[index].tells_clients:
                return self._idle.pop(index)
        return None

    async def take(self, stranger: Stranger, *, fresh: bool = False, introduce: bool = True) -> Link:
        """A connection that is greeted and knows the client. LinkLost when there is none to be had."""
        link = None if fresh else (self.ready_link(stranger) or self._introducible_link())
        if link is not None:
            return await self._introduce(link, stranger) if introduce else link
        if len(self._links) + self._opening >= self.gateway.upstream_connections:
            if self._idle:
                self.drop(self._idle.pop(0))  # it knows another client
            else:
                await self._wait_for_room()
                return await self.take(stranger, fresh=fresh, introduce=introduce)
        self._opening += 1
        try:
            link = await self._open(stranger)
        except LinkLost as lost:
            self._went_down(lost.why)
            raise
        finally:
            self._opening -= 1
        self.up, self._failures = True, 0
        return await self._introduce(link, stranger) if introduce else link

    async def _wait_for_room(self) -> None:
        turn: asyncio.Future[None] = self._loop.create_future()
        self._queue.append(turn)
        limit = self._loop.call_later(self.gateway.connect_timeout.total_seconds(), turn.cancel)
        try:
            await turn
        except asyncio.CancelledError:
            raise LinkLost("all connections to it are in use") from None
        finally:
            limit.cancel()

    def _went_down(self, why: str) -> None:
        self.up, self.why_down = False, why
        self._failures = min(self._failures + 1, _MOST_FAILURES)
        self._retry_at = self._loop.time() + min(30.0, 0.5 * 2**self._failures)
        self._wake_next()

    async def _open(self, stranger: Stranger) -> Link:
        try:
            return await self._open_link(stranger, tls=True)
        except TlsFailed as failed:
            if self._asks_tls:
                raise
            # Its certificate is not checked either: broken TLS is no better reason to stop mail than none at all.
            log.warning("upstream %s: %s; going on without TLS", self.url, failed.why)
            return await self._open_link(stranger, tls=False)

    async def _open_link(self, stranger: Stranger, *, tls: bool) -> Link:
        link = Link(self._loop.time(), lmtp=self.lmtp)
        connecting = self._loop.create_task(self._connect(link))
        limit = self._loop.call_later(self.gateway.connect_timeout.total_seconds(), connecting.cancel)
        try:
            await connecting
        except asyncio.CancelledError:
            raise LinkLost("no connection in time") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
            raise LinkLost(str(error)) from None
        finally:
            limit.cancel()
        self._links.add(link)
        try:
            await self._greet(link, stranger, tls=tls)
        except BaseException:
            self.drop(link)
            raise
        return link

    async def _connect(self, link: Link) -> None:
        if self.target.path:
            await self._loop.create_unix_connection(lambda: link, self.target.path)
        else:
            await self._loop.create_connection(lambda: link, self.target.host, self.target.port)

    async def _greet(self, link: Link, stranger: Stranger, *, tls: bool) -> None:
        first = b""
        if self.target.proxy:
            told = (stranger.address, stranger.port, stranger.local_address, stranger.local_port)
            first, link.addressed = proxy_header(*told), True
        greeting = (await link.ask(first, 1, self.command_timeout))[0]
        _expect(greeting, 220, "greeted us with")
        await self._hello(link)
        if self._asks_tls or (tls and link.session.extensions.starttls and not self.lmtp):
            await self._secure(link)

    async def _hello(self, link: Link, name: str = "") -> None:
        name = name or self.hostname
        answer = (await link.ask(link.session.hello(name), 1, self.command_timeout))[0]
        if answer.is_permanent and not self.lmtp:
            answer = (await link.ask(link.session.helo(name), 1, self.command_timeout))[0]
        _expect(answer, 250, "answered EHLO with")
        found = link.session.extensions
        link.tells_clients = bool(found.xclient)
        self.offers = Offers(found.size, found.eightbitmime, found.smtputf8, found.dsn)

    async def _secure(self, link: Link) -> None:
        if not link.session.extensions.starttls:
            raise LinkLost("it offers no STARTTLS, and smtp+starttls:// demands it")
        answer = (await link.ask(link.session.starttls(), 1, self.command_timeout))[0]
        if answer.code != 220:
            raise TlsFailed(f"it answered STARTTLS with {answer.code} {answer.lines[0]}")
        try:
            secured = await self._loop.create_task(self._start_tls(link))
        except (OSError, ssl.SSLError) as error:
            raise TlsFailed(f"the TLS handshake failed ({error})") from None
        link.transport = cast(asyncio.Transport, secured)
        link.session.secured()
        await self._hello(link)

    async def _start_tls(self, link: Link) -> asyncio.Transport | None:
        host = self.target.host
        return await self._loop.start_tls(
            link.transport, link, self._tls, server_hostname=host, ssl_handshake_timeout=30
        )

    async def _introduce(self, link: Link, stranger: Stranger) -> Link:
        """Tell it who the client really is, where it lets us (rule R15)."""
        names = link.session.extensions.xclient
        if not names or link.client == stranger.known_as or not stranger.address:
            return link
        address = f"IPV6:{stranger.address}" if ":" in stranger.address else stranger.address
        known = {
            "HELO": stranger.helo,
            "PROTO": "ESMTP" if stranger.esmtp else "SMTP",
            "NAME": "[UNAVAILABLE]",
            "ADDR": address,
        }
        try:
            told = link.session.xclient({name: value for name, value in known.items() if name in names})
            answer = (await link.ask(told, told.count(b"\n"), self.command_timeout))[-1]
            if not answer.is_positive:
                raise LinkLost(f"it answered XCLIENT with {answer.code} {answer.lines[0]}", stale=link.reused)
            # The name that we say now stands for the client's in Postfix's eyes, whatever XCLIENT said.
            await self._hello(link, stranger.helo if _HOST_NAME.fullmatch(stranger.helo) else "")
        except LinkLost:
            self.drop(link)
            raise
        link.client = stranger.known_as
        return link

    def give(self, link: Link) -> None:
        """Take a connection back for the next transaction."""
        if link.closed or link.addressed:
            link.farewell()
            self.drop(link)
            return
        link.reused, link.idle_since = True, self._loop.time()
        self._idle.append(link)
        self._wake_next()

    def drop(self, link: Link) -> None:
        """A connection that is of no more use."""
        link.fail("given up")
        self._links.discard(link)
        self._wake_next()

    def _wake_next(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def tick(self, now: float) -> None:
        for link in list(self._links):
            link.tick(now)
            if link.closed:
                self._links.discard(link)
                self._wake_next()
        self._let_idle_go(now)

    def _let_idle_go(self, now: float) -> None:
        """A few stay for the next client; the others would keep the server's processes from our other workers."""
        limit = now - self.gateway.upstream_idle.total_seconds()
        surplus = len(self._idle) - _KEPT_IDLE
        kept: list[Link] = []
        for index, link in enumerate(self._idle):
            until = now - _SURPLUS_SECONDS if index < surplus else limit
            if link.idle_since < until and not link.closed:
                link.farewell()
            if link.closed:
                self._links.discard(link)
            else:
                kept.append(link)
        self._idle[:] = kept

    async def close(self) -> None:
        for link in self._idle:
            link.farewell()
        self._idle.clear()


def _expect(reply: Reply, code: int, saying: str) -> None:
    if reply.code != code:
        raise LinkLost(f"it {saying} {reply.code} {' '.join(reply.lines)}")


def passed_on(reply: Reply) -> Reply:
    """An upstream's refusal as the client hears it (rule R7): its own code, unless that makes no sense here."""
    if reply.code == 421:
        return LOST
    return reply if reply.is_transient or reply.is_permanent else CONFUSED


class SmtpDelivery:
    """A transaction over SMTP or LMTP."""

    __slots__ = (
        "_accepted",
        "_link",
        "_params",
        "_refused",
        "_sender",
        "_stranger",
        "_upstream",
        "per_recipient",
        "repeats",
        "url",
    )

    def __init__(self, upstream: SmtpUpstream, sender: str, params: Sequence[str], stranger: Stranger) -> None:
        self._upstream = upstream
        self.url = upstream.url
        self.per_recipient = upstream.lmtp
        self.repeats = False
        self._sender, self._params, self._stranger = sender, params, stranger
        self._link: Link | None = None
        self._refused: Reply | None = None
        self._accepted: list[tuple[str, Sequence[str]]] = []

    async def recipient(self, path: str, params: Sequence[str]) -> Reply:
        if self._refused is not None:
            return self._refused
        link = self._link
        try:
            if link is not None:
                reply = await self._next(link, path, params)
            else:
                link = self._upstream.ready_link(self._stranger) or await self._upstream.take(self._stranger)
                reply = await self._begin(link, path, params)
        except LinkLost as lost:
            if not lost.stale or self._accepted:
                return self._lost(lost)
            # It had grown stale in the pool; nothing has been said in this transaction yet, a new one may say it.
            return await self._once_more(path, params)
        return self._noted(reply, path, params)

    async def _once_more(self, path: str, params: Sequence[str]) -> Reply:
        self._drop()
        try:
            link = await self._upstream.take(self._stranger, fresh=True)
            reply = await self._begin(link, path, params)
        except LinkLost as lost:
            return self._lost(lost)
        return self._noted(reply, path, params)

    def _noted(self, reply: Reply, path: str, params: Sequence[str]) -> Reply:
        if reply.code == 250 or reply.code == 251:
            self._accepted.append((path, params))
            return reply
        return passed_on(reply)

    def _lost(self, lost: LinkLost) -> Reply:
        """Before the dot nothing was accepted: what was promised for this transaction no longer holds."""
        log.warning("upstream %s: %s", self.url, lost.why)
        self._drop()
        if not self._accepted:
            return UNAVAILABLE
        self._refused = LOST
        return LOST

    async def _begin(self, link: Link, path: str, params: Sequence[str]) -> Reply:
        self._link = link
        session = link.session
        if "SMTPUTF8" in self._params and not session.extensions.smtputf8:
            self._refused = NO_SMTPUTF8  # it was offered while this server still took it
            return NO_SMTPUTF8
        question = session.mail(self._sender, self._offered(link, self._params))
        timeout = self._upstream.command_timeout
        if session.extensions.pipelining:
            question += session.recipient(path, self._offered(link, params))
            replies = await link.ask(question, 2, timeout)
        else:
            replies = await link.ask(question, 1, timeout)
            if replies[0].code == 250:
                replies += await link.ask(session.recipient(path, self._offered(link, params)), 1, timeout)
        if replies[-1].code == 421:
            # A kept connection may have been told to go while our question was on its way.
            raise LinkLost("it said 421", stale=link.reused)
        if replies[0].code != 250:
            # Kept for the recipients that follow: the sender was refused, not one of them.
            self._refused = passed_on(replies[0])
            return self._refused
        return replies[1]

    async def _next(self, link: Link, path: str, params: Sequence[str]) -> Reply:
        question = link.session.recipient(path, self._offered(link, params))
        reply = (await link.ask(question, 1, self._upstream.command_timeout))[0]
        if reply.code == 421:
            raise LinkLost("it said 421")
        return reply

    def _offered(self, link: Link, params: Sequence[str]) -> tuple[str, ...]:
        """Only what this upstream understands; an unknown parameter would be refused."""
        if not params:
            return ()
        offers = link.session.extensions
        return tuple(
            param
            for param in params
            if (name := param.partition("=")[0].upper())
            and (
                (name in ("RET", "ENVID", "NOTIFY", "ORCPT") and offers.dsn)
                or (name == "BODY" and offers.eightbitmime)
                or (name == "SMTPUTF8" and offers.smtputf8)
                or (name == "SIZE" and offers.size is not None)
            )
        )

    async def deliver(self, prefix: bytes, body: Body, offset: int) -> Final:
        if self._link is None and not await self.restrict(range(len(self._accepted))):
            # Rule R5: whatever it says now, it has said yes before, and the client has been told so.
            return Final((CHANGED_ITS_MIND,), why="the envelope was not accepted a second time")
        link = cast(Link, self._link)
        gateway = self._upstream.gateway
        # One write for all of a small message: the dot goes with it, so from then on only the answer tells.
        last = b""
        try:
            answer = (await link.ask(link.session.data(), 1, self._upstream.data_timeout))[0]
            if answer.code != 354:
                return self._data_refused(link, answer)
            if body.in_memory:
                last = prefix + b"".join(body.pieces(offset))
            else:
                await link.stream(chain((prefix,), body.pieces(offset)), gateway.block_timeout.total_seconds())
        except LinkLost as lost:
            self._drop()
            return Final((LOST,), why=lost.why)
        except BaseException:
            self._drop()  # within a message nothing but its end may follow, so this connection must end instead
            raise
        expected = len(self._accepted) if self.per_recipient else 1
        try:
            replies = await link.ask(last + link.session.end(True), expected, self._upstream.final_timeout)
        except LinkLost as lost:
            self._drop()
            return Final(_each(link.answers_so_far, expected), doubtful=True, why=lost.why)
        return self._concluded(link, replies, expected)

    def _data_refused(self, link: Link, answer: Reply) -> Final:
        """Rule R8: a refused DATA is the reply; not an octet of the message follows."""
        if answer.is_positive or answer.is_intermediate or answer.code == 421:
            self._drop()
            return Final((passed_on(answer),), why=f"DATA was answered with {answer.code}")
        self.abandon()
        return Final((answer,))

    def _concluded(self, link: Link, replies: list[Reply], expected: int) -> Final:
        if len(replies) < expected or replies[-1].code == 421:
            self._drop()
            # 421 in place of the answer: RFC 5321 4.2.5 leaves the responsibility with the sender.
            return Final(_each(replies, expected), why="it said 421 to the final dot")
        self._link = None
        self._upstream.give(link)
        return Final(_each(replies, expected))

    async def restrict(self, wanted: Iterable[int]) -> bool:
        """Ask for these recipients (again) in a transaction of their own."""
        again = [self._accepted[index] for index in wanted]
        self.release()
        self._accepted, self._refused = [], None
        for path, params in again:
            if not (await self.recipient(path, params)).is_positive:
                self.abandon()
                return False
        return bool(again)

    def release(self) -> None:
        link, self._link = self._link, None
        if link is not None and not link.closed:
            run_errand(_reset(self._upstream, link))

    def abandon(self) -> None:
        self.release()
        self._accepted = []

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._upstream.drop(link)


def _each(replies: list[Reply], expected: int) -> tuple[Reply, ...]:
    """An answer for each that was to come: those that did not come are lost."""
    told = [reply if reply.code < 300 else passed_on(reply) for reply in replies]
    return tuple(told + [LOST] * (expected - len(told)))


async def _reset(upstream: SmtpUpstream, link: Link) -> None:
    try:
        answer = (await link.ask(link.session.reset(), 1, 30.0))[0]
    except LinkLost:
        upstream.drop(link)
        return
    if answer.code == 250:
        upstream.give(link)
    else:
        upstream.drop(link)


def open_upstream(url: str, gateway: Gateway, hostname: str, state: Path, tls: ssl.SSLContext) -> Upstream:
    """The upstream that a URL names."""
    from lockdown.gateway.mailbox import MaildirUpstream

    target = Target.read(url)
    if target.scheme == "maildir":
        return MaildirUpstream(url, state / target.path)
    return SmtpUpstream(target, gateway, hostname, tls)

"""Ask the DNS about strangers: cached, bounded, and never longer than a message may wait.

One `Resolver` belongs to one event loop. What is asked twice at once is asked once; what was asked lately is answered
from memory, synchronously (`cached`). When the resolver behind is silent for several names in a row it rests: for some
growing seconds every answer is Unknown at once, so that mail does not wait in vain for each message anew.

Fails as: Unknown("DNS: no answer in 5 s"), Unknown("DNS: SERVFAIL"), Unknown("no resolver is set") …: a value, never an
exception. Failures are kept for seconds, a name that does not exist for minutes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from lockdown.model.unknown import Unknown

if TYPE_CHECKING:
    import aiodns

KINDS = frozenset({"A", "AAAA", "MX", "PTR", "TXT"})
Value: TypeAlias = str | bytes | tuple[int, str]
"""A and AAAA: an address; PTR: a name; TXT: octets, its strings joined; MX: preference and name."""
Question: TypeAlias = tuple[str, str]
"""A name in lower case without the last dot, and a kind."""


@dataclass(frozen=True, slots=True)
class Records:
    """What the DNS holds of this name and kind; never empty."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """NXDOMAIN, or a name that cannot be one."""


@dataclass(frozen=True, slots=True)
class NoData:
    """The name exists, with nothing of this kind."""


Answer: TypeAlias = Records | NoSuchName | NoData | Unknown
Ask: TypeAlias = Callable[[str, str], Answer]
"""Answers a question from what is known; raises Need where it must be looked up first."""


class Need(BaseException):
    """These questions must be answered before the evaluation can be run again.

    Not an Exception: no library in between may take it for a failure of its own.
    """

    def __init__(self, *questions: Question) -> None:
        super().__init__(questions)
        self.questions = questions


NO_SUCH_NAME, NO_DATA = NoSuchName(), NoData()
_CANNOT_BE = re.compile(r"[^!-\[\]-~]")
_NAME_OCTETS, _LABEL_OCTETS = 253, 63
_TTL_FLOOR, _TTL_CEILING = 10.0, 3600.0
_NEGATIVE_TTL = 120.0
"""Short enough for any zone (RFC 2308 5: the SOA's minimum is with the resolver behind, which keeps it for us)."""
_FAILURE_TTL = 5.0
_ANSWER_RECORDS, _ANSWER_OCTETS = 100, 16 * 1024
_CACHE_OCTETS = 32 * 1024 * 1024
_ENTRY_OCTETS = 300
_IN_FLIGHT = 2000
_SILENT_NAMES = 5
_REST_SECONDS, _REST_CEILING = 1.0, 60.0


def texts(answer: Answer) -> tuple[bytes, ...]:
    """The octet strings of a TXT answer; none where there is none."""
    return tuple(value for value in answer.values if isinstance(value, bytes)) if isinstance(answer, Records) else ()


def ask_all(ask: Ask, questions: Sequence[Question]) -> list[Answer]:
    """The answers in their order; `Need` with all that are missing, so that they are looked up side by side."""
    answers: list[Answer] = []
    missing: list[Question] = []
    for name, kind in questions:
        try:
            answers.append(ask(name, kind))
        except Need as need:
            missing.extend(need.questions)
    if missing:
        raise Need(*missing)
    return answers


def question(name: str, kind: str) -> Question | None:
    """The name as it is asked and kept; None where it cannot be a name (RFC 1035 2.3.4)."""
    name = name.lower().removesuffix(".")
    if not name or len(name) > _NAME_OCTETS or _CANNOT_BE.search(name):
        return None
    if max(map(len, name.split("."))) > _LABEL_OCTETS or ".." in name or name[0] == ".":
        return None
    return name, kind


class Reply(NamedTuple):
    """What a server said, for how many seconds it holds, and whether it was silence."""

    answer: Answer
    ttl: float
    silent: bool = False


class Backend(Protocol):
    """Who really asks."""

    def ask(self, name: str, kind: str) -> Awaitable[Reply]:
        """Never raises, but for cancellation."""

    def close(self) -> None:
        """Give sockets and threads back."""


class Resolver:
    """Answers from memory, or asks. `servers` is antispam.resolvers, `timeout` antispam.dns_timeout in seconds."""

    def __init__(
        self,
        servers: str | Sequence[str],
        timeout: float = 5.0,
        *,
        backend: Backend | None = None,
        entries: int = 20_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend or (CAres(servers, timeout) if servers else None)
        self._clock, self._entries = clock, entries
        self._kept: OrderedDict[Question, tuple[float, Answer, int]] = OrderedDict()
        self._octets = 0
        self._asking: dict[Question, asyncio.Task[Answer]] = {}
        self._silent: set[str] = set()
        self._rest, self._rests_until = 0.0, 0.0

    def cached(self, name: str, kind: str) -> Answer | None:
        """What is known now, without asking; None where it must be asked."""
        if (asked := question(name, kind)) is None:
            return NO_SUCH_NAME
        if self._backend is None:
            return Unknown("no resolver is set")
        found = self._kept.get(asked)
        if found is not None and found[0] > self._clock():
            self._kept.move_to_end(asked)
            return found[1]
        return self._resting()

    def _resting(self) -> Unknown | None:
        left = self._rests_until - self._clock()
        return Unknown(f"DNS: the resolver does not answer; it is asked again in {left:.0f} s") if left > 0 else None

    async def lookup(self, name: str, kind: str) -> Answer:
        """Answer from memory, or ask and wait. Cancelling the wait does not cancel the question: its answer is kept."""
        if (known := self.cached(name, kind)) is not None:
            return known
        asked = question(name, kind)
        assert asked is not None
        task = self._asking.get(asked)
        if task is None:
            if len(self._asking) >= _IN_FLIGHT:
                return Unknown("DNS: too many questions at once")
            task = self._asking[asked] = asyncio.get_running_loop().create_task(self._fetch(asked))
        return await asyncio.shield(task)

    async def _fetch(self, asked: Question) -> Answer:
        assert self._backend is not None
        try:
            reply = _bounded(await self._backend.ask(*asked))
        except Exception as error:
            reply = Reply(Unknown(f"DNS: {type(error).__name__}: {error}"), _FAILURE_TTL)
        finally:
            del self._asking[asked]
        self._note_silence(asked[0], reply.silent)
        self._keep(asked, reply)
        return reply.answer

    def _note_silence(self, name: str, silent: bool) -> None:
        """One broken zone is silent too: it takes several names in a row to call the resolver silent."""
        if not silent:
            self._silent.clear()
            self._rest = 0.0
            return
        self._silent.add(name)
        if len(self._silent) >= _SILENT_NAMES:
            self._rest = min(_REST_CEILING, self._rest * 2 or _REST_SECONDS)
            self._rests_until = self._clock() + self._rest
            # After the rest one more silent name is enough.
            self._silent = set(list(self._silent)[-_SILENT_NAMES + 1 :])

    def _keep(self, asked: Question, reply: Reply) -> None:
        size = _ENTRY_OCTETS + _size(reply.answer)
        self._forget(asked)
        self._kept[asked] = (self._clock() + reply.ttl, reply.answer, size)
        self._octets += size
        while len(self._kept) > self._entries or self._octets > _CACHE_OCTETS:
            self._forget(next(iter(self._kept)))

    def _forget(self, asked: Question) -> None:
        if (old := self._kept.pop(asked, None)) is not None:
            self._octets -= old[2]

    def now(self) -> float:
        """The clock by which answers age, in seconds."""
        return self._clock()

    def forget(self, name: str, kind: str) -> None:
        """Ask anew the next time."""
        if (asked := question(name, kind)) is not None:
            self._forget(asked)

    def close(self) -> None:
        """Give everything back; whoever still waits is cancelled."""
        for task in list(self._asking.values()):
            task.cancel()
        if self._backend is not None:
            self._backend.close()


def _size(answer: Answer) -> int:
    if not isinstance(answer, Records):
        return 0
    return sum(len(value if isinstance(value, (str, bytes)) else value[1]) + 60 for value in answer.values)


def _bounded(reply: Reply) -> Reply:
    """Keep no answer that is larger than any honest one."""
    answer = reply.answer
    if not isinstance(answer, Records):
        return reply
    if len(answer.values) > _ANSWER_RECORDS or _size(answer) - 60 * len(answer.values) > _ANSWER_OCTETS:
        return Reply(Unknown("DNS: the answer is too large"), _NEGATIVE_TTL)
    return reply._replace(ttl=min(_TTL_CEILING, max(_TTL_FLOOR, reply.ttl)))


class CAres:
    """The c-ares library by aiodns: cookies, random ports, TCP after truncation, more than one server.

    Fails as: Reply(Unknown(...)).
    """

    def __init__(self, servers: str | Sequence[str], timeout: float) -> None:
        self._servers = None if servers == "system" else [servers] if isinstance(servers, str) else list(servers)
        self._timeout = timeout
        self._resolver: aiodns.DNSResolver | None = None

    def _started(self) -> aiodns.DNSResolver:
        if self._resolver is None:
            import aiodns
            import pycares

            # Tries wait for one and then two thirds: together the whole time. No search list: names are absolute.
            self._resolver = aiodns.DNSResolver(
                self._servers,
                asyncio.get_running_loop(),
                timeout=self._timeout / 3,
                tries=2,
                flags=pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_EDNS,
            )
        return self._resolver

    async def ask(self, name: str, kind: str) -> Reply:
        """Ask the servers."""
        try:
            async with asyncio.timeout(self._timeout):
                # The last dot keeps c-ares from appending anything.
                found = await self._started().query_dns(f"{name}.", kind)
            return _reply_of(found, kind)
        except TimeoutError:
            return Reply(Unknown(f"DNS: no answer in {self._timeout:g} s"), _FAILURE_TTL, silent=True)
        except Exception as error:
            return _failed(error)

    def close(self) -> None:
        """End the library's thread."""
        if self._resolver is not None:
            self._resolver.cancel()
            # Its channel goes with it.
            self._resolver = None


def _reply_of(found: Any, kind: str) -> Reply:
    """A CNAME stands before what it leads to; a chain that leads to nothing is no data."""
    import pycares

    number = getattr(pycares, f"QUERY_TYPE_{kind}")
    records = [record for record in found.answer if record.type == number]
    if not records:
        return Reply(NO_DATA, _NEGATIVE_TTL)
    ttl = min(record.ttl for record in found.answer)
    return Reply(Records(tuple(_value(record.data, kind) for record in records[: _ANSWER_RECORDS + 1])), ttl)


def _value(data: Any, kind: str) -> Value:
    match kind:
        case "TXT":
            return bytes(data.data)
        case "MX":
            return int(data.priority), _name(data.exchange)
        case "PTR":
            return _name(data.dname)
        case _:
            return str(data.addr)


def _name(name: str | bytes) -> str:
    """What is not ASCII comes as octets, and is no name that can be asked for again."""
    return (name if isinstance(name, str) else name.decode("latin-1")).lower().removesuffix(".")


def _failed(error: Exception) -> Reply:
    from aiodns import error as code

    number = error.args[0] if error.args else None
    if number in (code.ARES_ENOTFOUND, code.ARES_EBADNAME):
        return Reply(NO_SUCH_NAME, _NEGATIVE_TTL)
    if number == code.ARES_ENODATA:
        return Reply(NO_DATA, _NEGATIVE_TTL)
    silent = number in (code.ARES_ETIMEOUT, code.ARES_ECONNREFUSED)
    why = "SERVFAIL" if number == code.ARES_ESERVFAIL else str(error.args[-1] if error.args else error)
    return Reply(Unknown(f"DNS: {why}"), _FAILURE_TTL, silent)

"""One engine, watched: it counts only while it proves itself.

At the start, every minute, and as soon as it has failed to answer, it is given a test virus (or test spam) and a plain
letter. While it fails at that it rests, for 1 s at first and 30 s at most, and is tried again; whoever asks meanwhile
hears at once that it is not there. So a frozen engine costs a few messages their time and not all of them, and one that
says OK to everything is as good as none.

Fails as: `why_not` is a sentence, and not "".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from lockdown.model.unknown import Unknown
from lockdown.scan.clamd import ClamdVersion
from lockdown.scan.proof import TRIAL_SECONDS


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who wants to hear of it: the gateway's numbers. Called on the loop; must not raise."""

    on_answer: Callable[[str, float, str], None] = lambda engine, seconds, outcome: None
    """Engine, seconds, and one of: clean, found, encrypted, too-big, unknown, opinion, failed."""
    on_skipped: Callable[[str, str], None] = lambda engine, why: None
    """An engine was not asked: "resting", "unproven"."""
    on_health: Callable[[str, bool], None] = lambda engine, up: None
    """Told at each proof, not only at changes."""


class Pace(NamedTuple):
    """How often engines are tried, in seconds."""

    trial: float = TRIAL_SECONDS
    """For one trial to answer; spamd has twice as long, its children compile all rules when they begin."""
    every: float = 60.0
    """While all is well."""
    first_rest: float = 1.0
    """After a trial that failed; doubled for each that follows, up to `longest_rest`. No two trials are closer."""
    longest_rest: float = 30.0


class Health(NamedTuple):
    """How one engine does. `engine` is as written in the settings."""

    engine: str
    up: bool
    since: datetime
    """When it became so (aware UTC)."""
    why: str = ""
    """Why it is down."""
    version: str = ""
    signatures: int = 0
    built: datetime | None = None


class _Provable(Protocol):
    word: str
    url: str
    unproven: str

    async def proves_itself(self) -> bool | Unknown: ...

    async def version(self) -> ClamdVersion | str | Unknown: ...


_Client = TypeVar("_Client", bound=_Provable)


class Watched(Generic[_Client]):
    """One engine, and whether it may be asked at present."""

    def __init__(self, client: _Client, hooks: Hooks, clock: Callable[[], datetime], pace: Pace) -> None:
        self.client = client
        self.up = False
        self.why = "it has not been asked yet"
        self._since = clock()
        self._hooks, self._clock, self._pace = hooks, clock, pace
        self._version: ClamdVersion | str | Unknown = Unknown("not asked yet")
        self._rest = pace.first_rest
        self._tried = False
        self._proof: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_proof = float("-inf")

    async def why_not(self, deadline: float) -> str:
        """Why it cannot be asked now, "" when it can. Only its very first proof is waited for."""
        if self.up:
            return ""
        if not self._tried:
            await asyncio.wait({self.prove()}, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        if self.up:
            return ""
        self._hooks.on_skipped(self.client.url, "resting" if self._tried else "unproven")
        return self._resting()

    def _resting(self) -> str:
        if not self._tried:
            return f"{self.client.word} has not proved itself yet"
        return f"{self.client.word} has given no answer that counts since {self._since:%H:%M} UTC: resting ({self.why})"

    def suspect(self) -> None:
        """It gave no answer to a message. Whose fault that is, the test virus tells: now, or as soon as it is due."""
        if self.up and (self._proof is None or self._proof.done()):
            loop = asyncio.get_running_loop()
            self._try_in(max(0.0, self._last_proof + self._pace.first_rest - loop.time()))

    def prove(self) -> asyncio.Task[None]:
        """Try it now, if nobody does so already; the trial, to be waited for."""
        if self._proof is not None and not self._proof.done():
            return self._proof
        loop = asyncio.get_running_loop()
        self._last_proof = loop.time()
        self._stop_timer()
        self._proof = loop.create_task(self._prove())
        return self._proof

    async def _prove(self) -> None:
        try:
            proof = await self.client.proves_itself()
            if proof is True:
                self._version = await self.client.version()
        except Exception as error:  # a bug of ours may neither keep an engine up nor end its trials
            proof = Unknown(f"{self.client.word}: its trial broke: {error!r}")
        self._tried = True
        if proof is True:
            self._turn(up=True, why="")
            self._rest, pause = self._pace.first_rest, self._pace.every
        else:
            self._turn(up=False, why=proof.why if isinstance(proof, Unknown) else self.client.unproven)
            self._rest, pause = min(self._pace.longest_rest, self._rest * 2), self._rest
        self._try_in(pause)

    def _try_in(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.prove)

    def _turn(self, *, up: bool, why: str) -> None:
        if up is not self.up:
            self._since = self._clock()
        self.up, self.why = up, why
        self._hooks.on_health(self.client.url, up)

    async def stop(self) -> None:
        """No more trials."""
        self._stop_timer()
        if self._proof is not None and not self._proof.done():
            self._proof.cancel()
            with suppress(asyncio.CancelledError):
                await self._proof
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def health(self) -> Health:
        """How it does, as of its last trial."""
        match self._version:
            case ClamdVersion(engine, signatures, built):
                return Health(self.client.url, self.up, self._since, self.why, engine, signatures, built)
            case str(version):
                return Health(self.client.url, self.up, self._since, self.why, version)
            case Unknown():
                return Health(self.client.url, self.up, self._since, self.why)

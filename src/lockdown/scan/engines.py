"""The engines that the settings name: each asked about a message, each watched, all at once.

Fails as: Answer(engine, Unknown("clamd has given no answer that counts since 03:12 UTC: resting (…)")), or
Failed(engine, why): one engine's trouble is its own, and never costs another's answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from lockdown.config import Settings
from lockdown.model.scan import Answer, Clean, Encrypted, Failed, Found, Opinion, Outcome, TooBig
from lockdown.model.unknown import Unknown
from lockdown.scan import clamd, rspamd, spamd
from lockdown.scan.clamd import Clamd
from lockdown.scan.place import place_of
from lockdown.scan.rspamd import Envelope, Rspamd
from lockdown.scan.spamd import Spamd
from lockdown.scan.watched import Health, Hooks, Pace, Watched
from lockdown.scan.wire import Octets

BUILTIN: Final = "builtin"
ANTIVIRUS: Final = ("clamd",)
ANTISPAM: Final = ("rspamd", "spamd")
_PORTS: Final = {"clamd": clamd.PORT, "rspamd": rspamd.PORT, "spamd": spamd.PORT}


def check_url(url: str, words: Sequence[str] = ANTIVIRUS + ANTISPAM) -> str:
    """What is wrong with an engine as written in the settings; "" when nothing is. `words`: which may stand there."""
    if url == BUILTIN:
        return ""
    try:
        scheme = urlsplit(url).scheme
        if scheme not in words:
            return f'{url}: not "builtin" and not one of ' + ", ".join(f"{name}://" for name in words)
        place_of(url, _PORTS[scheme])
    except ValueError as error:
        return f"{url}: {error}"
    return ""


_PACE: Final = Pace()
_NOBODY: Final = Hooks()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Engines:
    """All of them. `start` before the first message, `stop` at the end; both on the loop that asks."""

    def __init__(
        self,
        antivirus: Sequence[str],
        antispam: Sequence[str],
        hooks: Hooks = _NOBODY,
        clock: Callable[[], datetime] = _utc_now,
        pace: Pace = _PACE,
    ) -> None:
        """ValueError for what `check_url` objects to."""
        problems = [check_url(url, ANTIVIRUS) for url in antivirus] + [check_url(url, ANTISPAM) for url in antispam]
        for problem in filter(None, problems):
            raise ValueError(problem)
        self._hooks = hooks
        self._antivirus = [
            Watched(Clamd(url, trial=pace.trial), hooks, clock, pace) for url in antivirus if url != BUILTIN
        ]
        self._antispam = [
            Watched(_antispam_client(url, pace.trial), hooks, clock, pace) for url in antispam if url != BUILTIN
        ]

    @classmethod
    def of(cls, settings: Settings, hooks: Hooks = _NOBODY) -> Engines:
        """Those that the settings name."""
        return cls(settings.antivirus.engines, settings.antispam.engines, hooks)

    async def start(self, seconds: float = 5.0) -> None:
        """Try all of them, and wait so long for the outcome: an engine that is down is no reason not to begin."""
        if proofs := {watched.prove() for watched in self._all()}:
            await asyncio.wait(proofs, timeout=seconds)

    async def stop(self) -> None:
        """End all trials."""
        for watched in self._all():
            await watched.stop()

    def _all(self) -> list[Watched[Clamd] | Watched[Rspamd | Spamd]]:
        return [*self._antivirus, *self._antispam]

    def health(self) -> tuple[Health, ...]:
        """How each engine does."""
        return tuple(watched.health() for watched in self._all())

    async def antivirus(self, content: Octets, size: int, deadline: float) -> tuple[Answer, ...]:
        """What each antivirus engine says of the whole message; `deadline` is on the loop's clock."""
        if not self._antivirus:
            return ()
        return tuple(await asyncio.gather(*(self._scan(each, content, size, deadline) for each in self._antivirus)))

    async def _scan(self, watched: Watched[Clamd], content: Octets, size: int, deadline: float) -> Answer:
        url = watched.client.url
        if why := await watched.why_not(deadline):
            return Answer(url, Unknown(why))
        try:
            answer = await watched.client.scan(content, size, deadline)
        except Exception as error:  # a crash is never an accept, and must not cost the other engines' answers
            answer = Answer(url, Unknown(f"clamd: asking it broke: {error!r}"))
        if isinstance(answer.outcome, Clean) and not watched.up:
            # It was found out while we asked it.
            answer = Answer(url, Unknown(f"clamd: {watched.why}"), answer.seconds)
        if isinstance(answer.outcome, Unknown):
            watched.suspect()
        self._hooks.on_answer(url, answer.seconds, _word_of(answer.outcome))
        return answer

    async def antispam(
        self, content: Octets, size: int, envelope: Envelope, deadline: float
    ) -> tuple[Opinion | Failed, ...]:
        """What each antispam engine thinks of the message; `deadline` is on the loop's clock."""
        if not self._antispam:
            return ()
        return tuple(
            await asyncio.gather(*(self._check(each, content, size, envelope, deadline) for each in self._antispam))
        )

    async def _check(
        self, watched: Watched[Rspamd | Spamd], content: Octets, size: int, envelope: Envelope, deadline: float
    ) -> Opinion | Failed:
        url, began = watched.client.url, perf_counter()
        if why := await watched.why_not(deadline):
            return Failed(url, why)
        opinion: Opinion | Failed
        try:
            opinion = await watched.client.check(content, size, envelope, deadline)
        except Exception as error:  # as above
            opinion = Failed(url, f"{watched.client.word}: asking it broke: {error!r}")
        if isinstance(opinion, Opinion) and not watched.up:
            opinion = Failed(url, f"{watched.client.word}: {watched.why}")
        if isinstance(opinion, Failed):
            watched.suspect()
        self._hooks.on_answer(url, perf_counter() - began, "opinion" if isinstance(opinion, Opinion) else "failed")
        return opinion


def _antispam_client(url: str, trial: float) -> Rspamd | Spamd:
    return Rspamd(url, trial=trial) if url.startswith("rspamd:") else Spamd(url, trial=2 * trial)


def _word_of(outcome: Outcome) -> str:
    match outcome:
        case Clean():
            return "clean"
        case Found():
            return "found"
        case Encrypted():
            return "encrypted"
        case TooBig():
            return "too-big"
        case Unknown():
            return "unknown"

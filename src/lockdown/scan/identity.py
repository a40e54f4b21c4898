"""Who vouches for the sender: SPF, DKIM, DMARC, ARC and blocklists of one message, within antispam.dns_timeout.

Most mail comes from domains that have written lately: `at_once` answers from memory, without a task. Where a name must
be looked up first, or a body is large, it says None, and `identify` asks for everything side by side.

Fails as: parts that could not be told are TEMPERROR, or Unknown, with their reason. Never raises; never later than the
time limit, but for the hashing of a large body, which is done in a thread.
"""

from __future__ import annotations

import asyncio
import mmap
import re
from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

from lockdown.config import Settings
from lockdown.model.scan import Arc, Dkim, Identity, Listing, Result, Spf
from lockdown.model.unknown import Unknown
from lockdown.scan import arc, dkim, dmarc, spf
from lockdown.scan.blocklists import Blocklist, Blocklists, Health, parse_blocklist
from lockdown.scan.dns import NO_SUCH_NAME, Answer, Ask, Need, Question, Resolver, ask_all, question, texts
from lockdown.smtp.address import Address

_T = TypeVar("_T")

_SIGNED = re.compile(rb"\n(?:dkim-signature|arc-[a-z-]++)[ \t]*+:", re.IGNORECASE)
_FROM = re.compile(rb"\nfrom[ \t]*+:([^\n]*+(?>(?:\n[ \t][^\n]*+)*))", re.IGNORECASE)
_SHORT_FROM = 200
"""From fields of so many octets together are remembered: correspondents come again."""
_SMALL_BODY = 256 * 1024
"""Octets to hash, once for each way in which signatures want it, that may keep the loop waiting."""
_SMALL_HEADER = 32 * 1024
_SMALL_WORK = 5
"""So many signatures, or sets of a chain, are verified without a thread."""
_ROUNDS = 200
_UNSIGNED = Arc(Result.NONE)
_SPF_KEPT = 4096
_SPF_SECONDS = 30.0


@lru_cache(maxsize=1024)
def _authors(fields: tuple[bytes, ...]) -> tuple[str, ...]:
    return dmarc.author_domains(fields)


class _Letter:
    """What of one message is asked about, read once."""

    def __init__(
        self,
        header: bytes,
        content: bytes | mmap.mmap,
        client_address: str,
        helo: str,
        sender: Address,
        links: Sequence[str],
    ) -> None:
        text = b"\n" + header
        self.client_address, self.helo, self.domains = client_address, helo, links
        # One with a shape but without a domain (postmaster) is checked as what it is: no name.
        self.sender = f"{sender.local}@{sender.domain}" if sender.raw else ""
        authors = tuple(_FROM.findall(text))
        self.authors = _authors(authors) if sum(map(len, authors)) <= _SHORT_FROM else dmarc.author_domains(authors)
        self.content, self.start = content, len(header)
        self.has_large_header = len(header) > _SMALL_HEADER
        self.signatures: Sequence[dkim.Signature | Dkim] = ()
        self.chain: arc.Links | None = None
        self.digests: dict[dkim.BodyHash, dkim.BodyDigest] | None = {}
        self.hashing: asyncio.Future[None] | None = None
        if _SIGNED.search(text):
            self._read_signatures(header)

    def _read_signatures(self, header: bytes) -> None:
        self.header = dkim.Header(header)
        self.signatures = dkim.signatures(self.header)
        chain = arc.Links(self.header)
        self.chain = chain if chain.fields else None
        if self.wanted():
            self.digests = None
            if self.content[self.start : self.start + 2] == b"\r\n":
                self.start += 2

    def wanted(self) -> list[dkim.BodyHash]:
        """How the body must be hashed."""
        wanted = [one.body for one in self.signatures if isinstance(one, dkim.Signature)]
        return wanted + (self.chain.bodies() if self.chain else [])

    def octets_to_hash(self) -> int:
        return (len(self.content) - self.start) * len(set(self.wanted()))

    def is_small(self) -> bool:
        """Whether verifying it is no more work than may be done at once."""
        if self.has_large_header or (self.digests is None and self.octets_to_hash() > _SMALL_BODY):
            return False
        return len(self.signatures) <= _SMALL_WORK and (self.chain is None or self.chain.newest <= _SMALL_WORK)

    def hash_body(self) -> None:
        if self.digests is None:
            self.digests = dkim.body_digests(self.content, self.start, self.wanted())

    def verify_dkim(self, ask: Ask) -> tuple[Dkim, ...]:
        return dkim.verify_all(ask, self.header, self.signatures, self.digests or {}) if self.signatures else ()

    def verify_arc(self, ask: Ask) -> Arc:
        return arc.verify(ask, self.chain, self.digests or {}) if self.chain else _UNSIGNED

    def key_questions(self) -> list[Question]:
        asked = [one.question for one in self.signatures if isinstance(one, dkim.Signature)]
        return asked + (self.chain.questions() if self.chain else [])


class _Watched:
    """Notes whether an answer has macros, and so may depend on more than the client and the domain."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self.saw_macros = ask, False

    def __call__(self, name: str, kind: str) -> Answer:
        answer = self._ask(name, kind)
        if any(b"%" in text for text in texts(answer)):
            self.saw_macros = True
        return answer


class Identifier:
    """Asks about messages. One for each event loop, like its resolver."""

    def __init__(self, settings: Settings, resolver: Resolver, hostname: str) -> None:
        self._resolver, self._hostname = resolver, hostname
        self._timeout = settings.antispam.dns_timeout.total_seconds()
        rules = [(text, parse_blocklist(text)) for text in settings.antispam.blocklists]
        self._problems = tuple(Health(text, False, why, 0.0) for text, why in rules if isinstance(why, str))
        self._blocklists = Blocklists([rule for _, rule in rules if isinstance(rule, Blocklist)], resolver)
        self._spf_kept: dict[tuple[str, str, str], tuple[float, Spf]] = {}

    def health(self) -> tuple[Health, ...]:
        """Of every blocklist of the settings."""
        return self._blocklists.health() + self._problems

    @property
    def asks_about_links(self) -> bool:
        """A list of domains is among the blocklists: `links` are wanted."""
        return any(rule.domains for rule in self._blocklists.rules)

    # ── from memory ──

    def at_once(
        self,
        header: bytes,
        content: bytes | mmap.mmap,
        client_address: str,
        helo: str,
        sender: Address,
        links: Sequence[str] = (),
        *,
        trusted: bool = False,
    ) -> Identity | None:
        """All of it from what is known; None where something must be looked up, or is too much work for here.

        `content` is the whole message without dot-stuffing, `header` its first octets up to the empty line, and
        `links` are the domains that blocklists of domains are asked about, besides those of From. A trusted client is
        asked neither for SPF nor for blocklists.
        """
        if len(header) > _SMALL_HEADER or (not trusted and self._must_wait_for_tests()):
            return None
        letter = _Letter(header, content, client_address, helo, sender, links)
        if not letter.is_small():
            return None
        try:
            spf_result = self._spf(letter, trusted, self._known)
            listings = self._listings(letter, trusted, self._known)
            if letter.signatures or letter.chain:
                ask_all(self._known, letter.key_questions())
                letter.hash_body()
            dkims = letter.verify_dkim(self._known)
            found = dmarc.evaluate(letter.authors, spf_result, dkims, self._known)
            return Identity(spf_result, dkims, found, letter.verify_arc(self._known), listings)
        except Need:
            return None

    def _known(self, name: str, kind: str) -> Answer:
        answer = self._resolver.cached(name, kind)
        if answer is None:
            raise Need((name.lower().removesuffix("."), kind))
        return answer

    def _spf(self, letter: _Letter, trusted: bool, ask: Ask) -> Spf:
        if trusted:
            return Spf(Result.NONE, letter.sender.rpartition("@")[2], "the client is trusted", not letter.sender)
        # A record without macros says the same of every sender of its domain.
        of_domain = (letter.client_address, letter.sender.rpartition("@")[2] or letter.helo, "")
        of_sender = (letter.client_address, letter.sender, letter.helo)
        now = self._resolver.now()
        for asked in (of_domain, of_sender):
            kept = self._spf_kept.get(asked)
            if kept is not None and kept[0] > now and kept[1].helo is not bool(letter.sender):
                return kept[1]
        watched = _Watched(ask)
        found = spf.check(watched, letter.client_address, letter.sender, letter.helo, self._hostname)
        if found.result is not Result.TEMPERROR:
            if len(self._spf_kept) >= _SPF_KEPT:
                self._spf_kept.clear()
            self._spf_kept[of_sender if watched.saw_macros else of_domain] = (now + _SPF_SECONDS, found)
        return found

    def _listings(self, letter: _Letter, trusted: bool, ask: Ask) -> tuple[Listing, ...]:
        if trusted or not self._blocklists:
            return ()
        return self._blocklists.listings(ask, letter.client_address, (*letter.authors, *letter.domains))

    def _must_wait_for_tests(self) -> bool:
        """Only for the first test of a list: later ones go on beside the mail."""
        if not self._blocklists or not self._blocklists.due():
            return False
        self._blocklists.begin_tests()
        return self._blocklists.untested()

    # ── by asking ──

    async def identify(
        self,
        header: bytes,
        content: bytes | mmap.mmap,
        client_address: str,
        helo: str,
        sender: Address,
        links: Sequence[str] = (),
        *,
        trusted: bool = False,
    ) -> Identity:
        """All of it, as far as it can be told within antispam.dns_timeout. The arguments are those of `at_once`."""
        read = partial(_Letter, header, content, client_address, helo, sender, links)
        letter = await asyncio.to_thread(read) if len(header) > _SMALL_HEADER else read()
        inquiry = _Inquiry(self._resolver, self._timeout)
        spf_result, dkims, chain, listings, _ = await asyncio.gather(
            inquiry.told(partial(self._spf, letter, trusted)),
            self._verified(inquiry, letter, letter.verify_dkim),
            self._verified(inquiry, letter, letter.verify_arc),
            self._listed(inquiry, letter, trusted),
            inquiry.told(partial(_climb_all, letter.authors)),
        )
        found = await inquiry.told(partial(dmarc.evaluate, letter.authors, spf_result, dkims))
        return Identity(spf_result, dkims, found, chain, listings)

    async def _verified(self, inquiry: _Inquiry, letter: _Letter, verify: Callable[[Ask], _T]) -> _T:
        if not letter.signatures and letter.chain is None:
            return verify(inquiry.ask)
        await asyncio.gather(self._hashed(letter), inquiry.told(lambda ask: ask_all(ask, letter.key_questions())))
        if letter.is_small():
            return verify(inquiry.at_last)
        # All answers are there: the thread touches nothing that the loop changes.
        return await asyncio.to_thread(verify, inquiry.answered)

    async def _hashed(self, letter: _Letter) -> None:
        if letter.digests is None and not letter.is_small():
            letter.hashing = letter.hashing or asyncio.ensure_future(asyncio.to_thread(letter.hash_body))
            await asyncio.shield(letter.hashing)
        else:
            letter.hash_body()

    async def _listed(self, inquiry: _Inquiry, letter: _Letter, trusted: bool) -> tuple[Listing, ...]:
        if not trusted and self._must_wait_for_tests():
            await inquiry.within(self._blocklists.test())
        return await inquiry.told(partial(self._listings, letter, trusted))


def _climb_all(authors: Sequence[str], ask: Ask) -> None:
    """Look up early what DMARC will want to know."""
    for domain in authors[:2]:
        if domain:
            dmarc.climb(ask, domain)


class _Inquiry:
    """The questions of one message, under one deadline. What has been answered once stays so until its end."""

    def __init__(self, resolver: Resolver, seconds: float) -> None:
        self._resolver = resolver
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + seconds
        self._answers: dict[Question, Answer] = {}

    def ask(self, name: str, kind: str) -> Answer:
        """From what is known."""
        return self._answer(name, kind, last=False)

    def at_last(self, name: str, kind: str) -> Answer:
        """The same when time is up: what is not known by now is Unknown."""
        return self._answer(name, kind, last=True)

    def answered(self, name: str, kind: str) -> Answer:
        """Only what this inquiry itself has been told."""
        asked = question(name, kind)
        return NO_SUCH_NAME if asked is None else self._answers.get(asked, self._silence())

    def _silence(self) -> Unknown:
        return Unknown(f"DNS: no answer in {self._seconds:g} s")

    def _answer(self, name: str, kind: str, *, last: bool) -> Answer:
        asked = question(name, kind)
        if asked is None:
            return NO_SUCH_NAME
        answer = self._answers.get(asked)
        if answer is None:
            answer = self._resolver.cached(*asked)
            if answer is None and not last:
                raise Need(asked)
            answer = self._answers[asked] = answer or self._silence()
        return answer

    async def told(self, part: Callable[[Ask], _T]) -> _T:
        """Run `part` again and again, each time with the answers that it wanted."""
        for _ in range(_ROUNDS):
            try:
                return part(self.ask)
            except Need as need:
                if not await self.within(self._look_up(need.questions)):
                    break
        return part(self.at_last)

    async def _look_up(self, questions: Sequence[Question]) -> None:
        answers = await asyncio.gather(*(self._resolver.lookup(*asked) for asked in questions))
        self._answers.update(zip(questions, answers, strict=True))

    async def within(self, work: Coroutine[Any, Any, object]) -> bool:
        """Whether it was done in time."""
        try:
            async with asyncio.timeout_at(self._until):
                await work
        except TimeoutError:
            return False
        return True

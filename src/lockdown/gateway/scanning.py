"""Gather all that engines say of a message, between its dot and the gates of items 1 and 2; nobody judges here.

Ordinary mail (texts, from a sender whose DNS answers are known) is read at once, in this process and without a task.
What has attachments goes to a reader process, what has to be asked is asked side by side, all under one deadline from
the dot (rule R3). An engine that is silent, broken or full is Unknown or Failed: the gates rule on it.

Fails as: a Verdict DEFER when our own code breaks: a crash is never an accept, whatever the settings say of engines.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from lockdown.checklist.antispam import gate as antispam
from lockdown.checklist.antivirus import gate as antivirus
from lockdown.config import Settings
from lockdown.gateway.body import Body
from lockdown.gateway.nature import domains_of, nature
from lockdown.gateway.repeated import Bodies, Copy, copy_of
from lockdown.gateway.scanned import Scanned
from lockdown.mime.domains import organisational
from lockdown.model.mail import Mail
from lockdown.model.restraint import plain_value
from lockdown.model.scan import Answer, Examined, Failed, Identity, Letter, Opinion, Reading, Result
from lockdown.model.traffic import Dimension
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import Kind, Verdict
from lockdown.scan.builtin import built
from lockdown.scan.dns import Resolver
from lockdown.scan.engines import Engines
from lockdown.scan.identity import Identifier
from lockdown.scan.readers import Readers
from lockdown.scan.rspamd import Envelope
from lockdown.scan.watched import Hooks
from lockdown.smtp.address import Address
from lockdown.smtp.data import Unstuffer, unstuff
from lockdown.state.correspondents import Correspondents, id_digest
from lockdown.state.layout import StateDirectory
from lockdown.state.metrics import GatewayMetrics
from lockdown.state.senders import KnownSenders

if TYPE_CHECKING:
    from lockdown.gateway.transaction import Transaction
    from lockdown.scan.classifier import Classifier

log = logging.getLogger("lockdown.gateway")

AT_SCANNED = (antivirus.message, antispam.message)
"""The gates that judge what is in a message, in their order: the last ones of `pipeline`."""
_BUILTIN = "builtin"
Told = Scanned | Verdict
"""What was gathered; or, when our own code broke, that the message is deferred."""
_LARGE = mmap.mmap | bytes
_MOST_MET = 20
"""Recipients of one message that become acquaintances by it."""
_NOBODY_ASKED = Unknown("no antispam engine is among the settings, so nobody was asked who vouches for the sender")


class Scanning:
    """The engines of one worker, and how a message gets to them."""

    gates = AT_SCANNED

    def __init__(self, settings: Settings, state: StateDirectory, hostname: str, metrics: GatewayMetrics) -> None:
        self._settings, self._metrics, self._spill = settings, metrics, state.run
        antivirus, antispam_settings = settings.antivirus, settings.antispam
        self._reads = _BUILTIN in (*antivirus.engines, *antispam_settings.engines)
        self._weighs = _BUILTIN in antispam_settings.engines
        self._identifies = bool(antispam_settings.engines)
        self._outside = any(engine != _BUILTIN for engine in (*antivirus.engines, *antispam_settings.engines))
        self._deadline = settings.gateway.scan_deadline.total_seconds()
        self._builtin = built(antivirus)
        self.readers = Readers(antivirus)
        self.engines = Engines.of(settings, Hooks(self._answered, metrics.engine_skipped, self._told_health))
        self._resolver = Resolver(antispam_settings.resolvers, antispam_settings.dns_timeout.total_seconds())
        self._turned: dict[str, bool] = {}
        self._unlearnt = ""
        self.identifier = Identifier(settings, self._resolver, hostname)
        self.bodies = Bodies()
        self.classifier = _classifier(state) if self._weighs else None
        self._senders = KnownSenders(state.senders)
        self._correspondents = Correspondents(state.path)

    # ── one message ──

    def examine(self, transaction: Transaction, mail: Mail) -> Scanned | Verdict | Coroutine[Any, Any, Told]:
        """All that can be told of it: at once where nothing has to be waited for, else to be awaited as a task."""
        try:
            return self._at_once(transaction, mail)
        except Exception as error:
            return _broken(error)

    def _at_once(self, transaction: Transaction, mail: Mail) -> Scanned | Coroutine[Any, Any, Told]:
        body = transaction.body
        assert body is not None
        if not body.in_memory:
            return self._guarded(self._of_a_large_one(transaction, mail, body))
        content = unstuff(body.start(body.size))
        reading, copy = self._read_at_once(content) if self._reads else (None, None)
        identity = self._identify_at_once(transaction, mail, content, reading)
        if self._outside or identity is None or (reading is None and self._reads):
            return self._guarded(self._gather(transaction, mail, content, reading, identity, copy))
        return self._put_together(mail, reading, (), identity, ())

    def _read_at_once(self, content: bytes) -> tuple[Reading | None, Copy | None]:
        """Its reading, if it is a copy of one that was read lately or an ordinary letter; and what makes it a copy."""
        began = perf_counter()
        copy = copy_of(content)
        reading = self.bodies.recall(copy) if copy is not None else None
        if reading is None:
            reading = self._builtin.at_once(content)
            self._keep(copy, reading)
        if reading is not None:
            self._metrics.engine(_BUILTIN, perf_counter() - began)
        return reading, copy

    def _keep(self, copy: Copy | None, reading: Reading | Unknown | None) -> None:
        if copy is not None and isinstance(reading, Reading):
            self.bodies.keep(copy, reading)

    async def _guarded(self, gathering: Coroutine[Any, Any, Scanned]) -> Told:
        try:
            return await gathering
        except Exception as error:
            return _broken(error)

    async def _of_a_large_one(self, transaction: Transaction, mail: Mail, body: Body) -> Scanned:
        content = await asyncio.to_thread(_unstuffed, body, self._spill)
        with closing(content):
            identity = None if self._identifies else _NOBODY_ASKED
            return await self._gather(transaction, mail, content, None, identity)

    async def _gather(
        self,
        transaction: Transaction,
        mail: Mail,
        content: _LARGE,
        reading: Reading | None,
        identity: Identity | Unknown | None,
        copy: Copy | None = None,
    ) -> Scanned:
        """Ask side by side whatever is not known yet."""
        deadline = asyncio.get_running_loop().time() + self._deadline
        if identity is not None and not self._outside:
            return self._put_together(mail, await self._read(content, deadline, reading, copy), (), identity, ())
        ask = asyncio.ensure_future
        read = ask(self._read(content, deadline, reading, copy))
        answers = ask(self.engines.antivirus(content, len(content), deadline))
        known = ask(self._identify(mail, content, transaction.stranger.helo, identity, read))
        opinions = ask(self.engines.antispam(content, len(content), _envelope(transaction, mail), deadline))
        # All of them end before the content is let go of, even where one breaks.
        await asyncio.wait((read, answers, known, opinions))
        return self._put_together(mail, read.result(), answers.result(), known.result(), opinions.result())

    async def _read(
        self, content: _LARGE, deadline: float, reading: Reading | None, copy: Copy | None
    ) -> Reading | Unknown | None:
        if reading is not None or not self._reads:
            return reading
        began = perf_counter()
        found = await self.readers.read(content, deadline)
        if isinstance(found, Unknown):
            self._metrics.engine_skipped(_BUILTIN, "unavailable")
        else:
            self._metrics.engine(_BUILTIN, perf_counter() - began)
            self._keep(copy, found)
        return found

    def _identify_at_once(
        self, transaction: Transaction, mail: Mail, content: bytes, reading: Reading | None
    ) -> Identity | Unknown | None:
        if not self._identifies:
            return _NOBODY_ASKED
        links: Sequence[str] = ()
        if self.identifier.asks_about_links:
            if reading is None:
                return None
            links = linked_domains(reading.letter)
        client, helo = mail.client, transaction.stranger.helo
        return self.identifier.at_once(
            mail.header, content, client.address, helo, mail.sender, links, trusted=client.trusted
        )

    async def _identify(
        self,
        mail: Mail,
        content: _LARGE,
        helo: str,
        identity: Identity | Unknown | None,
        read: asyncio.Future[Reading | Unknown | None],
    ) -> Identity | Unknown:
        if identity is not None:
            return identity
        links: Sequence[str] = ()
        if self.identifier.asks_about_links:
            await asyncio.wait((read,))
            links = linked_domains(found.letter) if isinstance(found := read.result(), Reading) else ()
        client = mail.client
        return await self.identifier.identify(
            mail.header, content, client.address, helo, mail.sender, links, trusted=client.trusted
        )

    def _put_together(
        self,
        mail: Mail,
        reading: Reading | Unknown | None,
        answers: tuple[Answer, ...],
        identity: Identity | Unknown,
        opinions: tuple[Opinion | Failed, ...],
    ) -> Scanned:
        if reading is None:
            reading = Unknown("the builtin engine is not among the engines of the settings")
        if self._weighs:
            opinions = (self._weigh(reading), *opinions)
        domain = vouched_domain(identity)
        if domain and isinstance(identity, Identity):
            identity = identity._replace(known_since=self._senders.since(domain))
        examined = Examined(mail, reading, answers, identity, opinions)
        score = antispam.score(examined, self._settings)
        return Scanned(examined._replace(score=score), score)

    def _weigh(self, reading: Reading | Unknown) -> Opinion | Failed:
        if isinstance(reading, Unknown):
            return Failed(_BUILTIN, reading.why)
        if isinstance(self.classifier, Unknown):
            return Failed(_BUILTIN, self.classifier.why)
        assert self.classifier is not None
        return self.classifier.judge(reading.letter)

    def delivered(self, scanned: Scanned) -> None:
        """It was accepted behind: its sender is an acquaintance from now on, if somebody vouches for it."""
        domain = vouched_domain(scanned.examined.identity)
        if domain and scanned.score.points < self._settings.antispam.tag:
            self._senders.met(domain, time())
        self._met(scanned)

    def _met(self, scanned: Scanned) -> None:
        """Who has written to whom, and of our own what went out."""
        mail, known = scanned.examined.mail, self._correspondents
        if mail.client.trusted:
            known.wrote(_mailbox(mail.sender), [organisational(one.domain) for one in mail.recipients[:_MOST_MET]])
            if isinstance(scanned.examined.reading, Reading) and (name := scanned.examined.reading.letter.message_id):
                known.went_out(id_digest(name.strip().encode("latin-1", "replace")), time())
        elif mail.sender.raw and scanned.score.points < self._settings.antispam.tag:
            domains = domains_of(scanned)
            for recipient in mail.recipients[:_MOST_MET]:
                known.met(_mailbox(recipient), domains, time())

    def nature(self, scanned: Scanned, content_start: bytes) -> str:
        """What it is to whom it comes; of a bounce with the beginning of its content."""
        recipients = map(_mailbox, scanned.examined.mail.recipients)
        return nature(scanned, recipients, content_start, self._correspondents, time()) or ""

    # ── life ──

    async def start(self) -> None:
        """Ask the engines whether they are there, and go on asking."""
        await self.engines.start()

    def tick(self) -> None:
        """Once a second: what was learnt meanwhile, and which engines are up."""
        if self.classifier is not None and not isinstance(self.classifier, Unknown):
            self._look_at_lessons(self.classifier.refresh())
        if self._turned:
            self._metrics.engines_up(self._turned)

    def _look_at_lessons(self, found: bool | Unknown) -> None:
        """What was learnt before stays in force; that nothing is learnt any more is said once."""
        why = found.why if isinstance(found, Unknown) else ""
        if why and why != self._unlearnt:
            log.error("what was learnt here cannot be read: %s; try: lockdown doctor", why)
        self._unlearnt = why

    def _answered(self, engine: str, seconds: float, outcome: str) -> None:
        self._metrics.engine(engine, seconds)
        if outcome in ("unknown", "failed", "too-big", "encrypted"):
            self._metrics.engine_skipped(engine, outcome)

    def _told_health(self, engine: str, up: bool) -> None:
        self._turned[engine] = up

    async def close(self) -> None:
        """End the reader processes, and let go."""
        await self.readers.close()
        await self.engines.stop()
        self._senders.close()
        self._correspondents.close()


def _classifier(state: StateDirectory) -> Classifier | Unknown:
    """Loaded only where it weighs: numpy takes some 30 MB of every worker."""
    from lockdown.scan.classifier import Classifier
    from lockdown.scan.learning import LocalLearning

    return Classifier.load(local=LocalLearning(state.learning))


def linked_domains(letter: Letter) -> tuple[str, ...]:
    """Whose domains its links lead to, each once, in their order: what blocklists of domains are asked about."""
    return tuple(dict.fromkeys(organisational(link.host) for link in letter.links if link.host))


def vouched_domain(identity: Identity | Unknown) -> str:
    """The From domain that DMARC passes for; "" where nothing vouches for it."""
    if isinstance(identity, Unknown) or identity.dmarc.result is not Result.PASS:
        return ""
    return identity.dmarc.domain


def _envelope(transaction: Transaction, mail: Mail) -> Envelope:
    """What engines outside are told of the way it came."""
    return Envelope(
        client=mail.client.address,
        sender=mail.sender.raw,
        recipients=tuple([one.raw for one in mail.recipients]),
        helo=transaction.stranger.helo,
        queue_id=transaction.id,
        user="trusted" if mail.client.trusted else "",
    )


def _mailbox(address: Address) -> str:
    return plain_value(Dimension.RECIPIENT, address.raw)


def _broken(error: Exception) -> Verdict:
    log.error("scan-broken", exc_info=error)
    return Verdict(
        Kind.DEFER,
        control="gateway.scan-broken",
        says=f"the scan broke: {error!r}",
        tells="Local trouble; try again later",
        code=451,
        detail="3.0",
    )


def _unstuffed(body: Body, directory: Path) -> mmap.mmap:
    """A map of the content; of a file without a name, so that nothing is left behind. To be called in a thread."""
    descriptor, name = tempfile.mkstemp(dir=directory)
    try:
        Path(name).unlink()
        unstuffer = Unstuffer()
        for piece in body.pieces():
            _write(descriptor, unstuffer.feed(piece))
        return mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]

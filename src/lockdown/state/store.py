"""What Lockdown keeps in tables, named after what is asked: held messages, blocks, audits, waivers, incidents.

Each deed gives a future that resolves once it is on the disk; each question is answered on the calling thread.
SQLAlchemy is imported when a store is opened and not with this module: it costs 300 ms. A store is opened by the
process that uses it, after any fork, and may be used by all of its threads.

Fails as: OperatorError "store-…" (locked, full, damaged, unwritable, newer), from opening, questions and futures.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from lockdown.model.alarm import Incident
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Finding
from lockdown.model.held import HeldMessage, HeldState, QuarantineTotals
from lockdown.model.mail import Block
from lockdown.model.record import Audit, BlockRecord, Waiver
from lockdown.model.restraint import Restraint

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from lockdown.state.sql import audits, blocks, incidents, quarantine, restraints, versions
    from lockdown.state.sql.database import Database

T = TypeVar("T")

HERE = "local"
"""The host id of a machine that is not part of a fleet."""


def _import_statements() -> None:
    """Bind the names that the methods below speak with. Once, when the first store is opened."""
    global Database, audits, blocks, incidents, quarantine, restraints, versions
    from lockdown.state.sql import audits, blocks, incidents, quarantine, restraints, versions
    from lockdown.state.sql.database import Database


def open_store(directory: Path, *, host_id: str = HERE) -> Store:
    """The store of this state directory; made, or brought up to date, if need be."""
    return Store(f"sqlite:///{quote(str(Path(directory).absolute() / 'lockdown.db'))}", host_id=host_id)


class Store:
    """One host's rows in the engine at this URL."""

    def __init__(self, url: str, *, host_id: str = HERE) -> None:
        _import_statements()
        self._database, self._host = Database(url), host_id

    def close(self) -> None:
        """Commit what waits, and let go."""
        self._database.close()

    def version(self) -> int:
        """A number that differs after a block, a waiver, a release or a deletion: cheap enough to ask each second."""
        return self._database.ask(lambda link: versions.version(link, self._host))

    # ── held messages ──

    def hold(self, message: HeldMessage) -> Future[HeldMessage]:
        """Enter a held message; its octets must be in the spool already (see `spool.hold_durably`)."""
        return self._database.write(lambda link: quarantine.hold(link, self._host, message))

    def held(self, *, limit: int = 1000, states: Sequence[HeldState] = (HeldState.HELD,)) -> list[HeldMessage]:
        """Held messages, the newest first."""
        return self._database.ask(lambda link: quarantine.messages(link, self._host, states, limit))

    def held_message(self, id: str) -> HeldMessage | None:
        """One message, whatever has become of it."""
        return self._database.ask(lambda link: quarantine.message(link, self._host, id))

    def held_of_key(self, key: str) -> HeldMessage | None:
        """The message that an identical retry repeats, if it was held."""
        return self._database.ask(lambda link: quarantine.message_of_key(link, self._host, key))

    def held_ids(self) -> set[str]:
        """The ids whose octets must lie in the spool."""
        return self._database.ask(lambda link: quarantine.ids_with_bytes(link, self._host))

    def released(self, id: str, by: str, now: datetime) -> Future[bool]:
        """The server behind has it. False: it was not held (any more)."""
        return self._change(id, HeldState.RELEASED, by, now)

    def deleted(self, id: str, by: str, now: datetime) -> Future[bool]:
        """It is gone, by a person or by age. False: it was not held (any more)."""
        return self._change(id, HeldState.DELETED, by, now)

    def bytes_missing(self, id: str, now: datetime) -> Future[bool]:
        """Its octets are not in the spool. False: it was not held (any more)."""
        return self._change(id, HeldState.BYTES_MISSING, "sweep", now)

    def quarantine_totals(self) -> QuarantineTotals:
        """How many are held, of how many octets, since when."""
        return self._database.ask(lambda link: quarantine.totals(link, self._host))

    def expired_holds(self, before: datetime) -> list[HeldMessage]:
        """Messages held since before then, the oldest first."""
        return self._database.ask(lambda link: quarantine.expired(link, self._host, before))

    def _change(self, id: str, state: HeldState, by: str, now: datetime) -> Future[bool]:
        return self._decide(lambda link: quarantine.change(link, self._host, id, state, by, now))

    # ── blocked networks ──

    def block(self, network: str, why: str, until: datetime | None, by: str, now: datetime) -> Future[Block]:
        """Block a network until then (None: until somebody ends it). A term that runs for it already is replaced."""
        net = _network(network)
        return self._decide(lambda link: blocks.block(link, self._host, net, why, until, by, now))

    def unblock(self, network: str, by: str, now: datetime | None = None) -> Future[bool]:
        """End a network's block now. False: there is none that runs."""
        net, at = _network(network), now or datetime.now(UTC)
        return self._decide(lambda link: blocks.unblock(link, self._host, net, by, at))

    def active_blocks(self, now: datetime) -> list[Block]:
        """The blocks that run, in the order they began."""
        return self._database.ask(lambda link: blocks.active(link, self._host, now))

    def block_history(self, network: str) -> list[BlockRecord]:
        """All terms of exactly this network, the newest first."""
        net = _network(network)
        return self._database.ask(lambda link: blocks.history(link, self._host, net))

    # ── restraints ──

    def restrain(self, wanted: Restraint) -> Future[Restraint]:
        """Treat what matches so until then. A term that runs for the same match and doors ends."""
        return self._decide(lambda link: restraints.restrain(link, self._host, wanted))

    def end_restraint(self, number: int, by: str, now: datetime) -> Future[bool]:
        """End one now. False: it does not run."""
        return self._decide(lambda link: restraints.end(link, self._host, number, by, now))

    def active_restraints(self, now: datetime) -> list[Restraint]:
        """Those that run, in the order they began."""
        return self._database.ask(lambda link: restraints.active(link, self._host, now))

    def restraint_history(self, since: datetime) -> list[Restraint]:
        """Those that began since then, the newest first, a thousand at most."""
        return self._database.ask(lambda link: restraints.history(link, self._host, since))

    def forget_restraints(self, before: datetime) -> Future[int]:
        """Remove those whose term ended before then; how many there were."""
        return self._database.write(lambda link: restraints.forget(link, self._host, before))

    def count_hits(self, hits: Mapping[int, int]) -> Future[None]:
        """What restraints have met meanwhile, by number."""
        return self._database.write(lambda link: restraints.count(link, self._host, dict(hits)))

    # ── audits and waivers ──

    def record_audit(self, findings: Sequence[Finding], host: str, taken_at: datetime) -> Future[None]:
        """Keep what an audit of this host has found."""
        found = tuple(findings)
        return self._database.write(lambda link: audits.record(link, self._host, found, host, taken_at))

    def latest_audit(self, host: str, *, back: int = 0) -> Audit | None:
        """The latest audit of a host, or the one so many before it. None: there is none."""
        return self._database.ask(lambda link: audits.audit(link, self._host, host, back))

    def latest_findings(self, host: str) -> tuple[Finding, ...]:
        """Of the latest audit; empty also when there was none (`latest_audit` tells them apart)."""
        audit = self.latest_audit(host)
        return audit.findings if audit else ()

    def previous_findings(self, host: str) -> tuple[Finding, ...]:
        """Of the audit before the latest; empty also when there was none."""
        audit = self.latest_audit(host, back=1)
        return audit.findings if audit else ()

    def audited_hosts(self) -> list[str]:
        """Every host that has been audited, by name."""
        return self._database.ask(lambda link: audits.audited_hosts(link, self._host))

    def waive(self, control: str, target: str, reason: str, owner: str, until: datetime) -> Future[None]:
        """Bear with a control until then. A waiver that it has for this target is replaced."""
        waiver = Waiver(control, target, reason, owner, until)
        return self._decide(lambda link: audits.waive(link, self._host, waiver))

    def waivers(self, now: datetime) -> list[Waiver]:
        """The waivers whose day has not come."""
        return self._database.ask(lambda link: audits.active_waivers(link, self._host, now))

    # ── incidents ──

    def raise_incident(self, key: str, story: Callable[[Incident | None], Incident]) -> Future[Incident]:
        """An alarm rings: `story` goes on with the latest incident of this key, or begins one (number 0)."""
        return self._database.write(lambda link: incidents.tell(link, self._host, key, story))

    def change_incident(self, number: int, to: Callable[[Incident], Incident]) -> Future[Incident | None]:
        """Write on in an incident's story. None: there is no such incident."""
        return self._database.write(lambda link: incidents.change(link, self._host, number, to))

    def close_incident(self, number: int, by: str, now: datetime) -> Future[Incident | None]:
        """It is over, or somebody has taken note. One that is closed stays as it is. None: there is no such one."""

        def closed(incident: Incident) -> Incident:
            return replace(incident, closed_at=now, closed_by=by) if incident.is_open else incident

        return self.change_incident(number, closed)

    def open_incidents(self, *, limit: int = 1000) -> list[Incident]:
        """Those that nobody has closed, the newest first."""
        return self._database.ask(lambda link: incidents.listed(link, self._host, limit, only_open=True))

    def incidents(self, *, limit: int = 100) -> list[Incident]:
        """Open and closed, the newest first."""
        return self._database.ask(lambda link: incidents.listed(link, self._host, limit, only_open=False))

    def incident(self, number: int) -> Incident | None:
        """One, open or closed."""
        return self._database.ask(lambda link: incidents.incident(link, self._host, number))

    def forget_incidents(self, before: datetime) -> Future[int]:
        """Remove those that were closed before then; how many there were."""
        return self._database.write(lambda link: incidents.forget(link, self._host, before))

    def _decide(self, deed: Callable[[Connection], T]) -> Future[T]:
        """A deed that others must learn of: `version` differs after it."""

        def decided(link: Connection) -> T:
            versions.bump(link, self._host)
            return deed(link)

        return self._database.write(decided)


def _network(text: str) -> str:
    """One spelling for one network: 192.0.2.7/24 is 192.0.2.0/24, and an address is its own /32 or /128."""
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise OperatorError(
            "not-a-network", what=f"{text!r} is not a network", why=str(error), try_this="write it like 192.0.2.0/24"
        ) from None

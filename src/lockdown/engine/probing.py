"""Look at a mail server, or at all that take a domain's mail, from outside; what was seen becomes readings.

Names are asked of the resolver that was named, else of that of the settings (`antispam.resolvers`). What needs
the owner's leave is left out where that is not proved, and the scope says so.
Fails as: readings that are Unknown, or a `Listener` that says why it could not be looked at; `OperatorError` for a
target that is none. Each answer has its deadline, the whole its end.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from lockdown import __version__
from lockdown.config import Settings
from lockdown.engine.canary import open_canary
from lockdown.engine.ownership import Claim, Proven, Unproven, ownership
from lockdown.facts.probed import (
    SCOPE,
    Bypass,
    Listener,
    Scope,
    bypass_source,
    ports_source,
    written,
)
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from lockdown.probe.bypass import LABELS, Candidate, ways_in
from lockdown.probe.listener import Asked, Leave, Looked, look_at
from lockdown.probe.names import Names, Resolver, mail_hosts
from lockdown.probe.pace import STRANGERS_PER_MINUTE, Pace
from lockdown.probe.policy import domain_readings
from lockdown.probe.ports import PORTS, ports
from lockdown.probe.relay import markers, with_arrivals
from lockdown.probe.smtp import Deadlines
from lockdown.probe.talk import Manner, Talk
from lockdown.probe.tls import tls_readings

MAIL_LISTENERS = (25, 587, 465, 2525)
_SECONDS_OF_NAMES = 20.0
_SECONDS_OF_TLS = 30.0
_MOST_ADDRESSES = 8
_ARRIVAL_SECONDS = 60.0
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9]([a-z0-9-]{0,62})?)*\.?", re.IGNORECASE)
_LEFT_OUT = (
    "the whole relay matrix", "sending what is taken", "false ends of data", "a command smuggled before TLS",
    "EXPN and the time that answers take",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """How to look. `listeners` and `wanted_ports`: other ports than the usual; `per_minute` is for one's own host."""

    listeners: tuple[int, ...] = ()
    wanted_ports: tuple[int, ...] = PORTS
    domain: str = ""
    name: str = ""
    resolver: str = ""
    canary: str = ""
    canary_mailbox: str = ""
    recipient: str = ""
    per_minute: int | None = None
    seconds: float = 900.0
    answer_seconds: float = 30.0
    quiet_seconds: float = 2.0
    arrival_seconds: float = _ARRIVAL_SECONDS
    ca_file: Path | None = None
    tell: Callable[[str], None] = field(default=lambda _: None)

    @property
    def manner(self) -> Manner:
        most = self.answer_seconds
        return Manner(self.name, Deadlines(min(10.0, most), most, most, 2 * most), self.quiet_seconds)


@dataclass(frozen=True, slots=True)
class _Host:
    name: str
    address: str


def probe_snapshot(target: str, options: Options, settings: Settings, now: datetime) -> Snapshot:
    """What the probe saw, as a snapshot of its own."""
    return Snapshot(target, now, __version__, probe_readings(target, options, settings))


def probe_readings(target: str, options: Options, settings: Settings) -> dict[str, Reading]:
    """Everything that may be asked of the target, as readings below `probe/`."""
    bare = target.strip().strip("[]").lower()
    if not _is_address(bare) and not _HOST.fullmatch(bare):
        raise OperatorError(
            "no-such-target", what=f"{target!r} is no host and no domain", why="it is neither a name nor an address",
            try_this="lockdown probe mx.example.org     (or a domain, or an address)",
        )  # fmt: skip
    return dict(_readings(bare.rstrip("."), options, settings))


def _readings(target: str, options: Options, settings: Settings) -> Iterator[tuple[str, Reading]]:
    resolver = _resolver(options.resolver or _of_settings(target, settings))
    names = Names(resolver, _SECONDS_OF_NAMES) if resolver else None
    found = _hosts(target, names, resolver)
    if isinstance(found, Unknown):
        yield SCOPE, Unknown(found.why)
        return
    domain, hosts = found
    domain = options.domain or domain or next(iter(settings.site.domains), target)
    leave, scope = _leave(target, domain, hosts, options, settings, names)
    yield SCOPE, written(scope)
    listeners: list[Looked] = []
    for host in hosts[:_MOST_ADDRESSES]:
        options.tell(f"{host.name} ({host.address})")
        yield ports_source(host.address), written(ports(host.address, host.name, options.wanted_ports))
        listeners += _listeners(host, domain, leave, scope, options)
    for seen in _proven(listeners, leave, options, settings):
        yield seen.source, written(seen)
    yield from _names_and_tls(domain, hosts, resolver, options)
    if resolver and names is not None:
        yield bypass_source(domain), written(_bypass(domain, hosts, resolver, options))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _of_settings(target: str, settings: Settings) -> str:
    """For a name, the resolver of the settings; an address is looked at without asking anyone."""
    if _is_address(target) or target == "localhost":
        return ""
    chosen = settings.antispam.resolvers
    if chosen != "system":
        return next(iter(chosen), "")
    found = re.search(r"(?m)^\s*nameserver\s+([0-9A-Fa-f.:]+)", _system_resolvers())
    return found[1] if found else ""


def _system_resolvers() -> str:
    try:
        return Path("/etc/resolv.conf").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _resolver(text: str) -> Resolver | None:
    """`ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; "" is none."""
    if not text:
        return None
    host, port = text, "53"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.lstrip(":") or port
    elif text.count(":") == 1:
        host, port = text.split(":")
    if not _is_address(host) or not port.isdecimal() or not 0 < int(port) < 65536:
        raise OperatorError(
            "no-such-resolver", what=f"{text!r} is no DNS resolver", why="it must be an address, with or without port",
            try_this="--resolver 192.0.2.53     (or 192.0.2.53:5353)",
        )  # fmt: skip
    return Resolver(host, int(port))


def _hosts(target: str, names: Names | None, resolver: Resolver | None) -> tuple[str, list[_Host]] | Unknown:
    """The domain, where the target is one, and the addresses to look at, those of the first choice first."""
    if _is_address(target):
        return "", [_Host(target, str(ipaddress.ip_address(target)))]
    if target == "localhost":
        return "", [_Host(target, "127.0.0.1")]
    if names is None or resolver is None:
        return Unknown(f"{target} is a name, and no DNS resolver was named to ask for its address")
    servers = mail_hosts(target, resolver, names=names)
    if isinstance(servers, Unknown):
        return servers
    found = [_Host(server.name, address) for server in servers for address in server.addresses]
    if found:
        own = all(host.name == target for host in found)
        return target.partition(".")[2] if own and target.count(".") > 1 else target, found
    unread = "; ".join(line for server in servers for line in server.unread)
    return Unknown(f"no server takes mail for {target}" + (f": {unread}" if unread else ""))


def _leave(
    target: str, domain: str, hosts: Sequence[_Host], options: Options, settings: Settings, names: Names | None
) -> tuple[Leave, Scope]:
    """The owner's leave, for all of the hosts or for none."""
    proofs = [_proof(domain, host, options, settings, names) for host in hosts[:_MOST_ADDRESSES]]
    refused = next((proof for proof in proofs if isinstance(proof, Unproven)), None)
    local = bool(proofs) and all(isinstance(proof, Proven) and proof.local for proof in proofs)
    if refused is None and proofs:
        leave = Leave(True, options.canary, options.recipient)
        left_out = () if options.canary else ("sending what is taken, for want of a mailbox (--canary)",)
        return leave, Scope(target, True, proofs[0].why, local, left_out)
    why = refused.why if refused else "there is no address"
    return Leave(), Scope(target, False, why, local, _LEFT_OUT, refused.how if refused else "")


def _proof(domain: str, host: _Host, options: Options, settings: Settings, names: Names | None) -> Proven | Unproven:
    greeting = ""
    if names is not None:
        with Talk(host.address, (options.listeners or MAIL_LISTENERS)[0], options.manner) as talk:
            greeting = talk.greeting.text if talk.greeting.took else ""
    claim = Claim(domain, host.name, host.address, greeting)
    return ownership(claim, Path(settings.state.directory), names.look if names else None)


def _listeners(host: _Host, domain: str, leave: Leave, scope: Scope, options: Options) -> list[Looked]:
    """The listeners of one address: the first in full, the others with what is polite to ask twice."""
    wanted = options.listeners or MAIL_LISTENERS
    asked = [Asked(host.address, port, host.name, domain, core_only=number > 0) for number, port in enumerate(wanted)]
    pace = Pace(_per_minute(options, scope), options.seconds)
    with ThreadPoolExecutor(len(asked), thread_name_prefix="probe-smtp") as pool:
        return list(pool.map(lambda one: look_at(one, leave, options.manner, pace), asked))


def _per_minute(options: Options, scope: Scope) -> int:
    """A stranger's host is never asked faster than is polite, whatever is wanted."""
    if not scope.owned:
        return min(options.per_minute or STRANGERS_PER_MINUTE, STRANGERS_PER_MINUTE)
    if options.per_minute is not None:
        return options.per_minute
    return 0 if scope.local else STRANGERS_PER_MINUTE


def _proven(listeners: Sequence[Looked], leave: Leave, options: Options, settings: Settings) -> Iterator[Listener]:
    """The listeners, with those letters marked as arrived that have come out at the canary mailbox."""
    marks = {mark for looked in listeners for mark in markers(looked.listener.relay, looked.marker)}
    arrived = _arrived(marks, options, settings) if marks and leave.active and options.canary_mailbox else set()
    for looked in listeners:
        relay = with_arrivals(looked.listener.relay, looked.marker, arrived)
        yield msgspec.structs.replace(looked.listener, relay=relay)


def _arrived(marks: set[str], options: Options, settings: Settings) -> set[str]:
    """What has come out at the canary mailbox, all of it or as much as comes in time; it is removed there."""
    mailbox, end = open_canary(settings, options.canary_mailbox), time.monotonic() + options.arrival_seconds
    found: set[str] = set()
    while time.monotonic() < end and found != marks:
        found |= set(mailbox.arrivals(marks))
        time.sleep(0.2)
    mailbox.remove(marks)
    return found


def _names_and_tls(
    domain: str, hosts: Sequence[_Host], resolver: Resolver | None, options: Options
) -> Iterator[tuple[str, Reading]]:
    """What the domain's records and the servers' TLS look like from outside."""
    if resolver:
        yield from domain_readings(domain, resolver, options.ca_file, _SECONDS_OF_NAMES).items()
    through = {25: options.listeners[0]} if options.listeners else None
    for host in hosts[:_MOST_ADDRESSES]:
        wanted = (25,) if options.listeners else tuple(port for port in options.wanted_ports if port in _TLS_PORTS)
        yield from tls_readings(
            host.name, host.address, wanted, _SECONDS_OF_TLS, through=through, ca_file=options.ca_file
        ).items()


_TLS_PORTS = frozenset({25, 465, 587, 993, 995, 143, 110})


def _bypass(domain: str, hosts: Sequence[_Host], resolver: Resolver, options: Options) -> Bypass:
    """The other servers that might take mail for the domain."""
    names = Names(resolver, _SECONDS_OF_NAMES)
    known = [host.address for host in hosts]
    pace = Pace(STRANGERS_PER_MINUTE, options.seconds / 3)
    tried = ways_in(domain, _candidates(domain, names), known, options.manner, pace)
    return Bypass(domain, tuple(known), tried)


def _candidates(domain: str, names: Names) -> Iterator[Candidate]:
    for label in LABELS:
        for kind in ("A", "AAAA"):
            answer = names.look(f"{label}.{domain}", kind)
            for address in () if isinstance(answer, Unknown) else answer.values:
                if _is_address(address):
                    yield Candidate(f"{label}.{domain}", address, "a usual name")
    spf = names.look(domain, "TXT")
    for text in () if isinstance(spf, Unknown) else spf.values:
        for address in re.findall(r"\+?ip[46]:([0-9a-f.:]+)(?:/(?:32|128))?(?=\s|\Z)", text.lower()):
            if text.lower().startswith("v=spf1") and _is_address(address):
                yield Candidate(address, address, "the SPF record")


def with_probe(snapshot: Snapshot, readings: dict[str, Reading]) -> Snapshot:
    """The snapshot of a machine, with what was seen of it from outside."""
    return replace(snapshot, readings={**snapshot.readings, **readings})

"""What was seen from outside, as it lies in a snapshot below `probe/`: written by the probe, read back here.

`probe/scope.json` says what was allowed; `probe/smtp/HOST/PORT.json` is one listener, `probe/ports/HOST.json` the ports
of one address, `probe/bypass/DOMAIN.json` the other ways in for a domain.
Fails as: Unknown, with the reason, for what is no such JSON. Never raises.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, TypeVar

import msgspec

from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

SCOPE = "probe/scope.json"
SMTP, PORTS, BYPASS = "probe/smtp", "probe/ports", "probe/bypass"


class Said(msgspec.Struct, frozen=True):
    """What a server answered; code 0: it did not, and `why` says how that went."""

    code: int = 0
    text: str = ""
    """With the enhanced code, its lines joined by a blank."""
    why: str = ""
    seconds: float = 0.0

    @property
    def took(self) -> bool:
        return 200 <= self.code < 300

    @property
    def put_off(self) -> bool:
        """Not now: greylisting, a limit, a fault. It tells neither yes nor no."""
        return 400 <= self.code < 500

    @property
    def refused(self) -> bool:
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip() if self.code else self.why or "not asked"


NOT_ASKED = Said()

Outcome: TypeAlias = Literal["refused", "put-off", "taken-at-rcpt", "taken-at-data", "arrived", "not-tested"]


class Attempt(msgspec.Struct, frozen=True):
    """One try to send through the server to somebody who is not its own."""

    sender_form: str
    recipient_form: str
    sender: str
    recipient: str
    outcome: Outcome
    said: Said = NOT_ASKED
    verb: str = ""
    """The command that `said` answers."""
    mode: str = "rset"
    """How it was begun: after RSET, on a new connection, or with another name in HELO."""
    why: str = ""
    """Of what was not tested."""


class StartTls(msgspec.Struct, frozen=True):
    """STARTTLS, in four kinds that are never mixed up: one that could not be tested is not one that is missing."""

    kind: Literal["works", "fails", "not-offered", "not-tested"] = "not-tested"
    why: str = ""
    version: str = ""
    plaintext: Literal["dropped", "obeyed", "not-tested"] = "not-tested"
    """What became of a command that was sent in plain text behind STARTTLS."""
    plaintext_why: str = ""


class Smuggled(msgspec.Struct, frozen=True):
    """An end of data that is none (RFC 5321 4.1.1.4), and whether the server took it for one."""

    variant: str
    outcome: Literal["taken-as-end", "refused", "held", "not-tested"]
    said: Said = NOT_ASKED


class Listener(msgspec.Struct, frozen=True):
    """One port of one address. A listener that speaks no SMTP has only its `kind` and `why`."""

    address: str
    port: int
    name: str = ""
    """The name under which it was looked for."""
    domain: str = ""
    """Whose mail it is to take."""
    kind: Literal["smtp", "lmtp", "closed", "silent", "busy", "nonsense"] = "silent"
    why: str = ""
    greeting: Said = NOT_ASKED
    offers: tuple[str, ...] = ()
    """The lines of its EHLO answer in plain text, the first left out."""
    offers_in_tls: tuple[str, ...] = ()
    helo: Said = NOT_ASKED
    early: Said = NOT_ASKED
    """What it answered to somebody who spoke before the greeting."""
    starttls: StartTls = StartTls()
    null_sender: Said = NOT_ASKED
    """MAIL FROM:<>, which is how bounces come."""
    postmaster: Said = NOT_ASKED
    abuse: Said = NOT_ASKED
    unknown: Said = NOT_ASKED
    """RCPT of a mailbox that cannot exist."""
    vrfy: Said = NOT_ASKED
    """Of a mailbox that cannot exist: a server that does not tell says the same of every name."""
    expn: Said = NOT_ASKED
    known_ms: tuple[float, ...] = ()
    unknown_ms: tuple[float, ...] = ()
    """How long the answers to RCPT took."""
    size: int | None = None
    """As announced; None: not announced, 0: without a limit."""
    over_size: Said = NOT_ASKED
    relay: tuple[Attempt, ...] = ()
    plain_letter: Said = NOT_ASKED
    """A letter with a right end of data: without its 250 the smuggled ones tell nothing."""
    smuggling: tuple[Smuggled, ...] = ()

    @property
    def place(self) -> str:
        """As a target of findings."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    @property
    def source(self) -> str:
        return smtp_source(self.address, self.port)

    def offered(self, word: str) -> tuple[str, ...] | None:
        """The arguments of an extension as it was offered in plain text; None where it was not."""
        for line in self.offers:
            first, *rest = line.upper().replace("AUTH=", "AUTH ", 1).split() or [""]
            if first == word:
                return tuple(rest)
        return None


class Ports(msgspec.Struct, frozen=True):
    """The TCP ports of one address: those that answered, those that refused, those that kept silent."""

    address: str
    name: str = ""
    open: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()
    why: str = ""
    """Why it could not be told at all."""


class WayIn(msgspec.Struct, frozen=True):
    """Another address that might take mail for the domain besides its MX hosts."""

    name: str
    address: str
    kind: Literal["takes", "refuses", "closed", "not-tested"]
    said: Said = NOT_ASKED
    found_by: str = ""


class Bypass(msgspec.Struct, frozen=True):
    """The ways in beside the MX hosts of a domain."""

    domain: str
    mx: tuple[str, ...] = ()
    tried: tuple[WayIn, ...] = ()
    why: str = ""
    """Why they could not be looked for."""


class Scope(msgspec.Struct, frozen=True):
    """What was probed, by whose leave, and what was left out for want of it."""

    target: str
    owned: bool = False
    why: str = ""
    """How the ownership was proved, or why it was not."""
    local: bool = False
    """The target is the machine that the probe ran on: its own view of its ports is not the world's."""
    left_out: tuple[str, ...] = ()
    how_to_prove: str = ""


_Kind = TypeVar("_Kind", bound=msgspec.Struct)
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")


def in_a_name(host: str) -> str:
    """An address or a name as a part of a reading's name: IPv6 has colons, which no file name should."""
    return _UNFIT.sub("_", host) or "_"


def smtp_source(address: str, port: int) -> str:
    """The name of the reading of one listener."""
    return f"{SMTP}/{in_a_name(address)}/{port}.json"


def ports_source(address: str) -> str:
    """The name of the reading of one address's ports."""
    return f"{PORTS}/{in_a_name(address)}.json"


def bypass_source(domain: str) -> str:
    """The name of the reading of a domain's other ways in."""
    return f"{BYPASS}/{in_a_name(domain)}.json"


def written(seen: msgspec.Struct) -> str:
    """As it lies in the snapshot."""
    return msgspec.json.format(msgspec.json.encode(seen), indent=1).decode()


def was_probed(snapshot: Snapshot) -> bool:
    """Whether anybody looked from outside at all."""
    return any(name.startswith("probe/") for name in snapshot.readings)


def scope(snapshot: Snapshot) -> Scope | Unknown:
    """What the probe was allowed to do."""
    return _read(SCOPE, snapshot.reading(SCOPE), Scope)


def listeners_seen(snapshot: Snapshot) -> tuple[tuple[str, Listener | Unknown], ...]:
    """Each listener that was looked at, with the place it was read from."""
    return _all(snapshot, SMTP, Listener)


def ports_seen(snapshot: Snapshot) -> tuple[tuple[str, Ports | Unknown], ...]:
    """Each address whose ports were tried."""
    return _all(snapshot, PORTS, Ports)


def ways_seen(snapshot: Snapshot) -> tuple[tuple[str, Bypass | Unknown], ...]:
    """Each domain whose other ways in were looked for."""
    return _all(snapshot, BYPASS, Bypass)


def _all(snapshot: Snapshot, source: str, kind: type[_Kind]) -> tuple[tuple[str, _Kind | Unknown], ...]:
    names = sorted(name for name in snapshot.readings if name.startswith(f"{source}/"))
    return tuple((name, _read(name, snapshot.readings[name], kind)) for name in names)


def _read(name: str, reading: Reading, kind: type[_Kind]) -> _Kind | Unknown:
    if isinstance(reading, Unknown):
        return reading
    try:
        return msgspec.json.decode(reading, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return Unknown(f"{name} is not what a probe writes: {str(error)[:200]}")


def reached(snapshot: Snapshot) -> tuple[tuple[str, Listener | Unknown], ...]:
    """What is to be judged of the listeners, by place: those that talked, and why others could not be asked.

    A port that is closed is no listener, unless every one is: then nobody could be asked.
    """
    found = [(_place(name, one), _unless_mute(one)) for name, one in listeners_seen(snapshot)]
    told = tuple((place, one) for place, one in found if one is not None)
    if told:
        return told
    allowed = scope(snapshot)
    if isinstance(allowed, Unknown) and SCOPE in snapshot.readings:
        return (("probe", allowed),)
    return tuple(("probe", Unknown("no port of it answered as a mail server")) for _ in found[:1])


def _place(name: str, seen: Listener | Unknown) -> str:
    return name.removeprefix(f"{SMTP}/").removesuffix(".json") if isinstance(seen, Unknown) else seen.place


def _unless_mute(seen: Listener | Unknown) -> Listener | Unknown | None:
    if isinstance(seen, Unknown) or seen.kind in ("smtp", "lmtp"):
        return seen
    if seen.kind == "closed" or (seen.kind == "silent" and seen.port != 25):
        return None
    return Unknown(f"{seen.kind}: {seen.why}")


def is_local(snapshot: Snapshot) -> bool:
    """Whether the probe ran on the very machine that it looked at, which sees and may do more than a stranger."""
    allowed = scope(snapshot)
    return isinstance(allowed, Scope) and allowed.local


def left_out(snapshot: Snapshot) -> str:
    """Why the parts that need the owner's leave were not tried."""
    allowed = scope(snapshot)
    return allowed.why if isinstance(allowed, Scope) and not allowed.owned else ""

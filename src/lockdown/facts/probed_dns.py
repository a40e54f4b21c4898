"""What the DNS says to a stranger, and whether it is proven: readings `probe/dns/<name>/<TYPE>`.

An answer is `records`, `no-data` or `no-name`, each with how far it could be proven: `secure` is signed from the trust
anchor down; `insecure` is proven to lie in an unsigned zone; `unsure` could not be told either way. A wrong signature
is no answer at all: such a reading is Unknown, and so is a question that nobody answered or that was not asked.
Fails as: Unknown with the reason. Never raises.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import msgspec

from lockdown.facts import dns_records
from lockdown.facts.dns_records import DnsAnswer, Nothing, Records
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

FOLDER = "probe/dns"
DOMAINS = "probe/domain"
MOST_VALUES = 100
Security: TypeAlias = Literal["secure", "insecure", "unsure"]
Status: TypeAlias = Literal["records", "no-data", "no-name"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. Values: an address, a name without its last dot, `preference name`, a text, or as in a zone file."""

    status: Status
    security: Security
    values: tuple[str, ...] = ()
    why: str = ""
    """Of an answer that is not secure: why."""

    @property
    def is_there(self) -> bool:
        return self.status == "records"


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """One domain that was looked at from outside, and through whose eyes."""

    domain: str
    resolver: str
    hosts: tuple[str, ...] = ()
    """The servers that its mail goes to; none for a domain that takes no mail."""
    takes_mail: bool = True
    unread: str = ""
    """Why its servers are not known."""
    selectors: tuple[str, ...] = ()
    wildcard: str = ""
    """A name below the domain that nobody has made."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A line of the MX records."""

    preference: int
    name: str


def source(name: str, kind: str) -> str:
    """The name of the reading."""
    return f"{FOLDER}/{name.lower().rstrip('.') or '.'}/{kind}"


def described(answer: Answer | Domain) -> str:
    """The reading."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=1).decode() + "\n"


def parsed(reading: Reading) -> Answer | Unknown:
    """An answer out of its reading."""
    if isinstance(reading, Unknown):
        return reading
    try:
        found = msgspec.json.decode(reading, type=Answer)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Unknown("the reading of the DNS is damaged")
    if found.is_there != bool(found.values):
        return Unknown("the reading of the DNS is damaged")
    return found


def answer(snapshot: Snapshot, name: str, kind: str) -> Answer | Unknown:
    """The answer to one question."""
    reading = snapshot.readings.get(source(name, kind))
    if reading is None:
        return Unknown(f"{kind} of {name} was not asked")
    found = parsed(reading)
    return Unknown(f"{kind} of {name}: {found.why}") if isinstance(found, Unknown) else found


def domains(snapshot: Snapshot) -> tuple[Domain | Unknown, ...]:
    """The domains that were looked at from outside."""
    return tuple(_domain(reading) for reading in snapshot.below(DOMAINS).values())


def _domain(reading: Reading) -> Domain | Unknown:
    if isinstance(reading, Unknown):
        return reading
    try:
        return msgspec.json.decode(reading, type=Domain)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Unknown("the list of what was probed is damaged")


def exchanges(found: Answer) -> tuple[Exchange, ...] | Unknown:
    """The servers of MX records, the first choice first; a null MX (RFC 7505) has the name ""."""
    lines = [value.split() for value in found.values]
    if any(len(line) not in (1, 2) or not (line[0].isascii() and line[0].isdigit()) for line in lines):
        return Unknown("the MX records are damaged")
    made = [Exchange(int(line[0][:6]), line[1].lower() if len(line) == 2 else "") for line in lines]
    return tuple(sorted(made, key=lambda one: (one.preference, one.name)))


def evidence(name: str, kind: str, found: Answer | Unknown) -> Evidence:
    """The answer as a line."""
    where = f"DNS {kind} {name}"
    if isinstance(found, Unknown):
        return Evidence(where, found.why.removeprefix(f"{kind} of {name}: "))
    said = {"records": " | ".join(found.values)[:300], "no-data": "no such record", "no-name": "no such name"}
    return Evidence(where, f"{said[found.status]} ({found.security})")


def as_asked_here(snapshot: Snapshot) -> Snapshot:
    """The same answers in the form of the questions that this machine asks itself: what judges those judges these."""
    start = f"{FOLDER}/"
    made: dict[str, Reading] = {}
    for name, reading in snapshot.readings.items():
        if name.startswith(start):
            made[f"{dns_records.FOLDER}{name[len(start) :]}"] = _plain(parsed(reading), name.rpartition("/")[2])
    return replace(snapshot, readings={**snapshot.readings, **made})


def _plain(found: Answer | Unknown, kind: str) -> Reading:
    match found:
        case Unknown():
            return found
        case Answer(status="no-name"):
            return f"{dns_records.NO_SUCH_NAME}\n"
        case Answer(status="no-data"):
            return f"{dns_records.NO_DATA}\n"
    return dns_records.described([dns_records.text_line(one) if kind == "TXT" else one for one in found.values])


def looked_up(snapshot: Snapshot, name: str, kind: str) -> DnsAnswer:
    """As `spf_record.Lookup` wants it."""
    match answer(snapshot, name, kind):
        case Unknown() as unknown:
            return unknown
        case Answer(status="records", values=values):
            return Records(values)
        case Answer(status=status):
            return Nothing(status == "no-name")

"""What the DNS said, from the readings `dns/<name>/<TYPE>`: records, no such name, nothing of this type, or Unknown.

A reading is `NXDOMAIN`, `NODATA`, or `NOERROR` and one record a line: an address, a name, `preference name`, or a text
as a JSON string. A question that was not asked is Unknown, never an absent record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

FOLDER = "dns/"
NO_SUCH_NAME, NO_DATA, RECORDS = "NXDOMAIN", "NODATA", "NOERROR"
MOST_RECORDS = 100


@dataclass(frozen=True, slots=True)
class Records:
    """What is there; never empty."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """The DNS was asked, and there is no such record. `missing`: nor such a name."""

    missing: bool


DnsAnswer: TypeAlias = Records | Nothing | Unknown


def source(name: str, kind: str) -> str:
    """The name of the reading."""
    return f"{FOLDER}{name.lower().rstrip('.')}/{kind}"


def described(values: Sequence[str]) -> str:
    """The reading of records."""
    return "".join(f"{line}\n" for line in (RECORDS, *values[:MOST_RECORDS]))


def text_line(text: str) -> str:
    """A TXT record on one line."""
    return json.dumps(text)


def record(snapshot: Snapshot, name: str, kind: str) -> DnsAnswer:
    """The answer to one question."""
    match snapshot.readings.get(source(name, kind)):
        case None:
            return Unknown(f"{kind} of {name} was not asked")
        case Unknown(why):
            return Unknown(f"{kind} of {name}: {why}")
        case str() as text:
            return _parse(text, kind)


def _parse(text: str, kind: str) -> DnsAnswer:
    first, *rest = text.splitlines() or [""]
    if first in (NO_SUCH_NAME, NO_DATA):
        return Nothing(first == NO_SUCH_NAME)
    try:
        values = tuple(str(json.loads(line)) if kind == "TXT" else line.strip() for line in rest[:MOST_RECORDS] if line)
    except (ValueError, RecursionError):
        return Unknown(f"the {kind} records of the snapshot are damaged")
    if first != RECORDS or not values:
        return Unknown(f"the {kind} records of the snapshot are damaged")
    return Records(values)


def evidence(name: str, kind: str, answer: DnsAnswer) -> Evidence:
    """The answer as a line."""
    match answer:
        case Records(values):
            return Evidence(f"DNS {kind} {name}", " | ".join(values)[:300])
        case Nothing(missing):
            return Evidence(f"DNS {kind} {name}", "there is no such name" if missing else "there is no such record")
        case Unknown(why):
            return Evidence(f"DNS {kind} {name}", why.removeprefix(f"{kind} of {name}: "))

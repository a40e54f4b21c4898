"""MTA-STS (RFC 8461): the record, and the policy as it was fetched: readings `probe/mta-sts/<domain>.json`.

Fails as: Unknown with the reason. Never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

FOLDER = "probe/mta-sts"
MOST_OCTETS = 64 * 1024
"""RFC 8461 3.2: nobody needs more, and a sender may stop there."""
LONGEST_AGE = 31557600
"""RFC 8461 3.2, in seconds: a year."""
_MOST_LINES = 1000
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_NUMBER = re.compile(r"[0-9]{1,10}")


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What came of fetching the policy; "certificate": that of the server cannot be trusted, as `why` says."""

    outcome: Literal["answered", "certificate"]
    status: int = 0
    kind: str = ""
    """The Content-Type."""
    text: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy; `servers` may start with a wildcard label."""

    mode: str
    """"enforce", "testing" or "none"."""
    servers: tuple[str, ...]
    max_age: int
    """In seconds."""

    def admits(self, host: str) -> bool:
        """RFC 8461 4.1: a wildcard stands for one whole label, the first."""
        host = host.lower().rstrip(".")
        return any(
            host == server or (server.startswith("*.") and host.partition(".")[2] == server[2:])
            for server in self.servers
        )


def source(domain: str) -> str:
    """The name of the reading."""
    return f"{FOLDER}/{domain.lower().rstrip('.')}.json"


def described(fetched: Fetched) -> str:
    """The reading."""
    return msgspec.json.format(msgspec.json.encode(fetched), indent=1).decode() + "\n"


def fetched(snapshot: Snapshot, domain: str) -> Fetched | Unknown:
    """What came of fetching the policy of a domain."""
    reading = snapshot.reading(source(domain))
    if isinstance(reading, Unknown):
        return reading
    try:
        return msgspec.json.decode(reading, type=Fetched)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Unknown("the reading of the policy is damaged")


def record_id(text: str) -> str | None:
    """The id of a record; None where it is no record of MTA-STS (RFC 8461 3.1)."""
    parts = [part.strip() for part in text.split(";")]
    if parts[0] != "v=STSv1":
        return None
    ids = [value.strip() for name, _, value in (part.partition("=") for part in parts[1:]) if name.strip() == "id"]
    return ids[0] if len(ids) == 1 and _ID.fullmatch(ids[0]) else None


def policy(text: str) -> Policy | Unknown:
    """The policy in what was fetched; a field that comes twice counts once, mx excepted (RFC 8461 3.2)."""
    if len(text) > MOST_OCTETS:
        return Unknown("the policy is too long")
    fields: dict[str, str] = {}
    servers: list[str] = []
    for line in text.splitlines()[:_MOST_LINES]:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if name == "mx" and colon:
            servers.append(value.lower().rstrip("."))
        elif colon:
            fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        return Unknown("it does not start with version: STSv1")
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if mode not in ("enforce", "testing", "none"):
        return Unknown(f"its mode is `{mode[:40]}`")
    if not _NUMBER.fullmatch(age) or int(age) > LONGEST_AGE:
        return Unknown(f"its max_age is `{age[:40]}`, which is no number of seconds up to a year")
    if not servers and mode != "none":
        return Unknown("it names no server (mx)")
    return Policy(mode, tuple(servers), int(age))

"""Whether a table of aliases or mailboxes has a line for everyone of a domain.

The reading holds such lines alone: `@example.com` or a pattern that matches all; people's addresses are left out of it.
Fails as: Unknown, with the reason, for a database or a table that could not be read.
"""

from __future__ import annotations

import re

from lockdown.facts.access_tables import matches_all
from lockdown.facts.postfix import table_path
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

TABLES = "accounts/catch-alls"


def only_catch_alls(text: str) -> str:
    """Of a table, the lines that are for everyone; the rest was there, and is counted."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    kept = [line.split()[0] for line in lines if not line[0].isspace() and _is_for_all(line.split()[0])]
    return "".join(f"{key}\n" for key in kept) + f"# {len(lines)} lines\n"


def _is_for_all(key: str) -> bool:
    return key.startswith("@") or matches_all("pcre", key) or bool(re.match(r"/\^?(?:\.[*+])?@", key))


def catch_all(snapshot: Snapshot, table: str) -> str | Unknown:
    """The first key of a table that is for everyone; empty where there is none."""
    kind, _, rest = table.removeprefix("proxy:").partition(":")
    if kind == "static":
        return "every domain"
    if kind in ("inline", "unix"):
        return next((part for part in re.findall(r"(?:^|[{\s,])(@[^\s=]+)=", rest)), "")
    path = table_path(table)
    if path is None:
        return Unknown(f"{table} is a database, which is not read")
    reading = snapshot.reading(f"{TABLES}{path}")
    if isinstance(reading, Unknown):
        return Unknown(f"{path}: {reading.why}")
    return next((line for line in reading.splitlines() if not line.startswith("#")), "")

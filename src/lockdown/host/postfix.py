"""What is asked about Postfix: its own answers, its files as written, and the tables that decide who may relay."""

from __future__ import annotations

from pathlib import Path

from lockdown.facts import postfix as facts
from lockdown.host.asked import Command, File, Sources, Where
from lockdown.model.snapshot import Snapshot

MAX_TABLES = 50
DIRECTORY = Path("/etc/postfix")


def sources(config: Path | None = None) -> Sources:
    """`config` is a directory with main.cf and master.cf in another place."""
    directory = config or DIRECTORY
    elsewhere = ("-c", str(config)) if config else ()
    return {
        facts.WHERE: Where("postconf"),
        facts.EFFECTIVE: Command(("postconf", *elsewhere)),
        facts.EXPLICIT: Command(("postconf", *elsewhere, "-n")),
        facts.SERVICES: Command(("postconf", *elsewhere, "-M")),
        facts.OVERRIDES: Command(("postconf", *elsewhere, "-P")),
        facts.VERSION: Command(("postconf", "-d", "mail_version")),
        facts.MAIN_CF: File(str(directory / "main.cf")),
        facts.MASTER_CF: File(str(directory / "master.cf")),
    }


def more(snapshot: Snapshot) -> Sources:
    """The text tables that decide who may relay; which they are is only known once Postfix has been read."""
    found = facts.postfix(snapshot)
    if not isinstance(found, facts.Postfix):
        return {}
    return {f"{facts.TABLES}{path}": File(path, expected=True) for path in facts.deciding_tables(found)[:MAX_TABLES]}

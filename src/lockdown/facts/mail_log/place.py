"""Which log the mail server writes where the settings leave it open: syslog's file, or systemd's journal. Pure.

Fails as: nothing; where there is neither, the first file, which may still come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lockdown.facts.listings import Entry

AUTO, JOURNAL = "auto", "journal"
OF_SYSLOG = ("/var/log/mail.log", "/var/log/maillog")
"""Where syslog writes mail, by distribution."""
WRITERS = ("root", "postfix", "dovecot", "dovenull", "Debian-exim", "exim", "mail")
"""Users that mail servers write to syslog as: what another says in their name is not believed."""
_OLD = 2 * 86400.0
"""Seconds. A file that was not written for so long, beside a journal that is, has lost its writer."""


def listed(found: Iterable[Entry]) -> dict[str, Entry]:
    """The logs of a listing by name; of the journals the one that was written last."""
    every = tuple(found)
    journals = [entry for entry in every if is_journal(entry)]
    there = {entry.path: entry for entry in every if not is_journal(entry)}
    return {**there, JOURNAL: max(journals, key=lambda entry: entry.changed)} if journals else there


def is_journal(entry: Entry) -> bool:
    """One of systemd's."""
    return "/journal/" in entry.path


def living_of(there: Mapping[str, Entry], names: Sequence[str]) -> list[str]:
    """Those of the names that are written, in their order, and the journal."""
    journal = _journal(there)
    alive = living(_files(there, names), journal)
    return [*sorted(alive, key=names.index), *([JOURNAL] if journal is not None else [])]


def auto(there: Mapping[str, Entry]) -> str:
    """What "auto" is on that machine."""
    return place(_files(there, OF_SYSLOG), _journal(there))


def _journal(there: Mapping[str, Entry]) -> float | None:
    return there[JOURNAL].changed.timestamp() if JOURNAL in there else None


def _files(there: Mapping[str, Entry], names: Iterable[str]) -> dict[str, float]:
    return {name: there[name].changed.timestamp() for name in names if name in there}


def living(files: Mapping[str, float], journal: float | None) -> list[str]:
    """Of these files, by when each was written last, those that still are; the newest first."""
    newest = sorted(files, key=lambda name: files[name], reverse=True)
    return [name for name in newest if journal is None or files[name] >= journal - _OLD]


def place(files: Mapping[str, float], journal: float | None) -> str:
    """The log that is written; `journal` is when the journal was written last, None where there is none."""
    found = living(files, journal)
    return found[0] if found else JOURNAL if journal is not None else OF_SYSLOG[0]

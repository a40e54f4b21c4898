"""rspamd as it is set up on the machine, read from its files: `override.d` over `local.d` over what the package brings.

Its own `configdump` is not asked: it looks up names in the DNS.
Fails as: Absent where none of the files is there, Unknown with the reason of the first that could not be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lockdown.facts.scanner_files import Absent, Words, words_of
from lockdown.model.finding import Evidence
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_LAYERS = ("override.d/", "local.d/", "")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting with the file that decides it; `value` is empty where none writes it."""

    value: str
    evidence: Evidence


def options(snapshot: Snapshot, name: str) -> Setting | Absent | Unknown:
    """A setting of the options section."""
    absent: Absent | None = None
    for layer in _LAYERS:
        match words_of(snapshot, f"rspamd/{layer}options.inc"):
            case Unknown() as unknown:
                return unknown
            case Absent() as absent:
                continue
            case Words() as words if (value := words.last(name)) is not None:
                return Setting(value, words.evidence(name))
            case Words():
                absent = None
    return absent or Setting("", Evidence("/etc/rspamd/options.inc", f"{name}: not written, false is the default"))


def antivirus(snapshot: Snapshot) -> Setting | Absent | Unknown:
    """The scanner that rspamd's antivirus module asks; its value is empty where there is none."""
    if isinstance(base := words_of(snapshot, "rspamd/options.inc"), Absent | Unknown):
        return base
    for layer in _LAYERS[:2]:
        match words_of(snapshot, f"rspamd/{layer}antivirus.conf"):
            case Unknown() as unknown:
                return unknown
            case Words() as words if words.last("servers"):
                enabled = (words.last("enabled") or "true").lower() not in ("false", "no")
                return Setting(words.last("servers") or "" if enabled else "", words.evidence("servers"))
            case _:
                continue
    return Setting("", Evidence("/etc/rspamd/local.d/antivirus.conf", "no scanner is written"))


_SELECTOR = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,4}")


def selectors(snapshot: Snapshot) -> tuple[str, ...]:
    """The DKIM selectors that rspamd signs with, as far as they are written; one that could not be read adds none."""
    found: list[str] = []
    for layer in _LAYERS[:2]:
        words = words_of(snapshot, f"rspamd/{layer}dkim_signing.conf")
        if isinstance(words, Words):
            found += words.all("selector")
    if isinstance(base := words_of(snapshot, "opendkim/opendkim.conf"), Words):
        found += base.all("Selector")
    return tuple(dict.fromkeys(one for one in found if _SELECTOR.fullmatch(one)))

"""A host as a literal: the recorded healthy machine, with the lines of main.cf and master.cf that a test is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lockdown.config import read_settings
from lockdown.facts import gateway, interfaces, listeners
from lockdown.facts import postfix as facts
from lockdown.host.folder import read_folder
from lockdown.model.snapshot import Reading, Snapshot

HEALTHY = read_folder(Path(__file__).parent / "hosts" / "healthy")


def host(
    main: str = "",
    *,
    services: str = "smtp inet n - y - - smtpd\nanvil unix - - y - 1 anvil\n",
    overrides: str = "",
    settings: str = "",
    **readings: Reading,
) -> Snapshot:
    """`main` is lines as in main.cf; `overrides` as `postconf -P` says them; others replace a reading by its name."""
    effective = HEALTHY.readings[facts.EFFECTIVE]
    explicit = HEALTHY.readings[facts.EXPLICIT]
    assert isinstance(effective, str) and isinstance(explicit, str)
    made: dict[str, Reading] = {
        facts.EFFECTIVE: effective + main,
        facts.EXPLICIT: explicit + main,
        facts.MAIN_CF: main,
        facts.SERVICES: services,
        facts.OVERRIDES: overrides,
        gateway.SOURCE: gateway.describe(read_settings([("lockdown.toml", settings)])),
    }
    named = {"listeners": listeners.SOURCE, "interfaces": interfaces.SOURCE, "where": facts.WHERE}
    tables = {f"{facts.TABLES}/{name}": text for name, text in readings.items() if name not in named}
    given = {named[name]: text for name, text in readings.items() if name in named}
    return replace(HEALTHY, readings={**HEALTHY.readings, **made, **tables, **given})

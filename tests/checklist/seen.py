"""A server as a stranger saw it, as a literal: healthy, and with what a test is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from lockdown.facts.probed import (
    SCOPE,
    Attempt,
    Listener,
    Ports,
    Said,
    Scope,
    Smuggled,
    StartTls,
    ports_source,
    written,
)
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.probe.smuggling import ENDS
from tests.recordings.literal import HEALTHY

OK, NO, LATER = Said(250, "2.1.5 Ok"), Said(554, "5.7.1 Relay access denied"), Said(450, "4.7.1 greylisted")
UNKNOWN_USER = Said(550, "5.1.1 User unknown")
SERVER = Listener(
    "192.0.2.25", 25, "mx.example.org", "example.org",
    kind="smtp",
    greeting=Said(220, "mx.example.org ESMTP"),
    offers=("PIPELINING", "SIZE 26214400", "STARTTLS", "8BITMIME"),
    helo=Said(250, "mx.example.org"),
    starttls=StartTls("works", version="TLSv1.3", plaintext="dropped"),
    null_sender=OK, postmaster=OK, abuse=OK, unknown=UNKNOWN_USER,
    vrfy=Said(502, "5.5.1 VRFY command is disabled"), expn=Said(502, "5.5.2 not recognized"),
    size=26214400, over_size=Said(552, "5.3.4 too big"),
    relay=(Attempt("F02", "R01", "<t@outside.example>", "<c@outside.example>", "refused", NO, "RCPT"),),
    plain_letter=OK,
    smuggling=tuple(Smuggled(name, "refused", Said(521, "5.5.2 no")) for name, _ in ENDS),
)  # fmt: skip
PORTS = Ports("192.0.2.25", "mx.example.org", open=(25, 465, 587, 993), closed=(22, 3306))
SCOPE_OF_OWN = Scope("mx.example.org", owned=True, why="its DNS says so")


def seen(*, scope: Scope = SCOPE_OF_OWN, ports: Ports = PORTS, **changes: Any) -> Snapshot:
    """The healthy machine, and the server seen from outside with these changes."""
    server = msgspec.structs.replace(SERVER, **changes)
    readings: dict[str, Reading] = {
        SCOPE: written(scope), server.source: written(server), ports_source(ports.address): written(ports),
    }  # fmt: skip
    return replace(HEALTHY, readings={**HEALTHY.readings, **readings})


def tried(outcome: str, said: Said = OK, form: str = "R01", to: str = "<c@outside.example>") -> tuple[Attempt, ...]:
    """One attempt to relay, and what became of it."""
    return (Attempt("F02", form, "<t@outside.example>", to, outcome, said, "RCPT"),)  # type: ignore[arg-type]

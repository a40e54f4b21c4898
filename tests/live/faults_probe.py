"""Planted faults of a server as a stranger sees it: what is changed, and the control that must tell of it."""

from __future__ import annotations

from typing import Any

import msgspec

from lockdown.facts.probed import Ports, Said, Smuggled, StartTls
from lockdown.model.finding import State
from tests.checklist.seen import OK, SERVER, UNKNOWN_USER, tried

_OFFERS = SERVER.offers
_FOOLED = (Smuggled(r"\n.\n", "taken-as-end", OK), *SERVER.smuggling[1:])


def _open(*ports: int) -> Ports:
    return Ports("192.0.2.25", "mx.example.org", open=(25, *ports))


FAULTS: tuple[tuple[str, dict[str, Any], str, State], ...] = (
    ("proven open relay", {"relay": tried("arrived")}, "relaying.seen-no-relay", State.FAIL),
    ("takes relay mail at DATA", {"relay": tried("taken-at-data")}, "relaying.seen-no-relay", State.FAIL),
    ("takes relay mail at RCPT", {"relay": tried("taken-at-rcpt")}, "relaying.seen-no-relay", State.WARN),
    ("percent hack", {"relay": (*SERVER.relay, *tried("taken-at-rcpt", OK, "R03", "<c%x@example.org>"))},
     "relaying.seen-no-relay", State.WARN),
    ("refuses bounces", {"null_sender": Said(550, "5.7.1 no")}, "relaying.seen-own-mail-gets-in", State.FAIL),
    ("no postmaster", {"postmaster": UNKNOWN_USER}, "relaying.seen-own-mail-gets-in", State.FAIL),
    ("no abuse", {"abuse": UNKNOWN_USER}, "relaying.seen-own-mail-gets-in", State.WARN),
    ("takes a bare newline dot", {"smuggling": _FOOLED}, "relaying.seen-no-smuggling", State.FAIL),
    ("AUTH PLAIN before TLS", {"offers": (*_OFFERS, "AUTH PLAIN LOGIN")}, "relaying.seen-passwords-need-tls",
     State.FAIL),
    ("AUTH=LOGIN, the old way", {"offers": (*_OFFERS, "AUTH=LOGIN")}, "relaying.seen-passwords-need-tls", State.FAIL),
    ("XCLIENT for all", {"offers": (*_OFFERS, "XCLIENT NAME ADDR")}, "relaying.seen-no-xclient", State.FAIL),
    ("size is not kept", {"over_size": OK}, "attachments.seen-size-limit", State.FAIL),
    ("size without limit", {"size": 0}, "attachments.seen-size-limit", State.FAIL),
    ("no size announced", {"size": None}, "attachments.seen-size-limit", State.WARN),
    ("VRFY tells", {"vrfy": UNKNOWN_USER}, "services.seen-no-user-probing", State.WARN),
    ("EXPN tells", {"expn": UNKNOWN_USER}, "services.seen-no-user-probing", State.WARN),
    ("time tells", {"known_ms": (400.0, 410.0, 390.0), "unknown_ms": (2.0, 3.0, 2.0)},
     "services.seen-no-user-probing", State.WARN),
    ("version in the greeting", {"greeting": Said(220, "mx.example.org ESMTP Exim 4.96")}, "dmz.seen-banner",
     State.WARN),
    ("inner name in the greeting", {"greeting": Said(220, "mail01.corp.local ESMTP")}, "dmz.seen-banner", State.WARN),
    ("obeys a smuggled command", {"starttls": msgspec.structs.replace(StartTls("works"), plaintext="obeyed")},
     "dmz.seen-starttls-plaintext", State.FAIL),
    ("Redis open", {"ports": _open(6379)}, "dmz.seen-ports", State.FAIL),
    ("web console open", {"ports": _open(8080)}, "dmz.seen-ports", State.WARN),
    ("re-injection open", {"ports": _open(10025)}, "dmz.seen-injection-ports", State.FAIL),
)  # fmt: skip
"""Name, change, control, state."""

"""What item 6 says of what a stranger was told: commands that tell who has a mailbox here."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from lockdown.config import Settings
from lockdown.facts.probed import Listener, Said, reached, was_probed
from lockdown.model.finding import Control, Evidence, Finding, Severity, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

SEEN_NAMES_KEPT = Control(
    id="services.seen-no-user-probing",
    title="Nobody is told who has a mailbox",
    severity=Severity.LOW,
    why="VRFY and EXPN tell a spammer in one line each which names are worth writing to.",
    fix="postconf -e disable_vrfy_command=yes && postfix reload",
    evidence="the answers to VRFY and EXPN for a name that cannot exist, and how long RCPT takes",
    references=("RFC 5321 7.3",),
    black_box=True,
)
PROBE_CONTROLS = (SEEN_NAMES_KEPT,)

_LEAST_MS, _TIMES = 50.0, 5.0
"""Differences below these are the network's, not the server's."""


def audit_probe(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """On every listener that was asked; nothing where nothing was probed."""
    if not was_probed(snapshot):
        return
    asked = reached(snapshot)
    if not asked:
        yield SEEN_NAMES_KEPT.finding(State.NOT_APPLICABLE, "No mail listener was asked.", target="probe")
    for place, seen in asked:
        if isinstance(seen, Unknown):
            says = f"{place} could not be asked: {seen.why}."
            yield SEEN_NAMES_KEPT.finding(State.UNKNOWN, says, target=place, next_command="lockdown probe HOST")
        else:
            state, says, words = _told(seen)
            again = "lockdown probe HOST     (again, some minutes later)" if state is State.UNKNOWN else ""
            yield SEEN_NAMES_KEPT.finding(state, says, Evidence(seen.source, words), target=place, next_command=again)


def _told(seen: Listener) -> tuple[State, str, str]:
    if seen.kind == "lmtp":
        return State.NOT_APPLICABLE, "Strangers' mail does not come in here.", "LMTP"
    for verb, said in (("VRFY", seen.vrfy), ("EXPN", seen.expn)):
        if _tells(said):
            return State.WARN, f"It tells by {verb} that a name has no mailbox.", f"{verb}: {said}"
    if not seen.vrfy.code:
        return State.UNKNOWN, f"Whether VRFY tells could not be seen: {seen.vrfy}.", str(seen.vrfy)
    if _differ(seen.known_ms, seen.unknown_ms):
        says = "It answers known names and unknown ones after different times."
        return State.WARN, says, f"known {median(seen.known_ms)} ms, unknown {median(seen.unknown_ms)} ms"
    return State.PASS, "It does not tell who has a mailbox.", f"VRFY: {seen.vrfy}"


def _tells(said: Said) -> bool:
    """A no to the name itself; a no to the command tells nothing (RFC 5321 7.3)."""
    return said.code in (550, 551, 553) and not said.text.startswith(("5.5.", "5.7."))


def _differ(known: tuple[float, ...], unknown: tuple[float, ...]) -> bool:
    if len(known) < 3 or len(unknown) < 3:
        return False
    low, high = sorted((median(known), median(unknown)))
    return high - low > _LEAST_MS and high > _TIMES * low

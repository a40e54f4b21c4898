"""Audit of item 13: what the server shows of it; the rest is on people's word.

A table of aliases is asked for one thing only, whether it has a line for everyone: the addresses stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.education.controls import NO_CATCH_ALL, TOLD_WHY
from lockdown.config import Settings
from lockdown.facts.catch_all import catch_all
from lockdown.facts.gateway import Gateway, gateway
from lockdown.facts.postfix import Absent, Postfix, postfix
from lockdown.facts.postfix_words import words
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_MAPS = ("virtual_alias_maps", "virtual_mailbox_maps")


def audit(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """Every control that a machine can show."""
    del policy
    yield _catch_all(snapshot)
    yield _told_why(snapshot)


def _catch_all(snapshot: Snapshot) -> Finding:
    match postfix(snapshot):
        case Unknown(why):
            says = f"Postfix could not be read: {why}."
            return NO_CATCH_ALL.finding(State.UNKNOWN, says, target="postfix", next_command="sudo lockdown audit")
        case Absent(why):
            return NO_CATCH_ALL.finding(
                State.NOT_APPLICABLE, "There is no Postfix.", Evidence("postfix", why), target="postfix"
            )
        case Postfix() as server:
            return _of_postfix(snapshot, server)


def _of_postfix(snapshot: Snapshot, server: Postfix) -> Finding:
    if server.value("luser_relay"):
        says = "Mail to every invented local name is taken, and goes to one place."
        return NO_CATCH_ALL.finding(State.WARN, says, server.evidence("luser_relay"), target="postfix")
    unread: list[str] = []
    for name in _MAPS:
        for table in words(server.value(name)):
            match catch_all(snapshot, table):
                case Unknown(why):
                    unread.append(why)
                case str() as domain if domain:
                    says = f"Mail to every invented name in {domain} is taken."
                    return NO_CATCH_ALL.finding(State.WARN, says, server.evidence(name), target="postfix")
    if unread:
        ask = "postmap -q @YOUR.DOMAIN TABLE     (for each table: an answer is a catch-all)"
        return NO_CATCH_ALL.finding(
            State.UNKNOWN,
            f"Whether there is a catch-all could not be told: {unread[0]}.",
            target="postfix",
            next_command=ask,
        )
    evidence = (server.evidence(name) for name in ("luser_relay", *_MAPS))
    return NO_CATCH_ALL.finding(State.PASS, "No name stands for all names.", *evidence, target="postfix")


def _told_why(snapshot: Snapshot) -> Finding:
    found = gateway(snapshot)
    if not isinstance(found, Gateway):
        says = f"The gateway's settings could not be read: {found.why}."
        return TOLD_WHY.finding(State.UNKNOWN, says, target="gateway", next_command="lockdown config check")
    evidence = found.evidence("antispam.engines")
    if not found.settings.antispam.engines:
        return TOLD_WHY.finding(
            State.WARN, "The gateway marks nothing: it has no engine against spam.", evidence, target="gateway"
        )
    return TOLD_WHY.finding(State.PASS, "The gateway marks what is doubtful.", evidence, target="gateway")

"""Watch over item 9: whom each part of it is looked at by, and who seeks a relay.

Facts that are Unknown ring too, as `monitoring.cannot-watch`.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.monitoring import accounts, watch_blameless, watch_canary, watch_floods, watch_queue
from lockdown.checklist.monitoring.flood_controls import FLOOD, RELAY_SEEKERS
from lockdown.config import Settings
from lockdown.model.alarm import Alarm
from lockdown.model.finding import Severity
from lockdown.model.traffic import Traffic
from lockdown.model.unknown import Unknown
from lockdown.model.window import Window

RELAY_MOST, RELAY_FACTOR = 200, 5.0
"""Attempts in a day, and against what is usual."""


def watch(window: Window, policy: Settings) -> Iterator[Alarm]:
    """All that is wrong with item 9 now."""
    yield from watch_canary.watch(window, policy)
    yield from _unknown(window)
    yield from accounts.watch(window, policy)
    traffic = window.traffic
    if traffic is None or isinstance(traffic, Unknown):
        return
    yield from watch_floods.watch(traffic)
    yield from watch_blameless.watch(traffic)
    yield from _relay_seekers(traffic)
    yield from watch_queue.watch(traffic)


def _unknown(window: Window) -> Iterator[Alarm]:
    traffic = window.traffic
    counted = traffic if isinstance(traffic, Traffic) else Traffic(0.0)
    facts = (
        ("the log", window.events.why if isinstance(window.events, Unknown) else window.unseen, Severity.MEDIUM),
        ("the traffic", traffic.why if isinstance(traffic, Unknown) else counted.unseen, Severity.MEDIUM),
        ("the mail server's log", counted.unseen_log, Severity.LOW),
    )
    for name, why, severity in facts:
        if why:
            yield Alarm(
                "monitoring.cannot-watch",
                name,
                FLOOD.id,
                severity,
                f"{name[:1].upper()}{name[1:]} cannot be looked at: {why}.",
                "the gateway's own limits hold as before, but a flood may go unnoticed",
                next_command="lockdown doctor     (and see monitoring.mail_logs)",
            )


def _relay_seekers(traffic: Traffic) -> Iterator[Alarm]:
    today, usual = traffic.relay_attempts
    if today >= RELAY_MOST and today >= RELAY_FACTOR * usual:
        yield Alarm(
            "monitoring.relay-seekers",
            "today",
            RELAY_SEEKERS.id,
            Severity.LOW,
            f"Strangers have asked to pass {today} messages on today; usually it is {usual:.0f}.",
            "all of them were refused",
            next_command="lockdown drill relaying     (proves that nothing is relayed)",
        )

"""The order in which gates judge, and the one place where a broken gate is caught: it defers, it never accepts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from lockdown.checklist.attachments import gate as attachments
from lockdown.checklist.monitoring import gate as monitoring
from lockdown.checklist.relaying import gate as relaying
from lockdown.config import Settings
from lockdown.model.verdict import ACCEPT, Kind, Verdict

log = logging.getLogger("lockdown.gateway")

Judged = TypeVar("Judged")
Gate = Callable[[Judged, Settings], Verdict]

# Cheap and certain first; these tuples are the order.
AT_CONNECT = (monitoring.client,)
AT_SENDER = (relaying.sender, attachments.sender)
AT_RECIPIENT = (relaying.recipient, monitoring.recipient)
AT_MESSAGE = (attachments.message,)
# Beside these, at whichever of those moments the last of its values is known; asked only where a restraint is met.
RESTRAINED = (monitoring.restrained,)
# What is refused by its measures alone is not scanned: a bomb must not keep the engines busy. AT_SCANNED, which comes
# next, stands in `scanning`: it is imported only by who has engines.


def judge(gates: tuple[Gate[Judged], ...], value: Judged, policy: Settings) -> Verdict:
    """The strictest verdict of these gates; the first one among equals. A gate that breaks defers."""
    # Measured hot path: nearly always no gate has anything to say, and then nothing is compared.
    try:
        for gate in gates:
            verdict = gate(value, policy)
            if verdict is not ACCEPT:
                break
        else:
            return ACCEPT
    except Exception as error:
        verdict = _broken(gate, error)
    if verdict.kind is Kind.HANG_UP:
        return verdict
    rest = judge(gates[gates.index(gate) + 1 :], value, policy)
    return rest if rest.kind > verdict.kind else verdict


def _broken(gate: Gate[Judged], error: Exception) -> Verdict:
    name = f"{gate.__module__.removeprefix('lockdown.checklist.')}.{gate.__name__}"
    log.exception("gate-broken %s", name)
    return Verdict(
        Kind.DEFER,
        control="gateway.gate-broken",
        says=f"the gate {name} broke: {error!r}",
        tells="Local trouble; try again later",
        code=451,
        detail="3.0",
    )

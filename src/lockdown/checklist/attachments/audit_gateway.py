"""What item 4 demands of the gateway's own settings: a size, a shape, and a bound on repetition."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.attachments.controls import GATEWAY_MESSAGE_LIMIT, GATEWAY_REPETITION, GATEWAY_STRUCTURE
from lockdown.checklist.attachments.sizes import judged
from lockdown.config import Settings
from lockdown.facts.gateway import Gateway
from lockdown.facts.networks import Width, parse_network, width
from lockdown.model.finding import Finding, State
from lockdown.model.units import ByteSize, show_duration

GATEWAY_CONTROLS = (GATEWAY_MESSAGE_LIMIT, GATEWAY_STRUCTURE, GATEWAY_REPETITION)
TARGET = "gateway"
MOST_IN_A_WINDOW = ByteSize.parse("2 GiB")
"""From one network within the window; more is no bound on a bomb."""
_SHAPE = {
    "max_header": ByteSize.parse("1 MiB"),
    "max_parts": 10_000,
    "max_nesting": 100,
    "max_line": ByteSize.parse("10 MiB"),
}
"""Above these, the programs behind the gateway are known to slow down or stop."""


def audit_gateway(found: Gateway, policy: Settings) -> Iterator[Finding]:
    """The findings on the gateway itself."""
    state, what = judged(found.settings.gateway.max_message, policy.site.profile)
    evidence = found.evidence("gateway.max_message")
    yield GATEWAY_MESSAGE_LIMIT.finding(state, f"The gateway takes messages {what}.", evidence, target=TARGET)
    yield _structure(found)
    yield _repetition(found)


def _structure(found: Gateway) -> Finding:
    limits = found.settings.attachments
    for name, most in _SHAPE.items():
        value = getattr(limits, name)
        if value > most:
            says = f"attachments.{name} is {value}: above {most}, programs behind the gateway slow down or stop."
            evidence = found.evidence(f"attachments.{name}")
            return GATEWAY_STRUCTURE.finding(State.WARN, says, evidence, target=TARGET)
    says = f"At most {limits.max_parts} parts, {limits.max_nesting} levels deep, {limits.max_header} of header."
    evidence_of_all = (found.evidence(f"attachments.{name}") for name in _SHAPE)
    return GATEWAY_STRUCTURE.finding(State.PASS, says, *evidence_of_all, target=TARGET)


def _repetition(found: Gateway) -> Finding:
    limits, largest = found.settings.attachments, found.settings.gateway.max_message
    for name in ("network_bytes", "recipient_bytes"):
        allowed = getattr(limits, name)
        evidence = (found.evidence(f"attachments.{name}"), found.evidence("gateway.max_message"))
        if allowed < largest:
            says = f"attachments.{name} is smaller than one message of the largest size: the second one is put off."
            return GATEWAY_REPETITION.finding(State.WARN, says, *evidence, target=TARGET)
        if allowed > MOST_IN_A_WINDOW:
            says = f"attachments.{name} lets {allowed} through in {show_duration(limits.window)}: no bound on a bomb."
            return GATEWAY_REPETITION.finding(State.FAIL, says, *evidence, target=TARGET)
    return _exempt(found) or GATEWAY_REPETITION.finding(
        State.PASS,
        f"One network brings at most {limits.network_bytes} or {limits.network_messages} messages "
        f"in {show_duration(limits.window)}, one recipient gets at most {limits.recipient_bytes}.",
        found.evidence("attachments.network_bytes"),
        found.evidence("attachments.recipient_bytes"),
        target=TARGET,
    )


def _exempt(found: Gateway) -> Finding | None:
    """A wide network in never_limit undoes the bound."""
    evidence = found.evidence("monitoring.never_limit")
    for text in found.settings.monitoring.never_limit:
        network = parse_network(text)
        if network and width(network) >= Width.WHOLE_PRIVATE_RANGE:
            state = State.FAIL if width(network) is Width.EVERYONE else State.WARN
            return GATEWAY_REPETITION.finding(state, f"{text} is free of every limit.", evidence, target=TARGET)
    return None

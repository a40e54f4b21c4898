"""What item 2 demands of the gateway's own settings: that mail is weighed, that findings have effect, narrow lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockdown.checklist.antispam.audit_controls import (
    ALLOW_NARROW,
    BLOCKLISTS_WORK,
    FAILS_AS_STATED,
    FILTER_IN_EVERY_PATH,
    GATEWAY_WEIGHS,
    NO_BACKSCATTER,
    OWN_RESOLVER,
)
from lockdown.checklist.antispam.places import FREE_MAIL
from lockdown.facts.blocklists import Tried, blocklists
from lockdown.facts.gateway import Gateway
from lockdown.facts.scanner_files import NOT_THERE, RESOLVERS
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

TARGET = "gateway"
BUILTIN = "builtin"
PUBLIC_RESOLVERS = frozenset(
    {
        "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844", "1.1.1.1", "1.0.0.1",
        "2606:4700:4700::1111", "2606:4700:4700::1001", "9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9",
        "208.67.222.222", "208.67.220.220", "94.140.14.14", "94.140.15.15",
    }
)  # fmt: skip
_STUBS = frozenset({"127.0.0.53", "127.0.0.54", "127.0.0.11"})
"""Forwarders on the machine itself (systemd-resolved, containers): whom they ask is not written there."""
_FAR_TOO_HIGH = 3
"""Times the points of a mark: hardly any spam gets so many."""


def audit_gateway(snapshot: Snapshot, found: Gateway) -> Iterator[Finding]:
    """The findings on the gateway itself."""
    yield _path(found)
    yield _weighs(found)
    yield _unavailable(found)
    yield _allow(found)
    yield from _blocklists(snapshot, found)
    yield _resolver(snapshot, found)
    says = "The gateway refuses spam while its sender waits, holds it or marks it: it sends no bounce."
    yield NO_BACKSCATTER.finding(State.PASS, says, found.evidence("antispam.refuse"), target=TARGET)


def _path(found: Gateway) -> Finding:
    engines, listens = found.settings.antispam.engines, ", ".join(found.settings.gateway.listen)
    evidence = (found.evidence("antispam.engines"), found.evidence("gateway.listen"))
    if not engines:
        says = f"The gateway takes mail on {listens}, and no filter is set."
        return FILTER_IN_EVERY_PATH.finding(State.FAIL, says, *evidence, target=TARGET, next_command=GATEWAY_WEIGHS.fix)
    says = f"All that comes in on {listens} is weighed by {', '.join(engines)}."
    return FILTER_IN_EVERY_PATH.finding(State.PASS, says, *evidence, target=TARGET)


def _weighs(found: Gateway) -> Finding:
    chosen = found.settings.antispam
    if not chosen.engines:
        says = "The gateway weighs nothing."
        return GATEWAY_WEIGHS.finding(State.FAIL, says, found.evidence("antispam.engines"), target=TARGET)
    for key, says, fix in _gaps(found):
        return GATEWAY_WEIGHS.finding(State.WARN, says, found.evidence(key), target=TARGET, next_command=fix)
    says = f"Mail is marked from {chosen.tag:g} points, held from {chosen.hold:g}, refused from {chosen.refuse:g}."
    evidence = tuple(found.evidence(f"antispam.{key}") for key in ("engines", "tag", "hold", "refuse"))
    return GATEWAY_WEIGHS.finding(State.PASS, says, *evidence, target=TARGET)


def _gaps(found: Gateway) -> Iterator[tuple[str, str, str]]:
    """Settings that leave something without effect: the key, what that means, and what to type."""
    chosen = found.settings.antispam
    if BUILTIN not in chosen.engines:
        says = "The builtin engine is off: look-alikes and forged names are not weighed."
        yield "antispam.engines", says, GATEWAY_WEIGHS.fix
    if chosen.forged == "accept-and-mark":
        says = "Forged mail in your own name is delivered, with a mark."
        yield "antispam.forged", says, 'write antispam.forged = "quarantine" in lockdown.toml'
    if chosen.dmarc == "mark":
        says = "Mail that its own domain asks to refuse is delivered, with a mark."
        yield "antispam.dmarc", says, 'write antispam.dmarc = "honour" in lockdown.toml'
    if chosen.hold > _FAR_TOO_HIGH * 5.0 or chosen.hold > _FAR_TOO_HIGH * chosen.tag:
        says = f"Mail is held from {chosen.hold:g} points only: hardly any spam gets so many."
        yield "antispam.hold", says, "write antispam.hold = 8.0 in lockdown.toml"


def _unavailable(found: Gateway) -> Finding:
    words = {"defer": "waits at its sender", "quarantine": "is held", "accept-and-mark": "is delivered with a mark"}
    says = f"When a filter is down, mail {words[found.settings.antispam.unavailable]}; it never passes for weighed."
    return FAILS_AS_STATED.finding(State.PASS, says, found.evidence("antispam.unavailable"), target=TARGET)


def _allow(found: Gateway) -> Finding:
    allowed, evidence = found.settings.antispam.allow, found.evidence("antispam.allow")
    if not allowed:
        return ALLOW_NARROW.finding(State.PASS, "No sender is free of the filters.", evidence, target=TARGET)
    whole = [entry for entry in allowed if is_whole_domain(entry)]
    if free := [entry for entry in whole if _domain(entry) in FREE_MAIL or "." not in _domain(entry)]:
        says = f"Everybody can have an address at {', '.join(free)}, and is free of the filters then."
        return ALLOW_NARROW.finding(State.FAIL, says, evidence, target=TARGET)
    if whole:
        says = f"Whole domains are free of the filters: {', '.join(whole)}."
        return ALLOW_NARROW.finding(State.WARN, says, evidence, target=TARGET)
    says = f"{len(allowed)} single senders are free of the filters, where SPF, DKIM or DMARC vouches for them."
    return ALLOW_NARROW.finding(State.PASS, says, evidence, target=TARGET)


def is_whole_domain(entry: str) -> bool:
    """`example.com`, `@example.com`, `*@example.com`: not one address."""
    local, at, _ = entry.rpartition("@")
    return not at or local.strip("*") == ""


def _domain(entry: str) -> str:
    return entry.rpartition("@")[2].lower().strip("*.")


def _blocklists(snapshot: Snapshot, found: Gateway) -> Iterator[Finding]:
    evidence = found.evidence("antispam.blocklists")
    zones = [text.split()[0].partition("=")[0].lower() for text in found.settings.antispam.blocklists if text.split()]
    if not zones:
        says = "No blocklist is asked."
        yield BLOCKLISTS_WORK.finding(State.NOT_APPLICABLE, says, evidence, target=TARGET)
    tried = blocklists(snapshot)
    for zone in dict.fromkeys(zones):
        yield _blocklist(zone, evidence, tried)


def _blocklist(zone: str, evidence: Evidence, tried: tuple[Tried | Unknown, ...]) -> Finding:
    target = f"list {zone}"
    for one in tried:
        if isinstance(one, Unknown) and one.why.startswith(f"{zone}: "):
            says = f"Whether this list works could not be told: {one.why.partition(': ')[2]}."
            return BLOCKLISTS_WORK.finding(State.UNKNOWN, says, evidence, target=target, next_command=_ask_list(zone))
        if isinstance(one, Tried) and one.zone == zone and one.passes:
            says = "This list lists its test entry, and nothing that nobody can list."
            return BLOCKLISTS_WORK.finding(State.PASS, says, evidence, target=target)
        if isinstance(one, Tried) and one.zone == zone:
            says = f"This list is not usable: {one.why}."
            return BLOCKLISTS_WORK.finding(State.FAIL, says, evidence, target=target)
    says = "This list was not tried."
    return BLOCKLISTS_WORK.finding(State.UNKNOWN, says, evidence, target=target, next_command=_ask_list(zone))


def _ask_list(zone: str) -> str:
    return f"dig 2.0.0.127.{zone}     (it must answer 127.0.0.x)"


def _resolver(snapshot: Snapshot, found: Gateway) -> Finding:
    set_here, evidence = found.settings.antispam.resolvers, found.evidence("antispam.resolvers")
    if set_here == ():
        says = "DNS is not asked: SPF, DKIM and DMARC of those who write to you are unknown."
        return OWN_RESOLVER.finding(State.WARN, says, evidence, target=TARGET)
    servers = _of_system(snapshot) if isinstance(set_here, str) else tuple(_address(text) for text in set_here)
    if isinstance(servers, Unknown):
        says = f"Which resolvers are asked could not be told: {servers.why}."
        ask = "cat /etc/resolv.conf"
        return OWN_RESOLVER.finding(State.UNKNOWN, says, evidence, target=TARGET, next_command=ask)
    return _judged(servers, evidence, bool(found.settings.antispam.blocklists))


def _judged(servers: tuple[str, ...], evidence: Evidence, asks_lists: bool) -> Finding:
    asked = Evidence("resolvers", ", ".join(servers))
    if public := [server for server in servers if server in PUBLIC_RESOLVERS]:
        says = f"DNS is asked of {', '.join(public)}, which all the world asks: blocklists refuse it."
        state = State.FAIL if asks_lists else State.WARN
        return OWN_RESOLVER.finding(state, says, evidence, asked, target=TARGET)
    if stubs := [server for server in servers if server in _STUBS]:
        says = f"{stubs[0]} passes each question on, to whom is not written there."
        ask = "resolvectl dns     (which servers does it ask?)"
        return OWN_RESOLVER.finding(State.UNKNOWN, says, evidence, asked, target=TARGET, next_command=ask)
    says = f"DNS is asked of {', '.join(servers)}."
    return OWN_RESOLVER.finding(State.PASS, says, evidence, asked, target=TARGET)


def _of_system(snapshot: Snapshot) -> tuple[str, ...] | Unknown:
    match snapshot.reading(RESOLVERS):
        case Unknown() as unknown:
            return unknown
        case str() as text if text.startswith(NOT_THERE):
            return Unknown("there is no /etc/resolv.conf")
        case str() as text:
            found = tuple(re.findall(r"(?m)^[ \t]*nameserver[ \t]+([0-9a-fA-F.:]+)", text))
            return found or Unknown("/etc/resolv.conf names no server")


def _address(text: str) -> str:
    """`127.0.0.1:5353` and `[::1]:53` without their port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text

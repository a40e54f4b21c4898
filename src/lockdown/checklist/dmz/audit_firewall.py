"""The packet filter: closed by default on the way in, through and out, for both families."""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.dmz.controls import DROPS_IN, DROPS_THROUGH, OUTBOUND, PUBLISHED
from lockdown.config import Settings
from lockdown.facts.firewall import FAMILIES, NFT, SYSCTL, Firewall, firewall
from lockdown.facts.interfaces import interfaces
from lockdown.facts.listeners import listeners
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_NAMES = {"ip": "IPv4", "ip6": "IPv6"}
_ASK = "sudo nft list ruleset"
_TARGET = "packet filter"


def audit_firewall(snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """The findings on the packet filter."""
    found = firewall(snapshot)
    if isinstance(found, Unknown):
        for control in (DROPS_IN, DROPS_THROUGH, OUTBOUND):
            says = f"The packet filter could not be read: {found.why}."
            yield control.finding(State.UNKNOWN, says, target=_TARGET, next_command=_ASK)
    else:
        yield _inbound(found, _families(snapshot))
        yield _through(found, snapshot)
        yield _outbound(found, _families(snapshot), policy)
    yield _published(found, snapshot)


def _families(snapshot: Snapshot) -> tuple[str, ...]:
    """The families in which the machine has an address of its own; both where that could not be read."""
    found = interfaces(snapshot)
    if isinstance(found, Unknown):
        return FAMILIES
    others = [one.address for one in found if not one.address.startswith(("127.", "::1", "fe80:"))]
    return tuple(one for one in FAMILIES if any((":" in address) == (one == "ip6") for address in others)) or ("ip",)


def _inbound(found: Firewall, families: tuple[str, ...]) -> Finding:
    for one in families:
        if found.stops(one, "input") is None and (doubt := found.doubt(one, "input")):
            says = f"Whether everyone is let in over {_NAMES[one]} could not be told: one rule is not followed here."
            return DROPS_IN.finding(State.UNKNOWN, says, doubt, target=_TARGET, next_command=_ASK)
    open_ones = [one for one in families if found.stops(one, "input") is None]
    chains = [chain.evidence for one in families if (chain := found.stops(one, "input"))]
    if not open_ones:
        where = " by its files; what runs was not read" if found.from_files else ""
        names = " and ".join(_NAMES[one] for one in families)
        return DROPS_IN.finding(
            State.PASS, f"What is not wanted is stopped at the door, over {names}{where}.", *chains, target=_TARGET
        )
    evidence = [one.evidence for one in found.chains if one.hook == "input"] or [
        Evidence(NFT, "no chain at the hook input stops anything")
    ]
    names = " and ".join(_NAMES[one] for one in open_ones)
    if chains:
        says = f"{names} is open: everything that listens is reached over it."
        return DROPS_IN.finding(State.FAIL, says, *evidence, *chains, target=_TARGET)
    # A firewall of the network may stand before the machine: that cannot be seen from inside.
    says = f"No packet filter of this machine stops anything over {names}."
    return DROPS_IN.finding(State.WARN, says, *evidence, target=_TARGET)


def _through(found: Firewall, snapshot: Snapshot) -> Finding:
    reading = snapshot.reading(SYSCTL)
    if isinstance(reading, Unknown):
        if all(found.stops(one, "forward") for one in FAMILIES):
            return DROPS_THROUGH.finding(State.PASS, "What is not wanted is not forwarded.", target=_TARGET)
        says = f"Whether the machine forwards could not be read: {reading.why}."
        return DROPS_THROUGH.finding(State.UNKNOWN, says, target=_TARGET, next_command="sysctl net.ipv4.ip_forward")
    values = dict(line.rsplit(" ", 1) for line in reading.splitlines() if " " in line)
    if "net/ipv4/ip_forward" not in values:
        says = "Whether the machine forwards could not be read: the kernel's setting is not among what was read."
        return DROPS_THROUGH.finding(State.UNKNOWN, says, target=_TARGET, next_command="sysctl net.ipv4.ip_forward")
    forwards = {
        "ip": values["net/ipv4/ip_forward"] != "0",
        # A kernel without IPv6 has no such setting.
        "ip6": values.get("net/ipv6/conf/all/forwarding", "0") != "0",
    }
    evidence = Evidence("/proc/sys", ", ".join(f"{name} = {value}" for name, value in values.items()))
    if not any(forwards.values()):
        return DROPS_THROUGH.finding(State.PASS, "The machine forwards nothing.", evidence, target=_TARGET)
    free = [one for one, on in forwards.items() if on and found.stops(one, "forward") is None]
    if free and (doubt := found.doubt(free[0], "forward")):
        says = (
            f"Whether everything is forwarded over {_NAMES[free[0]]} could not be told: one rule is not followed here."
        )
        return DROPS_THROUGH.finding(State.UNKNOWN, says, doubt, target=_TARGET, next_command=_ASK)
    if free:
        names = " and ".join(_NAMES[one] for one in free)
        return DROPS_THROUGH.finding(
            State.WARN, f"The machine forwards everything over {names}.", evidence, target=_TARGET
        )
    return DROPS_THROUGH.finding(State.PASS, "The machine forwards only what it is told to.", evidence, target=_TARGET)


def _outbound(found: Firewall, families: tuple[str, ...], policy: Settings) -> Finding:
    limited = [chain for one in families if (chain := found.stops(one, "output"))]
    if len(limited) == len(families):
        return OUTBOUND.finding(
            State.PASS, "The server may go only where it is let.", limited[0].evidence, target=_TARGET
        )
    state = State.WARN if policy.site.profile == "strict" else State.PASS
    doubt = next((doubt for one in families if (doubt := found.doubt(one, "output"))), None)
    if doubt and state is State.WARN:
        says = "Whether the server may go everywhere could not be told: one rule is not followed here."
        return OUTBOUND.finding(State.UNKNOWN, says, doubt, target=_TARGET, next_command=_ASK)
    says = "The server may go everywhere." + ("" if state is State.WARN else " This profile lets that be.")
    return OUTBOUND.finding(state, says, Evidence(NFT, "no chain at the hook output stops anything"), target=_TARGET)


def _published(found: Firewall | Unknown, snapshot: Snapshot) -> Finding:
    heard = listeners(snapshot)
    proxies = (
        [one for one in heard if one.process in ("docker-proxy", "rootlessport") and not one.is_loopback]
        if not isinstance(heard, Unknown)
        else []
    )
    if proxies:
        places = ", ".join(sorted({f"{one.port}" for one in proxies}))
        says = f"Containers publish ports {places} to everyone, past the rules of the input chain."
        evidence = [Evidence("host/listeners", f"{one.address}:{one.port} {one.process}") for one in proxies[:3]]
        return PUBLISHED.finding(State.WARN, says, *evidence, target=_TARGET)
    if not isinstance(found, Unknown) and found.published:
        says = f"{len(found.published)} rules lead packets from outside to another machine or container."
        return PUBLISHED.finding(State.WARN, says, *found.published[:3], target=_TARGET)
    if isinstance(found, Unknown) or isinstance(heard, Unknown):
        why = found.why if isinstance(found, Unknown) else heard.why if isinstance(heard, Unknown) else ""
        return PUBLISHED.finding(
            State.UNKNOWN, f"Which ports are published could not be read: {why}.", target=_TARGET, next_command=_ASK
        )
    return PUBLISHED.finding(State.PASS, "No port is led past the rules.", target=_TARGET)

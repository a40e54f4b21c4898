"""The changes that item 8 makes to an Exim: whole options taken out, and whole networks that are nobody's own.

Access lists are an administrator's program: what a statement in one is for, nobody can tell from outside, so each
finding on them is left with the line that it rests on.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockdown.checklist.relaying.controls import MYNETWORKS, NO_VRFY, OPEN_TO_STRANGERS, SENDER_ROUTING
from lockdown.facts.exim import Exim, place_of, relay_nets
from lockdown.facts.exim_lists import split
from lockdown.facts.networks import Width, parse_network, width
from lockdown.model.change import Left, OptionStyle, Proposal, Risk, SetOption
from lockdown.model.finding import Finding
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

_ACL = "A statement of an access list decides, and what it is for, only its writer can say."
_OPTIONS = {NO_VRFY.id: ("acl_smtp_vrfy", "acl_smtp_expn"), SENDER_ROUTING.id: ("percent_hack_domains",)}


def enforce_exim(found: Finding, server: Exim, snapshot: Snapshot) -> Iterator[Proposal | Left]:
    """What turns one finding."""
    if found.control in _OPTIONS:
        yield from _without_options(found, server)
    elif found.control in (MYNETWORKS.id, OPEN_TO_STRANGERS.id) and (nets := _narrowed(snapshot)):
        effects = "who sends from there without logging in is refused until his own address is listed"
        change = SetOption("/etc/exim4/update-exim4.conf.conf", "dc_relay_nets", nets[0], OptionStyle.EXIM_MACRO)
        yield Proposal(found.control, change, f"{found.says} Now: dc_relay_nets = {nets[1]}.", Risk.LOW, effects,
                       found.target)  # fmt: skip
    elif found.control in (MYNETWORKS.id, OPEN_TO_STRANGERS.id) and (listed := _narrowed_list(found, server)):
        effects = "who sends from there without logging in is refused until his own address is listed"
        why = f"{found.says} Now: {found.evidence[0].text}."
        yield Proposal(found.control, listed, why, Risk.LOW, effects, found.target)
    else:
        yield Left(found.control, _ACL, found.next_command, found.target)


def _without_options(found: Finding, server: Exim) -> Iterator[Proposal | Left]:
    for name in _OPTIONS[found.control]:
        if not server.value(name):
            continue
        match place_of(server, name):
            case (path, OptionStyle.EXIM):
                change = SetOption(path, name, None, OptionStyle.EXIM)
                why = f"{found.says} Now: {server.evidence(name).text}."
                yield Proposal(found.control, change, why, Risk.NONE, "none known", found.target)
            case Unknown(why):
                yield Left(found.control, f"{why}.", found.next_command, found.target)
            case _:
                yield Left(found.control, "Debian has no macro for it.", found.next_command, found.target)


def _narrowed_list(found: Finding, server: Exim) -> SetOption | None:
    """The list of hosts that trusts the world, without it and with this machine; None where it is something else."""
    for (kind, name), (value, line) in server.lists.named.items():
        if kind != "host" or place_of(server, "") != (line.source, OptionStyle.EXIM):
            continue
        kept = [word for word in split(value) if not _is_nobodys(word)]
        asked = f"+{name}" in found.evidence[0].text or found.evidence[0] == line.evidence
        if not asked or len(kept) == len(split(value)) or any("!" in word or "$" in word for word in kept):
            continue
        words = dict.fromkeys((*_THIS_MACHINE, *(word for word in kept if word)))
        # A colon in an address is doubled: one alone parts two items (spec 6.21).
        hosts = " : ".join(word.replace(":", "::") for word in words)
        return SetOption(line.source, f"hostlist {name}", hosts, OptionStyle.EXIM)
    return None


_THIS_MACHINE = ("127.0.0.1", "::1")


def _is_nobodys(word: str) -> bool:
    network = parse_network(word)
    return word == "*" or (network is not None and width(network) >= Width.PUBLIC)


def _narrowed(snapshot: Snapshot) -> tuple[str, str] | None:
    """Debian's dc_relay_nets without what is as wide as the Internet, and as it is now; None where that is no cure."""
    now = relay_nets(snapshot)
    kept, taken = [], False
    for word in split(now.replace(";", ":")) if now else []:
        network = parse_network(word)
        wide = _is_nobodys(word)
        taken = taken or wide
        if network is not None and not wide and width(network) >= Width.BROAD:
            return None
        kept += [] if wide else [word]
    return (" ; ".join(kept), now) if taken else None

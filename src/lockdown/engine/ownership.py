"""Whose server is it? No attack is made on a machine whose owner has not given leave.

Leave is proved in one of two ways: the target is this very machine; or the domain carries our token in a TXT record
at `_lockdown.<domain>`, and the server is of that domain: by its name, and by its greeting or its PTR record. A domain
whose mail goes to somebody else's servers gives no leave to attack those.
Fails as: `Unproven`, with the reason and what to do. A DNS that does not answer proves nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lockdown.facts.probed_dns import Answer
from lockdown.model.unknown import Unknown
from lockdown.state.keyfile import key_of

LABEL = "_lockdown"
_KEY = "probe.key"
_PREFIX = "lockdown-probe="
Look = Callable[[str, str], Answer | Unknown]
"""Asks the DNS for a name and a kind."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The owner has given leave; `why` says how that was seen."""

    why: str
    local: bool = False


@dataclass(frozen=True, slots=True)
class Unproven:
    """Nobody has proved it; `how` is what to do."""

    why: str
    how: str = ""


def token(domain: str, state: Path) -> str:
    """What the domain's owner publishes: it cannot be guessed, and fits this installation and this domain alone."""
    digest = hmac.new(key_of(state / _KEY), domain.lower().rstrip(".").encode(), hashlib.sha256).hexdigest()
    return f"{_PREFIX}{digest[:40]}"


def is_this_machine(address: str) -> bool:
    """Whether the address is one of this machine's own: only then a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return address not in ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be attacked, in whose name; `greeting` is what the server calls itself."""

    domain: str
    host: str
    address: str
    greeting: str = ""


def ownership(claim: Claim, state: Path, look: Look | None) -> Proven | Unproven:
    """Whether the owner of this server has given leave."""
    if is_this_machine(claim.address):
        return Proven(f"{claim.address} is an address of this machine", local=True)
    domain = claim.domain.lower().rstrip(".")
    how = f'publish the TXT record {LABEL}.{domain} "{token(domain, state)}"'
    if look is None:
        return Unproven("no DNS resolver was named to ask for the proof", f"{how}, and name --resolver ADDRESS")
    if why := _not_published(domain, token(domain, state), look):
        return Unproven(why, how)
    if not _is_below(claim.host, domain):
        return Unproven(
            f"{claim.host} is no name of {domain}: its owner is somebody else", "probe your own host's name"
        )
    if by := _says_so_itself(claim, domain, look):
        return Proven(f"{LABEL}.{domain} carries our token, and {by}")
    return Unproven(
        f"{claim.host} ({claim.address}) does not say itself that it is of {domain}",
        f"let its greeting or its PTR record name a host of {domain}",
    )


def _not_published(domain: str, wanted: str, look: Look) -> str:
    match look(f"{LABEL}.{domain}", "TXT"):
        case Unknown(why):
            return f"{LABEL}.{domain} could not be asked: {why}"
        case Answer(values=values):
            found = any(hmac.compare_digest(text.strip().encode(), wanted.encode()) for text in values)
            return "" if found else f"{LABEL}.{domain} does not carry our token"


def _is_below(host: str, domain: str) -> bool:
    host = host.lower().rstrip(".")
    return host == domain or host.endswith(f".{domain}")


def _says_so_itself(claim: Claim, domain: str, look: Look) -> str:
    """An A record can point at anybody's machine; that machine, or who owns its address, must agree."""
    first = (re.split(r"\s+", claim.greeting.strip()) or [""])[0]
    if first and _is_below(first, domain):
        return f"its greeting says {first}"
    match look(_reverse(claim.address), "PTR"):
        case Answer(values=values):
            named = next((name for name in values if _is_below(name, domain)), "")
            return f"its PTR record says {named}" if named else ""
        case Unknown():
            return ""


def _reverse(address: str) -> str:
    import ipaddress

    return ipaddress.ip_address(address).reverse_pointer

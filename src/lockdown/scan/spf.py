"""SPF: may this client send for this domain (RFC 7208)?

The library is run as often as it takes: where it wants a name that is not known yet, `Need` is raised, whoever runs it
looks the name up, and the evaluation begins anew with one answer more. So a warm cache needs no task at all.

Fails as: Spf(TEMPERROR | PERMERROR, why). Never raises but for Need.
"""

from __future__ import annotations

import ipaddress
from contextvars import ContextVar
from functools import lru_cache

from lockdown._vendor import spf as pyspf
from lockdown.model.scan import Result, Spf
from lockdown.model.unknown import Unknown
from lockdown.scan.dns import Ask, Records, question

_RECORD_OCTETS = 4096
"""RFC 7208 3.4 wants 512 at most; real ones have a few thousand."""
_RECORD_TERMS = 400
_WHY_CHARACTERS = 200
_LOCAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::/127", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
_ASK: ContextVar[Ask] = ContextVar("spf-ask")


@lru_cache(maxsize=4096)
def is_local(address: str) -> bool:
    """Whether no stranger can have this address: loopback, private, link-local, shared; or it is no address at all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return True
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in _LOCAL if network.version == found.version)


def check(ask: Ask, client_address: str, sender: str, helo: str, receiver: str = "unknown") -> Spf:
    """The result for the sender's domain; for the HELO name where the sender is null (RFC 7208 2.4)."""
    domain = sender.rpartition("@")[2] if sender else helo
    if is_local(client_address):
        return Spf(Result.NONE, _shown(domain), "the client has a local address", not sender, local=True)
    if not _is_checkable(domain):
        return Spf(Result.NONE, _shown(domain), "not the name of a domain", not sender)
    result, why = evaluate(ask, client_address, sender, helo, receiver)
    return Spf(result, domain.lower(), _shown(why, _WHY_CHARACTERS), not sender)


def _is_checkable(domain: str) -> bool:
    """A name of several labels, and no address literal (RFC 7208 4.3)."""
    return "." in domain and domain[0] != "[" and question(domain, "TXT") is not None


def evaluate(
    ask: Ask, client_address: str, sender: str, helo: str, receiver: str = "unknown", default: str = ""
) -> tuple[Result, str]:
    """What the library says: the result, and the domain's explanation or else `default` where it fails."""
    token = _ASK.set(ask)
    try:
        query = pyspf.query(i=client_address, s=sender, h=helo, receiver=receiver)
        if sender.count("@") > 1:  # A quoted local part may hold one; the library cuts at the first.
            query.l, _, query.o = sender.rpartition("@")
            query.d = query.o
        query.set_default_explanation(default)
        result, _, why = query.check()
        return Result(result), why if result in ("fail", "permerror", "temperror") else ""
    except Exception as error:
        return Result.PERMERROR, f"the record could not be evaluated: {type(error).__name__}"
    finally:
        _ASK.reset(token)


def _lookup(name: str, kind: str, _strict: object = None, _timeout: object = None) -> list[tuple[object, object]]:
    """In the library's form: each value under its question; a TXT is a tuple of strings."""
    match _ASK.get()(name, kind):
        case Unknown(why):
            raise pyspf.TempError(why)
        case Records(values):
            return [((name, kind), (_fit(value),) if isinstance(value, bytes) else value) for value in values]
        case _:
            return []


def _fit(text: bytes) -> bytes:
    if text[:6].lower() == b"v=spf1" and (len(text) > _RECORD_OCTETS or text.count(b" ") > _RECORD_TERMS):
        raise pyspf.PermError(f"a record of {len(text)} octets and {text.count(b' ')} terms")
    return text[:_RECORD_OCTETS]


def _shown(text: str, limit: int = 253) -> str:
    """A stranger's words: printable, ASCII, bounded."""
    return "".join(sign if " " <= sign <= "~" else "?" for sign in text[:limit])


pyspf.DNSLookup = _lookup

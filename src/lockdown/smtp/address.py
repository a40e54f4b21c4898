"""Addresses of the envelope: what stands in MAIL FROM:<...> and RCPT TO:<...>.

Every form that a stranger may try becomes either an Address, with a shape that a gate can judge, or an AddressError.
Nothing is guessed or mended: missing brackets, blanks inside them, comments and a second bare @ are errors. The forms
`user%host`, `host!user` and SRS are ordinary local parts here; what they mean is for a gate to say.
Fails as: AddressError(why), a value. Never raises, whatever the bytes.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, NamedTuple

# RFC 5321 4.5.3.1.2 and 4.5.3.1.3; the path's 256 octets include the brackets. A local part has no limit of its own:
# the 64 octets of 4.5.3.1.1 are what everyone must take, and the return paths of mailing services are longer.
DOMAIN_OCTETS: Final = 255
PATH_OCTETS: Final = 254
LABEL_OCTETS: Final = 63


class AddressShape(Enum):
    """What a gate must know beyond the two halves. Where several apply, the later in this list is told."""

    PLAIN = "plain"
    NULL = "null"  # <>
    POSTMASTER = "postmaster"  # <postmaster>, without a domain: RFC 5321 4.5.1 obliges us to take it
    QUOTED = "quoted"  # <"x y"@d>; .local is unquoted, so it may hold an @ of its own
    NO_DOMAIN = "no-domain"  # <t>
    LITERAL = "literal"  # <t@[192.0.2.1]>
    SOURCE_ROUTE = "source-route"  # <@a,@b:c@d>; .local and .domain are those of the last hop


class Address(NamedTuple):
    """A parsed path. `raw` is what stood between the brackets, to be sent on unchanged."""

    local: str
    domain: str  # lower case, no final dot, IDN as A-label; a literal as [192.0.2.1] or [ipv6:2001:db8::1]
    raw: str
    shape: AddressShape
    utf8: bool  # holds something outside ASCII, so SMTPUTF8 must have been asked for


@dataclass(frozen=True, slots=True)
class AddressError:
    """Why these bytes are no address; fit to be shown to the peer."""

    why: str


# Looked up once: on CPython 3.11 a member of an Enum costs five times as much to reach as a global.
_PLAIN: Final = AddressShape.PLAIN
_new_tuple: Final = tuple.__new__

NULL_ADDRESS: Final = Address("", "", "", AddressShape.NULL, False)

# Measured hot path: nearly every address is of this form and short, and one match settles it. At no more octets than a
# label may have, no label can be too long.
COMMON_PATH: Final = rb"<([\w!#$%&'*+/=?^`{|}~.-]+@\w+(?:(?:\.|-+)\w+)*)>"
_COMMON = re.compile(b" *" + COMMON_PATH + rb"(?= |\Z)")

# The general form. Every alternative begins with a character that the others cannot begin with, so it is linear.
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"'
_HOST = r'(?:\[[^\[\]<>\s]*\]|[^\[\]<>\s@,:;"()\\]+)'
_ROUTE = f"@{_HOST}(?:,@{_HOST})*:"
_LOCAL = _QUOTED + r'|[^"<>\s@,:;()\[\]\\]+'
_GENERAL = re.compile(
    rf" *<(?P<raw>(?P<route>{_ROUTE})?(?P<local>{_LOCAL})(?:@(?P<domain>{_HOST}))?)>(?P<rest> .*)?", re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)")
_BARE_LABEL = re.compile(r"\w(?:[\w-]*\w)?")


def parse_path(text: bytes, *, allow_utf8: bool, null_allowed: bool) -> tuple[Address, bytes] | AddressError:
    """What follows `FROM:` or `TO:`, as the address and the rest of the line (the parameters)."""
    common = _COMMON.match(text)
    if common is not None and len(common[1]) <= LABEL_OCTETS:
        return common_address(common[1]), text[common.end() :]
    return _parse_null(text, null_allowed) if text.lstrip(b" ").startswith(b"<>") else _parse_general(text, allow_utf8)


@lru_cache(maxsize=512)
def common_address(path: bytes) -> Address:
    """Of what COMMON_PATH found between the brackets, if no longer than a label; a few write and receive all day."""
    raw = path.decode()
    local, _, domain = raw.partition("@")
    # What `Address(...)` does, without a call in Python.
    return _new_tuple(Address, (local, domain.lower(), raw, _PLAIN, False))


def _parse_null(text: bytes, null_allowed: bool) -> tuple[Address, bytes] | AddressError:
    rest = text.lstrip(b" ")[2:]
    if not null_allowed:
        return AddressError("The null address cannot receive")
    return AddressError("Unexpected text after the address") if rest[:1].strip() else (NULL_ADDRESS, rest)


def _parse_general(text: bytes, allow_utf8: bool) -> tuple[Address, bytes] | AddressError:
    try:
        line = text.decode()
    except UnicodeDecodeError:
        return AddressError("The address is not UTF-8")
    found = _GENERAL.fullmatch(line)
    if found is None:
        return AddressError(_why_not_a_path(line))
    address = _judged(found, allow_utf8)
    return address if isinstance(address, AddressError) else (address, (found["rest"] or "").encode())


def _why_not_a_path(line: str) -> str:
    path, closed, _ = line.lstrip(" ").partition(">")
    if not path.startswith("<") or not closed:
        return "The address must stand in angle brackets"
    if not line.isprintable():
        return "Control characters in the address"
    return "More than one @ in the address" if path.count("@") > 1 else "Not a valid address"


def _judged(found: re.Match[str], allow_utf8: bool) -> Address | AddressError:
    raw, local, domain = found["raw"], found["local"], found["domain"]
    why = _unsuitable(raw, local, domain or "", allow_utf8)
    if why:
        return AddressError(why)
    if found["route"] and domain is None:
        return AddressError("Not a valid address")
    hops = [hop.strip()[1:] for hop in (found["route"] or "")[:-1].split(",") if hop]
    hosts = [_host(host) for host in (domain, *hops) if host is not None]
    for host in hosts:
        if isinstance(host, AddressError):
            return host
    name = str(hosts[0]) if domain is not None else ""
    return Address(_unquoted(local), name, raw, _shape(found), not raw.isascii())


def _unsuitable(raw: str, local: str, domain: str, allow_utf8: bool) -> str:
    """The first reason why these parts cannot be an address, or nothing."""
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in raw):
        return "Control characters in the address"
    if not raw.isascii() and not allow_utf8:
        return "The address is not ASCII"
    if len(domain.encode()) > DOMAIN_OCTETS or len(raw.encode()) > PATH_OCTETS:
        return "The address is too long"
    return ""


def _shape(found: re.Match[str]) -> AddressShape:
    local, domain = found["local"], found["domain"]
    if found["route"]:
        return AddressShape.SOURCE_ROUTE
    if domain is None:
        return AddressShape.POSTMASTER if local.lower() == "postmaster" else AddressShape.NO_DOMAIN
    if domain.startswith("["):
        return AddressShape.LITERAL
    return AddressShape.QUOTED if local.startswith('"') else AddressShape.PLAIN


def _unquoted(local: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", local[1:-1]) if local.startswith('"') else local


def _host(host: str) -> str | AddressError:
    if host.startswith("["):
        return _literal(host[1:-1])
    return _ascii_domain(host) if host.isascii() else _international_domain(host)


def _literal(inside: str) -> str | AddressError:
    try:
        if inside[:5].lower() == "ipv6:":
            return f"[ipv6:{IPv6Address(inside[5:]).compressed}]"
        return f"[{IPv4Address(inside)}]"
    except AddressValueError:
        return AddressError("Not a valid address literal")


def _ascii_domain(host: str) -> str | AddressError:
    domain = host.lower().removesuffix(".")
    for label in domain.split("."):
        if len(label) > LABEL_OCTETS or not _BARE_LABEL.fullmatch(label):
            return AddressError("Not a valid domain")
    return domain


def _international_domain(host: str) -> str | AddressError:
    """The A-labels of a domain that is in its normal form; where they would mean another, the U-labels as they are.

    RFC 5891 4.2.1: a U-label is NFC and has no compatibility characters. Refusing the others keeps look-alike dots
    and wide letters from meaning one domain here and another one behind us.
    """
    domain = host.lower()
    if unicodedata.normalize("NFKC", domain) != domain:
        return AddressError("Not a valid domain")
    checked = _ascii_domain(domain)
    if isinstance(checked, AddressError):
        return checked
    try:
        encoded = checked.encode("idna").decode("ascii")
        return encoded if encoded.encode("ascii").decode("idna") == checked else checked
    except UnicodeError:
        return AddressError("Not a valid domain")

"""The ESMTP extensions: what a server offered, and the parameters that an offer allows behind MAIL and RCPT.

Fails as: a ParameterFault with the reply ready, for what a client wrote. A server's offer that cannot be understood is
read as not offered.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .events import FaultKind, Parameters
from .reply import Reply

# ── what a server offered ──


@dataclass(frozen=True, slots=True)
class Extensions:
    """The keywords of one EHLO or LHLO answer. `size`: None is not offered, 0 is offered without a limit."""

    names: frozenset[str] = frozenset()
    size: int | None = None
    xclient: frozenset[str] = frozenset()
    auth: frozenset[str] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def pipelining(self) -> bool:
        return "PIPELINING" in self.names

    @property
    def eightbitmime(self) -> bool:
        return "8BITMIME" in self.names

    @property
    def smtputf8(self) -> bool:
        return "SMTPUTF8" in self.names

    @property
    def dsn(self) -> bool:
        return "DSN" in self.names

    @property
    def starttls(self) -> bool:
        return "STARTTLS" in self.names

    @property
    def enhanced(self) -> bool:
        return "ENHANCEDSTATUSCODES" in self.names


NO_EXTENSIONS: Final = Extensions()


def parse_extensions(lines: Iterable[str]) -> Extensions:
    """From the lines of the answer after the first, without their codes."""
    # Some old servers write AUTH=LOGIN for AUTH LOGIN.
    offers = [words for line in lines if (words := line.upper().replace("AUTH=", "AUTH ", 1).split())]
    arguments: dict[str, list[str]] = {}
    for name, *rest in offers:
        arguments.setdefault(name, []).extend(rest)
    return Extensions(
        names=frozenset(arguments),
        size=_size_offer(arguments["SIZE"]) if "SIZE" in arguments else None,
        xclient=frozenset(arguments.get("XCLIENT", ())),
        auth=frozenset(arguments.get("AUTH", ())),
        limits=_limits(arguments.get("LIMITS", ())),
    )


def _size_offer(words: list[str]) -> int:
    return int(words[0]) if words and _SIZE.fullmatch(words[0]) else 0


def _limits(words: Iterable[str]) -> dict[str, int]:
    """RFC 9422 3: NAME=number; what is not of that form is to be ignored."""
    pairs = (word.partition("=") for word in words)
    return {name: int(value) for name, _, value in pairs if _LIMIT.fullmatch(value)}


# ── what a client may add to MAIL and RCPT ──

_SIZE: Final = re.compile(r"[0-9]{1,20}")
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,5}")
_WELL_FORMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^=\x00-\x20\x7f][^\x00-\x20\x7f]*))?")
_XTEXT = r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})"
_NOTIFY = r"(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2})"
# RFC 6533 3: an utf-8 address type may be followed by the address as it is.
_ORCPT = r"(?:[A-Z0-9-]{1,40};" + _XTEXT + r"{1,500}|UTF-8;[^\x00-\x20\x7f]{1,500})"


class _Grammar(NamedTuple):
    """A parameter: the offer that allows it, and the form of its value; None where it has no value."""

    offer: str
    value: re.Pattern[str] | None


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_MAIL: Final = {
    "SIZE": _Grammar("SIZE", _form(r"[0-9]{1,20}")),  # RFC 1870
    "BODY": _Grammar("8BITMIME", _form("7BIT|8BITMIME")),  # RFC 6152
    "SMTPUTF8": _Grammar("SMTPUTF8", None),  # RFC 6531
    "RET": _Grammar("DSN", _form("FULL|HDRS")),  # RFC 3461
    "ENVID": _Grammar("DSN", _form(_XTEXT + "{1,100}")),
    "AUTH": _Grammar("AUTH", _form("<>|" + _XTEXT + "{1,500}")),  # RFC 4954
}
_RCPT: Final = {
    "NOTIFY": _Grammar("DSN", _form(_NOTIFY)),
    "ORCPT": _Grammar("DSN", _form(_ORCPT)),
}


class ParameterFault(NamedTuple):
    reply: Reply
    kind: FaultKind


_NOT_UTF8: Final = ParameterFault(Reply(501, "5.4", "Parameters must be ASCII or UTF-8"), FaultKind.BAD_ARGUMENT)


def mail_parameters(text: bytes, offers: frozenset[str]) -> Parameters | ParameterFault:
    """Names in upper case, values as sent, in the order sent."""
    return _parameters(text, _MAIL, offers)


def recipient_parameters(text: bytes, offers: frozenset[str]) -> Parameters | ParameterFault:
    return _parameters(text, _RCPT, offers)


def _parameters(text: bytes, grammar: dict[str, _Grammar], offers: frozenset[str]) -> Parameters | ParameterFault:
    try:
        words = text.decode().split(" ")
    except UnicodeDecodeError:
        return _NOT_UTF8
    found: dict[str, str] = {}
    for word in words:
        fault = _take(word, grammar, offers, found) if word else None
        if fault is not None:
            return fault
    return tuple(found.items())


def _take(
    word: str, grammar: dict[str, _Grammar], offers: frozenset[str], found: dict[str, str]
) -> ParameterFault | None:
    parsed = _WELL_FORMED.fullmatch(word)
    if parsed is None:
        return _bad("Malformed parameter", word)
    name, value = parsed[1].upper(), parsed[2]
    known = grammar.get(name)
    if known is None or known.offer not in offers:
        # RFC 5321 4.1.1.11
        return ParameterFault(Reply(555, "5.4", f"Parameter not recognized: {name[:40]}"), FaultKind.BAD_ARGUMENT)
    if name in found:
        return _bad("Parameter given twice", name)
    if (value is None) != (known.value is None) or (known.value and not known.value.fullmatch(value or "")):
        return _bad("Bad value of the parameter", name)
    found[name] = value or ""
    return None


def _bad(what: str, which: str) -> ParameterFault:
    return ParameterFault(Reply(501, "5.4", f"{what}: {which[:40]}"), FaultKind.BAD_ARGUMENT)

"""Paths over which people are told: what their URLs mean, and how they are shown without their secrets. Pure.

Most of these URLs are passwords: whoever knows a webhook's path may write to its channel. So they are shown by kind and
host alone, and where even the host is a secret (most push services) by kind alone.

Fails as: `Unknown(why)`, which never repeats the URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import time
from hashlib import blake2b
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from lockdown.model.unknown import Unknown

_PORTS = {"mailto": 25, "mailtos": 465}
_SIGNED_IN = 587
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30})://\S+\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,255}\Z")
_TIMES = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)\Z")


@dataclass(frozen=True, slots=True)
class MailPath:
    """A relay of somebody else's, and who is told through it."""

    host: str
    port: int
    to: tuple[str, ...]
    sender: str = ""
    """Empty: one of this machine's name is used."""
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    """Encrypted from the first octet; else STARTTLS, demanded where there is a password."""


@dataclass(frozen=True, slots=True)
class WebPath:
    """A webhook: JSON is posted there."""

    url: str = field(repr=False)
    host: str
    port: int
    target: str = field(repr=False)
    """What is asked for: path and query."""
    tls: bool = True
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class OtherPath:
    """A service that Apprise knows."""

    url: str = field(repr=False)
    scheme: str


AlertPath: TypeAlias = MailPath | WebPath | OtherPath


def read_path(url: str) -> AlertPath | Unknown:
    """What this URL means."""
    match = _SCHEME.match(url)
    if not match:
        return Unknown("it is not a URL, like mailto://RELAY?to=YOU@ELSEWHERE or https://hooks.example.net/…")
    scheme = match[1].lower()
    try:
        if scheme in _PORTS:
            return _mail(scheme, urlsplit(url))
        if scheme in ("http", "https"):
            return _web(url, urlsplit(url))
    except ValueError:
        return Unknown("its host or port cannot be read")
    return OtherPath(url, scheme)


def _mail(scheme: str, parts: SplitResult) -> MailPath | Unknown:
    query = parse_qs(parts.query)
    named = [*",".join(query.get("to", ())).split(","), *unquote(parts.path.strip("/")).split(",")]
    to = tuple(address.strip() for address in named if address.strip())
    sender = query.get("from", [""])[0].strip()
    if not parts.hostname:
        return Unknown("it names no relay: mailto://RELAY?to=YOU@ELSEWHERE")
    if not to:
        return Unknown("it names nobody: mailto://RELAY?to=YOU@ELSEWHERE")
    if not all(_ADDRESS.match(address) for address in (*to, *filter(None, (sender,)))):
        return Unknown("who is named after to= or from= is not an address")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or (_SIGNED_IN if user and scheme == "mailto" else _PORTS[scheme])
    return MailPath(parts.hostname, port, to, sender, user, password, tls=scheme == "mailtos")


def _web(url: str, parts: SplitResult) -> WebPath | Unknown:
    if not parts.hostname:
        return Unknown("it names no host")
    tls = parts.scheme.lower() == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or not target.isprintable():
        return Unknown("it holds characters that no address may hold; write them as %XX")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return WebPath(url, parts.hostname, parts.port or (443 if tls else 80), target, tls, user, password)


def why_not_a_path(url: str) -> str:
    """ "" for one that can be used."""
    path = read_path(url)
    return path.why if isinstance(path, Unknown) else ""


def why_not_a_web_address(url: str) -> str:
    """ "" for one that can be used."""
    path = read_path(url)
    if isinstance(path, Unknown):
        return path.why
    return "" if isinstance(path, WebPath) else "it is not an https:// address"


def masked(url: str) -> str:
    """Enough to know which one is meant, and nothing that opens it."""
    match read_path(url):
        case MailPath(host, port, to):
            return f"mailto://{host}:{port}?to={','.join(to)}"
        case WebPath(_, host, port, _, tls):
            usual = port == (443 if tls else 80)
            return f"{'https' if tls else 'http'}://{host}{'' if usual else f':{port}'}/***"
        case OtherPath(_, scheme):
            return f"{scheme}://***"
        case Unknown():
            return "***"


def names_of(urls: tuple[str, ...]) -> tuple[str, ...]:
    """What each path is called: masked, and told apart by its place where that is the same for several."""
    shown = [masked(url) for url in urls]
    return tuple(
        f"{name} (path {place})" if shown.count(name) > 1 else name for place, name in enumerate(shown, start=1)
    )


def key_of_path(url: str) -> str:
    """By which what was told over it is remembered; the URL itself is written nowhere."""
    return blake2b(url.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def quiet_hours(text: str) -> tuple[time, time] | Unknown:
    """From when to when, in local time; over midnight where the end is before the begin."""
    match = _TIMES.match(text.strip())
    if not match:
        return Unknown(f'{text!r} is not a time of day to another, like "22:00-06:00"')
    begin, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    return (
        (begin, end) if begin != end else Unknown(f"{text!r} is no time at all, or the whole day: nobody would be told")
    )

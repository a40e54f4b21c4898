"""Where links really lead: URLs as a browser goes there, in HTML and in plain text, with the tricks that were undone.

Fails as: a link without host, for what leads nowhere. Bounded: MOST_URL characters, MOST_LINKS links, MOST_INNER
redirections. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from lockdown.mime.domains import readable
from lockdown.mime.html import MOST_LINKS, Anchor
from lockdown.model.scan import Link

MOST_URL = 2000
MOST_INNER = 3

ENTITIES_IN_HOST = "entities in the host of a link"
CONTROLS_IN_URL = "tabs or line ends within a link"
USER_IN_URL = "a user name before the host of a link"
NUMBER_AS_HOST = "an address written as a number"
ESCAPED_HOST = "a host written in escapes"
BACKSLASHES = "backslashes in the host of a link"
HXXP = "hxxp for http"
DOTS_IN_BRACKETS = "dots in brackets"
DOTS_IN_WORDS = "the word dot for a dot"
SPACED_OUT = "a link with blanks between its letters"


class Target(NamedTuple):
    """A URL, resolved: where it leads, and by which tricks it was written."""

    url: str
    host: str
    scheme: str
    tricks: tuple[str, ...] = ()


NOWHERE = Target("", "", "")
_PLAIN = re.compile(r"(https?)://((?:[a-z0-9](?:[a-z0-9-]*+)\.)+[a-z]{2,24})\.?(?::\d{1,5})?(?=[/?#]|\Z)")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30}+):", re.IGNORECASE)
_AUTHORITY = re.compile(r"[/\\]*+([^/\\?#]*+)")
_WEB = frozenset(("http", "https", "ftp", "ws", "wss"))
_SCHEMES = frozenset(
    (*_WEB, "mailto", "javascript", "vbscript", "data", "file", "tel", "sms", "callto", "cid", "mid", "about", "blob")
)
_HOST = re.compile(r"[^\s\x00-\x20\"<>\\^`{|}/?#@\[\]%]++|\[[0-9a-fA-F:.]{2,45}\]")
_MAIL = re.compile(r"(?:[^\s@/?#:]{1,64}@)((?:[\w-]{1,63}\.)+[\w-]{2,63})(?:\?|\Z)")
_CONTROLS = str.maketrans("", "", "\t\r\n")
_EDGES = "".join(map(chr, range(33)))


def target(url: str, base: str = "") -> Target:
    """Where a browser goes for this URL (WHATWG URL, 4.4)."""
    plain = _PLAIN.match(url)
    if plain is not None and "xn--" not in url and len(url) < MOST_URL:
        return Target(url, plain[2], plain[1])
    tricks: list[str] = []
    clean = url[: 4 * MOST_URL].strip(_EDGES)
    if clean.translate(_CONTROLS) != clean:
        clean = clean.translate(_CONTROLS)
        tricks.append(CONTROLS_IN_URL)
    return _of_clean(clean[:MOST_URL], base, tricks)


def _of_clean(url: str, base: str, tricks: list[str]) -> Target:
    scheme = _SCHEME.match(url)
    if scheme is None or (scheme[1].lower() not in _SCHEMES and "." in scheme[1]):
        return _relative(url, base, tricks)
    name = scheme[1].lower()
    if name in _WEB:
        return _web(name, url[scheme.end() :], tricks)
    if name == "mailto":
        found = _MAIL.match(url, scheme.end())
        return Target(url, readable(found[1]) if found else "", name, tuple(tricks))
    return Target(url, "", name, tuple(tricks))


def _relative(url: str, base: str, tricks: list[str]) -> Target:
    if found := _MAIL.match(url):
        return Target(f"mailto:{url}", readable(found[1]), "mailto", tuple(tricks))
    if url[:2] in ("//", "\\\\", "/\\", "\\/"):
        return _web("http", url, tricks)
    if url[:4].lower() == "www.":
        return _web("http", f"//{url}", tricks)
    if base and url[:1] not in ("", "#"):
        to = target(base)
        return Target(f"{to.url.rstrip('/')}/{url.lstrip('/')}"[:MOST_URL], to.host, to.scheme, tuple(tricks))
    return Target(url, "", "", tuple(tricks))


def _web(scheme: str, rest: str, tricks: list[str]) -> Target:
    found = _AUTHORITY.match(rest)
    authority = found[1] if found else ""
    if "\\" in rest[: len(authority) + 4]:
        tricks.append(BACKSLASHES)
    tail = rest[found.end() :] if found else ""
    user, at, host = authority.rpartition("@")
    if at:
        # What looks like a host before the @ is a name to log in with.
        tricks.append(USER_IN_URL)
    host = _host(host, tricks)
    return Target(f"{scheme}://{user}{at}{host}{tail}"[:MOST_URL], host, scheme, tuple(tricks))


def _host(text: str, tricks: list[str]) -> str:
    if "%" in text:
        text = unquote(text)
        tricks.append(ESCAPED_HOST)
    text = text[: text.find("]") + 1] if text.startswith("[") else text.partition(":")[0]
    host = readable(text)
    if (number := _ipv4(host)) is not None:
        if number != host:
            tricks.append(NUMBER_AS_HOST)
        return number
    found = _HOST.match(host)
    return found[0] if found and (len(found[0]) == len(host) or "." in found[0]) else ""


_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{0,16}|[0-9]{1,20}")


def _ipv4(host: str) -> str | None:
    """One to four numbers, decimal, octal or hexadecimal, as browsers take them (WHATWG URL, 3.5)."""
    if not host or host[-1] not in "0123456789abcdefx":
        return None
    parts = host.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    numbers = [_number(part) for part in parts]
    if None in numbers:
        return None
    whole = [number for number in numbers if number is not None]
    if any(number > 255 for number in whole[:-1]) or whole[-1] >= 256 ** (5 - len(whole)):
        return None
    value = whole[-1] + sum(number << 8 * (3 - place) for place, number in enumerate(whole[:-1]))
    return ".".join(str(value >> bits & 255) for bits in (24, 16, 8, 0))


def _number(part: str) -> int | None:
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    if len(part) > 1 and part[0] == "0":
        return int(part, 8) if set(part) <= set("01234567") else None
    return int(part)


# ── redirectors ──

_INNER = re.compile(r"(?:h|%68|%48)(?:tt|TT)(?:ps?|PS?)(?::|%(?:25){0,2}3[aA])(?:/|%(?:25){0,2}2[fF]){2}")


def inner(url: str) -> Iterator[Target]:
    """URLs within a URL: where a redirector leads on to."""
    start = url.find("://") + 3
    for found in list(_INNER.finditer(url, start))[:MOST_INNER]:
        rest = url[found.start() :]
        for _ in range(3):
            if "%" not in rest[:12]:
                break
            rest = unquote(rest[:MOST_URL])
        # A parameter of the outer URL ends the inner one, where that was escaped.
        to = target(rest.partition("&")[0] if "%" in found[0] else rest)
        if to.host:
            yield to


# ── plain text ──

_TLD = (
    "com|net|org|info|biz|eu|de|at|ch|fr|es|it|nl|be|uk|co|io|me|ru|ua|pl|cz|us|ca|au|br|mx|jp|cn|kr|in|se|no|dk|fi|tv|"
    "cc|xyz|top|site|online|club|shop|app|dev|live|icu|work|click|link|support|page|pro|buzz|rest|store|tech|space|vip|"
    "test|example|invalid|web|cloud|email|zip|mov|su|рф"
)
_SCHEME_BACKWARDS = re.compile(r"\]?:\[?(sp\*\*h|s?ptth|s?pxxh|ptf)", re.IGNORECASE)
_REST = re.compile(r"[^\s<>\"]{1,2000}+")


def _by_first_letter(words: str) -> str:
    """The same alternatives, of which a search has to try only those that begin like the text."""
    rests: dict[str, list[str]] = {}
    for word in words.split("|"):
        rests.setdefault(word[0], []).append(word[1:])
    return "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in rests.items())


# Hot path: most dots end a sentence.
_BARE = re.compile(rf"\.(?=[^\W\d_])(?:{_by_first_letter(_TLD)})(?![\w@-])(?!\.\w)", re.IGNORECASE)
_BACKWARDS = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}")
_DOT = r"(?:\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|[ ]dot[ ])"
_SPACED = re.compile(r"h[ ]t[ ]t[ ]p(?:[ ]s)?[ ]?:[ ]?/[ ]?/[ ]{0,3}([^\s<>\"]{3,500}+)", re.IGNORECASE)
_HIDDEN_DOT = re.compile(
    rf"(?<![\w.@-])((?:[\w-]{{1,63}}{_DOT}){{1,4}}(?:{_TLD}))(?![\w-])([/?][^\s<>\"]{{0,300}}+)?", re.IGNORECASE
)
_DOT_WORD = re.compile(_DOT, re.IGNORECASE)
_TRAILING = ".,;:!?'\")>]}»”’…*_"


def in_text(text: str) -> Iterator[Target]:
    """URLs in a plain text, also those that are written so that no program takes them for one."""
    # Hot path: a literal is found a hundred times faster than a pattern.
    if "//" in text or ":\\\\" in text:
        yield from _with_scheme(text, "//")
        if "\\\\" in text:
            yield from _with_scheme(text, "\\\\")
    low = text.lower()
    if "www." in low:
        yield from _www(text, low)
    if "." in text:
        yield from _bare(text)
    if _may_hide_dots(low):
        yield from _hidden_dots(text)
    if "h t t p" in low:
        yield from (_obscured(f"http://{_end(found[1])}", SPACED_OUT) for found in _SPACED.finditer(text))


def _may_hide_dots(low: str) -> bool:
    if "dot" in low and ("[dot]" in low or "(dot)" in low or " dot " in low):
        return True
    return ("[" in low and "[.]" in low) or ("(" in low and "(.)" in low) or ("{" in low and "{.}" in low)


def _with_scheme(text: str, slashes: str) -> Iterator[Target]:
    at = text.find(slashes)
    while at >= 0:
        before = text[max(0, at - 10) : at]
        # Hot path: nearly every link is written like this.
        usual = before[-5:] if before[-5:] == "http:" else before[-6:]
        if usual == "http:" or usual == "https:":
            rest = _REST.match(text, at + 2)
            if rest:
                yield _written(usual[:-1], _end(rest[0]), plain=True)
            at = text.find(slashes, rest.end() if rest else at + 2)
            continue
        scheme = _SCHEME_BACKWARDS.match(before[::-1])
        rest = _REST.match(text, at + 2) if scheme else None
        if scheme and rest:
            yield _written(scheme[1][::-1].lower(), _end(rest[0]), plain=len(scheme[0]) == len(scheme[1]) + 1)
        at = text.find(slashes, rest.end() if rest else at + 2)


def _written(scheme: str, rest: str, *, plain: bool) -> Target:
    if plain and scheme in _WEB and "[" not in rest[:80] and "(" not in rest[:80]:
        return target(f"{scheme}://{rest}")
    secure = "s" if scheme.endswith("s") else ""
    how = [] if scheme in _WEB else [HXXP]
    how += [DOTS_IN_BRACKETS] if not plain or _DOT_WORD.search(rest) else []
    return _obscured(f"http{secure}://{_DOT_WORD.sub('.', rest)}", *how)


def _www(text: str, low: str) -> Iterator[Target]:
    at = low.find("www.")
    while at >= 0 and len(low) == len(text):
        rest = _REST.match(text, at)
        before = text[at - 1 : at]
        if rest and len(rest[0]) > 6 and not before.isalnum() and before not in ("/", "@", ".", "-", "_"):
            yield target(f"http://{_end(rest[0])}")
        at = low.find("www.", rest.end() if rest else at + 4)


def _bare(text: str) -> Iterator[Target]:
    """`example.com/login`, without a scheme: programs make links of these too."""
    for found in _BARE.finditer(text):
        back = text[max(0, found.start() - 120) : found.start()][::-1]
        before = _BACKWARDS.match(back)
        if before is None or back[before.end() : before.end() + 1] in _NO_START:
            continue
        path = _PATH.match(text, found.end())
        yield target(f"http://{before[0][::-1]}{found[0]}{_end(path[0]) if path else ''}")


_NO_START = ("@", "/", ".", ":", "=", "%", "-")
_PATH = re.compile(r"[/?][^\s<>\"]{0,1000}+")


def _hidden_dots(text: str) -> Iterator[Target]:
    for found in _HIDDEN_DOT.finditer(text):
        how = DOTS_IN_WORDS if " dot " in found[1].lower() else DOTS_IN_BRACKETS
        yield _obscured(f"http://{_DOT_WORD.sub('.', found[1])}{found[2] or ''}", how)


def _obscured(url: str, *tricks: str) -> Target:
    to = target(url)
    return to._replace(tricks=(*tricks, *to.tricks))


def _end(url: str) -> str:
    """Without the signs of the sentence around it."""
    kept = url.rstrip(_TRAILING)
    return f"{kept})" if "(" in kept and url[len(kept) : len(kept) + 1] == ")" else kept


# ── gathering ──


class Gathered:
    """Links of a message as they are found, each once, with the tricks that were undone."""

    __slots__ = ("_seen", "links", "tricks")

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.tricks: list[str] = []
        self._seen: set[tuple[str, str]] = set()

    def anchor(self, anchor: Anchor, base: str) -> None:
        """A link of an HTML body."""
        self._add(target(anchor.url, base), anchor.shown)
        if anchor.in_host:
            self._note(ENTITIES_IN_HOST)

    def picture(self, url: str, base: str) -> None:
        """Where a picture is loaded from; one for each host."""
        to = target(url, base)
        if to.host and to.scheme in _WEB:
            self._keep(Link(to.url, to.host, "", to.scheme, True), (to.host, "img"))

    def form(self, url: str, base: str) -> str:
        """Where a form posts to: the host is given back."""
        to = target(url, base)
        self._add(to, "")
        return to.host

    def text(self, text: str) -> None:
        """All that a plain text leads to."""
        for to in in_text(text):
            if len(self.links) >= MOST_LINKS:
                return
            self._add(to, "")

    def _add(self, to: Target, shown: str) -> None:
        if not to.host and to.scheme not in _WITHOUT_HOST:
            return
        self._keep(Link(to.url, to.host, shown, to.scheme), (to.url, shown))
        for trick in to.tricks:
            self._note(trick)
        if "http" in to.url[8:].lower() or "%68" in to.url:
            for further in inner(to.url):
                self._keep(Link(further.url, further.host, "", further.scheme), (further.url, ""))

    def _keep(self, link: Link, key: tuple[str, str]) -> None:
        if key not in self._seen and len(self.links) < MOST_LINKS:
            self._seen.add(key)
            self.links.append(link)

    def _note(self, trick: str) -> None:
        if trick not in self.tricks:
            self.tricks.append(trick)


_WITHOUT_HOST = frozenset(("javascript", "vbscript", "data", "file"))

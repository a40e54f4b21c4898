"""What a person would see of an HTML body: its text, what it hides, where it leads, what it asks for.

One linear pass of a tokenizer with the rules of browsers where they matter (quotes only count in values, comments,
raw text), without a tree. Not a parser in C: strangers' octets are read here, in the gateway's own process.
Bounded: MOST_HTML characters, MOST_LINKS links. Fails as: nothing; every text has an answer. Never raises.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import NamedTuple

MOST_HTML = 256 * 1024
MOST_LINKS = 500
MOST_STYLE = 64 * 1024


class Anchor(NamedTuple):
    """A link as written: entities resolved, nothing else. `start` and `end` are its pieces in the visible text."""

    url: str
    shown: str
    in_host: bool
    """Entities stood in the URL's scheme or host."""


class Page(NamedTuple):
    """An HTML body, read."""

    text: str
    hidden: str
    outside_links: str
    """The visible text without that of links: URLs in it are no links yet, but programs make them so."""
    anchors: tuple[Anchor, ...]
    pictures: tuple[str, ...]
    """URLs that pictures are loaded from."""
    images: int
    forms: tuple[str, ...]
    """Actions of forms, as written."""
    asks_password: bool
    base: str
    cut: bool
    """There was more than MOST_HTML."""


# Every piece takes what it can and gives nothing back, and an end that is missing is the end of the text: linear. What
# repeats groups is greedy, not possessive: CPython 3.11.2 gets those wrong (cpython #106052), and none can fail later.
_RAW = "(?=[stxni])(?:s(?:tyle|cript)|t(?:itle|emplate)|xmp|no(?:embed|frames)|iframe)"
_ATTRIBUTES = r"""[^>=]*+(?:=[ \t\r\n\f]*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?[^>=]*+)*"""
_TOKEN = re.compile(
    rf"<(?:({_RAW})(?![^\s/>]){_ATTRIBUTES}>?(?:[^<]++|<(?!/\1))*"
    rf"|(/?[a-z][^\s/>]*+)({_ATTRIBUTES})>?"
    r"|!--(?:-?>|(?:[^-]++|-(?!-!?>))*(?:--!?>)?)"
    r"|[!?/][^>]*+>?|)([^<]*+)",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:[ \t\r\n\f]*+=[ \t\r\n\f]*+(?:"([^"]*+)"?|'([^']*+)'?|([^\s>]*+)))?""")
_ENTITY = re.compile(r"&(?:#[xX][0-9a-fA-F]++|#[0-9]++|[A-Za-z][A-Za-z0-9]{1,31});?")
_LONG_NUMBER = 12

_BREAKS, _LINK, _END_LINK, _PICTURE, _FORM, _INPUT, _BASE, _AREA = range(1, 9)
_BLOCKS = (
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
    "li", "main", "nav", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody", "td",
    "textarea", "tfoot", "th", "thead", "tr", "ul",
)  # fmt: skip
_MEANING: dict[str, int] = {
    **{name: _BREAKS for block in _BLOCKS for name in (block, f"/{block}")},
    "a": _LINK, "area": _AREA, "/a": _END_LINK, "img": _PICTURE, "image": _PICTURE, "v:imagedata": _PICTURE,
    "form": _FORM, "input": _INPUT, "button": _INPUT, "base": _BASE,
}  # fmt: skip
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)  # fmt: skip
# A new one of these ends an open one, as does the end of what stands around it (HTML 13.1.2.4, optional tags).
_ENDED_BY = {
    "p": frozenset(("p", "div", "table", "ul", "ol", "h1", "h2", "h3", "/div", "/td", "/body")),
    "li": frozenset(("li", "/ul", "/ol")),
    "td": frozenset(("td", "th", "tr", "/tr", "/table")),
    "tr": frozenset(("tr", "/table", "/tbody")),
}

_HIDES = re.compile(
    r"display\s*+:\s*+none|visibility\s*+:\s*+(?:hidden|collapse)|mso-hide\s*+:\s*+all"
    r"|font(?:-size)?\s*+:\s*+(?:0?\.0\d{0,9}|0)(?:px|pt|r?em|%)?\s*+(?:[;/\"'!]|\Z)"
    r"|font(?:-size)?\s*+:\s*+[01]?(?:\.\d{1,9})?(?:px|pt)"
    r"|(?<![\w-])opacity\s*+:\s*+0?(?:\.0\d{0,9})?\s*+(?:[;\"'!]|\Z)|max-(?:height|width)\s*+:\s*+0(?:px)?\s*+(?:[;\"'!]|\Z)"
    r"|(?:text-indent|left|top|right)\s*+:\s*+-\s*+\d{3,}"
)
# The same for a whole document, by the words that each of them begins with: a literal is found a hundred times faster.
_HINTS = ("none", "hidden", "size :", "opacity", "max-", "indent", "collapse", "mso-hide")
_HINTS_BEHIND = {
    "size:": ("size:0", "size:1", "size: 0", "size: 1", "size:.", "size:\n"),
    "font:": ("font:0", "font: 0"),
    "left:": ("left:-", "left: -"),
    "top:": ("top:-", "top: -"),
}
"""These are looked for only where what they begin with is there."""
_LIGHT_TEXT = re.compile(r"color\s*+[:=]\s*+[\"']?\s*+(?:#?f[0-9a-f]f?[0-9a-f]?|white|ivory|snow|rgb)")
_COLOUR = re.compile(r"(?<![\w-])color\s*+[:=]\s*+[\"']?\s*+([#\w]++(?:\([^)\"';]{0,40}\))?)")
_BACKGROUND = re.compile(
    r"(?:bgcolor\s*+=\s*+[\"']?|background(?:-color)?\s*+[:=]\s*+[\"']?)\s*+([#\w]++(?:\([^)]{0,40}\))?)"
)
_RULE = re.compile(r"\.([\w-]++)[^{}]*+\{([^{}]*+)\}")
_NAMED = {"white": "ffffff", "snow": "fffafa", "ivory": "fffff0", "black": "000000", "whitesmoke": "f5f5f5"}


def page_of(text: str) -> Page:
    """Read an HTML body."""
    cut = len(text) > MOST_HTML
    reader = _Reader(text[:MOST_HTML] if cut else text)
    return reader.page(cut)


def entities(text: str) -> str:
    """The text with its entities resolved (HTML 13.2.5.72), as browsers do also where the semicolon is missing."""
    if "&" not in text:
        return text
    text = text.replace("&nbsp;", "\xa0")
    return _ENTITY.sub(_entity, text) if "&" in text else text


def _entity(found: re.Match[str]) -> str:
    return _resolved(found[0])


@lru_cache(maxsize=4096)
def _resolved(entity: str) -> str:
    # A number of thousands of digits is an exception in the standard library.
    return html.unescape(entity) if entity[1] != "#" or len(entity) < _LONG_NUMBER else "\ufffd"


def attributes(text: str) -> dict[str, str]:
    """The attributes of a tag, entities resolved; of two with one name, the first counts, as in browsers."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), double or single or bare)
    return found


class _Reader:
    """One pass over one document; thrown away with it."""

    __slots__ = (
        "anchors", "asks_password", "base", "forms", "hidden", "hiding", "images", "inside", "link", "link_start",
        "nested", "pictures", "seen", "source", "styles",
    )  # fmt: skip

    def __init__(self, source: str) -> None:
        self.source = source
        self.seen: list[str] = []
        self.hidden: list[str] = []
        self.anchors: list[Anchor] = []
        self.inside: list[tuple[int, int]] = []
        self.pictures: list[str] = []
        self.images = 0
        self.forms: list[str] = []
        self.asks_password = False
        self.base = ""
        self.link: str | None = None
        self.link_start = 0
        self.hiding = ""
        self.nested = 0
        self.styles = _Styles(source)

    def page(self, cut: bool) -> Page:
        self._read()
        self._end_link()
        text = entities("".join(self.seen))
        return Page(
            text,
            entities("".join(self.hidden)),
            entities("".join(self._outside())) if self.inside else text,
            tuple(self.anchors),
            tuple(self.pictures),
            self.images,
            tuple(self.forms),
            self.asks_password,
            self.base,
            cut,
        )

    def _outside(self) -> list[str]:
        kept, at = [], 0
        for start, end in self.inside:
            kept += [*self.seen[at:start], " "]
            at = end
        return kept + self.seen[at:]

    def _read(self) -> None:
        """The loop over all tokens: most of them only break words or do nothing."""
        start = self.source.find("<")
        if start < 0:
            self.seen.append(self.source)
            return
        seen, may_hide, meaning = self.seen, self.styles.may_hide, _MEANING.get
        seen.append(self.source[:start])
        if self.styles.may_colour or may_hide:
            self._read_styled(start)
            return
        for raw, name, attributes, text in _TOKEN.findall(self.source, start):
            if name:
                what = meaning(name.lower())
                if what == _BREAKS:
                    seen.append(" ")
                    if name == "form" or name == "FORM":
                        self._tag(_FORM, attributes)
                elif what:
                    self._tag(what, attributes)
            elif not raw and text[:1] in _NOT_A_TAG:
                seen.append("<")
            if text:
                seen.append(text)

    def _read_styled(self, start: int) -> None:
        """The same where something may be hidden."""
        meaning, styles, seen, hidden = _MEANING.get, self.styles, self.seen, self.hidden
        into = seen
        for raw, name, attributes, text in _TOKEN.findall(self.source, start):
            if name:
                name = name.lower()
                what = meaning(name)
                if into is hidden:
                    self._in_hiding(name)
                    into = hidden if self.hiding else seen
                elif attributes:
                    look = _look(attributes) if len(attributes) < _LONG_TAG else _look.__wrapped__(attributes)
                    if look is not _NO_LOOK and styles.hides(name, look) and name not in _VOID:
                        self.hiding, self.nested, into = name, 1, hidden
                elif name in styles.ends:
                    styles.close(name[1:])
                if what == _BREAKS:
                    into.append(" ")
                    if name == "form":
                        self._tag(_FORM, attributes)
                elif what:
                    self._tag(what, attributes)
            elif not raw and text[:1] in _NOT_A_TAG:
                seen.append("<")
            if text:
                into.append(text)

    def _in_hiding(self, name: str) -> None:
        if name == self.hiding:
            self.nested += 1
        elif name[0] == "/" and name[1:] == self.hiding:
            self.nested -= 1
        if self.nested < 1 or (self.nested <= 2 and name in _ENDED_BY.get(self.hiding, ())):
            self.hiding, self.nested = "", 0

    def _tag(self, what: int, text: str) -> None:
        if what == _END_LINK:
            self._end_link()
            return
        found = attributes(text)
        if what in (_LINK, _AREA):
            self._begin_link(found)
            if what == _AREA:
                self._end_link()
        elif what == _PICTURE:
            self._picture(found)
        elif what == _FORM:
            if found.get("action") and len(self.forms) < MOST_LINKS:
                self.forms.append(entities(found["action"]))
        elif what == _INPUT:
            self.asks_password |= found.get("type", "").strip().lower() == "password"
            if found.get("formaction") and len(self.forms) < MOST_LINKS:
                self.forms.append(entities(found["formaction"]))
        elif not self.base:
            self.base = entities(found.get("href", ""))

    def _begin_link(self, found: dict[str, str]) -> None:
        self._end_link()
        self.link, self.link_start = found.get("href", found.get("xlink:href")), len(self.seen)

    def _end_link(self) -> None:
        if self.link is None:
            return
        url, self.link = self.link, None
        shown = " ".join(entities("".join(self.seen[self.link_start :])[:1000]).split())[:300]
        if shown:
            self.inside.append((self.link_start, len(self.seen)))
        if len(self.anchors) < MOST_LINKS:
            plain = entities(url)
            self.anchors.append(Anchor(plain, shown, _hides_host(url, plain)))

    def _picture(self, found: dict[str, str]) -> None:
        self.images += 1
        source = entities(found.get("src", ""))
        if source and len(self.pictures) < MOST_LINKS:
            self.pictures.append(source)


_NOT_A_TAG = frozenset(" \t\r\n0123456789=-.,;:)(<$€\"'")


def _hides_host(url: str, plain: str) -> bool:
    """Whether scheme or host of a URL are written in numbers, as only those do who have something to hide."""
    if "&#" not in url or "//" not in plain[:12]:
        return False
    start = url.find("//")
    if start < 0:
        return True
    end = min(place for place in (url.find("/", start + 2), url.find("?", start), len(url)) if place >= 0)
    return "&#" in url[:end]


class _Styles:
    """Which tags hide what they hold: by their style, by their class, by their colour."""

    __slots__ = ("_classes", "_classes_colour", "colours", "ends", "may_colour", "may_hide")

    def __init__(self, source: str) -> None:
        low = source.lower()
        self.may_hide = _has_hint(low)
        self.may_colour = "color" in low and _LIGHT_TEXT.search(low) is not None
        self.colours: list[tuple[str, str]] = []
        """Open elements that set a background: the name of the tag and the colour."""
        self.ends: set[str] = set()
        """The end tags of those."""
        self._classes: frozenset[str] = frozenset()
        self._classes_colour = False
        if (self.may_hide or self.may_colour) and "<style" in low:
            self._read_sheets(low)

    def _read_sheets(self, low: str) -> None:
        start = low.find("<style")
        end = low.rfind("</style")
        sheet = low[start : min(end if end > start else len(low), start + MOST_STYLE)]
        outside_media = sheet.split("@media", 1)[0]
        self._classes = frozenset(name for name, body in _RULE.findall(outside_media) if _HIDES.search(body))
        self._classes_colour = "background" in sheet

    def hides(self, name: str, look: _Look) -> bool:
        """Whether an opening tag that looks so hides what follows until its end."""
        if self.may_hide and (look.hides or not self._classes.isdisjoint(look.classes)):
            return True
        return self.may_colour and self._same_colour(name, look)

    def close(self, name: str) -> None:
        """The end of a tag that may have set a background."""
        for place in range(len(self.colours) - 1, max(-1, len(self.colours) - 20), -1):
            if self.colours[place][0] == name:
                del self.colours[place:]
                return

    def _same_colour(self, name: str, look: _Look) -> bool:
        if look.background is not None and name not in _VOID:
            self.colours.append((name, look.background))
            self.ends.add(f"/{name}")
        if not look.colour:
            return False
        background = self.colours[-1][1] if self.colours else "" if self._classes_colour else "ffffff"
        return bool(background) and _near(look.colour, background)


def _has_hint(low: str) -> bool:
    for hint in _HINTS:
        if hint in low:
            return True
    return any(start in low and any(hint in low for hint in hints) for start, hints in _HINTS_BEHIND.items())


class _Look(NamedTuple):
    """What a tag says of how it looks."""

    hides: bool = False
    """By its style, or its attribute."""
    classes: frozenset[str] = frozenset()
    background: str | None = None
    """Six digits; "" for one that is no plain colour."""
    colour: str = ""


_NO_LOOK = _Look()
_LONG_TAG = 300


@lru_cache(maxsize=4096)
def _look(text: str) -> _Look:
    """Of the attributes of a tag. The cells of a table are all alike, so each kind is read once."""
    low = text.lower()
    styled, coloured = "style" in low, "color" in low or "background" in low
    if not (styled or coloured or "hidden" in low or "class" in low):
        return _NO_LOOK
    found = attributes(low)
    hides = "hidden" in found or (styled and _HIDES.search(entities(found.get("style", ""))) is not None)
    background = _BACKGROUND.search(low) if coloured else None
    colour = _COLOUR.search(low) if coloured else None
    return _Look(
        hides, frozenset(found.get("class", "").split()), None if background is None else _rgb(background[1]),
        "" if colour is None else _rgb(colour[1]),
    )  # fmt: skip


def _rgb(colour: str) -> str:
    """Six hexadecimal digits, "" for what is not one plain colour."""
    colour = _NAMED.get(colour, colour)
    if colour.startswith("rgb("):
        parts = colour[4:-1].replace(" ", "").split(",")
        if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
            return "".join(f"{min(255, int(part)):02x}" for part in parts)
        return ""
    colour = colour.removeprefix("#")
    if len(colour) == 3:
        colour = "".join(2 * digit for digit in colour)
    return colour if len(colour) == 6 and all(digit in "0123456789abcdef" for digit in colour) else ""


def _near(one: str, other: str) -> bool:
    """No eye tells them apart."""
    return all(abs(int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) <= 8 for at in (0, 2, 4))

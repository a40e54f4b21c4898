"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183), with pieces and character
sets (RFC 2231), as mailers really write them and as different programs would take them.

Fails as: `oddities` names where programs differ, `boundaries` and `names` hold all readings. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from lockdown.mime.header import unfolded, without_comments
from lockdown.mime.parts import NO_PARAMETERS
from lockdown.mime.words import decoded_words, text_of
from lockdown.model.scan import Ambiguity

VALUE_LIMIT = 16 * 1024
"""Octets of one value that are read."""
LONGEST_BOUNDARY = 70
"""RFC 2046 5.1.1; some programs cut what is longer."""
MOST_READINGS = 4
_CACHED_OCTETS = 80

_VALUE = re.compile(rb'\s*+"?([^\s/;()"=]++)\s*+(?:/\s*+([^\s/;()",]++))?')
# White space also begins a parameter (mailers forget the semicolon): one sign, not a run, or it would be quadratic.
_PARAMETER = re.compile(
    rb'[;\s]([^\s=;*"]++)(?:\*(\d{1,3}))?(\*)?\s*+=\s*+(?:"((?>(?:[^"\\]|\\.)*))"([^\s;]*+)|("?[^\s;"]*))',
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_BARE = re.compile(rb'[;\s](boundary|filename|name)\s*+=\s*+([^";][^;\r\n]*+)', re.IGNORECASE)
_WRITTEN_NAME = re.compile(rb"[;\s](?:filename|name)\s*+=\s*+([^;\r\n]*+)", re.IGNORECASE)
_QUOTED = re.compile(rb'"[^"]*+"(?:\s.*+)?', re.DOTALL)
_NEXT_PARAMETER = re.compile(rb"\s[^\s=;]{1,40}=.*+", re.DOTALL)
_CONTAINS = re.compile(rb"multipart|message/|boundary", re.IGNORECASE)
_NAMES = ("filename", "name")


class Value(NamedTuple):
    """A value and its parameters."""

    value: str
    """Lower case: `text/html`, `attachment`; "" where there is none."""
    parameters: Mapping[str, str]
    boundaries: tuple[bytes, ...]
    """All readings of it, the first the commonest."""
    names: tuple[str, ...]
    """All readings of `filename` or `name`."""
    oddities: tuple[Ambiguity, ...]


NOTHING = Value("", NO_PARAMETERS, (), (), ())


def parsed(raw: bytes) -> Value:
    """The value of one Content-Type or Content-Disposition field."""
    return _parsed_before(raw) if len(raw) < _CACHED_OCTETS else _parsed(raw)


def _parsed(raw: bytes) -> Value:
    oddities: list[Ambiguity] = []
    if len(raw) > VALUE_LIMIT:
        oddities.append(Ambiguity.LONG_HEADER)
        raw = raw[:VALUE_LIMIT]
    line = unfolded(raw)
    plain = without_comments(line)
    value, end = _value(plain)
    if b"(" in line and _value(line)[0] != value and _CONTAINS.search(line):
        oddities.append(Ambiguity.ODD_CONTENT_TYPE)
    if _is_odd(value, plain):
        oddities.append(Ambiguity.ODD_CONTENT_TYPE)
        value = "multipart/mixed" if b"oundary" in plain and not value.startswith("multipart/") else value
    rest = plain[end:]
    if value.startswith("multipart") and b"=" in rest and not rest.lstrip(b' \t"').startswith(b";"):
        oddities.append(Ambiguity.ODD_CONTENT_TYPE)
    if not rest.strip(b"; \t"):
        return Value(value, NO_PARAMETERS, (), (), tuple(oddities))
    return _with_parameters(value, rest, raw, oddities)


_parsed_before = lru_cache(maxsize=1024)(_parsed)


def _value(plain: bytes) -> tuple[str, int]:
    found = _VALUE.match(plain)
    if found is None:
        return "", 0
    main, sub = found[1], found[2]
    both = main if sub is None else main + b"/" + sub
    return both.decode("latin_1").lower(), found.end()


def _is_odd(value: str, plain: bytes) -> bool:
    """Whether it may mean parts to one reader and nothing to another; an odd name for a plain file harms nobody."""
    main, slash, sub = value.partition("/")
    if main in ("multipart", "message"):
        return not sub or plain.lstrip()[:1] == b'"' or not value.isascii() or not value.isprintable()
    if slash and sub:
        return False
    return _CONTAINS.search(plain) is not None


def _with_parameters(value: str, rest: bytes, raw: bytes, oddities: list[Ambiguity]) -> Value:
    found = _PARAMETER.findall(b" " + rest)
    parameters: dict[str, str] = {}
    readings: dict[str, list[bytes | str]] = {}
    pieces: dict[str, dict[int, tuple[bytes, bool]]] = {}
    for name, number, extended, quoted, tail, bare in found:
        key = name.lower().decode("latin_1")
        text = (_QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted) or bare
        if number or extended:
            piece, by_number = (text, bool(extended)), pieces.setdefault(key, {})
            if by_number.setdefault(int(number or b"0"), piece) != piece:
                readings.setdefault(key, []).append(_joined({0: piece}))
            continue
        readings.setdefault(key, []).append(text)
        if (tail and key == "boundary" and not tail.startswith(b"(")) or (key in _NAMES and tail.startswith(b".")):
            readings[key].append(text + tail)
    for key, by_number in pieces.items():
        readings.setdefault(key, []).insert(0, _joined(by_number))
    for key, texts in readings.items():
        if key != "boundary":
            parameters[key] = _shown(texts[0])
    names = _names(readings, rest)
    if names:
        parameters["filename" if "filename" in readings else "name"] = names[0]
    boundaries: tuple[bytes, ...] = ()
    if "boundary" in readings:
        boundaries, odd = _boundaries(readings["boundary"], rest, unfolded(raw), in_pieces="boundary" in pieces)
        oddities.extend(odd)
        parameters["boundary"] = boundaries[0].decode("latin_1")
        if boundaries[0] not in raw:  # it was put together of pieces, escapes or folds
            oddities.append(Ambiguity.ODD_BOUNDARY)
    return Value(value, parameters, boundaries, names, tuple(dict.fromkeys(oddities)))


def _joined(by_number: dict[int, tuple[bytes, bool]]) -> str:
    """RFC 2231 3, 4: pieces in their order; those with a star have %xx, the first of them charset'language'."""
    first, extended = by_number[min(by_number)]
    charset = ""
    if extended and first.count(b"'") >= 2:
        named, _, first = first.split(b"'", 2)
        charset = named.decode("latin_1")
    by_number = {**by_number, min(by_number): (first, extended)}
    octets = b"".join(unquote_to_bytes(text) if extended else text for _, (text, extended) in sorted(by_number.items()))
    return decoded_words(octets) if not charset and b"=?" in octets else text_of(octets, charset)


def _shown(text: bytes | str) -> str:
    return text if isinstance(text, str) else decoded_words(text)


def _names(readings: dict[str, list[bytes | str]], rest: bytes) -> tuple[str, ...]:
    """All that a program may take for the name, without repetitions."""
    found = [_shown(text) for key in _NAMES for text in readings.get(key, ())]
    if not found:
        return ()
    for key, bare in _BARE.findall(b" " + rest):
        if key.lower() != b"boundary" and b" " in bare.strip():
            # An unquoted name with a space in it: most take it whole, some to the space.
            found.insert(0, decoded_words(_NEXT_PARAMETER.sub(b"", bare).strip()))
    for written in _WRITTEN_NAME.findall(b" " + rest) if rest.count(b'"') != 2 * rest.count(b'="') else ():
        # Quotes within, or doubled: some take all that is not a quote.
        if written.count(b'"') > 1 and not _QUOTED.fullmatch(written.strip()):
            found.append(decoded_words(written.replace(b'"', b"").strip()))
    return tuple(dict.fromkeys(name.strip() for name in found))[:MOST_READINGS]


def _boundaries(
    texts: list[bytes | str], rest: bytes, line: bytes, *, in_pieces: bool
) -> tuple[tuple[bytes, ...], list[Ambiguity]]:
    """All readings of the boundary, and what is odd about it."""
    written = [text if isinstance(text, bytes) else text.encode("latin_1", "replace") for text in texts]
    # RFC 2046 5.1.1: a boundary does not end in white space, which mailers on the way may have added or taken.
    readings = list(dict.fromkeys(text.rstrip() for text in written))
    odd: list[Ambiguity] = []
    if len(readings) > 1:
        odd.append(Ambiguity.TWO_BOUNDARIES)
    others = _otherwise(readings[0], rest, line)
    unusable = not readings[0] or len(readings[0]) > LONGEST_BOUNDARY or b"\r" in readings[0] or b"\n" in readings[0]
    if in_pieces or others or unusable or any(text.strip() != text for text in written):
        odd.append(Ambiguity.ODD_BOUNDARY)
    usable = [one for one in dict.fromkeys(readings + others) if b"\n" not in one and b"\r" not in one]
    return tuple(usable[:MOST_READINGS]) or (b"",), odd


def _otherwise(boundary: bytes, rest: bytes, line: bytes) -> list[bytes]:
    """What other programs would take for the boundary: to the semicolon, with its comment, without its quotes."""
    others = []
    for key, bare in _BARE.findall(b" " + rest):
        if key.lower() == b"boundary":
            others.append(_NEXT_PARAMETER.sub(b"", bare).strip().strip(b'"'))
    if b"(" in line:
        for name, number, extended, quoted, _, bare in _PARAMETER.findall(b" " + line):
            if name.lower() == b"boundary" and not number and not extended:
                others.append(_QUOTED_PAIR.sub(rb"\1", quoted) or bare)
    if boundary[:1] == b"'" or boundary[:1] == b'"':
        others.append(boundary.strip(b"'\""))
    if b"=?" in boundary:
        others.append(decoded_words(boundary).encode("utf-8", "replace"))
    if boundary.strip() != boundary:
        others.append(boundary.strip())
    return [other for other in dict.fromkeys(others) if other != boundary]

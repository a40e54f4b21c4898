"""Octets of a text to what a reader sees: charsets, encoded words, characters that take no room.

Fails as: nothing; every octet string has an answer. A charset that nobody knows is read as UTF-8 or windows-1252, and
named by `known_charset` being "". Never raises.
"""

from __future__ import annotations

import binascii
import codecs
import re
from functools import lru_cache

INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u206a-\u206f\ufeff"
"""Characters without width or with a direction only, as a class of a regular expression."""

# What a label means in practice (the WHATWG encoding standard, 4.2): a superset where writers mean one.
_MEANT = {
    "": "utf-8",
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "unknown-8bit": "utf-8",
    "utf8": "utf-8",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ksc_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "big5": "big5hkscs",
    "windows-31j": "cp932",
    "x-user-defined": "cp1252",
}
# Only codecs of texts: the standard library also knows some that are slow, or are no charsets (idna, unicode_escape).
_CODEC = re.compile(
    r"(?:windows-|cp|ibm|iso-?8859-|koi8[-_]?|mac-?|x-mac-)[a-z0-9-]{1,12}|utf-?(?:7|8|16|32)(?:-?[lb]e)?"
    r"|big5(?:-?hkscs)?|euc-?(?:jp|kr|cn|tw)|iso-2022-[a-z0-9-]{2,6}|gb18030|hz-gb-2312|johab|viscii|tcvn|macintosh"
)
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*+)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s++(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_SOFT_HYPHEN = "\u00ad"
_INVISIBLE = re.compile(f"[{INVISIBLE}]")
# Between letters that join no signs: elsewhere a joiner is orthography (Persian, Hindi, emoji), or fills mailings.
_LETTER = "[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff]"
_SPLIT_WORD = re.compile(f"{_LETTER}[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]++(?={_LETTER})")
_MAY_SHIFT = frozenset(("iso", "hz-", "utf", "ibm", "cp0", "cp1", "cp5", "cp8"))
_SHIFTING = frozenset(
    ("iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_3", "iso2022_jp_2004", "iso2022_jp_ext", "iso2022_kr",
     "hz", "utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp037", "cp500", "cp1026",
     "cp1140", "cp273", "cp424", "cp875")
)  # fmt: skip
_SURROGATES = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=256)
def known_charset(label: str) -> str:
    """The codec for a charset as declared, "" where none is known."""
    name = label.strip().strip("\"'").lower()
    name = _MEANT.get(name, name)
    if not _CODEC.fullmatch(name):
        return ""
    for candidate in (name, name.replace("windows-", "cp"), name.removeprefix("x-")):
        try:
            return codecs.lookup(candidate).name
        except LookupError:
            continue
    return ""


def decoded(octets: bytes, charset: str = "") -> str:
    """The text. UTF-8 where it is, whatever was declared; then the declared charset; then windows-1252."""
    if octets.isascii() and not _is_shifting(charset):
        return octets.decode("ascii")
    codec = known_charset(charset)
    if codec in ("", "utf-8"):
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            return octets.decode("utf-8" if _mostly_utf8(octets) else "cp1252", "replace")
    return _by(octets, codec)


def _is_shifting(charset: str) -> bool:
    """Charsets whose other letters are written in ASCII, or whose ASCII is not."""
    return charset[:3].lower() in _MAY_SHIFT and known_charset(charset) in _SHIFTING


def _by(octets: bytes, codec: str) -> str:
    text = octets.decode(codec, "replace")
    # A pair of surrogates of its own (utf-7, utf-16) cannot be encoded again, and would break who comes after.
    return _SURROGATES.sub("\ufffd", text) if not text.isascii() else text


def _mostly_utf8(octets: bytes) -> bool:
    """A text cut off, or with a slip or two, is still UTF-8."""
    start = octets[:20000]
    kept = start.decode("utf-8", "ignore")
    return not kept.isascii() and len(kept.encode()) >= len(start) - 1 - len(start) // 100


def unworded(text: str) -> str:
    """A header's text with its encoded words decoded (RFC 2047), also where they stand against the rules."""
    if "=?" not in text:
        return text
    return _WORD.sub(_word, _BETWEEN_WORDS.sub(r"\1", text))


def _word(word: re.Match[str]) -> str:
    label, encoding, content = word.groups()
    octets = content.encode("utf-8", "replace")
    if encoding in "bB":
        plain = _base64(octets)
    else:
        plain = _HEX.sub(lambda pair: bytes([int(pair[1], 16)]), octets.replace(b"_", b" "))
    # RFC 2231 5: charset*language.
    return decoded(plain, label.partition("*")[0])


def _base64(octets: bytes) -> bytes:
    kept = octets.replace(b" ", b"").rstrip(b"=")
    try:
        return binascii.a2b_base64(kept[: len(kept) - (len(kept) % 4 == 1)] + b"==")
    except binascii.Error:
        return octets


def header_text(raw: bytes, limit: int = 2000) -> str:
    """A header field's value as a reader sees it: one line, decoded, blanks single, control characters replaced."""
    raw = raw[:limit]
    text = raw.decode("ascii") if raw.isascii() else decoded(raw)
    text = " ".join(unworded(text).split())
    return text if text.isprintable() else "".join(char if char.isprintable() else _shown(char) for char in text)


def _shown(char: str) -> str:
    return "" if _INVISIBLE.match(char) else "?"


def _is_western(text: str) -> bool:
    """Nothing in it that ISO 8859-1 lacks: of all characters without width, that has but one."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def without_invisible(text: str) -> tuple[str, bool]:
    """The text without characters that take no room, and whether they split words of it, as no honest writer does."""
    if text.isascii() or (_SOFT_HYPHEN not in text and _is_western(text)) or _INVISIBLE.search(text) is None:
        return text, False
    splits = sum(1 for _, _ in zip(_SPLIT_WORD.finditer(text), range(3), strict=False))
    return _INVISIBLE.sub("", text), splits >= 3

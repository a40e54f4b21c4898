"""Encoded words (RFC 2047) and the character sets of header text, read as forgivingly as mail programs do.

Fails as: what cannot be decoded is shown as it came. Never raises; no more than `limit` octets are decoded.
"""

from __future__ import annotations

import binascii
import re
from encodings.aliases import aliases

LIMIT = 16 * 1024
"""Octets of one value that are decoded; the rest is shown as it came."""

_WORD = re.compile(rb"=\?([^?\s]{1,75})\?([bBqQ])\?([^?]*+)\?=")
_BETWEEN = re.compile(rb"(?<=\?=)\s++(?==\?)")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")

# Only these are looked up: a codec that is not known would be searched for on disk and remembered for ever,
# and some are no character sets (idna is quadratic, unicode_escape runs nothing but reads escapes).
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "unicode_internal",
     "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "palmos")
)  # fmt: skip
_CHARSETS = {name: codec for name, codec in aliases.items() if codec not in _NO_CHARSETS}
_CHARSETS |= {codec: codec for codec in _CHARSETS.values()}
_CHARSETS |= {
    "utf8": "utf_8", "unicode_1_1_utf_8": "utf_8", "x_sjis": "cp932", "shift_jis": "cp932", "windows_31j": "cp932",
    "x_gbk": "gbk", "gb2312": "gb18030", "x_euc_jp": "euc_jp", "x_euc_kr": "cp949", "ks_c_5601_1987": "cp949",
    "euc_kr": "cp949", "iso_8859_8_i": "iso8859_8", "iso_8859_8_e": "iso8859_8", "iso_8859_6_i": "iso8859_6",
    "x_mac_roman": "mac_roman", "macintosh": "mac_roman", "cp_850": "cp850", "iso_8859_1": "cp1252",
    "latin_1": "cp1252", "us_ascii": "ascii", "tis_620": "iso8859_11", "windows_874": "cp874",
    "ansi_x3_110_1983": "cp1252",
    "koi8_r": "koi8_r", "koi8_u": "koi8_u", "big5_hkscs": "big5hkscs", "viscii": "cp1258", "unicode_1_1_utf_7": "utf_7",
}  # fmt: skip


def codec_of(charset: str) -> str:
    """The codec for a character set as mail names it; "" for one that is not known."""
    return _CHARSETS.get(charset.strip().lower().replace("-", "_").replace(" ", "_").replace(":", "_"), "")


def text_of(octets: bytes, charset: str = "") -> str:
    """Octets as text: in this character set, or in UTF-8, or as Windows would show them."""
    for codec in (codec_of(charset), "utf_8", "cp1252"):
        if codec:
            try:
                return octets.decode(codec)
            except (UnicodeError, ValueError):
                continue
    return octets.decode("latin_1")


def decoded_words(value: bytes, limit: int = LIMIT) -> str:
    """A field's value as a person reads it: folds undone, encoded words decoded, white space between them gone."""
    if b"\n" in value:
        value = _FOLD.sub(b"", value)
    if b"=?" not in value:
        return value.decode() if value.isascii() else text_of(value)
    head, rest = value[:limit], value[limit:]
    joined = _BETWEEN.sub(b"", head)
    pieces: list[str] = []
    at, waiting, charset = 0, b"", ""
    for word in _WORD.finditer(joined):
        named = word[1].partition(b"*")[0].decode("latin_1").lower()
        if waiting and (word.start() > at or named != charset):
            # Mailers cut characters of several octets in two, so words of one character set are decoded together.
            pieces.append(text_of(waiting, charset))
            waiting = b""
        pieces.append(text_of(joined[at : word.start()]) if word.start() > at else "")
        waiting, charset, at = waiting + _octets(word), named, word.end()
    pieces.append(text_of(waiting, charset))
    return "".join(pieces) + text_of(joined[at:]) + text_of(rest)


def _octets(word: re.Match[bytes]) -> bytes:
    encoding, text = word[2], word[3]
    if encoding in b"qQ":
        return binascii.a2b_qp(text.replace(b" ", b"_"), header=True)
    packed = b"".join(text.split())
    try:
        return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4))
    except binascii.Error:
        return text

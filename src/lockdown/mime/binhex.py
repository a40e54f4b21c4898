"""Files in BinHex 4.0 (RFC 1741 appendix A), as old Macintosh mail carries them.

Fails as: Hidden.unread with the reason ("BinHex with too many repeats"). Never raises.
"""

from __future__ import annotations

import binascii
import re

from lockdown.mime.uudecode import Hidden

MOST_REPEATS = 100_000
"""A repeat makes 255 octets of three: so many make 25 MB at most."""

MARK = b"(This file must be converted with BinHex"
_START = re.compile(rb"\(This file must be converted with BinHex[^\r\n]{0,40}\s{1,8}:", re.IGNORECASE)
_ALPHABET = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_TO_BASE64 = bytes.maketrans(_ALPHABET, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_FOREIGN = bytes(set(range(256)) - set(_ALPHABET))
_REPEAT = re.compile(rb"(.?)\x90(.)", re.DOTALL)
_HEAD = 18
"""Octets between the name and the data: version, type, creator, flags, two lengths."""


def binhex_files(text: bytes) -> list[Hidden]:
    """The first file in it: its data fork, and where there is one its resource fork."""
    start = _START.search(text)
    if start is None:
        return []
    end = text.find(b":", start.end())
    packed = text[start.end() : end if end >= 0 else len(text)].translate(None, _FOREIGN)
    whole = packed[: len(packed) // 4 * 4]
    plain = binascii.a2b_base64(whole.translate(_TO_BASE64))
    if plain.count(b"\x90") > MOST_REPEATS:
        return [Hidden(b"", b"", "BinHex with too many repeats")]
    return _forks(_REPEAT.sub(_repeated, plain))


def _repeated(found: re.Match[bytes]) -> bytes:
    times = found[2][0]
    if not found[1]:  # what is repeated was itself written as an escape
        return b"\x90" * max(1, times - 1)
    return found[1] * times if times else found[1] + b"\x90"


def _forks(plain: bytes) -> list[Hidden]:
    size = plain[0] if plain else 0
    head = plain[1 + size : 1 + size + _HEAD + 3]
    if len(head) < _HEAD + 3:
        return [Hidden(b"", plain, "BinHex without a header")] if plain else []
    name, data_size = plain[1 : 1 + size], int.from_bytes(head[11:15], "big")
    resource_size = int.from_bytes(head[15:19], "big")
    data = 1 + size + 19 + 2
    resource = data + data_size + 2
    forks = [Hidden(name, plain[data : data + data_size])]
    if resource_size:
        forks.append(Hidden(name, plain[resource : resource + resource_size]))
    return [fork for fork in forks if fork.data] or [Hidden(name, plain[data:])]

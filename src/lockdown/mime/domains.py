"""Domains as people and registries see them: in Unicode, and the part that somebody registered.

Fails as: the domain itself, where a label cannot be decoded or nothing is registered below a suffix. Never raises.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# What browsers take for a dot (UTS 46): ideographic, fullwidth, halfwidth.
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
MOST_OCTETS = 255


@lru_cache(maxsize=8192)
def readable(host: str) -> str:
    """A host as a person reads it: lower case, Unicode, without a final dot."""
    host = host[:MOST_OCTETS]
    if not host.isascii():
        host = unicodedata.normalize("NFKC", host.translate(_DOTS))
    host = host.lower().strip(".")
    return ".".join(map(_unicode, host.split("."))) if "xn--" in host else host


def _unicode(label: str) -> str:
    # The codec is quadratic, and a label has at most 63 octets.
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        found = label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label
    return found if found and found.isprintable() and not any("\ud800" <= char <= "\udfff" for char in found) else label


@lru_cache(maxsize=8192)
def organisational(host: str) -> str:
    """What somebody registered: `example.co.uk` of `mail.example.co.uk`; an address or a suffix stays what it is.

    By the public suffix list with its private part: who hosts pages for strangers is a suffix too.
    """
    if not host or host[-1].isdigit() or ":" in host or "." not in host:
        return host
    return _list().privatesuffix(host) or host


@lru_cache(maxsize=1)
def _list() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_encoded_idn=False)


def is_within(host: str, domain: str) -> bool:
    """The domain itself or something below it."""
    return host == domain or host.endswith(f".{domain}")

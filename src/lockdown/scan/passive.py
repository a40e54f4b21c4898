"""Whether an HTML body is text and pictures alone: most are, and such a body needs no inspector.

Errs towards "no": a word that only looks like script sends the page to an inspector. Pure.
Fails as: nothing.
"""

from __future__ import annotations

import re

_TAGS = re.compile(rb"<(?:s(?:cript|vg)|math|i(?:frame|nput)|f(?:rame|orm)|object|embed|applet|base|portal)")
_WORDS = (b":script", b"refresh")
_NAMED = re.compile(rb"&(?:colon|tab|newline|lpar)")
_SCHEMES = (b"script:", b"data:")
"""Without line ends and tabs, which browsers drop from a scheme."""
# Begins with its literal letters, so that the search jumps from one to the next.
_HANDLER = re.compile(rb"on(?<=[\s/\"'`]on)[a-z]{3,25}\s{0,20}=")
# Letters, the colon and white space as numbers: nobody writes them so but to hide a scheme.
_SPELLED = re.compile(
    rb"&#(?:x0{0,8}(?:3a|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|[9ad])|"
    rb"0{0,8}(?:58|6[5-9]|[78]\d|90|9[789]|1[01]\d|12[012]|9|10|13))(?![0-9a-f])"
)


def is_passive(page: bytes) -> bool:
    """Whether nothing in it acts, asks or carries a file, whatever a browser makes of it."""
    if b"\0" in page:
        return False  # UTF-16, or a trick: the words below would not be seen
    lower = page.lower()
    if _TAGS.search(lower) is not None or any(word in lower for word in _WORDS) or _HANDLER.search(lower) is not None:
        return False
    squeezed = lower.translate(None, b"\t\r\n")
    if any(scheme in squeezed for scheme in _SCHEMES):
        return False
    if b"&" not in lower:
        return True
    return _NAMED.search(lower) is None and (b"&#" not in lower or _SPELLED.search(lower) is None)

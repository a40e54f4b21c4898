"""Strangers' words as they may be shown: one line, and nothing in it that is obeyed or cannot be seen. Pure."""

from __future__ import annotations

import json
import re

# Controls; what turns the direction of writing, ends a line or takes no room; tags; and halves of what is no character.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def shown(text: str) -> str:
    """Each of these as the sign of what cannot be shown."""
    return _UNSEEN.sub("\ufffd", text)


def escaped(document: str) -> str:
    """A JSON document that says the same, with these written out: a program loses nothing, a terminal obeys nothing."""
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], document)


def cut(text: str, most: int) -> str:
    """No longer than this; that something is left out can be seen."""
    return text if len(text) <= most else text[: most - 1] + "…"

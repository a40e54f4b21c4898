"""Split a Postfix list into its words: white space and commas part them, except inside braces (postconf(5), mystrtokq).

Never raises: a brace that is never closed keeps the rest as one word.
"""

from __future__ import annotations

from collections.abc import Iterator

_BETWEEN = " \t\r\n,"


def words(text: str) -> Iterator[str]:
    """The words, braces and all: `inline:{ a=b }` is one."""
    start, level = -1, 0
    for at, sign in enumerate(text):
        if sign in _BETWEEN and level == 0:
            if start >= 0:
                yield text[start:at]
            start = -1
            continue
        start = at if start < 0 else start
        level = max(0, level + (sign == "{") - (sign == "}"))
    if start >= 0:
        yield text[start:]


def unbraced(word: str) -> str:
    """A word without the braces around the whole of it."""
    stripped = word.strip()
    return stripped[1:-1].strip() if stripped.startswith("{") and stripped.endswith("}") else stripped

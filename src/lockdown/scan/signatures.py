"""What is known by its octets: the test virus, and the digests that the admin refuses.

Pure. Fails as: `read_digests` names each line that it cannot read; nothing else can fail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

EICAR = "EICAR-Test-File"
# Written backwards, so that neither this file nor its compiled form is taken for the test virus.
_EICAR = rb"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X"[::-1]
# Its rare middle is what is looked for: each start of it that is not the whole would cost a comparison.
_FORMS = (_EICAR, _EICAR.decode().encode("utf-16-le"), _EICAR.decode().encode("utf-16-be"))
_RARE = (b"EICAR-STANDARD", "EICAR-STANDARD".encode("utf-16-le"), "EICAR-STANDARD".encode("utf-16-be"))
_DIGEST_LINE = re.compile(r"([0-9a-fA-F]{64})(?:[ \t,:;*]+(\S[^\r\n]*))?\s*")
LINES_LIMIT = 5_000_000


class Digests(NamedTuple):
    """A list of digests that was read: lower-case SHA-256 to name, and what was wrong with it."""

    names: Mapping[str, str]
    problems: tuple[str, ...] = ()


def holds_test_virus(data: bytes) -> bool:
    """The 68 octets of EICAR anywhere, as they are or in UTF-16.

    Its own definition wants them at the start of a file; a mail gateway has more ways to carry them.
    """
    # Hot path: one search of the usual form says no for nearly every file.
    if _RARE[0] in data and _FORMS[0] in data:
        return True
    return b"\0" in data and any(
        rare in data and form in data for rare, form in zip(_RARE[1:], _FORMS[1:], strict=True)
    )


def read_digests(text: str) -> Digests:
    """A SHA-256 in hexadecimal on each line, a name behind it; `#` begins a comment, alone or behind white space."""
    names: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines()[:LINES_LIMIT], 1):
        plain = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if not plain:
            continue
        found = _DIGEST_LINE.fullmatch(plain)
        if found is None:
            problems.append(f"line {number} is no SHA-256 digest: {plain[:80]!r}")
        else:
            digest = found[1].lower()
            names[digest] = found[2] or f"digest {digest[:12]}"
    return Digests(names, tuple(problems[:20]))

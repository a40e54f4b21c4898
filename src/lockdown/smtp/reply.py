"""One SMTP reply: its code, its enhanced code, its lines, and the bytes that go on the wire.

A reply is safe by construction: text is reduced to printable ASCII and each line fits RFC 5321's 512 octets, so a
peer's words can be quoted in a reply without the peer writing on our wire.
Fails as: ValueError where the code or the detail is not one; `parse_reply` the same, for lines that are not a reply.
"""

import re
from collections.abc import Sequence
from typing import Final

# RFC 5321 4.5.3.1.5: a reply line is at most 512 octets, the code and the CRLF included.
LINE_OCTETS: Final = 512

# A server's explanation longer than this is an essay; the rest stays behind.
PARSED_LINES: Final = 20

_DETAIL = re.compile(r"\d{1,3}\.\d{1,3}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_REPLY_LINE = re.compile(rb"([2-5][0-5][0-9])(?:[ -](?:([245])\.(\d{1,3}\.\d{1,3})(?: |$))?(.*))?", re.DOTALL)


class Reply:
    """Built once, then only read. The class of the enhanced code is the first digit of the code: they cannot differ."""

    __slots__ = ("code", "enhanced", "lines", "wire")

    code: int
    enhanced: str
    lines: tuple[str, ...]
    wire: bytes

    def __init__(self, code: int, detail: str, *lines: str) -> None:
        if not 200 <= code <= 559 or (detail and not _DETAIL.fullmatch(detail)):
            raise ValueError(f"not a reply code: {code} {detail!r}")
        self.code = code
        self.enhanced = f"{code // 100}.{detail}" if detail else ""
        self.lines = tuple(self._fitting(line) for line in lines) or ("",)
        self.wire = self._encoded()

    def _fitting(self, text: str) -> str:
        overhead = len("250 ") + len("\r\n") + (len(self.enhanced) + 1 if self.enhanced else 0)
        return _UNPRINTABLE.sub("?", text[: LINE_OCTETS - overhead])

    def _encoded(self) -> bytes:
        texts = [f"{self.enhanced} {line}".strip() for line in self.lines]
        wire = "".join(f"{self.code}-{text}\r\n" for text in texts[:-1])
        # RFC 5321 4.2: the space may be left out where no text follows.
        return (wire + f"{self.code} {texts[-1]}".rstrip() + "\r\n").encode("ascii")

    @property
    def is_positive(self) -> bool:
        return self.code < 300

    @property
    def is_intermediate(self) -> bool:
        return 300 <= self.code < 400

    @property
    def is_transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and self.wire == other.wire

    def __hash__(self) -> int:
        return hash(self.wire)

    def __repr__(self) -> str:
        return f"Reply({self.wire.decode('ascii').rstrip()!r})"


def parse_reply(lines: Sequence[bytes]) -> Reply:
    """The reply that a server wrote in these lines (without their line ends), reduced to what we would repeat.

    The enhanced code is the first line's. Where its class contradicts the code, the code wins (RFC 2034 4).
    """
    heads = [_REPLY_LINE.fullmatch(line) for line in lines[:PARSED_LINES]]
    first = heads[0] if heads else None
    if first is None:
        raise ValueError(f"not a reply: {lines[:1]!r}")
    code = int(first[1])
    # RFC 2034 4: no enhanced code stands in a 3xx reply.
    detail = (first[3] or b"").decode("ascii") if code // 100 != 3 else ""
    texts = ((head[4] or b"").decode("ascii", "replace") for head in heads if head is not None)
    return Reply(code, detail, *texts)

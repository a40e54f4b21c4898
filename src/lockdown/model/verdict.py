"""Verdict: what a gate says of a connection, a recipient or a message; the strictest of many wins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What becomes of it; when gates differ, the strictest wins."""

    ACCEPT = 0
    TAG = 1
    QUARANTINE = 2
    DEFER = 3
    REJECT = 4
    HANG_UP = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's answer.

    `control` is the id of the control that judged; `says` is for our log and screen; `tells` is what the peer hears
    (generic words); `code` and `detail` form the SMTP reply (RFC 5321, RFC 3463) for kinds that refuse.
    """

    kind: Kind
    control: str = ""
    says: str = ""
    tells: str = ""
    code: int = 0
    detail: str = ""


ACCEPT = Verdict(Kind.ACCEPT)
"""The one verdict of a gate that has nothing to say."""


def strictest(verdicts: list[Verdict]) -> Verdict:
    """The verdict that wins; the first one given among equals. An empty list is ACCEPT: no gate objected."""
    return max(verdicts, key=lambda verdict: verdict.kind, default=ACCEPT)

"""The fields that the gateway puts on top of a message, and nothing else of it is changed (rule R16)."""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

from lockdown.model.verdict import Kind, Verdict

if TYPE_CHECKING:
    from lockdown.gateway.transaction import Transaction

_UNSAFE_IN_HELO = re.compile(r"[^\x21-\x27\x2a-\x5b\x5d-\x7e]")


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    # The library says -0000, "of unknown zone", for UTC.
    return formatdate(second).replace("-0000", "+0000")


def fields(transaction: Transaction, hostname: str, verdict: Verdict) -> bytes:
    """Received (RFC 5321 4.4, RFC 3848 for the protocol's name), our id, and the mark of a message that was tagged."""
    stranger, secure = transaction.stranger, transaction.secure
    helo = _UNSAFE_IN_HELO.sub("?", stranger.helo)[:255]
    address = f"IPv6:{stranger.address}" if ":" in stranger.address else stranger.address
    protocol = ("ESMTP" if stranger.esmtp else "SMTP") + ("S" if secure and stranger.esmtp else "")
    accepted = transaction.accepted
    only = f"\r\n\tfor <{accepted[0].address.raw}>" if len(accepted) == 1 else ""
    mark = f"X-Lockdown-Scan: {verdict.control}\r\n" if verdict.kind in (Kind.TAG, Kind.QUARANTINE) else ""
    return (
        f"Received: from {helo} ([{address}])\r\n"
        f"\tby {hostname} (Lockdown) with {protocol} id {transaction.id}{only};\r\n"
        f"\t{_date(int(time.time()))}\r\n"
        f"X-Lockdown-Id: {transaction.id}\r\n{mark}"
    ).encode()

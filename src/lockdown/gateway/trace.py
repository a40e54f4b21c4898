"""The fields that the gateway puts on top of a message, and nothing else of it is changed (rule R16)."""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import TYPE_CHECKING

from lockdown.config import Settings
from lockdown.gateway.scanned import in_one_line, spam_fields, vouching
from lockdown.model.verdict import ACCEPT, Kind, Verdict

if TYPE_CHECKING:
    from lockdown.gateway.transaction import Transaction

# What would mean something in this field (Postfix's list): a quote, say, could hide the address that follows.
_UNSAFE_IN_HELO = re.compile(r"""[^!-~]|[<>()\\";@]""")


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    # The library says -0000, "of unknown zone", for UTC.
    return formatdate(second).replace("-0000", "+0000")


@lru_cache(maxsize=1024)
def _received(helo: str, address: str, esmtp: bool, secure: bool, hostname: str) -> str:
    """The beginning of Received (RFC 5321 4.4, RFC 3848 for the protocol's name): the same for a client's messages."""
    helo = _UNSAFE_IN_HELO.sub("?", helo)[:255]
    address = f"IPv6:{address}" if ":" in address else address
    protocol = ("ESMTP" if esmtp else "SMTP") + ("S" if secure and esmtp else "")
    return f"Received: from {helo} ([{address}])\r\n\tby {hostname} (Lockdown) with {protocol} id "


def fields(transaction: Transaction, hostname: str, verdict: Verdict, policy: Settings) -> bytes:
    """Who vouches for it (on top, RFC 8601 4), Received, our id, what the engines said and why it was marked."""
    address, _, helo, esmtp, _, _ = transaction.stranger
    begins, number = _received(helo, address, esmtp, transaction.secure, hostname), transaction.id
    accepted, scanned = transaction.accepted, transaction.scanned
    only = f"\r\n\tfor <{accepted[0].address.raw}>" if len(accepted) == 1 else ""
    top = f"{begins}{number}{only};\r\n\t{_date(int(time()))}\r\nX-Lockdown-Id: {number}\r\n"
    marked = verdict is not ACCEPT and verdict.kind in (Kind.TAG, Kind.QUARANTINE)
    mark = f"mark={verdict.control}" if marked else ""
    if scanned is not None:
        said = in_one_line(scanned, policy)
        scan = f"X-Lockdown-Scan: {said}\r\n\t{mark}\r\n" if mark else f"X-Lockdown-Scan: {said}\r\n"
        top = vouching(scanned, hostname) + top + scan + spam_fields(scanned, policy)
    elif mark:
        top += f"X-Lockdown-Scan: {mark}\r\n"
    return top.encode()

"""What the gateway puts on top of a message, octet for octet; the goldens lie in `fields/`.

A golden is the header as it goes out. `ID` and `DATE` stand for what differs each time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockdown.config import Settings
from lockdown.gateway import trace
from lockdown.gateway.transaction import Transaction
from lockdown.gateway.upstream import Stranger
from lockdown.model.verdict import ACCEPT, Kind, Verdict

GOLDENS = Path(__file__).with_name("fields")
TAGGED = Verdict(Kind.TAG, "attachments.gateway-structure")
HELD = Verdict(Kind.QUARANTINE, "attachments.gateway-structure")


@dataclass
class Case:
    """A message of this client."""

    helo: str = "client.example"
    address: str = "192.0.2.7"
    esmtp: bool = True
    secure: bool = False
    recipients: tuple[str, ...] = ("anna@example.org",)
    verdict: Verdict = field(default=ACCEPT)


CASES = {
    "plain": Case(),
    "several-recipients-are-not-told": Case(recipients=("anna@example.org", "bert@example.org")),
    "ipv6": Case(address="2001:db8::7"),
    "tls": Case(secure=True),
    "helo-is-smtp": Case(esmtp=False),
    "helo-within-tls-is-smtp": Case(esmtp=False, secure=True),
    "tagged": Case(verdict=TAGGED),
    "held": Case(verdict=HELD),
    "hostile-helo": Case(helo='x" (by [10.0.0.1]) with SMTP;\\ Mon, 1 Jan 2001'),
    "hostile-helo-folded": Case(helo="x\r\nX-Spam: no\r\n\r\nbody"),
    "endless-helo": Case(helo="h" * 2000),
    "international-recipient": Case(recipients=("sören@example.org",)),
    "quoted-recipient": Case(recipients=('"a b\\"c"@example.org',)),
}


def made(case: Case) -> bytes:
    accepted = [SimpleNamespace(address=SimpleNamespace(raw=raw)) for raw in case.recipients]
    stranger = Stranger(case.address, 12345, case.helo, case.esmtp, "", 0)
    transaction: Any = SimpleNamespace(id="ID", stranger=stranger, secure=case.secure, accepted=accepted, scanned=None)
    return trace.fields(cast(Transaction, transaction), "gate.example.org", case.verdict, Settings())


def with_date_hidden(fields: bytes) -> bytes:
    return re.sub(rb"\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n", b"\tDATE\r\n", fields)


@pytest.mark.parametrize("name", CASES)
def test_the_fields_are_as_the_golden_has_them(name: str) -> None:
    golden, got = GOLDENS / f"{name}.txt", with_date_hidden(made(CASES[name]))
    if not golden.exists() or golden.read_bytes() != got:
        golden.with_suffix(".got").write_bytes(got)
    assert golden.read_bytes() == got


@pytest.mark.parametrize("name", CASES)
def test_whatever_a_client_says_no_line_is_broken_and_no_field_is_added(name: str) -> None:
    lines = made(CASES[name]).split(b"\r\n")
    assert lines.pop() == b""
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998
    names = [line.partition(b":")[0] for line in lines if line[:1] != b"\t"]
    assert names in ([b"Received", b"X-Lockdown-Id"], [b"Received", b"X-Lockdown-Id", b"X-Lockdown-Scan"])


def test_the_date_is_one_that_others_can_read() -> None:
    date = made(Case()).split(b"\r\n\t")[-1].split(b"\r\n")[0].decode()
    assert parsedate_to_datetime(date).utcoffset() is not None
    assert date.endswith("+0000")

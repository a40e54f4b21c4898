"""Fraud and wanted mail of today, kept as files, each with who vouches for it; half of them to tune with, half to test.

The first three lines of a file are for us and not part of the message: what SPF, DKIM and DMARC say, since when the
sender is known here, and the envelope sender. Names and addresses are invented, in domains that nobody can have.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from lockdown.checklist.antispam.gate import score
from lockdown.checklist.antispam.places import FREE_MAIL
from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.model.scan import Dkim, Dmarc, Examined, Identity, Result, Score, Spf
from lockdown.model.unknown import Unknown
from tests.checklist.antispam.letters import MESSAGES, NOBODY, POLICY, UNMOVED, examined

LONG_AGO = 1_700_000_000.0


def files(kind: str, half: str = "") -> list[Path]:
    """Messages of one kind, `fraud` or `wanted`; of one half, `tune` or `test`, or all."""
    found = sorted((MESSAGES / "today" / kind).glob("*.eml"))
    return [file for file in found if half in ("", half_of(file))]


def half_of(file: Path) -> str:
    """By the name alone, so that nobody chooses."""
    return "tune" if sha256(file.stem.encode()).digest()[0] & 1 else "test"


def seen(file: Path, *, vouched: bool = True, words: bool = True) -> Examined:
    """A stored message as the gate sees it; without vouching, as on a machine that asks no DNS."""
    told, content = _cut(file.read_bytes())
    identity = _identity(told["identity"], float(told["since"]), _from(content)) if vouched else NOBODY
    opinion = _classifier().judge(letter_of(read_message(content))) if words else UNMOVED
    return examined(content, sender=told["envelope"], identity=identity, opinions=(opinion,))


def points(file: Path, *, vouched: bool = True, words: bool = True) -> Score:
    """All that the builtin engine gives."""
    return score(seen(file, vouched=vouched, words=words), POLICY)


def _cut(content: bytes) -> tuple[dict[str, str], bytes]:
    *lines, rest = content.split(b"\r\n", 3)
    told = [re.fullmatch(r"X-Test-(\w+): ?(.*)", line.decode()) for line in lines]
    return {found[1].lower(): found[2] for found in told if found}, rest


def _from(content: bytes) -> str:
    return letter_of(read_message(content)).senders[0].domain


def _identity(told: str, since: float, author: str) -> Identity:
    """`dkim=pass d=shop.example; spf=pass d=bounce.example; dmarc=pass`"""
    # Houses of mailboxes for everybody are known everywhere.
    found = NOBODY._replace(known_since=since or (LONG_AGO if author in FREE_MAIL else 0.0))
    for kind, result, domain in re.findall(r"(dkim|spf|dmarc)=(\w+)(?: d=(\S+?))?(?:;|$)", told):
        match kind:
            case "dkim":
                found = found._replace(dkim=(*found.dkim, Dkim(Result(result), domain, "s1")))
            case "spf":
                found = found._replace(spf=Spf(Result(result), domain))
            case _:
                found = found._replace(dmarc=Dmarc(Result(result), author))
    return found


@cache
def _classifier() -> Any:
    from lockdown.scan.classifier import Classifier

    loaded = Classifier.load()
    assert not isinstance(loaded, Unknown), loaded.why
    return loaded

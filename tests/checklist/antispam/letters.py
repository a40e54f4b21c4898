"""Messages as the gate of item 2 sees them: read for real, the rest as the test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lockdown.config import Antispam, Settings
from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.model.mail import WITHOUT_PARTS, Client, Mail, Repetition
from lockdown.model.scan import Arc, Content, Dkim, Dmarc, Examined, Identity, Opinion, Reading, Result, Spf
from lockdown.smtp.address import NULL_ADDRESS, Address, AddressShape

MESSAGES = Path(__file__).parents[2] / "messages"
POLICY = Settings(antispam=Antispam(people=("Ann Director <ann@example.org>",), partners=("acme-works.example",)))

STRANGER = Client("192.0.2.80", "192.0.2.0/24", False, 1, 1, 1, None)
UNMOVED = Opinion("builtin", 0.0, 5.0)
NOBODY = Identity(Spf(Result.NONE, ""), (), Dmarc(Result.NONE, ""), Arc(Result.NONE))
"""Who vouches for most of the world: DNS was asked, and there is nothing."""


def policy(**antispam: Any) -> Settings:
    return Settings(antispam=Antispam(**antispam))


def path(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(local, domain, text, AddressShape.PLAIN, False) if text else NULL_ADDRESS


def signed(domain: str, result: Result = Result.PASS) -> Identity:
    """A DKIM signature of this domain."""
    return NOBODY._replace(dkim=(Dkim(result, domain, "s1"),))


def written(*header: str, body: str = "Hello,\r\n\r\nsee you on Thursday.\r\n") -> bytes:
    """A letter with these fields and what else a mailer writes."""
    usual = ("To: ann@example.org", "Date: Mon, 02 Nov 2026 09:14:03 +0000", "Message-ID: <1@mail.test>")
    return "\r\n".join([*header, *usual, "", body]).encode()


def examined(
    content: bytes,
    *,
    sender: str = "bounce@mail.test",
    client: Client = STRANGER,
    opinions: tuple[Any, ...] = (UNMOVED,),
    **different: Any,
) -> Examined:
    """The message, read by the real reader."""
    message = read_message(content)
    reading = Reading(Content((), message.ambiguities, (), message.unread, len(message.parts)), letter_of(message))
    mail = Mail(
        client=client,
        sender=path(sender),
        recipients=(path("ann@example.org"),),
        size_bytes=len(content),
        header=message.header,
        header_bytes=len(message.header),
        hops=1,
        own_hops=0,
        structure=WITHOUT_PARTS,
        from_network=Repetition(1, len(content)),
        to_recipient=Repetition(1, len(content)),
    )
    return Examined(mail, reading, (), NOBODY, opinions)._replace(**different)


def stored(kind: str) -> list[Path]:
    """The messages of one kind that are kept as files."""
    return sorted((MESSAGES / kind).glob("*.eml"))


def examined_file(file: Path) -> Examined:
    """A stored message, its envelope sender in the domain of From, with nobody to vouch for it."""
    content = file.read_bytes()
    author = letter_of(read_message(content)).senders[0]
    return examined(content, sender=f"bounce@{author.domain}")

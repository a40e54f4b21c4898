"""A message of a corpus as the gate of item 2 sees it: from a stranger, with nobody to vouch for anyone."""

from __future__ import annotations

from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.model.mail import WITHOUT_PARTS, Client, Mail, Repetition
from lockdown.model.scan import Arc, Content, Dmarc, Examined, Identity, Letter, Reading, Result, Spf
from lockdown.smtp.address import NULL_ADDRESS, Address, AddressShape

_CLIENT = Client("192.0.2.80", "192.0.2.0/24", False, 1, 1, 1, None)
_NOBODY = Identity(Spf(Result.NONE, ""), (), Dmarc(Result.NONE, ""), Arc(Result.NONE))
_RECIPIENT = Address("someone", "example.org", "someone@example.org", AddressShape.PLAIN, False)


def examined(content: bytes) -> Examined:
    """Read by the real reader; the envelope sender is that of From, and no engine was asked."""
    message = read_message(content)
    letter = letter_of(message)
    once = Repetition(1, len(content))
    mail = Mail(
        client=_CLIENT, sender=_author(letter), recipients=(_RECIPIENT,), size_bytes=len(content),
        header=message.header, header_bytes=len(message.header), hops=1, own_hops=0, structure=WITHOUT_PARTS,
        from_network=once, to_recipient=once,
    )  # fmt: skip
    read = Reading(Content((), message.ambiguities, (), message.unread, len(message.parts)), letter)
    return Examined(mail, read, (), _NOBODY, ())


def _author(letter: Letter) -> Address:
    address = letter.senders[0].address if letter.senders else ""
    local, _, domain = address.rpartition("@")
    return Address(local, domain, address, AddressShape.PLAIN, False) if local and domain else NULL_ADDRESS

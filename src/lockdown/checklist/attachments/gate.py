"""The e-mail bomb: one message that is too large for those behind, or many that are each small enough.

Form over a limit is refused, or held for a person where it may be honest (parts, nesting, what could not be read).
Repetition is answered to the flood alone: a network over its window is put off, and refused for good when it is far
over; when a recipient's window is over, large mail and busy networks are put off while small mail from quiet networks
still gets through. What is held or refused does not come to the recipient, so for him it does not count. A message is
never put off for its own octets: only for those that came before it.
A letter that somebody vouches for, one of few to its recipient, is not held against its network: a newsletter is many
of these, and a bomb is none.
Trusted networks and `never_limit` are counted, never limited in repetition; form binds everybody.
"""

from __future__ import annotations

from typing import assert_never

from lockdown.config import Settings
from lockdown.model.mail import WITHOUT_PARTS, Announced, Client, Mail, Repetition, Structure
from lockdown.model.networks import networks
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import ACCEPT, Kind, Verdict, strictest

MESSAGE_LIMIT = "attachments.gateway-message-limit"
STRUCTURE = "attachments.gateway-structure"
REPETITION = "attachments.gateway-repetition"

BASE64_GROWTH = 1.37
"""Octets on the wire for an octet of attachment: base64's 4/3 and its line ends."""
SMALL_MESSAGE = 100 * 1024
"""What still reaches a recipient who is being flooded: a letter, not a load."""
QUIET_NETWORK = 3
"""Messages within the window that a network with nothing to hide sends to us."""
FEW_TO_ONE = 20
"""Messages to one recipient within the window that are no bomb, whoever sends them."""
OWN_HOPS = 3
"""So often may a message honestly pass the same gateway: a forward between two domains behind it, and back."""
ABUSE_FACTOR = 4
"""So many times over its window, a network is no longer in doubt: a 4xx would bring it back again and again."""


def sender(announced: Announced, policy: Settings) -> Verdict:
    """Judge a MAIL by the size that it declares (RFC 1870) and by what its network has sent before."""
    # Hot path: a tuple is taken apart at once for the cost of one field asked by its name.
    client, _, size, (messages, size_bytes) = announced
    limits, size = policy.attachments, size or 0
    if size > policy.gateway.max_message:
        return _too_large(size, "declared", policy)
    if messages < limits.network_messages and size_bytes + size <= limits.network_bytes:
        return ACCEPT
    return _repeated(Repetition(messages + 1, size_bytes + size), client, policy)


def message(mail: Mail, policy: Settings) -> Verdict:
    """Judge a whole message by its measures and by what came before it."""
    # Hot path: the tuple is taken apart at once, and one chain of comparisons says that nothing is over any limit.
    limits = policy.attachments
    _, _, _, size, _, header, hops, own_hops, structure, (messages, octets), (received, received_octets) = mail
    if (
        size <= policy.gateway.max_message
        and header <= limits.max_header
        and hops <= limits.max_hops
        and own_hops <= OWN_HOPS
        and (structure is WITHOUT_PARTS or _structure(structure, policy) is ACCEPT)
        and messages <= limits.network_messages
        and octets <= limits.network_bytes
        and received <= limits.recipient_messages
        and received_octets <= limits.recipient_bytes
    ):
        return ACCEPT
    repetition = strictest([_repeated(mail.from_network, mail.client, policy), _flooded(mail, policy)])
    return strictest([_form(mail, policy), _structure(structure, policy), repetition])


def is_held_against_network(mail: Mail, *, proven: bool, spam: bool) -> bool:
    """Whether a message that was taken counts for its network, and with its recipients and connection for its client.

    To be asked once it is known whether the sender's domain vouches for it.
    """
    is_load = mail.size_bytes > SMALL_MESSAGE or mail.to_recipient.messages > FEW_TO_ONE
    return is_load or spam or not proven


def _form(mail: Mail, policy: Settings) -> Verdict:
    limits = policy.attachments
    if mail.size_bytes > policy.gateway.max_message:
        return _too_large(mail.size_bytes, "sent", policy)
    if mail.header_bytes > limits.max_header:
        says = f"a header of {ByteSize(mail.header_bytes)}; the limit is {limits.max_header}"
        return Verdict(Kind.REJECT, STRUCTURE, says, "Message header too large", 552, "3.4")
    if mail.hops > limits.max_hops:
        # RFC 5321 6.3: a large count of Received fields is how a loop is seen.
        says = f"{mail.hops} Received fields; the limit is {limits.max_hops}, so this message loops"
        return Verdict(Kind.REJECT, STRUCTURE, says, "Too many hops, this message loops", 554, "4.6")
    if mail.own_hops > OWN_HOPS:
        says = f"this gateway has passed it on {mail.own_hops} times already, so this message loops"
        return Verdict(Kind.REJECT, STRUCTURE, says, "This message loops", 554, "4.6")
    return ACCEPT


def _too_large(size: int, how: str, policy: Settings) -> Verdict:
    limit = policy.gateway.max_message
    says = f"{ByteSize(size)} {how}; the limit is {limit}"
    tells = (
        f"Message too large: the limit is {_in_words(limit)}, "
        f"about {_in_words(int(limit / BASE64_GROWTH))} of attachments; "
        "send a link to the files, or several smaller messages"
    )
    return Verdict(Kind.REJECT, MESSAGE_LIMIT, says, tells, 552, "3.4")


def _in_words(size: int) -> str:
    """A size for the sender, rounded down, so that what is promised will pass."""
    unit, name = (1024**2, "MB") if size >= 1024**2 else (1024, "kB")
    return f"{size // unit} {name}"


def _structure(structure: Structure | Unknown, policy: Settings) -> Verdict:
    limits = policy.attachments
    match structure:
        case Unknown(why):
            return _held(f"the structure could not be read: {why}")
        case Structure(unread=why) if why:
            return _held(f"the structure was not read to its end: {why}")
        case Structure(parts=parts) if parts > limits.max_parts:
            return _held(f"{parts} parts; the limit is {limits.max_parts}")
        case Structure(nesting=nesting) if nesting > limits.max_nesting:
            return _held(f"parts nested {nesting} deep; the limit is {limits.max_nesting}")
        case Structure():
            return ACCEPT
        case _:
            assert_never(structure)


def _held(says: str) -> Verdict:
    """Held, not refused: what is strange here may still be an honest message, and a person can tell."""
    return Verdict(Kind.QUARANTINE, STRUCTURE, says, "Message held for review")


def _repeated(network: Repetition, client: Client, policy: Settings) -> Verdict:
    limits = policy.attachments
    over = max(network.messages / limits.network_messages, _load(network, limits.network_bytes))
    if over <= 1 or _is_exempt(client, policy):
        return ACCEPT
    limit = f"{limits.network_messages} messages, {limits.network_bytes}"
    says = f"{client.prefix} has sent {_sum(network)}; its limit is {limit}"
    if over > ABUSE_FACTOR:
        return Verdict(Kind.REJECT, REPETITION, says, "Too much mail from your network", 550, "7.0")
    return Verdict(Kind.DEFER, REPETITION, says, "Too much mail from your network, try again later", 452, "7.0")


def _flooded(mail: Mail, policy: Settings) -> Verdict:
    """Put off for ever, never refused: a flood of strangers is no fault of the one who is judged here."""
    limits, received = policy.attachments, mail.to_recipient
    over = max(received.messages / limits.recipient_messages, _load(received, limits.recipient_bytes))
    of_the_flood = mail.size_bytes > SMALL_MESSAGE or mail.from_network.messages > QUIET_NETWORK
    if over <= 1 or not of_the_flood or _is_exempt(mail.client, policy):
        return ACCEPT
    limit = f"{limits.recipient_messages} messages, {limits.recipient_bytes}"
    says = f"a recipient has got {_sum(received)}; the limit is {limit}"
    return Verdict(Kind.DEFER, REPETITION, says, "Too much mail for this recipient, try again later", 452, "7.0")


def _load(sent: Repetition, limit: ByteSize) -> float:
    """How full the window is with octets. One message alone is never too much: its size has its own limit."""
    return sent.size_bytes / limit if sent.messages > 1 else 0.0


def _sum(sent: Repetition) -> str:
    return f"{sent.messages} messages, {ByteSize(sent.size_bytes)} within the window"


def _is_exempt(client: Client, policy: Settings) -> bool:
    return client.trusted or client.address in networks(policy.monitoring.never_limit)

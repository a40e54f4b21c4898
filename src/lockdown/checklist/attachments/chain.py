"""The way of a large message as a chain of limits: the gateway, each service of Postfix, the scanner, the mailbox.

In words it is said as attachments, since that is what people send: base64 makes them 1.37 times as large.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lockdown.checklist.attachments.audit_postfix import mailbox_limits
from lockdown.checklist.attachments.gate import BASE64_GROWTH
from lockdown.facts.clamav import clamd, limits
from lockdown.facts.gateway import Gateway
from lockdown.facts.postfix import Postfix
from lockdown.facts.scanner_files import Words
from lockdown.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Link:
    """One limit on the way; 0 is without end."""

    name: str
    size: int


def chain_in_words(snapshot: Snapshot, server: Postfix, own: Gateway | None) -> str:
    """`The way of an attachment: the gateway 18 MB, smtp/inet without end, mailbox_size_limit 37 MB.`"""
    links = ", ".join(f"{link.name} {_in_words(link.size)}" for link in chain(snapshot, server, own))
    return f"The way of an attachment: {links}."


def chain(snapshot: Snapshot, server: Postfix, own: Gateway | None) -> Iterator[Link]:
    """Each limit that is known, in the order in which a message meets it."""
    if own:
        yield Link("the gateway", int(own.settings.gateway.max_message))
    for service in server.smtp_services():
        if isinstance(limit := server.number("message_size_limit", service), int):
            yield Link(service.label, limit)
    yield from scanner(snapshot)
    for name in mailbox_limits(server):
        if isinstance(limit := server.number(name), int):
            yield Link(name, limit)


def scanner(snapshot: Snapshot) -> Iterator[Link]:
    """How far the clamd of this machine reads one message; nothing where that cannot be told."""
    conf = clamd(snapshot)
    known = limits(conf, "") if isinstance(conf, Words) else ()
    for one in known if isinstance(known, tuple) else ():
        yield Link(f"clamd's {one.name}", int(one.value or 0))


def _in_words(size: int) -> str:
    return f"{int(size / BASE64_GROWTH) // 1024**2} MB" if size else "without end"

"""Verify a whole message of a suite against a zone, without any network."""

from __future__ import annotations

from lockdown.mime.header import header_block
from lockdown.model.scan import Arc, Dkim
from lockdown.scan import arc, dkim
from lockdown.scan.dns import Ask

LIMIT = 256 * 1024


def verify_dkim(ask: Ask, message: bytes) -> tuple[Dkim, ...]:
    block = header_block(message, LIMIT)
    header = dkim.Header(message[: block.end])
    read = dkim.signatures(header)
    wanted = [one.body for one in read if isinstance(one, dkim.Signature)]
    return dkim.verify_all(ask, header, read, dkim.body_digests(message, block.body, wanted))


def verify_arc(ask: Ask, message: bytes) -> Arc:
    block = header_block(message, LIMIT)
    links = arc.Links(dkim.Header(message[: block.end]))
    return arc.verify(ask, links, dkim.body_digests(message, block.body, links.bodies()))


def on_the_wire(octets: bytes) -> bytes:
    """Lines that end in CRLF, whatever ended them before."""
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

"""The PROXY header, octet for octet as haproxy's proxy-protocol.txt 2.2 has it."""

from __future__ import annotations

import pytest

from lockdown.gateway.proxy import proxy_header

SIGNATURE = "0d0a0d0a000d0a515549540a"


@pytest.mark.parametrize(
    ("client", "we", "octets"),
    [
        (("192.0.2.7", 54321), ("198.51.100.1", 25), "21 11 000c c0000207 c6336401 d431 0019"),
        (
            ("2001:db8::7", 54321),
            ("2001:db8::1", 25),
            "21 21 0024 20010db8000000000000000000000007 20010db8000000000000000000000001 d431 0019",
        ),
        (("192.0.2.7", 54321), ("::ffff:198.51.100.1", 25), "21 11 000c c0000207 00000000 d431 0019"),
        (
            ("2001:db8::7", 1),
            ("198.51.100.1", 65535),
            "21 21 0024 20010db8000000000000000000000007 00000000000000000000000000000000 0001 ffff",
        ),
        (("", 0), ("", 0), "20 00 0000"),
    ],
    ids=["ipv4", "ipv6", "an IPv4 client on an IPv6 socket", "an IPv6 client told as having come to IPv4", "our own"],
)
def test_the_header_is_as_the_document_has_it(client: tuple[str, int], we: tuple[str, int], octets: str) -> None:
    assert proxy_header(*client, *we).hex() == SIGNATURE + octets.replace(" ", "")

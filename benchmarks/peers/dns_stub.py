"""A DNS over UDP on loopback that knows one zone, read from a JSON file: name -> kind -> values; others do not exist.

Run as: python -m benchmarks.peers.dns_stub PORT FILE. Until it is ended.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from benchmarks.machine import LOOPBACK

_SECONDS = 86400


def answer(octets: bytes, zone: dict[str, dict[str, list[str]]]) -> bytes:
    """To one question."""
    query = dns.message.from_wire(octets)
    asked = query.question[0]
    response = dns.message.make_response(query, recursion_available=True)
    entry = zone.get(asked.name.to_text(omit_final_dot=True).lower())
    kind = dns.rdatatype.to_text(asked.rdtype)
    if entry is None:
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif values := entry.get(kind):
        texts = [f'"{value}"' if kind == "TXT" else value for value in values]
        response.answer.append(dns.rrset.from_text(asked.name, _SECONDS, "IN", kind, *texts))
    return response.to_wire()


def main(arguments: list[str]) -> None:
    zone = json.loads(Path(arguments[1]).read_text())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taking:
        taking.bind((LOOPBACK, int(arguments[0])))
        while True:
            octets, peer = taking.recvfrom(4096)
            taking.sendto(answer(octets, zone), peer)


if __name__ == "__main__":
    main(sys.argv[1:])

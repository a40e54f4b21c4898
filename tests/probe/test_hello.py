"""The first flight of TLS is written and read as the RFCs have it; whatever a stranger answers is a value."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.probe import hello
from lockdown.probe.hello import Alert, Hello, Nonsense, client_hello, read_flight


def _flight(version: int, suite: int, *, key: bytes = b"", extensions: bytes = b"", method: int = 0) -> bytes:
    """A ServerHello, a ServerKeyExchange and a ServerHelloDone in one record."""
    body = version.to_bytes(2, "big") + bytes(32) + b"\0" + suite.to_bytes(2, "big") + bytes([method])
    body += len(extensions).to_bytes(2, "big") + extensions if extensions else b""
    messages = b"\2" + len(body).to_bytes(3, "big") + body
    messages += b"\x0c" + len(key).to_bytes(3, "big") + key if key else b""
    messages += b"\x0e\0\0\0"
    return b"\x16" + version.to_bytes(2, "big") + len(messages).to_bytes(2, "big") + messages


SAFE = b"\xff\x01\x00\x01\x00"
EXTENDED = b"\x00\x17\x00\x00"
PRIME = (128).to_bytes(2, "big") + b"\xff" * 128


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (_flight(0x0301, 0x002F), Hello(0x0301, 0x002F, False, False, False)),
        (
            _flight(0x0303, 0xC02F, key=b"\x03\x00\x1d\x20" + bytes(32), extensions=SAFE + EXTENDED),
            Hello(0x0303, 0xC02F, False, True, True, "x25519"),
        ),
        (_flight(0x0303, 0x0033, key=PRIME, extensions=SAFE), Hello(0x0303, 0x33, False, True, False, "DH 1024", 1024)),
        (_flight(0x0303, 0x002F, method=1), Hello(0x0303, 0x002F, True, False, False)),
        (b"\x15\x03\x01\x00\x02\x02\x46", Alert(70)),
        (b"220 mx.example.org ESMTP\r\n", Nonsense("it answers with something that is no TLS")),
        (b"\x16\x09\x09\x00\x01\x02", Nonsense("it answers with something that is no TLS")),
        (b"", None),
        (b"\x16\x03\x03", None),
    ],
)
def test_a_flight_is_read(octets: bytes, found: object) -> None:
    assert read_flight(octets) == found


def test_a_flight_may_come_octet_by_octet_and_in_many_records() -> None:
    whole = _flight(0x0303, 0xC02F, key=b"\x03\x00\x1d\x20" + bytes(32), extensions=SAFE)
    inner = whole[5:]
    records = b"".join(b"\x16\x03\x03\x00\x01" + inner[at : at + 1] for at in range(len(inner)))
    assert read_flight(records) == read_flight(whole)
    assert all(read_flight(records[:cut]) is None for cut in range(0, len(records) - 30, 7))


@pytest.mark.parametrize("version", [hello.TLS12, hello.TLS13])
def test_openssl_answers_what_we_say(version: int) -> None:
    """The other side of our ClientHello, in memory: it reads it, and answers with the version that we asked for."""
    import tempfile
    from pathlib import Path

    from tests.rig.certificate import make_certificate

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(make_certificate(Path(folder) / "c.pem", "mx.example.org"))
    named: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    suites = hello.MODERN if version == hello.TLS13 else hello.FORWARD
    incoming.write(client_hello(version, suites, "mx.example.org"))
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    found = read_flight(outgoing.read())
    assert isinstance(found, Hello) and found.version == version and found.suite in suites
    assert found.renegotiation and found.extended_secret and not found.compression and found.group
    assert named == ["mx.example.org"]


@given(st.binary(max_size=400))
def test_garbage_is_a_value(octets: bytes) -> None:
    assert isinstance(read_flight(octets), Hello | Alert | Nonsense | None)
    assert isinstance(read_flight(b"\x16\x03\x03" + len(octets).to_bytes(2, "big") + octets), Hello | Nonsense | None)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_a_flight_with_damage_is_a_value(at: int, damage: bytes) -> None:
    whole = bytearray(_flight(0x0303, 0x0033, key=PRIME, extensions=SAFE + EXTENDED))
    whole[at : at + len(damage)] = damage
    assert isinstance(read_flight(bytes(whole)), Hello | Alert | Nonsense | None)


def test_a_flight_without_end_is_cut_off() -> None:
    # A ServerHello that announces sixteen megabytes: one would wait for it for ever.
    endless = b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + bytes(0x3FFC) + (b"\x16\x03\x03\x40\x00" + bytes(0x4000)) * 9
    assert read_flight(endless[:60_000]) is None
    assert read_flight(endless) == Nonsense("its first flight does not end")

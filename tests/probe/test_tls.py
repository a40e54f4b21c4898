"""How TLS is tried: by every protocol, and told apart from what could not be tried."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import pytest

from lockdown.facts.tls_seen import TlsSeen
from lockdown.model.unknown import Unknown
from lockdown.probe.tls import tls_readings
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox
from tests.rig.secured import IMAP, POP3, SMTP, Authority, Front, TlsServer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[TlsServer]:
    with TlsServer(authority.issue("mx.example.org")) as running:
        yield running


def _seen(port: int, through: int, authority: Authority, seconds: float = 15) -> TlsSeen | Unknown:
    readings = tls_readings(
        "mx.example.org", "127.0.0.1", [port], seconds, through={port: through}, ca_file=authority.file
    )
    (reading,) = readings.values()
    return reading if isinstance(reading, Unknown) else msgspec.json.decode(reading, type=TlsSeen)


@pytest.mark.parametrize(
    ("port", "lines"), [(25, SMTP), (587, SMTP), (143, IMAP), (110, POP3), (465, ()), (993, ()), (995, ())]
)
def test_tls_is_reached_by_every_protocol(
    port: int, lines: tuple[str, ...], authority: Authority, server: TlsServer
) -> None:
    with Front(lines or ("TLS",), server.port) as front:
        seen = _seen(port, front.port, authority)
    assert isinstance(seen, TlsSeen) and seen.outcome == "secured", seen
    assert seen.versions == {"SSL 3.0": "no", "TLS 1.0": "no", "TLS 1.1": "no", "TLS 1.2": "yes", "TLS 1.3": "yes"}
    assert seen.suites["forward secrecy"] == "yes" and seen.suites["RC4"] == "no"
    assert seen.trusted == "yes" and seen.chain[0].names == ("mx.example.org",) and seen.chain[-1].self_signed
    assert front.connections < 20  # nobody may take it for an attack


@pytest.mark.parametrize(
    ("port", "lines", "why"),
    [
        (25, ("S: 450 4.7.1 greylisted",), "450 4.7.1 greylisted"),
        (25, ("S: 421 too many connections",), "421 too many"),
        (25, ("S: 554 go away",), "554 go away"),
        (25, ("S: 220 mx", "C", "S: 451 later"), "answers EHLO with 451"),
        (25, ("S: 220 mx", "C", "S: 250-mx", "S: 250 STARTTLS", "C", "S: 421 too many"), "answers STARTTLS with 421"),
        (25, ("S: SSH-2.0-OpenSSH_9.2",), "does not speak SMTP"),
        (25, (), "closed the connection"),
        (25, ("S: " + "220-x\r\n" * 300,), "does not end"),
        (143, ("S: * BYE overloaded",), "* BYE overloaded"),
        (110, ("S: -ERR busy",), "-ERR busy"),
    ],
)
def test_what_could_not_be_tried_is_no_word_on_tls(
    port: int, lines: tuple[str, ...], why: str, authority: Authority
) -> None:
    with Front(lines) as front:
        seen = _seen(port, front.port, authority)
    assert isinstance(seen, Unknown) and why in seen.why, seen


@pytest.mark.parametrize(
    ("port", "lines"),
    [
        (25, ("S: 220 mx", "C", "S: 250 mx")),
        (143, ("S: * OK", "C", "S: * CAPABILITY IMAP4rev1", "S: a1 OK")),
        (110, ("S: +OK", "C", "S: +OK", "S: UIDL", "S: .")),
    ],
)
def test_a_server_without_tls_says_so(port: int, lines: tuple[str, ...], authority: Authority) -> None:
    with Front(lines) as front:
        seen = _seen(port, front.port, authority)
    assert isinstance(seen, TlsSeen) and seen.outcome == "not-offered"


def test_tls_that_is_offered_and_does_not_work_is_a_fault(authority: Authority) -> None:
    for lines in ((*SMTP[:5], "S: 454 no certificate"), (*SMTP[:6], "S: hello there, this is no TLS at all")):
        with Front(lines) as front:
            seen = _seen(25, front.port, authority)
        assert isinstance(seen, TlsSeen) and seen.outcome == "broken", seen


def test_nobody_there_and_a_silent_server_end_in_time(authority: Authority) -> None:
    began = time.monotonic()
    assert isinstance(_seen(25, 1, authority), Unknown)
    with Front(("WAIT",)) as front:
        assert isinstance(_seen(25, front.port, authority, 1.0), Unknown)
    with Front(("WAIT",)) as front:
        assert isinstance(_seen(465, front.port, authority, 1.0), Unknown)
    assert time.monotonic() - began < 8


@pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run())
def test_a_real_postfix_is_seen_as_it_is(authority: Authority) -> None:
    certificate = authority.issue("mx.example.org")
    with sandbox("probe-tls") as box, RealPostfix(box, certificate=certificate) as postfix:
        seen = _seen(25, postfix.port, authority)
    assert isinstance(seen, TlsSeen) and seen.outcome == "secured", seen
    assert seen.versions["TLS 1.3"] == "yes" and seen.versions["SSL 3.0"] == "no" and seen.trusted == "yes"

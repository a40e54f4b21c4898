"""Look at real servers on loopback from outside: a closed Postfix, an open one, and servers of every bad kind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockdown.cli import main
from lockdown.config import Settings, read_settings
from lockdown.engine.ownership import Claim, Proven, Unproven, ownership, token
from lockdown.engine.probe_report import probe_report
from lockdown.engine.probing import Options, probe_readings, probe_snapshot
from lockdown.facts.probed import SCOPE, Listener, Scope, listeners_seen, scope, smtp_source, written
from lockdown.facts.probed_dns import Answer
from lockdown.model.errors import OperatorError
from lockdown.model.finding import State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from lockdown.probe.listener import Asked, Leave, look_at
from lockdown.probe.pace import Pace
from lockdown.probe.smtp import Deadlines
from lockdown.probe.talk import Manner
from tests.recordings.literal import HEALTHY
from tests.rig.certificate import make_certificate
from tests.rig.network import LOOPBACK, free_port
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox
from tests.rig.upstream import Deed, Drop, Endless, FakeUpstream, Reset, Say, Stall, StopReading

MANNER = Manner(deadlines=Deadlines(2.0, 1.0, 2.0, 2.0), quiet=0.3)
NO_LEAVE = Leave()
needs_postfix = pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run())
QUICK = {"smtpd_error_sleep_time": "0"}


def looked(port: int, leave: Leave = NO_LEAVE, seconds: float = 60.0) -> Listener:
    asked = Asked(LOOPBACK, port, "mx.example.org", "example.org")
    return look_at(asked, leave, MANNER, Pace(0, seconds)).listener


def options(port: int, **more: object) -> Options:
    plain = Options(listeners=(port,), wanted_ports=(port,), domain="example.org", answer_seconds=5.0,
                    quiet_seconds=0.3, per_minute=0)  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


def settings(folder: Path) -> Settings:
    return read_settings([("lockdown.toml", f'[state]\ndirectory = "{folder}/state"\n')]).settings


@pytest.fixture
def closed() -> Iterator[RealPostfix]:
    with sandbox("probe-closed") as box:
        certificate = make_certificate(box / "c.pem", "mx.example.org")
        with RealPostfix(box / "postfix", certificate=certificate, settings=QUICK) as server:
            yield server


@needs_postfix
def test_a_closed_postfix_refuses_the_whole_matrix(closed: RealPostfix) -> None:
    seen = looked(closed.port, Leave(True, "canary@outside.example", "bob@example.org"))
    assert {one.outcome for one in seen.relay} == {"refused"} and len(seen.relay) >= 55
    assert (seen.starttls.kind, seen.starttls.plaintext) == ("works", "dropped")
    assert seen.plain_letter.took and seen.over_size.code == 552 and seen.unknown.code == 550
    assert {one.variant: one.outcome for one in seen.smuggling}[r"\r.\r"] == "held"


@needs_postfix
def test_a_strange_server_is_asked_only_what_is_polite(closed: RealPostfix) -> None:
    seen = looked(closed.port)
    assert len(seen.relay) == 5 and not seen.smuggling
    assert not seen.expn.code and seen.starttls.plaintext == "not-tested"
    assert closed.count("bob") == 0 and closed.queued() == []


@needs_postfix
def test_an_open_relay_is_proven_by_the_letter_that_arrives(tmp_path: Path) -> None:
    opened = {**QUICK, "mynetworks": "0.0.0.0/0", "default_transport": "virtual:",
              "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}  # fmt: skip
    with sandbox("probe-open") as box, RealPostfix(box / "postfix", settings=opened) as server:
        etc = box / "postfix" / "etc" / "mailboxes"
        etc.write_text(etc.read_text() + "canary@outside.example canary/\npostmaster@example.org bob/\n")
        mailbox = box / "postfix" / "mailboxes" / "canary"
        asked = options(server.port, canary="canary@outside.example", canary_mailbox=f"maildir:{mailbox}",
                        arrival_seconds=8.0, recipient="bob@example.org")  # fmt: skip
        readings = probe_readings(LOOPBACK, asked, settings(tmp_path))
    seen = dict(listeners_seen(replace(HEALTHY, readings=readings)))[smtp_source(LOOPBACK, server.port)]
    assert isinstance(seen, Listener)
    assert seen.kind == "smtp", seen.why
    assert "arrived" in {one.outcome for one in seen.relay if one.recipient_form == "R01"}
    # Seen from another machine it would be a failure; this one may be trusted.
    outside = {**readings, SCOPE: written(Scope("mx.example.org", owned=True))}
    found = probe_report(Snapshot("x", HEALTHY.taken_at, "1", outside), Settings()).findings
    assert next(one for one in found if one.control == "relaying.seen-no-relay").state is State.FAIL


@needs_postfix
def test_a_greylisting_postfix_is_neither_open_nor_closed() -> None:
    grey = {**QUICK, "smtpd_recipient_restrictions": "defer", "smtpd_relay_restrictions": "defer"}
    with sandbox("probe-grey") as box, RealPostfix(box / "postfix", settings=grey) as server:
        seen = looked(server.port)
    assert {one.outcome for one in seen.relay} == {"put-off"}


@needs_postfix
def test_the_command_tells_what_it_found_and_what_it_left_out(
    closed: RealPostfix, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = tmp_path / "lockdown.toml"
    toml.write_text(f'[state]\ndirectory = "{tmp_path}/state"\n')
    code = main(["probe", LOOPBACK, "--port", str(closed.port), "--domain", "example.org", "--wait", "5", "--json",
                 "--recipient", "bob@example.org", "--config", str(toml)])  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert code == 1 and said["schema"] == "lockdown.probe/1"
    assert "address of this machine" in said["scope"][0]


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        (Say(b"421 4.3.2 busy\r\n"), "busy"),
        (Say(b"554 no\r\n"), "busy"),
        (Say(b"SSH-2.0-OpenSSH_9.2\r\n"), "nonsense"),
        (Say(b"\0\xff\xfe\r\n" * 40), "nonsense"),
        (Endless(b"220-and so on\r\n"), "nonsense"),
        (Stall(), "silent"),
        (StopReading(), "silent"),
        (Drop(), "silent"),
        (Reset(), "silent"),
    ],
)
def test_a_server_of_a_bad_kind_is_told_by_its_kind_and_soon(deed: Deed, kind: str) -> None:
    with FakeUpstream() as server:
        server.on("connect", deed, times=20)
        begun = time.monotonic()
        seen = looked(server.port)
        assert (seen.kind, bool(seen.why)) == (kind, True)
        assert time.monotonic() - begun < 15


def test_nobody_there_is_closed() -> None:
    assert looked(free_port()).kind == "closed"


def test_a_server_that_stops_answering_is_not_asked_for_ever() -> None:
    with FakeUpstream() as server:
        server.on("RCPT", Stall(), times=1000)
        begun = time.monotonic()
        seen = looked(server.port, Leave(True, "c@outside.example"))
        assert time.monotonic() - begun < 30
    assert {one.outcome for one in seen.relay} == {"not-tested"}


def test_a_server_that_takes_all_is_told_by_what_it_took() -> None:
    with FakeUpstream() as server:
        seen = looked(server.port)
        assert {one.outcome for one in seen.relay} == {"taken-at-rcpt"}
        assert not server.accepted, "nothing is sent without leave"
    assert seen.starttls.kind == "not-offered"


def test_starttls_that_is_offered_and_does_not_work_fails() -> None:
    with FakeUpstream(offers=("STARTTLS",)) as server:
        assert looked(server.port).starttls.kind == "fails"


def test_a_server_put_off_while_starttls_is_asked_was_not_tested() -> None:
    with FakeUpstream(offers=("STARTTLS",)) as server:
        server.on("EHLO", Say(b"250-x\r\n250 STARTTLS\r\n"))
        server.on("EHLO", Say(b"421 4.7.0 too many\r\n"), times=50)
        assert looked(server.port).starttls.kind == "not-tested"


def test_a_target_that_is_none_is_an_operators_error_and_a_name_needs_a_resolver(tmp_path: Path) -> None:
    with pytest.raises(OperatorError):
        probe_readings("no host!", Options(), settings(tmp_path))
    unread = probe_snapshot("mx.example.org", Options(), settings(tmp_path), HEALTHY.taken_at)
    assert isinstance(scope(unread), Unknown)


def _look(zone: dict[tuple[str, str], tuple[str, ...]]):  # type: ignore[no-untyped-def]
    def look(name: str, kind: str) -> Answer | Unknown:
        values = zone.get((name, kind), ())
        return Answer(status="records" if values else "no-name", security="insecure", values=values)

    return look


def test_leave_is_proved_by_a_token_and_by_the_server_itself(tmp_path: Path) -> None:
    held = {("_lockdown.example.org", "TXT"): (token("example.org", tmp_path),)}
    claim = Claim("example.org", "mx.example.org", "192.0.2.25", "mx.example.org ESMTP")
    assert isinstance(ownership(claim, tmp_path, _look(held)), Proven)
    for wrong in (
        replace(claim, host="mx.provider.example"),
        replace(claim, greeting="mx.victim.example ESMTP"),
        replace(claim, domain="example.com", host="mx.example.com"),
    ):
        assert isinstance(ownership(wrong, tmp_path, _look(held)), Unproven), wrong
    assert isinstance(ownership(claim, tmp_path, _look({})), Unproven)
    assert isinstance(ownership(claim, tmp_path, lambda name, kind: Unknown("SERVFAIL")), Unproven)
    assert isinstance(ownership(claim, tmp_path, None), Unproven)
    assert isinstance(ownership(replace(claim, address=LOOPBACK), tmp_path, None), Proven)
    assert token("example.org", tmp_path) == token("Example.ORG.", tmp_path) != token("example.com", tmp_path)


def test_a_stranger_is_asked_ten_times_a_minute_at_most_and_the_time_ends() -> None:
    clock = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    pace = Pace(10, 100.0, clock=lambda: clock[0], sleep=sleep)
    assert all(pace.wait() for _ in range(11)) and slept == [60.0]
    assert all(pace.wait() for _ in range(9)) and not pace.wait() and pace.is_over

"""The canary through a real server: our gateway, Postfix, Dovecot's LMTP, and back over IMAP; and each stage broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig import careless
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

MISSING = [
    path for path in ("/usr/sbin/postfix", "/usr/sbin/dovecot", "/usr/lib/dovecot/lmtp") if not Path(path).exists()
]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        bool(why_no_machine() or MISSING), reason=why_no_machine() or f"not installed: {', '.join(MISSING)}"
    ),
    pytest.mark.timeout(180),
]

SETTINGS = """\
[site]
domains = ["example.org"]
[state]
directory = "/var/lib/lockdown"
[gateway]
listen = ["127.0.0.1:2525"]
upstream = "smtp://127.0.0.1:10025"
workers = 1
[antivirus]
engines = []
[antispam]
engines = []
resolvers = []
[monitoring]
canary_wait = "2s"
canary_to = "canary@example.org"
canary_mailbox = "imap://canary@127.0.0.1"
canary_password = "/etc/lockdown/mailbox.password"
canary_servers = ["submission://canary@127.0.0.1:587"]
canary_submission_password = "/etc/lockdown/submission.password"
"""
INNER = "127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd -o mynetworks=192.0.2.1/32"
SUBMISSION = (
    "submission/inet=587 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes "
    "-o smtpd_recipient_restrictions=permit_sasl_authenticated,reject"
)
LMTP = """\
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0660
    user = postfix
    group = postfix
  }
}
protocol lmtp {
  postmaster_address = postmaster@example.org
}
"""
FLY = """\
import json
from datetime import UTC, datetime
from pathlib import Path
from lockdown.engine.round_trip import RoundTrips, canary_now
from lockdown.engine.settings_files import load_settings
settings, state = load_settings(Path("/etc/lockdown/lockdown.toml")).settings, Path("/root/canary")
state.mkdir(exist_ok=True)
RoundTrips(settings, state).fly(datetime.now(UTC))
print(json.dumps([{**path._asdict(), "took": path.took, "lost": path.lost} for path in canary_now(settings, state)]))
"""
GREETING = "timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2525; head -c 4 <&3'"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("canary")) as machine:
        careless.set_up(machine, ("anna", "canary"))
        machine.write("/etc/dovecot/conf.d/20-lmtp.conf", LMTP)
        machine.run("postconf", "-e", "mailbox_transport = lmtp:unix:private/dovecot-lmtp")
        machine.run("postconf", "-M", INNER)
        machine.run("postconf", "-M", SUBMISSION)
        machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
        for name in ("mailbox", "submission"):
            machine.write(f"/etc/lockdown/{name}.password", careless.PASSWORD, 0o600)
        machine.write("/root/fly.py", FLY)
        machine.run("mkdir", "-p", "/var/lib/lockdown")
        careless.start(machine)
        command = f"{sys.executable} -m lockdown gateway --config /etc/lockdown/lockdown.toml"
        machine.run("sh", "-c", f"{command} >/var/log/gateway.log 2>&1 &")
        eventually(lambda: "220" in machine.run("sh", "-c", GREETING, check=False).stdout, "the gateway answers")
        yield machine


def fly(machine: Machine) -> tuple[dict[str, Any], dict[str, Any]]:
    """One round; how it stands with both ways, through the gateway and by submission."""
    through, submitted = json.loads(machine.run(sys.executable, "/root/fly.py").stdout)
    return through, submitted


def letters(machine: Machine) -> list[Path]:
    return [*machine.path("/home/canary/Maildir").glob("[nc]*/*")]


def test_it_arrives_over_both_ways_with_its_stages_timed_and_leaves_nothing(machine: Machine) -> None:
    through, submitted = fly(machine)
    assert (through["missed"], submitted["missed"]) == (0, 0), (through, submitted)
    assert [stage for stage, _ in through["stages"]] == ["connect", "greeting", "accepted", "arrived"]
    assert [stage for stage, _ in submitted["stages"]] == ["connect", "greeting", "signed-in", "accepted", "arrived"]
    assert submitted["took"].startswith("connected 0."), submitted["took"]
    assert letters(machine) == []


def test_a_wrong_password_of_the_mailbox_is_no_lost_letter(machine: Machine) -> None:
    machine.write("/etc/lockdown/mailbox.password", "wrong", 0o600)
    try:
        for path in fly(machine):
            assert path["stage"] == "mailbox", path
            assert "AUTHENTICATIONFAILED" in path["lost"]
    finally:
        machine.write("/etc/lockdown/mailbox.password", careless.PASSWORD, 0o600)


def test_a_wrong_password_of_submission_is_told_of_that_way_alone(machine: Machine) -> None:
    machine.write("/etc/lockdown/submission.password", "wrong", 0o600)
    try:
        through, submitted = fly(machine)
    finally:
        machine.write("/etc/lockdown/submission.password", careless.PASSWORD, 0o600)
    assert through["missed"] == 0
    assert submitted["stage"] == "signed-in"
    assert submitted["lost"].startswith("it cannot sign in: it answers 535")


def test_what_delivers_and_is_gone_is_named_and_the_late_letters_are_removed_afterwards(machine: Machine) -> None:
    lmtp = machine.path("/var/spool/postfix/private/dovecot-lmtp")
    lmtp.rename(lmtp.with_name("gone"))
    try:
        through, submitted = fly(machine)
    finally:
        lmtp.with_name("gone").rename(lmtp)
    for path in (through, submitted):
        assert path["stage"] == "arrived", path
        assert " is deferred: connect to mail.example.org[private/dovecot-lmtp]: No such file" in path["lost"]
    machine.run("postqueue", "-f")
    eventually(lambda: len(letters(machine)) == 2, "the late letters have come")
    assert [path["missed"] for path in fly(machine)] == [0, 0]
    assert letters(machine) == []


def test_a_letter_that_was_put_on_hold_is_told_as_that(machine: Machine) -> None:
    machine.run("postconf", "-e", "header_checks=static:HOLD")
    machine.run("postfix", "reload")
    for path in fly(machine):
        assert " is on hold: header " in path["lost"], path

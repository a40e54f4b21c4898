"""The drills of relaying and attachments on a real mail server: green where it is sound, red where it is sabotaged."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.rig import careless
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine() or "there is a machine"),
    pytest.mark.timeout(300),
]

SETTINGS = """\
[site]
domains = ["example.org"]
[state]
directory = "/var/lib/lockdown"
"""
GATEWAY = """\
[gateway]
listen = ["0.0.0.0:2525"]
upstream = "smtp://127.0.0.1:10025"
workers = 1
trusted_networks = []
max_message = "1 MiB"
[antivirus]
engines = []
[antispam]
engines = []
resolvers = []
"""
SOUND = (
    "mynetworks=127.0.0.0/8", "default_transport=smtp", "disable_vrfy_command=yes", "smtpd_tls_auth_only=yes",
    "message_size_limit=1000000", "mailbox_size_limit=20000000", "smtpd_forbid_bare_newline=normalize",
    "smtpd_client_message_rate_limit=40", "smtpd_client_connection_count_limit=20",
    "smtpd_client_event_limit_exceptions=", "smtpd_reject_unlisted_recipient=yes",
    "smtpd_sender_restrictions=reject_sender_login_mismatch", "smtpd_sender_login_maps=inline:{anna@example.org=anna}",
    "smtp_host_lookup=native", "smtpd_peername_lookup=no",
)  # fmt: skip
BEHIND = (
    "127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd -o mynetworks=192.0.2.1/32 "
    "-o smtpd_client_event_limit_exceptions=127.0.0.1"
)
SUBMISSION = "submission/inet=submission inet n - n - - smtpd -o smtpd_tls_security_level=encrypt"


HOLD = """\
import json, re, sys
from contextlib import closing
from pathlib import Path
from lockdown.engine.canary import MaildirCanary
from lockdown.engine.drill import drills, parted
from lockdown.engine.settings_files import load_settings
from lockdown.engine.signing_in import Account
from lockdown.engine.sink import Sink
from lockdown.engine.stranger import Namespace
from lockdown.engine.trials import Ground, hold_trials
config, item, heading, name = sys.argv[1:]
settings = load_settings(Path(config)).settings
_, every = parted(drills([item]), settings)
trials = [(item, one) for item, one in every if re.search(heading, one.set) and re.search(name, one.name)]
with Namespace() as there, Sink(there.listen(25)) as sink:
    canary = MaildirCanary(Path("/home/anna/Maildir"))
    ground = Ground(
        there, "anna@example.org", canary, account=Account("anna", "correct horse battery"), sink=sink,
        wait_seconds=5.0, answer_seconds=4.0,
    )
    report = hold_trials(trials, ground)
print(json.dumps([[one.trial.set, one.trial.name, one.state, one.says] for one in report.trials]))
"""
"""Some trials of one item, and no letters: what `lockdown drill` does, without what takes its time."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("drilled")) as machine:
        careless.set_up(machine)
        machine.run("postconf", "-e", *SOUND)
        machine.run("postconf", "-M", BEHIND, SUBMISSION)
        machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
        machine.write("/etc/lockdown/gateway.toml", SETTINGS + GATEWAY)
        machine.write("/root/password", careless.PASSWORD)
        machine.write("/root/hold.py", HOLD)
        machine.run("mkdir", "-p", "/var/lib/lockdown")
        careless.start(machine)
        yield machine


def drilled(machine: Machine, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = machine.lockdown(
        "drill", *arguments, "--json", "--to", "anna@example.org", "--wait", "4s", "--mailbox",
        "maildir:/home/anna/Maildir", "--user", "anna", "--user-password-file", "/root/password",
        "--config", "/etc/lockdown/lockdown.toml",
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def held(machine: Machine, item: str, heading: str, name: str = "", config: str = "lockdown.toml") -> list[list[str]]:
    """The trials whose set and name match: set, name, state, what is said."""
    done = machine.run(sys.executable, "/root/hold.py", f"/etc/lockdown/{config}", item, heading, name)
    told: list[list[str]] = json.loads(done.stdout)
    assert told, f"no trial of {heading}: {name}"
    return told


def wrong(trials: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(one["state"], one["set"], one["name"], one["says"]) for one in trials if one["state"] != "pass"]


@pytest.fixture(scope="module")
def sound(machine: Machine) -> tuple[int, dict[str, Any]]:
    """The whole drill of both items."""
    return drilled(machine, "relaying", "attachments")


def test_a_sound_server_stands_every_trial_and_nothing_is_left_of_them(
    machine: Machine, sound: tuple[int, dict[str, Any]]
) -> None:
    code, report = sound
    assert wrong(report["trials"]) == []
    assert code == 0
    assert len(report["trials"]) > 80
    assert report["plain"]["sent"] == report["plain"]["arrived"] == len(report["trials"])
    assert machine.run("sh", "-c", "find /home/anna/Maildir -type f -path '*/new/*'; ip netns list").stdout == ""
    assert "empty" in machine.run("postqueue", "-p").stdout
    assert "ldn" not in machine.run("ip", "link").stdout


def test_the_result_is_signed_and_tells_when_it_was_changed(
    machine: Machine, sound: tuple[int, dict[str, Any]]
) -> None:
    file = sound[1]["evidence"]
    verify = ("drill", "--config", "/etc/lockdown/lockdown.toml", "--verify", file)
    assert machine.lockdown(*verify).returncode == 0
    text = machine.read(file)
    assert re.search(r"[0-9.]+ S:stranger 554 5\.7\.1 .*Relay access denied", text)
    assert careless.PASSWORD not in text
    machine.write(file, text.replace("554 5.7.1", "250 2.1.5", 1))
    changed = machine.lockdown(*verify)
    assert (changed.returncode, "CHANGED" in changed.stdout) == (1, True)


@dataclass(frozen=True, slots=True)
class Sabotage:
    """What is broken, and the trials that must see it."""

    what: str
    broken: tuple[str, ...]
    """Settings of main.cf."""
    item: str
    heading: str
    name: str = ""
    says: str = ""
    """Words of the failure, where it could be the wrong one."""


SABOTAGES = (
    Sabotage("everybody may relay", ("mynetworks=0.0.0.0/0",), "relaying", "senders", "F02 × R01", "came out"),
    Sabotage(
        "mail for others is queued",
        ("mynetworks=0.0.0.0/0", "defer_transports=smtp"),
        "relaying", "senders", "F02 × R01", "took a letter",
    ),
    Sabotage(
        "a pattern in a table lets a route through",
        ("smtpd_relay_restrictions=check_recipient_access regexp:{{/198/ OK}}, reject_unauth_destination",),
        "relaying", "recipients", "F02 × R03:", "came out",
    ),
    Sabotage(
        "whoever greets as of the house is trusted",
        ("smtpd_relay_restrictions=check_helo_access inline:{example.org=OK}, reject_unauth_destination",),
        "relaying", "greeting", "our own domain",
    ),
    Sabotage("VRFY answers", ("disable_vrfy_command=no",), "relaying", "told", "VRFY"),
    Sabotage("passwords go in clear text", ("smtpd_tls_auth_only=no",), "relaying", "told", "AUTH"),
    Sabotage(
        "a bare newline ends a letter", ("smtpd_forbid_bare_newline=no",), "relaying", "hidden", r"^\\n\.\\r\\n"
    ),
    Sabotage(
        "XCLIENT is for everybody",
        ("smtpd_authorized_xclient_hosts=0.0.0.0/0",),
        "relaying", "claims", "XCLIENT: loop", "believed",
    ),
    Sabotage("users send as anybody", ("smtpd_sender_restrictions=",), "relaying", "a user"),
    Sabotage(
        "bounces are refused",
        ("smtpd_sender_restrictions=check_sender_access inline:{<>=REJECT}",),
        "relaying", "must get in", "without a sender",
    ),
    Sabotage(
        "postmaster is refused",
        ("smtpd_recipient_restrictions=check_recipient_access inline:{postmaster@=REJECT}",),
        "relaying", "must get in", "postmaster",
    ),
    Sabotage(
        "messages of any size, also for who lies",
        ("message_size_limit=0", "mailbox_size_limit=0"),
        "attachments", "size", "announced|honestly|small size",
    ),
    Sabotage(
        "no client is limited", ("smtpd_client_message_rate_limit=0",), "attachments", "bomb", "from one", "no rate",
    ),
    Sabotage(
        "one client takes every place",
        ("smtpd_client_connection_count_limit=0", "default_process_limit=12"),
        "attachments", "slow", "silent",
    ),
    Sabotage("a letter to thousands", ("smtpd_recipient_limit=5000",), "attachments", "made of", "recipients"),
    Sabotage("a letter goes in circles", ("hopcount_limit=500",), "attachments", "made of", "circle"),
)  # fmt: skip


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.what)
def test_the_drill_goes_red_when_the_control_is_broken(machine: Machine, sabotage: Sabotage) -> None:
    names = [setting.partition("=")[0] for setting in sabotage.broken]
    before = machine.read("/etc/postfix/main.cf")
    try:
        machine.run("postconf", "-e", *sabotage.broken)
        machine.run("postfix", "reload")
        told = held(machine, sabotage.item, sabotage.heading, sabotage.name)
    finally:
        machine.write("/etc/postfix/main.cf", before)
        machine.run("postfix", "reload")
    assert {state for _, _, state, _ in told} == {"fail"}, (names, told)
    assert all(sabotage.says in says for *_, says in told), told
    assert "empty" in machine.run("postqueue", "-p").stdout


# ── with the gateway in front ──


@pytest.fixture
def gateway(machine: Machine) -> Iterator[None]:
    yield from _running(machine, "gateway.toml")


def _running(machine: Machine, config: str) -> Iterator[None]:
    command = f"{sys.executable} -m lockdown gateway --config /etc/lockdown/{config}"
    machine.run("sh", "-c", f"{command} >/var/log/gateway.log 2>&1 & echo $! > /run/gateway.pid")
    eventually(lambda: "220" in machine.run("sh", "-c", _GREETING, check=False).stdout, "the gateway answers")
    yield
    machine.run("sh", "-c", "kill $(cat /run/gateway.pid)")
    eventually(lambda: "220" not in machine.run("sh", "-c", _GREETING, check=False).stdout, "the gateway is gone")


_GREETING = "timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2525; head -c 4 <&3'"


def test_a_sound_gateway_stands_the_trials_at_its_own_port_and_behind(machine: Machine, gateway: None) -> None:
    told = held(machine, "relaying", "gateway|behind", r"F0[125] ×|R14|XCLIENT|VRFY|without a sender", "gateway.toml")
    told += held(machine, "attachments", "gateway", "", "gateway.toml")
    assert [one for one in told if one[2] != "pass"] == []
    assert len(told) > 15


def test_a_server_that_trusts_the_gateway_is_seen(machine: Machine, gateway: None) -> None:
    service = "127.0.0.1:10025/inet/mynetworks"
    machine.run("postconf", "-P", f"{service}=127.0.0.0/8")
    machine.run("postfix", "reload")
    told = held(machine, "relaying", "the server behind, from", "R01", "gateway.toml")
    machine.run("postconf", "-P", f"{service}=192.0.2.1/32")
    machine.run("postfix", "reload")
    assert [one[2] for one in told] == ["fail"], told
    assert "came out" in told[0][3]


OPEN = """\
[attachments]
max_header = "2 MiB"
max_hops = 500
network_messages = 100000
recipient_messages = 100000
[monitoring]
never_limit = ["198.18.0.0/15"]
"""


def test_a_gateway_without_limits_is_seen(machine: Machine) -> None:
    machine.write("/etc/lockdown/open.toml", SETTINGS + GATEWAY + OPEN)
    for _ in _running(machine, "open.toml"):
        told = held(machine, "attachments", "gateway", "from one client|header of", "open.toml")
    assert {name: state for _, name, state, _ in told} == {
        "130 letters from one client": "fail",
        "a header of half a megabyte": "fail",
    }, told

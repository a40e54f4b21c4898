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
    "mynetworks=127.0.0.0/8", "inet_protocols=all", "default_transport=smtp", "disable_vrfy_command=yes",
    "smtpd_tls_auth_only=yes",
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
config, wanted = sys.argv[1], json.loads(sys.argv[2])
settings = load_settings(Path(config)).settings
_, every = parted(drills(["relaying", "attachments"]), settings)
trials = [
    (item, one) for item, one in every
    if any(item == its and re.search(set, one.set) and re.search(name, one.name) for its, set, name in wanted)
]
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


def held(machine: Machine, *wanted: tuple[str, str, str], config: str = "lockdown.toml") -> list[list[str]]:
    """The trials of an item whose set and name match: set, name, state, what is said."""
    done = machine.run(sys.executable, "/root/hold.py", f"/etc/lockdown/{config}", json.dumps(wanted))
    told: list[list[str]] = json.loads(done.stdout)
    assert told, f"no trial of {wanted}"
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
    name: str
    says: str = ""
    """Words of the failure, where it could be the wrong one."""


NO_POSTMASTER, NO_BOUNCES = "inline:{postmaster@=REJECT}", "inline:{<>=REJECT}"
SABOTAGES: dict[str, tuple[Sabotage, ...]] = {
    "everybody may relay": (
        Sabotage("everybody is trusted", ("mynetworks=0.0.0.0/0",), "relaying", "senders", "F02 × R01", "came out"),
        Sabotage(
            "everybody is trusted over IPv6", ("mynetworks=0.0.0.0/0, [::]/0",),
            "relaying", "over IPv6", "F02 × R01", "came out",
        ),
        Sabotage("users send as anybody", ("smtpd_sender_restrictions=",), "relaying", "a user", ""),
    ),
    "mail for others is queued": (
        Sabotage(
            "nobody sees it come out", ("mynetworks=0.0.0.0/0", "defer_transports=smtp"),
            "relaying", "senders", "F02 × R01", "took a letter",
        ),
    ),
    "a pattern lets a route through": (
        Sabotage(
            "a table is not anchored",
            ("smtpd_relay_restrictions=check_recipient_access regexp:{{/198/ OK}}, reject_unauth_destination",),
            "relaying", "recipients", "F02 × R03:", "came out",
        ),
        Sabotage(
            "one client takes every place",
            ("smtpd_client_connection_count_limit=0", "default_process_limit=12"),
            "attachments", "slow", "silent", "did not arrive",
        ),
    ),
    "names and sizes are believed": (
        Sabotage(
            "whoever greets as of the house is trusted",
            ("smtpd_relay_restrictions=check_helo_access inline:{example.org=OK}, reject_unauth_destination",),
            "relaying", "greeting", "our own domain", "came out",
        ),
        Sabotage(
            "messages of any size, also for who lies", ("message_size_limit=0", "mailbox_size_limit=0"),
            "attachments", "size", "announced|honestly|small size",
        ),
    ),
    "the rest": (
        Sabotage("VRFY answers", ("disable_vrfy_command=no",), "relaying", "told", "VRFY"),
        Sabotage("passwords go in clear text", ("smtpd_tls_auth_only=no",), "relaying", "told", "AUTH"),
        Sabotage(
            "a bare newline ends a letter", ("smtpd_forbid_bare_newline=no",),
            "relaying", "hidden", r"^\\n\.\\r\\n", "one of its own",
        ),
        Sabotage(
            "XCLIENT is for everybody", ("smtpd_authorized_xclient_hosts=0.0.0.0/0",),
            "relaying", "claims", "XCLIENT: loop", "believed",
        ),
        Sabotage(
            "bounces and postmaster are refused",
            (f"smtpd_recipient_restrictions=check_recipient_access {NO_POSTMASTER}, check_sender_access {NO_BOUNCES}",),
            "relaying", "must get in", "",
        ),
        Sabotage(
            "no client is limited", ("smtpd_client_message_rate_limit=0",),
            "attachments", "bomb", "from one", "no rate",
        ),
        Sabotage("a letter to thousands", ("smtpd_recipient_limit=5000",), "attachments", "made of", "recipients"),
        Sabotage("a letter goes in circles", ("hopcount_limit=500",), "attachments", "made of", "circle"),
    ),
}  # fmt: skip
"""Together where one does not bring about the failure of another."""


@pytest.mark.parametrize("together", SABOTAGES)
def test_the_drill_goes_red_when_the_control_is_broken(machine: Machine, together: str) -> None:
    sabotages = SABOTAGES[together]
    before = machine.read("/etc/postfix/main.cf")
    try:
        machine.run("postconf", "-e", *(setting for one in sabotages for setting in one.broken))
        machine.run("postfix", "reload")
        told = held(machine, *((one.item, one.heading, one.name) for one in sabotages))
    finally:
        machine.write("/etc/postfix/main.cf", before)
        machine.run("postfix", "reload")
    for one in sabotages:
        seen = [
            (state, says)
            for set, name, state, says in told
            if re.search(one.heading, set) and re.search(one.name, name)
        ]
        assert seen, one.what
        assert all(state == "fail" and one.says in says for state, says in seen), (one.what, seen)
    assert "empty" in machine.run("postqueue", "-p").stdout


def test_a_drill_that_is_interrupted_cleans_up_and_what_a_killed_one_left_is_swept(machine: Machine) -> None:
    mailbox = "--to anna@example.org --mailbox maildir:/home/anna/Maildir"
    drill = f"{sys.executable} -m lockdown drill relaying --only trials {mailbox}"
    begin = f"cd /root && {{ {drill} >/run/drill.out 2>&1 & }}; echo $! > /run/drill.pid"
    machine.run("python3", "-c", _WITH_SIGINT, begin)
    eventually(lambda: "lockdown-drill-" in machine.run("ip", "netns", "list").stdout, "the drill has begun")
    eventually(lambda: "senders" in machine.read("/run/drill.out"), "the first trial is over")
    machine.run("sh", "-c", "kill -INT $(cat /run/drill.pid)")
    eventually(lambda: machine.run("ip", "netns", "list").stdout == "", "the namespace is gone")
    assert machine.run("sh", "-c", "find /home/anna/Maildir -type f -path '*/new/*'").stdout == ""
    machine.run("sh", "-c", "ip netns add lockdown-drill-999999; ip link add ldn999999 type veth peer name ldf999999")
    held(machine, ("relaying", "told", "VRFY"))
    assert machine.run("ip", "netns", "list").stdout == ""
    assert "ldn" not in machine.run("ip", "link").stdout


_WITH_SIGINT = """\
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
subprocess.run(["bash", "-mc", sys.argv[1]], check=True)
"""
"""A shell ignores SIGINT for what it puts into the background, unless it is told to keep jobs apart."""


def test_without_root_nothing_is_told_and_the_way_to_it_is_said(machine: Machine) -> None:
    done = machine.run(
        "runuser", "-u", "anna", "--", "env", "HOME=/home/anna", sys.executable, "-m", "lockdown", "drill", "relaying",
        "--only", "trials", "--mailbox", "maildir:/home/anna/Maildir", check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "Type: sudo lockdown drill" in done.stdout
    assert "could not be told" in done.stdout


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
    told = held(
        machine,
        ("relaying", "gateway|behind", r"F0[125] ×|R14|XCLIENT|VRFY|without a sender"),
        ("attachments", "gateway", ""),
        config="gateway.toml",
    )
    assert [one for one in told if one[2] != "pass"] == []
    assert len(told) > 15


def test_a_server_that_trusts_the_gateway_is_seen(machine: Machine, gateway: None) -> None:
    service = "127.0.0.1:10025/inet/mynetworks"
    machine.run("postconf", "-P", f"{service}=127.0.0.0/8")
    machine.run("postfix", "reload")
    told = held(machine, ("relaying", "the server behind, from", "R01"), config="gateway.toml")
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
        told = held(machine, ("attachments", "gateway", "from one client|header of"), config="open.toml")
    assert {name: state for _, name, state, _ in told} == {
        "130 letters from one client": "fail",
        "a header of half a megabyte": "fail",
    }, told

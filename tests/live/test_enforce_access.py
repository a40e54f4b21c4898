"""Items 6 and 7 on a real machine: what nobody needs is stopped, who is gone is shut out, the owner still gets in.

Real Postfix, Dovecot and sshd in a machine of the test's own, a door of another time that an init script starts, and
accounts as they gather over the years. Every change is made by `lockdown apply`, and taken back by `lockdown rollback`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

NEEDED = ("/usr/sbin/postfix", "/usr/sbin/dovecot", "/usr/sbin/sshd", "/usr/bin/lastlog")
MISSING = [path for path in NEEDED if not Path(path).exists()]
pytestmark = pytest.mark.skipif(
    bool(why_no_machine() or MISSING), reason=why_no_machine() or f"not installed: {', '.join(MISSING)}"
)
OUTSIDE = "192.0.2.7"
"""The address under which others would reach the machine."""
WITHOUT = ("--without", "admins.password-length")
"""A package cannot be fetched here."""

MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination = example.org, localhost
inet_interfaces = all
inet_protocols = ipv4
maillog_file = /var/log/mail.log
alias_maps =
local_recipient_maps =
local_transport = discard
"""
DOVECOT = """\
protocols = imap
listen = *
mail_location = maildir:~/Maildir
ssl = yes
ssl_cert = </etc/ssl/private/mail.pem
ssl_key = </etc/ssl/private/mail.pem
log_path = /var/log/dovecot.log
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = passwd
}
!include conf.d/*.conf
"""
SSHD = """\
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin yes
PasswordAuthentication yes
UsePAM yes
PidFile /run/sshd.pid
"""
INIT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          oldtelnet
# Required-Start:    $network
# Required-Stop:     $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: a door of another time
### END INIT INFO
PID=/run/oldtelnet.pid
case "$1" in
start) start-stop-daemon --start --background --make-pidfile --pidfile $PID --exec /usr/local/sbin/oldtelnet ;;
stop) start-stop-daemon --stop --pidfile $PID --retry 5; rm -f $PID ;;
status) start-stop-daemon --status --pidfile $PID ;;
esac
"""
LISTENER = """\
#!/usr/bin/python3
import socket
door = socket.create_server(("0.0.0.0", 23))
while True:
    caller, _ = door.accept()
    caller.sendall(b"login: ")
    caller.close()
"""
SETTINGS = """\
[site]
role = "all-in-one"
domains = ["example.org"]
admins = ["owner@example.org"]
"""
PEOPLE = r"""
HASH=$(openssl passwd -6 -salt abcdefgh secret)
useradd -m -s /bin/bash -G sudo -p "$HASH" owner
useradd -m -s /bin/bash -G sudo -p "$HASH" gone && chage -d 2020-01-01 gone
useradd -o -u 0 -g 0 -M -d /root -s /bin/sh -p "$HASH" toor
useradd -m -s /bin/bash -p '' guest
useradd -r -s /bin/bash -p "$HASH" printer
useradd -m -s /bin/bash -p "$HASH" hurried && chage -M 60 hurried
for name in owner gone; do
    ssh-keygen -q -t ed25519 -N '' -C $name@laptop -f /root/$name
    install -d -m 700 -o $name -g $name /home/$name/.ssh
    install -m 600 -o $name -g $name /root/$name.pub /home/$name/.ssh/authorized_keys
done
ssh-keygen -q -A
"""
LOOK = r"""
cd /
find etc/dovecot etc/postfix etc/ssh etc/init.d etc/rc?.d etc/systemd etc/security -printf '%p %m %u %l\n' | sort
cat etc/passwd etc/shadow etc/group etc/gshadow etc/login.defs
find etc/dovecot etc/postfix etc/ssh etc/security -type f | sort | xargs sha256sum
"""


def set_up(machine: Machine) -> None:
    folders = "/etc/dovecot/conf.d /etc/ssh/sshd_config.d"
    clear = f"mkdir -p /run/sshd {folders} && rm -f $(find {folders} -name '*.conf')"
    machine.run("sh", "-c", f"ip addr add {OUTSIDE}/32 dev lo; {clear}")
    machine.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90",
        "-subj", "/CN=mail.example.org", "-keyout", "/etc/ssl/private/mail.pem", "-out", "/etc/ssl/private/mail.crt",
    )  # fmt: skip
    machine.run("sh", "-c", "cat /etc/ssl/private/mail.crt >>/etc/ssl/private/mail.pem")
    for path, text in {
        "/etc/postfix/main.cf": MAIN_CF, "/etc/dovecot/dovecot.conf": DOVECOT, "/etc/dovecot/users": "",
        "/etc/dovecot/conf.d/10-logging.conf": "auth_verbose = yes\n", "/etc/ssh/sshd_config": SSHD,
        "/etc/sudoers": "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n", "/etc/lockdown/lockdown.toml": SETTINGS,
    }.items():  # fmt: skip
        machine.write(path, text)
    machine.write("/etc/init.d/oldtelnet", INIT, 0o755)
    machine.write("/usr/local/sbin/oldtelnet", LISTENER, 0o755)
    machine.run("sh", "-ec", f"update-rc.d oldtelnet defaults\n{PEOPLE}")
    machine.run("sh", "-ec", "postfix start; dovecot; /usr/sbin/sshd; /etc/init.d/oldtelnet start")
    for port in (22, 23, 25, 143, 993):
        eventually(lambda port=port: is_open(machine, port), f"port {port} answers")  # type: ignore[misc]
    assert signs_in(machine, "owner"), "lastlog now knows that the owner administers"


def is_open(machine: Machine, port: int) -> bool:
    return machine.run("bash", "-c", f"exec 3<>/dev/tcp/{OUTSIDE}/{port}", check=False, seconds=10).returncode == 0


def ssh(machine: Machine, name: str, *more: str) -> tuple[int, str]:
    """By key, with a terminal, so that it is a sign-in; and what was said."""
    quiet = ("-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
    done = machine.run("ssh", "-tt", "-i", f"/root/{name}", *quiet, *more, f"{name}@{OUTSIDE}", "id", check=False)
    return done.returncode, done.stdout + done.stderr


def signs_in(machine: Machine, name: str) -> bool:
    code, said = ssh(machine, name)
    return code == 0 and f"({name})" in said


def ways_in(machine: Machine) -> str:
    """What sshd offers to somebody without a key."""
    _, said = ssh(machine, "owner", "-o", "PubkeyAuthentication=no")
    return said.rpartition("Permission denied (")[2].partition(")")[0]


@dataclass(frozen=True)
class World:
    """The machine as it was found, and what was planned for it."""

    machine: Machine
    before: str
    plan: dict[str, object]

    def look(self) -> str:
        return self.machine.run("sh", "-c", LOOK).stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Machine(tmp_path_factory.mktemp("access")) as machine:
        set_up(machine)
        said = machine.lockdown("plan", "services", "admins", *WITHOUT, "--json")
        assert said.returncode == 0, said.stdout + said.stderr
        yield World(machine, machine.run("sh", "-c", LOOK).stdout, json.loads(said.stdout))


def apply_number(machine: Machine) -> str:
    return machine.lockdown("history").stdout.splitlines()[1].split()[0]


# The tests below follow each other on the one machine: found, mended, taken back.


def test_the_plan_names_whatever_is_careless_and_shuts_out_nobody_who_is_in_use(world: World) -> None:
    assert {(group["control"], group["target"]) for group in world.plan["groups"]} == {  # type: ignore[attr-defined]
        ("services.nothing-dangerous", "telnet"), ("services.no-clear-mailbox-ports", "this host"),
        ("admins.one-root", "this host"), ("admins.none-unused", "this host"),
        ("admins.no-empty-password", "this host"), ("admins.no-service-shells", "this host"),
        ("admins.no-forced-ageing", "this host"), ("admins.no-root-by-ssh", "this host"),
        ("admins.no-passwords-over-ssh", "this host"), ("admins.local-queue-is-narrow", "this host"),
    }  # fmt: skip
    assert world.look() == world.before, "a plan changes nothing"
    assert "password" in ways_in(world.machine)


@pytest.fixture(scope="module")
def mended(world: World) -> World:
    """After the apply."""
    done = world.machine.lockdown("apply", str(world.plan["id"]))
    assert done.returncode == 0, done.stdout + done.stderr
    return world


def test_the_doors_are_closed_from_outside_and_mail_and_mailboxes_are_still_served(mended: World) -> None:
    assert {port: is_open(mended.machine, port) for port in (22, 23, 25, 143, 993)} == {
        22: True, 23: False, 25: True, 143: False, 993: True,
    }  # fmt: skip


def test_what_was_stopped_does_not_come_back_with_the_next_start(mended: World) -> None:
    assert mended.machine.run("sh", "-c", "ls /etc/rc2.d | grep oldtelnet").stdout.startswith("K")


def test_the_owner_gets_in_by_key_and_passwords_are_not_asked_for(mended: World) -> None:
    assert signs_in(mended.machine, "owner")
    assert ways_in(mended.machine) == "publickey"


def test_only_administrators_look_into_the_queue_and_everyone_still_sends(mended: World) -> None:
    def as_user(name: str, *argv: str) -> int:
        return mended.machine.run("runuser", "-u", name, "--", *argv, stdin="Subject: x\n\nx\n", check=False).returncode

    assert as_user("hurried", "mailq") != 0
    assert as_user("owner", "mailq") == 0
    assert as_user("hurried", "sendmail", "owner@example.org") == 0


def test_who_is_gone_is_shut_out_though_the_key_is_still_there(mended: World) -> None:
    assert mended.machine.path("/home/gone/.ssh/authorized_keys").exists()
    assert not signs_in(mended.machine, "gone")


def test_a_second_plan_has_nothing_more_to_do(mended: World) -> None:
    again = mended.machine.lockdown("plan", "services", "admins", *WITHOUT, "--json")
    assert json.loads(again.stdout)["groups"] == []


def test_the_audit_finds_none_of_it_any_more(mended: World) -> None:
    told = mended.machine.lockdown("audit", "--item", "services", "--item", "admins", "--json")
    findings = [one for item in json.loads(told.stdout)["items"] for one in item["findings"]]
    assert [one["control"] for one in findings if one["state"] in ("fail", "warn")] == ["admins.password-length"]


def test_all_of_it_is_taken_back_to_the_byte(mended: World) -> None:
    machine = mended.machine
    undone = machine.lockdown("rollback", apply_number(machine))
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert mended.look() == mended.before
    assert all(is_open(machine, port) for port in (22, 23, 25, 143, 993))
    assert signs_in(machine, "gone")

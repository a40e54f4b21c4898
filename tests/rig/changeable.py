"""A small mail server for changes to be tried on: real Postfix and Dovecot in a machine of its own, two accounts."""

from __future__ import annotations

from pathlib import Path

from tests.rig.machine import Machine
from tests.rig.network import eventually

MAIN_CF = """\
# As the administrator wrote it, with a remark.
compatibility_level = 3.6
myhostname = mail.example.org
mydestination = example.org, localhost
mynetworks = 127.0.0.0/8 [::1]/128
inet_interfaces = all
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
disable_vrfy_command = no
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
maillog_file = /var/log/mail.log
"""
SETTINGS = """\
[site]
domains = ["example.org"]
role = "all-in-one"
profile = "{profile}"

[state]
directory = "/var/lib/lockdown"

[apply]
canary = "owner@example.org"
probation = "{probation}"
delivery = "{delivery}"
"""


def make_changeable(machine: Machine) -> None:
    """Write the settings, make the accounts, start the servers."""
    machine.run("useradd", "--create-home", "--shell", "/bin/bash", "owner")
    machine.run("useradd", "--create-home", "--shell", "/bin/bash", "surplus")
    machine.write("/etc/aliases", "postmaster: root\nroot: owner\n")
    machine.write("/etc/postfix/main.cf", MAIN_CF)
    machine.write("/etc/dovecot/conf.d/10-ssl.conf", "ssl = no\n")
    machine.run("mkdir", "-p", "/var/lib/lockdown", "/run/dovecot")
    machine.run("newaliases")
    machine.run("postfix", "start")
    machine.run("dovecot")
    eventually(lambda: _listens(machine, 25), "Postfix on its port")
    settle(machine)


def settle(machine: Machine, profile: str = "starter", probation: str = "10m", delivery: str = "30s") -> None:
    """The settings of Lockdown there."""
    text = SETTINGS.format(profile=profile, probation=probation, delivery=delivery)
    machine.write("/etc/lockdown/lockdown.toml", text)


def _listens(machine: Machine, port: int) -> bool:
    sockets = Path(f"/proc/{machine.pid}/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in sockets)

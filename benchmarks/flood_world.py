"""A whole mail server for the flood bench, in a machine of its own: real Postfix, and in front of it one defence.

Strangers are addresses of the whole Internet: in the machine's own network every address is local, so a client binds
whichever it is. Postfix discards what it has taken; its log, and what the clients heard, tell what came of each letter.
The log begins with a past: what our own users have sent within the last week.

- `Defence.LOCKDOWN`: our gateway on port 25, Postfix behind; the settings are the defaults.
- `Defence.ANVIL`: Postfix alone, with the rates that our own audit recommends.
- `Defence.FAIL2BAN`: Postfix alone, with Debian's jails postfix (aggressive) and postfix-sasl, banning by nftables.

Fails as: `Unmeasurable` where there can be no such machine, or a program does not start.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.figures import Unmeasurable
from benchmarks.flood_mail import DOMAIN, Plan, Sent, write
from lockdown.checklist.attachments.enforce_postfix import RATES_BY_PROFILE
from tests.rig.machine import REPOSITORY, Machine, why_no_machine

SERVER = "192.0.2.25"
PASSWORD = "correct horse battery"
"""Of every user; a bench's world needs no secrets."""
USERS = ("anna", "bert")
LOG = "/var/log/mail.log"
STATE = "/var/lib/lockdown"
_MAIN = f"""\
compatibility_level = 3.6
enable_long_queue_ids = yes
myhostname = mail.{DOMAIN}
mydestination =
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = static:all
virtual_transport = discard:
default_transport = discard:
inet_interfaces = all
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_peername_lookup = no
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
maillog_file = {LOG}
alias_maps =
alias_database =
"""
_DOVECOT = """\
protocols =
ssl = no
disable_plaintext_auth = no
log_path = /var/log/dovecot.log
auth_username_format = %Ln
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
"""
_BEHIND = (
    "127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd -o mynetworks=192.0.2.1/32 "
    "-o smtpd_authorized_xclient_hosts=127.0.0.1 -o smtpd_client_event_limit_exceptions=127.0.0.1"
)
_SUBMISSION = "587/inet=587 inet n - n - - smtpd -o syslog_name=postfix/submission -o smtpd_sasl_auth_enable=yes"
_GATEWAY = f"""\
[site]
domains = ["{DOMAIN}"]
[state]
directory = "{STATE}"
[gateway]
listen = ["0.0.0.0:25"]
upstream = "smtp://127.0.0.1:10025"
workers = {{workers}}
[antispam]
resolvers = ["127.0.0.1:5353"]
"""
_JAIL = """\
[DEFAULT]
backend = polling
banaction = nftables-multiport
[sshd]
enabled = false
[postfix]
enabled = true
mode = aggressive
logpath = /var/log/mail.log
[postfix-sasl]
enabled = true
logpath = /var/log/mail.log
"""
_MESSAGE = re.compile(r"cleanup\[\d+\]: (\w+): message-id=(<[^>\s]+>)")
_DELIVERED = re.compile(r": (\w+): to=<.*, relay=none, .*, status=sent \(")
_SETTLES_SECONDS = 20.0
_GREETING = "timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}; head -c 4 <&3'"
_DNS = """\
import asyncio, json, sys
from pathlib import Path
from tests.rig.dns import StubServer
class Fixed(StubServer):
    async def __aenter__(self):
        from tests.rig.dns import _Datagrams
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 5353)
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=("127.0.0.1", 5353))
        return self
async def main():
    async with Fixed(json.loads(Path(sys.argv[1]).read_text())):
        await asyncio.Event().wait()
asyncio.run(main())
"""


class Defence(StrEnum):
    """What stands between the strangers and the mailboxes."""

    LOCKDOWN = "Lockdown"
    ANVIL = "Postfix anvil"
    FAIL2BAN = "fail2ban"


class FloodWorld:
    """The machine, running, as a context; `packages` are installed in it and nowhere else."""

    def __init__(
        self,
        folder: Path,
        defence: Defence,
        zone: dict[str, Any],
        settings: str = "",
        packages: Sequence[Path] = (),
        *,
        sent_before: Sequence[Sent] = (),
        workers: int = 1,
    ) -> None:
        if why := why_no_machine():
            raise Unmeasurable(why)
        folder.mkdir(parents=True, exist_ok=True)
        self.defence, self._zone, self._settings, self._packages = defence, zone, settings, packages
        self.folder = folder
        self._sent_before, self._workers = sorted(sent_before, key=lambda one: -one.days), workers
        self.machine = Machine(folder)

    def __enter__(self) -> FloodWorld:
        self.machine.__enter__()
        try:
            self._set_up()
        except AssertionError as error:
            self.machine.leave()
            raise Unmeasurable(f"{self.defence}: {error}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.leave()

    # ── setting up ──

    def _set_up(self) -> None:
        machine = self.machine
        # Every address is one of ours here, so that a client may have any; the server's own is known to be that.
        for network in ("0.0.0.0/1", "128.0.0.0/1"):
            machine.run("ip", "route", "add", "local", network, "dev", "lo")
        machine.run("ip", "addr", "add", f"{SERVER}/32", "dev", "lo")
        machine.write("/etc/postfix/main.cf", _MAIN)
        machine.run("postconf", "-M", _BEHIND, _SUBMISSION)
        machine.write("/etc/dovecot/dovecot.conf", _DOVECOT)
        machine.write("/etc/dovecot/users", "".join(f"{user}:{{PLAIN}}{PASSWORD}\n" for user in USERS))
        machine.run("sh", "-c", "chgrp dovecot /etc/dovecot/users && chmod 640 /etc/dovecot/users")
        machine.write("/root/zone.json", json.dumps(self._zone))
        if self._sent_before:
            now = datetime.now(UTC)
            machine.write(LOG, "".join(sent.lines(number, now) for number, sent in enumerate(self._sent_before)), 0o666)
        self._start_in_python("-c", _DNS, "/root/zone.json")
        {
            Defence.LOCKDOWN: self._set_up_lockdown,
            Defence.ANVIL: self._set_up_anvil,
            Defence.FAIL2BAN: self._set_up_fail2ban,
        }[self.defence]()
        for port in (25, 587):
            self._wait_for(port)

    def _start_postfix(self) -> None:
        self.machine.run("postfix", "start")
        self.machine.run("dovecot")

    def _set_up_lockdown(self) -> None:
        machine = self.machine
        machine.run("postconf", "-MX", "smtp/inet")
        self._start_postfix()
        machine.run("mkdir", "-p", STATE)
        machine.write("/etc/lockdown/lockdown.toml", _GATEWAY.format(workers=self._workers) + self._settings)
        machine.run("sh", "-c", f"chmod 644 {LOG} || true")
        self._start_in_python("-m", "lockdown", "gateway", "--config", "/etc/lockdown/lockdown.toml")

    def _set_up_anvil(self) -> None:
        rates = RATES_BY_PROFILE["business"]
        self.machine.run("postconf", "-e", *(f"{name}={value}" for name, value in rates.items()))
        self._start_postfix()

    def _set_up_fail2ban(self) -> None:
        machine = self.machine
        for package in self._packages:
            machine.path("/root/package.deb").write_bytes(package.read_bytes())
            machine.run("dpkg", "--force-depends", "--install", "/root/package.deb")
        if machine.run("sh", "-c", "command -v fail2ban-server", check=False).returncode:
            raise Unmeasurable("fail2ban is not installed (script/setup --bench)")
        machine.run("sh", "-c", "rm -f /etc/fail2ban/jail.d/*; mkdir -p /var/run/fail2ban")
        machine.write("/etc/fail2ban/jail.local", _JAIL)
        machine.run("touch", LOG)
        self._start_postfix()
        machine.run("fail2ban-client", "start")

    def _start_in_python(self, *arguments: str) -> None:
        self.machine.start("sh", "-c", 'cd "$0" && exec "$@" >>/var/log/bench.log 2>&1', str(REPOSITORY),
                           sys.executable, *arguments)  # fmt: skip

    def _wait_for(self, port: int) -> None:
        end = time.monotonic() + 30
        while "220" not in self.machine.run("sh", "-c", _GREETING.format(port), check=False).stdout:
            if time.monotonic() > end:
                said = self.machine.run("sh", "-c", f"tail -n 20 {LOG} /var/log/bench.log", check=False).stdout
                raise Unmeasurable(f"{self.defence}: nobody answers on port {port}:\n{said}")
            time.sleep(0.1)

    # ── sending ──

    def send(self, plan: Plan, seconds: float, port: int = 25) -> list[dict[str, Any]]:
        """The whole plan; what became of each letter, in the order of their answers. The first line is the clock."""
        return self.finish(self.begin(plan, port), seconds)

    def begin(self, plan: Plan, port: int = 25) -> tuple[subprocess.Popen[bytes], str]:
        """Begin to send, and come back."""
        name = f"/root/plan-{port}"
        write(plan, self.machine.path(name))
        process = self.machine.start(
            "sh", "-c", 'cd "$0" && exec "$@" 2>>/var/log/bench.log', str(REPOSITORY), sys.executable, "-m",
            "benchmarks.flood_client", SERVER, str(port), name, f"{name}.results",
        )  # fmt: skip
        return process, f"{name}.results"

    def finish(self, begun: tuple[subprocess.Popen[bytes], str], seconds: float) -> list[dict[str, Any]]:
        """Wait for the end of it."""
        process, results = begun
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
        return [json.loads(line) for line in self.machine.read(results).splitlines() if line.endswith("}")]

    def delivered(self, awaited: Collection[str]) -> frozenset[str]:
        """The Message-IDs of what has reached the mailboxes, once these are among them or it has taken too long."""
        end = time.monotonic() + _SETTLES_SECONDS
        while True:
            found = delivered_of(self.machine.read(LOG))
            if found.issuperset(awaited) or time.monotonic() > end:
                return found
            time.sleep(0.2)

    def lockdown(self, *arguments: str) -> str:
        """What our own command says in there."""
        return self.machine.lockdown(*arguments, "--config", "/etc/lockdown/lockdown.toml").stdout


def delivered_of(log: str) -> frozenset[str]:
    """The Message-IDs of the letters that Postfix has handed on to the mailboxes."""
    names = {found[1]: found[2] for found in _MESSAGE.finditer(log)}
    return frozenset(names[found[1]] for found in _DELIVERED.finditer(log) if found[1] in names)

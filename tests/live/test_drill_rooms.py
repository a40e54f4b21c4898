"""The drills of items 5, 6 and 7 on a real server: green where it is well, red where each control is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig import careless
from tests.rig.applied import write_apply
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine() or "there is a machine"),
    pytest.mark.timeout(180),
]

SETTINGS = """\
[site]
domains = ["example.org"]
role = "all-in-one"
[services]
declared = ["tcp/143 old programs, with STARTTLS"]
[state]
directory = "/var/lib/lockdown"
"""

QUOTA = """\
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
protocol lmtp {
  mail_plugins = quota
  postmaster_address = postmaster@example.org
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=3M
  quota_status_success = DUNNO
  quota_status_nouser = DUNNO
  quota_status_overquota = "552 5.2.2 Mailbox is full"
}
service quota-status {
  executable = quota-status -p postfix
  client_limit = 1
  unix_listener /var/spool/postfix/private/quota-status {
    mode = 0666
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0666
  }
}
"""
WARNING = """\
plugin {
  quota_warning = storage=90%% quota-warning 90 %u
}
service quota-warning {
  executable = script /usr/local/bin/quota-warning
  unix_listener quota-warning {
    mode = 0666
  }
}
"""
WARN = """\
#!/bin/sh
printf 'From: postmaster@example.org\\nSubject: Your mailbox is %s %% full\\n\\nMake room.\\n' "$1" |
  /usr/lib/dovecot/dovecot-lda -d "$2" -o 'plugin/quota=count:User quota:noenforcing'
"""
POSTFIX = (
    "mynetworks=127.0.0.0/8", "message_size_limit=10240000", "disable_vrfy_command=yes", "smtpd_tls_auth_only=yes",
    "mailbox_transport=lmtp:unix:private/dovecot-lmtp",
    "smtpd_recipient_restrictions=reject_unauth_destination, check_policy_service unix:private/quota-status",
)  # fmt: skip
CLEAR, OPEN_TO_GUESSES = "/etc/dovecot/conf.d/92-clear.conf", "/etc/dovecot/conf.d/93-guesses.conf"
SSHD = "/etc/ssh/sshd_config.d/10-well.conf"
KEYS_ONLY = "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n"
NEVER_SLOWER = """\
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""
LISTENER = "import socket,time;s=socket.create_server(('{}',{}),family=socket.{});time.sleep(999)"
LOCKS_THE_OWNER = r"""
tail -F -n 0 /var/log/dovecot.log | grep -m 1 'passwd-file(bert,[0-9.]*): Password mismatch'
sed 's/^bert:.*/bert:{PLAIN}locked/' /etc/dovecot/users >/root/users
cat /root/users >/etc/dovecot/users
"""

HELD_BY_WELL = {
    "services.nothing-dangerous", "services.only-what-is-declared", "services.no-clear-mailbox-ports",
    "services.stopped-stays-stopped",
    "mailboxes.full-is-refused-at-rcpt", "mailboxes.users-are-warned", "mailboxes.quota-is-finite",
    "admins.no-passwords-over-ssh", "admins.no-root-by-ssh", "admins.guessing-is-stopped",
}  # fmt: skip


def _write_well(machine: Machine) -> None:
    careless.set_up(machine)
    machine.run("postconf", "-e", *POSTFIX)
    machine.run("postconf", "-M", "submission/inet=submission inet n - y - - smtpd")
    machine.write("/etc/dovecot/conf.d/90-quota.conf", QUOTA)
    machine.write("/etc/dovecot/conf.d/91-warning.conf", WARNING)
    machine.write(CLEAR, "disable_plaintext_auth = yes\nssl = required\n")
    machine.write("/usr/local/bin/quota-warning", WARN, mode=0o755)
    machine.write(SSHD, KEYS_ONLY)
    machine.run("chpasswd", "-c", "SHA512", stdin=f"bert:{careless.PASSWORD}\n")
    machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
    machine.write("/root/password", careless.PASSWORD)
    machine.run("mkdir", "-p", "/var/lib/lockdown")
    # The drill looks into its mailbox as a mail program does: over TLS that it can believe.
    machine.run("sh", "-c", "cp /etc/ssl/private/mail.crt /etc/ssl/certs/mail.pem && openssl rehash /etc/ssl/certs")


def _listen(machine: Machine, address: str, port: int, family: str = "AF_INET") -> None:
    machine.start("python3", "-c", LISTENER.format(address, port, family))
    shown = f":{port:04X} "
    eventually(lambda: shown in machine.run("cat", "/proc/net/tcp", "/proc/net/tcp6").stdout, f"{port} is open")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a drill has told, its exit code, and what it has left behind."""

    code: int
    trials: list[dict[str, Any]]
    left: list[str]

    def states(self, control: str, name: str = "") -> set[str]:
        return {one["state"] for one in self.trials if one["control"] == control and name in one["name"]}

    def not_passed(self) -> list[str]:
        return [f"{one['control']}: {one['name']}: {one['says']}" for one in self.trials if one["state"] != "pass"]

    def __str__(self) -> str:
        return "\n".join(f"{one['state']:8}{one['name']}: {one['says']} ({one['seconds']} s)" for one in self.trials)


def drilled(machine: Machine, *items: str) -> Seen:
    done = machine.lockdown(
        "drill", *items, "--only", "trials", "--json", "--config", "/etc/lockdown/lockdown.toml",
        "--to", "anna@example.org", "--mailbox", "imaps://anna@mail.example.org", "--password-file", "/root/password",
        "--user", "bert", "--user-password-file", "/root/password", "--wait", "2s",
    )  # fmt: skip
    assert done.stdout, done.stderr
    left = [letter for letter in careless.mail_of(machine, "anna") if "drill.example" in letter]
    queue = machine.run("postqueue", "-p").stdout.strip()
    return Seen(done.returncode, json.loads(done.stdout)["trials"], [*left, queue])


def _well(machine: Machine) -> Seen:
    careless.start(machine, ssh=True)
    return drilled(machine, "services", "mailboxes", "admins")


def _sabotaged(machine: Machine) -> Seen:
    """Every line of `RED`, at once."""
    machine.run("postconf", "-e", "smtpd_recipient_restrictions=reject_unauth_destination")
    machine.run("rm", "/etc/dovecot/conf.d/91-warning.conf")
    machine.write(CLEAR, "disable_plaintext_auth = no\nssl = yes\n")
    machine.write(OPEN_TO_GUESSES, NEVER_SLOWER)
    machine.write(SSHD, "PasswordAuthentication yes\nPermitRootLogin yes\n")
    careless.start(machine, ssh=True)
    machine.start("sh", "-c", LOCKS_THE_OWNER)
    applies = machine.path("/var/lib/lockdown-agent/applies")
    write_apply(applies, "a", "services.only-what-is-declared", "tcp/9999", "committed", "confirmed")
    _listen(machine, "0.0.0.0", 23)
    _listen(machine, "0.0.0.0", 9999)
    _listen(machine, "::", 9998, "AF_INET6")
    return drilled(machine, "services", "mailboxes", "admins")


def _endless(machine: Machine) -> Seen:
    """Quota is counted, and has no limit."""
    machine.write("/etc/dovecot/conf.d/90-quota.conf", QUOTA.replace("*:storage=3M", "*:storage=0"))
    machine.run("postconf", "-e", "message_size_limit=400000")
    careless.start(machine)
    return drilled(machine, "mailboxes")


_WORLDS = (_well, _sabotaged, _endless)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """Each world on a machine of its own, all at the same time: most of a drill is waiting."""
    folders = [tmp_path_factory.mktemp(world.__name__) for world in _WORLDS]

    def one(folder: Path, world: Callable[[Machine], Seen]) -> Seen:
        with Machine(folder) as machine:
            _write_well(machine)
            return world(machine)

    with ThreadPoolExecutor(len(_WORLDS)) as threads:
        found = dict(zip((world.__name__[1:] for world in _WORLDS), threads.map(one, folders, _WORLDS), strict=True))
    for name, told in found.items():
        print(f"{name}\n{told}")
    yield found


def test_where_all_is_well_every_trial_is_stood_and_the_mailbox_is_as_before(seen: dict[str, Seen]) -> None:
    well = seen["well"]
    assert well.not_passed() == []
    assert (well.code, {one["control"] for one in well.trials}) == (0, HELD_BY_WELL)
    assert well.left == ["Mail queue is empty"]


RED = [
    ("mailboxes.full-is-refused-at-rcpt", "", "nobody asks for the quota before the letter is taken"),
    ("mailboxes.users-are-warned", "", "no warning is set up"),
    ("services.nothing-dangerous", "IPv4", "something listens on the port of telnet"),
    ("services.only-what-is-declared", "IPv4", "something listens on 9999"),
    ("services.only-what-is-declared", "IPv6", "something listens on 9998, on IPv6 only"),
    ("services.stopped-stays-stopped", "IPv4", "what an apply had stopped on 9999 is back"),
    ("services.no-clear-mailbox-ports", "IMAP", "IMAP takes passwords in clear text"),
    ("admins.no-passwords-over-ssh", "", "ssh takes passwords"),
    ("admins.no-root-by-ssh", "", "root's too"),
    ("admins.guessing-is-stopped", "mailboxes", "Dovecot slows nobody down"),
    ("admins.guessing-is-stopped", "sending", "who guesses when sending mail locks out the owner"),
    ("admins.guessing-is-stopped", "ssh", "nor does sshd"),
]
"""Control, words of the trial's name, and how it is broken above."""


@pytest.mark.parametrize(("control", "name", "how"), RED, ids=[how for *_, how in RED])
def test_a_broken_control_goes_red(seen: dict[str, Seen], control: str, name: str, how: str) -> None:
    assert seen["sabotaged"].states(control, name) == {"fail"}, seen["sabotaged"]
    assert seen["sabotaged"].code == 1


def test_the_owner_is_named_as_the_one_who_is_locked_out(seen: dict[str, Seen]) -> None:
    (told,) = [one["says"] for one in seen["sabotaged"].trials if one["name"] == "for sending mail"]
    assert "locked out the owner" in told


def test_without_any_limit_a_bomb_goes_red_and_a_full_mailbox_cannot_be_told(seen: dict[str, Seen]) -> None:
    assert seen["endless"].states("mailboxes.quota-is-finite") == {"fail"}
    assert seen["endless"].states("mailboxes.full-is-refused-at-rcpt") == {"unknown"}

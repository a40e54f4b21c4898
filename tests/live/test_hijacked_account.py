"""An account in foreign hands on a real machine: Postfix's submission, Dovecot's passwords, and a thief with one.

The thief's mail is held before fifty recipients outside, another user's flows on, and nothing is lost on release.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockdown.host.grip_hands import PASSWORD_UNIT
from tests.rig.machine import REPOSITORY, Machine, why_no_machine
from tests.rig.network import eventually
from tests.rig.unit_sandbox import properties_of, sandboxed

NEEDED = ("/usr/sbin/postfix", "/usr/sbin/dovecot")
MISSING = [path for path in NEEDED if not Path(path).exists()]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        bool(why_no_machine() or MISSING), reason=why_no_machine() or f"not installed: {', '.join(MISSING)}"
    ),
]

AGENT_UNIT = REPOSITORY / "packaging/systemd/lockdown-agent.service"
MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
maillog_file = /var/log/mail.log
alias_maps =
relayhost = [127.0.0.1]:2525
smtpd_error_sleep_time = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
"""
MASTER_SUBMISSION = "587 inet n - n - - smtpd\n  -o syslog_name=postfix/submission\n"
DOVECOT = """\
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:/tmp/%u
log_path = /var/log/dovecot.log
passdb {
  driver = passwd-file
  deny = yes
  args = /etc/dovecot/lockdown-locked-users
}
passdb {
  driver = passwd-file
  args = scheme=plain /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/tmp/%u
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
"""
SINK = """
import socketserver
class One(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text + b"\\r\\n")
        say(b"220 sink")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                say(b"354 go"); body = b""
                while (line := self.rfile.readline()) != b".\\r\\n": body += line
                with open("/tmp/sunk", "ab") as file:
                    file.write(b"".join(x for x in body.splitlines(True) if x.lower().startswith(b"subject:")))
                say(b"250 taken")
            elif word == b"QUIT":
                say(b"221 bye"); break
            else:
                say(b"250 ok")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server(("127.0.0.1", 2525), One).serve_forever()
"""
# What a mail client, the watch and the log do, in the machine and with its own clock.
STEPS = """
import json, smtplib, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from lockdown.checklist.monitoring.accounts import watch
from lockdown.config import read_settings
from lockdown.engine.accounts import AccountLog
from lockdown.engine.grip import grip, release
from lockdown.host.grips import held_users
from lockdown.model.traffic import Grip, GripUser
from lockdown.model.window import Window
settings = read_settings([("lockdown.toml", Path("/etc/lockdown/lockdown.toml").read_text())]).settings
state = Path("/tmp/state"); state.mkdir(exist_ok=True)
log = AccountLog(settings, state)
result = {}
def now(): return datetime.now(UTC)
def session(user):
    client = smtplib.SMTP("127.0.0.1", 587, timeout=20)
    client.login(user, "secret")
    return client
def send(client, user, to, subject):
    client.sendmail(user, [to], f"Subject: {subject}\\r\\n\\r\\nhello\\r\\n")
def sunk():
    try: return [line.split(" ", 1)[1].strip() for line in open("/tmp/sunk")]
    except FileNotFoundError: return []
def until(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not what(): time.sleep(0.05)
    return what()
def looks():
    facts = log.look(now(), held_users())
    window = Window(now(), now(), (), (), accounts=facts)
    return [wish for alarm in watch(window, settings) for wish in alarm.wishes if isinstance(wish, GripUser)]
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("hijacked")) as machine:
        machine.write("/etc/postfix/main.cf", MAIN_CF)
        with machine.path("/etc/postfix/master.cf").open("a") as file:
            file.write(MASTER_SUBMISSION)
        machine.write("/etc/postfix/lockdown-held-users", "")
        table = "smtpd_end_of_data_restrictions=check_sasl_access texthash:/etc/postfix/lockdown-held-users"
        machine.run("postconf", "-e", table)
        machine.write("/etc/dovecot/dovecot.conf", DOVECOT)
        machine.write("/etc/dovecot/lockdown-locked-users", "")
        machine.write("/etc/dovecot/users", "anna@example.org:secret\nbob@example.org:secret\n")
        logs = '[monitoring]\nmail_logs = ["/var/log/mail.log", "/var/log/dovecot.log"]\n'
        machine.write(
            "/etc/lockdown/lockdown.toml", f'[site]\nrole = "all-in-one"\n{logs}[state]\ndirectory = "/tmp/state"\n'
        )
        machine.write("/var/log/mail.log", _history(), 0o666)
        machine.write("/tmp/sink.py", SINK)
        machine.start(sys.executable, "/tmp/sink.py")
        machine.run("dovecot")
        machine.run("postfix", "start")
        yield machine


def _history() -> str:
    """Weeks in which the account wrote to some friends."""
    lines = []
    login = "sasl_method=PLAIN, sasl_username=anna@example.org"
    sent = "relay=mx[192.0.2.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)"
    for number in range(60):
        stamp = f"2026-01-{number // 3 + 1:02d}T{10 + number % 3}:00:00+00:00 mail postfix"
        friend = f"friend{number % 12}@example.net"
        lines += [
            f"{stamp}/submission/smtpd[1]: 4AB{number:04d}: client=pc[192.0.2.9], {login}",
            f"{stamp}/qmgr[2]: 4AB{number:04d}: from=<anna@example.org>, size={900 + number}, nrcpt=1 (queue active)",
            f"{stamp}/smtp[3]: 4AB{number:04d}: to=<{friend}>, {sent}",
            f"{stamp}/qmgr[2]: 4AB{number:04d}: removed",
        ]
    return "\n".join(lines) + "\n"


def _in(machine: Machine, code: str) -> Any:
    said = machine.run(sys.executable, "-c", f"{STEPS}\n{code}\nprint(json.dumps(result))")
    return json.loads(said.stdout.splitlines()[-1])


def _held(machine: Machine) -> list[str]:
    entries = [json.loads(line) for line in machine.run("postqueue", "-j").stdout.splitlines()]
    return [entry["sender"] for entry in entries if entry["queue_name"] == "hold"]


def test_a_thief_is_held_before_fifty_and_nothing_is_lost(machine: Machine) -> None:
    result = _in(machine, """
client = session("anna@example.org")
for number in range(1, 60):
    send(client, "anna@example.org", f"victim{number}@victims{number % 5}.example", f"spam {number}")
    until(lambda: len(sunk()) >= number)
    time.sleep(0.1)
    wishes = looks()
    if wishes:
        break
result["left"] = len(sunk())
result["user"], result["grip"] = wishes[0].user, int(wishes[0].grip)
deed = grip(settings, wishes[0].user, timedelta(days=3), wishes[0].words, "lockdown", now(), lock=False)
result["done"], result["says"] = deed.done, deed.says
try:
    send(client, "anna@example.org", "late@victims.example", "over the old connection")
    result["old connection"] = "took it"
except (smtplib.SMTPException, OSError):
    result["old connection"] = "is gone"
again = session("anna@example.org")
for number in range(10):
    send(again, "anna@example.org", f"more{number}@victims.example", f"held {number}")
bob = session("bob@example.org")
send(bob, "bob@example.org", "friend@example.net", "from bob")
until(lambda: "from bob" in sunk())
result["after"] = [one for one in sunk() if not one.startswith("spam")]
""")  # fmt: skip
    assert result["left"] < 50, result
    assert (result["user"], result["done"]) == ("anna@example.org", True), result
    assert result["old connection"] == "is gone", result
    assert result["after"] == ["from bob"], result
    assert _held(machine) == ["anna@example.org"] * 10
    shown = machine.lockdown("user", "list", "--config", "/etc/lockdown/lockdown.toml")
    assert "anna@example.org" in shown.stdout and "held" in shown.stdout, shown.stdout + shown.stderr
    released = machine.lockdown("user", "release", "anna@example.org", "--config", "/etc/lockdown/lockdown.toml")
    assert released.returncode == 0, released.stdout + released.stderr
    assert "10 messages that were held are sent" in released.stdout
    after = _in(machine, """
until(lambda: sum(one.startswith("held") for one in sunk()) == 10)
result["sent"] = sorted(one for one in sunk() if one.startswith("held"))
client = session("anna@example.org")
send(client, "anna@example.org", "friend1@example.net", "free again")
result["free"] = until(lambda: "free again" in sunk())
""")  # fmt: skip
    assert after == {"sent": [f"held {number}" for number in range(10)], "free": True}
    assert _held(machine) == []


def test_a_locked_account_opens_nothing_and_another_does(machine: Machine) -> None:
    locked = machine.lockdown("user", "lock", "anna@example.org", "--config", "/etc/lockdown/lockdown.toml")
    assert locked.returncode == 0, locked.stdout + locked.stderr
    code = """
for user in ("anna@example.org", "bob@example.org"):
    try:
        session(user)
        result[user] = True
    except smtplib.SMTPAuthenticationError:
        result[user] = False
"""
    # Dovecot reads its files again in its own time.
    eventually(lambda: _in(machine, code) == {"anna@example.org": False, "bob@example.org": True}, "anna is out")
    machine.lockdown("user", "release", "anna@example.org", "--config", "/etc/lockdown/lockdown.toml", check=True)
    eventually(lambda: _in(machine, code) == {"anna@example.org": True, "bob@example.org": True}, "anna is in again")


def test_what_a_thief_has_written_stays_is_deleted_and_can_be_put_back_and_sent(machine: Machine) -> None:
    def lockdown(*words: str) -> str:
        done = machine.lockdown(*words, "--config", "/etc/lockdown/lockdown.toml")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    lockdown("user", "hold", "bob@example.org")
    _in(machine, """
client = session("bob@example.org")
for number in range(3):
    send(client, "bob@example.org", f"mark{number}@marks.example", f"of a thief {number}")
""")  # fmt: skip
    assert _held(machine) == ["bob@example.org"] * 3
    said = lockdown("user", "release", "bob@example.org", "--keep-held")
    assert "3 messages stay in hold" in said
    deed = said.split("lockdown queue delete ")[1].split()[0].rstrip(";")
    lockdown("queue", "delete", deed, "--yes")
    assert _held(machine) == []
    lockdown("queue", "undo", deed)
    assert _held(machine) == ["bob@example.org"] * 3
    lockdown("queue", "undo", deed)
    assert _held(machine) == []
    machine.run("postqueue", "-f")
    code = 'until(lambda: sum(one.startswith("of a thief") for one in sunk()) == 3); result["sunk"] = sunk()'
    assert sum(one.startswith("of a thief") for one in _in(machine, code)["sunk"]) == 3


def test_who_had_signed_in_before_and_only_then_begins_to_send_is_cut_off_too(machine: Machine) -> None:
    result = _in(machine, """
from lockdown.host.grip_hands import GripHands
hands = GripHands([Path("/var/log/mail.log")])
ended = []
def is_ended():
    if not any(ended):
        ended.append(hands.end_late(now()))
    return any(ended)
silent, bystander = session("bob@example.org"), session("anna@example.org")
held = grip(settings, "bob@example.org", timedelta(days=1), "test", "test", now(), lock=False)
result["before"] = hands.end_late(now())
send(silent, "bob@example.org", "victim@example.net", "first of a silent session")
send(bystander, "anna@example.org", "friend@example.net", "of a bystander")
until(is_ended)
result["ended"] = sum(ended)
try:
    send(silent, "bob@example.org", "victim@example.net", "second of a silent session")
    result["silent"] = "goes on"
except (smtplib.SMTPException, OSError):
    result["silent"] = "is gone"
send(bystander, "anna@example.org", "friend@example.net", "of a bystander again")
again = session("bob@example.org")
send(again, "bob@example.org", "victim@example.net", "of a new session")
result["again"] = hands.end_late(now())
release(settings, "bob@example.org", "test", now())
""")  # fmt: skip
    assert result == {"before": 0, "ended": 1, "silent": "is gone", "again": 0}


def test_the_agents_unit_lets_it_do_all_of_a_grip_and_its_undoing(machine: Machine) -> None:
    code = """
from lockdown.host.grip_hands import GripHands
from lockdown.host.grips import Held
client = session("bob@example.org")
send(client, "bob@example.org", "friend@example.net", "before")
until(lambda: "sasl_username=bob" in Path("/var/log/mail.log").read_text())
hands = GripHands([Path("/var/log/mail.log")])
outcome = hands.grip(Held("bob@example.org", True, now(), now() + timedelta(days=1), "test", "test"))
result["done"], result["missing"] = outcome.done, outcome.missing
result["held"] = list(hands.held())
outcome = hands.release("bob@example.org")
result["released"], result["not released"] = outcome.done, outcome.missing
try:
    Path("/etc/lockdown-was-here").write_text("")
    result["beyond"] = "could be written"
except OSError as error:
    result["beyond"] = error.strerror
"""
    script = f"{STEPS}\n{code}\nprint(json.dumps(result))"
    said = machine.run(*sandboxed(properties_of(AGENT_UNIT), sys.executable, "-c", script), check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    result = json.loads(said.stdout.splitlines()[-1])
    assert result["missing"] == result["not released"] == [], result
    assert "1 connections over which it was sending were ended" in result["done"], result
    assert result["held"] == ["bob@example.org"]
    assert result["beyond"] == "Read-only file system"


def test_a_system_account_is_locked_in_a_unit_of_its_own_and_not_in_the_agents(machine: Machine) -> None:
    machine.run("useradd", "carol")
    machine.run("chpasswd", stdin="carol:secret\n")

    def shadow() -> str:
        return next(line for line in machine.read("/etc/shadow").splitlines() if line.startswith("carol:"))

    before = shadow()
    lock, unlock = ("usermod", "-L", "--", "carol"), ("usermod", "-U", "--", "carol")
    assert machine.run(*sandboxed(properties_of(AGENT_UNIT), *lock), check=False).returncode != 0
    assert shadow() == before
    machine.run(*sandboxed(PASSWORD_UNIT, *lock))
    assert shadow().startswith("carol:!")
    machine.run(*sandboxed(PASSWORD_UNIT, *unlock))
    assert shadow() == before


def test_a_lock_ends_the_mailbox_that_a_thief_has_open_and_nobody_elses(machine: Machine) -> None:
    result = _in(machine, """
import imaplib
def opened(user):
    client = imaplib.IMAP4("127.0.0.1", timeout=20)
    client.login(user, "secret")
    return client
def is_open(client):
    try:
        return client.noop()[0] == "OK"
    except (imaplib.IMAP4.error, OSError):
        return False
thief, bystander = opened("bob@example.org"), opened("anna@example.org")
result["before"] = [is_open(thief), is_open(bystander)]
result["says"] = grip(settings, "bob@example.org", timedelta(days=1), "test", "test", now(), lock=True).says
until(lambda: not is_open(thief))
result["after"] = [is_open(thief), is_open(bystander)]
release(settings, "bob@example.org", "test", now())
""")  # fmt: skip
    assert result["before"] == [True, True]
    assert result["after"] == [False, True], result
    assert "its sessions were ended" in result["says"]


def test_where_a_piece_is_missing_it_is_told_and_not_pretended(machine: Machine) -> None:
    machine.run("postconf", "-X", "smtpd_end_of_data_restrictions")
    said = machine.lockdown("user", "hold", "bob@example.org", "--config", "/etc/lockdown/lockdown.toml")
    assert said.returncode == 1
    assert "Postfix does not ask for held accounts" in said.stderr
    listed = machine.lockdown("user", "list", "--config", "/etc/lockdown/lockdown.toml")
    assert "bob" not in listed.stdout or " held" not in listed.stdout

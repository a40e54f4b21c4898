"""Mailboxes without an end get one, on a real Postfix and Dovecot: full is refused at RCPT, its owner is told before.

Users of the machine, whom Dovecot knows without their domain, and users with a domain, side by side.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig import careless
from tests.rig.dovecot import why_dovecot_cannot_run
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually
from tests.rig.postfix import why_postfix_cannot_run

_WHY = why_no_machine() or why_dovecot_cannot_run() or why_postfix_cannot_run()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(_WHY), reason=_WHY or "it runs")]

ANNA, BERT, BOB = "anna@example.org", "bert@example.org", "bob@virtual.example"
_MORE = """\
userdb {
  driver = passwd-file
  args = /etc/dovecot/virtual
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    user = postfix
    mode = 0600
  }
}
protocol lmtp {
  mail_plugins = $mail_plugins
  postmaster_address = postmaster@example.org
}
"""
_DEED = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from lockdown.checklist.dmz import audit as dmz_audit, enforce as dmz
from lockdown.checklist.mailboxes import audit, enforce
from lockdown.config import Mailboxes, Settings
from lockdown.host.change.files import put, remove_empty
from lockdown.host.change.services import check, reload
from lockdown.host.change.staging import stage
from lockdown.host import dovecot, postfix
from lockdown.host.local import read_here
from lockdown.model.change import Proposal
from lockdown.model.snapshot import Snapshot
from lockdown.model.units import ByteSize

policy = Settings(mailboxes=Mailboxes(limit=ByteSize.parse("2 MiB")))
rooms = {"mailboxes": (audit.audit, enforce.enforce), "dmz": (dmz_audit.audit, dmz.enforce)}
judged, enforced = rooms[sys.argv[1]]
first = Snapshot("mail", datetime.now(UTC), "", read_here({**postfix.sources(), **dovecot.sources()}))
then = read_here({**postfix.more(first), **dovecot.more(first)})
before = Snapshot("mail", first.taken_at, "", {**first.readings, **then})
found = {f"{one.control} {one.target}": one.state.value for one in judged(before, policy)}
proposals = [one for one in enforced(before, policy) if isinstance(one, Proposal)]
told = {"found": found, "proposed": [[one.control, *one.also] for one in proposals]}
told["sizes"] = before.reading("mailboxes/sizes")
if sys.argv[2] == "do" and proposals:
    staged = stage([one.change for one in proposals])
    told |= {"problems": list(staged.problems), "services": list(staged.services)}
    for edit in staged.edits:
        put(edit.after)
    for service in staged.services:
        reload(service)
        told[service] = check(service)
    Path("/root/undo").write_bytes(__import__("pickle").dumps((staged.edits, staged.folders, staged.services)))
if sys.argv[2] == "undo":
    edits, folders, services = __import__("pickle").loads(Path("/root/undo").read_bytes())
    for edit in reversed(edits):
        put(edit.before)
    remove_empty(folders)
    for service in services:
        reload(service)
print(json.dumps(told))
"""
_SEND = """
import smtplib, sys
to, octets = sys.argv[1], int(sys.argv[2])
with smtplib.SMTP("127.0.0.1", 25, local_hostname="sender.example", timeout=30) as line:
    line.ehlo()
    line.mail("x@sender.example")
    code, words = line.rcpt(to)
    if code == 250:
        code, words = line.data("Subject: hello\\r\\n\\r\\n" + ("y" * 70 + "\\r\\n") * (octets // 72))
print(code, words.decode())
"""


_SIZES = """
import os, pwd, sys
from lockdown.facts import quotas
from lockdown.host.dovecot import sources
from lockdown.host.local import read_here
other = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(other.pw_gid)
os.setuid(other.pw_uid)
print(read_here({quotas.SOURCE: sources()[quotas.SOURCE]})[quotas.SOURCE])
"""
_SIGN_IN = """
import imaplib, socket, ssl, sys
port, word = int(sys.argv[1]), sys.argv[2]
class From(imaplib.IMAP4):
    def _create_socket(self, timeout):
        line = socket.create_connection(("127.0.0.1", port), 20, source_address=("127.0.0.2", 0))
        blind = ssl.create_default_context()
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        return blind.wrap_socket(line) if port == 993 else line
try:
    print(From("127.0.0.1", port).login("anna", word))
except imaplib.IMAP4.error as error:
    print(error)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("mailboxes")) as made:
        careless.set_up(made)
        conf = made.read("/etc/dovecot/dovecot.conf").replace("auth_username_format = %Ln\n", "")
        made.write("/etc/dovecot/dovecot.conf", conf)
        made.write("/etc/dovecot/conf.d/20-more.conf", _MORE)
        made.run("useradd", "--create-home", "--home-dir", "/var/vmail", "vmail")
        made.run("sh", "-c", "install -d -o vmail /var/vmail/virtual.example/bob")
        ids = made.run("sh", "-c", "echo $(id -u vmail):$(id -g vmail)").stdout.strip()
        made.write("/etc/dovecot/virtual", f"{BOB}:{{PLAIN}}unused:{ids}::/var/vmail/virtual.example/bob::\n")
        main = (
            "virtual_mailbox_domains = virtual.example\nvirtual_mailbox_maps = static:yes\n"
            "virtual_transport = lmtp:unix:private/dovecot-lmtp\nrecipient_delimiter = +\n"
        )
        text = made.read("/etc/postfix/main.cf").replace("message_size_limit = 0", "message_size_limit = 400000")
        made.write("/etc/postfix/main.cf", text + main)
        careless.start(made)
        yield made


def deed(machine: Machine, room: str, what: str) -> Any:
    return json.loads(machine.run(sys.executable, "-c", _DEED, room, what).stdout)


def send(machine: Machine, to: str, octets: int = 150_000) -> str:
    return machine.run(sys.executable, "-c", _SEND, to, str(octets)).stdout.strip()


def sign_in(machine: Machine, port: int) -> str:
    """From an address that is not the server's own, which it would believe without TLS."""
    return machine.run(sys.executable, "-c", _SIGN_IN, str(port), careless.PASSWORD).stdout.strip()


def letters(machine: Machine, folder: str) -> list[str]:
    place = machine.path(folder)
    return [one.read_text(errors="replace") for one in sorted(place.glob("new/*"))] if place.is_dir() else []


def fill(machine: Machine, to: str, folder: str, octets: int) -> str:
    """Letters one by one, each arrived before the next, until one is refused; its answer."""
    for _ in range(60):
        there = sum("Subject: hello" in one for one in letters(machine, folder))
        answer = send(machine, to, octets)
        if not answer.startswith("250"):
            return answer
        eventually(
            lambda there=there: sum("Subject: hello" in one for one in letters(machine, folder)) > there,  # type: ignore[misc]
            f"the letter to {to} arrives",
        )
    return "never refused"


def etc(machine: Machine) -> dict[str, bytes]:
    files = [path for folder in ("postfix", "dovecot") for path in machine.path(f"/etc/{folder}").rglob("*")]
    return {str(path): path.read_bytes() for path in files if path.is_file() and not path.is_symlink()}


HOMES = {ANNA: "/home/anna/Maildir", BERT: "/home/bert/Maildir", BOB: "/var/vmail/virtual.example/bob/Maildir"}


@pytest.fixture(scope="module")
def done(machine: Machine) -> dict[str, Any]:
    before = etc(machine)
    told: dict[str, Any] = deed(machine, "mailboxes", "do")
    return {**told, "before": before}


def test_the_careless_server_is_red_and_what_is_proposed_pleases_both_servers(done: dict[str, Any]) -> None:
    assert done["found"]["mailboxes.quota-is-on dovecot"] == "fail"
    assert done["problems"] == [] and done["services"] == ["dovecot", "postfix"]
    assert done["dovecot"] == "" and done["postfix"] == ""


def test_after_it_the_audit_is_green_and_nothing_more_is_proposed(machine: Machine, done: dict[str, Any]) -> None:
    after = deed(machine, "mailboxes", "look")
    of_quota = {name: state for name, state in after["found"].items() if not name.endswith(" disks")}
    assert set(of_quota.values()) == {"pass"}, of_quota
    assert after["proposed"] == []


@pytest.mark.parametrize(
    ("to", "octets", "told"),
    [(ANNA, 250_000, (80, 95)), (BOB, 60_000, (80, 90, 95))],
    ids=["a user of the machine, in large steps", "a user with a domain, in small ones"],
)
def test_a_full_mailbox_is_refused_at_rcpt_and_its_owner_was_told_before(
    machine: Machine, done: dict[str, Any], to: str, octets: int, told: tuple[int, ...]
) -> None:
    answer = fill(machine, to, HOMES[to], octets)
    assert answer.startswith("552 5.2.2") and "full" in answer
    text = "\n".join(letters(machine, HOMES[to]))
    assert [int(one) for one in re.findall(r"Subject: Your mailbox is (\d+) % full", text)] == list(told), "each once"
    # With a word behind the name it is the same mailbox.
    name, _, domain = to.partition("@")
    assert send(machine, f"{name}+list@{domain}").startswith("552 5.2.2")


def test_what_lies_in_each_mailbox_is_measured_and_what_may_not_be_seen_is_not_passed_over(
    machine: Machine, done: dict[str, Any]
) -> None:
    told = deed(machine, "mailboxes", "look")
    sizes = {parts[2]: parts[:2] for parts in (line.split(" ", 2) for line in told["sizes"].splitlines())}
    for to in (ANNA, BOB):
        held, new = map(int, sizes[HOMES[to].removesuffix("/Maildir") if to == BOB else HOMES[to]])
        assert 1900 < new <= held < 2600
    assert told["found"]["mailboxes.sum-fits-the-disk disks"] == "pass"
    asked = machine.run(sys.executable, "-c", _SIZES, "nobody").stdout
    assert "denied /home/anna" in asked


def test_others_still_receive_and_nothing_waits_in_the_queue(machine: Machine, done: dict[str, Any]) -> None:
    assert send(machine, BERT).startswith("250")
    eventually(lambda: letters(machine, HOMES[BERT]), "the letter to bert arrives")
    eventually(lambda: "empty" in machine.run("mailq").stdout, "the queue is empty")


def test_a_dovecot_that_is_down_puts_off_nothing_at_the_door(machine: Machine, done: dict[str, Any]) -> None:
    machine.run("doveadm", "stop")
    try:
        assert send(machine, BERT, 1000).startswith("250")
    finally:
        machine.run("dovecot")


def test_undone_every_file_is_as_before_and_mail_is_taken_as_before(machine: Machine, done: dict[str, Any]) -> None:
    deed(machine, "mailboxes", "undo")
    assert etc(machine) == done["before"]
    assert send(machine, ANNA, 1000).startswith("250")


def starttls(machine: Machine) -> str:
    ask = ("openssl", "s_client", "-starttls", "smtp", "-brief", "-connect", "127.0.0.1:25")
    return machine.run(*ask, check=False, stdin="QUIT\r\n", seconds=20).stderr


def test_tls_is_offered_with_what_lies_here_and_passwords_in_the_open_are_no_longer_taken(
    machine: Machine, done: dict[str, Any]
) -> None:
    main = machine.read("/etc/postfix/main.cf")
    machine.write("/etc/postfix/main.cf", "".join(one for one in main.splitlines(True) if "smtpd_tls_" not in one))
    machine.run("postfix", "reload")
    machine.run("cp", "/etc/ssl/private/mail.crt", "/etc/ssl/certs/ssl-cert-snakeoil.pem")
    machine.run("cp", "/etc/ssl/private/mail.key", "/etc/ssl/private/ssl-cert-snakeoil.key")
    before = etc(machine)
    assert "OK" in sign_in(machine, 143)
    assert "CONNECTION ESTABLISHED" not in starttls(machine)
    told = deed(machine, "dmz", "do")
    assert told["found"]["dmz.mailbox-passwords-need-tls dovecot"] == "fail" and told["problems"] == []
    assert told["found"]["dmz.starttls-is-offered postfix smtp/inet"] == "fail"
    after = deed(machine, "dmz", "look")
    for name in ("mailbox-passwords-need-tls dovecot", "outgoing-tls postfix", "starttls-is-offered postfix smtp/inet"):
        assert after["found"][f"dmz.{name}"] == "pass"
    assert after["proposed"] == []
    assert "CONNECTION ESTABLISHED" in starttls(machine)
    assert "PRIVACYREQUIRED" in sign_in(machine, 143)
    assert "OK" in sign_in(machine, 993), "over TLS its owner gets in"
    assert send(machine, BERT, 1000).startswith("250")
    deed(machine, "dmz", "undo")
    assert etc(machine) == before
    assert "OK" in sign_in(machine, 143)


def test_what_postfix_puts_into_a_mailbox_itself_is_counted_and_refused_too(
    machine: Machine, done: dict[str, Any]
) -> None:
    """An mbox below /var/mail, into which dovecot-lda could not write as the user: that is left, and said."""
    conf = machine.read("/etc/dovecot/dovecot.conf")
    mbox = "mail_location = mbox:~/mail:INBOX=/var/mail/%u\nmail_privileged_group = mail"
    machine.write("/etc/dovecot/dovecot.conf", conf.replace("mail_location = maildir:~/Maildir", mbox))
    machine.write("/etc/postfix/main.cf", machine.read("/etc/postfix/main.cf").replace("home_mailbox = Maildir/\n", ""))
    machine.run("doveadm", "reload")
    machine.run("postfix", "reload")
    told = deed(machine, "mailboxes", "do")
    assert not any("mailboxes.users-are-warned" in one for one in told["proposed"])
    assert send(machine, BERT).startswith("250")
    eventually(lambda: send(machine, BERT).startswith("552 5.2.2"), "the full mailbox is refused")
    assert send(machine, ANNA, 1000).startswith("250")

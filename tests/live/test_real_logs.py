"""What a real Postfix and a real Dovecot write is read without a line left over, and the real queue is grouped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.facts.mail_log.picture import Picture, Share
from lockdown.facts.queue_entries import postfix_entry
from lockdown.facts.queue_groups import By, grouped, origins_in
from lockdown.host.log_files import LogFollower, picture_of
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine())

MAIN = """
compatibility_level = 3.6
myhostname = mail.example.org
mydestination = mail.example.org, localhost
mynetworks = 127.0.0.2/32
maillog_file = /var/log/mail.log
inet_interfaces = all
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
defer_transports = smtp
alias_maps =
alias_database =
message_size_limit = 20000
"""
DOVECOT = """
protocols = imap
mail_location = maildir:/var/mail/%u
ssl = no
disable_plaintext_auth = no
log_path = /var/log/dovecot.log
auth_failure_delay = 0
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/var/mail/%u
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
"""
# A stranger as he is: forged addresses, a greeting that looks like a line of a log, a wrong password.
CLIENT = r"""
import base64, contextlib, imaplib, smtplib
REFUSED = contextlib.suppress(smtplib.SMTPException, imaplib.IMAP4.error)
def say(*commands, source="127.0.0.1"):
    with REFUSED, smtplib.SMTP("127.0.0.1", 25, source_address=(source, 0), timeout=20) as client:
        for command in commands:
            client.docmd(command)
def send(sender, to, source="127.0.0.2"):
    with REFUSED, smtplib.SMTP("127.0.0.1", 25, source_address=(source, 0), timeout=20) as client:
        client.sendmail(sender, [to], b"Subject: x\r\n\r\nx\r\n")
for number in range(5):
    send("flood@evil.example", f"victim{number}@far.example")
send("a@b.example", "root@mail.example.org")
send("a@b.example", "nobody-here@mail.example.org")
say("EHLO x[9.9.9.9]:_550_5.1.1", "MAIL FROM:<a@b.example>", "RCPT TO:<c@far.example>")
say("EHLO <x>;_from=<a>_to=<b>_proto=SMTP_helo=<c>", 'MAIL FROM:<"a> to=<b>"@x.example>', "RCPT TO:<c@far.example>")
say("EHLO x", "AUTH PLAIN " + base64.b64encode(b"\0anna\0wrong").decode(), source="127.0.0.3")
say("EHLO x", "FOO", "GET / HTTP/1.1", source="127.0.0.3")
say("EHLO x", "MAIL FROM:<a@b.example> SIZE=90000", source="127.0.0.2")
for password in ("wrong", "secret"):
    client = imaplib.IMAP4("127.0.0.1", 143)
    with REFUSED:
        client.login("anna", password)
    client.logout()
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("logs")) as one:
        one.write("/etc/postfix/main.cf", MAIN)
        one.run(
            "sh",
            "-c",
            "rm -rf /etc/dovecot/conf.d /var/spool/postfix/deferred/*; mkdir -p /var/mail; chmod 1777 /var/mail",
        )
        one.write("/etc/dovecot/dovecot.conf", DOVECOT)
        one.run("dovecot")
        one.run("postfix", "start")
        eventually(lambda: "daemon started" in one.read("/var/log/mail.log"), "Postfix")
        one.run("python3", "-c", CLIENT)
        eventually(lambda: "Login: user=<anna>" in one.read("/var/log/dovecot.log"), "the login")
        eventually(lambda: one.read("/var/log/mail.log").count("status=deferred") >= 5, "the deferrals")
        yield one


@pytest.fixture(scope="module")
def picture(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Picture:
    log = tmp_path_factory.mktemp("read") / "mail.log"
    log.write_text(machine.read("/var/log/mail.log") + machine.read("/var/log/dovecot.log"))
    return picture_of(log)


def test_no_line_is_left_unread(picture: Picture) -> None:
    assert picture.unread == {}
    assert picture.others == 0
    assert picture.lines > 40


def test_the_picture_is_that_of_what_was_done(picture: Picture) -> None:
    assert picture.senders.share("flood@evil.example").messages == 5
    assert picture.clients.share("127.0.0.2").messages == 6
    assert picture.deferred.share("far.example") == Share(5, 0)
    assert picture.refused.share("relay access denied").messages >= 1
    assert picture.refused.share("too big").messages == 1
    assert set(picture.refused_clients.pairs) == {b"127.0.0.1", b"127.0.0.2"}
    assert picture.failures_by_network() == {"127.0.0.0/24": 2}
    assert picture.misbehaved.share("127.0.0.3").messages == 1
    assert picture.logins.top() == [("anna 127.0.0.0/24", Share(1, 0))]
    assert picture.latency()["in the queue manager"] is not None


def test_the_queue_is_grouped_and_joined_with_the_log(machine: Machine) -> None:
    said = machine.run("postqueue", "-j").stdout.encode()
    entries = [postfix_entry(line) for line in said.splitlines()]
    wanted = {entry.queue_id.encode() for entry in entries if entry}
    origins = origins_in(machine.read("/var/log/mail.log").encode(), wanted)
    groups = grouped(entries, datetime.now(UTC), origins)
    assert groups.unread == 0
    sender, group = groups.top(By.SENDER)[0]
    assert (sender, group.messages) == ("flood@evil.example", 5)
    assert groups.top(By.CLIENT)[0][0] == "127.0.0.2"
    assert groups.top(By.DOMAIN)[0][0] == "far.example"
    assert sorted(group.sample) == sorted(json.loads(line)["queue_id"] for line in said.splitlines())


def test_postfix_rotates_its_log_itself_and_nothing_is_lost(machine: Machine) -> None:
    follower = LogFollower(Path(machine.path("/var/log/mail.log")))
    before = follower.read().octets
    assert before.count(b"\n") > 40
    machine.run("postfix", "logrotate")
    machine.run("postqueue", "-f")
    log = machine.path("/var/log/mail.log")
    eventually(lambda: log.exists() and log.stat().st_size, "the new file")
    after = eventually(lambda: follower.read().octets, "what Postfix writes")
    assert b"postfix/" in after
    assert log.stat().st_ino == follower.position.inode

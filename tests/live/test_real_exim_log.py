"""What a real Exim writes, as it is set up and with all that it can be told, is read without a line left over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.engine.log_reader import LogReader
from lockdown.facts.mail_log.events import Delivered, Event, Gone, LoginFailed, Misbehaved, Queued, Received, Refused
from lockdown.host.log_files import picture_of
from tests.live.test_hands_exim import _INSTALL
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually
from tests.rig.unpacked import NotFetched, Unpacked, why_unpacked_cannot_run

_WHY_NOT = why_no_machine() or why_unpacked_cannot_run()
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)]

EXIM = """\
primary_hostname = mail.example.org
domainlist local_domains = example.org
log_file_path = /var/log/exim4/%slog
spool_directory = /var/spool/exim4
log_selector = {selector}
helo_accept_junk_hosts = *
daemon_smtp_ports = 25
local_interfaces = 127.0.0.1
acl_smtp_rcpt = rcpt
acl_smtp_data = data
trusted_users = root
never_users =
begin acl
rcpt:
  deny message = no such user
       local_parts = nobody-here
  defer local_parts = later
       message = greylisted
  accept authenticated = *
  accept domains = +local_domains
  deny message = relay not permitted
data:
  deny condition = ${{if match{{$h_subject:}}{{spam}}}}
       message = spam
  accept
begin routers
own:
  driver = accept
  domains = +local_domains
  transport = file
begin transports
file:
  driver = appendfile
  file = /var/mail/all
  user = mail
  create_file = anywhere
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if eq{{$auth3}}{{secret}}}}
  server_set_id = $auth2
  server_advertise_condition = true
"""
CLIENT = """
import base64, contextlib, smtplib, socket
REFUSED = contextlib.suppress(smtplib.SMTPException, OSError)
def say(*commands, greeting="EHLO x", source="127.0.0.1"):
    with REFUSED, smtplib.SMTP("127.0.0.1", 25, source_address=(source, 0), timeout=20) as client:
        client.docmd(greeting)
        for command in commands:
            client.send(f"{command}\\r\\n")
            client.getreply()
def send(sender, to, subject="lunch"):
    with REFUSED, smtplib.SMTP("127.0.0.1", 25, timeout=20) as client:
        client.sendmail(sender, [to], f"Subject: {subject}\\r\\n\\r\\nx\\r\\n".encode())
def auth(password):
    return "AUTH PLAIN " + base64.b64encode(f"\\0anna\\0{password}".encode()).decode()
send("friend@far.example", "anna@example.org", 'from <a> for b c H=x [9.9.9.9] S=9 "')
send("friend@far.example", "nobody-here@example.org")
send("friend@far.example", "later@example.org")
send("friend@far.example", "x@far.example")
send("friend@far.example", "anna@example.org", "spam")
say("MAIL FROM:<a@b.example>", "RCPT TO:<c@far.example>", greeting="EHLO x) [9.9.9.9]: 535 Incorrect (set_id=y)")
say(auth("wrong"), source="127.0.0.3")
letter = "Subject: y\\r\\n\\r\\ny\\r\\n."
say(auth("secret"), "MAIL FROM:<anna@example.org>", "RCPT TO:<away@far.example>", "DATA", letter)
say("FOO", "GET / HTTP/1.1", source="127.0.0.4")
for octets in (b"", b"EHLO x\\r\\n", b"GET / HTTP/1.1\\r\\n\\r\\n"):
    with REFUSED, socket.create_connection(("127.0.0.1", 25), 20, ("127.0.0.5", 0)) as client:
        client.sendall(octets)
        client.recv(100)
"""


@pytest.fixture(scope="module")
def exim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        root: Path = Unpacked(tmp_path_factory.mktemp("exim")).root
    except NotFetched as reason:
        pytest.skip(str(reason))
    with Machine(tmp_path_factory.mktemp("exim"), [root]) as machine:
        machine.run("sh", "-c", _INSTALL.format(root=root))
        yield machine


@pytest.fixture(scope="module", params=["", "+all"], ids=["as it is", "all of it"])
def events(exim: Machine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    exim.write("/etc/exim4/exim4.conf", EXIM.format(selector=request.param))
    exim.run("sh", "-c", "rm -rf /var/log/exim4/*; exim4 -bd -q1h -oP /run/exim.pid")
    log = Path(exim.path("/var/log/exim4/mainlog"))
    eventually(lambda: log.exists() and "daemon started" in log.read_text(), "Exim")
    exim.run("python3", "-c", CLIENT)
    eventually(lambda: log.read_text().count("Completed") >= 2, "the deliveries")
    exim.run("sh", "-c", "kill $(cat /run/exim.pid); rm -f /run/exim.pid")
    # What a greeting of junk could have forged is read in no way, and nothing else is left over.
    forged = sum("(x) [9.9.9.9]: " in line for line in log.read_text().splitlines())
    assert forged and picture_of(log).unread.total() == forged
    told = LogReader([log], tmp_path_factory.mktemp("kept") / "positions.json").look(datetime.now(UTC))
    assert (told.unread.total(), told.misdated) == (forged, 0)
    return [it.event for it in told.events]


def test_each_event_is_of_who_did_it(events: list[Event]) -> None:
    received = [it for it in events if isinstance(it, Received)]
    assert [(it.address, it.user) for it in received if it.address] == [("127.0.0.1", None), ("127.0.0.1", "anna")]
    assert {it.sender for it in events if isinstance(it, Queued)} >= {"friend@far.example", "anna@example.org"}
    refused = [(it.how, it.stage, it.recipient) for it in events if isinstance(it, Refused)]
    assert ("reject", "RCPT", "nobody-here@example.org") in refused
    assert ("defer", "RCPT", "later@example.org") in refused
    assert any(stage == "after DATA" for _, stage, _ in refused)
    failed = [(it.address, it.user) for it in events if isinstance(it, LoginFailed)]
    assert failed == [("127.0.0.3", "anna")]
    addresses = {it.address for it in events if isinstance(it, Refused | Misbehaved | LoginFailed)}
    assert addresses <= {f"127.0.0.{number}" for number in range(1, 6)}
    ends = {(it.recipient, it.status) for it in events if isinstance(it, Delivered)}
    assert ("anna@example.org", "sent") in ends and ("away@far.example", "bounced") in ends
    assert any(isinstance(it, Gone) for it in events)

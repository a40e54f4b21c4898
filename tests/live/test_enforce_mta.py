"""Items 4 and 8 on a real Postfix: a careless server is closed to strangers, and everyone else is served as before.

Judged by conversations, from an address that the server does not know; changed by `lockdown apply` alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.careless import PASSWORD, set_up, start, wait_for_mail
from tests.rig.machine import Machine, why_no_machine

MISSING = [path for path in ("/usr/sbin/postfix", "/usr/sbin/dovecot") if not Path(path).exists()]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        bool(why_no_machine() or MISSING), reason=why_no_machine() or f"not installed: {', '.join(MISSING)}"
    ),
]
STRANGER, PRINTER, HERE = "203.0.113.9", "192.0.2.9", "127.0.0.1"
SETTINGS = """\
[site]
domains = ["example.org"]
role = "all-in-one"
[state]
directory = "/var/lib/lockdown"
[apply]
canary = "anna@example.org"
"""
# Says what the server answers to each line, over TLS where it is asked to, as one JSON list.
_TALK = """
import json, smtplib, ssl, sys
source, tls, user, *lines = sys.argv[1:]
said = []
with smtplib.SMTP("127.0.0.1", 25, "mail.stranger.example", 20, (source, 0)) as server:
    said.append(server.ehlo_resp.decode() if server.ehlo_resp else "")
    code, text = server.ehlo()
    if tls:
        server.starttls(context=ssl._create_unverified_context())
        code, text = server.ehlo()
    said.append(text.decode())
    if user:
        try:
            said.append(str(server.login(user, sys.stdin.read())[0]))
        except smtplib.SMTPException as error:
            said.append(type(error).__name__)
    for line in lines:
        code, text = (server.send(line), server.getreply())[1] if "\\n" in line else server.docmd(line)
        said.append(f"{code} {text.decode()}")
print(json.dumps(said))
"""
_BANNER = "import socket; s = socket.create_connection(('127.0.0.1', 25), 20); print(s.recv(200).decode())"
TO_FOREIGN = ("MAIL FROM:<x@elsewhere.example>", "RCPT TO:<y@foreign.example>")
TO_ANNA = ("MAIL FROM:<x@elsewhere.example>", "RCPT TO:<anna@example.org>")


def talk(machine: Machine, *lines: str, source: str = STRANGER, tls: bool = False, user: str = "") -> list[str]:
    """What the server says: to EHLO, to the log-in, to each line."""
    argv = (sys.executable, "-c", _TALK, source, "tls" if tls else "", user, *lines)
    told: list[str] = json.loads(machine.run(*argv, stdin=PASSWORD).stdout)
    return told[1:]


@dataclass(frozen=True)
class Told:
    """How the server stands, by what it says."""

    ehlo: str
    banner: str
    relays: dict[str, str]
    vrfy: str


def ask(machine: Machine) -> Told:
    """The same questions before and after."""
    relays = {source: talk(machine, *TO_FOREIGN, source=source)[-1][:3] for source in (STRANGER, HERE)}
    ehlo, vrfy = talk(machine, "VRFY anna")
    banner = machine.run(sys.executable, "-c", _BANNER).stdout
    return Told(ehlo, banner, relays, vrfy[:3])


@dataclass(frozen=True)
class Mended:
    """A careless machine, and what was seen before anything was changed."""

    machine: Machine
    before: Told
    main_cf: str
    plan: dict[str, Any]


def planned(machine: Machine) -> dict[str, Any]:
    done = machine.lockdown("plan", "attachments", "relaying", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mended]:
    with Machine(tmp_path_factory.mktemp("mta")) as machine:
        set_up(machine)
        machine.run("postconf", "-e", "default_transport=discard:")
        machine.run("rm", "-f", "/etc/clamav/clamd.conf")  # what a scanner reads would bound the size
        for address in (STRANGER, PRINTER):
            machine.run("ip", "addr", "add", f"{address}/32", "dev", "lo")
        machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
        start(machine)
        before, main_cf, plan = ask(machine), machine.read("/etc/postfix/main.cf"), planned(machine)
        applied = machine.lockdown("apply", plan["id"], "--directly")
        assert applied.returncode == 0, (applied.stdout, applied.stderr)
        yield Mended(machine, before, main_cf, plan)


def test_the_careless_server_was_open(mended: Mended) -> None:
    assert mended.before.relays == {STRANGER: "250", HERE: "250"}
    assert mended.before.vrfy == "252"
    assert "3." in mended.before.banner


def test_strangers_cannot_relay_any_more_and_the_machine_itself_still_can(mended: Mended) -> None:
    assert ask(mended.machine).relays == {STRANGER: "554", HERE: "250"}


def test_a_strangers_letter_for_a_user_still_arrives(mended: Mended) -> None:
    letter = "Subject: after the apply\r\n\r\nstill here\r\n.\r\n"
    assert talk(mended.machine, *TO_ANNA, "DATA", letter)[-1].startswith("250")
    assert "still here" in wait_for_mail(mended.machine, "anna", "after the apply")


def test_a_size_is_announced_and_larger_mail_is_refused_before_it_is_sent(mended: Mended) -> None:
    assert "SIZE 52428800" in talk(mended.machine)[0]
    assert talk(mended.machine, "MAIL FROM:<x@elsewhere.example> SIZE=52428801")[-1].startswith("552")


def test_nobody_is_told_who_has_a_mailbox_or_which_version_runs(mended: Mended) -> None:
    after = ask(mended.machine)
    assert after.vrfy == "502"
    assert after.banner.strip() == "220 mail.example.org ESMTP"


def test_passwords_are_taken_over_tls_only_and_a_user_still_signs_in(mended: Mended) -> None:
    assert "AUTH" in mended.before.ehlo
    assert "AUTH" not in talk(mended.machine)[0]
    assert talk(mended.machine, *TO_FOREIGN, tls=True, user="anna")[1:] == ["235", "250 2.1.0 Ok", "250 2.1.5 Ok"]


def test_a_client_that_sends_without_end_is_put_off_and_another_is_not(mended: Mended) -> None:
    many = tuple(line for _ in range(101) for line in ("RSET", TO_ANNA[0]))
    assert talk(mended.machine, *many, source=PRINTER)[-1].startswith("450")
    assert talk(mended.machine, *TO_ANNA)[-1].startswith("250")


def test_nothing_is_proposed_a_second_time(mended: Mended) -> None:
    assert planned(mended.machine)["groups"] == []


def test_z_a_rollback_brings_the_file_back_to_the_octet(mended: Mended) -> None:
    machine = mended.machine
    assert machine.read("/etc/postfix/main.cf") != mended.main_cf
    done = machine.lockdown("rollback", "last", "--directly")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert machine.read("/etc/postfix/main.cf") == mended.main_cf
    assert ask(machine).relays[STRANGER] == "250"

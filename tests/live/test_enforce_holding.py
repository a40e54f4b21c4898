"""Holding an account set up by a plan alone, on a real Postfix and Dovecot: one waits, the other's mail flows.

Nobody notices the empty tables; a rollback leaves every file as it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockdown.facts.holding import DENY_TABLE, HOLD_TABLE
from tests.rig.careless import PASSWORD, mail_of, set_up, start, wait_for_mail
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

MISSING = [path for path in ("/usr/sbin/postfix", "/usr/sbin/dovecot") if not Path(path).exists()]
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        bool(why_no_machine() or MISSING), reason=why_no_machine() or f"not installed: {', '.join(MISSING)}"
    ),
]
SETTINGS = """\
[site]
domains = ["example.org"]
role = "all-in-one"
[state]
directory = "/var/lib/lockdown"
[apply]
canary = "anna@example.org"
[monitoring]
mail_logs = ["/var/log/mail.log"]
hold_accounts = true
"""
PASSDB = "passdb {\n  driver = passwd-file\n  args = /etc/dovecot/users\n}\n"
_SEND = """
import smtplib, ssl, sys
port, user, subject = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with smtplib.SMTP("127.0.0.1", port, "pc.example", 20) as server:
    try:
        server.starttls(context=ssl._create_unverified_context())
        server.login(user, sys.stdin.read())
        server.sendmail(f"{user}@example.org", ["bert@example.org"], f"Subject: {subject}\\r\\n\\r\\nhello\\r\\n")
        print("taken")
    except smtplib.SMTPException as error:
        print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """As Debian has it: passwords in conf.d; and a port of submission with a list of its own."""
    with Machine(tmp_path_factory.mktemp("holding")) as made:
        set_up(made)
        conf = made.read("/etc/dovecot/dovecot.conf")
        assert PASSDB in conf
        made.write("/etc/dovecot/dovecot.conf", conf.replace(PASSDB, ""))
        made.write("/etc/dovecot/conf.d/10-auth.conf", PASSDB)
        with made.path("/etc/postfix/master.cf").open("a") as file:
            file.write("587 inet n - y - - smtpd\n  -o smtpd_end_of_data_restrictions=permit_mynetworks\n")
        made.write("/etc/lockdown/lockdown.toml", SETTINGS)
        made.run("mkdir", "-p", "/var/lib/lockdown")
        start(made)
        agent = made.start(sys.executable, "-m", "lockdown", "agent")
        eventually(lambda: made.path("/var/lib/lockdown/run/agent.sock").exists(), "the agent's socket", 30.0)
        yield made
        agent.kill()
        agent.wait()


def send(machine: Machine, user: str, subject: str, port: int = 587) -> str:
    return machine.run(sys.executable, "-c", _SEND, str(port), user, subject, stdin=PASSWORD).stdout.strip()


def files(machine: Machine) -> dict[str, bytes]:
    found = [path for folder in ("postfix", "dovecot") for path in machine.path(f"/etc/{folder}").rglob("*")]
    return {str(path): path.read_bytes() for path in found if path.is_file() and not path.is_symlink()}


def typed(machine: Machine, *words: str) -> Any:
    ran = machine.lockdown(*words, "--json", check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return json.loads(ran.stdout)


def held(machine: Machine) -> list[str]:
    entries = [json.loads(line) for line in machine.run("postqueue", "-j").stdout.splitlines()]
    return [entry["sender"] for entry in entries if entry["queue_name"] == "hold"]


def test_one_plan_and_an_account_can_be_held_locked_and_let_go(machine: Machine) -> None:
    before = files(machine)
    plan = typed(machine, "plan", "monitoring")
    expected = {one["control"] for one in plan["expected"]}
    assert expected == {
        "monitoring.held-mail-waits",
        "monitoring.locked-password-opens-nothing",
        "monitoring.queue-ids-are-unique",
    }
    done = typed(machine, "apply", plan["id"])
    assert done["state"] == "applied", done
    assert machine.path(HOLD_TABLE).exists() and machine.path(DENY_TABLE).exists()
    assert typed(machine, "plan", "monitoring")["id"] is None, "there is nothing left to do"
    assert "no apply is half done" in machine.lockdown("doctor", check=False).stdout, "the agent tells it"
    assert send(machine, "anna", "nobody is held") == "taken"
    wait_for_mail(machine, "bert", "nobody is held")

    typed(machine, "user", "hold", "anna")
    assert [send(machine, "anna", f"waits on {port}", port) for port in (25, 587)] == ["taken", "taken"]
    assert send(machine, "bert", "from bert") == "taken"
    wait_for_mail(machine, "bert", "from bert")
    assert held(machine) == ["anna@example.org"] * 2
    assert not any("waits on" in letter for letter in mail_of(machine, "bert"))

    typed(machine, "user", "lock", "anna")
    # Dovecot looks at a table once in a second: who signs in right after it was written may still be let in.
    eventually(lambda: send(machine, "anna", "locked") == "SMTPAuthenticationError", "anna's password opens nothing")
    assert send(machine, "bert", "still free") == "taken"

    typed(machine, "user", "release", "anna")
    wait_for_mail(machine, "bert", "waits on 25")
    wait_for_mail(machine, "bert", "waits on 587")
    assert held(machine) == []
    eventually(lambda: send(machine, "anna", "free again") == "taken", "anna is let in again")

    assert typed(machine, "rollback", done["apply"])["state"] == "rolled back"
    assert files(machine) == before
    assert send(machine, "anna", "after all") == "taken"
    wait_for_mail(machine, "bert", "after all")

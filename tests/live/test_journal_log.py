"""A machine without syslog: a real Postfix writes to a real journald, and the watch sees its mail all the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lockdown.host.queue import MAIL_LOG
from tests.rig.journal import JOURNALD, journald
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

NEEDED = ("/usr/sbin/postfix", "/usr/bin/logger", str(JOURNALD))
MISSING = [path for path in NEEDED if not Path(path).exists()]
_WHY_NOT = why_no_machine() or (f"not installed: {', '.join(MISSING)}" if MISSING else "")
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)]

STATE = "/var/lib/lockdown"
MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
transport_maps = inline:{example.net=discard:}
alias_maps =
"""
SETTINGS = f"""\
[site]
role = "all-in-one"
domains = ["example.org"]
[gateway]
listen = ["127.0.0.1:2525"]
upstream = "smtp://127.0.0.1:25"
[state]
directory = "{STATE}"
[antivirus]
engines = []
[antispam]
engines = []
resolvers = []
[monitoring]
drift = "0s"
canary_every = "0s"
"""
AS_GATEWAY = ("setpriv", "--reuid=lockdown", "--regid=lockdown", "--init-groups", "--inh-caps=-all")
AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
# What a watch does with the journal, in the machine.
STEPS = """
import json, os, signal, subprocess, sys, time
from lockdown.host.log_journal import JournalFollower
from lockdown.host.log_files import Position
def say(tag, text, *user):
    subprocess.run([*user, "logger", "-p", "mail.info", "-t", tag, text], check=True)
def heard(follower, count, seconds=10):
    lines, end, foreign, missed = [], time.monotonic() + seconds, 0, []
    while len(lines) + foreign < count and time.monotonic() < end:
        piece = follower.read()
        lines += [line for line in piece.octets.decode().splitlines() if " 4A" in line]
        foreign += piece.foreign
        missed += piece.missed
    return lines, foreign, missed
result = {}
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("journal")) as machine:
        journald(machine)
        machine.run("useradd", "--system", "--groups", "systemd-journal", "lockdown")
        machine.run("install", "-d", "-o", "lockdown", "-m", "700", STATE)
        machine.write("/etc/postfix/main.cf", MAIN_CF)
        machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
        machine.run("postfix", "start")
        config = ("--config", "/etc/lockdown/lockdown.toml")
        machine.start(*AS_GATEWAY, sys.executable, "-m", "lockdown", "up", *config)
        yield machine


def _in(machine: Machine, code: str) -> Any:
    said = machine.run(sys.executable, "-c", f"{STEPS}\n{code}\nprint(json.dumps(result))")
    return json.loads(said.stdout.splitlines()[-1])


def test_senders_top_reads_the_journal(machine: Machine) -> None:
    machine.run("sendmail", "-f", "bob@example.org", "c@example.net", stdin="Subject: y\n\nhello\n")
    told = eventually(
        lambda: [one for one in _top(machine)["senders"] if one["value"] == "bob@example.org" and one["tried"]],
        "bob is among the senders",
    )
    assert told[0]["recipients"] == 1
    assert _top(machine)["unseen"] == []
    whole = json.loads(machine.lockdown("senders", "log", "--json", "--config", "/etc/lockdown/lockdown.toml").stdout)
    assert "bob@example.org" in [row["value"] for row in whole["parts"]["sent by"]]


def _top(machine: Machine) -> Any:
    asked = ("senders", "top", "--by", "sender", "--json", "--config", "/etc/lockdown/lockdown.toml")
    return json.loads(machine.lockdown(*asked).stdout)


def test_the_audit_reads_the_signs_of_trouble_in_the_journal(machine: Machine) -> None:
    machine.run("logger", "-p", "mail.crit", "-t", "postfix/smtpd[9]", "fatal: no SASL caf\xe9")
    machine.run(*AS_NOBODY, "logger", "-p", "mail.crit", "-t", "postfix/smtpd[9]", "fatal: forged")
    says = "fatal: no SASL caf??\n"
    eventually(lambda: says in machine.run("sh", "-c", MAIL_LOG).stdout, "the journal has it")
    eventually(lambda: "forged" in machine.run("journalctl", "-q", "-o", "cat").stdout, "the forgery is in the journal")
    assert "forged" not in machine.run("sh", "-c", MAIL_LOG).stdout
    closed = machine.run(*AS_NOBODY, "sh", "-c", MAIL_LOG, check=False)
    assert (closed.returncode, closed.stdout) == (1, "")


def test_who_may_not_read_the_journal_is_told_what_to_type(machine: Machine) -> None:
    code = "from lockdown.host.log_sources import closed, sources\n"
    why = _as_nobody(machine, f"{code}print(*[closed(log) for log in sources(['auto'])])")
    assert "usermod -aG systemd-journal lockdown" in why
    code = "from lockdown.host.log_journal import JournalFollower, lines_since\n"
    assert "usermod" in _as_nobody(machine, f"{code}print(JournalFollower().read().missed)")
    assert "usermod" in _as_nobody(machine, f"{code}try: list(lines_since(0))\nexcept OSError as error: print(error)")


def _as_nobody(machine: Machine, code: str) -> str:
    return machine.run(*AS_NOBODY, sys.executable, "-c", code).stdout


def test_whoever_calls_himself_postfix_in_a_service_or_not_is_not_believed(machine: Machine) -> None:
    result = _in(
        machine,
        """
follower = JournalFollower()
follower.read()
say("postfix/qmgr[7]", "4AB01: removed", "setpriv", "--reuid=33", "--regid=33", "--clear-groups")
say("postfix/qmgr[7]", "4AB02: removed", "setpriv", "--reuid=postfix", "--regid=postfix", "--clear-groups")
lines, result["foreign"], result["missed"] = heard(follower, 2)
result["lines"] = [line.partition("]: ")[2] for line in lines]
follower.close()
""",
    )
    assert result == {"lines": ["4AB02: removed"], "foreign": 1, "missed": []}


def test_an_ended_child_a_restart_and_a_rotated_journal_lose_no_line_and_double_none(machine: Machine) -> None:
    result = _in(
        machine,
        """
follower = JournalFollower()
follower.read()
def many(name):
    for number in range(15): say("postfix/qmgr[7]", f"4A{name}{number:02}: removed")
    return [f"4A{name}{number:02}:" for number in range(15)]
def words(count): return sorted(line.split()[-2] for line in heard(follower, count)[0])
os.kill(follower._child.pid, signal.SIGKILL)
wanted = many("C")
result["killed"] = words(15) == wanted
kept = follower.position
follower.close()
wanted = many("D")
follower = JournalFollower(kept)
result["restarted"] = words(15) == wanted
result["cursor"] = follower.position.cursor != kept.cursor and follower.position.offset == 0
subprocess.run(["journalctl", "--rotate", "-q"], check=False)
wanted = many("E")
result["rotated"] = words(15) == wanted
result["none is doubled"] = heard(follower, 1, seconds=0.5)[0] == []
follower.close()
""",
    )
    assert all(result.values()), result


def test_who_changes_from_a_file_to_the_journal_is_not_told_the_past_twice(machine: Machine) -> None:
    result = _in(
        machine,
        """
from lockdown.host.log_sources import follower
say("postfix/qmgr[7]", "4AF01: removed")
changed, fresh = follower("journal", {"/var/log/mail.log": Position(7, 7, b"x")}), follower("journal", {})
result["fresh"] = len(heard(fresh, 1)[0]) > 0
result["past"] = changed.read().octets.count(b"4AF01")
say("postfix/qmgr[7]", "4AF02: removed")
result["changed"] = [line.split()[-2] for line in heard(changed, 1)[0]]
changed.close(); fresh.close()
""",
    )
    assert result == {"fresh": True, "past": 0, "changed": ["4AF02:"]}


def test_the_child_does_not_outlive_who_reads_it(machine: Machine) -> None:
    code = (
        "import os, time\nfrom lockdown.host.log_journal import JournalFollower\n"
        "one = JournalFollower()\none.read()\nopen('/tmp/child', 'w').write(str(one._child.pid))\n"
        "os.kill(os.getpid(), 9)"
    )
    machine.run(sys.executable, "-c", code, check=False)
    child = machine.read("/tmp/child")
    machine.run("logger", "-p", "mail.info", "something more")
    eventually(lambda: not machine.path(f"/proc/{child}").exists(), "the child has ended")


def test_what_postfix_says_to_the_journal_is_seen_by_a_gateway_of_its_group(machine: Machine) -> None:
    machine.run("sendmail", "-f", "anna@example.org", "a@example.net", "b@example.net", stdin="Subject: x\n\nhello\n")
    sight = machine.path(f"{STATE}/log-sight.json")
    eventually(lambda: sight.exists() and json.loads(sight.read_text())["lines"] >= 5, "the log is seen", seconds=40)
    told = json.loads(sight.read_text())
    assert (told["closed"], told["unread"], told["misdated"]) == ("", {}, 0)
    said = machine.lockdown("doctor", "--config", "/etc/lockdown/lockdown.toml").stdout
    assert "lines read, 0 of them not understood" in said

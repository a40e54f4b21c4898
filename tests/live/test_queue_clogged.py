"""One sender clogs the queue of a real Postfix: the watch finds it, the agent holds it, and others' mail goes on.

Then all that the agent can be asked of a queue: it deletes while nobody waits, is killed over it, and goes on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

_WHY_NOT = why_no_machine() or ("" if Path("/usr/sbin/postfix").exists() else "postfix is not installed")
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT)]

FLOOD, WANTED = 120, 3
BAD, FORGED = "203.0.113.66", "ceo@example.org"
STATE = "/var/lib/lockdown"
MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination = example.org
inet_interfaces = all
inet_protocols = ipv4
mynetworks = 127.0.0.0/8 203.0.113.0/24
smtpd_relay_restrictions = permit_mynetworks, reject
maillog_file = /var/log/mail.log
home_mailbox = Maildir/
transport_maps = inline:{dead.example=smtp:[127.0.0.1]:9}
smtpd_client_connection_count_limit = 0
queue_run_delay = 3h
minimal_backoff_time = 3h
"""
SETTINGS = f"""\
[site]
domains = ["example.org"]
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
_SEND = """
import smtplib, sys
source, sender, recipient, count = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", 25, timeout=20, source_address=(source, 0)) as client:
    for number in range(int(count)):
        client.sendmail(sender, [recipient], f"Subject: invoice {number}\\r\\n\\r\\nbody\\r\\n")
"""
# The looks of the watch, a minute apart by its own clock.
_WATCH = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from lockdown.config import read_settings
from lockdown.engine.life import Told
from lockdown.engine.watch import Watch
from lockdown.state.layout import StateDirectory
from lockdown.state.store import open_store
settings = read_settings([("lockdown.toml", Path("/etc/lockdown/lockdown.toml").read_text())]).settings
directory = StateDirectory(Path(settings.state.directory)).prepare()
store = open_store(directory.path)
watch = Watch(settings, directory, store, protected=lambda: ())
begun = datetime.now(UTC)
for minute in range(3):
    watch.look(Told(()), begun + timedelta(seconds=61 * minute))
watch.close()
store.close()
"""
# The agent has written down what it was asked for, and was killed before it did it.
_DUE = """
import sys
from pathlib import Path
from lockdown.engine.queue import QueueSurgery, hands_here
QueueSurgery(Path("/var/lib/lockdown"), hands_here()).delete_later(sys.argv[1], "root")
"""


class Clogged:
    """The machine, its queue, and an agent."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.agent: subprocess.Popen[bytes] | None = None

    def start_agent(self) -> None:
        self.agent = self.machine.start(
            sys.executable, "-m", "lockdown", "agent", "--config", "/etc/lockdown/lockdown.toml"
        )
        eventually(lambda: self.machine.path(f"{STATE}/run/agent.sock").exists(), "the agent listens")

    def kill_agent(self) -> None:
        """As a crash does."""
        assert self.agent is not None
        (child,) = Path(f"/proc/{self.agent.pid}/task/{self.agent.pid}/children").read_text().split() or [""]
        os.kill(int(child or self.agent.pid), signal.SIGKILL)
        self.agent.wait(10)
        self.agent = None

    def send(self, source: str, sender: str, recipient: str, count: int = 1) -> None:
        self.machine.run(sys.executable, "-c", _SEND, source, sender, recipient, str(count))

    def queues(self) -> dict[str, int]:
        names = [json.loads(line)["queue_name"] for line in self.machine.run("postqueue", "-j").stdout.splitlines()]
        return {name: names.count(name) for name in names}

    def delivered(self) -> int:
        mailbox = self.machine.path("/home/owner/Maildir/new")
        return len(list(mailbox.iterdir())) if mailbox.exists() else 0

    def told(self, *words: str) -> Any:
        said = self.machine.lockdown(*words, "--json")
        assert said.stdout, said.stderr
        return json.loads(said.stdout)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clogged]:
    with Machine(tmp_path_factory.mktemp("clogged")) as machine:
        machine.run("ip", "route", "add", "local", "203.0.113.0/24", "dev", "lo")
        machine.run("useradd", "--create-home", "owner")
        machine.write("/etc/aliases", "postmaster: owner\n")
        machine.write("/etc/postfix/main.cf", MAIN_CF)
        machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
        machine.run("newaliases")
        machine.run("postfix", "start")
        eventually(lambda: machine.run("postqueue", "-j", check=False).returncode == 0, "Postfix answers")
        yield Clogged(machine)


@pytest.fixture
def clogged(running: Clogged) -> Clogged:
    """The flood waits, and an agent runs."""
    running.machine.run("postsuper", "-d", "ALL")
    if running.agent is None:
        running.start_agent()
    running.send(BAD, FORGED, "somebody@dead.example", FLOOD)
    eventually(lambda: running.queues() == {"deferred": FLOOD}, "the flood waits")
    return running


def test_who_clogs_the_queue_is_held_with_evidence_and_its_source_put_off_while_others_mail_goes(
    clogged: Clogged,
) -> None:
    clogged.send("127.0.0.1", "friend@example.com", "owner@example.org", WANTED)

    clogged.machine.run(sys.executable, "-c", _WATCH)

    assert clogged.queues() == {"hold": FLOOD}
    (deed,) = clogged.told("queue", "status")["deeds"]
    assert (deed["state"], deed["count"], deed["what"]) == ("held", FLOOD, f"sender {FORGED}, user nobody")
    samples = clogged.told("queue", "status", deed["id"])["samples"]
    assert len(samples) == 20 and "Subject: invoice" in clogged.machine.read(samples[0])
    incident = next(
        one for one in clogged.told("incident", "list")["incidents"] if one["name"] == "monitoring.queue-clogged"
    )
    said = {answer["says"]: answer for answer in incident["answers"]}
    held = next(answer for words, answer in said.items() if words.startswith(f"queued mail with sender {FORGED}"))
    assert held["done"] and held["undo"] == f"lockdown queue undo {deed['id']}"
    (restraint,) = clogged.told("block", "list")["restraints"]
    assert restraint["match"] == [["client", BAD]] and restraint["until"]
    clogged.send("127.0.0.1", "friend@example.com", "owner@example.org")
    eventually(lambda: clogged.delivered() == WANTED + 1, "the wanted mail arrives, before and after")

    told = clogged.machine.lockdown("incident", "show", str(incident["id"]))
    assert held["undo"] in told.stdout and "is put off" in told.stdout, told.stdout

    assert clogged.machine.lockdown(*held["undo"].split()[1:]).returncode == 0
    eventually(lambda: clogged.queues() == {"deferred": FLOOD}, "all of the flood goes on, and nothing is lost")


def test_the_agent_deletes_while_nobody_waits_and_after_a_kill_the_next_one_goes_on(clogged: Clogged) -> None:
    held = clogged.told("queue", "hold", "--sender", FORGED, "--yes")
    said = clogged.machine.lockdown("queue", "delete", held["id"], "--yes")
    assert said.returncode == 0 and "by the agent" in said.stdout, said.stdout + said.stderr
    state = lambda: clogged.told("queue", "status", held["id"])["state"]  # noqa: E731
    eventually(lambda: state() == "deleted", "it is deleted")
    assert clogged.queues() == {}

    clogged.kill_agent()
    said = clogged.machine.lockdown("queue", "undo", held["id"])
    assert said.returncode == 0 and clogged.queues() == {"hold": FLOOD}, said.stderr
    clogged.machine.run(sys.executable, "-c", _DUE, held["id"])
    assert state() == "to-be-deleted" and clogged.queues() == {"hold": FLOOD}
    clogged.start_agent()
    eventually(lambda: state() == "deleted" and clogged.queues() == {}, "the next agent does what was asked of this")


def test_where_no_agent_runs_the_command_deletes_and_says_so(clogged: Clogged) -> None:
    clogged.kill_agent()
    said = clogged.machine.lockdown("queue", "delete", "--sender", FORGED, "--yes")
    assert said.returncode == 0 and "no agent runs" in said.stdout, said.stdout + said.stderr
    assert clogged.queues() == {}

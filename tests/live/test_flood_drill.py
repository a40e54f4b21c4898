"""The drill of item 9 on a live gateway with real Postfix behind: green where floods are answered, red where not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.rig import careless
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
[state]
directory = "/var/lib/lockdown"
[gateway]
listen = ["0.0.0.0:2525"]
upstream = "smtp://127.0.0.1:10025"
workers = 1
[antivirus]
engines = []
[antispam]
engines = []
resolvers = []
[monitoring]
mode = "{mode}"
"""
BEHIND = (
    "127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd -o mynetworks=192.0.2.1/32 "
    "-o smtpd_client_event_limit_exceptions=127.0.0.1"
)
HOLD = """\
import json
from contextlib import closing
from pathlib import Path
from lockdown.engine.canary import MaildirCanary
from lockdown.engine.drill import drills, parted
from lockdown.engine.drill_queue import drilled_queue
from lockdown.engine.queue import deeds
from lockdown.engine.settings_files import load_settings
from lockdown.engine.stranger import Namespace
from lockdown.engine.trials import Ground, hold_trials
from lockdown.state.store import open_store
settings = load_settings(Path("/etc/lockdown/lockdown.toml")).settings
_, trials = parted(drills(["monitoring"]), settings)
with Namespace() as there, closing(open_store(Path("/var/lib/lockdown"))) as store:
    canary = MaildirCanary(Path("/home/anna/Maildir"))
    queue = drilled_queue(Path("/var/lib/lockdown"))
    report = hold_trials(trials, Ground(there, "anna@example.org", canary, store, wait_seconds=5.0, queue=queue))
    print(json.dumps({
        "trials": [[one.state, one.says, one.plain_arrived] for one in report.trials],
        "deeds": [one.id for one in deeds(Path("/var/lib/lockdown"))],
        "open": [one.object for one in store.open_incidents() if one.name.startswith("monitoring.")],
        "answers": [[answer.says for answer in one.answers] for one in store.incidents()],
        "running": [one.id for one in store.active_restraints(report.began)],
    }))
"""
GREETING = "timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2525; head -c 4 <&3'"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("flooded")) as machine:
        careless.set_up(machine)
        machine.run("postconf", "-M", BEHIND)
        machine.write("/root/hold.py", HOLD)
        careless.start(machine)
        yield machine


@contextmanager
def gateway(machine: Machine, mode: str) -> Iterator[None]:
    machine.run("sh", "-c", "rm -rf /var/lib/lockdown; mkdir -p /var/lib/lockdown")
    machine.write("/etc/lockdown/lockdown.toml", SETTINGS.format(mode=mode))
    command = f"{sys.executable} -m lockdown gateway --config /etc/lockdown/lockdown.toml"
    machine.run("sh", "-c", f"{command} >/var/log/gateway.log 2>&1 & echo $! > /run/gateway.pid")
    eventually(lambda: "220" in machine.run("sh", "-c", GREETING, check=False).stdout, "the gateway answers")
    yield
    machine.run("sh", "-c", "kill $(cat /run/gateway.pid)")
    eventually(lambda: "220" not in machine.run("sh", "-c", GREETING, check=False).stdout, "the gateway is gone")


def test_a_flood_is_answered_and_what_answered_it_is_lifted_and_told_as_a_drill(machine: Machine) -> None:
    with gateway(machine, "answer"):
        told = json.loads(machine.run(sys.executable, "/root/hold.py").stdout)
    for state, says, plain_arrived in told["trials"]:
        assert (state, plain_arrived) == ("pass", True), says
    assert len(told["trials"]) == 2
    assert machine.run("postqueue", "-j").stdout == "" and told["deeds"] == []
    assert told["open"] == []
    assert told["running"] == []
    assert any("it was a drill" in says for answers in told["answers"] for says in answers)
    assert machine.run("sh", "-c", "find /home/anna/Maildir -type f -path '*/new/*'; ip netns list").stdout == ""


def test_the_drill_goes_red_where_floods_are_only_observed_and_nothing_can_be_held(machine: Machine) -> None:
    """What lies in hold is on another disk than the rest: no message can be moved there."""
    hold = "/var/spool/postfix/hold"
    with gateway(machine, "observe"):
        machine.run("sh", "-c", f"mount -t tmpfs -o mode=700,uid=$(stat -c %u {hold}) tmpfs {hold}")
        told = json.loads(machine.run(sys.executable, "/root/hold.py").stdout)
        machine.run("umount", hold)
    flood, queue = told["trials"]
    for state, says, plain_arrived in (flood, queue):
        assert (state, plain_arrived) == ("fail", True), says
    assert "Nobody answered a flood of 100 letters" in flood[1]
    assert "0 of 5 letters of one sender were held" in queue[1]
    assert machine.run("sh", "-c", "postqueue -j; find /home/anna/Maildir -type f -path '*/new/*'").stdout == ""

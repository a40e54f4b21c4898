"""`lockdown queue` on a whole machine with a real Postfix: who clogs it is named, held, deleted, and put back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.changeable import MAIN_CF, SETTINGS
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine())]
FLOOD, WANTED = 25, 3


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("queue")) as machine:
        machine.run("useradd", "--create-home", "owner")
        machine.write("/etc/aliases", "postmaster: owner\n")
        machine.write("/etc/postfix/main.cf", MAIN_CF + "defer_transports = local\nqueue_run_delay = 3h\n")
        settings = SETTINGS.format(profile="starter", probation="10m", delivery="30s")
        machine.write("/etc/lockdown/lockdown.toml", settings)
        machine.run("newaliases")
        machine.run("postfix", "start")
        for sender, count in (("flood@example.net", FLOOD), ("friend@example.com", WANTED)):
            loop = f"for i in $(seq {count}); do printf 'Subject: x\\n\\nx\\n' | sendmail -f {sender} owner; done"
            machine.run("sh", "-c", loop)
        eventually(lambda: queues(machine) == {"deferred": FLOOD + WANTED}, "all of it is deferred")
        yield machine


def queues(machine: Machine) -> dict[str, int]:
    lines = machine.run("postqueue", "-j").stdout.splitlines()
    names = [json.loads(line)["queue_name"] for line in lines]
    return {name: names.count(name) for name in names}


def told(machine: Machine, *words: str) -> Any:
    said = machine.lockdown("queue", *words, "--json")
    assert said.stdout, said.stderr
    return json.loads(said.stdout)


def test_the_whole_story(machine: Machine) -> None:
    top = machine.lockdown("queue")
    assert top.returncode == 1
    assert top.stdout.startswith("sender flood@example.net has most of it: 28 messages wait"), top.stdout
    assert top.stdout.rstrip().endswith("type: lockdown queue hold --sender flood@example.net")
    listed = told(machine, "list", "--sender", "friend@example.com")
    assert listed["count"] == WANTED and listed["messages"][0]["sender"] == "friend@example.com"

    preview = machine.lockdown("queue", "hold", "--sender", "flood@example.net")
    assert preview.stdout.startswith(f"{FLOOD} messages match") and "to: mail.example.org 25" in preview.stdout
    assert preview.returncode == 2 and "--yes" in preview.stderr  # nobody is there to ask
    assert queues(machine) == {"deferred": FLOOD + WANTED}

    held = told(machine, "hold", "--sender", "flood@example.net", "--yes")
    assert (held["count"], queues(machine)) == (FLOOD, {"hold": FLOOD, "deferred": WANTED})
    rest = machine.lockdown("queue").stdout
    assert f"{WANTED} messages wait" in rest and f"{FLOOD} more are held" in rest
    assert rest.rstrip().endswith("type: lockdown queue status")
    status = machine.lockdown("queue", "status", "last").stdout
    assert status.startswith(f"{held['id']} is held: {FLOOD} messages") and "/samples/*" in status
    assert machine.lockdown("queue", "delete", held["id"], "--yes").returncode == 0
    assert queues(machine) == {"deferred": WANTED}
    assert machine.lockdown("queue", "undo", "last").returncode == 0
    assert queues(machine) == {"hold": FLOOD, "deferred": WANTED}
    assert told(machine, "undo")["deeds"][0]["state"] == "held"
    assert machine.lockdown("queue", "release", held["id"]).returncode == 0
    eventually(lambda: queues(machine).get("hold") is None, "nothing is held")
    assert sum(queues(machine).values()) == FLOOD + WANTED
    again = machine.lockdown("queue", "release", held["id"])
    assert again.returncode == 2 and "are released" in again.stderr and "lockdown queue status" in again.stderr


def test_a_hostile_sender_draws_nothing_on_the_screen_and_what_is_proposed_means_him_alone(machine: Machine) -> None:
    hostile = '"; reboot; $(id) \x1b[2J"@example.net'
    for _ in range(25):
        machine.run("sendmail", "-f", hostile, "owner", stdin="Subject: \x1b]0;x\x07y\n\nx\n")
    eventually(lambda: sum(queues(machine).values()) >= 50, "it waits")
    top = machine.lockdown("queue", "list", "--limit", "100").stdout + machine.lockdown("queue").stdout
    assert "reboot" in top and "\x1b" not in top and "\x07" not in top


@pytest.mark.parametrize("words", [("hold", "--yes"), ("hold", "--client", "nonsense", "--yes"), ("delete", "--yes")])
def test_what_names_nothing_changes_nothing(machine: Machine, words: tuple[str, ...]) -> None:
    assert machine.lockdown("queue", *words).returncode == 2
    assert "hold" not in queues(machine)


def test_who_is_not_root_is_told_what_to_type(machine: Machine) -> None:
    said = machine.run("setpriv", "--reuid=owner", "--clear-groups", *lockdown_words("queue", "top"), check=False)
    assert said.returncode == 2 and "sudo lockdown queue" in said.stderr, said.stdout + said.stderr


def lockdown_words(*words: str) -> tuple[str, ...]:
    import sys

    return (sys.executable, "-m", "lockdown", *words)

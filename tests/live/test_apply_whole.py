"""The whole way with the real rooms, over the agent: a careless server is planned, applied, confirmed from elsewhere,
and brought back octet for octet."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig import careless
from tests.rig.machine import Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

SETTINGS = """\
[site]
domains = ["example.org"]
recipients = ["anna@example.org", "bert@example.org"]
role = "all-in-one"

[state]
directory = "/var/lib/lockdown"

[apply]
canary = "anna@example.org"
"""
KEPT = ("/etc/postfix", "/etc/dovecot", "/etc/ssh", "/etc/security", "/etc/passwd", "/etc/shadow", "/etc/group")
NO_PACKAGES = ("--without", "admins.password-length")
"""It installs a package, and a machine of a test reaches no archive."""


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Careless, with an agent."""
    if why := why_no_machine():
        pytest.skip(why)
    with Machine(tmp_path_factory.mktemp("whole")) as machine:
        careless.set_up(machine)
        careless.administrator(machine)
        careless.start(machine, ssh=True)
        machine.write("/etc/lockdown/lockdown.toml", SETTINGS)
        machine.run("mkdir", "-p", "/var/lib/lockdown")
        agent = machine.start(sys.executable, "-m", "lockdown", "agent")
        eventually(lambda: machine.path("/var/lib/lockdown/run/agent.sock").exists(), "the agent's socket", 30.0)
        yield machine
        agent.kill()
        agent.wait()


def _digests(machine: Machine) -> str:
    return machine.run("sh", "-c", f"find {' '.join(KEPT)} -type f | sort | xargs sha256sum").stdout


def _login(machine: Machine, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Type a command in a session of its own, as who logs in does."""
    ran = machine.run("setsid", "-w", sys.executable, "-m", "lockdown", *arguments, "--json", check=False)
    assert ran.returncode == code, f"{ran.stdout}\n{ran.stderr}"
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


def _failing(machine: Machine) -> set[tuple[str, str]]:
    said = json.loads(machine.lockdown("audit", "--json").stdout)
    return {
        (one["control"], one["target"])
        for item in said["items"]
        for one in item["findings"]
        if one["state"] in ("fail", "warn")
    }


def test_a_careless_server_goes_from_red_to_green_and_back(machine: Machine) -> None:
    before, red = _digests(machine), _failing(machine)
    plan = _login(machine, "plan", *NO_PACKAGES)
    expected = {(one["control"], one["target"]) for one in plan["expected"]}
    assert {"relaying.open-to-strangers", "admins.no-root-by-ssh"} <= {control for control, _ in expected}
    assert expected <= red
    assert _digests(machine) == before, "a plan changes nothing"

    done = _login(machine, "apply", plan["id"])
    assert done["state"] == "on probation", done
    assert expected.isdisjoint(_failing(machine))
    assert any(line.startswith("mail flows") for line in done["says"])

    assert _login(machine, "confirm", done["apply"])["state"] == "confirmed"
    assert _login(machine, "plan", *NO_PACKAGES)["id"] is None, "there is nothing left to do"

    back = _login(machine, "rollback", done["apply"])
    assert back["state"] == "rolled back"
    assert _digests(machine) == before
    assert _failing(machine) == red
    story = _login(machine, "history", done["apply"])
    assert [line["event"] for line in story["story"] if line["event"] in ("committed", "confirmed", "undone")] == [
        "committed",
        "confirmed",
        "undone",
    ]


def test_a_plan_that_the_machine_has_moved_away_from_is_refused_in_words(machine: Machine) -> None:
    plan = _login(machine, "plan", "relaying")
    machine.run("postconf", "-e", "biff = no")
    ran = machine.lockdown("apply", plan["id"])
    assert ran.returncode == 2
    assert "stale" in ran.stderr and "/etc/postfix/main.cf changed since" in ran.stderr
    assert "lockdown plan relaying" in ran.stderr
    assert machine.lockdown("history").stdout == "Lockdown has changed nothing on this machine.\n"

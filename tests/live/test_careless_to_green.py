"""The whole of it on one real server: careless, planned, applied, confirmed over another connection, drilled, undone.

One machine of its own with Postfix, Dovecot and sshd; the tests below tell one story, in their order.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.rig import careless
from tests.rig.machine import Machine, why_no_machine

pytestmark = pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine())

_SETTINGS = """\
[site]
domains = ["example.org"]
role = "all-in-one"
[state]
directory = "/var/lib/lockdown"
"""
_ITEMS = ("attachments", "mailboxes", "services", "admins", "relaying")
# There is no package mirror in the machine, so nothing can be installed there.
_WITHOUT = ("--without", "admins.password-length")
_CANARY = ("--to", "anna@example.org", "--mailbox", "maildir:/home/anna/Maildir")


class Story:
    """The machine, and what the tests before have come to."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.before = files_of(machine)
        self.plan = ""
        self.apply = ""

    def over_ssh(self, *arguments: str) -> CompletedProcess[str]:
        """Our command, over a new connection, as an administrator with a key would type it."""
        ssh = ("ssh", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-i", "/root/carla", "root@127.0.0.1")
        return self.machine.run(*ssh, sys.executable, "-m", "lockdown", *arguments, check=False, seconds=200)

    def bad(self) -> set[str]:
        """The controls that an audit finds failed, or warns of."""
        said = json.loads(self.machine.lockdown("audit", "--json").stdout)
        findings = [finding for item in said["items"] for finding in item["findings"]]
        return {finding["control"] for finding in findings if finding["state"] in ("fail", "warn")}

    def drilled(self, *items: str) -> dict[str, Any]:
        """What a drill of these items says."""
        told: dict[str, Any] = json.loads(self.machine.lockdown("drill", *items, *_CANARY, "--json").stdout)
        return told


def files_of(machine: Machine) -> dict[str, str]:
    """Every file of the machine's settings: its mode, its owner, a digest of its octets; of a link where it leads."""
    root = machine.path("/etc")
    found = {}
    for path in sorted(root.rglob("*")):
        about = path.lstat()
        held = (
            str(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else ""
        )
        found[str(path.relative_to(root))] = f"{about.st_mode:o} {about.st_uid}:{about.st_gid} {held}"
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with Machine(tmp_path_factory.mktemp("careless")) as machine:
        careless.set_up(machine)
        careless.administrator(machine)
        careless.start(machine, ssh=True)
        machine.run(
            "sh", "-c", "install -d -m 700 /root/.ssh && install -m 600 /root/carla.pub /root/.ssh/authorized_keys"
        )
        machine.write("/etc/lockdown/lockdown.toml", _SETTINGS)
        yield Story(machine)


def test_an_audit_finds_each_careless_thing(story: Story) -> None:
    assert {control for control, _ in careless.CARELESS} <= story.bad()


def test_a_drill_proves_that_doors_are_open(story: Story) -> None:
    told = story.drilled("services", "admins")
    failed = {trial["control"] for trial in told["trials"] if trial["state"] == "fail"}
    assert told["exit_code"] == 1
    assert {"services.no-clear-mailbox-ports", "admins.no-passwords-over-ssh"} <= failed


def test_a_plan_shows_each_change_and_changes_nothing(story: Story) -> None:
    planned = story.machine.lockdown("plan", *_ITEMS, "dmz", *_WITHOUT)
    assert planned.returncode == 0, planned.stderr
    found = re.search(r"lockdown apply (\w+)", planned.stdout)
    assert found, planned.stdout
    story.plan = found[1]
    for line in ("-mynetworks = 0.0.0.0/0", "+PermitRootLogin prohibit-password", "+disable_vrfy_command = yes"):
        assert line in planned.stdout, line
    assert files_of(story.machine) == story.before


def test_it_is_applied_and_waits_for_a_word_over_a_new_connection(story: Story) -> None:
    applied = story.over_ssh("apply", story.plan)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    found = re.search(r"lockdown confirm (\S+)", applied.stdout)
    assert found, applied.stdout
    story.apply = found[1]
    assert "on probation" in story.machine.lockdown("history").stdout


def test_who_can_still_come_in_confirms_it(story: Story) -> None:
    assert story.over_ssh("confirm", story.apply).returncode == 0
    assert "on probation" not in story.machine.lockdown("history").stdout


def test_the_audit_is_content_and_nothing_more_is_planned(story: Story) -> None:
    assert not {control for control, _ in careless.CARELESS} & story.bad()
    again = story.machine.lockdown("plan", *_ITEMS, "dmz", *_WITHOUT)
    assert again.returncode == 0
    assert "lockdown apply" not in again.stdout, again.stdout


def test_mail_still_flows(story: Story) -> None:
    story.machine.run("sh", "-c", "printf 'Subject: x\\n\\nafter it all\\n' | sendmail anna@example.org")
    assert careless.wait_for_mail(story.machine, "anna", "after it all")


def test_the_same_drill_and_more_of_it_now_finds_all_shut(story: Story) -> None:
    told = story.drilled("relaying", "services", "attachments", "admins")
    assert [trial for trial in told["trials"] if trial["state"] == "fail"] == []
    # What is not told needs an account of the drill's own, and says so.
    assert told["counts"]["pass"] > 80
    assert told["plain"]["sent"] == told["plain"]["arrived"] > 0


def test_the_history_tells_who_did_what(story: Story) -> None:
    told = story.machine.lockdown("history", story.apply).stdout
    for words in ("confirmed", "root", "+disable_vrfy_command = yes", f"lockdown rollback {story.apply}"):
        assert words in told, words


def test_a_rollback_brings_every_file_back_to_the_octet(story: Story) -> None:
    undone = story.machine.lockdown("rollback", story.apply)
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert files_of(story.machine) == story.before
    assert {control for control, _ in careless.CARELESS} <= story.bad()

"""Plan, apply, confirm, roll back on real Postfix and Dovecot, in a machine of the test's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.changeable import make_changeable, settle
from tests.rig.machine import REPOSITORY, Machine, why_no_machine
from tests.rig.network import eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

FILES = ("/etc/postfix/main.cf", "/etc/passwd", "/etc/shadow", "/etc/group")
DROP_IN = "/etc/dovecot/conf.d/98-lockdown-double.conf"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if why := why_no_machine():
        pytest.skip(why)
    with Machine(tmp_path_factory.mktemp("apply")) as machine:
        make_changeable(machine)
        yield machine


@pytest.fixture
def machine(whole: Machine) -> Iterator[Machine]:
    """As it was made, whatever the test before has done to it."""
    settle(whole)
    whole.run("sh", "-c", "rm -rf /var/lib/lockdown-agent")
    before = {path: whole.path(path).read_bytes() for path in FILES}
    yield whole
    whole.run("pkill", "-f", "unless-confirmed", check=False)
    for path, octets in before.items():
        whole.path(path).write_bytes(octets)
    whole.path(DROP_IN).unlink(missing_ok=True)
    whole.run("postfix", "reload")


def _act(machine: Machine, *arguments: str, check: bool = True, session: bool = True) -> dict[str, Any]:
    """With the room of the tests; each in a session of its own, as a login is, unless it is to have none."""
    ran = machine.run(
        *(("setsid", "-w") if session else ()), "env", f"PYTHONPATH={REPOSITORY}", sys.executable,
        "-m", "tests.rig.acting", *arguments, check=check,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(ran.stdout) if ran.stdout else {}
    return said


def _seen(machine: Machine) -> dict[str, bytes | None]:
    paths = [*FILES, DROP_IN]
    return {path: machine.path(path).read_bytes() if machine.path(path).exists() else None for path in paths}


def test_what_is_planned_is_done_proved_by_a_letter_and_brought_back_octet_for_octet(machine: Machine) -> None:
    before = _seen(machine)
    done = _act(machine, "approve")
    assert (done["end"], done["code"]) == ("applied", 0), done
    assert "mail flows" in done["says"][1]
    assert machine.run("postconf", "-h", "disable_vrfy_command").stdout == "yes\n"
    assert "auth_verbose = yes" in machine.run("doveconf", "-n").stdout
    assert machine.read("/etc/postfix/main.cf").startswith("# As the administrator wrote it, with a remark.\n")
    assert _act(machine, "plan")["controls"] == [], "a second plan has nothing to do"
    back = _act(machine, "rollback", "last")
    assert back["says"] == ["rolled back: all of it is as it was before"]
    assert _seen(machine) == before
    assert "mail flows" in back["mail"]


def test_the_same_machine_gives_the_same_plan_and_a_changed_one_another(machine: Machine) -> None:
    first = _act(machine, "plan")["id"]
    assert _act(machine, "plan")["id"] == first
    machine.run("sh", "-c", "echo '# touched' >> /etc/postfix/main.cf")
    assert _act(machine, "plan")["id"] != first


def test_a_change_that_stops_mail_is_noticed_and_taken_back(machine: Machine) -> None:
    settle(machine, profile="strict")
    before = _seen(machine)
    done = _act(machine, "apply")
    assert (done["end"], done["code"]) == ("rolled back", 4)
    assert "mail flowed before, and does not now" in done["says"][0]
    assert _seen(machine) == before
    assert done["says"][-1].startswith("mail flows"), "it flows again"


def test_what_a_person_has_changed_since_is_left_and_said(machine: Machine) -> None:
    _act(machine, "apply")
    machine.run("postconf", "-e", "disable_vrfy_command = no", "biff = no")
    machine.write(DROP_IN, "# mine now\nauth_verbose = yes\n")
    back = _act(machine, "rollback", "last")
    assert back["code"] == 1
    assert any(DROP_IN in line and "changed since" in line for line in back["says"])
    assert "biff = no" in machine.read("/etc/postfix/main.cf")
    assert machine.read(DROP_IN).startswith("# mine now")
    shell = next(line for line in machine.read("/etc/passwd").splitlines() if line.startswith("surplus:"))
    assert shell.endswith("/bin/bash"), "the rest is brought back"


# ── probation ──


def test_unconfirmed_it_is_undone_by_itself(machine: Machine) -> None:
    settle(machine, profile="business", probation="6s")
    before = _seen(machine)
    done = _act(machine, "apply")
    assert (done["end"], done["code"]) == ("on probation", 0)
    assert _seen(machine) != before
    eventually(lambda: _seen(machine) == before, "the timer rolls it back", 40.0)
    eventually(lambda: "rolled back" in machine.lockdown("history").stdout, "the history says so", 30.0)
    assert "nobody has confirmed it in time" in machine.lockdown("history", "last").stdout


def test_it_is_undone_although_whoever_applied_it_was_killed_half_way(machine: Machine) -> None:
    settle(machine, profile="business", probation="6s")
    before = _seen(machine)
    _act(machine, "apply", "read again", check=False)
    assert _seen(machine) != before
    eventually(lambda: _seen(machine) == before, "the timer rolls it back", 40.0)


def test_confirmed_over_a_new_connection_it_stays(machine: Machine) -> None:
    settle(machine, profile="business", probation="9s")
    _act(machine, "apply")
    applied = _seen(machine)
    _act(machine, "confirm", "last")
    assert "confirmed" in machine.lockdown("history").stdout
    # Nothing is waiting any more that could undo it.
    processes = machine.run("ps", "-eo", "args").stdout
    assert "--unless-confirmed" not in processes
    assert _seen(machine) == applied


def test_the_connection_that_applied_it_cannot_confirm_it(machine: Machine) -> None:
    settle(machine, profile="business")
    both = f"PYTHONPATH={REPOSITORY} {sys.executable} -m tests.rig.acting"
    ran = machine.run("setsid", "-w", "sh", "-c", f"{both} apply && {both} confirm last", check=False)
    assert ran.returncode != 0
    assert "the connection that it was applied over" in ran.stderr
    assert "on probation" in machine.lockdown("history").stdout
    assert "is on probation: in " in machine.lockdown("doctor", check=False).stdout


def test_where_nobody_can_tell_whether_mail_flows_it_is_on_probation_whatever_it_changes(machine: Machine) -> None:
    settle(machine, delivery="1s")
    machine.run("sh", "-c", "sed -i '/^maillog_file/d' /etc/postfix/main.cf && postfix reload")
    done = _act(machine, "apply")
    assert done["end"] == "on probation"
    assert any("cannot be told" in line for line in done["says"])


def test_after_a_restart_of_the_machine_the_timer_is_set_again_or_the_time_is_over(machine: Machine) -> None:
    settle(machine, profile="business", probation="10m")
    before = _seen(machine)
    _act(machine, "apply")
    machine.run("pkill", "-f", "unless-confirmed")
    assert "on probation until" in _act(machine, "recover")["says"][0]
    assert "--unless-confirmed" in machine.run("ps", "-eo", "args").stdout
    machine.run("sh", "-c", 'sed -i \'s/"until": "20/"until": "10/\' /var/lib/lockdown-agent/applies/*/journal.jsonl')
    assert "not confirmed in time" in _act(machine, "recover")["says"][0]
    assert _seen(machine) == before


# ── who may, and when ──


def test_nothing_begins_on_top_of_an_unfinished_one(machine: Machine) -> None:
    settle(machine, profile="business")
    _act(machine, "apply")
    ran = machine.run(
        "env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-m", "tests.rig.acting", "approve", check=False
    )
    assert ran.returncode != 0
    assert "is on probation" in ran.stderr


def test_a_damaged_journal_is_told_and_nothing_is_guessed(machine: Machine) -> None:
    _act(machine, "apply", "read again", check=False)
    half_way = _seen(machine)
    machine.run("sh", "-c", "sed -i '3s/.*/garbage/' /var/lib/lockdown-agent/applies/*/journal.jsonl")
    assert "cannot be read" in _act(machine, "recover")["says"][0]
    assert _seen(machine) == half_way
    assert "unreadable" in machine.lockdown("history").stdout
    refused = machine.lockdown("rollback", "last")
    assert refused.returncode == 2
    assert "nothing is guessed" in refused.stderr

"""SIGKILL at every step of an apply, and at every step of the undo after it: on real Postfix and Dovecot, in a machine
of the test's own. The machine ends as before or as planned, octet for octet, and says which.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.changeable import make_changeable
from tests.rig.machine import REPOSITORY, Machine, why_no_machine

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

VERIFIED_FROM = ("commit", "committed")
"""From here on the apply is verified: what is left is a word."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What came of each death."""
    if why := why_no_machine():
        pytest.skip(why)
    with Machine(tmp_path_factory.mktemp("killed")) as machine:
        make_changeable(machine)
        said = machine.run(
            "env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-m", "tests.rig.killed", seconds=380.0
        ).stdout
        yield [json.loads(line) for line in said.splitlines()]


def test_every_kind_of_step_was_died_at(told: list[dict[str, Any]]) -> None:
    steps = {line["step"] for line in told}
    assert {"journal", "arm", "write 0", "written 0", "do 0", "did 1", "reload postfix", "reload dovecot"} <= steps
    assert {"read again", "letter after", "verified", *VERIFIED_FROM} <= steps
    assert {"undo begins", "undo deed 1", "undo edit 0", "repeat deed 0", "undo ends"} <= {one["again"] for one in told}


def test_cut_off_before_it_was_verified_the_machine_is_as_before(told: list[dict[str, Any]]) -> None:
    assert [line for line in told if line["step"] not in VERIFIED_FROM and line["is"] != "before"] == []


def test_cut_off_after_it_was_verified_the_machine_is_as_planned(told: list[dict[str, Any]]) -> None:
    assert [line["is"] for line in told if line["step"] in VERIFIED_FROM] == ["planned", "planned"]


def test_the_recovery_says_which_of_the_two_it_is(told: list[dict[str, Any]]) -> None:
    silent = ("fetch", "letter before", "journal", "committed")
    for line in told:
        says = " ".join(line["says"])
        if line["step"] in silent:
            assert says == "", "nothing was begun, or nothing was left to do"
        else:
            assert ("as planned" if line["is"] == "planned" else "as it was before") in says, line

"""`lockdown drill` against a real gateway: what it tells of a good, an open and a dead one, and what it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.clamd import RealClamd, why_clamd_cannot_run
from tests.rig.gateway import GatewayProcess
from tests.rig.network import LOOPBACK, free_port
from tests.rig.sandbox import sandbox

pytestmark = pytest.mark.live

BUILTIN = {"antivirus": {"engines": ["builtin"]}, "antispam": {"engines": ["builtin"], "resolvers": []}}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with its builtin engines."""
    with GatewayProcess(tmp_path_factory.mktemp("guarded"), BUILTIN, upstream="maildir:mail") as gateway:
        yield gateway


def _drill(config: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "lockdown", "drill", *arguments, "--json", "--config", str(config)],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["schema"] == "lockdown.drill/1"
    return done.returncode, report


def _not_as_expected(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["name"], one["fate"], one["says"]) for one in report["results"] if one["state"] != "pass"]


def test_the_whole_drill_is_as_expected_and_leaves_nothing_behind(guarded: GatewayProcess) -> None:
    code, report = _drill(guarded.config, "antivirus", "antispam", "--only", "letters")
    assert _not_as_expected(report) == []
    assert code == 0
    assert report["plain"]["sent"] == report["plain"]["arrived"] > 100
    assert (guarded.delivered(), guarded.held()) == ([], [])
    assert json.loads((guarded.state / "drills.json").read_text())["exit_code"] == code


def test_a_gateway_without_engines_lets_everything_through_and_fails_every_set(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "gate", {}, upstream="maildir:mail") as gateway:
        code, report = _drill(gateway.config, "antispam", "--only", "letters")
        assert code == 1
        arrived = Counter(one["set"] for one in report["results"] if one["fate"] == "arrived")
        assert set(arrived) == {"the test spam", "our own domain forged from outside", "wanted mail"}
        assert {one["state"] for one in report["results"] if one["set"] == "wanted mail"} == {"pass"}
        assert all(one["id"] for one in report["results"])
        assert gateway.delivered() == []


def test_a_gateway_that_is_not_there_proves_nothing(tmp_path: Path) -> None:
    config = tmp_path / "lockdown.toml"
    config.write_text(f'[gateway]\nlisten = ["{LOOPBACK}:{free_port()}"]\n[state]\ndirectory = "{tmp_path}/state"\n')
    code, report = _drill(config, "antivirus", "--only", "letters")
    assert code == 3
    assert {one["state"] for one in report["results"]} == {"unknown"}
    assert report["unsent"] > 0


def test_a_mailbox_that_nothing_comes_to_proves_nothing(guarded: GatewayProcess, tmp_path: Path) -> None:
    elsewhere = ("--mailbox", f"maildir:{tmp_path}/elsewhere", "--wait", "1s")
    code, report = _drill(guarded.config, "antispam", "--only", "letters", *elsewhere)
    assert code == 3
    assert {one["state"] for one in report["results"]} == {"unknown"}
    assert "dead server" in report["notes"][0]


def test_no_message_slips_by_while_the_processes_that_read_are_killed(tmp_path: Path) -> None:
    config = tmp_path / "lockdown.toml"
    config.write_text('[antispam]\nengines = ["builtin"]\nresolvers = []\n')
    code, report = _drill(config, "antivirus", "--only", "failures")
    assert _not_as_expected(report) == []
    assert code == 0
    assert [one["fate"] for one in report["results"]][1] == "put off"


@pytest.mark.skipif(bool(why_clamd_cannot_run()), reason=why_clamd_cannot_run() or "clamd runs")
def test_no_message_slips_by_while_clamd_fails_or_lies() -> None:
    from lockdown.config import read_settings
    from lockdown.engine.drill import drills
    from lockdown.engine.failures import failure_drill
    from lockdown.engine.relay import Failure
    from lockdown.model.finding import State

    with sandbox("drill") as box, RealClamd(box) as clamd:
        policy = f'[antivirus]\nengines = ["{clamd.tcp_url}"]\n[antispam]\nengines = []\nresolvers = []\n'
        settings = read_settings([("lockdown.toml", policy)]).settings
        steps = {"antivirus": list(drills(["antivirus"])["antivirus"](settings))}
        report = failure_drill(
            steps, settings, "postmaster@example.org", failures=(Failure.STOPPED, Failure.CUT, Failure.LYING)
        )
    assert [(one.step.name, one.fate, one.says) for one in report.results if one.state is not State.PASS] == []
    assert len(report.results) == 10

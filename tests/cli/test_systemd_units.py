"""The systemd units: systemd itself finds nothing wrong with them, and they give away no more than is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "packaging" / "systemd").glob("*.service"))
BY_NAME = {unit.stem: unit.read_text() for unit in UNITS}


RECOVERS = "lockdown-recover"
"""Not a process of ours that stays: it puts back whatever was changed on the machine, once, at boot."""
STAYS = sorted(set(BY_NAME) - {RECOVERS})


def test_there_is_one_for_each_process_and_one_that_recovers() -> None:
    assert STAYS == ["lockdown-agent", "lockdown-console", "lockdown-gateway"]
    assert RECOVERS in BY_NAME


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze on this machine")
    # What is checked is the unit, not whether Lockdown is installed here.
    checked = tmp_path / unit.name
    checked.write_text(re.sub(r"/opt/lockdown/\S+", "/bin/true", unit.read_text()))
    ran = subprocess.run([analyze, "verify", "--man=no", str(checked)], capture_output=True, text=True)
    if "Failed to" in ran.stderr and str(checked) not in ran.stderr and unit.name not in ran.stderr:
        pytest.skip(f"systemd-analyze does not work here: {ran.stderr.strip()}")
    assert ran.stderr == ""
    assert ran.returncode == 0


@pytest.mark.parametrize("name", STAYS)
def test_none_may_gain_privileges_or_write_elsewhere(name: str) -> None:
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "MemoryDenyWriteExecute=yes"):
        assert line in BY_NAME[name].splitlines()


def test_only_the_agent_is_root_and_only_the_gateway_may_use_low_ports() -> None:
    assert [name for name in STAYS if "User=root" in BY_NAME[name]] == ["lockdown-agent"]
    assert [name for name, text in BY_NAME.items() if "AmbientCapabilities=" in text] == ["lockdown-gateway"]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in BY_NAME["lockdown-gateway"]


def test_the_gateway_may_finish_what_it_has_begun() -> None:
    assert "TimeoutStopSec=11min" in BY_NAME["lockdown-gateway"]
    assert "KillMode=mixed" in BY_NAME["lockdown-gateway"]


def test_what_was_cut_off_ends_at_boot_before_the_agent_answers_and_only_where_something_was_ever_changed() -> None:
    unit = BY_NAME[RECOVERS]
    assert "rollback --interrupted" in unit
    assert "Type=oneshot" in unit and "Before=lockdown-agent.service" in unit
    conditions = re.findall(r"^ConditionPathExists=(.+)$", unit, re.MULTILINE)
    assert conditions == ["|/var/lib/lockdown-agent/applies", "|/var/lib/lockdown/applies"]


@pytest.mark.parametrize("name", ["lockdown-agent", RECOVERS])
def test_root_works_in_a_folder_that_is_its_own(name: str) -> None:
    unit = BY_NAME[name].splitlines()
    for line in (
        "StateDirectory=lockdown-agent",
        "StateDirectoryMode=0700",
        "WorkingDirectory=/var/lib/lockdown-agent",
    ):
        assert line in unit

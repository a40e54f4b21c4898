"""Whatever is handed to an audit: never a traceback, never a pass for what could not be read, and what to type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOSTS = Path(__file__).parents[1] / "recordings" / "hosts"
RELAY = "relaying.open-to-strangers"


def lockdown(*arguments: str, where: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lockdown", *arguments],
        capture_output=True, timeout=60, check=False, cwd=where, env={**os.environ, **environment},
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def relay_states(target: Path, where: Path) -> set[str]:
    """How Postfix stands as a relay, by an audit of the target."""
    report = json.loads(lockdown("audit", str(target), "--json", where=where).stdout)
    found = [one for item in report["items"] for one in item["findings"] if one["control"] == RELAY]
    assert found
    for one in found:
        assert one["state"] != "unknown" or one["next_command"], one
    return {one["state"] for one in found if one["target"].startswith("postfix")}


JUNK = {
    "nothing": b"",
    "junk": bytes(range(256)) * 40,
    "half a setting": b"relay_domains = ${",
    "zeros": b"\0" * 100_000,
    "a setting of itself": b"mynetworks = $mynetworks\n",
    "one line of a megabyte": b"mynetworks = " + b"a" * 1_000_000,
    "latin one": "myhostname = münchen.example\nmynetworks = 0.0.0.0/0\n".encode("latin-1"),
}


@pytest.mark.parametrize("octets", JUNK.values(), ids=JUNK)
def test_a_main_cf_that_is_none_is_never_a_closed_relay_by_mistake(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_bytes(octets)
    states = relay_states(tmp_path / "main.cf", tmp_path)
    # An empty main.cf is a whole one: Postfix runs on its defaults, which relay for nobody.
    assert states <= ({"pass", "unknown"} if octets == b"" else {"unknown", "fail", "warn"}), states


def test_a_million_lines_are_read_or_refused_in_words_and_in_time(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text("x = y\n" * 1_000_000)
    assert relay_states(tmp_path / "main.cf", tmp_path) == {"unknown"}


def cut(folder: Path, name: str, keep: float) -> None:
    path = folder / name
    octets = path.read_bytes()
    path.write_bytes(octets[: int(len(octets) * keep)])


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
def test_a_reading_that_was_cut_short_is_unknown(keep: float, tmp_path: Path) -> None:
    shutil.copytree(HOSTS / "healthy", tmp_path / "snap")
    cut(tmp_path / "snap", "postfix/postconf", keep)
    assert relay_states(tmp_path / "snap", tmp_path) == {"unknown"}


def test_a_snapshot_whose_list_is_damaged_is_refused_in_a_sentence(tmp_path: Path) -> None:
    shutil.copytree(HOSTS / "healthy", tmp_path / "snap")
    cut(tmp_path / "snap", "manifest.json", 0.5)
    done = lockdown("audit", str(tmp_path / "snap"), where=tmp_path)
    assert done.returncode == 2
    assert b"is not JSON" in done.stderr


@pytest.mark.parametrize("form", ["text", "json", "html", "sarif", "junit", "ocsf", "nagios"])
def test_every_form_is_written_in_a_locale_that_is_not_utf_8(form: str, tmp_path: Path) -> None:
    done = lockdown(
        "audit", str(HOSTS / "open-relay-mynetworks"), "--format", form, where=tmp_path,
        LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii", PYTHONCOERCECLOCALE="0",
    )  # fmt: skip
    assert done.returncode == (2 if form == "nagios" else 1), done.stderr
    assert len(done.stdout) > 200


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_without_root_what_may_not_be_read_is_unknown_and_root_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    code = (
        "import os; os.chdir('/'); os.setgid(65534); os.setuid(65534); "
        "from lockdown.cli import main; main(['audit', '--json'])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["exit_code"] in (1, 3)
    unknown = [one for item in report["items"] for one in item["findings"] if one["state"] == "unknown"]
    denied = [one for one in unknown if "denied" in one["says"].lower()]
    assert all(one["next_command"] for one in denied), [one for one in denied if not one["next_command"]]

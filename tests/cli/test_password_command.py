"""`lockdown password`: what a company's own words, lost passwords and length come to; and that it is shown nowhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = """\
[site]
domains = ["acme-widgets.example"]
admins = ["ada.byron@acme-widgets.example"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "lockdown.toml"
    path.write_text(SETTINGS)
    return path


def judged(config: Path, password: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lockdown", "password", "--config", str(config), *more],
        input=password, capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def told(config: Path, password: str, *more: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(judged(config, password, "--json", *more).stdout)
    return found


@pytest.mark.parametrize("password", ["kubrick-98-lantern-frost", "uR9#fuzzy.Tangerine.moss"])
def test_a_strong_one_is_taken(config: Path, password: str) -> None:
    done = judged(config, f"{password}\n")
    assert (done.returncode, done.stdout[:13]) == (0, "strong enough")


@pytest.mark.parametrize(
    ("password", "word"), [("AcmeWidgets2026!", "acme"), ("widgets-widgets", "widgets"), ("Byron.Moohoo1", "moohoo")]
)
def test_one_made_of_the_companys_words_is_refused_and_the_words_are_named(
    config: Path, password: str, word: str
) -> None:
    found = told(config, password)
    assert found["use_it"] is False
    assert word in found["words"]  # type: ignore[operator]


def test_the_owners_name_makes_it_weak_for_that_owner_alone(config: Path) -> None:
    weak, strong = told(config, "zwingenberger7", "--user", "zwingenberger"), told(config, "zwingenberger7")
    assert weak["score"] < strong["score"]  # type: ignore[operator]
    by_pam = judged(config, "zwingenberger7\0", "--json", PAM_USER="zwingenberger")
    assert json.loads(by_pam.stdout)["score"] == weak["score"]


def test_a_short_one_is_refused_by_its_length(config: Path) -> None:
    assert any("10 are wanted" in why for why in told(config, "vQ8#x")["why_not"])  # type: ignore[attr-defined]


def test_a_lost_one_is_refused_however_strong_it_looks(config: Path, tmp_path: Path) -> None:
    password = "kubrick-98-lantern-frost"
    lost = tmp_path / "lost.txt"
    lost.write_text(f"{hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()}:42\n")
    config.write_text(f'{SETTINGS}[admins]\nbreach_list = "file:{lost}"\n')
    found = told(config, password)
    assert (found["lost"], found["use_it"]) == (42, False)
    assert told(config, password + "!")["lost"] == 0


def test_a_list_that_cannot_be_read_is_no_yes(config: Path) -> None:
    config.write_text(f'{SETTINGS}[admins]\nbreach_list = "file:/nowhere/lost.txt"\n')
    done = judged(config, "kubrick-98-lantern-frost\n")
    assert done.returncode == 3
    assert "could not be told" in done.stdout


@pytest.mark.parametrize("password", ["", "\n", "hunter2-hunter2\n", "\x1b[31mred-password-of-ours\n"])
def test_the_password_is_shown_nowhere(config: Path, password: str) -> None:
    done = judged(config, password)
    assert done.returncode in (0, 1)
    bare = password.strip()
    assert not bare or bare not in done.stdout + done.stderr
    assert judged(config, password, "--quiet").stdout == ""


def test_octets_that_are_no_text_do_not_raise(config: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lockdown", "password", "--config", str(config)],
        input=b"\xff\xfe\x00\x80" * 2000, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1)
    assert b"Traceback" not in done.stderr

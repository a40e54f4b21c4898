"""`lockdown audit`, `snapshot` and `explain` as they are typed: words, exit codes, JSON; never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOSTS = Path(__file__).parents[1] / "recordings" / "hosts"


def lockdown(*arguments: str, where: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "lockdown", *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=where, env={**os.environ, **environment},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def audit_of(name: str, *more: str, where: Path) -> subprocess.CompletedProcess[str]:
    return lockdown("audit", "--from", str(HOSTS / name), *more, where=where)


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("healthy", (), 0),
        ("healthy", ("--fail-on", "warn"), 0),
        ("healthy", ("--item", "antivirus"), 0),
        ("healthy", ("--item", "backups"), 0),
        ("open-relay-mynetworks", (), 1),
        ("trusts-the-neighbours", (), 0),
        ("trusts-the-neighbours", ("--fail-on", "warn"), 1),
        ("denied", (), 3),
        ("tables-missing", (), 3),
    ],
)
def test_the_exit_code_is_the_answer(name: str, more: tuple[str, ...], code: int, tmp_path: Path) -> None:
    assert audit_of(name, *more, where=tmp_path).returncode == code


def test_the_screen_says_first_what_to_do_and_last_what_to_type(tmp_path: Path) -> None:
    lines = audit_of("open-relay-mynetworks", where=tmp_path).stdout.splitlines()
    assert lines[0] == "mail.example.org, 2026-01-15 03:00 UTC"
    assert lines[3] == "Do this first"
    assert lines[4].startswith("1. FAIL    Anyone may relay")
    assert any("/etc/postfix/main.cf:19: mynetworks = 127.0.0.0/8, 0.0.0.0/0" in line for line in lines)
    assert any("do: postconf -e 'mynetworks = 127.0.0.0/8 [::1]/128' && postfix reload" in line for line in lines)
    assert lines[-1].startswith("Then:  lockdown audit")


def test_all_thirteen_are_on_the_screen_and_all_are_judged(tmp_path: Path) -> None:
    screen = audit_of("healthy", where=tmp_path).stdout
    titles = [line for line in screen.splitlines() if line[:2].strip().isdigit() and line[2:4] == "  "]
    assert len(titles) == 13
    assert "not judged" not in screen


def test_what_holds_is_shown_on_request(tmp_path: Path) -> None:
    assert "Strangers are refused" not in audit_of("healthy", where=tmp_path).stdout
    assert "Strangers are refused" in audit_of("healthy", "--all", where=tmp_path).stdout


def test_a_file_that_is_judged_cannot_paint_on_the_terminal(tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    lockdown("snapshot", "-o", str(evil), where=tmp_path)
    manifest = json.loads((evil / "manifest.json").read_text())
    why = "\x1b]0;owned\x07\x1b[2J\u202ereversed"
    for name in [name for name in manifest["readings"] if name.startswith("postfix/")]:
        for path in (evil / name, evil / f"{name}.unknown"):
            path.unlink(missing_ok=True)
        (evil / f"{name}.unknown").write_text(why)
        manifest["readings"][name] = {"bytes": len(why.encode()), "unknown": True}
    manifest["host"] = "mail\x1b[31m"
    (evil / "manifest.json").write_text(json.dumps(manifest))
    screen = lockdown("audit", "--from", str(evil), where=tmp_path).stdout
    assert "owned" in screen
    assert not {"\x1b", "\x07", "\u202e"} & set(screen)


def test_the_json_names_its_schema_and_every_finding_has_a_stable_id(tmp_path: Path) -> None:
    first = json.loads(audit_of("open-relay-mynetworks", "--json", where=tmp_path).stdout)
    again = json.loads(audit_of("healthy", "--format", "json", where=tmp_path).stdout)
    assert first["schema"] == "lockdown.audit/1"
    assert first["exit_code"] == 1
    assert len(first["items"]) == 13
    assert _ids(first) == _ids(again)
    failed = next(found for found in _findings(first) if found["control"] == "relaying.open-to-strangers")
    assert failed["evidence"][0] == {
        "source": "/etc/postfix/main.cf", "line": 19, "text": "mynetworks = 127.0.0.0/8, 0.0.0.0/0",
    }  # fmt: skip


def _findings(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [found for item in report["items"] for found in item["findings"]]


def _ids(report: dict[str, Any]) -> set[str]:
    ids = [found["id"] for found in _findings(report)]
    assert len(set(ids)) == len(ids)
    return set(ids)


def test_a_report_goes_into_a_file(tmp_path: Path) -> None:
    done = audit_of("healthy", "--json", "-o", "report.json", where=tmp_path)
    assert done.stdout == ""
    assert json.loads((tmp_path / "report.json").read_text())["host"] == "mail.example.org"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("audit", "--item", "relying"), "Did you mean relaying?"),
        (("audit", "--from", "nothing"), "neither a snapshot nor files of a mail server"),
        (("audit", "--from", "a", "--postfix-config", "b"), "another target brings its own Postfix"),
        (("audit", "--postfix-config", "nothing"), "holds no Postfix configuration"),
        (("audit", "--config", "nothing.toml"), "nothing.toml cannot be read"),
        (("audit", "-o", "/proc/report"), "could not be written"),
        (("audit", "--fail-on", "blood"), "blood"),
        (("snapshot",), "--output"),
        (("snapshot", "-o", "/proc/snapshot"), "could not be written"),
        (("explain", "relaying.open-to-stranger"), "Did you mean relaying.open-to-strangers"),
        (("explain", "qqq"), "lists them all"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_2(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = lockdown(*arguments, where=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_snapshot_of_this_machine_is_judged_as_this_machine_is(tmp_path: Path) -> None:
    assert lockdown("snapshot", "-o", "here", where=tmp_path).returncode == 0
    there = json.loads(lockdown("audit", "--from", "here", "--json", where=tmp_path).stdout)
    here = json.loads(lockdown("audit", "--json", where=tmp_path).stdout)
    assert [(found["id"], found["state"]) for found in _findings(there)] == [
        (found["id"], found["state"]) for found in _findings(here)
    ]


def test_an_audit_alone_makes_no_state_directory(tmp_path: Path) -> None:
    lockdown("audit", where=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_audit_is_kept_where_lockdown_has_a_store(tmp_path: Path) -> None:
    from lockdown.state.layout import StateDirectory
    from lockdown.state.store import open_store

    directory = StateDirectory(tmp_path / "var").prepare()
    open_store(directory.path).close()
    report = json.loads(lockdown("audit", "--json", where=tmp_path).stdout)
    store = open_store(directory.path)
    kept = store.latest_findings(report["host"])
    store.close()
    assert len(kept) == len(_findings(report))


def test_a_store_that_cannot_be_opened_costs_the_record_and_not_the_audit(tmp_path: Path) -> None:
    from lockdown.state.layout import StateDirectory

    directory = StateDirectory(tmp_path / "var").prepare()
    directory.database.write_text("this is no database")
    done = lockdown("audit", where=tmp_path)
    assert "Limit the size of attachments" in done.stdout
    assert "this audit is not recorded" in done.stderr


def test_explain_says_why_how_and_the_way_back(tmp_path: Path) -> None:
    screen = lockdown("explain", "relaying.passwords-need-tls", where=tmp_path).stdout
    for head in ("why", "judged on", "fix", "side effects", "undo", "references"):
        assert f"\n{head}" in screen
    assert "postconf -e smtpd_tls_auth_only=yes && postfix reload" in screen


@pytest.mark.parametrize(
    ("control", "plan", "drill"),
    [
        ("services.nothing-dangerous", True, ["doors that should be shut"]),
        ("admins.guessing-is-stopped", False, ["guessing passwords"]),
        ("admins.few", True, []),
        ("backups.exist", False, []),
    ],
)
def test_explain_says_whether_a_plan_can_change_it_and_what_proves_it(
    control: str, plan: bool, drill: list[str], tmp_path: Path
) -> None:
    told = json.loads(lockdown("explain", control, "--json", where=tmp_path).stdout)
    assert (told["plan"], told["drill"]) == (plan, drill)
    screen = lockdown("explain", control, where=tmp_path).stdout
    assert ("lockdown plan" in screen, "lockdown drill" in screen) == (plan, bool(drill))


def test_explain_knows_items_and_lists_everything(tmp_path: Path) -> None:
    assert "dmz.inner-doors-are-closed" in lockdown("explain", "dmz", where=tmp_path).stdout
    everything = lockdown("explain", where=tmp_path).stdout
    assert "relaying.open-to-strangers" in everything
    assert "monitoring.blocked-clients" in everything
    told = json.loads(lockdown("explain", "8", "--json", where=tmp_path).stdout)
    assert told["schema"] == "lockdown.item/1"

"""Postfix as it is after its changes were made by its own `postconf`, in a folder of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lockdown.facts import postfix as facts
from lockdown.facts.postfix_change import default
from lockdown.facts.postfix_files import settings_of
from lockdown.model.change import Change, Left, Proposal, SetPostfix, SetPostfixService
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

BAD = (State.FAIL, State.WARN)
RANK = {State.NOT_APPLICABLE: 0, State.PASS: 0, State.UNKNOWN: 1, State.WARN: 2, State.FAIL: 3}


def postconf(folder: Path, *argv: str) -> str:
    """What it says; it must work."""
    for file in folder.iterdir():
        os.utime(file, (0, 0))  # Postfix waits until a file that was just written can no longer change unseen
    done = subprocess.run(
        ["/usr/sbin/postconf", "-c", str(folder), *argv], capture_output=True, text=True, check=False, timeout=20
    )
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout


def make(folder: Path, change: Change) -> None:
    """One change, made by postconf."""
    match change:
        case SetPostfix(name, None, ""):
            postconf(folder, "-X", name)
        case SetPostfix(name, None, service):
            postconf(folder, "-PX", f"{service}/{name}")
        case SetPostfix(name, str() as value, ""):
            postconf(folder, "-e", f"{name}={value}")
        case SetPostfix(name, str() as value, service):
            postconf(folder, "-P", f"{service}/{name}={value}")
        case SetPostfixService(name, kind, str() as entry):
            postconf(folder, "-M", f"{name}/{kind}={entry}")
        case _:
            raise AssertionError(f"not of Postfix: {change}")


def mended(snapshot: Snapshot, changes: Iterable[Change], folder: Path) -> Snapshot:
    """A recorded machine after the changes: its files given to the real postconf, which is then asked again."""
    texts = {}
    for source in (facts.MAIN_CF, facts.MASTER_CF):
        text = snapshot.reading(source)
        assert isinstance(text, str), text
        texts[source.rpartition("/")[2]] = text
    folder.mkdir(parents=True, exist_ok=True)
    return with_files(snapshot, texts, changes, folder)


def with_files(snapshot: Snapshot, texts: Mapping[str, str], changes: Iterable[Change], folder: Path) -> Snapshot:
    """The machine with other files, and the changes made to them."""
    for name, text in texts.items():
        (folder / name).write_text(text if text.endswith("\n") else text + "\n")
    for change in changes:
        make(folder, change)
    asked = {facts.SERVICES: ("-M",), facts.OVERRIDES: ("-P",)}
    said = {source: postconf(folder, *argv).replace(str(folder), "/etc/postfix") for source, argv in asked.items()}
    for source in (facts.MAIN_CF, facts.MASTER_CF):
        said[source] = (folder / source.rpartition("/")[2]).read_text()
    explicit = settings_of(said[facts.MAIN_CF])
    assert not isinstance(explicit, Unknown), explicit.why
    said[facts.EXPLICIT] = _as_text(explicit)
    said[facts.EFFECTIVE] = _effective(snapshot, explicit)
    return replace(snapshot, readings={**snapshot.readings, **said})


def _effective(snapshot: Snapshot, now: Mapping[str, str]) -> str:
    """What `postconf` would say of all settings; the real one looks up names for seconds before it does."""
    was, before = _settings(snapshot, facts.EFFECTIVE), _settings(snapshot, facts.EXPLICIT)
    values = {name: default(name) if name in before else value for name, value in was.items()} | dict(now)
    if "mynetworks" not in now and now.get("mynetworks_style") == "host":
        values["mynetworks"] = "127.0.0.0/8 [::1]/128"
    return _as_text(values)


def _as_text(settings: Mapping[str, str]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def _settings(snapshot: Snapshot, source: str) -> dict[str, str]:
    text = snapshot.reading(source)
    assert isinstance(text, str), text
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs if name}


def bad(findings: Iterable[Finding]) -> list[Finding]:
    """Those that do not hold."""
    return [one for one in findings if one.state in BAD]


def places(said: Iterable[Finding | Proposal | Left]) -> set[tuple[str, str]]:
    """By control and target."""
    return {(one.control, one.target) for one in said}


def worse(before: Iterable[Finding], after: Iterable[Finding]) -> list[Finding]:
    """What holds less than before, or does not hold where nothing was said before."""
    was = {(one.control, one.target): RANK[one.state] for one in before}
    return [one for one in after if RANK[one.state] > was.get((one.control, one.target), 1)]

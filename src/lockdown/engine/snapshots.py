"""Snapshots for the faces: of this machine, of another over ssh, of a folder of files; from a folder, into a folder.

Fails as: OperatorError for a target that cannot be read at all; readings that failed are Unknown in it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lockdown.config import Loaded, Settings, read_settings
from lockdown.engine.live_readings import with_live_readings
from lockdown.facts.gateway import SETTINGS_FILE, SOURCE, describe, gateway
from lockdown.host import folder as folders
from lockdown.host.asked import File, Sources
from lockdown.host.read import snapshot_by, take_snapshot
from lockdown.host.ssh import Ssh
from lockdown.host.tree import tree
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import ABSENT, Snapshot
from lockdown.model.unknown import Unknown


def snapshot_of_this_machine(loaded: Loaded, now: datetime, postfix_config: Path | None = None) -> Snapshot:
    """Take the readings; `postfix_config` is a directory with main.cf and master.cf in another place."""
    if postfix_config and not (postfix_config / "main.cf").is_file():
        raise OperatorError(
            "no-postfix-config",
            what=f"{postfix_config} holds no Postfix configuration",
            why="there is no main.cf in it that can be read",
            try_this="lockdown audit --postfix-config DIR     (the directory of main.cf and master.cf)",
        )
    taken = take_snapshot(loaded, now, postfix_config=postfix_config.absolute() if postfix_config else None)
    return with_live_readings(loaded.settings, taken)


SSH = "ssh://"


def snapshot_of(target: str, now: datetime) -> Snapshot:
    """What a target is: `ssh://user@host`, a snapshot's folder, an image, a copy of /etc, or one file of settings."""
    if target.startswith(SSH):
        machine = Ssh(target.removeprefix(SSH).rstrip("/"))
        return _with_gateway(snapshot_by(machine.ask, machine.name(), now, own=_ELSEWHERE))
    path = Path(target)
    if (path / folders.MANIFEST).exists():
        return folders.read_folder(path)
    host = f"files in {path}" if path.is_dir() else f"file {path.name}"
    return _with_gateway(snapshot_by(tree(path).ask, host, now, own=_ELSEWHERE))


def _described(text: str) -> str:
    """The settings of a gateway elsewhere, in the form of the reading."""
    return describe(read_settings([(SETTINGS_FILE, text)]))


_ELSEWHERE: Sources = {SOURCE: File(SETTINGS_FILE, reduce=_described)}


def _with_gateway(snapshot: Snapshot) -> Snapshot:
    """Where settings of ours were not given, no gateway of ours is judged."""
    reading = snapshot.reading(SOURCE)
    if not isinstance(reading, Unknown) or not reading.why.endswith("was not given"):
        return snapshot
    return replace(snapshot, readings={**snapshot.readings, SOURCE: f"{ABSENT}: {reading.why}\n"})


def snapshot_from_folder(folder: Path) -> Snapshot:
    """The snapshot that lies in a folder."""
    return folders.read_folder(folder)


def write_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write a snapshot into a new or empty folder."""
    folders.write_folder(snapshot, folder)


def settings_of(snapshot: Snapshot) -> Settings | Unknown:
    """What the machine of the snapshot demands of itself: its own profile and role."""
    found = gateway(snapshot)
    return found if isinstance(found, Unknown) else found.settings

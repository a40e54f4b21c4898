"""A snapshot as a folder: one file a reading, `<name>.unknown` for what could not be read, and `manifest.json`.

The same form is what `lockdown snapshot -o` writes, what `lockdown audit --from` judges, and what the tests read.

Fails as: OperatorError for a folder that is no snapshot; Unknown for a reading that is missing, cut short or changed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from lockdown.host.commands import MAX_OUTPUT
from lockdown.host.files import read_file
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

SCHEMA = "lockdown.snapshot/1"
MANIFEST = "manifest.json"
MAX_READINGS = 5000
_PART = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.+,=@%-]+"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*\Z")


def write_folder(snapshot: Snapshot, folder: Path) -> None:
    """Write the snapshot; the folder must be new or empty, and is for its owner's eyes only."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OperatorError(
                "snapshot-folder-in-use",
                what=f"{folder} is not empty",
                why="a snapshot mixed with older files would be judged as one",
                try_this=f"lockdown snapshot -o {folder}-2",
            )
        parents = _parents(snapshot.readings)
        listed = {
            name: _write_reading(folder, name, reading, _file_of(name, parents))
            for name, reading in sorted(snapshot.readings.items())
        }
        about = {
            "schema": SCHEMA,
            "host": snapshot.host,
            "taken_at": snapshot.taken_at.isoformat(),
            "version": snapshot.version,
        }
        _write(folder / MANIFEST, json.dumps({**about, "readings": listed}, indent=1) + "\n")
    except OSError as error:
        raise OperatorError(
            "snapshot-not-written",
            what=f"{folder} could not be written",
            why=error.strerror or str(error),
            try_this="lockdown snapshot -o /tmp/snapshot     (a place that you may write to)",
        ) from None


def _parents(names: Iterable[str]) -> frozenset[str]:
    """Names that are the beginning of another's path."""
    return frozenset(
        "/".join(parts[:end]) for name in names if (parts := name.split("/")) for end in range(1, len(parts))
    )


def _file_of(name: str, parents: Collection[str]) -> str:
    """A list of files is a folder on the disk already, so its own text lies beside it."""
    return f"{name}.list" if name in parents else name


def _write_reading(folder: Path, name: str, reading: Reading, file: str) -> dict[str, Any]:
    """The reading's line in the manifest: its length shows later whether the file is still whole."""
    if not _NAME.match(name):
        # read_folder answers for it by its name alone: a name that is none must never become a path
        return {"bytes": 0, "unknown": True}
    text, ending = (reading.why, ".unknown") if isinstance(reading, Unknown) else (reading, "")
    path = folder / f"{file}{ending}"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, text)
    return {"bytes": len(text.encode()), "unknown": bool(ending)}


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(text.encode())


def read_folder(folder: Path) -> Snapshot:
    """The snapshot that lies in a folder. Only what the manifest lists is read, and no link is followed."""
    manifest = _manifest(folder)
    try:
        taken_at = datetime.fromisoformat(manifest["taken_at"])
        listed = {
            str(name): (bool(entry["unknown"]), int(entry["bytes"])) for name, entry in manifest["readings"].items()
        }
        host, version = str(manifest["host"]), str(manifest["version"])
        if taken_at.tzinfo is None or len(listed) > MAX_READINGS:
            raise ValueError("its time has no zone, or it lists too many readings")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(folder, f"{MANIFEST} is damaged: {type(error).__name__} {error}") from None
    parents = _parents(listed)
    readings = {name: _read(folder, name, *entry, _file_of(name, parents)) for name, entry in listed.items()}
    return Snapshot(host, taken_at, version, readings)


def _manifest(folder: Path) -> dict[str, Any]:
    match read_file(folder / MANIFEST, follow_links=False):
        case Unknown(why):
            hint = (
                f"lockdown audit --postfix-config {folder}     (it holds a main.cf)"
                if (folder / "main.cf").exists()
                else ""
            )
            raise _foreign(folder, why, hint)
        case str() as text:
            return _judged_manifest(folder, text)


def _judged_manifest(folder: Path, text: str) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _foreign(folder, f"{MANIFEST} is not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise _foreign(folder, f"{MANIFEST} does not say schema {SCHEMA}")
    return manifest


def _foreign(folder: Path, why: str, try_this: str = "") -> OperatorError:
    return OperatorError(
        "not-a-snapshot",
        what=f"{folder} is not a snapshot of Lockdown",
        why=why,
        try_this=try_this or "lockdown snapshot -o FOLDER     (on the machine to be judged)",
    )


def _read(folder: Path, name: str, unknown: bool, size: int, file: str) -> Reading:
    if not _NAME.match(name):
        return Unknown(f"{name!r} is no name for a reading")
    match read_file(folder / (f"{file}.unknown" if unknown else file), MAX_OUTPUT, follow_links=False):
        case Unknown(why):
            return Unknown(f"missing from the snapshot: {why}")
        case str() as text if len(text.encode()) != size:
            return Unknown(f"{name} has {len(text.encode())} octets, the manifest says {size}: cut short or changed")
        case str() as text:
            return Unknown(text) if unknown else text

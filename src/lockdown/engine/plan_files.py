"""What was planned, kept so that an apply can say what has changed since. Words only: nothing is done because of it.

Fails as: None for a plan that was never shown here or cannot be read.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from lockdown.engine.plan import ID_FORM, Plan
from lockdown.host.change.files import FileImage
from lockdown.host.journal import not_ours
from lockdown.state.layout import StateDirectory

_MOST_BYTES = 1024 * 1024
_KEPT = 200


class Shown(msgspec.Struct, frozen=True):
    """A plan that somebody has seen."""

    id: str
    made_at: str
    by: str
    items: tuple[str, ...]
    without: tuple[str, ...]
    controls: tuple[str, ...]
    files: dict[str, str]
    """The files that it would change, with a digest of each as it was."""


def keep_plan(directory: StateDirectory, plan: Plan, by: str) -> bool:
    """Keep it; False where that cannot be done, which harms nothing but the words."""
    controls = tuple(dict.fromkeys(group.control for group in plan.groups))
    files = {edit.before.path: digest(edit.before) for edit in plan.staged.edits}
    shown = Shown(plan.id, f"{plan.made_at:%F %T}Z", by, plan.items, plan.without, controls, files)
    with suppress(OSError):
        directory.plans.mkdir(mode=0o700, exist_ok=True)
        if not_ours(directory.plans):
            return False
        _forget_old(directory.plans)
        handle, name = tempfile.mkstemp(dir=directory.plans, prefix=".")
        with os.fdopen(handle, "wb") as opened:
            opened.write(msgspec.json.encode(shown))
        Path(name).replace(directory.plans / f"{plan.id}.json")
        return True
    return False


def shown_plan(directory: StateDirectory, id: str) -> Shown | None:
    """The plan of that id, as it was shown."""
    if not re.fullmatch(ID_FORM, id) or not_ours(directory.plans):
        return None
    try:
        with (directory.plans / f"{id}.json").open("rb") as opened:
            return msgspec.json.decode(opened.read(_MOST_BYTES), type=Shown)
    except (OSError, msgspec.DecodeError):
        return None


def difference(shown: Shown, plan: Plan) -> str:
    """What is other now than when it was planned, in a sentence."""
    now = {edit.before.path: digest(edit.before) for edit in plan.staged.edits}
    changed = [path for path, was in shown.files.items() if path in now and now[path] != was]
    controls = {group.control for group in plan.groups}
    gone = [control for control in shown.controls if control not in controls]
    new = sorted(controls - set(shown.controls))
    parts = [
        f"{_listed(changed)} changed since" if changed else "",
        f"nothing is to be done for {_listed(gone)} any more" if gone else "",
        f"{_listed(new)} came up since" if new else "",
    ]
    said = "; ".join(part for part in parts if part)
    return said or "what is to be done has changed since it was planned"


def digest(image: FileImage) -> str:
    """Of a file's octets and rights."""
    rights = f"{image.mode:o} {image.uid} {image.gid} {image.link} {image.octets is None} "
    return hashlib.sha256(rights.encode() + (image.octets or b"")).hexdigest()[:32]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _forget_old(folder: Path) -> None:
    found = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for file in found[: max(0, len(found) - _KEPT)]:
        file.unlink(missing_ok=True)

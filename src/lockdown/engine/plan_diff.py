"""The difference that a plan makes, told to the control that makes it: each changed line to the change that names it.

Files are changed by several controls at once. A line that no change names (a comment, the rest of a long value) belongs
to the one before it.
Fails as: nothing; a line that belongs to nobody is shown with each of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockdown.engine.apply_record import described, is_there, lines_of
from lockdown.host.change.staging import FileEdit
from lockdown.model.change import (
    Change,
    EditPostfixList,
    PutFile,
    Run,
    SetAccount,
    SetOption,
    SetPackage,
    SetPostfix,
    SetPostfixService,
    SetUnit,
)


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What one control changes in one file."""

    path: str
    about: str
    """`new file`, `removed`, or the rights where they change; else empty."""
    lines: tuple[str, ...]
    """`@@ line 12`, then those that go with `-` and those that come with `+`."""


def diffs_of(places: Sequence[int], changes: Sequence[Change], edits: Sequence[FileEdit]) -> Iterator[FileDiff]:
    """Of the changes at these places, file by file."""
    for edit in edits:
        if ours := [place for place in edit.changes if place in places]:
            yield FileDiff(edit.after.path, _about(edit), tuple(_lines(edit, ours, changes)))


def deeds_of(places: Sequence[int], changes: Sequence[Change], edits: Sequence[FileEdit]) -> Iterator[str]:
    """What of these changes is no file, in words."""
    in_files = {place for edit in edits for place in edit.changes}
    for place in places:
        if place not in in_files and isinstance(changes[place], SetUnit | SetPackage | SetAccount | Run):
            yield described(changes[place])


def _about(edit: FileEdit) -> str:
    before, after = edit.before, edit.after
    if not is_there(before):
        return "new file"
    if not is_there(after):
        return "removed"
    same = (before.mode, before.uid, before.gid) == (after.mode, after.uid, after.gid)
    return "" if same else f"mode {before.mode:o} -> {after.mode:o}, owner {after.uid}:{after.gid}"


def _lines(edit: FileEdit, ours: Sequence[int], changes: Sequence[Change]) -> Iterator[str]:
    before, after = lines_of(edit.before), lines_of(edit.after)
    everybody = len(ours) == len(edit.changes)
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        going, coming = before[a:b], after[c:d]
        if not everybody:
            going = _kept(going, edit, ours, changes)
            coming = _kept(coming, edit, ours, changes)
        if going or coming:
            yield f"@@ line {c + 1}"
            yield from (f"-{line}" for line in going)
            yield from (f"+{line}" for line in coming)


def _kept(lines: Sequence[str], edit: FileEdit, ours: Sequence[int], changes: Sequence[Change]) -> list[str]:
    """Those lines that one of our changes names, or nobody's."""
    owners: set[int] | None = None
    kept = []
    for line in lines:
        named = {place for place in edit.changes if _names(changes[place], line)}
        owners = named or owners
        if owners is None or owners & set(ours):
            kept.append(line)
    return kept


def _names(change: Change, line: str) -> bool:
    match change:
        case SetPostfix(name=name, service="") | EditPostfixList(name=name, service=""):
            return bool(re.match(rf"{re.escape(name)}\s*=", line))
        case SetPostfix(name=name) | EditPostfixList(name=name):
            return bool(re.match(rf"\s+-o\s+\{{?\s*{re.escape(name)}\s*=", line))
        case SetPostfixService(name=name, type=kind):
            return bool(re.match(rf"{re.escape(name)}\s+{re.escape(kind)}\b", line))
        case SetOption(name=name):
            return bool(re.match(rf"\s*{re.escape(name)}\b", line))
        case PutFile():
            return True
        case _:
            return False

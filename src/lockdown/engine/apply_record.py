"""One apply as its journal tells it: what was approved, how far it came, how it stands now.

Fails as: a record whose state is UNREADABLE, with the reason: nothing is undone by guesswork.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from lockdown.engine.plan import Group, Name, Plan, encoded
from lockdown.host.change.files import FileImage
from lockdown.host.change.staging import Deed, FileEdit
from lockdown.host.journal import Entry as Entry
from lockdown.host.journal import Journal, Written, journals
from lockdown.host.session import Origin
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
from lockdown.model.errors import OperatorError


class End(StrEnum):
    """How an apply stands."""

    INTERRUPTED = "interrupted"
    """Neither finished nor undone: it runs now, or it was cut off."""
    PROBATION = "on probation"
    """Done, and undone by itself unless it is confirmed."""
    APPLIED = "applied"
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled back"
    """The machine is as it was before."""
    IN_PART = "rolled back in part"
    """What somebody has changed since is left as it is."""
    UNREADABLE = "unreadable"


_BY_KIND: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        PutFile, SetPostfix, EditPostfixList, SetPostfixService, SetOption, SetUnit, SetPackage, SetAccount, Run,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Approval:
    """Who wants what done: a plan by its id, and from where the word came."""

    plan: str
    by: str
    origin: Origin
    items: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    planned: str = ""
    """By whom and when the plan was shown; words only."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a group of the changes is for."""

    control: str
    target: str
    why: str
    risk: str
    side_effects: str
    on_probation: bool
    changes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one apply."""

    id: str
    journal: Journal
    entries: tuple[Entry, ...]
    state: End
    problem: str = ""
    approval: Approval | None = None
    began: datetime | None = None
    until: datetime | None = None
    purposes: tuple[Purpose, ...] = ()
    changes: tuple[Change, ...] = ()
    edits: tuple[FileEdit, ...] = ()
    deeds: tuple[Deed, ...] = ()
    services: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """That were made for the files."""
    flowed: bool = False
    """A letter was delivered before anything was changed."""
    probation_seconds: float = math.inf
    """How long a probation lasts at most."""

    def last(self, *events: str) -> Entry | None:
        """The newest entry that is one of these."""
        return Written(self.entries).last(*events)

    @property
    def is_verified(self) -> bool:
        return self.last("verified") is not None

    @property
    def is_access(self) -> bool:
        """It may have shut the administrator out."""
        return any(purpose.on_probation for purpose in self.purposes)

    @property
    def left(self) -> tuple[str, ...]:
        """What the last undo has left, and why."""
        entry = self.last("undone")
        return tuple(map(str, entry.fields.get("left", ()))) if entry else ()

    def begun(self, kind: str) -> tuple[int, ...]:
        """Which edits or deeds were begun, in their order: only these need be undone."""
        return tuple(int(entry.fields["number"]) for entry in self.entries if entry.event == f"{kind}-begins")


# ── writing ──


def write_intention(
    journal: Journal, plan: Plan, approval: Approval, *, config: str, probation: timedelta, flowed: bool, flow: str
) -> None:
    """Everything that an undo needs, on the disk when this returns."""
    edits = [
        {
            "before": journal.keep(f"{number}-before", edit.before),
            "after": journal.keep(f"{number}-after", edit.after),
            "changes": list(edit.changes),
        }
        for number, edit in enumerate(plan.staged.edits)
    ]
    journal.seal_images()
    journal.append(
        "intended",
        plan=approval.plan, by=approval.by, planned=approval.planned, origin=asdict(approval.origin),
        items=list(approval.items), without=list(approval.without), host=plan.host, config=config,
        probation_seconds=probation.total_seconds(), flowed=flowed, flow=flow,
        purposes=[asdict(purpose) for purpose in map(_purpose, plan.groups)],
        changes=[encoded(change) for change in plan.changes], edits=edits,
        deeds=[{"index": deed.index, "before": deed.before} for deed in plan.staged.deeds],
        services=list(plan.staged.services), restarts=list(plan.staged.restarts), folders=list(plan.staged.folders),
        expected=[list(name) for name in plan.expected],
    )  # fmt: skip


def _purpose(group: Group) -> Purpose:
    first = group.proposals[0]
    why = " ".join(dict.fromkeys(one.why for one in group.proposals))
    effects = " ".join(dict.fromkeys(one.side_effects for one in group.proposals))
    return Purpose(group.control, group.target, why, first.risk, effects, group.on_probation, group.changes)


# ── reading ──


def records(folder: Path) -> tuple[Record, ...]:
    """Every apply of this machine, the newest first."""
    return tuple(record_of(journal) for journal in journals(folder))


def record_named(folder: Path, name: str) -> Record:
    """The apply of this id, of the only id that begins so, or `last`."""
    found = journals(folder)
    fits = [one for one in found if one.id == name] or [one for one in found if name and one.id.startswith(name)]
    fits = list(found[:1]) if name == "last" else fits
    if len(fits) != 1:
        why = "several begin so" if fits else "no apply of this machine has that id"
        raise OperatorError("no-such-apply", what=f"there is no apply {name!r}", why=why, try_this="lockdown history")
    return record_of(fits[0])


def record_of(journal: Journal) -> Record:
    """What the journal tells. Never raises."""
    written = journal.read()
    unreadable = Record(journal.id, journal, written.entries, End.UNREADABLE, written.problem)
    if written.problem:
        return unreadable
    if not written.entries:
        # Nothing was intended yet when it was cut off, so nothing was done.
        return Record(journal.id, journal, (), End.ROLLED_BACK, "it was cut off before anything was changed")
    try:
        return _record(journal, written)
    except (ValueError, TypeError, KeyError, IndexError, OSError, msgspec.ValidationError) as error:
        return Record(journal.id, journal, written.entries, End.UNREADABLE, f"{type(error).__name__}: {error}")


def _record(journal: Journal, written: Written) -> Record:
    first = written.entries[0]
    if first.event != "intended":
        raise ValueError("the journal does not begin with what was intended")
    fields = first.fields
    changes = tuple(decoded(change) for change in fields["changes"])
    armed, committed = written.last("armed"), written.last("committed")
    until = datetime.fromisoformat(armed.fields["until"]) if armed else None
    return Record(
        journal.id, journal, written.entries, state_of(written.entries),
        approval=_approval(fields), began=first.at, until=until if committed is None or _is_on(committed) else None,
        purposes=tuple(msgspec.convert(one, Purpose) for one in fields["purposes"]), changes=changes,
        edits=tuple(_edit(journal, edit) for edit in fields["edits"]),
        deeds=tuple(_deed(changes[one["index"]], one) for one in fields["deeds"]),
        services=tuple(map(str, fields["services"])), restarts=tuple(map(str, fields["restarts"])),
        folders=tuple(map(str, fields["folders"])), flowed=bool(fields["flowed"]),
        probation_seconds=float(fields.get("probation_seconds", math.inf)),
    )  # fmt: skip


def _approval(fields: Any) -> Approval:
    return Approval(
        str(fields["plan"]), str(fields["by"]), msgspec.convert(fields["origin"], Origin),
        tuple(map(str, fields["items"])), tuple(map(str, fields["without"])), str(fields.get("planned", "")),
    )  # fmt: skip


def _edit(journal: Journal, fields: Any) -> FileEdit:
    return FileEdit(journal.image(fields["before"]), journal.image(fields["after"]), tuple(map(int, fields["changes"])))


def _deed(change: Change, fields: Any) -> Deed:
    if not isinstance(change, SetUnit | SetPackage | SetAccount | Run):
        raise ValueError(f"{type(change).__name__} is no deed")
    return Deed(change, str(fields["before"]), int(fields["index"]))


def _is_on(committed: Entry) -> bool:
    return bool(committed.fields.get("probation"))


def state_of(entries: Iterable[Entry]) -> End:
    """What the entries come to: the later ones over the earlier ones."""
    state = End.INTERRUPTED
    for entry in entries:
        match entry.event:
            case "committed":
                state = End.PROBATION if _is_on(entry) else End.APPLIED
            case "confirmed":
                state = End.CONFIRMED
            case "undoing":
                state = End.INTERRUPTED
            case "undone":
                state = End.IN_PART if entry.fields.get("left") else End.ROLLED_BACK
            case _:
                pass
    return state


def decoded(fields: Any) -> Change:
    """A change as the journal has it; an exception for what is none."""
    kind = _BY_KIND[fields["kind"]]
    change: Change = msgspec.convert({name: value for name, value in fields.items() if name != "kind"}, kind)
    return change


# ── as a diff ──


def diff_of(edit: FileEdit, context: int = 3) -> str:
    """The edit as a unified diff, with the file's rights where they change."""
    before, after = edit.before, edit.after
    path = after.path
    names = (path if is_there(before) else "/dev/null", path if is_there(after) else "/dev/null")
    lines = [*difflib.unified_diff(lines_of(before), lines_of(after), *names, n=context, lineterm="")]
    rights = (_rights(before), _rights(after))
    if is_there(before) and is_there(after) and rights[0] != rights[1]:
        lines += [f"# {path}: {rights[0]} -> {rights[1]}"]
    return "".join(f"{line}\n" for line in lines)


def is_there(image: FileImage) -> bool:
    """Does the file exist?"""
    return image.octets is not None or image.link is not None


def lines_of(image: FileImage) -> list[str]:
    """Its lines; octets that are no text are shown as what they are not."""
    if image.link is not None:
        return [f"(a link to {image.link})"]
    return (image.octets or b"").decode("utf-8", "replace").splitlines()


def _rights(image: FileImage) -> str:
    return f"mode {image.mode:o}, owner {image.uid}:{image.gid}"


def described(change: Change) -> str:
    """A change in words, for what is no file."""
    match change:
        case SetUnit(unit, state):
            return f"{unit}: {state}"
        case SetPackage(name, present):
            return f"package {name}: {'installed' if present else 'removed'}"
        case SetAccount():
            return f"account {change.user}: {', '.join(_account(change))}"
        case Run(argv, undo):
            back = f"     (the way back: {' '.join(undo)})" if undo else ""
            return f"run {' '.join(argv)}{back}"
        case PutFile(path, text):
            return f"{path}: {'removed' if text is None else 'written'}"
        case SetPostfix() | EditPostfixList() | SetPostfixService() | SetOption():
            return change.name


def _account(change: SetAccount) -> Iterator[str]:
    if change.locked is not None:
        yield "its password is locked" if change.locked else "its password is unlocked"
    if change.expired is not None:
        yield "it is expired" if change.expired else "it is not expired"
    if change.shell is not None:
        yield f"its shell is {change.shell}"
    if change.leaves:
        yield f"it leaves {', '.join(change.leaves)}"
    if change.no_forced_change:
        yield "its password need not be changed at a date"


def groups_by_item(names: Sequence[Name]) -> dict[str, list[Name]]:
    """Controls by the item that they stand on."""
    found: dict[str, list[Name]] = {}
    for name in names:
        found.setdefault(name[0].partition(".")[0], []).append(name)
    return found

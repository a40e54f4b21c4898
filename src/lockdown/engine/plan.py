"""Plan: what every room's `enforce` proposes for this machine, staged on copies, with an id that is the plan itself.

The id is a hash over the changes, the files as they are and as they would be: whoever computes the plan again gets the
same id only on a machine that is still the same. So a plan is approved by its id, and nobody has to be trusted with it.

Fails as: a room that breaks, changes that contradict each other and changes that cannot be staged are not planned, and
stand in `left` with the reason. `OperatorError` when what is left is refused by the service's own checker.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeAlias, assert_never

from lockdown.checklist import CHECKLIST, Room
from lockdown.config import Settings
from lockdown.engine.audit import Report, audit
from lockdown.host.change.files import FileImage
from lockdown.host.change.staging import Staged, stage
from lockdown.model.change import (
    Change,
    EditPostfixList,
    Left,
    Proposal,
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
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot

ID_LENGTH = 10
ID_FORM = rf"[a-z2-7]{{{ID_LENGTH}}}"
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

Enforce: TypeAlias = Callable[[Snapshot, Settings], Iterable[Proposal | Left]]
Stage: TypeAlias = Callable[[Sequence[Change]], Staged]
Name: TypeAlias = tuple[str, str]
"""A control and its target: what belongs together, done whole or not."""


@dataclass(frozen=True, slots=True)
class Group:
    """The proposals for one control and target; `changes` are their places in the plan."""

    control: str
    target: str
    proposals: tuple[Proposal, ...]
    changes: tuple[int, ...]
    finding: Finding | None
    """What it turns, as it stands now."""

    @property
    def item(self) -> str:
        return self.control.partition(".")[0]

    @property
    def on_probation(self) -> bool:
        return any(proposal.on_probation for proposal in self.proposals)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would be done, and what would not."""

    id: str
    host: str
    made_at: datetime
    items: tuple[str, ...]
    without: tuple[str, ...]
    groups: tuple[Group, ...]
    changes: tuple[Change, ...]
    staged: Staged
    left: tuple[Left, ...]
    expected: tuple[Name, ...]
    """What must hold afterwards."""
    before: Report
    """How every item stands now."""

    @property
    def is_empty(self) -> bool:
        return not self.changes

    @property
    def on_probation(self) -> bool:
        return any(group.on_probation for group in self.groups)


def make_plan(
    snapshot: Snapshot, settings: Settings, now: datetime, items: Collection[str] = (), without: Collection[str] = (),
    checklist: Iterable[Room] = CHECKLIST, staging: Stage = stage,
) -> Plan:  # fmt: skip
    """What is to be changed on the machine of the snapshot, which must be this one: it is staged here."""
    rooms = tuple(checklist)
    before = audit(snapshot, settings, now, checklist=rooms)
    proposals, left = _proposed(rooms, snapshot, settings, items)
    wanted, dropped = _of_interest(proposals, before, without)
    agreed, contradicting = _without_contradictions(wanted)
    kept, changes, staged, refused = _staged(agreed, staging)
    left = [*left, *dropped, *contradicting, *refused]
    groups = tuple(_group(name, kept[name], changes, before) for name in kept)
    half_done = {(one.control, one.target) for one in left}
    expected = tuple(name for name in _turned(groups, before) if name not in half_done)
    return Plan(
        id_of(changes, staged), snapshot.host, now, tuple(items), tuple(without), groups, changes, staged,
        tuple(left), expected, before,
    )  # fmt: skip


# ── what the rooms propose ──


def _proposed(
    rooms: Iterable[Room], snapshot: Snapshot, settings: Settings, items: Collection[str]
) -> tuple[list[Proposal], list[Left]]:
    proposals: list[Proposal] = []
    left: list[Left] = []
    for room in rooms:
        if items and room.CARD.id not in items:
            continue
        for one in _of_room(room, snapshot, settings):
            (left if isinstance(one, Left) else proposals).append(one)  # type: ignore[arg-type]
    return proposals, left


def _of_room(room: Room, snapshot: Snapshot, settings: Settings) -> tuple[Proposal | Left, ...]:
    """All that a room says, or, where it breaks on the way, nothing of it: half of its changes may not be done."""
    try:
        enforce = enforce_of(room)
        return tuple(enforce(snapshot, settings)) if enforce else ()
    except Exception as error:  # the safe outcome is beside it: nothing is changed
        why = f"its enforcement broke: {type(error).__name__}: {error}; this is a fault of Lockdown"
        return (Left(room.CARD.id, why, "lockdown snapshot -o FOLDER     (and send it with a report)"),)


def enforce_of(room: Room) -> Enforce | None:
    """The room's `enforce`, if it has one."""
    name = f"{room.__name__}.enforce"
    try:
        if importlib.util.find_spec(name) is None:
            return None
    except ModuleNotFoundError:
        return None
    enforce: Enforce = importlib.import_module(name).enforce
    return enforce


Groups: TypeAlias = dict[Name, tuple[Proposal, ...]]


def _of_interest(proposals: Iterable[Proposal], before: Report, without: Collection[str]) -> tuple[Groups, list[Left]]:
    """By control and target; without what somebody answers for, and without what is not wanted."""
    waived = {(one.control, one.target): one for one in before.findings if one.state is State.WAIVED}
    groups: Groups = {}
    left: dict[Name, Left] = {}
    for proposal in proposals:
        name = (proposal.control, proposal.target)
        if proposal.control in without:
            left[name] = Left(proposal.control, "You have left it out (--without).", "", proposal.target)
        elif name in waived:
            ends = "take the waiver out of audit.waivers, if it is to be mended"
            left[name] = Left(proposal.control, waived[name].says, ends, proposal.target)
        else:
            groups[name] = (*groups.get(name, ()), proposal)
    return groups, list(left.values())


# ── contradictions ──


def _without_contradictions(groups: Groups) -> tuple[Groups, list[Left]]:
    """Of two that want different things of one place, neither: which is right is for a person."""
    wanted: dict[tuple[str, ...], list[tuple[Name, Change]]] = {}
    for name, proposals in groups.items():
        for proposal in proposals:
            for place in places_of(proposal.change):
                wanted.setdefault(place, []).append((name, proposal.change))
    left: dict[Name, Left] = {}
    for place, claims in wanted.items():
        for name, change in claims:
            for other, against in claims:
                if other != name and not _agree(change, against):
                    why = f"It contradicts {other[0]}: both set {' '.join(place)}, to different ends."
                    left.setdefault(name, Left(name[0], why, f"lockdown plan --without {other[0]}", name[1]))
    return {name: proposals for name, proposals in groups.items() if name not in left}, list(left.values())


def places_of(change: Change) -> Iterator[tuple[str, ...]]:
    """What a change takes hold of, in words that name it."""
    match change:
        case PutFile(path=path):
            yield (path,)
        case (
            SetPostfix(name=name, service=service, config_directory=place)
            | EditPostfixList(name=name, service=service, config_directory=place)
        ):
            yield (f"{place}/{'master.cf' if service else 'main.cf'}", *([service] if service else []), name)
        case SetPostfixService(name=name, type=kind, config_directory=place):
            yield (f"{place}/master.cf", f"{name}/{kind}")
        case SetOption(path=path, name=name):
            yield (path, name)
        case SetUnit(unit=unit):
            yield ("unit", unit)
        case SetPackage(name=name):
            yield ("package", name)
        case SetAccount(user=user):
            yield ("account", user)
        case Run():
            return
        case _:
            assert_never(change)


def _agree(one: Change, other: Change) -> bool:
    """Can both be done, in either order, with the same end?"""
    if one == other:
        return True
    match one, other:
        case EditPostfixList(), EditPostfixList():
            return not (_takes(one, other) or _takes(other, one)) and not (one.first and other.first)
        case SetAccount(), SetAccount():
            pairs = ((one.locked, other.locked), (one.expired, other.expired), (one.shell, other.shell))
            return all(a is None or b is None or a == b for a, b in pairs)
        case _:
            return False


def _takes(one: EditPostfixList, other: EditPostfixList) -> bool:
    return bool(other.add) and other.add in one.remove


# ── staging ──


def _staged(groups: Groups, staging: Stage) -> tuple[Groups, tuple[Change, ...], Staged, list[Left]]:
    """All of it on copies of the files; what cannot be staged is found group by group, what is so already left out."""
    refused: list[Left] = []
    try:
        changes, staged = _at_once(groups, staging)
    except OperatorError:
        groups, refused = _without_refused(groups, staging)
        changes, staged = _at_once(groups, staging)
    if staged.problems:
        groups, more = _without_refused(groups, staging)
        refused += more
        changes, staged = _at_once(groups, staging)
        if staged.problems:
            raise OperatorError(
                "plan-does-not-check",
                what="the changes are not planned",
                why=f"together they are refused by the service's own checker: {'; '.join(staged.problems)}",
                try_this="lockdown plan ITEM     (item by item, then each alone is checked)",
            )
    if staged.nothing_to_do:
        holds = {changes[index] for index in staged.nothing_to_do}
        groups = {name: some for name, some in groups.items() if not _all_hold(some, holds)}
        changes, staged = _at_once(groups, staging)
    return groups, changes, staged, refused


def _all_hold(proposals: Iterable[Proposal], holds: Collection[Change]) -> bool:
    """Whether nothing of a group is to be done. A program to be run has an effect only with something before it."""
    return all(one.change in holds or isinstance(one.change, Run) for one in proposals)


def _at_once(groups: Groups, staging: Stage) -> tuple[tuple[Change, ...], Staged]:
    changes = tuple(dict.fromkeys(one.change for proposals in groups.values() for one in proposals))
    return changes, staging(changes) if changes else Staged((), (), (), (), ())


def _without_refused(groups: Groups, staging: Stage) -> tuple[Groups, list[Left]]:
    kept: Groups = {}
    left: list[Left] = []
    for name, proposals in groups.items():
        why = _why_refused(tuple(one.change for one in proposals), staging)
        if why:
            left.append(Left(name[0], f"It cannot be done here: {why}.", f"lockdown explain {name[0]}", name[1]))
        else:
            kept[name] = proposals
    return kept, left


def _why_refused(changes: Sequence[Change], staging: Stage) -> str:
    try:
        return "; ".join(staging(changes).problems)
    except OperatorError as problem:
        return f"{problem.what}: {problem.why}"


def _group(name: Name, proposals: tuple[Proposal, ...], changes: tuple[Change, ...], before: Report) -> Group:
    finding = next((one for one in before.findings if (one.control, one.target) == name), None)
    places = tuple(dict.fromkeys(changes.index(one.change) for one in proposals))
    return Group(*name, proposals, places, finding)


def _turned(groups: Iterable[Group], before: Report) -> Iterator[Name]:
    """What must hold afterwards: what each group is for, and what it turns as well."""
    standing = {(one.control, one.target) for one in before.findings if one.state in (State.FAIL, State.WARN)}
    names: dict[Name, None] = {}
    for group in groups:
        names[group.control, group.target] = None
        for control in (control for one in group.proposals for control in one.also):
            if (control, group.target) in standing:
                names[control, group.target] = None
    yield from names


# ── the id ──


def id_of(changes: Sequence[Change], staged: Staged) -> str:
    """Letters and digits that only the same changes on the same machine have. Times do not count."""
    whole = {
        "changes": [encoded(change) for change in changes],
        "edits": [[_image(edit.before), _image(edit.after)] for edit in staged.edits],
        "deeds": [[encoded(deed.change), deed.before] for deed in staged.deeds],
    }
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).digest()
    number = int.from_bytes(digest, "big")
    return "".join(_ID_ALPHABET[number >> 5 * place & 31] for place in range(ID_LENGTH))


def encoded(change: Change) -> dict[str, Any]:
    """A change as JSON has it."""
    return {"kind": type(change).__name__, **asdict(change)}


def _image(image: FileImage) -> list[Any]:
    fields = asdict(image)
    octets = fields.pop("octets")
    return [fields, None if octets is None else hashlib.sha256(octets).hexdigest()]

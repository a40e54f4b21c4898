"""What is planned, what is left, and what a plan's id hangs on. The rooms are literals; nothing is staged for real."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType

import msgspec
import pytest

from lockdown.config import Audit, Settings
from lockdown.engine.plan import Plan, make_plan
from lockdown.engine.plan_diff import diffs_of
from lockdown.engine.plan_files import difference, keep_plan, shown_plan
from lockdown.host.change.files import FileImage
from lockdown.host.change.staging import FileEdit, Staged
from lockdown.model.card import Card
from lockdown.model.change import Change, EditPostfixList, Left, Proposal, PutFile, Risk, Run, SetPostfix
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Control, Severity, State
from lockdown.model.snapshot import Snapshot
from lockdown.state.layout import StateDirectory

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SNAPSHOT = Snapshot("mail", NOW, "0", {})
VRFY_OFF, VRFY_ON = SetPostfix("disable_vrfy_command", "yes"), SetPostfix("disable_vrfy_command", "no")
BANNER = SetPostfix("smtpd_banner", "mail ESMTP")

Enforce = Callable[[Snapshot, Settings], Iterable[Proposal | Left]]


def proposal(control: str, change: Change, target: str = "this host") -> Proposal:
    return Proposal(control, change, "It is so on this machine.", Risk.LOW, "none known", target)


def of(*proposals: Proposal | Left) -> Enforce:
    return lambda snapshot, policy: proposals


@contextmanager
def rooms(**enforces: Enforce) -> Iterator[list[ModuleType]]:
    """Rooms of these names, with one control each that fails: modules, as the engine looks for them."""
    made: list[ModuleType] = []
    for name, enforce in enforces.items():
        room = ModuleType(f"room_{name}")
        control = Control(
            DMZ if name == "dmz" else f"{name}.holds", f"It holds in {name}", Severity.HIGH, "why", "fix", "evidence"
        )
        room.CARD = Card(1, name, name, "promise", (control,))  # type: ignore[attr-defined]
        room.__path__ = []
        audit, does = ModuleType(f"{room.__name__}.audit"), ModuleType(f"{room.__name__}.enforce")
        audit.audit = lambda snapshot, policy, control=control: [control.finding(State.FAIL, "It does not.")]  # type: ignore[attr-defined]
        does.enforce = enforce  # type: ignore[attr-defined]
        for module in (room, audit, does):
            module.__spec__ = sys.__spec__
            sys.modules[module.__name__] = module
        made.append(room)
    try:
        yield made
    finally:
        for room in made:
            for name in (room.__name__, f"{room.__name__}.audit", f"{room.__name__}.enforce"):
                del sys.modules[name]


DMZ = "dmz.old-tls-is-off"
"""A control that there is: only such can be waived."""
MAIN = "/etc/postfix/main.cf"


def staged(changes: Sequence[Change], before: bytes = b"", holds: Sequence[Change] = ()) -> Staged:
    """As the hands stage: a main.cf that gets a line for each setting."""
    places = [place for place, change in enumerate(changes) if isinstance(change, SetPostfix) and change not in holds]
    lines = "".join(f"{changes[place].name} = {changes[place].value}\n" for place in places)  # type: ignore[union-attr]
    edit = FileEdit(FileImage(MAIN, before), FileImage(MAIN, before + lines.encode()), tuple(places))
    nothing = tuple(place for place, change in enumerate(changes) if change in holds)
    return Staged((edit,) if places else (), (), nothing_to_do=nothing)


def plan(
    made: list[ModuleType], staging: Callable[[Sequence[Change]], Staged] = staged, settings: Settings | None = None,
    items: Sequence[str] = (), without: Sequence[str] = (),
) -> Plan:  # fmt: skip
    return make_plan(SNAPSHOT, settings or Settings(), NOW, items, without, made, staging)


def test_proposals_are_grouped_by_control_and_what_they_turn_must_hold_afterwards() -> None:
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF), proposal("relaying.holds", BANNER))) as made:
        found = plan(made)
    assert [(group.control, group.changes) for group in found.groups] == [("relaying.holds", (0, 1))]
    assert found.expected == (("relaying.holds", "this host"),)
    assert found.groups[0].finding is not None and found.groups[0].finding.says == "It does not."


def test_a_room_that_breaks_on_the_way_proposes_nothing_and_the_others_do() -> None:
    def breaks(snapshot: Snapshot, policy: Settings) -> Iterator[Proposal]:
        yield proposal(DMZ, BANNER)
        raise ZeroDivisionError

    with rooms(dmz=breaks, relaying=of(proposal("relaying.holds", VRFY_OFF))) as made:
        found = plan(made)
    assert found.changes == (VRFY_OFF,)
    assert [(left.control, "ZeroDivisionError" in left.why) for left in found.left] == [("dmz", True)]


def test_of_two_that_contradict_each_other_neither_is_planned_and_each_names_the_other() -> None:
    with rooms(
        relaying=of(proposal("relaying.holds", VRFY_OFF)),
        dmz=of(proposal(DMZ, VRFY_ON)),
        services=of(proposal("services.holds", BANNER)),
    ) as made:
        found = plan(made)
    assert found.changes == (BANNER,)
    assert {left.control: left.try_this for left in found.left} == {
        "relaying.holds": f"lockdown plan --without {DMZ}",
        DMZ: "lockdown plan --without relaying.holds",
    }


def test_the_same_change_of_two_controls_is_done_once() -> None:
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF)), dmz=of(proposal(DMZ, VRFY_OFF))) as made:
        found = plan(made)
    assert found.changes == (VRFY_OFF,)
    assert [group.changes for group in found.groups] == [(0,), (0,)]


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (EditPostfixList("x", add="a"), EditPostfixList("x", add="b"), True),
        (EditPostfixList("x", add="a"), EditPostfixList("x", remove=("a",)), False),
        (EditPostfixList("x", add="a", first=True), EditPostfixList("x", add="b", first=True), False),
        (EditPostfixList("x", add="a"), SetPostfix("x", "b"), False),
        (SetPostfix("x", "a", "smtp/inet"), SetPostfix("x", "b"), True),
        (PutFile("/etc/x", "a"), PutFile("/etc/x", "b"), False),
        (Run(("a",), ()), Run(("b",), ()), True),
    ],
)
def test_what_contradicts(one: Change, other: Change, agree: bool) -> None:
    with rooms(relaying=of(proposal("relaying.holds", one)), dmz=of(proposal(DMZ, other))) as made:
        assert bool(plan(made).left) is not agree


def test_what_is_not_wanted_or_waived_is_left_and_said() -> None:
    waiver = f"{DMZ} by Ann until 2027-01-01: it is looked into"
    settings = msgspec.structs.replace(Settings(), audit=Audit(waivers=(waiver,)))
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF)), dmz=of(proposal(DMZ, BANNER))) as made:
        found = plan(made, settings=settings, without=["relaying.holds"])
    assert found.is_empty
    assert [left.control for left in found.left] == ["relaying.holds", DMZ]
    assert "Ann" in found.left[1].why


def test_only_the_items_that_are_asked_for_are_planned() -> None:
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF)), dmz=of(proposal(DMZ, BANNER))) as made:
        assert plan(made, items=["dmz"]).changes == (BANNER,)


def test_a_group_that_changes_nothing_is_dropped_its_programs_with_it() -> None:
    with rooms(
        relaying=of(proposal("relaying.holds", VRFY_OFF), proposal("relaying.holds", Run(("newaliases",), ()))),
        dmz=of(proposal(DMZ, BANNER)),
    ) as made:
        found = plan(made, staging=lambda changes: staged(changes, holds=[VRFY_OFF]))
    assert found.changes == (BANNER,)


def test_what_cannot_be_staged_is_left_and_the_rest_is_planned() -> None:
    def staging(changes: Sequence[Change]) -> Staged:
        if BANNER in changes:
            raise OperatorError("x", what="no Postfix", why="it is not installed", try_this="")
        return staged(changes)

    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF)), dmz=of(proposal(DMZ, BANNER))) as made:
        found = plan(made, staging=staging)
    assert found.changes == (VRFY_OFF,)
    assert "it is not installed" in found.left[0].why


def test_where_something_of_a_control_is_left_to_a_person_it_need_not_hold_afterwards() -> None:
    left = Left("relaying.holds", "The rest is for you.", "vi")
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF), left)) as made:
        assert plan(made).expected == ()


def test_the_id_hangs_on_the_changes_and_the_files_and_not_on_the_time() -> None:
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF))) as made:
        first = plan(made)
        later = make_plan(SNAPSHOT, Settings(), datetime(2030, 1, 1, tzinfo=UTC), (), (), made, staged)
        touched = plan(made, staging=lambda changes: staged(changes, b"# touched\n"))
    with rooms(relaying=of(proposal("relaying.holds", VRFY_ON))) as made:
        other = plan(made)
    assert first.id == later.id
    assert len({first.id, touched.id, other.id}) == 3


def test_a_stale_plan_is_told_what_has_changed_since(tmp_path: object) -> None:
    directory = StateDirectory(tmp_path).prepare()  # type: ignore[arg-type]
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF)), dmz=of(proposal(DMZ, BANNER))) as made:
        first = plan(made)
        assert keep_plan(directory, first, "anna")
        shown = shown_plan(directory, first.id)
        assert shown is not None and shown.by == "anna"
        touched = plan(made, staging=lambda changes: staged(changes, b"# touched\n"), items=["relaying"])
    assert difference(shown, touched) == f"{MAIN} changed since; nothing is to be done for {DMZ} any more"
    assert shown_plan(directory, "../../../etc/passwd") is None


def test_each_changed_line_is_told_to_the_control_that_changes_it() -> None:
    with rooms(relaying=of(proposal("relaying.holds", VRFY_OFF)), dmz=of(proposal(DMZ, BANNER))) as made:
        found = plan(made)
    lines = {
        group.control: [
            line for diff in diffs_of(group.changes, found.changes, found.staged.edits) for line in diff.lines
        ]
        for group in found.groups
    }
    assert lines["relaying.holds"] == ["@@ line 1", "+disable_vrfy_command = yes"]
    assert lines[DMZ] == ["@@ line 1", "+smtpd_banner = mail ESMTP"]

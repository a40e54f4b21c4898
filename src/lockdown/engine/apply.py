"""Apply a plan: journal first, atomic writes, the service's own checker, reload, audit again, a letter; or undo.

A plan is referred to by its id and computed again here: what is done is what this machine, as it is now, gives that id.
Whoever is killed on the way leaves a journal from which `undo.recover` goes on.

Fails as: `OperatorError` before the first deed (stale, busy, no timer, no journal). From the first deed on every
failure is an undo, and an `Outcome` that says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from lockdown.checklist import CHECKLIST, Room
from lockdown.config import Loaded, Settings
from lockdown.engine.apply_record import Approval, End, record_named, record_of, records, write_intention
from lockdown.engine.audit import Report, audit
from lockdown.engine.mailflow import Flow, Flows, Stopped, mail_flows
from lockdown.engine.own_folder import bring_over
from lockdown.engine.plan import Plan, make_plan
from lockdown.engine.plan_files import Shown, difference, shown_plan
from lockdown.engine.probation import arm
from lockdown.engine.undo import (
    At,
    RolledBack,
    alone,
    in_words,
    note,
    nowhere,
    recover,
    roll_back,
    stop_timer,
    undo,
    unfinished,
)
from lockdown.host.change import deeds, files, services
from lockdown.host.change.staging import Deed
from lockdown.host.journal import Journal, journals
from lockdown.host.read import take_snapshot
from lockdown.host.session import Origin, origin_of
from lockdown.model.change import Run
from lockdown.model.errors import OperatorError
from lockdown.model.finding import Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from lockdown.state.layout import StateDirectory

_ID = re.compile(r"[0-9]{8}-[0-9]{6}(-[0-9]{2})?")
APPLIED, REFUSED, UNDONE = 0, 2, 4
"""Exit codes."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an apply reads and asks with; a test brings its own."""

    settings: Settings
    directory: StateDirectory
    read: Callable[[], Snapshot]
    flows: Callable[[], Flow]
    config: str = ""
    checklist: Sequence[Room] = CHECKLIST
    at: At = nowhere

    def arm(self, apply: str, seconds: float, log: Path) -> dict[str, object]:
        """Have it rolled back in so many seconds."""
        return asdict(arm(apply, seconds, self.config, log / "probation.log"))


def means_of(loaded: Loaded) -> Means:
    """Of this machine."""
    directory = StateDirectory(Path(loaded.settings.state.directory))
    bring_over(directory)
    return Means(
        loaded.settings,
        directory,
        lambda: take_snapshot(loaded, datetime.now(UTC)),
        lambda: mail_flows(loaded.settings),
        loaded.files[0] if loaded.files else "",
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `says` is for people, the first line first."""

    apply: str
    end: End
    says: tuple[str, ...]
    until: datetime | None = None

    @property
    def exit_code(self) -> int:
        """0: it is as planned; 4: it is as before, or as near to that as can be."""
        return APPLIED if self.end in (End.APPLIED, End.PROBATION, End.CONFIRMED) else UNDONE


_TIMER_WAITS_SECONDS = 7200.0
"""For an apply that is at work: a timer comes once, and what it finds then must not be left to nobody."""


class _NotVerified(Exception):
    """What was done does not do what it is for; `controls` are those that it hangs on, where that can be told."""

    def __init__(self, why: str, controls: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.controls = tuple(controls)


def plan_now(means: Means, items: Sequence[str] = (), without: Sequence[str] = ()) -> Plan:
    """The plan of this moment."""
    return make_plan(means.read(), means.settings, datetime.now(UTC), items, without, means.checklist)


def apply_plan(approval: Approval, means: Means) -> Outcome:
    """Do what was approved, prove it, or take it back."""
    with alone(means.directory.applies):
        _nothing_unfinished(means)
        shown = shown_plan(means.directory, approval.plan)
        approval = _as_shown(approval, shown)
        plan = plan_now(means, approval.items, approval.without)
        if plan.id != approval.plan:
            raise _stale(approval.plan, shown, plan)
        return carry_out(plan, approval, means)


def carry_out(plan: Plan, approval: Approval, means: Means) -> Outcome:
    """Do a plan that was made just now; the caller holds the lock."""
    return _Apply(plan, approval, means).run()


def _nothing_unfinished(means: Means) -> None:
    if (other := unfinished(records(means.directory.applies))) is None:
        return
    on = other.state is End.PROBATION
    why = "is on probation, and would be hard to take back from under another" if on else "was cut off on its way"
    keep = f"lockdown confirm {other.id}     or: " if on else ""
    raise OperatorError(
        "apply-unfinished",
        what="nothing is changed",
        why=f"apply {other.id} {why}",
        try_this=f"{keep}lockdown rollback {other.id}",
    )


def _as_shown(approval: Approval, shown: Shown | None) -> Approval:
    """The items that were planned, where none are named: a hint, since another plan has another id."""
    if shown is None:
        return approval
    planned = f"{shown.by}, {shown.made_at}"
    if approval.items or approval.without:
        return Approval(approval.plan, approval.by, approval.origin, approval.items, approval.without, planned)
    return Approval(approval.plan, approval.by, approval.origin, shown.items, shown.without, planned)


def _stale(id: str, shown: Shown | None, plan: Plan) -> OperatorError:
    return OperatorError(
        "plan-stale",
        what=f"plan {id} is stale, nothing is changed",
        why=difference(shown, plan) if shown else "nobody has planned that here, or the machine has changed since",
        try_this=" ".join(["lockdown plan", *(shown.items if shown else ())]) + "     (then apply the new one)",
    )


class _Apply:
    """One apply, from the journal's first line to its last."""

    def __init__(self, plan: Plan, approval: Approval, means: Means) -> None:
        self._plan, self._approval, self._means = plan, approval, means
        self._at = means.at
        self._journal: Journal

    def run(self) -> Outcome:
        """Everything, in order."""
        if self._plan.is_empty:
            raise OperatorError(
                "nothing-to-do", what="nothing is changed", why="there is nothing to change", try_this="lockdown audit"
            )
        self._fetch()
        self._at("letter before")
        before = self._means.flows()
        self._begin(before)
        on_probation = self._plan.on_probation or isinstance(before, Unknown)
        try:
            until = self._arm()
            self._do()
            flow, in_doubt = self._verify(before)
            on_probation = on_probation or bool(in_doubt) or isinstance(flow, Unknown)
            return self._commit(flow, until, on_probation, in_doubt)
        except (Exception, KeyboardInterrupt) as error:  # the one place: whatever it was, the machine is put back
            return self._undo(error)

    def _fetch(self) -> None:
        """What is not to be had is found out before the first deed, not half-way."""
        self._at("fetch")
        for deed in self._plan.staged.deeds:
            try:
                deeds.fetch(deed.change)
            except OperatorError as problem:
                rest = "".join(f" --without {control}" for control in self._controls_of(deed))
                raise OperatorError(
                    "not-to-be-had",
                    what="nothing is changed",
                    why=f"{problem.what}: {problem.why}",
                    try_this=f"{problem.try_this}; or the rest without it: lockdown plan{rest}",
                ) from None

    def _begin(self, before: Flow) -> None:
        self._at("journal")
        folder = self._means.directory.applies / new_id(self._means.directory.applies, datetime.now(UTC))
        try:
            self._journal = Journal.begin(folder)
            write_intention(
                self._journal, self._plan, self._approval, config=self._means.config,
                probation=self._means.settings.apply.probation, flowed=isinstance(before, Flows), flow=in_words(before),
            )  # fmt: skip
        except OSError as error:
            raise OperatorError(
                "no-journal",
                what="nothing is changed",
                why=f"its journal cannot be written: {error.strerror or error}",
                try_this=f"df -h {folder.parent}; ls -ld {folder.parent}",
            ) from error

    def _arm(self) -> datetime:
        """For every apply, on probation or not: who dies on the way is undone as well."""
        term: timedelta = self._means.settings.apply.probation
        self._at("arm")
        armed = self._means.arm(self._journal.id, term.total_seconds(), self._journal.folder)
        until = datetime.now(UTC) + term
        self._journal.append("armed", until=until.isoformat(), **armed)
        return until

    # ── the deeds ──

    def _do(self) -> None:
        for number, edit in enumerate(self._plan.staged.edits):
            self._at(f"edit {number}")
            self._journal.append("edit-begins", number=number, path=edit.after.path)
            self._at(f"write {number}")
            files.put(edit.after)
            self._at(f"written {number}")
            self._journal.append("edit-done", number=number)
        tables, others = _tables_first(self._plan.staged.deeds)
        self._deeds(tables)
        self._check_and_reload()
        self._deeds(others)

    def _deeds(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            deed = self._plan.staged.deeds[number]
            self._at(f"deed {number}")
            self._journal.append("deed-begins", number=number)
            self._at(f"do {number}")
            try:
                deeds.do(deed.change, deed.before)
            except OperatorError as problem:
                raise _NotVerified(_why(problem), self._controls_of(deed)) from None
            self._at(f"did {number}")
            self._journal.append("deed-done", number=number)

    def _controls_of(self, deed: Deed) -> list[str]:
        return sorted({group.control for group in self._plan.groups if deed.index in group.changes})

    def _check_and_reload(self) -> None:
        """A running service is told to read its files again, once its own checker has heard them (`reload` asks it)."""
        for service in self._plan.staged.services:
            self._at(f"reload {service}")
            if services.takes_a_reload(service):
                services.reload(service, service in self._plan.staged.restarts)
            elif said := services.check(service):
                raise _NotVerified(f"{service} itself refuses what is configured now: {said}")
        self._journal.append("reloaded", services=list(self._plan.staged.services))

    # ── is it so? ──

    def _verify(self, before: Flow) -> tuple[Flow, tuple[str, ...]]:
        """Does mail flow, and what held before and can be told no more."""
        self._at("read again")
        report = audit(self._means.read(), self._means.settings, datetime.now(UTC), checklist=self._means.checklist)
        if wrong := tuple(wrong_after(self._plan, report)):
            named = {one.control for group in self._plan.groups for one in group.proposals}
            raise _NotVerified("; ".join(wrong), sorted(one for one in named if any(one in line for line in wrong)))
        self._at("letter after")
        flow = self._means.flows()
        if isinstance(before, Flows) and isinstance(flow, Stopped):
            raise _NotVerified(f"mail flowed before, and does not now: {flow.why}")
        return flow, tuple(in_doubt_after(self._plan, report))

    def _commit(self, flow: Flow, until: datetime, on_probation: bool, in_doubt: tuple[str, ...]) -> Outcome:
        until = self._long_enough(until) if on_probation else until
        self._at("verified")
        counts = {"turned": [list(name) for name in self._plan.expected], "not_proved": list(in_doubt)}
        self._journal.append("verified", mail=in_words(flow), probation=on_probation, **counts)
        self._at("commit")
        self._journal.append("committed", probation=on_probation)
        self._at("committed")
        record = record_of(self._journal)
        if not on_probation:
            stop_timer(record)
        return Outcome(record.id, record.state, tuple(self._told(flow, until, on_probation, in_doubt)), record.until)

    def _long_enough(self, until: datetime) -> datetime:
        """The timer runs since before the first deed: what took long would leave no time, or none, to confirm it."""
        if until - datetime.now(UTC) > self._means.settings.apply.probation / 2:
            return until
        stop_timer(record_of(self._journal))
        return self._arm()

    def _told(self, flow: Flow, until: datetime, on_probation: bool, in_doubt: tuple[str, ...]) -> Iterator[str]:
        id, turned = self._journal.id, len(self._plan.expected)
        yield f"applied: {len(self._plan.changes)} changes; {turned} controls that did not hold do now"
        yield in_words(flow)
        yield from (f"not proved: {line}" for line in in_doubt)
        if on_probation:
            why = "not all is proved" if in_doubt else "nobody can tell whether mail flows"
            why = "it may cut you off" if self._plan.on_probation else why
            yield f"on probation, since {why}: at {until:%T}Z it is undone by itself, unless you confirm it"
            yield f"type, over a NEW connection: lockdown confirm {id}"
        else:
            yield f"the way back: lockdown rollback {id}"

    def _undo(self, error: BaseException) -> Outcome:
        why = _why(error)
        begun = record_of(self._journal)
        note(begun, "failed", why=why)
        undone = undo(begun, why, "the apply itself", self._at)
        record = record_of(self._journal)
        stop_timer(record)
        mail = in_words(self._means.flows())
        note(record, "mail", when="after the undo", says=mail)
        whole = "rolled back: every file is as it was" if not undone.left else "rolled back in part"
        left = (f"left: {line}" for line in undone.left)
        controls = error.controls if isinstance(error, _NotVerified) else ()
        rest = "".join(f" --without {control}" for control in controls)
        hint = (f"the rest without it: lockdown plan{rest}",) if rest else ()
        return Outcome(record.id, record.state, (f"not applied: {why}", whole, *left, *undone.problems, mail, *hint))


def _tables_first(staged: Sequence[Deed]) -> tuple[list[int], list[int]]:
    """Programs that make tables of the files run before the services read them; all else after."""
    tables = [number for number, deed in enumerate(staged) if isinstance(deed.change, Run)]
    return tables, [number for number in range(len(staged)) if number not in tables]


def _why(error: BaseException) -> str:
    match error:
        case _NotVerified():
            return str(error)
        case OperatorError():
            return f"{error.what}: {error.why}"
        case KeyboardInterrupt():
            return "it was interrupted"
        case _:
            return f"{type(error).__name__}: {error}"


def wrong_after(plan: Plan, after: Report) -> Iterator[str]:
    """What does not hold that should, and what held before and fails now, of any item."""
    now = {(one.control, one.target): one for one in after.findings}
    for name in plan.expected:
        found = now.get(name)
        if found is not None and found.state in (State.FAIL, State.WARN, State.UNKNOWN):
            yield f"{_named(found)} should hold now, but: {found.says}"
        elif found is None and (unknown := _not_judged(name[0], after)):
            yield f"{name[0]} ({name[1]}) should hold now, but: {unknown.says}"
    for was in plan.before.findings:
        found = now.get((was.control, was.target))
        if was.state is State.PASS and found is not None and found.state is State.FAIL:
            yield f"{_named(found)} held before, and fails now: {found.says}"


def in_doubt_after(plan: Plan, after: Report) -> Iterator[str]:
    """What held before and can be told no more: that is no failure, but nothing has proved that it still holds."""
    now = {(one.control, one.target): one for one in after.findings}
    for was in plan.before.findings:
        if was.state is not State.PASS:
            continue
        found = now.get((was.control, was.target)) or _not_judged(was.control, after)
        if found is not None and found.state is State.UNKNOWN:
            yield f"{_named(was)} held before, and cannot be told now: {found.says}"


def _not_judged(control: str, after: Report) -> Finding | None:
    """A target that is gone may be what was wanted; where its control was not judged at all, nobody knows."""
    return next((one for one in after.findings if one.control == control and one.state is State.UNKNOWN), None)


def _named(finding: Finding) -> str:
    return finding.control if finding.target == "this host" else f"{finding.control} ({finding.target})"


def new_id(applies: Path, now: datetime) -> str:
    """Sorts by time; read aloud without a mistake. The newest comes last, also when the clock was set back since."""
    base = f"{now:%Y%m%d-%H%M%S}"
    newest = max((journal.id for journal in journals(applies) if _ID.fullmatch(journal.id)), default="")
    if newest < base:
        return base
    stem = newest[: len(base)]
    return f"{stem}-{int(newest[len(base) + 1 :] or 1) + 1:02}"


# ── confirm ──


def origin_from(text: str) -> Origin:
    """The connection as the agent has seen it; where no agent stands between, that of this process."""
    return msgspec.json.decode(text, type=Origin) if text else origin_of(os.getpid())


def confirm(name: str, by: str, origin: Origin, means: Means, *, here: bool = False) -> Outcome:
    """It stays. The word must come over another connection than the approval did: that one works is the proof."""
    with alone(means.directory.applies, wait_seconds=60.0):
        record = record_named(means.directory.applies, name)
        if record.state is not End.PROBATION or record.approval is None:
            raise OperatorError(
                "not-on-probation",
                what=f"apply {record.id} is not confirmed",
                why=f"it is not on probation, it is {record.state}",
                try_this=f"lockdown history {record.id}",
            )
        if not (here and not record.is_access) and not origin.is_apart_from(record.approval.origin):
            raise _same_connection(record.id, here)
        record.journal.append("confirmed", by=by, origin=asdict(origin))
        stop_timer(record)
        return Outcome(record.id, End.CONFIRMED, (f"confirmed: apply {record.id} stays",))


def _same_connection(id: str, here: bool) -> OperatorError:
    why = (
        "this is the connection that it was applied over (or that cannot be told): an open connection goes on where a "
        "new one may be refused"
    )
    if here:
        why += "; --here does not count for what may shut you out"
    return OperatorError(
        "same-connection",
        what=f"apply {id} is not confirmed",
        why=why,
        try_this=f"log in anew, and there: lockdown confirm {id}",
    )


def roll_back_named(name: str, by: str, means: Means, *, unless_confirmed: bool = False) -> RolledBack:
    """Take an apply back."""
    with alone(means.directory.applies, wait_seconds=_TIMER_WAITS_SECONDS if unless_confirmed else 0.0):
        record = record_named(means.directory.applies, name)
        return roll_back(record, by, means.flows, unless_confirmed=unless_confirmed, at=means.at)


def recover_here(means: Means) -> tuple[str, ...]:
    """What was cut off, or not confirmed in time, ends; says how."""
    return recover(means.directory.applies, datetime.now(UTC), means.flows, means.arm, means.at)

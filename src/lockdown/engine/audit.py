"""Run every room's audit over one snapshot: what each item of the checklist says of the machine.

No control is ever silent: one that was declared and got no finding is UNKNOWN, and so are the controls of a room that
breaks. Items that this version does not judge say so in a sentence of their own.

Fails as: findings that are UNKNOWN. Never raises for a machine, however it is set up.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeAlias

from lockdown.checklist import CHECKLIST, Room
from lockdown.config import Settings
from lockdown.engine.statements import Statement, by_word, expired, statements
from lockdown.facts.gateway import NO_GATEWAY, SOURCE
from lockdown.model.card import Card
from lockdown.model.finding import Control, Finding, Severity, State
from lockdown.model.snapshot import Snapshot, absent

PROBED = "probe/"
"""How the readings begin that were taken from outside."""

HOLDS, FINDINGS, NOT_TOLD = 0, 1, 3
"""Exit codes of an audit; 2 is for usage and settings."""

Audit: TypeAlias = Callable[[Snapshot, Settings], Iterable[Finding]]


class Waiver(Protocol):
    """A failure that somebody answers for, until a day. An empty target is every target."""

    @property
    def control(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def until(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class ItemReport:
    """One item: its card, and its findings; `not_judged` says in a sentence that there are none yet."""

    card: Card
    findings: tuple[Finding, ...]
    not_judged: str = ""

    @property
    def state(self) -> State | None:
        """The worst of its findings; None for an item that is not judged."""
        return max((finding.state for finding in self.findings), key=_RANK.__getitem__, default=None)


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found, item by item, in the order of the checklist."""

    host: str
    taken_at: datetime
    version: str
    items: tuple[ItemReport, ...]
    profile: str = ""
    role: str = ""
    """By what it was judged."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for item in self.items for finding in item.findings)

    def counts(self) -> Counter[State]:
        """How many findings stand how."""
        return Counter(finding.state for finding in self.findings)

    def exit_code(self, fail_on: State = State.FAIL, asked: Collection[str] = ()) -> int:
        """0 all holds; 1 something is at or above `fail_on`; 3 nothing failed, yet not everything could be told.

        An item that was asked for by name and is not judged could not be told either.
        """
        counts = self.counts()
        if counts[State.FAIL] or (fail_on is State.WARN and counts[State.WARN]):
            return FINDINGS
        unjudged = any(item.not_judged for item in self.items if item.card.id in asked)
        return NOT_TOLD if counts[State.UNKNOWN] or unjudged else HOLDS

    def urgent(self, most: int = 3) -> tuple[Finding, ...]:
        """What to do first: failures, then what could not be told, then warnings; the severest first, nothing twice."""
        severities = {
            control.id: list(Severity).index(control.severity) for item in self.items for control in item.card.controls
        }
        order = (State.FAIL, State.UNKNOWN, State.WARN)
        bad = [finding for finding in self.findings if finding.state in order]
        # What a person must say is asked last: first what can be mended tonight.
        words = {control.id for item in self.items for control in item.card.controls if control.by_word}
        bad.sort(key=lambda one: (one.control in words, order.index(one.state), severities[one.control]))
        chosen: list[Finding] = []
        for finding in bad:
            if not any(finding.control == other.control or finding.says == other.says for other in chosen):
                chosen.append(finding)
        return tuple(chosen[:most])


_RANK = {
    State.NOT_APPLICABLE: 0,
    State.PASS: 1,
    State.WAIVED: 2,
    State.UNKNOWN: 3,
    State.WARN: 4,
    State.FAIL: 5,
}


def audit(
    snapshot: Snapshot,
    policy: Settings,
    now: datetime,
    *,
    items: Collection[str] = (),
    waivers: Iterable[Waiver] = (),
    checklist: Iterable[Room] = CHECKLIST,
) -> Report:
    """Judge a snapshot; `items` are ids of the checklist, none meaning all."""
    rooms = [room for room in checklist if not items or room.CARD.id in items]
    written = _Words(
        statements(policy.audit.attested, "audit.attested", cards()),
        statements(policy.audit.waivers, "audit.waivers", cards()),
        tuple(waivers),
    )
    reports = tuple(_item(room, snapshot, policy, written, now) for room in rooms)
    site = policy.site
    return Report(snapshot.host, snapshot.taken_at, snapshot.version, reports, site.profile, site.role)


@dataclass(frozen=True, slots=True)
class _Words:
    """What people answer for: in the settings, and in the store."""

    attested: tuple[Statement, ...]
    waivers: tuple[Statement, ...]
    stored: tuple[Waiver, ...]


def _item(room: Room, snapshot: Snapshot, policy: Settings, words: _Words, now: datetime) -> ItemReport:
    card = room.CARD
    if "audit" in card.empty:
        return ItemReport(card, (), card.empty["audit"])
    found = tuple(_no_gateway(finding, snapshot) for finding in _findings(room, snapshot, policy))
    said = tuple(by_word(control, words.attested, now) for control in card.controls if control.by_word)
    waivers = (*words.waivers, *words.stored)
    waived = (_waived(finding, card, waivers, now) for finding in (*found, *said))
    return ItemReport(card, tuple(expired(finding, words.waivers, now) for finding in waived))


def _no_gateway(finding: Finding, snapshot: Snapshot) -> Finding:
    """Where there is surely no gateway of ours, its settings are not unknown: what is asked of it does not apply."""
    is_its_own = finding.state is State.UNKNOWN and finding.target.startswith(("gateway", "engine "))
    if is_its_own and absent(snapshot.reading(SOURCE)):
        return replace(finding, state=State.NOT_APPLICABLE, says=f"{NO_GATEWAY.capitalize()}.", next_command="")
    return finding


def _findings(room: Room, snapshot: Snapshot, policy: Settings) -> Iterator[Finding]:
    """What the room says, and UNKNOWN for each control that it is silent about."""
    found: list[Finding] = []
    why = "the audit gave no answer for it; this is a fault of Lockdown"
    try:
        judge: Audit = importlib.import_module(f"{room.__name__}.audit").audit
        for finding in judge(snapshot, policy):
            found.append(finding)
    except Exception as error:  # a broken room must not pass for a healthy machine
        why = f"the audit broke: {type(error).__name__}: {error}; this is a fault of Lockdown"
    judged = {finding.control for finding in found}
    yield from found
    for control in room.CARD.controls:
        if control.id not in judged and _is_demanded(control, snapshot):
            yield control.finding(
                State.UNKNOWN,
                f"Not judged: {why}.",
                next_command="lockdown snapshot -o FOLDER     (and send it with a report)",
            )


def _is_demanded(control: Control, snapshot: Snapshot) -> bool:
    """Whether silence on it would hide something: not where it is another's to tell, or nothing was probed."""
    return not (control.in_flight or control.by_word or control.by_drill) and (
        not control.black_box or any(name.startswith(PROBED) for name in snapshot.readings)
    )


def _waived(finding: Finding, card: Card, waivers: Collection[Waiver], now: datetime) -> Finding:
    """A failure that somebody answers for, with who, why and until when; some controls cannot be waived."""
    if finding.state not in (State.FAIL, State.WARN, State.UNKNOWN) or not _is_waivable(finding, card):
        return finding
    for waiver in waivers:
        if waiver.control == finding.control and waiver.target in ("", finding.target) and waiver.until > now:
            by = f"Waived by {waiver.owner} until {waiver.until:%Y-%m-%d}: {waiver.reason}."
            says = f"{by} It is: {finding.state}: {finding.says}"
            return replace(finding, state=State.WAIVED, says=says)
    return finding


def _is_waivable(finding: Finding, card: Card) -> bool:
    return all(control.waivable for control in card.controls if control.id == finding.control)


def cards() -> tuple[Card, ...]:
    """The thirteen cards in their order."""
    return tuple(room.CARD for room in CHECKLIST)


def control_named(control_id: str) -> tuple[Control, Card] | None:
    """A control and the card that it stands on."""
    for card in cards():
        for control in card.controls:
            if control.id == control_id:
                return control, card
    return None

"""An audit as JSON: `lockdown.audit/1`. The types below are the schema; `docs/audit.schema.json` is made from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from lockdown.engine.audit import ItemReport, Report
from lockdown.engine.changes import Change
from lockdown.model.finding import Control, Finding, State

SCHEMA = "lockdown.audit/1"


class EvidenceField(msgspec.Struct, frozen=True):
    """What a finding rests on: a file, command or setting, the line in it where there is one, the text."""

    source: str
    line: int | None
    text: str


class FindingField(msgspec.Struct, frozen=True):
    """How one control stands on one target. `id` is the same tomorrow, whatever the finding says then."""

    id: str
    control: str
    title: str | None
    severity: str | None
    state: State
    target: str
    says: str
    consequence: str | None
    evidence: list[EvidenceField]
    next_command: str | None
    references: list[str]
    maps: list[str]


class ItemField(msgspec.Struct, frozen=True):
    """One of the thirteen; `state` is the worst of its findings, null where it is not judged."""

    number: int
    id: str
    title: str
    state: State | None
    not_judged: str | None
    findings: list[FindingField]


class ChangeField(msgspec.Struct, frozen=True):
    """A control whose state differs from the audit before; null: it was not judged then, or is not now."""

    id: str
    control: str
    target: str
    before: State | None
    after: State | None
    worse: bool
    says: str


class AuditField(msgspec.Struct, frozen=True):
    """A whole audit. `changes` is null unless they were asked for."""

    schema: str
    host: str
    taken_at: str
    version: str
    profile: str
    role: str
    exit_code: int
    counts: dict[str, int]
    items: list[ItemField]
    changes: list[ChangeField] | None = None


def finding_id(control: str, target: str) -> str:
    """The same control on the same target is the same finding for ever."""
    return hashlib.sha256(f"{control}\0{target}".encode()).hexdigest()[:16]


def as_fields(report: Report, code: int, changed: Sequence[Change] | None = None) -> AuditField:
    """The report in the types of the schema."""
    counts = report.counts()
    return AuditField(
        schema=SCHEMA,
        host=report.host,
        taken_at=report.taken_at.isoformat(),
        version=report.version,
        profile=report.profile,
        role=report.role,
        exit_code=code,
        counts={str(state): counts[state] for state in State},
        items=[_item(item) for item in report.items],
        changes=None if changed is None else [_change(change) for change in changed],
    )


def as_json(report: Report, code: int, changed: Sequence[Change] | None = None) -> str:
    """The document."""
    encoded = msgspec.json.encode(as_fields(report, code, changed))
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def schema() -> str:
    """The JSON schema of the document."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(AuditField)), indent=2).decode() + "\n"


def _item(item: ItemReport) -> ItemField:
    controls = {control.id: control for control in item.card.controls}
    return ItemField(
        item.card.number,
        item.card.id,
        item.card.title,
        item.state,
        item.not_judged or None,
        [_finding(finding, controls.get(finding.control)) for finding in item.findings],
    )


def _finding(finding: Finding, control: Control | None) -> FindingField:
    return FindingField(
        id=finding_id(finding.control, finding.target),
        control=finding.control,
        title=control.title if control else None,
        severity=str(control.severity) if control else None,
        state=finding.state,
        target=finding.target,
        says=finding.says,
        consequence=control.why if control else None,
        evidence=[EvidenceField(line.source, line.line, line.text) for line in finding.evidence],
        next_command=finding.next_command or None,
        references=list(control.references) if control else [],
        maps=list(control.maps) if control else [],
    )


def _change(change: Change) -> ChangeField:
    found = change.finding
    return ChangeField(
        id=finding_id(found.control, found.target),
        control=found.control,
        target=found.target,
        before=change.before.state if change.before else None,
        after=change.after.state if change.after else None,
        worse=change.is_worse,
        says=found.says,
    )

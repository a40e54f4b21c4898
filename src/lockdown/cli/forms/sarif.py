"""An audit as SARIF 2.1.0 (OASIS), for repositories of settings: what does not hold, at the file and line it rests on.

Waived failures are there with a suppression, as the format has it; what could not be told is a `review`.
"""

from __future__ import annotations

import json
from typing import Any

from lockdown.cli.forms.fields import finding_id
from lockdown.engine.audit import Report
from lockdown.model.finding import Control, Evidence, Finding, Severity, State

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {State.FAIL: "error", State.WARN: "warning", State.WAIVED: "warning", State.UNKNOWN: "none"}
_KINDS = {State.UNKNOWN: "review", State.PASS: "pass", State.NOT_APPLICABLE: "notApplicable"}
_SECURITY_SEVERITY = {Severity.CRITICAL: "9.0", Severity.HIGH: "7.0", Severity.MEDIUM: "4.0", Severity.LOW: "2.0"}


def as_sarif(report: Report) -> str:
    """The document."""
    controls = [control for item in report.items for control in item.card.controls]
    numbers = {control.id: number for number, control in enumerate(controls)}
    run = {
        "tool": {
            "driver": {
                "name": "Lockdown",
                "version": report.version,
                "rules": [_rule(control) for control in controls],
            }
        },
        "automationDetails": {"id": f"lockdown-audit/{report.host}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers[finding.control]) for finding in report.findings],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _rule(control: Control) -> dict[str, Any]:
    return {
        "id": control.id,
        "shortDescription": {"text": control.title},
        "fullDescription": {"text": control.why},
        "help": {"text": f"{control.fix}\nJudged on: {control.evidence}. Side effects: {control.side_effects}."},
        "properties": {
            "security-severity": _SECURITY_SEVERITY[control.severity],
            "tags": [control.id.partition(".")[0], *control.maps],
        },
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.control,
        "ruleIndex": rule,
        "kind": _KINDS.get(finding.state, "fail"),
        "level": _LEVELS.get(finding.state, "none"),
        "message": {"text": finding.says + (f" Type: {finding.next_command}" if finding.next_command else "")},
        "partialFingerprints": {"lockdownFinding/v1": finding_id(finding.control, finding.target)},
        "locations": [_location(evidence) for evidence in finding.evidence if evidence.source.startswith("/")][:10],
        "properties": {"target": finding.target},
    }
    if finding.state is State.WAIVED:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.says}]
    return result


def _location(evidence: Evidence) -> dict[str, Any]:
    region: dict[str, Any] = {"snippet": {"text": evidence.text}}
    if evidence.line:
        region["startLine"] = evidence.line
    where: dict[str, Any] = {"artifactLocation": {"uri": f"file://{_quoted(evidence.source)}"}}
    return {"physicalLocation": where | ({"region": region} if evidence.line else {})}


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)

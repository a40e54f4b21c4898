"""An audit as OCSF Compliance Findings (class 2003, schema 1.3.0): one JSON object a line, for a SIEM.

A waived failure keeps its failing status and is `Suppressed`, as the schema has it.
"""

from __future__ import annotations

import json
from typing import Any

from lockdown.cli.forms.fields import finding_id
from lockdown.engine.audit import ItemReport, Report
from lockdown.model.finding import Control, Finding, Severity, State

_SEVERITY = {
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_COMPLIANCE = {
    State.PASS: (1, "Pass"), State.WARN: (2, "Warning"), State.FAIL: (3, "Fail"), State.WAIVED: (3, "Fail"),
    State.UNKNOWN: (0, "Unknown"), State.NOT_APPLICABLE: (99, "Not applicable"),
}  # fmt: skip


def as_ocsf(report: Report) -> str:
    """The lines."""
    return "".join(
        json.dumps(_event(finding, item, report), ensure_ascii=False) + "\n"
        for item in report.items
        for finding in item.findings
    )


def _event(finding: Finding, item: ItemReport, report: Report) -> dict[str, Any]:
    control = next(control for control in item.card.controls if control.id == finding.control)
    severity = _SEVERITY[control.severity] if finding.state in (State.FAIL, State.WARN) else (1, "Informational")
    status_id, status = (3, "Suppressed") if finding.state is State.WAIVED else (1, "New")
    when = int(report.taken_at.timestamp() * 1000)
    return {
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "category_uid": 2,
        "category_name": "Findings",
        "activity_id": 1,
        "activity_name": "Create",
        "type_uid": 200301,
        "time": when,
        "severity_id": severity[0],
        "severity": severity[1],
        "status_id": status_id,
        "status": status,
        "message": finding.says,
        "metadata": {
            "version": "1.3.0",
            "product": {"name": "Lockdown", "vendor_name": "Lockdown", "version": report.version},
        },
        "finding_info": {
            "uid": finding_id(finding.control, finding.target),
            "title": control.title,
            "desc": finding.says,
            "created_time": when,
            "types": [item.card.title],
        },
        "compliance": _compliance(finding, control, item),
        "remediation": {"desc": finding.next_command or control.fix, "references": list(control.references)},
        "resources": [{"name": finding.target, "uid": f"{report.host}/{finding.target}", "type": "mail server"}],
        "device": {"hostname": report.host, "type_id": 1, "type": "Server"},
        "evidences": [{"data": {"source": e.source, "line": e.line, "text": e.text}} for e in finding.evidence],
    }


def _compliance(finding: Finding, control: Control, item: ItemReport) -> dict[str, Any]:
    number, word = _COMPLIANCE[finding.state]
    return {
        "control": control.id,
        "standards": ["Email server lockdown: a basic security checklist", *control.maps],
        "requirements": [f"{item.card.number}. {item.card.title}"],
        "status_id": number,
        "status": word,
        "status_detail": str(finding.state),
    }

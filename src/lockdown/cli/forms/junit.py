"""An audit as JUnit XML, as continuous integration reads it: a suite for each item, a case for each finding.

A failure is a failure; what could not be told is an error, never a pass; a warning passes unless warnings fail.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from lockdown.engine.audit import ItemReport, Report
from lockdown.model.finding import Finding, State

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report, fail_on: State) -> str:
    """The document."""
    suites = Xml.Element("testsuites", name=f"lockdown audit of {_clean(report.host)}")
    for item in report.items:
        suites.append(_suite(item, report, fail_on))
    Xml.indent(suites)
    return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _suite(item: ItemReport, report: Report, fail_on: State) -> Xml.Element:
    cases = [_case(item.card.id, finding, fail_on) for finding in item.findings]
    counts = {kind: sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped")}
    suite = Xml.Element(
        "testsuite", name=f"{item.card.number}. {item.card.title}", tests=str(len(cases)),
        failures=str(counts["failure"]), errors=str(counts["error"]), skipped=str(counts["skipped"]),
        timestamp=report.taken_at.isoformat(timespec="seconds"), hostname=_clean(report.host),
    )  # fmt: skip
    suite.extend(cases)
    return suite


def _case(item: str, finding: Finding, fail_on: State) -> Xml.Element:
    case = Xml.Element("testcase", classname=f"lockdown.{item}", name=f"{finding.control} [{_clean(finding.target)}]")
    failing = (State.FAIL, State.WARN) if fail_on is State.WARN else (State.FAIL,)
    if finding.state in failing:
        _told(case, "failure", finding)
    elif finding.state is State.UNKNOWN:
        _told(case, "error", finding)
    elif finding.state in (State.NOT_APPLICABLE, State.WAIVED):
        Xml.SubElement(case, "skipped", message=_clean(finding.says))
    else:
        Xml.SubElement(case, "system-out").text = _clean(f"{finding.state}: {finding.says}")
    return case


def _told(case: Xml.Element, kind: str, finding: Finding) -> None:
    lines = [f"{line.source}:{line.line or ''} {line.text}" for line in finding.evidence]
    element = Xml.SubElement(case, kind, message=_clean(finding.says), type=str(finding.state))
    element.text = _clean("\n".join([*lines, f"type: {finding.next_command}" if finding.next_command else ""]))


def _clean(text: str) -> str:
    """XML 1.0 has no place for most control characters, not even escaped ones."""
    return _NOT_IN_XML.sub("\ufffd", text)

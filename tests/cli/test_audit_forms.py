"""One audit in each of its forms, from a report of literals: what a machine reads must say what the screen says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

import msgspec
import pytest

from lockdown.cli.audit_text import render, render_changes
from lockdown.cli.forms.fields import AuditField, as_json, finding_id
from lockdown.cli.forms.html import as_html
from lockdown.cli.forms.junit import as_junit
from lockdown.cli.forms.nagios import as_nagios, nagios_code
from lockdown.cli.forms.ocsf import as_ocsf
from lockdown.cli.forms.sarif import as_sarif
from lockdown.engine.audit import ItemReport, Report
from lockdown.engine.changes import changes, worse
from lockdown.model.card import Card
from lockdown.model.finding import Control, Evidence, Finding, Severity, State

NASTY = "<script>alert(1)</script> \x1b[31m\x00 | & \u202e"


def control(name: str, severity: Severity = Severity.HIGH) -> Control:
    return Control(f"relaying.{name}", f"Title of {name}", severity, "It matters.", "type this", "its evidence")


CONTROLS = (control("open", Severity.CRITICAL), control("narrow"), control("quiet", Severity.LOW))
CARD = Card(8, "relaying", "Disable relaying", "Nobody relays.", CONTROLS)
PLACE = Evidence("/etc/postfix/main.cf", f"mynetworks = 0.0.0.0/0 {NASTY}", 7)


def report(*states: State, says: str = "It is so.") -> Report:
    found = tuple(
        Finding(one.id, state, f"{says} {number}", (PLACE,), "postconf -e x=y", f"postfix {number}")
        for number, (one, state) in enumerate(zip(CONTROLS, states, strict=False))
    )
    item = ItemReport(CARD, found)
    return Report("mail.example.com", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "1.0", (item,), "business", "mx")


MIXED = report(State.FAIL, State.UNKNOWN, State.WAIVED, says=NASTY)


def test_json_follows_its_own_schema_and_keeps_every_state() -> None:
    read = msgspec.json.decode(as_json(MIXED, 1), type=AuditField)
    assert (read.schema, read.exit_code, read.profile, read.role) == ("lockdown.audit/1", 1, "business", "mx")
    assert [found.state for found in read.items[0].findings] == [State.FAIL, State.UNKNOWN, State.WAIVED]
    first = read.items[0].findings[0]
    assert (first.evidence[0].line, first.consequence, first.id) == (
        7,
        "It matters.",
        finding_id(first.control, first.target),
    )


def test_sarif_names_the_file_and_the_line_and_never_calls_unknown_a_pass() -> None:
    run = json.loads(as_sarif(MIXED))["runs"][0]
    failed, unknown, waived = run["results"]
    where = failed["locations"][0]["physicalLocation"]
    assert (where["artifactLocation"]["uri"], where["region"]["startLine"]) == ("file:///etc/postfix/main.cf", 7)
    assert (failed["kind"], failed["level"], unknown["kind"], unknown["level"]) == ("fail", "error", "review", "none")
    assert waived["suppressions"][0]["status"] == "accepted"
    assert run["tool"]["driver"]["rules"][failed["ruleIndex"]]["id"] == failed["ruleId"]


def test_junit_counts_failures_and_calls_unknown_an_error() -> None:
    suite = Xml.fromstring(as_junit(MIXED, State.FAIL).encode())[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip
    warned = Xml.fromstring(as_junit(report(State.WARN), State.WARN).encode())[0]
    assert warned.get("failures") == "1"
    assert Xml.fromstring(as_junit(report(State.WARN), State.FAIL).encode())[0].get("failures") == "0"


def test_ocsf_is_a_line_for_each_finding_and_a_waived_one_is_a_suppressed_failure() -> None:
    events = [json.loads(line) for line in as_ocsf(MIXED).splitlines()]
    assert [event["compliance"]["status"] for event in events] == ["Fail", "Unknown", "Fail"]
    assert [event["status"] for event in events] == ["New", "New", "Suppressed"]
    assert {event["class_uid"] for event in events} == {2003}


@pytest.mark.parametrize(
    ("states", "code", "word"),
    [
        ((State.PASS, State.NOT_APPLICABLE), 0, "OK"),
        ((State.PASS, State.WARN), 1, "WARNING"),
        ((State.WARN, State.UNKNOWN), 3, "UNKNOWN"),
        ((State.UNKNOWN, State.FAIL), 2, "CRITICAL"),
    ],
)
def test_nagios_has_its_own_codes_and_unknown_is_never_ok(states: tuple[State, ...], code: int, word: str) -> None:
    assert nagios_code(report(*states)) == code
    first = as_nagios(report(*states)).splitlines()[0]
    assert first.startswith(f"LOCKDOWN {word} - ")
    assert f"unknown={states.count(State.UNKNOWN)}" in first.partition("|")[2]


def test_in_nagios_only_the_first_line_has_a_bar() -> None:
    assert [line.count("|") for line in as_nagios(MIXED).splitlines()][1:] == [0] * (
        len(as_nagios(MIXED).splitlines()) - 1
    )


def test_the_page_escapes_what_the_machine_said_loads_nothing_and_needs_no_script() -> None:
    page = as_html(MIXED, ())
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page.replace("http-equiv", "")
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert "/etc/postfix/main.cf:7" in page
    assert "could not tell" in page


def test_the_screen_obeys_no_escape_sequence_of_the_machine() -> None:
    assert not {"\x1b", "\x00", "\u202e"} & set(render(MIXED, coloured=False))


def test_many_that_could_not_be_told_are_counted_unless_all_are_asked_for() -> None:
    found = tuple(
        Finding("relaying.open", State.UNKNOWN, f"Reason {number}.", target=str(number)) for number in range(9)
    )
    many = Report("h", datetime(2026, 1, 2, tzinfo=UTC), "1", (ItemReport(CARD, found),))
    few = render(many, coloured=False)
    assert "and 7 more that could not be told (--all shows them)" in few
    assert "9 unknown" in few
    assert "Reason 8." in render(many, coloured=False, show_all=True)


# ── changes ──


def test_what_got_worse_comes_first_and_a_text_that_wanders_is_no_change() -> None:
    before = report(State.PASS, State.FAIL, State.WARN, says="Yesterday.").findings
    after = report(State.FAIL, State.PASS, State.WARN, says="Today.").findings
    found = changes(before, after)
    assert [(change.finding.control, change.is_worse) for change in found] == [
        ("relaying.open", True), ("relaying.narrow", False),
    ]  # fmt: skip
    assert worse(found) == found[:1]


def test_what_cannot_be_told_any_more_is_a_change_for_the_worse() -> None:
    (change,) = changes(report(State.PASS).findings, report(State.UNKNOWN).findings)
    assert change.is_worse


def test_a_control_that_is_gone_while_it_failed_is_told() -> None:
    (change,) = changes(report(State.FAIL).findings, ())
    assert (change.after, change.is_worse) == (None, False)


def test_the_screen_of_changes_says_what_it_was_and_what_to_type() -> None:
    before, after = report(State.PASS), report(State.FAIL)
    text = render_changes(after, changes(before.findings, after.findings), coloured=False)
    assert "worse: pass → fail" in text
    assert "postconf -e x=y" in text
    assert "Nothing has changed" in render_changes(after, (), coloured=False)

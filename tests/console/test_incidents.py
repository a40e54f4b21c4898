"""Open incidents and the engines on the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from lockdown.config import read_settings
from lockdown.console.page import Row, build
from lockdown.engine.answering import Processes
from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Severity
from lockdown.model.unknown import Unknown
from tests.console.test_app import an_app, get
from tests.console.test_page import NOW, facts

CLAMD = "clamd:///run/clamd.ctl"
DOWN = Incident(
    "k", "antivirus.engine-down", CLAMD, "antivirus.unavailable", Severity.HIGH, "clamd gives no answer.",
    NOW - timedelta(minutes=5), NOW, "each message is put off (451)", next_command="systemctl restart clamav-daemon",
    answers=(Answer(NOW, "203.0.113.0/24 is blocked for 1h", True),), number=7,
)  # fmt: skip
RUNNING = Processes((1,), ())
SETTINGS = read_settings(
    [("lockdown.toml", f'[antivirus]\nengines = ["builtin", "{CLAMD}"]\nunavailable = "quarantine"\n')]
).settings


def test_a_grave_incident_is_what_to_do_first_and_colours_the_page() -> None:
    page = build(replace(facts(), incidents=(DOWN,)))
    assert page.tone == "fail"
    assert page.headline.startswith("1 incident is open. ")
    assert (page.tasks[0].says, page.tasks[0].type_this) == (DOWN.says, DOWN.next_command)
    body = get(an_app(page)).body
    for part in ("Open incidents", "each message is put off (451)", "203.0.113.0/24 is blocked for 1h"):
        assert part in body


def test_a_small_one_is_a_warning_and_no_task() -> None:
    page = build(replace(facts(), incidents=(replace(DOWN, severity=Severity.LOW),)))
    assert page.tasks == ()
    assert page.incidents[0].tone == "warn"


def test_without_incidents_nothing_is_said_of_them() -> None:
    page = build(facts())
    assert page.incidents == ()
    assert "Open incidents" not in get(an_app(page)).body


def test_incidents_that_cannot_be_read_are_not_none() -> None:
    page = build(replace(facts(), incidents=Unknown("the store is locked")))
    assert "the incidents: the store is locked" in page.unread


def test_when_nobody_watches_the_page_says_so() -> None:
    page = build(replace(facts(), not_watched="nobody has looked since 03:00 UTC"))
    assert "incidents: nobody has looked since 03:00 UTC" in page.unread


def test_each_engine_is_shown_with_its_state_and_what_happens_when_it_fails() -> None:
    page = build(replace(facts(), settings=SETTINGS, engines_up={"builtin": True, CLAMD: False}))
    held = "mail is held for a person (antivirus.unavailable = quarantine)"
    assert page.engines[:2] == (
        Row(("antivirus", "builtin", "up", held)),
        Row(("antivirus", CLAMD, "down", held)),
    )
    assert "Engines that look into mail" in get(an_app(page)).body


def test_an_engine_of_which_nothing_is_told_is_not_up() -> None:
    page = build(replace(facts(), settings=SETTINGS, engines_up=Unknown("no metrics"), running=Unknown("nobody")))
    assert {row.cells[2] for row in page.engines} == {"unknown"}
    assert "the engines' health: no metrics" in page.unread


def test_no_engine_at_all_is_shown_as_what_it_is() -> None:
    settings = read_settings([("lockdown.toml", "[antivirus]\nengines = []\n")]).settings
    page = build(replace(facts(), settings=settings))
    assert page.engines[0].cells[:3] == ("antivirus", "none", "down")


def test_the_classifier_is_up_while_the_gateway_is_and_has_its_model() -> None:
    def state(*incidents: Incident, running: Processes = RUNNING) -> str:
        return build(replace(facts(), incidents=incidents, running=running)).engines[-1].cells[2]

    assert state() == "up"
    assert state(running=Processes((), (1,))) == "down"
    assert state(replace(DOWN, name="antispam.model-unavailable")) == "down"

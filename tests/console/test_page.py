"""What the page says, from literals: every state of an item, and what could not be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockdown.config import Settings
from lockdown.console.now import left
from lockdown.console.page import Facts, Item, Page, build
from lockdown.engine.answering import Processes
from lockdown.model.card import Card
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.held import HeldMessage, QuarantineTotals
from lockdown.model.mail import Block
from lockdown.model.record import Audit
from lockdown.model.standing import HalfDone, Halfway, LastDrill, Standing
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CARDS = (
    Card(1, "antivirus", "Use antivirus software", "…", empty={"audit": "Scanners are not judged yet."}),
    Card(8, "relaying", "Disable relaying", "Strangers cannot send through you."),
)


def finding(control: str, state: State, says: str, command: str = "") -> Finding:
    return Finding(control, state, says, (Evidence("main.cf", "mynetworks = 0/0", 12),), command)


def facts(*findings: Finding) -> Facts:
    return Facts(
        host="mx.example.org",
        now=NOW,
        settings=Settings(),
        cards=CARDS,
        audit=Audit("mx.example.org", NOW - timedelta(minutes=5), findings),
        audited=frozenset({"relaying"}),
        counts={"accepted": 1200, "replayed": 1, "rejected": 30, "turned-away": 4, "deferred": 2, "quarantined": 3},
        running=Processes((10, 11), ()),
        upstreams_up={"maildir:mail": True},
        held=QuarantineTotals(2, 4096, NOW),
        held_newest=(HeldMessage("ID1", NOW, "203.0.113.7", "h", "", ("bob@example.org",), "c", "too many parts"),),
        blocks=(Block("203.0.113.0/24", "floods", NOW + timedelta(hours=3), "root"),),
    )


def relaying(page: Page) -> Item:
    return page.items[1]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.PASS, "holds"),
        (State.WARN, "warning"),
        (State.FAIL, "fails"),
        (State.UNKNOWN, "could not tell"),
        (State.WAIVED, "waived"),
        (State.NOT_APPLICABLE, "not applicable"),
    ],
)
def test_each_state_is_a_word(state: State, word: str) -> None:
    item = relaying(build(facts(finding("relaying.a", state, "It is so."))))
    assert (item.word, item.says) == (word, "It is so.")


def test_the_gravest_finding_speaks_for_its_item_and_the_others_are_counted() -> None:
    page = build(
        facts(
            finding("relaying.a", State.PASS, "Fine."),
            finding("relaying.b", State.FAIL, "Anyone may relay.", "postconf -e mynetworks=127.0.0.0/8"),
            finding("relaying.c", State.FAIL, "Anyone may relay here too."),
            finding("relaying.d", State.UNKNOWN, "Not read."),
        )
    )
    assert relaying(page).says == "Anyone may relay. And 1 more."
    assert [entry.control for entry in relaying(page).findings] == [
        "relaying.b",
        "relaying.c",
        "relaying.d",
        "relaying.a",
    ]
    assert page.tasks[0].type_this == "postconf -e mynetworks=127.0.0.0/8"
    assert page.tone == "fail"


def test_an_unknown_is_never_shown_as_health() -> None:
    page = build(facts(finding("relaying.a", State.PASS, "Fine."), finding("relaying.b", State.UNKNOWN, "Not read.")))
    assert (relaying(page).tone, page.tone) == ("unknown", "unknown")


def test_an_item_without_an_audit_says_plainly_that_it_is_not_judged() -> None:
    item = build(facts()).items[0]
    assert (item.word, item.tone, item.says) == ("not judged", "not-judged", "Scanners are not judged yet.")


def test_before_the_first_audit_an_item_is_unknown_and_the_reason_is_told() -> None:
    page = build(replace(facts(), audit=Unknown("no audit has been made yet")))
    assert relaying(page).tone == "unknown"
    assert "the audit: no audit has been made yet" in page.unread
    assert page.audited == "not audited yet"


def test_the_headline_counts() -> None:
    page = build(facts(finding("relaying.a", State.WARN, "Hm.")))
    assert page.headline == "1 of 2 items are judged: 1 with a warning."


def test_todays_counts_put_alike_things_together() -> None:
    tiles = {tile.label.partition(",")[0]: tile.value for tile in build(facts()).tiles}
    assert tiles == {
        "accepted today": "1,201",
        "refused today": "34",
        "deferred today": "2",
        "held today": "3",
        "held now": "2",
        "networks blocked": "1",
        "restraints": "0",
    }


def test_what_cannot_be_read_is_a_question_mark_and_a_reason() -> None:
    broken = Unknown("the disk is full")
    page = build(
        replace(
            facts(),
            counts=broken,
            held=broken,
            held_newest=(),
            blocks=broken,
            running=broken,
            upstreams_up=broken,
            restraints=broken,
        )
    )
    assert {tile.value for tile in page.tiles} == {"?"}
    assert len(page.unread) == 6
    assert page.holds == ()


@pytest.mark.parametrize(
    ("running", "word"),
    [
        (Processes((1, 2), ()), "up"),
        (Processes((), (1, 2)), "down"),
        (Processes((1,), (2,)), "1 down"),
        (Unknown("no list"), "unknown"),
    ],
)
def test_the_gateway_is_up_down_or_unknown(running: Processes | Unknown, word: str) -> None:
    assert build(replace(facts(), running=running)).routes[0].cells[2] == word


@pytest.mark.parametrize(
    ("health", "word"), [({"maildir:mail": True}, "up"), ({"maildir:mail": False}, "down"), ({}, "unknown")]
)
def test_an_upstream_is_up_down_or_unknown(health: dict[str, bool], word: str) -> None:
    assert build(replace(facts(), upstreams_up=health)).routes[2].cells == ("hands it to", "maildir:mail", word)


@pytest.mark.parametrize(
    ("term", "shown"),
    [
        (timedelta(days=9), "9 days"),
        (timedelta(hours=3), "3 h"),
        (timedelta(minutes=90), "90 min"),
        (timedelta(seconds=50), "50 s"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_what_is_left_of_a_term_is_told_in_one_unit(term: timedelta, shown: str) -> None:
    assert left(NOW + term, NOW) == shown


def test_a_block_without_an_end_lasts_until_it_is_removed() -> None:
    assert left(None, NOW) == "until removed"


def test_what_is_half_done_comes_before_all_else_with_both_ways_on() -> None:
    half_done = HalfDone("20261124-115000", Halfway.PROBATION, NOW + timedelta(minutes=7))
    failing = finding("relaying.x", State.FAIL, "Anyone may relay.", "postconf")
    page = build(replace(facts(failing), standing=Standing(half_done)))
    assert page.tasks[0].says.startswith("Apply 20261124-115000 is on probation: in 7 minutes")
    assert page.tasks[0].type_this.startswith("lockdown confirm 20261124-115000")
    assert page.tasks[1].says == "Anyone may relay."
    assert any(row.cells[0] == "changes" and "rollback" in row.cells[1] for row in page.routes)


def test_the_age_of_the_last_drill_is_shown_and_what_cannot_be_told_is_no_health() -> None:
    drill = LastDrill(NOW - timedelta(days=3), is_ours=True, as_expected=True)
    shown = {row.cells[0]: row.cells for row in build(replace(facts(), standing=Standing(drill=drill))).routes}
    assert "3 days ago" in shown["drill"][1] and shown["drill"][2] == "up"
    unknown = build(replace(facts(), standing=Unknown("no answer in 5 s")))
    assert ("changes", "unknown") in {(row.cells[0], row.cells[2]) for row in unknown.routes}

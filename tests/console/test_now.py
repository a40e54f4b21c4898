"""What holds now, who sends most and what waits: with its end and its undo, bounded, and never health where unread."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.config import Settings
from lockdown.console.now import MOST_ROWS, bars
from lockdown.console.page import Facts, build
from lockdown.engine.busiest import Busiest, Looker, MostSent, Queue, Waits
from lockdown.engine.grip import Held
from lockdown.engine.top_senders import Sender
from lockdown.model.held import HeldMessage
from lockdown.model.mail import AUTOMATIC
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.model.unknown import Unknown
from tests.console.test_app import an_app, get
from tests.console.test_page import NOW, facts
from tests.engine.test_alerts import FLOOD

HOUR = timedelta(hours=1)
RESTRAINT = Restraint(
    ((Dimension.NETWORK, "198.51.100.0/24"),), Rung.DEFER, NOW - HOUR, NOW + HOUR, AUTOMATIC, "it floods", hits=4012,
    number=3,
)  # fmt: skip
ACCOUNT = Held("anna@example.org", True, NOW - HOUR, NOW + 5 * HOUR, AUTOMATIC, "40 new recipients in a minute")
SENDER = Sender("anna@example.org", 1200, 4000, 3900, tried=100, bounced=25, pace=[0] * 10 + [3, 900])
QUEUE = Queue(1500, 6_000_000, NOW - 2 * HOUR, (Waits("sender", "", 1400, 5_000_000, NOW - 2 * HOUR),))
BUSIEST = Busiest(NOW, (MostSent("user", (SENDER,), True),), (), QUEUE)


def body(known: Facts) -> str:
    return get(an_app(build(known))).body


def test_each_thing_that_holds_has_its_end_its_reason_and_what_to_type() -> None:
    over = replace(RESTRAINT, until=NOW, number=4)
    page = build(replace(facts(), restraints=(RESTRAINT, over), accounts=(ACCOUNT,)))
    assert [(one.what, one.still, one.undo) for one in page.holds] == [
        ("account anna@example.org", "5 h", "lockdown user release anna@example.org"),
        ("network 198.51.100.0/24", "60 min", "lockdown block remove r3"),
        ("network 203.0.113.0/24", "3 h", "lockdown block remove 203.0.113.0/24"),
    ]
    assert page.holds[1].met == "4,012"
    text = get(an_app(page)).body
    for part in (
        "its password opens nothing",
        "put off (451)",
        "it floods",
        "lockdown block remove r3",
        "has met 4,012",
    ):
        assert part in text


def test_what_lies_in_quarantine_can_be_released_with_what_is_typed_there() -> None:
    text = body(replace(facts(), restraints=(replace(RESTRAINT, rung=Rung.QUARANTINE),)))
    assert "lockdown quarantine release r3" in text
    assert "quarantine release r3" not in body(replace(facts(), restraints=(RESTRAINT,)))


def test_what_is_only_watched_is_not_told_as_done() -> None:
    page = build(replace(facts(), blocks=(), restraints=(replace(RESTRAINT, shadow=True),)))
    assert page.holds[0].how == "only watched; would be put off (451)"
    assert next(tile.value for tile in page.tiles if tile.label == "restraints") == "0"


def test_that_nothing_holds_is_said_only_where_it_was_read() -> None:
    assert "Nothing is restrained" in body(replace(facts(), blocks=()))
    unread = body(replace(facts(), blocks=(), restraints=Unknown("the store is locked")))
    assert "Nothing is restrained" not in unread
    assert "the restraints: the store is locked" in unread


def test_who_sends_most_is_shown_with_how_it_went_and_with_figures_for_who_cannot_see_bars() -> None:
    text = body(replace(facts(), busiest=BUSIEST))
    for part in ("anna@example.org", "4,000", "25%", "3,900", "▂█", 'aria-label="0 0 0 0 0 0 0 0 0 0 3 900"'):
        assert part in text


def test_the_queue_is_told_in_a_sentence_and_by_what_clogs_it() -> None:
    text = body(replace(facts(), busiest=BUSIEST))
    assert "1,500 messages wait, 5.722 MiB, the oldest for 2 h." in text
    assert "&lt;&gt;" in text
    blind = MostSent("user", (SENDER,), knows_before=False)
    assert "3,900" not in body(replace(facts(), busiest=replace(BUSIEST, senders=(blind,))))
    assert "Nothing waits in the queue." in body(
        replace(facts(), busiest=replace(BUSIEST, queue=Queue(0, 0, None, ())))
    )


def test_a_queue_and_logs_that_cannot_be_read_are_named_and_are_no_empty_ones() -> None:
    blind = Busiest(
        NOW, (), ("/var/log/mail.log cannot be read: Permission denied",), Unknown("postqueue ended with 69")
    )
    text = body(replace(facts(), busiest=blind))
    assert "who sends: /var/log/mail.log cannot be read" in text
    assert "the queue: postqueue ended with 69" in text
    assert "Nothing waits" not in text


HOSTILE = "\u202e\x1b[31m<script>alert(1)</script>\"'>" + "x" * 10_000


def test_hostile_names_are_cut_and_stay_text_wherever_they_stand() -> None:
    held = HeldMessage("ID", NOW, "192.0.2.1", HOSTILE, HOSTILE, (HOSTILE,) * 1000, "c", HOSTILE)
    sender, queue = replace(SENDER, value=HOSTILE), Queue(1, 1, NOW, (Waits("sender", HOSTILE, 1, 1, NOW),))
    text = body(
        replace(
            facts(), held_newest=(held,),
            busiest=Busiest(NOW, (MostSent("sender", (sender,), True),), (HOSTILE,), queue),
            restraints=(replace(RESTRAINT, match=((Dimension.SENDER, HOSTILE),), why=HOSTILE),),
            accounts=(Held(HOSTILE, True, NOW, NOW + HOUR, AUTOMATIC, HOSTILE),),
            incidents=(replace(FLOOD, says=HOSTILE, meanwhile=HOSTILE, next_command=HOSTILE),),
        )
    )  # fmt: skip
    assert "<script" not in text
    assert not re.search("[\x1b\u202e]", text)
    assert "and 997 more" in text
    assert len(text) < 60_000


def test_the_page_stays_short_whatever_happens() -> None:
    many = [replace(RESTRAINT, number=number) for number in range(100)]
    page = build(replace(facts(), restraints=many))
    assert len(page.holds) == MOST_ROWS
    assert "and 51 more: type <code>lockdown block list</code>" in get(an_app(page)).body
    page = build(replace(facts(), incidents=[replace(FLOOD, number=number) for number in range(60)]))
    assert "and 10 more: type <code>lockdown incident list</code>" in get(an_app(page)).body


@pytest.mark.parametrize(
    ("figures", "drawn"), [([0, 0], "▁▁"), ([0, 1, 1000], "▁▂█"), ([5, 5], "██"), ([1, 2, 3, 4], "▃▅▇█"), ([], "")]
)
def test_bars_are_as_high_as_they_are_beside_the_highest(figures: list[int], drawn: str) -> None:
    assert bars(figures) == drawn


@given(st.lists(st.integers(min_value=0, max_value=10**12), max_size=20))
def test_there_is_one_bar_for_each_and_the_lowest_is_that_of_nothing(figures: list[int]) -> None:
    drawn = bars(figures)
    assert [bar == "▁" for bar in drawn] == [figure == 0 for figure in figures]


def test_who_asks_does_not_wait_and_causes_one_look_a_minute() -> None:
    looks, may_end = list[object](), threading.Event()

    def look(settings: Settings, now: object) -> Busiest:
        looks.append(now)
        may_end.wait(20)
        return BUSIEST

    looker = Looker(Settings(), look)
    assert looker.latest(NOW) is None
    assert looker.latest(NOW + 2 * HOUR) is None
    may_end.set()
    _ended(looker)
    assert looker.latest(NOW + timedelta(seconds=30)) is BUSIEST
    assert len(looks) == 1
    looker.latest(NOW + timedelta(seconds=90))
    _ended(looker)
    assert len(looks) == 2


def test_a_look_that_breaks_is_told_and_is_no_quiet_hour() -> None:
    def look(settings: Settings, now: object) -> Busiest:
        raise RuntimeError("boom")

    looker = Looker(Settings(), look)
    looker.latest(NOW)
    _ended(looker)
    assert looker.latest(NOW) == Unknown("a fault of Lockdown: RuntimeError")


def _ended(looker: Looker) -> None:
    for thread in threading.enumerate():
        if thread.name == "busiest":
            thread.join(20)

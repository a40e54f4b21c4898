"""What the flood bench makes of what its clients heard and of what reached the mailboxes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.figures import Unmeasurable
from benchmarks.flood import HELD, Outcome, judge
from benchmarks.flood_world import delivered_of


def heard(label: str = "bomb", began: float = 0.0, **more: Any) -> dict[str, Any]:
    row = {"label": label, "kind": label, "began": began, "took": 0.1, "code": 250, "text": "ok", "put_off": ""}
    return {**row, "ident": f"<{label}{began}>", **more}


def judged(*rows: dict[str, Any]) -> Outcome:
    """Where all has reached the mailboxes that was taken and not held."""
    return judge(rows, {row["ident"] for row in rows if row["code"] == 250 and HELD not in row["text"]})


def test_the_first_letter_that_is_not_let_through_is_the_first_answer() -> None:
    outcome = judged(heard(began=2.0), heard(began=3.0), heard(began=4.0, code=451), heard(began=5.0))
    assert (outcome.before, outcome.through, outcome.sent) == (2, 3, 4)
    assert outcome.first is not None
    assert round(outcome.first, 1) == 2.1


def test_a_letter_that_is_held_or_slowed_is_not_let_through() -> None:
    outcome = judged(heard(text=f"{HELD} as 1A2B"))
    assert (outcome.through, outcome.held) == (0, 1)
    assert judge([heard(took=5.1)], {"<bomb0.0>"}, slowed=True).through == 0


def test_what_a_busy_machine_does_is_no_answer() -> None:
    late, turned_away = heard(took=5.1), heard(began=1.0, code=421, text="Too busy for new clients; try again later")
    outcome = judged(late, turned_away, heard(began=2.0, code=451))
    assert (outcome.first, outcome.before, outcome.through) == (2.1, 0, 1)
    (harm,) = judged(heard("wanted", took=9.0)).harms
    assert not harm.by_answer


def test_a_letter_that_was_taken_and_is_nowhere_is_no_measurement() -> None:
    with pytest.raises(Unmeasurable, match="1 letters were taken and are neither delivered nor held"):
        judge([heard()], set())


def test_an_attack_that_nobody_answers_is_let_through_whole() -> None:
    outcome = judged(heard(), heard(began=1.0))
    assert (outcome.first, outcome.before) == (None, 2)


def test_wanted_mail_is_harmed_by_every_answer_that_it_meets() -> None:
    outcome = judged(
        heard("wanted"),
        heard("wanted", code=421, text="later", put_off="421 later"),
        heard("wanted", put_off="451 later"),
        heard("wanted", text=f"{HELD} as 1A2B"),
        heard("wanted", took=9.0),
        heard("wanted", code=0, text="lost"),
        heard("wanted", code=550, text="no", put_off="451 later"),
    )
    assert outcome.wanted == 7
    assert [(one.heard, one.late) for one in outcome.harms] == [
        ("421 later", True), ("451 later", True), ("held", False), ("9 s late", True), ("0 lost", False),
        ("550 no", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["4.7.0 Connecting too often, try again later", "4.7.0 Too much mail from your network, try again later"]
)
def test_a_fixed_limit_that_says_later_is_no_answer_to_a_flood(text: str) -> None:
    (harm,) = judged(heard("wanted", put_off=f"421 {text}")).harms
    assert not harm.by_answer


@pytest.mark.parametrize(
    "how",
    [
        {"put_off": "451 4.7.1 Too much mail of this kind; try again later"},
        {"code": 550, "text": "5.7.1 Mail of this kind is not taken at present"},
        {"text": f"{HELD} as 1A2B"},
    ],
)
def test_wanted_mail_that_is_restrained_held_or_slowed_is_harmed_by_an_answer(how: dict[str, Any]) -> None:
    (harm,) = judged(heard("wanted", **how)).harms
    assert harm.by_answer
    (slow,) = judge([heard("wanted", took=5.2)], {"<wanted0.0>"}, slowed=True).harms
    assert slow.by_answer


def test_only_what_postfix_has_handed_on_is_delivered() -> None:
    log = (
        "Nov 24 19:00:00 mail postfix/cleanup[7]: 4X1: message-id=<a@x>\n"
        "Nov 24 19:00:00 mail postfix/cleanup[7]: 4X2: message-id=<b@x>\n"
        "Nov 24 19:00:00 mail postfix/discard[8]: 4X1: to=<u@example.org>, relay=none, delay=0, delays=0/0/0/0, "
        "dsn=2.0.0, status=sent (example.org)\n"
        "Nov 24 19:00:00 mail postfix/discard[8]: 4X2: to=<u@example.org>, relay=none, delay=0, delays=0/0/0/0, "
        "dsn=4.0.0, status=deferred (no room)\n"
    )
    assert delivered_of(log) == {"<a@x>"}

"""What the flood bench makes of the answers that its clients heard."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.flood import HELD, is_by_an_answer, judge


def heard(label: str = "bomb", began: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"label": label, "kind": label, "began": began, "took": 0.1, "code": 250, "text": "ok", **more}


def test_the_first_letter_that_is_not_let_through_is_the_first_answer() -> None:
    rows = [heard(began=2.0), heard(began=3.0), heard(began=4.0, code=451), heard(began=5.0)]
    outcome = judge(rows)
    assert (outcome.before, outcome.through, outcome.sent) == (2, 3, 4)
    assert outcome.first is not None
    assert round(outcome.first, 1) == 2.1


def test_a_letter_that_is_held_or_slowed_is_not_let_through() -> None:
    assert judge([heard(text=f"{HELD} as 1A2B")]).through == 0
    assert judge([heard(took=5.1)]).through == 0


def test_an_attack_that_nobody_answers_is_let_through_whole() -> None:
    outcome = judge([heard(), heard()])
    assert (outcome.first, outcome.before) == (None, 2)


def test_wanted_mail_is_harmed_by_every_answer_that_it_meets() -> None:
    rows = [
        heard("wanted"), heard("wanted", code=421, text="later"), heard("wanted", text=f"{HELD} as 1A2B"),
        heard("wanted", took=9.0), heard("wanted", code=0, text="lost"),
    ]  # fmt: skip
    outcome = judge(rows)
    assert outcome.wanted == 5
    assert outcome.harmed == ("wanted: 421 later", "wanted: held", "wanted: 9 s late", "wanted: 0 lost")


@pytest.mark.parametrize(
    "text", ["4.7.0 Connecting too often, try again later", "4.7.0 Too much mail from your network, try again later"]
)
def test_a_fixed_limit_that_says_later_is_no_answer_to_a_flood(text: str) -> None:
    (harm,) = judge([heard("wanted", code=421, text=text)]).harmed
    assert not is_by_an_answer(harm)


@pytest.mark.parametrize(
    "how",
    [
        {"code": 451, "text": "4.7.1 Too much mail of this kind; try again later"},
        {"code": 550, "text": "5.7.1 Mail of this kind is not taken at present"},
        {"text": f"{HELD} as 1A2B"},
        {"took": 5.2},
    ],
)
def test_wanted_mail_that_is_restrained_held_or_slowed_is_harmed_by_an_answer(how: dict[str, Any]) -> None:
    (harm,) = judge([heard("wanted", **how)]).harmed
    assert is_by_an_answer(harm)

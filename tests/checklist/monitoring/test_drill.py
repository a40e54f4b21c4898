"""The drill of item 9, by literals: what is said of a flood that is answered, of one that is not, and of the untold."""

from __future__ import annotations

import pytest

from lockdown.checklist.monitoring import CARD
from lockdown.checklist.monitoring.drill import EACH_SECOND, LETTERS, drill
from lockdown.checklist.monitoring.gate import restrained
from lockdown.model.finding import State
from lockdown.model.mail import Client
from lockdown.model.restraint import Restrained, Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.model.trial import Flood, Heard, Judged, Move, Need
from tests.checklist.told import NOW, judged, policy, scene

GUARDED = policy('[gateway]\nlisten = ["0.0.0.0:2525"]\nupstream = "smtp://127.0.0.1:10025"\n')
TRIAL, QUEUE = drill(GUARDED)
TAKEN, LATER = "2.0.0 Ok", "4.7.1 Too much mail of this kind; try again later"


def told(*codes: int, text: str = TAKEN, took: float = 0.1, seconds: float = 6.0, lost: str = "") -> Judged:
    """A flood whose letters were answered with these codes, the last with this text and after so long."""
    times = (*(0.1 for _ in codes[1:]), *((took,) if codes else ()))
    last = codes[-1] if codes else 0

    def answer(_: Move) -> Heard:
        return Heard(last, text, lost, seconds, codes=codes, took=times)

    return judged(TRIAL, scene(), answer)


def test_the_trial_proves_a_control_of_the_card() -> None:
    assert TRIAL.control in {control.id for control in CARD.controls}


def test_it_floods_the_gateway_where_strangers_reach_it_within_the_bounds_that_are_promised() -> None:
    (move,) = TRIAL.moves(scene())
    assert isinstance(move, Flood)
    assert (move.port, move.recipient, TRIAL.door) == (2525, "canary@example.org", 2525)
    assert LETTERS <= 100
    assert LETTERS / EACH_SECOND <= 10.0


def test_a_gateway_that_no_stranger_reaches_is_not_flooded() -> None:
    inner = policy('[gateway]\nlisten = ["127.0.0.1:2525"]\nupstream = "smtp://127.0.0.1:10025"\n')
    assert list(drill(inner)) == []


def test_a_flood_that_is_put_off_held_or_slowed_in_time_passes() -> None:
    assert told(250, 250, 451, text=LATER).state is State.PASS
    assert told(250, 250, text="2.0.0 Held for review as 1A2B").state is State.PASS
    assert told(250, 250, took=5.0).state is State.PASS


def test_a_flood_that_is_taken_whole_fails() -> None:
    found = told(*[250] * 100)
    assert found.state is State.FAIL
    assert "100 letters" in found.says


def test_an_answer_that_comes_too_late_fails() -> None:
    assert told(250, 451, text=LATER, seconds=30.0).state is State.FAIL


def test_a_limit_that_stands_in_the_way_proves_no_answer_to_a_flood() -> None:
    found = told(250, 421, text="4.7.0 Connecting too often, try again later")
    assert found.state is State.UNKNOWN
    assert "Something else" in found.says


def test_a_flood_that_could_not_be_sent_is_not_told() -> None:
    assert told(lost="no connection: refused").state is State.UNKNOWN
    assert told(250, 250, lost="closed").state is State.UNKNOWN


@pytest.mark.parametrize("rung", [Rung.DEFER, Rung.REJECT, Rung.DROP])
def test_what_the_gate_answers_to_a_flood_is_known_as_that(rung: Rung) -> None:
    restraint = Restraint(((Dimension.CLIENT, "198.18.1.2"),), rung, NOW, NOW, "lockdown", "a flood")
    stranger = Client("198.18.1.2", "198.18.1.0/24", False, 1, 1, 1, None)
    verdict = restrained(Restrained(stranger, (restraint,)), GUARDED)
    assert told(250, verdict.code, text=verdict.tells).state is State.PASS


# ── the queue ──


def clogged(laid: int, held: int, seen: int, escaped: int, released: int, arrived: int = 5, lost: str = "") -> Judged:
    """So many letters were laid, held, seen in hold, escaped, let go, and have arrived."""
    codes = (laid, held, seen, escaped, released)
    return judged(QUEUE, scene(), lambda _: Heard(codes=codes, lost=lost, arrived=arrived))


def test_the_queue_is_tried_where_it_may_be_and_proves_a_control_of_the_card() -> None:
    assert QUEUE.control in {control.id for control in CARD.controls}
    assert QUEUE.needs == {Need.QUEUE} and QUEUE.door == 2525


def test_letters_that_are_held_and_all_arrive_afterwards_pass() -> None:
    assert clogged(5, 5, 5, 0, 5).state is State.PASS


@pytest.mark.parametrize(
    ("steps", "arrived", "words"),
    [
        ((5, 0, 0, 5, 0), 5, "0 of 5 letters of one sender were held"),
        ((5, 6, 5, 0, 5), 5, "6 of 5 letters of one sender were held"),
        ((5, 5, 4, 0, 5), 5, "the mail server has 4 in hold"),
        ((5, 5, 5, 1, 5), 5, "delivered while they were held"),
        ((5, 5, 5, 0, 3), 5, "3 of 5 held letters were let go"),
        ((5, 5, 5, 0, 5), 4, "4 of them have arrived"),
    ],
)
def test_a_hold_that_is_not_one_fails(steps: tuple[int, int, int, int, int], arrived: int, words: str) -> None:
    found = clogged(*steps, arrived)
    assert found.state is State.FAIL and words in found.says


def test_a_queue_that_could_not_be_tried_is_not_told() -> None:
    assert clogged(0, 0, 0, 0, 0, 0, "postqueue: permission denied").state is State.UNKNOWN
    assert judged(QUEUE, scene(), lambda _: Heard(lost="the queue is not this machine's")).state is State.UNKNOWN

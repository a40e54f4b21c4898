"""How the drill of large, lying, repeated and slow mail judges what was heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lockdown.checklist.attachments.drill import drill
from lockdown.config import Settings
from lockdown.model.finding import State
from lockdown.model.trial import Content, Deliver, Heard, Hold, Scene, Told, Trial

SCENE = Scene(
    "m4rk", datetime(2026, 1, 1, tzinfo=UTC), "example.org", "anna@example.org", "192.0.2.1", "198.18.7.7",
    limit_bytes=10_240_000,
)  # fmt: skip
OK, GO_ON = Heard(250), Heard(354)
BEGUN = (Heard(220), OK, OK, OK)


def trial(name: str) -> Trial:
    (found,) = [one for one in drill(Settings()) if name in one.name]
    return found


def state(name: str, *heard: Heard, plain: bool = True, limit: int = SCENE.limit_bytes) -> State:
    return trial(name).judge(Told(replace(SCENE, limit_bytes=limit), heard, plain)).state


def test_a_limit_must_be_announced() -> None:
    assert state("a limit is announced", Heard(220), OK) is State.PASS
    assert state("a limit is announced", Heard(220), OK, limit=0) is State.FAIL
    assert state("a limit is announced", Heard(220), Heard(lost="lost")) is State.UNKNOWN


@pytest.mark.parametrize(
    ("mail", "recipient", "expected"),
    [
        (Heard(552), Heard(503), State.PASS),
        (OK, Heard(552), State.PASS),
        (OK, OK, State.FAIL),
        (Heard(452), Heard(503), State.UNKNOWN),
        (Heard(lost="lost"), Heard(lost="lost"), State.UNKNOWN),
    ],
)
def test_what_is_too_large_is_refused_before_the_upload(mail: Heard, recipient: Heard, expected: State) -> None:
    assert state("honestly", Heard(220), OK, mail, recipient) is expected


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        (Heard(552, "5.3.4 too large"), State.PASS),
        (Heard(lost="it closed the connection"), State.PASS),
        (Heard(lost="it closed the connection", arrived=1), State.FAIL),
        (Heard(250), State.FAIL),
        (Heard(451), State.UNKNOWN),
    ],
)
def test_whoever_lies_about_the_size_is_cut_off(letter: Heard, expected: State) -> None:
    assert state("a small size told", *BEGUN, GO_ON, letter) is expected


def test_a_limit_beyond_what_a_drill_sends_is_not_told() -> None:
    assert state("no size told", *BEGUN, GO_ON, Heard(lost="lost"), limit=1 << 30) is State.UNKNOWN
    content = trial("no size told").moves(replace(SCENE, limit_bytes=1 << 30))[-1]
    assert isinstance(content, Content) and content.size_bytes <= 60 * 1024 * 1024


@pytest.mark.parametrize(
    ("codes", "plain", "expected"),
    [
        ((250,) * 40 + (450,) * 90, True, State.PASS),
        ((250,) * 40 + (450,) * 90, False, State.FAIL),
        ((250,) * 130, True, State.FAIL),
        ((250,) * 70, True, State.UNKNOWN),
        ((0,) * 130, True, State.UNKNOWN),
    ],
)
def test_the_bomb_must_trip_a_rate_and_harm_nobody(codes: tuple[int, ...], plain: bool, expected: State) -> None:
    assert state("from one client", Heard(codes[-1], codes=codes), plain=plain) is expected


def test_slow_clients_may_be_greeted_as_long_as_others_get_through() -> None:
    held = Heard(codes=(220,) * 10 + (421,) * 50)
    for name in ("silent connections", "commands that drip"):
        assert state(name, held, Heard()) is State.PASS
        assert state(name, held, Heard(), plain=False) is State.FAIL
        assert state(name, Heard(lost="refused"), Heard()) is State.UNKNOWN


def test_half_a_letter_is_never_delivered() -> None:
    assert state("a letter that drips", *BEGUN, GO_ON, Heard(lost="it was not taken in time")) is State.PASS
    assert state("a letter that drips", *BEGUN, GO_ON, Heard(lost="it was not taken in time", arrived=1)) is State.FAIL


def test_recipients_hops_and_lines_are_bounded() -> None:
    assert state("recipients", *BEGUN[:3], Heard(250, codes=(250,) * 1000 + (452,) * 200), OK) is State.PASS
    assert state("recipients", *BEGUN[:3], Heard(250, codes=(250,) * 1200), OK) is State.FAIL
    assert state("in a circle", *BEGUN, GO_ON, Heard(554)) is State.PASS
    assert state("in a circle", *BEGUN, GO_ON, Heard(250, arrived=1)) is State.FAIL
    assert state("without end", Heard(220), OK, Heard(500), OK) is State.PASS
    assert state("without end", Heard(220), OK, Heard(500), OK, plain=False) is State.FAIL


def test_nobody_is_sent_more_than_a_drill_may_send() -> None:
    for limit in (0, 1000, 10_240_000, 1 << 40):
        for one in drill(Settings()):
            for move in one.moves(replace(SCENE, limit_bytes=limit)):
                if isinstance(move, Deliver):
                    assert move.size_bytes * move.times <= 64 * 1024 * 1024
                if isinstance(move, Hold):
                    assert move.connections <= 100

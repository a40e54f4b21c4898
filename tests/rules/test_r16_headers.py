"""R16: fields are only put on top; one Received of ours; what only we may say is taken out; loops end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.rig.messages import looping_letter, plain_letter
from tests.rig.scene import Scene, scene

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene() as pair:
        yield pair


def test_r16_there_is_one_received_field_of_ours_and_it_has_the_form_of_the_rfc(both: Scene) -> None:
    letter = plain_letter(recipients=("bob@example.org",))
    assert both.attempt(letter).code == 250
    added = both.arrived(letter).content.removesuffix(letter.content).decode()
    assert added.count("Received:") == 1
    assert re.match(
        r"Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby gate\.example\.org \(Lockdown\) with ESMTP"
        r" id \w+\r\n?\s*for <bob@example\.org>;\r\n\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}",
        added,
    ), added


def test_r16_several_recipients_are_not_told_of_each_other(both: Scene) -> None:
    letter = plain_letter()
    assert both.attempt(letter).code == 250
    added = both.arrived(letter).content.removesuffix(letter.content)
    assert b"bob@" not in added
    assert b"carol@" not in added


def test_r16_a_message_that_begins_with_white_space_cannot_write_into_our_own_fields(both: Scene) -> None:
    letter = plain_letter(recipients=("bob@example.org",))
    letter = replace(letter, content=b" forged=pass\r\n" + letter.content)
    assert both.attempt(letter).code == 250
    arrived = both.arrived(letter).content
    assert b"forged=pass" not in arrived.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "forged",
    [
        b"Authentication-Results: gate.example.org; spf=pass\r\n",
        b"authentication-results:\r\n\tgate.example.org; dkim=pass\r\n\theader.d=bank.example\r\n",
        b"X-Spam-Status: No, score=-100\r\n",
        b"X-Spam-Flag: NO\r\n",
        b"x-lockdown-id: 0123456789ABCDEF\r\n",
        b"X-Lockdown-Scan: clean\r\n\tvery\r\n",
    ],
)
@pytest.mark.parametrize("place", ["top", "bottom"])
def test_r16_a_forged_field_is_taken_out_and_nothing_else(both: Scene, forged: bytes, place: str) -> None:
    letter = plain_letter()
    head, _, body = letter.content.partition(b"\r\n\r\n")
    content = forged + letter.content if place == "top" else head + b"\r\n" + forged + b"\r\n" + body
    assert both.attempt(replace(letter, content=content)).code == 250
    both.arrived(letter)


def test_r16_results_of_another_server_stay(both: Scene) -> None:
    letter = plain_letter()
    foreign = b"Authentication-Results: mx.elsewhere.example; spf=pass\r\n"
    letter = replace(letter, content=foreign + letter.content)
    assert both.attempt(letter).code == 250
    both.arrived(letter)


def test_r16_too_many_received_fields_are_a_loop(both: Scene) -> None:
    answer = both.attempt(looping_letter(51))
    assert (answer.code, answer.enhanced) == (554, "5.4.6")
    assert both.attempt(looping_letter(50)).code == 250


def test_r16_a_message_that_comes_round_to_us_again_and_again_is_a_loop_before_that(both: Scene) -> None:
    letter = plain_letter()
    content = letter.content
    for _ in range(10):
        before = len(both.upstream.accepted)
        answer = both.attempt(replace(letter, content=content))
        if answer.code != 250:
            break
        content = both.upstream.accepted[before].content
    assert (answer.code, answer.enhanced) == (554, "5.4.6")
    assert content.count(b"by gate.example.org (Lockdown)") < 10

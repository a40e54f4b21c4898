"""R22: no message takes the gateway down with it; and should a worker die, the next clients are served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.rig.messages import Letter, letter_of_many_parts, plain_letter
from tests.rig.scene import Scene, scene

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def both() -> Iterator[Scene]:
    with scene({"gateway": {"max_message": "40 MiB"}}) as pair:
        yield pair


def _nested(depth: int) -> Letter:
    letter = plain_letter()
    head = letter.content.partition(b"\r\n\r\n")[0]
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (number, number) for number in range(depth)
    )
    return replace(letter, content=head + b"\r\nMIME-Version: 1.0\r\n" + opening + b"\r\nthe end\r\n")


def _bombs() -> dict[str, Letter]:
    plain = plain_letter()
    huge_header = b"X-Long: " + b"a" * 200_000 + b"\r\n"
    return {
        "a hundred thousand parts": letter_of_many_parts(100_000),
        "five thousand levels": _nested(5_000),
        "only boundaries": replace(
            plain_letter(),
            content=b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--x\r\n" * 1_000_000,
        ),
        "NUL octets": replace(plain, content=plain.content + b"\0" * 100_000 + b"\r\n"),
        "a boundary that is no boundary": replace(
            plain_letter(), content=b'Content-Type: multipart/mixed; boundary="' + b"=" * 5000 + b'"\r\n\r\n--\r\n'
        ),
        "a header of folds": replace(plain_letter(), content=b"Subject: x\r\n" + b" y\r\n" * 50_000 + b"\r\nbody\r\n"),
        "a long field": replace(plain_letter(), content=huge_header + b"\r\nbody\r\n"),
    }


@pytest.mark.parametrize("name", _bombs())
def test_r22_a_bomb_is_answered_and_the_worker_lives(both: Scene, name: str) -> None:
    worker = both.gateway.worker()
    assert both.attempt(_bombs()[name]).code in (250, 451, 452, 550, 552, 554)
    assert both.gateway.worker() == worker
    letter = plain_letter()
    assert both.attempt(letter).code == 250
    assert both.copies(letter) == 1


def test_r22_a_worker_that_dies_is_replaced_and_waiting_clients_are_served(both: Scene) -> None:
    before = both.gateway.kill_worker()
    letter = plain_letter()
    assert both.attempt(letter).code == 250, "the listening socket outlives the worker"
    assert both.gateway.wait_for_another_worker(before) != before

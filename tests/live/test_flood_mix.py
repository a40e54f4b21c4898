"""Three attacks at once within wanted mail, on a live gateway with real Postfix behind: each is answered, nobody else.

The letters come as the flood bench sends them, in pieces of some seconds until each attack has met an answer, or the
last piece is over. Of wanted mail there is a newsletter, twice as large as the limit for a whole network is set to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.figures import Unmeasurable
from benchmarks.flood import Outcome, Row, judge
from benchmarks.flood_mail import WANTED, Letter, Mail
from benchmarks.flood_world import Defence, FloodWorld
from tests.rig.machine import why_no_machine

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine() or "there is a machine"),
    pytest.mark.timeout(240),
]

SECONDS, PIECE = 60.0, 6.0
LIMIT, NEWSLETTER = 60, 120
SETTINGS = f"[attachments]\nnetwork_messages = {LIMIT}\n"
ATTACKS = {"bomb", "list bomb", "backscatter"}


def letters(mail: Mail) -> Iterator[Letter]:
    yield from mail.wanted(PIECE, NEWSLETTER)
    yield from mail.bomb(SECONDS, each_second=10.0)
    yield from mail.list_bomb(SECONDS, each_second=10.0)
    yield from mail.backscatter(SECONDS, each_second=10.0)


def of_piece(plan: list[Letter], start: float) -> list[Letter]:
    """In a talk of its own: the one before is over."""
    return [
        replace(letter, at=letter.at - start, talk=f"{letter.talk} {start}")
        for letter in plan
        if start <= letter.at < start + PIECE
    ]


def sent(world: FloodWorld, plan: list[Letter]) -> tuple[list[Row], set[str]]:
    """What was heard of all of it, and what was delivered, once each attack was answered."""
    heard: list[Row] = []
    start, delivered = 0.0, set[str]()
    while start < SECONDS and not {row["label"] for row in heard if row["ident"] not in delivered} >= ATTACKS:
        rows = world.send(of_piece(plan, start), 60.0)[1:]
        heard += [{**row, "began": row["began"] + start} for row in rows]
        delivered |= world.delivered({row["ident"] for row in rows if row["code"] == 250 and "Held" not in row["text"]})
        start += PIECE
    return heard, delivered


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    try:
        mail = Mail()
    except Unmeasurable as reason:
        pytest.skip(str(reason))
    plan = list(letters(mail))
    folder: Path = tmp_path_factory.mktemp("mix")
    with FloodWorld(folder, Defence.LOCKDOWN, mail.zone, SETTINGS, sent_before=mail.sent_before) as world:
        rows, delivered = sent(world, plan)
    return {label: judge([row for row in rows if row["label"] == label], delivered) for label in (*ATTACKS, WANTED)}


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_the_attack_is_answered(outcome: dict[str, Outcome], attack: str) -> None:
    assert outcome[attack].first is not None
    assert outcome[attack].through < outcome[attack].sent


def test_no_wanted_letter_is_refused_held_or_put_off(outcome: dict[str, Outcome]) -> None:
    assert outcome[WANTED].wanted > NEWSLETTER
    # How long an answer took says how busy this machine is.
    assert [one for one in outcome[WANTED].harms if not one.heard.endswith("s late")] == []

"""How the relay drill judges what was heard: the ladder from refused to proven, and what is only not told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockdown.checklist.relaying.doors import back_doors, doors
from lockdown.checklist.relaying.drill import drill
from lockdown.config import Settings, read_settings
from lockdown.model.finding import State
from lockdown.model.trial import Connect, Heard, Need, Say, Scene, Told, Trial, Who

SCENE = Scene(
    "m4rk", datetime(2026, 1, 1, tzinfo=UTC), "example.org", "anna@example.org", "192.0.2.1", "198.18.7.7", "anna"
)  # fmt: skip
OK, GO_ON, NO, LATER = Heard(250), Heard(354), Heard(554, "5.7.1 Relay access denied"), Heard(450, "4.7.1 Later")
NOTHING = Heard(lost="the server had not asked for a letter")


def trial(heading: str, name: str, policy: Settings | None = None) -> Trial:
    found = [one for one in drill(policy or Settings()) if one.set.startswith(heading) and name in one.name]
    assert found, (heading, name)
    return found[0]


def judged(one: Trial, *heard: Heard, plain: bool = True) -> State:
    return one.judge(Told(SCENE, (Heard(220), OK, *heard), plain)).state


@pytest.mark.parametrize(
    ("heard", "state"),
    [
        ((NO, Heard(503), Heard(503), NOTHING), State.PASS),
        ((OK, NO, Heard(503), NOTHING), State.PASS),
        ((OK, LATER, Heard(503), NOTHING), State.UNKNOWN),
        ((OK, OK, GO_ON, LATER), State.UNKNOWN),
        ((OK, OK, GO_ON, Heard(550)), State.PASS),
        ((OK, OK, GO_ON, Heard(250)), State.FAIL),
        ((OK, OK, GO_ON, Heard(250, arrived=1, relayed=1)), State.FAIL),
        ((OK, OK, GO_ON, Heard(lost="no answer in 60 s", arrived=1, relayed=1)), State.FAIL),
        ((OK, Heard(lost="it closed the connection"), NOTHING, NOTHING), State.PASS),
        ((OK, Heard(lost="no answer in 20 s"), NOTHING, NOTHING), State.UNKNOWN),
    ],
)
def test_the_ladder_of_a_foreign_recipient(heard: tuple[Heard, ...], state: State) -> None:
    assert judged(trial("the relay matrix: senders", "F02 × R01"), *heard) is state


def test_a_form_that_may_be_a_mailbox_of_ours_is_no_relay_unless_it_comes_out() -> None:
    one = trial("the relay matrix: recipients", "F02 × R14")
    assert judged(one, OK, OK, GO_ON, Heard(250)) is State.UNKNOWN
    assert judged(one, OK, OK, GO_ON, Heard(250, arrived=1)) is State.PASS
    assert judged(one, OK, OK, GO_ON, Heard(250, arrived=1, relayed=1)) is State.FAIL


def test_a_server_that_refuses_the_sender_has_not_been_asked_for_the_recipient() -> None:
    sender = Heard(550, "5.1.8 Sender address rejected: Domain not found")
    one = trial("the relay matrix: recipients", "F02 × R03")
    assert judged(one, sender, Heard(503), Heard(503), NOTHING) is State.UNKNOWN
    assert judged(one, OK, sender, Heard(503), NOTHING) is State.UNKNOWN
    assert judged(one, OK, NO, Heard(503), NOTHING) is State.PASS


@pytest.mark.parametrize(
    ("known", "unknown", "state"),
    [
        (Heard(252), Heard(252), State.PASS),
        (Heard(502), Heard(502), State.PASS),
        (Heard(250), Heard(550), State.FAIL),
        (Heard(252), Heard(550), State.FAIL),
        (Heard(lost="lost"), Heard(lost="lost"), State.UNKNOWN),
    ],
)
def test_vrfy_tells_nothing_when_both_answers_are_the_same(known: Heard, unknown: Heard, state: State) -> None:
    assert judged(trial("what a stranger is told", "VRFY"), known, unknown) is state


@pytest.mark.parametrize(
    ("offer", "answer", "state"),
    [
        ("mail\nSTARTTLS", Heard(530), State.PASS),
        ("mail\nSTARTTLS", Heard(503), State.PASS),
        ("mail\nAUTH PLAIN LOGIN", Heard(535), State.FAIL),
        ("mail\nAUTH=PLAIN", Heard(503), State.FAIL),
        ("mail", Heard(535), State.FAIL),
        ("mail", Heard(lost="lost"), State.UNKNOWN),
    ],
)
def test_auth_is_neither_offered_nor_taken_in_clear_text(offer: str, answer: Heard, state: State) -> None:
    one = trial("what a stranger is told", "AUTH")
    assert one.judge(Told(SCENE, (Heard(220), Heard(250, offer), answer), True)).state is state


@pytest.mark.parametrize(
    ("octets", "state"),
    [
        (Heard(250, codes=(250,), arrived=1), State.PASS),
        (Heard(521, "5.5.2 Bare newline", codes=(521,)), State.PASS),
        (Heard(250, codes=(250, 250, 250, 354, 250), arrived=1), State.FAIL),
        (Heard(250, codes=(250,), arrived=2), State.FAIL),
        (Heard(lost="no answer in 20 s"), State.UNKNOWN),
    ],
)
def test_a_hidden_letter_must_not_become_one_of_its_own(octets: Heard, state: State) -> None:
    assert judged(trial("a second letter", r"\n.\n"), OK, OK, GO_ON, octets) is state


def test_a_believed_claim_fails_though_nothing_is_relayed() -> None:
    one = trial("claims", "XCLIENT: loopback")
    heard = (Heard(220), OK, Heard(220, "mail ESMTP"), OK, OK, NO, Heard(503), NOTHING)
    assert one.judge(Told(SCENE, heard, True)).state is State.FAIL
    refused = (Heard(220), OK, Heard(550, "5.7.0 insufficient authorization"), OK, OK, NO, Heard(503), NOTHING)
    assert one.judge(Told(SCENE, refused, True)).state is State.PASS


def _behind(upstream: str) -> Settings:
    text = f'[gateway]\nlisten = ["0.0.0.0:2525"]\nupstream = "{upstream}"\n'
    return read_settings([("lockdown.toml", text)]).settings


def test_every_door_is_tried_and_a_gateway_on_loopback_is_none() -> None:
    assert [door.port for door in doors(Settings())] == [25]
    policy = _behind("smtp://127.0.0.1:10025")
    assert [door.port for door in doors(policy)] == [25, 2525]
    assert [(door.port, door.who, door.way_in) for door in back_doors(policy)] == [
        (10025, Who.STRANGER, 2525),
        (10025, Who.HERE, 2525),
    ]
    assert list(back_doors(_behind("smtp://192.0.2.9:25"))) == []


def test_a_back_door_that_no_stranger_reaches_is_as_it_should_be() -> None:
    one = trial("the server behind, past", "R01", _behind("smtp://127.0.0.1:10025"))
    lost = Heard(lost="no connection: Connection refused")
    assert one.judge(Told(SCENE, (lost,) * 6, True)).state is State.PASS
    from_the_gateway = trial("the server behind, from", "R01", _behind("smtp://127.0.0.1:10025"))
    assert from_the_gateway.judge(Told(SCENE, (lost,) * 6, True)).state is State.UNKNOWN


def test_a_server_that_does_not_answer_over_ipv6_relays_nothing_there() -> None:
    one = trial("the relay matrix: over IPv6", "R01")
    lost = Heard(lost="no connection: Connection refused")
    assert one.judge(Told(SCENE, (lost,) * 6, True)).state is State.PASS
    assert judged(one, OK, OK, GO_ON, Heard(250, arrived=1, relayed=1)) is State.FAIL


def test_relayed_mail_is_addressed_to_the_stranger_and_to_nobody_else() -> None:
    for one in drill(_behind("smtp://127.0.0.1:10025")):
        if Need.PROOF not in one.needs:
            continue
        moves = one.moves(SCENE)
        assert isinstance(moves[0], Connect)
        asked = [move.line for move in moves if isinstance(move, Say) and str(move.line).startswith("RCPT")]
        assert all("198.18.7.7" in str(line) or "anna@example.org" in str(line) for line in asked), one.name

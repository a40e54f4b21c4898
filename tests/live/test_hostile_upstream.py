"""An upstream that refuses, stalls, drops, lies and talks nonsense, at every verb and between pieces of the body.

Three promises, whatever it does: what was acknowledged had been accepted; what was not, is with the sender, who gets it
through as soon as the upstream is kind again; and nobody hears a permanent refusal that the upstream did not utter.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.messages import Letter, plain_letter
from tests.rig.network import eventually
from tests.rig.scene import Scene
from tests.rig.scene import scene as new_scene
from tests.rig.sender import Sender, Wire
from tests.rig.upstream import Deed, Drop, Endless, Reset, Say, Stall, StopReading, Take

pytestmark = pytest.mark.live

_SHORT = "2s"
SHORT_TIMES = {
    "gateway": {
        "connect_timeout": _SHORT, "command_timeout": _SHORT, "data_timeout": _SHORT, "block_timeout": _SHORT,
        # Longer: a large letter still lies in the kernel's buffers when the dot is written.
        "final_timeout": "3s",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def _scene() -> Iterator[Scene]:
    with new_scene(SHORT_TIMES) as both:
        yield both


@pytest.fixture
def scene(_scene: Scene) -> Iterator[Scene]:
    """Peace before and after each test."""
    _scene.make_peace()
    _scene.upstream.accepted.clear()
    yield _scene
    _scene.make_peace()


VERBS = ("banner", "EHLO", "MAIL", "RCPT", "DATA", "dot")

LIES: dict[str, tuple[Deed, ...]] = {
    "refuses for now": (Say(b"451 4.7.1 not now\r\n"),),
    "stalls": (Stall(),),
    "drops": (Drop(),),
    "resets": (Reset(),),
    "half a reply and stalls": (Say(b"25"), Stall()),
    "half a reply and drops": (Say(b"250 2.0.0 almo"), Drop()),
    "half of a multi-line reply": (Say(b"250-more to come\r\n"), Stall()),
    "nonsense": (Say(b"what do you want of me?\r\n"),),
    "octets that are no text": (Say(bytes(range(128, 256)) + b"\r\n"),),
    "a code that does not exist": (Say(b"999 beyond\r\n"),),
    "1xx": (Say(b"150 About to open\r\n"),),
    "two codes in one reply": (Say(b"250-2.0.0 yes\r\n550 5.0.0 no\r\n"),),
    "endless reply": (Endless(),),
    "endless line": (Endless(b"2" * 1000),),
    "farewell": (Say(b"421 4.3.2 going down\r\n"), Drop()),
}
_WRONG_CLASS = {
    "3xx where 2xx is due": ("banner", "EHLO", "MAIL", "RCPT", "dot"),
    "2xx where 3xx is due": ("DATA",),
}


def _times(verb: str) -> int:
    """A kept connection that is lost at its first word is replaced by a new one, which must hear the lie, too."""
    return 2 if verb in ("banner", "EHLO", "MAIL") else 1


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_lie_at_any_verb_is_a_try_again_and_the_letter_arrives_once_later(scene: Scene, verb: str, lie: str) -> None:
    letter = plain_letter()
    scene.upstream.on(verb, *LIES[lie], times=_times(verb))
    heard = scene.attempt(letter)
    assert heard.code in (450, 451), heard
    assert scene.copies(letter) == 0
    _arrives_once_in_peace(scene, letter)


def _arrives_once_in_peace(scene: Scene, letter: Letter) -> None:
    scene.make_peace()
    outcome = scene.deliver(letter)
    assert outcome.accepted, outcome.attempts
    arrived = scene.arrived(letter)
    assert (arrived.sender, arrived.recipients) == (letter.sender, letter.recipients)


@pytest.mark.parametrize(
    ("verb", "reply"),
    [(verb, b"354 go ahead, I said\r\n") for verb in _WRONG_CLASS["3xx where 2xx is due"]]
    + [(verb, b"334 dXNlcg==\r\n") for verb in _WRONG_CLASS["3xx where 2xx is due"]]
    + [("DATA", b"250 2.0.0 fine\r\n"), ("DATA", b"220 2.0.0 hello again\r\n")],
)
def test_r7_an_unexpected_2xx_or_3xx_becomes_451(scene: Scene, verb: str, reply: bytes) -> None:
    letter = plain_letter()
    scene.upstream.on(verb, Say(reply), times=_times(verb))
    heard = scene.attempt(letter)
    assert heard.code in ((450, 451) if verb in ("banner", "EHLO") else (451,)), heard
    if verb in ("MAIL", "RCPT", "DATA", "dot"):
        assert heard.enhanced == "4.3.0"
    assert scene.copies(letter) == 0
    assert verb == "dot" or not scene.body_seen(letter)
    _arrives_once_in_peace(scene, letter)


@pytest.mark.parametrize("code", ["450 4.2.1", "451 4.7.1", "452 4.2.2", "550 5.1.1", "552 5.2.2", "554 5.7.1"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "dot"])
def test_r7_a_refusal_passes_with_its_code_and_enhanced_code(scene: Scene, verb: str, code: str) -> None:
    letter = plain_letter()
    scene.upstream.on(verb, Say(f"{code} because\r\n".encode()), times=2)
    heard = scene.attempt(letter)
    assert (heard.code, heard.enhanced) == (int(code[:3]), code[4:])
    assert scene.copies(letter) == 0


@pytest.mark.parametrize("code", ["451 4.7.1", "550 5.7.1", "554 5.5.1", "500 5.5.2"])
def test_r8_a_refused_data_is_the_reply_and_no_octet_of_the_body_follows(scene: Scene, code: str) -> None:
    letter = plain_letter()
    scene.upstream.on("DATA", Say(f"{code} no\r\n".encode()))
    heard = scene.attempt(letter)
    assert (heard.code, heard.enhanced) == (int(code[:3]), code[4:])
    assert not scene.body_seen(letter)
    assert [command for command in scene.commands() if letter.id in command] == [f"MAIL FROM:<{letter.sender}>"]


def test_a_connection_whose_data_was_refused_serves_the_next_letter(scene: Scene) -> None:
    scene.upstream.on("DATA", Say(b"451 4.3.0 later\r\n"))
    letter = plain_letter()
    assert scene.attempt(letter).code == 451
    outcome = scene.deliver(letter)
    assert outcome.accepted
    assert scene.copies(letter) == 1


@pytest.mark.parametrize("moment", ["banner", "EHLO"])
@pytest.mark.parametrize("reply", [b"554 5.3.2 go away\r\n", b"500 5.5.1 never heard\r\n"])
def test_r5_a_server_that_refuses_to_talk_is_no_reason_to_bounce(scene: Scene, moment: str, reply: bytes) -> None:
    letter = plain_letter()
    scene.upstream.on(moment, Say(reply), times=4)
    assert scene.attempt(letter).code in (250, 450, 451)
    scene.make_peace()
    assert scene.deliver(letter).accepted
    assert scene.copies(letter) == 1


WITHIN_THE_BODY: dict[str, tuple[Deed, ...]] = {
    "drops": (Drop(),),
    "resets": (Reset(),),
    "answers before the end and drops": (Say(b"552 5.3.4 too much for me\r\n"), Drop()),
    "says yes before the end and drops": (Say(b"250 2.0.0 taken already\r\n"), Drop()),
    "says farewell": (Say(b"421 4.3.2 going down\r\n"), Drop()),
    "nonsense": (Say(b"\xff\xfe\r\n"), Drop()),
}


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("lie", WITHIN_THE_BODY)
def test_a_lie_between_pieces_of_the_body_is_a_try_again(scene: Scene, lie: str, share: float) -> None:
    letter = plain_letter(10_000_000)  # more than the buffers between the two can hold
    scene.upstream.on("body", *WITHIN_THE_BODY[lie], at_octets=1 + int(share * len(letter.content)))
    heard = scene.attempt(letter)
    assert heard.code == 451, heard
    assert scene.copies(letter) == 0
    _arrives_once_in_peace(scene, letter)


def test_a_server_that_stops_reading_the_body_is_given_up(scene: Scene) -> None:
    letter = plain_letter(20_000_000)
    scene.upstream.on("body", StopReading(), at_octets=1)
    assert scene.attempt(letter).code == 451
    assert scene.copies(letter) == 0
    _arrives_once_in_peace(scene, letter)


@pytest.mark.parametrize("lie", ["drops", "stalls", "half a reply and drops", "nonsense"])
def test_a_letter_accepted_without_a_readable_reply_is_not_acknowledged(scene: Scene, lie: str) -> None:
    """Nobody can know; so the sender keeps it, and the log says that the outcome is unknown (rule R17)."""
    letter = plain_letter()
    scene.upstream.on("dot", Take(), *LIES[lie])
    assert scene.attempt(letter).code == 451
    assert scene.copies(letter) == 1
    scene.gateway.logged("an unknown outcome", type="unknown-outcome", sender=letter.sender)
    scene.make_peace()
    assert scene.deliver(letter).accepted
    assert scene.copies(letter) == 2, "the one duplicate that cannot be avoided"


def test_r9_a_client_that_vanishes_before_the_dot_leaves_no_letter(scene: Scene) -> None:
    """The upstream's transaction ends without a dot; it is never told that the message was whole."""
    letter = plain_letter(2_000_000)

    def vanish(point: str, wire: Wire) -> None:
        if point == "body: half":
            wire.close()

    with pytest.raises(OSError):
        Sender(scene.gateway.port).attempt(letter, vanish)
    scene.gateway.logged("the client's leaving", type="aborted", sender=letter.sender)
    assert scene.copies(letter) == 0
    assert not scene.body_seen(letter)
    _arrives_once_in_peace(scene, letter)


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_r17_a_client_that_vanishes_after_the_dot_is_served_and_its_retry_is_not_doubled(
    scene: Scene, leave: str
) -> None:
    letter = plain_letter()

    def vanish(point: str, wire: Wire) -> None:
        if point == "dot sent":
            getattr(wire, leave)()

    with pytest.raises(OSError):
        Sender(scene.gateway.port).attempt(letter, vanish)
    eventually(lambda: scene.copies(letter) == 1, "the upstream gets the letter")
    scene.gateway.logged("the acceptance", type="accepted", sender=letter.sender)
    assert scene.deliver(letter).accepted
    scene.gateway.logged("the replay", type="replayed", sender=letter.sender)
    assert scene.copies(letter) == 1


@pytest.mark.parametrize("farewell", [b"", b"421 4.4.2 idle too long\r\n"])
def test_a_kept_connection_that_has_died_costs_nobody_a_letter(scene: Scene, farewell: bytes) -> None:
    first, second = plain_letter(), plain_letter()
    scene.upstream.on("RSET", *((Say(farewell),) if farewell else ()), Drop())
    scene.upstream.on("dot", Take(), Say(b"250 2.0.0 taken\r\n" + farewell), Drop())
    assert scene.attempt(first).code == 250
    assert scene.attempt(second).code == 250
    assert (scene.copies(first), scene.copies(second)) == (1, 1)


def test_a_second_reply_to_one_dot_is_not_taken_for_the_answer_of_the_next_letter(scene: Scene) -> None:
    first, second = plain_letter(), plain_letter()
    scene.upstream.on("dot", Say(b"250 2.0.0 taken\r\n250 2.0.0 and again\r\n"))
    scene.upstream.on("dot", Say(b"554 5.7.1 not this one\r\n"))
    assert scene.attempt(first).code in (250, 451), "whoever answers twice may be disbelieved"
    assert scene.attempt(second).code == 554
    assert (scene.copies(first), scene.copies(second)) == (1, 0)


def test_a_second_reply_to_one_recipient_is_not_taken_for_the_answer_of_the_next(scene: Scene) -> None:
    scene.upstream.on("RCPT", Say(b"250 2.1.5 OK\r\n250 2.1.5 OK\r\n"))
    scene.upstream.on("RCPT", Say(b"550 5.1.1 nobody\r\n"), times=2)
    with scene.client() as wire:
        assert wire.ask("MAIL FROM:<a@sender.example>").code == 250
        assert wire.ask("RCPT TO:<bob@example.org>").code in (250, 450, 451)
        assert wire.ask("RCPT TO:<nobody@example.org>").code in (450, 451, 550)


def test_r7_a_421_in_the_middle_is_451_for_the_client_and_the_next_transaction_gets_through(scene: Scene) -> None:
    letter = plain_letter()
    scene.upstream.on("RCPT", Say(b"250 2.1.5 OK\r\n"))
    scene.upstream.on("RCPT", Say(b"421 4.3.2 going down\r\n"), Drop())
    with Wire(scene.gateway.port) as wire:
        wire.greet()
        assert wire.ask(f"MAIL FROM:<{letter.sender}>").code == 250
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250
        assert wire.ask("RCPT TO:<carol@example.org>").code == 451
        assert wire.ask("RSET").code == 250
        assert wire.ask(f"MAIL FROM:<{letter.sender}>").code == 250
        assert wire.ask("RCPT TO:<bob@example.org>").code == 250
        assert wire.ask("DATA").code == 354
        wire.send(letter.wire)
        assert wire.answer().code == 250
    assert scene.copies(letter) == 1

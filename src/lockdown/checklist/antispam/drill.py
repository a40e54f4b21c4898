"""The drill of item 2: the harmless test spam, forged senders in every shape, and wanted mail that must arrive.

Fails as: nothing; letters are made from nothing but their occasion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lockdown.checklist.antispam import controls
from lockdown.checklist.antispam.forged import shapes
from lockdown.checklist.antispam.wanted import NULL_SENDERS, WANTED, large
from lockdown.config import Settings
from lockdown.mime import compose
from lockdown.mime.compose import Piece
from lockdown.model.step import SENDER, Expect, Occasion, Step

TEST_SPAM = "the test spam"
FORGED = "our own domain forged from outside"
CANARIES = "wanted mail"

_LARGE_OCTETS = 6 * 1024 * 1024


def drill(policy: Settings) -> Iterator[Step]:
    """All steps, in the order in which they are sent."""
    yield from _test_spam(policy)
    yield from _forged(policy)
    yield from _wanted(policy)


# ── the test spam ──


def test_spam() -> str:
    """GTUBE: a line that every spam filter knows. Assembled only here."""
    return "".join(("XJS*C4JDBQADN1.NSBN3*", "2IDNEN*GTUBE-STANDARD-", "ANTI-UBE-TEST-EMAIL*C", ".34X"))


def _test_spam(policy: Settings) -> Iterator[Step]:
    why = "The line that every spam filter knows has arrived unmarked: nothing filters here."
    for name, write in _SPAM.items():
        yield Step(controls.TEST_MESSAGE.id, TEST_SPAM, name, write, Expect.CAUGHT, why)
    if any(engine.startswith(("builtin", "rspamd:")) for engine in policy.antispam.engines):
        name = "its milder sister, which asks for a mark alone"
        yield Step(controls.TEST_MESSAGE.id, TEST_SPAM, name, _milder, Expect.CAUGHT, why)


def _html() -> str:
    return f"<html><body><p>Hello,</p><p>{test_spam()}</p></body></html>\n"


def _single(piece: Callable[[], Piece], subject: str = "An offer") -> Callable[[Occasion], bytes]:
    return lambda occasion: compose.whole(compose.opening(occasion, subject), piece())


def _in_the_subject(occasion: Occasion) -> bytes:
    return compose.whole(compose.opening(occasion, test_spam()), compose.text("Hello.\n"))


def _html_in_base64() -> Piece:
    fields = ("Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64")
    return Piece(fields, compose.base64_lines(_html().encode()))


def _milder(occasion: Occasion) -> bytes:
    """With another first letter; rspamd has invented it, and not every filter knows it."""
    return compose.whole(compose.opening(occasion, "An offer"), compose.text(f"Hello,\n\nY{test_spam()[1:]}\n"))


def _second_of_two(occasion: Occasion) -> bytes:
    pieces = [compose.text("Hello.\n"), compose.text(_html(), "html")]
    return compose.mixed(compose.opening(occasion, "An offer"), f"=_{occasion.mark}", pieces, "alternative")


_SPAM: Mapping[str, Callable[[Occasion], bytes]] = {
    "in the text": _single(lambda: Piece(("Content-Type: text/plain",), f"Hello,\r\n\r\n{test_spam()}\r\n".encode())),
    "in the subject": _in_the_subject,
    "in base64 HTML": _single(_html_in_base64),
    "in quoted-printable": _single(lambda: compose.text(f"Hello,\n\n{test_spam()}\n")),
    "in the HTML of two bodies": _second_of_two,
}


# ── forged senders ──


def _forged(policy: Settings) -> Iterator[Step]:
    claims = Expect.CAUGHT if policy.antispam.forged == "accept-and-mark" else Expect.STOPPED
    why = "A stranger can write in the name of one of yours; people do as they are told by such mail."
    for shape in shapes(policy):
        # What only looks like us is scored: a mark is an answer too.
        expect = Expect.CAUGHT if shape.looks_only else claims
        yield Step(shape.control, FORGED, shape.name, shape.write, expect, why, shape.sender)


# ── wanted mail ──


def _wanted(policy: Settings) -> Iterator[Step]:
    why = "Honest mail is lost or marked: people stop to trust the filter, or switch it off."
    # A site that takes less than most is asked for what it takes: base64 makes three octets four.
    octets = min(_LARGE_OCTETS, int(policy.gateway.max_message) // 2)
    for name, write in {**WANTED, "a large attachment": large(octets)}.items():
        sender = "" if name in NULL_SENDERS else SENDER
        yield Step(controls.SCORE.id, CANARIES, name, write, Expect.ARRIVES, why, sender)

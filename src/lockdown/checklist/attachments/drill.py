"""The drill of item 4: letters that are too large, that lie about it, that come again and again, and that never end.

Whatever one sender does, the letter of another one must get through meanwhile. Nothing larger than the limit is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lockdown.checklist.attachments.audit_probe import SEEN_SIZE
from lockdown.checklist.attachments.controls import (
    CLIENT_RATES,
    GATEWAY_MESSAGE_LIMIT,
    GATEWAY_REPETITION,
    GATEWAY_STRUCTURE,
    MESSAGE_LIMIT,
    SLOW_CLIENTS,
    STRUCTURE_LIMITS,
)
from lockdown.config import Settings
from lockdown.model.finding import State
from lockdown.model.trial import Connect, Content, Deliver, Heard, Hold, Judged, Move, Say, Scene, Told, Trial, Wait
from lockdown.model.units import ByteSize

_EHLO = Say("EHLO drill.example")
_MAIL = Say("MAIL FROM:<canary@drill.example>")
_MOST_SENT_BYTES = 60 * 1024 * 1024
"""A server that announces a larger limit, or none, is not sent more than this at once: a drill is to do no harm."""
_BOMB = 4
_BOMB_BYTES = 12 * 1024 * 1024
_MANY = 130
_IDLE = 60
_SLOW_SECONDS = 4.0
_RECIPIENTS = 1200


def drill(policy: Settings) -> Iterator[Trial]:
    """At every port that mail comes in by."""
    yield from _at(25, "", is_gateway=False)
    for listen in policy.gateway.listen:
        host, _, port = listen.rpartition(":")
        if not host.startswith(("127.", "localhost", "[::1]")) and int(port) != 25:
            yield from _at(int(port), f", at the gateway (port {port})", is_gateway=True)


def _at(port: int, words: str, *, is_gateway: bool) -> Iterator[Trial]:
    limit, rates, structure = (
        (GATEWAY_MESSAGE_LIMIT.id, GATEWAY_REPETITION.id, GATEWAY_STRUCTURE.id)
        if is_gateway
        else (MESSAGE_LIMIT.id, CLIENT_RATES.id, STRUCTURE_LIMITS.id)
    )

    def trial(
        control: str, name: str, moves: Callable[[Scene], tuple[Move, ...]], judge: Callable[[Told], Judged], why: str
    ) -> Trial:
        heading = _HEADINGS.get(
            control,
            "the size of a message",
        )
        return Trial(control, f"{heading}{words}", name, moves, judge, why, door=port)

    yield trial(
        SEEN_SIZE.id,
        "a limit is announced",
        lambda scene: (Connect(port), _EHLO),
        _announced,
        "A sender learns of the limit after the upload only.",
    )
    yield trial(
        SEEN_SIZE.id,
        "one octet more than the limit, honestly",
        lambda scene: _honest(port, scene),
        _refused_at_mail,
        "What is too large is taken in whole before it is refused.",
    )
    yield trial(
        limit,
        "a small size told, and more than the limit sent",
        lambda scene: _lying(port, scene),
        _cut_off,
        "Whoever lies about the size sends what he likes.",
    )
    yield trial(
        limit,
        "no size told, and more than the limit sent",
        lambda scene: _silent(port, scene),
        _cut_off,
        "Whoever tells no size sends what he likes.",
    )
    yield trial(
        rates,
        f"{_BOMB} large letters, one after the other",
        lambda scene: _bomb(port, scene),
        _others_unharmed,
        "One sender of large letters keeps everybody else's from getting through.",
    )
    yield trial(
        rates,
        f"{_MANY} letters from one client",
        lambda scene: (Deliver(scene.recipient, times=_MANY, port=port),),
        _rate_trips,
        "One client sends without end: that is what makes a bomb.",
    )
    yield trial(
        SLOW_CLIENTS.id,
        f"{_IDLE} silent connections",
        lambda scene: (Hold(_IDLE, port), Wait(1.0)),
        _held_out,
        "Connections that say nothing keep everybody else out.",
    )
    yield trial(
        SLOW_CLIENTS.id,
        f"{_IDLE // 3} commands that drip",
        lambda scene: (Hold(_IDLE // 3, port, drip_seconds=0.5), Wait(2.0)),
        _held_out,
        "Commands that never end keep everybody else out.",
    )
    yield trial(
        SLOW_CLIENTS.id,
        "a letter that drips",
        lambda scene: _dripping(port, scene),
        _dripped,
        "A letter that takes hours keeps everybody else's waiting.",
    )
    yield trial(
        structure,
        "a command line without end",
        lambda scene: (Connect(port), _EHLO, Say(b"NOOP " + b"x" * 2_000_000 + b"\r\n"), Say("NOOP")),
        _borne,
        "A line without end fills the memory.",
    )
    yield trial(
        structure,
        f"{_RECIPIENTS:,} recipients",
        lambda scene: _crowd(port, scene),
        _crowd_bounded,
        "One letter to thousands is thousands of letters.",
    )
    yield trial(
        structure,
        "a letter that has gone in a circle",
        lambda scene: _circle(port, scene),
        _stopped,
        "A loop between two servers never ends.",
    )
    if is_gateway:
        yield trial(
            structure,
            "a header of half a megabyte",
            lambda scene: _header(port, scene),
            _stopped,
            "Programs behind slow down badly on huge headers.",
        )


_HEADINGS = {
    CLIENT_RATES.id: "the bomb: the same, again and again",
    GATEWAY_REPETITION.id: "the bomb: the same, again and again",
    SLOW_CLIENTS.id: "slow clients",
    STRUCTURE_LIMITS.id: "what a message is made of",
    GATEWAY_STRUCTURE.id: "what a message is made of",
}


# ── the size of a message ──


def _announced(told: Told) -> Judged:
    hello = told.heard[1]
    if hello.code != 250:
        return Judged(State.UNKNOWN, f"No answer to EHLO: {_words(hello)}.")
    if told.scene.limit_bytes:
        return Judged(State.PASS, f"It announces {ByteSize(told.scene.limit_bytes)}.")
    return Judged(State.FAIL, "It announces no limit of size, or that there is none.")


def _honest(port: int, scene: Scene) -> tuple[Move, ...]:
    size = (scene.limit_bytes or _MOST_SENT_BYTES) + 1
    mail = Say(f"MAIL FROM:<canary@drill.example> SIZE={size}")
    return Connect(port), _EHLO, mail, Say(f"RCPT TO:<{scene.recipient}>")


def _refused_at_mail(told: Told) -> Judged:
    mail, recipient = told.heard[-2:]
    # A gateway may learn only at the recipient what the server behind it says to the size.
    for answer in (mail, recipient):
        if answer.code >= 500:
            return Judged(State.PASS, f"Refused before the upload: {_words(answer)}.")
        if not 200 <= answer.code < 300:
            return Judged(State.UNKNOWN, f"Not told: {_words(answer)}.")
    return Judged(State.FAIL, f"Taken: {_words(mail)}; {_words(recipient)}.")


def _too_much(scene: Scene) -> int:
    return min(scene.limit_bytes + 64 * 1024, _MOST_SENT_BYTES) if scene.limit_bytes else _MOST_SENT_BYTES


def _lying(port: int, scene: Scene) -> tuple[Move, ...]:
    mail = Say("MAIL FROM:<canary@drill.example> SIZE=1000")
    return Connect(port), _EHLO, mail, Say(f"RCPT TO:<{scene.recipient}>"), Say("DATA"), Content(_too_much(scene))


def _silent(port: int, scene: Scene) -> tuple[Move, ...]:
    return Connect(port), _EHLO, _MAIL, Say(f"RCPT TO:<{scene.recipient}>"), Say("DATA"), Content(_too_much(scene))


def _cut_off(told: Told) -> Judged:
    *_, recipient, data, letter = told.heard
    sent = ByteSize(_too_much(told.scene))
    if data.code != 354:
        return Judged(State.UNKNOWN, f"It asked for no letter: {_words(data if data.code else recipient)}.")
    if letter.arrived or 200 <= letter.code < 300:
        return Judged(State.FAIL, f"A letter of {sent} was taken.")
    if not told.scene.limit_bytes or told.scene.limit_bytes > _MOST_SENT_BYTES:
        return Judged(State.UNKNOWN, f"Not more than {sent} was sent; the limit is beyond that.")
    if letter.code >= 500 or (letter.lost and not letter.code):
        return Judged(State.PASS, f"Cut off or refused, and nothing is stored: {_words(letter)}.")
    return Judged(State.UNKNOWN, f"Put off: {_words(letter)}.")


# ── the bomb ──


def _bomb(port: int, scene: Scene) -> tuple[Move, ...]:
    size = min((scene.limit_bytes or _BOMB_BYTES) - 4096, _BOMB_BYTES)
    return (Deliver(scene.recipient, size_bytes=size, times=_BOMB, port=port),)


def _others_unharmed(told: Told) -> Judged:
    codes = told.heard[0].codes
    taken = sum(200 <= code < 300 for code in codes)
    if not any(codes):
        return Judged(State.UNKNOWN, f"None of the letters was answered: {told.heard[0].lost}.")
    if not told.plain_arrived:
        return Judged(
            State.FAIL, f"{taken} of {len(codes)} were taken, and somebody else's plain letter did not arrive."
        )
    return Judged(State.PASS, f"{taken} of {len(codes)} were taken, and somebody else's plain letter arrived.")


def _rate_trips(told: Told) -> Judged:
    codes = told.heard[0].codes
    taken = sum(200 <= code < 300 for code in codes)
    if not any(codes):
        return Judged(State.UNKNOWN, f"None of the letters was answered: {told.heard[0].lost}.")
    if not told.plain_arrived:
        return Judged(
            State.FAIL, f"{taken} of {len(codes)} were taken, and somebody else's plain letter did not arrive."
        )
    if taken == _MANY:
        return Judged(State.FAIL, f"All {_MANY} were taken: no rate holds him.")
    if taken == len(codes):
        return Judged(State.UNKNOWN, f"All of the {taken} that could be sent in the time were taken.")
    return Judged(State.PASS, f"After {taken} it took no more, and somebody else's plain letter arrived.")


# ── slow clients ──


def _held_out(told: Told) -> Judged:
    greeted = sum(code == 220 for code in told.heard[0].codes)
    asked = len(told.heard[0].codes)
    if not asked:
        return Judged(State.UNKNOWN, f"No connection was made: {told.heard[0].lost}.")
    if not told.plain_arrived:
        return Judged(
            State.FAIL, f"{greeted} of {asked} were greeted, and somebody else's plain letter did not arrive."
        )
    return Judged(State.PASS, f"{greeted} of {asked} were greeted, and somebody else's plain letter arrived meanwhile.")


def _dripping(port: int, scene: Scene) -> tuple[Move, ...]:
    letter = Content(1_000_000, octets_per_second=20, seconds=_SLOW_SECONDS)
    return Connect(port), _EHLO, _MAIL, Say(f"RCPT TO:<{scene.recipient}>"), Say("DATA"), letter


def _dripped(told: Told) -> Judged:
    *_, data, letter = told.heard
    if data.code != 354:
        return Judged(State.UNKNOWN, f"It asked for no letter: {_words(data)}.")
    if letter.arrived or 200 <= letter.code < 300:
        return Judged(State.FAIL, "Half a letter was delivered as if it were whole.")
    if not told.plain_arrived:
        return Judged(State.FAIL, "Meanwhile somebody else's plain letter did not arrive.")
    return Judged(State.PASS, f"Dropped after {letter.seconds:.0f} s; meanwhile somebody else's plain letter arrived.")


# ── what a message is made of ──


def _borne(told: Told) -> Judged:
    """Servers refuse such a line, hang up, or read over the rest of it; what counts is that nobody else is harmed."""
    line, after = told.heard[-2:]
    if not told.plain_arrived:
        return Judged(State.FAIL, "After it somebody else's plain letter did not arrive.")
    if told.heard[1].code != 250:
        return Judged(State.UNKNOWN, f"No answer to EHLO: {_words(told.heard[1])}.")
    return Judged(State.PASS, f"It bore it: {_words(line)}; then {_words(after)}.")


def _crowd(port: int, scene: Scene) -> tuple[Move, ...]:
    recipients = b"".join(b"RCPT TO:<%b>\r\n" % scene.recipient.encode() for _ in range(_RECIPIENTS))
    return Connect(port), _EHLO, _MAIL, Say(recipients), Say("RSET")


def _crowd_bounded(told: Told) -> Judged:
    codes = told.heard[3].codes
    taken = sum(200 <= code < 300 for code in codes)
    if not codes:
        return Judged(State.UNKNOWN, f"No answer: {told.heard[3].lost}.")
    if taken >= _RECIPIENTS:
        return Judged(State.FAIL, f"All {taken:,} recipients were taken.")
    return Judged(State.PASS, f"{taken:,} were taken, and no more.")


def _circle(port: int, scene: Scene) -> tuple[Move, ...]:
    hops = b"".join(
        b"Received: from a by b with SMTP id %d; Thu, 1 Jan 2026 00:00:00 +0000\r\n" % n for n in range(120)
    )
    return _with_head(port, scene, hops)


def _header(port: int, scene: Scene) -> tuple[Move, ...]:
    return _with_head(port, scene, b"".join(b"X-Drill-%d: %b\r\n" % (n, b"x" * 900) for n in range(600)))


def _with_head(port: int, scene: Scene, head: bytes) -> tuple[Move, ...]:
    return Connect(port), _EHLO, _MAIL, Say(f"RCPT TO:<{scene.recipient}>"), Say("DATA"), Content(head=head)


def _stopped(told: Told) -> Judged:
    *_, data, letter = told.heard
    if data.code != 354:
        return Judged(State.UNKNOWN, f"It asked for no letter: {_words(data)}.")
    if letter.arrived:
        return Judged(State.FAIL, "It lies in the mailbox.")
    if letter.code >= 400:
        return Judged(State.PASS if letter.code >= 500 else State.UNKNOWN, f"Not taken: {_words(letter)}.")
    if 200 <= letter.code < 300:
        # Postfix takes it first and gives it back to its sender, who is nobody here.
        return Judged(State.PASS, f"It was not delivered: {_words(letter)}.")
    return Judged(State.PASS if letter.lost else State.UNKNOWN, f"Cut off: {_words(letter)}.")


def _words(heard: Heard) -> str:
    return f"{heard.code or ''} {heard.text.splitlines()[0] if heard.text else heard.lost}".strip().rstrip(".")

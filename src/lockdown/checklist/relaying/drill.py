"""The drill of item 8: a stranger tries to relay, in every form that is known, through every door that he reaches.

What is refused before DATA has been stopped; what comes out at the stranger's own address is proof of an open relay.
Beside it false ends of data, claims to be somebody else, passwords in clear text, and what must get in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from lockdown.checklist.relaying.controls import (
    BOUNCES_GET_IN,
    NO_SMUGGLING,
    NO_VRFY,
    OPEN_TO_STRANGERS,
    PASSWORDS_NEED_TLS,
    SENDER_ROUTING,
    SENDERS_MATCH,
    TAKES_OWN_MAIL,
    XCLIENT,
)
from lockdown.checklist.relaying.doors import Door, back_doors, doors
from lockdown.config import Settings
from lockdown.facts.relay_forms import (
    CORE_RECIPIENTS,
    MIXED,
    PLAIN,
    RECIPIENTS,
    SAME_AS_RECIPIENT,
    SENDERS,
    Form,
    Names,
    filled,
)
from lockdown.model.finding import State
from lockdown.model.trial import Connect, Content, Deliver, Heard, Judged, Move, Need, Say, Scene, Told, Trial, Who

_EHLO = Say("EHLO drill.example")
_SENDERS = {form.id: form for form in SENDERS}
_PLAIN_RECIPIENT = next(form for form in RECIPIENTS if form.id == PLAIN)
_STRANGER = _SENDERS["F02"]
_ROUTES = re.compile(r"[%!]|^<@|\"")

_SENDER_REFUSED = re.compile(r"Sender address rejected|^5\.1\.[78]\b")

_RELAYS = "Mail for others goes out through this server: spammers find that within hours."
_ROUTED = "A route in the address gets mail for others past the rule that should stop it."


def drill(policy: Settings) -> Iterator[Trial]:
    """Through every door of this machine."""
    for door in doors(policy):
        yield from _matrix(door)
        yield from _over_ipv6(door)
        yield from _greetings(door)
        yield from _claims(door)
        yield from _smuggling(door)
        yield from _told(door)
        yield _must_get_in(door, BOUNCES_GET_IN.id, "a letter without a sender", "")
        yield _postmaster(door)
    for door in back_doors(policy):
        yield from (_attempt(door, "the server behind", name, _Way(_STRANGER, form)) for name, form in _core())
    yield from _as_a_user()


# ── the matrix ──


@dataclass(frozen=True, slots=True)
class _Way:
    """One attempt: what is said, in its order, and where the recipient's answer stands in it."""

    sender: Form
    recipient: Form
    hello: str = "EHLO drill.example"
    before: tuple[str | bytes, ...] = ()
    """Said after the greeting, before EHLO."""
    after_reset: bool = False
    own_first: bool = False
    ipv6: bool = False


def _matrix(door: Door) -> Iterator[Trial]:
    for sender in SENDERS:
        way = _Way(sender, _PLAIN_RECIPIENT)
        yield _attempt(door, "the relay matrix: senders", _named(sender, _PLAIN_RECIPIENT), way)
    for recipient in RECIPIENTS:
        if recipient != _PLAIN_RECIPIENT:
            way = _Way(_STRANGER, recipient)
            yield _attempt(door, "the relay matrix: recipients", _named(_STRANGER, recipient), way)
    yield _attempt(
        door, "the relay matrix: recipients", f"{_STRANGER.id} × {MIXED}: behind a recipient of ours",
        _Way(_STRANGER, _PLAIN_RECIPIENT, own_first=True),
    )  # fmt: skip
    yield _attempt(
        door, "the relay matrix: recipients", "a second MAIL after RSET",
        _Way(_STRANGER, _PLAIN_RECIPIENT, after_reset=True),
    )  # fmt: skip


def _over_ipv6(door: Door) -> Iterator[Trial]:
    """Networks are trusted in each family for itself."""
    for name, form in _core():
        yield _attempt(door, "the relay matrix: over IPv6", name, _Way(_STRANGER, form, ipv6=True))


def _core() -> Iterator[tuple[str, Form]]:
    yield from ((_named(_STRANGER, form), form) for form in RECIPIENTS if form.id in CORE_RECIPIENTS)


def _named(sender: Form, recipient: Form) -> str:
    to = recipient.template.replace("\0", "\\0").replace("\r", "\\r")
    return f"{sender.id} × {recipient.id}: {sender.template} to {to}"


def _attempt(door: Door, heading: str, name: str, way: _Way) -> Trial:
    is_routed = bool(_ROUTES.search(way.recipient.template))
    return Trial(
        control=door.control or (SENDER_ROUTING if is_routed else OPEN_TO_STRANGERS).id,
        set=f"{heading}{door.words}", name=name,
        moves=partial(_said, door, way),
        judge=partial(_relay, door, way),
        why=_ROUTED if is_routed else _RELAYS,
        needs=frozenset({Need.PROOF}), door=door.way_in,
    )  # fmt: skip


def _said(door: Door, way: _Way, scene: Scene) -> tuple[Move, ...]:
    names = Names("canary", f"[{scene.stranger}]", scene.domain, scene.address, scene.domain)
    recipient = filled(way.recipient, names)
    sender = recipient if way.sender.template == SAME_AS_RECIPIENT else filled(way.sender, names)
    own = (f"RCPT TO:<{scene.recipient}>",) if way.own_first else ()
    reset = (f"MAIL FROM:<t@{scene.domain}>", "RSET") if way.after_reset else ()
    lines = (*way.before, way.hello, *reset, f"MAIL FROM:{sender}", *own, f"RCPT TO:{recipient}", "DATA")
    return Connect(door.port, door.who, ipv6=way.ipv6), *(Say(line, door.who) for line in lines), Content(who=door.who)


def _relay(door: Door, way: _Way, told: Told) -> Judged:
    """The ladder. Refused before the letter is sent: it holds; put off: not told; taken: it does not."""
    if told.heard[0].lost and way.ipv6:
        return Judged(State.PASS, f"It does not answer there: {told.heard[0].lost}.")
    if told.heard[0].lost and door.plain and door.who is Who.STRANGER:
        return Judged(State.PASS, f"No stranger gets there: {told.heard[0].lost}.")
    recipient, data, letter = told.heard[-3:]
    mail = told.heard[-5 if way.own_first else -4]
    if letter.relayed:
        return Judged(State.FAIL, "It was sent on: the letter came out at the stranger's own address.")
    if way.recipient != _PLAIN_RECIPIENT and (mail.code >= 500 or _SENDER_REFUSED.search(recipient.text)):
        refusal = mail if mail.code >= 500 else recipient
        return Judged(State.UNKNOWN, f"It refuses the sender, so the recipient was not tried: {_words(refusal)}.")
    for verb, heard in (("the connection", told.heard[0]), ("MAIL", mail), ("RCPT", recipient), ("DATA", data)):
        if heard.code >= 500:
            return Judged(State.PASS, f"Refused at {verb}: {_words(heard)}.")
        if heard.code >= 400:
            return Judged(State.UNKNOWN, f"Put off at {verb}: {_words(heard)}.")
        if not heard.code:
            return _unanswered(verb, heard)
    return _after_the_dot(letter, way)


def _unanswered(verb: str, heard: Heard) -> Judged:
    # Who hangs up on a stranger who talks like this has not relayed for him either.
    if "closed" in heard.lost and verb != "the connection":
        return Judged(State.PASS, f"It hung up at {verb}.")
    return Judged(State.UNKNOWN, f"No answer to {verb}: {heard.lost}.")


def _after_the_dot(letter: Heard, way: _Way) -> Judged:
    if letter.code >= 500:
        return Judged(State.PASS, f"Refused after the letter: {_words(letter)}.")
    if letter.code >= 400 or not letter.code:
        return Judged(State.UNKNOWN, f"Taken at RCPT; whether it goes on is not told: {_words(letter)}.")
    if _is_foreign(way.recipient) and not way.own_first:
        return Judged(State.FAIL, "It took a letter for somebody else's address, though it has not come out in time.")
    if letter.arrived:
        return Judged(State.PASS, "It took the letter for a mailbox of its own, and did not send it on.")
    return Judged(State.UNKNOWN, "It took the letter, as if for a mailbox of its own; it has not come out in time.")


def _is_foreign(form: Form) -> bool:
    """Whatever the rest says, the domain at the end is not the server's."""
    path = form.template.partition(" ")[0] if form.template.startswith("<") else form.template
    return path.rstrip("> .").rpartition("@")[2].strip() == "X"


def _words(heard: Heard) -> str:
    return f"{heard.code} {heard.text.splitlines()[0] if heard.text else heard.lost}".strip().rstrip(".")


# ── greetings and claims ──


def _greetings(door: Door) -> Iterator[Trial]:
    heading = "a name at the greeting that would be trusted"
    hellos = {"our own domain": "HELO {domain}", "localhost": "EHLO localhost", "loopback": "EHLO [127.0.0.1]",
              "the server's own address": "EHLO [{address}]", "no name": "EHLO"}  # fmt: skip
    for name, hello in hellos.items():
        yield _greeting(door, heading, name, hello)


def _greeting(door: Door, heading: str, name: str, hello: str) -> Trial:
    def moves(scene: Scene) -> tuple[Move, ...]:
        said = hello.format(domain=scene.domain, address=scene.address)
        return _said(door, _Way(_STRANGER, _PLAIN_RECIPIENT, said), scene)

    way = _Way(_STRANGER, _PLAIN_RECIPIENT)
    return Trial(
        OPEN_TO_STRANGERS.id, f"{heading}{door.words}", name, moves, partial(_relay, door, way), _RELAYS,
        frozenset({Need.PROOF}), door=door.way_in,
    )  # fmt: skip


_CLAIMS: tuple[tuple[str, tuple[str | bytes, ...]], ...] = (
    ("XCLIENT: loopback", ("EHLO drill.example", "XCLIENT ADDR=127.0.0.1 NAME=localhost")),
    ("XCLIENT: signed in", ("EHLO drill.example", "XCLIENT LOGIN=postmaster ADDR=127.0.0.1")),
    ("XFORWARD: loopback", ("EHLO drill.example", "XFORWARD ADDR=127.0.0.1 NAME=localhost PROTO=ESMTP")),
    ("a PROXY header in text", (b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n",)),
    (
        "a PROXY header in octets",
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\x9c\x40\0\x19\r\n",),
    ),
)


def _claims(door: Door) -> Iterator[Trial]:
    for name, before in _CLAIMS:
        way = _Way(_STRANGER, _PLAIN_RECIPIENT, before=before)
        yield Trial(
            XCLIENT.id, f"claims to be somebody else{door.words}", name,
            moves=partial(_said, door, way),
            judge=partial(_claimed, door, way),
            why="A stranger who may say that he is somebody trusted relays, and no block reaches him.",
            needs=frozenset({Need.PROOF}), door=door.way_in,
        )  # fmt: skip


def _claimed(door: Door, way: _Way, told: Told) -> Judged:
    claim = told.heard[len(way.before)]
    if claim.code == 220 and isinstance(way.before[-1], str):
        return Judged(State.FAIL, f"The claim was believed: {_words(claim)}.")
    return _relay(door, way, told)


# ── false ends of data ──

_ENDS: tuple[tuple[str, bytes], ...] = (
    (r"\n.\n", b"\n.\n"), (r"\r.\r", b"\r.\r"), (r"\r.\n", b"\r.\n"), (r"\n.\r", b"\n.\r"),
    (r"\n.\r\n", b"\n.\r\n"), (r"\r\n.\n", b"\r\n.\n"), (r"\r.\r\n", b"\r.\r\n"), (r"\r\n.\r", b"\r\n.\r"),
    (r"\r\n\0.\r\n", b"\r\n\0.\r\n"), (r"\r\n.\0\r\n", b"\r\n.\0\r\n"),
)  # fmt: skip


def _smuggling(door: Door) -> Iterator[Trial]:
    for name, end in _ENDS:
        yield Trial(
            NO_SMUGGLING.id, f"a second letter hidden behind a false end of data{door.words}", name,
            moves=partial(_hidden, door, end),
            judge=_hidden_letter,
            why="A letter that was hidden in another one arrives in the name of whoever relayed it.",
            door=door.way_in,
        )  # fmt: skip


def _hidden(door: Door, end: bytes, scene: Scene) -> tuple[Move, ...]:
    to = scene.recipient.encode()
    # A mark for each: the hidden one is found by its own only where it has become a letter of its own.
    mark = scene.mark.encode()
    octets = (
        b"From: <canary@drill.example>\r\nTo: <%b>\r\nSubject: the outer letter\r\n" % to
        + b"Message-ID: <%bo@drill.example>\r\n\r\nThe outer letter." % mark + end
        + b"MAIL FROM:<hidden@drill.example>\r\nRCPT TO:<%b>\r\nDATA\r\n" % to
        + b"From: <hidden@drill.example>\r\nTo: <%b>\r\nSubject: the hidden letter\r\n" % to
        + b"Message-ID: <%bh@drill.example>\r\n\r\nA letter that was hidden in another one.\r\n.\r\n" % mark
    )  # fmt: skip
    return (
        Connect(door.port), _EHLO, Say("MAIL FROM:<canary@drill.example>"), Say(f"RCPT TO:<{scene.recipient}>"),
        Say("DATA"), Say(octets),
    )  # fmt: skip


def _hidden_letter(told: Told) -> Judged:
    """Of two letters that could arrive, one may: the outer one, with everything that was hidden as its text."""
    *before, data, octets = told.heard
    if octets.arrived > 1 or octets.codes.count(250) > 2:
        return Judged(State.FAIL, "The hidden letter became one of its own.")
    if data.code != 354:
        return Judged(State.UNKNOWN, f"It asked for no letter: {_words(data if data.code else before[0])}.")
    if octets.code >= 500 or "closed" in octets.lost:
        return Judged(State.PASS, f"It refused the whole: {_words(octets)}.")
    if octets.code == 250 and len(octets.codes) == 1:
        return Judged(State.PASS, "It saw one letter, with the false end inside.")
    return Judged(State.UNKNOWN, f"What it made of it is not told: {_words(octets)}.")


# ── what a stranger is told, and what must get in ──


def _told(door: Door) -> Iterator[Trial]:
    for verb, control in (("VRFY", NO_VRFY.id), ("EXPN", NO_VRFY.id)):
        yield Trial(
            control, f"what a stranger is told{door.words}", f"{verb} of a mailbox and of one that is not there",
            moves=partial(_asked, door, verb),
            judge=_kept_silent, why="Spammers are told which mailboxes there are.", door=door.way_in,
        )  # fmt: skip
    yield Trial(
        PASSWORDS_NEED_TLS.id, f"what a stranger is told{door.words}", "AUTH in clear text",
        moves=lambda scene: (Connect(door.port), _EHLO, Say("AUTH PLAIN AGRyaWxsAGRyaWxs")),
        judge=_no_password, why="A password that is sent in clear text is read on the way.", door=door.way_in,
    )  # fmt: skip


def _asked(door: Door, verb: str, scene: Scene) -> tuple[Move, ...]:
    nobody = f"nobody-{scene.mark}@{scene.domain}"
    return Connect(door.port), _EHLO, Say(f"{verb} {scene.recipient}"), Say(f"{verb} {nobody}")


def _kept_silent(told: Told) -> Judged:
    known, unknown = told.heard[-2:]
    if not known.code or not unknown.code:
        return Judged(State.UNKNOWN, f"No answer: {known.lost or unknown.lost}.")
    if known.code in (250, 251) or (known.code // 100 != unknown.code // 100):
        return Judged(State.FAIL, f"Its answers tell the two apart: {_words(known)}; {_words(unknown)}.")
    return Judged(State.PASS, f"The answer is the same for both: {_words(known)}.")


def _no_password(told: Told) -> Judged:
    _, hello, tried = told.heard
    if hello.code != 250 or not tried.code:
        return Judged(State.UNKNOWN, f"No answer: {hello.lost or tried.lost or _words(hello)}.")
    if re.search(r"^AUTH[ =]", hello.text, re.MULTILINE):
        return Judged(State.FAIL, "It offers AUTH before anything is encrypted.")
    # 535: it has looked at the password. 503, 530 and 538 say that it does not want to see one here.
    if tried.code in (235, 535):
        return Judged(State.FAIL, f"It takes a password in clear text without offering it: {_words(tried)}.")
    return Judged(State.PASS, f"Neither offered nor taken: {_words(tried)}.")


def _must_get_in(door: Door, control: str, name: str, sender: str) -> Trial:
    return Trial(
        control, f"what must get in{door.words}", name,
        moves=lambda scene: (Deliver(scene.recipient, sender, port=door.port),),
        judge=_got_in, why="Bounces have no sender; who refuses them hears of no trouble.", door=door.way_in,
    )  # fmt: skip


def _got_in(told: Told) -> Judged:
    (letter,) = told.heard
    if letter.arrived:
        return Judged(State.PASS, "It lies in the mailbox.")
    if letter.code >= 500:
        return Judged(State.FAIL, f"Refused at {letter.verb}: {_words(letter)}.")
    return Judged(State.UNKNOWN, f"It has not arrived: {_words(letter)}.")


def _postmaster(door: Door) -> Trial:
    return Trial(
        TAKES_OWN_MAIL.id, f"what must get in{door.words}", "a recipient postmaster@, up to RCPT",
        moves=lambda scene: (
            Connect(door.port), _EHLO, Say("MAIL FROM:<canary@drill.example>"),
            Say(f"RCPT TO:<postmaster@{scene.domain}>"), Say("RSET"),
        ),
        judge=_has_postmaster, why="RFC 5321 4.5.1: nobody can tell you of trouble with your mail.", door=door.way_in,
    )  # fmt: skip


def _has_postmaster(told: Told) -> Judged:
    recipient = told.heard[3]
    if 200 <= recipient.code < 300:
        return Judged(State.PASS, "Taken.")
    if recipient.code >= 500:
        return Judged(State.FAIL, f"Refused: {_words(recipient)}.")
    return Judged(State.UNKNOWN, f"Not told: {_words(recipient)}.")


# ── with an account ──


def _as_a_user() -> Iterator[Trial]:
    yield Trial(
        SENDERS_MATCH.id, "a user of the house", "sends in the name of a colleague",
        moves=lambda scene: (
            Deliver(scene.recipient, scene.user if "@" in scene.user else f"{scene.user}@{scene.domain}", port=587,
                    as_user=True),
            Deliver(scene.recipient, f"director-{scene.mark[:4]}@{scene.domain}", port=587, as_user=True),
        ),
        judge=_as_himself, why="One stolen password sends as the director.", needs=frozenset({Need.ACCOUNT}),
    )  # fmt: skip


def _as_himself(told: Told) -> Judged:
    own, other = told.heard
    if not own.arrived:
        return Judged(State.UNKNOWN, f"He could not send as himself either: at {own.verb}, {_words(own)}.")
    if other.arrived or 200 <= other.code < 300:
        return Judged(State.FAIL, "He could: the letter was taken in the name of a colleague.")
    if other.code >= 500 and other.verb in ("MAIL", "RCPT", "DATA"):
        return Judged(State.PASS, f"Refused: {_words(other)}.")
    return Judged(State.UNKNOWN, f"Not told: {_words(other)}.")

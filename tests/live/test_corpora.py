"""Real messages of many origins arrive as they were sent: byte for byte behind our own fields, minus forged ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.rig.corpora import Specimen, message_sets, sample, spam_and_ham, why_no_corpora, without_forged_fields
from tests.rig.gateway import GatewayProcess
from tests.rig.messages import only_fields_were_put_before, only_our_fields_were_put_before, stuffed
from tests.rig.postfix import RealPostfix, why_postfix_cannot_run
from tests.rig.sandbox import sandbox
from tests.rig.scene import Scene
from tests.rig.upstream import FakeUpstream

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
AUTHSERV_ID = b"gate.example.org"
_SERVERS = ("gate.example.org", "mx.elsewhere.example")

# What is unusual is what is wanted here; no gate may hold or refuse any of it.
_OPEN_GATES = {
    "attachments": {
        "max_parts": 1_000_000, "max_nesting": 1_000_000, "max_hops": 10_000, "max_header": "20 MiB",
        "max_line": "20 MiB",
    },
}  # fmt: skip


def _odd_ones() -> list[Specimen]:
    """Shapes that a proxy could get wrong and that corpora have too rarely."""
    head = b"Subject: odd\r\nMessage-ID: <odd@sender.example>\r\n"
    folded_to = b"To: a@example.org,\r\n\tb@example.org\r\n"
    ours, theirs = (f"Authentication-Results: {name};\r\n\tspf=pass\r\n".encode() for name in _SERVERS)
    bodies = {
        "only a header": head,
        "only a header and its empty line": head + b"\r\n",
        "nothing but an empty line": b"\r\n",
        "a dot on each line": head + b"\r\n" + b".\r\n..\r\n...\r\n.x\r\n" * 50,
        "begins with a dot": b".Subject: dotted\r\n\r\nbody\r\n",
        "NUL octets": head + b"\r\n" + b"a\0b\0\0\r\n" * 20,
        "every octet but CR and LF": head + b"\r\n" + bytes(set(range(256)) - {10, 13}) + b"\r\n",
        "a line of 60,000 octets": head + b"\r\n" + b"x" * 60_000 + b"\r\n",
        "a line of 900,000 octets": head + b"\r\n" + b"y" * 900_000 + b"\r\n",
        "spaces at the ends of lines": head + b"\r\nab  \r\n\t\r\n \r\n",
        "begins with white space": b" this is\r\n\tno field\r\n\r\nbody\r\n",
        "no header at all": b"just words\r\nand more words\r\n\r\nand a body\r\n",
        "a forged verdict": b"X-Spam-Status: No\r\nX-SPAM-FLAG : NO\r\n" + head + b"\r\nhello\r\n",
        "a forged and folded field": head + b"X-Lockdown-Id: 1\r\n\tfolded\r\n twice\r\nTo: x\r\n\r\nhello\r\n",
        "a forged result": ours + head + b"\r\nhello\r\n",
        "a result of somebody else": theirs + head + b"\r\nhello\r\n",
        "a verdict quoted in the body": head + b"\r\nX-Spam-Status: Yes\r\nX-Lockdown-Id: 2\r\n",
        "a folded field before a forged one": head + folded_to + b"X-Spam-Level: *\r\n\r\nhi\r\n",
    }  # fmt: skip
    return [Specimen(f"odd: {name}", content) for name, content in bodies.items()]


def _sender(number: int) -> str:
    return f"s.{number}@sender.example"


def _send_all(port: int, specimens: Sequence[Specimen], to: str = "bob@example.org") -> dict[str, Specimen]:
    """Over one connection; those that were passed on, by the sender that each has of its own, without those held."""
    passed = {}
    with Scene.connect(port) as wire:
        for number, specimen in enumerate(specimens):
            assert wire.ask(f"MAIL FROM:<{_sender(number)}> BODY=8BITMIME").code == 250, specimen.name
            assert wire.ask(f"RCPT TO:<{to}>").code == 250, specimen.name
            assert wire.ask("DATA").code == 354
            wire.send(stuffed(specimen.content) + b".\r\n")
            answer = wire.answer()
            assert answer.code == 250, (specimen.name, answer)
            if "Held for review" not in answer.text:
                passed[_sender(number)] = specimen
        wire.ask("QUIT")
    return passed


def _assert_unchanged(specimen: Specimen, arrived: bytes) -> None:
    wanted = without_forged_fields(specimen.content, AUTHSERV_ID)
    assert only_our_fields_were_put_before(arrived, wanted), (specimen.name, arrived[:1500], wanted[:1000])


@pytest.fixture(scope="module")
def recording() -> Iterator[tuple[GatewayProcess, FakeUpstream]]:
    with (
        sandbox("corpora") as box,
        FakeUpstream() as upstream,
        GatewayProcess(box, _OPEN_GATES, upstream=upstream.url) as gateway,
    ):
        yield gateway, upstream


_corpora = pytest.mark.skipif(bool(why_no_corpora()), reason=why_no_corpora() or "the corpora are here")


@pytest.mark.parametrize(
    "specimens",
    [
        pytest.param(_odd_ones, id="odd ones"),
        pytest.param(sample, id="sample"),
        pytest.param(message_sets, id="message sets", marks=_corpora),
        pytest.param(lambda: spam_and_ham(300), id="spam and ham", marks=_corpora),
    ],
)
def test_real_messages_arrive_byte_exact_at_a_recording_upstream(
    recording: tuple[GatewayProcess, FakeUpstream], specimens: Callable[[], list[Specimen]]
) -> None:
    gateway, upstream = recording
    upstream.accepted.clear()
    held_before = len(gateway.held())
    sent = specimens()
    passed = _send_all(gateway.port, sent)
    arrived = {message.sender: message.content for message in upstream.accepted}
    assert len(arrived) == len(upstream.accepted), "nothing arrives twice"
    assert arrived.keys() == passed.keys()
    for sender, specimen in passed.items():
        _assert_unchanged(specimen, arrived[sender])
    _assert_the_others_are_held_unchanged(gateway.held(), sent, passed, held_before)


def _assert_the_others_are_held_unchanged(
    held: list[bytes], sent: list[Specimen], passed: dict[str, Specimen], held_before: int
) -> None:
    """A message that claims parts and has none that could be found is doubtful even with all limits lifted."""
    others = [specimen for number, specimen in enumerate(sent) if _sender(number) not in passed]
    assert len(others) <= len(sent) // 50, [specimen.name for specimen in others]
    assert len(held) - held_before == len(others)
    for specimen in others:
        wanted = without_forged_fields(specimen.content, AUTHSERV_ID)
        assert any(only_our_fields_were_put_before(content, wanted, marked=True) for content in held), specimen.name


# Postfix, left to itself, drops, folds and mends; here it is only to show what it was given.
_UNTOUCHED = {
    "local_header_rewrite_clients": "", "message_drop_headers": "", "header_size_limit": "100000000",
    "disable_mime_input_processing": "yes",
    "header_address_token_limit": "1000000", "line_length_limit": "2048", "hopcount_limit": "10000",
}  # fmt: skip


@pytest.mark.skipif(bool(why_postfix_cannot_run()), reason=why_postfix_cannot_run() or "Postfix runs")
def test_real_messages_look_in_a_postfix_mailbox_as_if_sent_without_us() -> None:
    """The same messages once straight to Postfix and once through the gateway: its mailbox shows no difference."""
    specimens = sample() + message_sets() + spam_and_ham(100)
    with sandbox("corpora-postfix") as box, RealPostfix(box, settings=_UNTOUCHED) as postfix:
        with GatewayProcess(box / "gate", _OPEN_GATES, upstream=postfix.url) as gateway:
            passed = _send_all(gateway.port, specimens, to="carol@example.org")
        through = _by_sender(postfix.wait_for_mail(len(passed), user="carol", seconds=90))
        cleaned = [Specimen(one.name, without_forged_fields(one.content, AUTHSERV_ID)) for one in specimens]
        _send_all(postfix.port, cleaned)
        direct = _by_sender(postfix.wait_for_mail(len(specimens), seconds=90))
    assert through.keys() == passed.keys()
    for sender, arrived in through.items():
        assert only_fields_were_put_before(arrived, direct[sender]), (passed[sender].name, arrived[:1500])


def _by_sender(mailbox: list[bytes]) -> dict[str, bytes]:
    """Keyed by Return-Path; without the four fields that Postfix itself puts on top."""
    return {content[14 : content.index(b">")].decode(): _below_postfix(content) for content in mailbox}


def _below_postfix(content: bytes) -> bytes:
    _, _, rest = content.partition(b"\r\nReceived: ")
    lines = rest.split(b"\r\n")
    own = next(number for number, line in enumerate(lines[1:], start=1) if line[:1] not in (b" ", b"\t"))
    return b"\r\n".join(lines[own:])

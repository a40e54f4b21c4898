"""What spamd says, and what it is taken for: no score that it has not given."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockdown.model.scan import Failed, Opinion, Reason
from lockdown.model.unknown import Unknown
from lockdown.scan.rspamd import NOBODY, Envelope
from lockdown.scan.spamd import Spamd, parse_answer, received_field
from tests.rig import scripted
from tests.rig.scripted import run, saying

TABLE = b"""\
Content analysis details:   (1003.3 points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
 0.6 MISSING_MID            Missing Message-Id: header
-0.1 NO_RECEIVED            Informational: message has no Received headers
1000 GTUBE                  BODY: Generic Test for Unsolicited Bulk Email
 0.0 TVD_SPACE_RATIO        No description available.
 2.0 NAME_ONLY

"""


def report(body: bytes = TABLE, spam: str = "True ; 1003.3 / 5.0", code: str = "0 EX_OK", length: int = -1) -> bytes:
    size = len(body) if length < 0 else length
    return f"SPAMD/1.1 {code}\r\nContent-length: {size}\r\nSpam: {spam}\r\n\r\n".encode() + body


def test_a_report_gives_the_score_and_the_points_of_each_rule() -> None:
    assert parse_answer(report(), "spamd") == Opinion(
        "spamd", 1003.3, 5.0,
        (
            Reason("GTUBE", 1000.0, "BODY: Generic Test for Unsolicited Bulk Email"),
            Reason("NAME_ONLY", 2.0),
            Reason("MISSING_MID", 0.6, "Missing Message-Id: header"),
            Reason("NO_RECEIVED", -0.1, "Informational: message has no Received headers"),
        ),
    )  # fmt: skip


def test_a_report_in_a_form_of_ones_own_keeps_its_score() -> None:
    assert parse_answer(report(b"nichts zu sehen\n", "False ; -0.5 / 5.0")) == Opinion("spamd", -0.5, 5.0)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        report()[:-1],
        report() + b"x",
        report(length=0),
        report(code="79 EX_TIMEOUT"),
        report(code="00 EX_OK"),
        report(spam="True ; nan / 5.0"),
        report(spam="True ; inf / 5.0"),
        report(spam="True ; 1.2.3 / 5.0"),
        report(spam="True ; 5.0"),
        report(spam="Maybe ; 1.0 / 5.0"),
        report(spam="True ; 1.0 / 5.0\r\nSpam: False ; 0.0 / 5.0"),
        report(spam="True ; 1.0 / 5.0\r\nContent-length: 0"),
        b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5.0\r\n\r\n",
        b"SPAMD/1.0 76 Bad header line: \x1b[2J\r\n",
    ],
)
def test_anything_else_has_failed(answer: bytes) -> None:
    outcome = parse_answer(answer, "engine")
    assert isinstance(outcome, Failed) and outcome.engine == "engine" and outcome.why.startswith("spamd: ")
    assert outcome.why.isprintable()


def test_a_report_that_is_cut_off_is_no_opinion() -> None:
    whole = report()
    assert all(isinstance(parse_answer(whole[:end]), Failed) for end in range(len(whole)))


@given(some.binary(max_size=300))
def test_no_octets_break_it(answer: bytes) -> None:
    assert isinstance(parse_answer(answer), Failed)
    assert isinstance(parse_answer(report(answer)), Opinion)


def test_spamd_is_told_who_brings_it_in_a_received_field() -> None:
    envelope = Envelope("192.0.2.1", helo="mx.example.org", hostname="mail.example.org", user="anna")
    field = received_field(envelope)
    assert field.startswith(
        b"Received: from mx.example.org (mail.example.org [192.0.2.1])\r\n\tby localhost with ESMTPA; "
    )
    assert field.endswith(b"\r\n") and field.count(b"\n") == 2


def test_where_the_clients_name_is_not_known_nothing_is_said_of_it() -> None:
    assert received_field(Envelope("192.0.2.1", helo="mx.example.org")) == b""


@given(some.text(max_size=60))
def test_no_helo_can_write_a_field_of_its_own(helo: str) -> None:
    field = received_field(Envelope("192.0.2.1", helo=helo, hostname="unknown"))
    assert field.count(b"\n") == 2 and b"(unknown [192.0.2.1])\r\n\tby localhost" in field
    assert field.split(b" (unknown ")[0].count(b" ") == 2


HOSTILE = {
    "hangs up": scripted.hangs_up,
    "resets": scripted.resets,
    "says nothing": scripted.says_nothing,
    "reads nothing": scripted.reads_nothing,
    "never ends": scripted.never_ends,
    "garbage": saying(b"\xff\x00\xfe"),
    "half an answer": saying(report()[:-5]),
    "half an answer, and silence": scripted.starting_with(report()[:-5]),
    "pongs": saying(b"SPAMD/1.5 0 PONG\r\n"),
    "an error": saying(report(code="79 EX_TIMEOUT")),
    "says it to everything before it reads": scripted.starting_with(report()),
}


async def _check(
    place: str, content: bytes = b"hello", size: int | None = None, seconds: float = 10
) -> Opinion | Failed:
    deadline = asyncio.get_running_loop().time() + seconds
    length = len(content) if size is None else size
    return await Spamd(f"spamd://{place}", most_bytes=8_000_000).check(content, length, NOBODY, deadline)


@pytest.mark.parametrize("manner", HOSTILE)
def test_a_hostile_engine_has_no_opinion(manner: str) -> None:
    async def story() -> None:
        async with scripted.scripted(HOSTILE[manner]) as place:
            outcome = await _check(place, b"x" * 8_000_000, seconds=0.4)
        assert isinstance(outcome, Failed) and outcome.why.startswith("spamd: "), outcome

    run(story())


def test_an_honest_answer_is_an_opinion_and_says_how_long_it_took() -> None:
    async def story() -> None:
        async with scripted.scripted(saying(report())) as place:
            outcome = await _check(place)
            assert isinstance(outcome, Opinion) and outcome.engine == f"spamd://{place}" and outcome.seconds > 0

    run(story())


def test_a_message_that_is_too_large_or_not_whole_has_no_opinion() -> None:
    async def story() -> None:
        async with scripted.scripted(saying(report())) as place:
            outcome = await _check(place, b"hello", 8_000_001)
            assert isinstance(outcome, Failed) and "more than it is given" in outcome.why
            outcome = await _check(place, b"hello", 6)
            assert isinstance(outcome, Failed) and "before it had read all" in outcome.why

    run(story())


@pytest.mark.parametrize("spam", ["True ; 9.0 / 5.0", "False ; 0.0 / 5.0"], ids=["all spam", "all ham"])
def test_an_engine_that_says_the_same_to_everything_does_not_prove_itself(spam: str) -> None:
    async def story() -> None:
        async with scripted.scripted(saying(report(spam=spam))) as place:
            assert await Spamd(f"spamd://{place}", trial=20.0).proves_itself() is False

    run(story())


def test_an_engine_that_cannot_be_asked_has_not_proved_itself_either() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.hangs_up) as place:
            assert isinstance(await Spamd(f"spamd://{place}").proves_itself(), Unknown)

    run(story())

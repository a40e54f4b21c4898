"""What rspamd says, and what it is taken for: no score that it has not given, no field that a stranger added."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockdown.model.scan import Failed, Opinion, Reason
from lockdown.model.unknown import Unknown
from lockdown.scan.rspamd import ANSWER_OCTETS, NOBODY, REASONS, Envelope, Rspamd, parse_answer, request_head
from tests.rig import scripted
from tests.rig.scripted import run, saying

HAM: dict[str, Any] = {
    "is_skipped": False, "score": -0.1, "required_score": 15.0, "action": "no action",
    "symbols": {"MIME_GOOD": {"name": "MIME_GOOD", "score": -0.1, "description": "Known content-type"}},
    "messages": {}, "message-id": "x@example.org", "time_real": 0.0015,
}  # fmt: skip


def http(body: bytes | dict[str, Any], status: str = "200 OK", more: str = "") -> bytes:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nServer: rspamd/3.4\r\n{more}Content-Length: {len(octets)}\r\n\r\n".encode() + octets


def test_a_plain_letter_has_its_score_and_what_moved_it() -> None:
    assert parse_answer(http(HAM), "rspamd") == Opinion(
        "rspamd", -0.1, 15.0, (Reason("MIME_GOOD", -0.1, "Known content-type"),)
    )


def test_a_rejection_is_passed_on_though_the_rest_was_skipped() -> None:
    answer = {
        "is_skipped": True, "score": 15.0, "required_score": 15.0, "action": "reject",
        "symbols": {"GTUBE": {"score": 0.0}}, "messages": {"smtp_message": "Gtube pattern"},
    }  # fmt: skip
    opinion = parse_answer(http(answer))
    assert isinstance(opinion, Opinion)
    assert opinion.rejects and opinion.reasons == (Reason("reject", 0.0, "Gtube pattern"),)


@pytest.mark.parametrize("action", ["soft reject", "greylist"])
def test_asking_for_later_is_a_reason_and_no_rejection(action: str) -> None:
    opinion = parse_answer(http(HAM | {"action": action, "messages": {"smtp_message": "Try again later"}}))
    assert isinstance(opinion, Opinion)
    assert not opinion.rejects and opinion.reasons[0] == Reason(action, 0.0, "Try again later")


def test_the_heaviest_reasons_come_first_and_are_bounded() -> None:
    symbols = {f"R{number}": {"score": float(number - 50)} for number in range(101)}
    opinion = parse_answer(http(HAM | {"symbols": symbols}))
    assert isinstance(opinion, Opinion)
    assert [reason.points for reason in opinion.reasons[:3]] == [-50.0, 50.0, -49.0]
    assert len(opinion.reasons) == REASONS


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"stream: OK\0",
        http(HAM)[:-1],
        http(HAM) + b"x",
        http(HAM, "500 invalid command"),
        http({"error": "x"}, "503 busy"),
        http({}),
        http(b"{"),
        http(b"[]"),
        http(b"null"),
        http(b"[" * 100_000),
        http(HAM, more="Content-Length: 0\r\n"),
        http(HAM).replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
        http(json.dumps(HAM).replace("-0.1", "NaN").encode()),
        http(json.dumps(HAM).replace("15.0", "1e999").encode()),
        http(json.dumps(HAM).replace("15.0", "null").encode()),
        http(json.dumps(HAM).replace("15.0", '"15"').encode()),
        http({name: value for name, value in HAM.items() if name != "score"}),
        http({name: value for name, value in HAM.items() if name != "required_score"}),
        http({name: value for name, value in HAM.items() if name != "action"}),
        http({name: value for name, value in HAM.items() if name != "symbols"}),
        http(HAM | {"is_skipped": True}),
        http(HAM | {"action": "soft reject", "messages": {"smtp_message": "timeout processing message"}}),
        http(HAM).replace(b"HTTP/1.1", b"HTTP/2"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_anything_else_has_failed(answer: bytes) -> None:
    outcome = parse_answer(answer, "engine")
    assert isinstance(outcome, Failed) and outcome.engine == "engine" and outcome.why.startswith("rspamd: ")


def test_an_answer_that_is_cut_off_is_no_opinion() -> None:
    whole = http(HAM)
    assert all(isinstance(parse_answer(whole[:end]), Failed) for end in range(len(whole)))


@given(some.binary(max_size=300) | some.binary(max_size=200).map(http))
def test_no_octets_break_it(answer: bytes) -> None:
    assert isinstance(parse_answer(answer), Failed)


FIELDS = {b"Host", b"Connection", b"Content-Length", b"IP", b"From", b"Helo", b"Hostname", b"Queue-Id", b"User"}
_WORDS = some.text(max_size=20) | some.sampled_from(["x\r\nUser: root", "\n", "\r", "\0", "\x85\u2028"])


@given(some.builds(Envelope, _WORDS, _WORDS, some.tuples(_WORDS), _WORDS, _WORDS, _WORDS, _WORDS))
def test_what_strangers_write_adds_no_line_to_the_request(envelope: Envelope) -> None:
    lines = request_head(5, envelope).split(b"\r\n")
    assert lines[-2:] == [b"", b""]
    names = [line.split(b":")[0] for line in lines[1:-2] if not line.startswith(b"Rcpt: ")]
    assert len(names) == len(set(names)) and set(names) <= FIELDS
    assert b"\n" not in b"".join(lines) and b"\r" not in b"".join(lines)


def test_rspamd_is_told_who_brings_it() -> None:
    envelope = Envelope(
        "192.0.2.1", "anna@example.org", ("ben@example.org", "carol@example.org"), "mx\r\nUser: root", "", "7", ""
    )
    assert request_head(5, envelope) == (
        b"POST /checkv2 HTTP/1.1\r\nHost: rspamd\r\nConnection: close\r\nContent-Length: 5\r\n"
        b"IP: 192.0.2.1\r\nFrom: anna@example.org\r\nHelo: mxUser: root\r\nQueue-Id: 7\r\n"
        b"Rcpt: ben@example.org\r\nRcpt: carol@example.org\r\n\r\n"
    )


HOSTILE = {
    "hangs up": scripted.hangs_up,
    "resets": scripted.resets,
    "says nothing": scripted.says_nothing,
    "reads nothing": scripted.reads_nothing,
    "never ends": scripted.never_ends,
    "garbage": saying(b"\xff\x00\xfe"),
    "half an answer": saying(http(HAM)[:-5]),
    "half an answer, and silence": scripted.starting_with(http(HAM)[:-5]),
    "half a header": saying(http(HAM)[:20]),
    "promises more than it may": scripted.starting_with(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x"),
    "an error": saying(http({"error": "no"}, "500 no")),
    "says it to everything before it reads": scripted.starting_with(http(HAM)),
}


async def _check(
    place: str, content: bytes = b"hello", size: int | None = None, seconds: float = 10
) -> Opinion | Failed:
    deadline = asyncio.get_running_loop().time() + seconds
    length = len(content) if size is None else size
    return await Rspamd(f"rspamd://{place}").check(content, length, NOBODY, deadline)


@pytest.mark.parametrize("manner", HOSTILE)
def test_a_hostile_engine_has_no_opinion(manner: str) -> None:
    async def story() -> None:
        async with scripted.scripted(HOSTILE[manner]) as place:
            outcome = await _check(place, b"x" * 8_000_000, seconds=0.4)
        assert isinstance(outcome, Failed) and outcome.why.startswith("rspamd: "), outcome

    run(story())


def test_an_answer_without_end_is_cut_at_its_limit() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.never_ends) as place:
            outcome = await _check(place)
        assert outcome == Failed(f"rspamd://{place}", f"rspamd: an answer of more than {ANSWER_OCTETS} octets")

    run(story())


def test_an_honest_answer_is_an_opinion_and_says_how_long_it_took() -> None:
    async def story() -> None:
        async with scripted.scripted(saying(http(HAM))) as place:
            outcome = await _check(place)
            assert isinstance(outcome, Opinion) and outcome.engine == f"rspamd://{place}" and outcome.seconds > 0
            assert await Rspamd(f"rspamd://{place}").version() == "3.4"

    run(story())


def test_a_message_that_is_too_large_or_not_whole_has_no_opinion() -> None:
    async def story() -> None:
        async with scripted.scripted(saying(http(HAM))) as place:
            outcome = await _check(place, b"hello", 60 << 20)
            assert isinstance(outcome, Failed) and "more than it is given" in outcome.why
            outcome = await _check(place, b"hello", 6)
            assert isinstance(outcome, Failed) and "before it had read all" in outcome.why

    run(story())


@pytest.mark.parametrize("answer", [http(HAM), http(HAM | {"action": "reject"})], ids=["all ham", "all spam"])
def test_an_engine_that_says_the_same_to_everything_does_not_prove_itself(answer: bytes) -> None:
    async def story() -> None:
        async with scripted.scripted(saying(answer)) as place:
            assert await Rspamd(f"rspamd://{place}", trial=20.0).proves_itself() is False

    run(story())


def test_an_engine_that_cannot_be_asked_has_not_proved_itself_either() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.hangs_up) as place:
            assert isinstance(await Rspamd(f"rspamd://{place}").proves_itself(), Unknown)

    run(story())

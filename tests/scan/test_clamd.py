"""What clamd says, and what it is taken for: only a whole "stream: OK" to a whole message is clean."""

from __future__ import annotations

import asyncio
import mmap
import re
import tempfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockdown.model.scan import Answer, Clean, Encrypted, Found, TooBig
from lockdown.model.unknown import Unknown
from lockdown.scan.clamd import Clamd, ClamdVersion, parse_answer, parse_version
from lockdown.scan.proof import EICAR
from tests.rig import scripted
from tests.rig.scripted import run, saying

OK = b"stream: OK\0"


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (OK, Clean()),
        (b"stream: Eicar-Test-Signature FOUND\0", Found("Eicar-Test-Signature")),
        (b"stream: Win.Test.EICAR_HDB-1(44d88612fea8a8f36de82e1278abb02f:68) FOUND\0", Found("Win.Test.EICAR_HDB-1")),
        (b"stream: a name with (brackets) FOUND\0", Found("a name with (brackets)")),
        (b"stream: OK FOUND\0", Found("OK")),
        (b"stream: Heuristics.Encrypted.Zip FOUND\0", Encrypted("Heuristics.Encrypted.Zip")),
        (
            b"stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND\0",
            TooBig("Heuristics.Limits.Exceeded.MaxScanSize"),
        ),
        (b"INSTREAM size limit exceeded. ERROR\0", TooBig("clamd: larger than its StreamMaxLength")),
    ],
)
def test_an_answer_means_what_it_says(words: bytes, outcome: object) -> None:
    assert parse_answer(words) == outcome


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"\0",
        b"stream: OK",
        b"stream: OK\n",
        b"stream: OK\0stream: OK\0",
        b"stream: OK\0x",
        b" stream: OK\0",
        b"stream: ok\0",
        b"1: stream: OK\0",
        b"OK\0",
        b"stream:  FOUND\0",
        b"stream: Eicar FOUND",
        b"stream: Eicar FOUND\0stream: OK\0",
        b"stream: FOUND\0",
        b"UNKNOWN COMMAND\0",
        b"stream: Can't allocate memory ERROR\0",
        b"stream: OK ERROR\0",
        b"COMMAND READ TIMED OUT\0",
        b"\xff\xfe\0",
        b"stream: " + b"x" * 5000 + b" FOUND\0",
    ],
)
def test_anything_else_is_unknown(words: bytes) -> None:
    assert isinstance(parse_answer(words), Unknown)


@given(some.binary(max_size=200) | some.binary(max_size=60).map(lambda middle: b"stream: " + middle + b" FOUND\0"))
def test_only_one_answer_in_the_world_is_clean(words: bytes) -> None:
    assert isinstance(parse_answer(words), Clean) == (words == OK)


@given(some.binary(max_size=40))
def test_an_answer_that_is_cut_off_is_never_clean(behind: bytes) -> None:
    assert all(
        not isinstance(parse_answer(OK[:end] + behind), Clean) for end in range(len(OK) - 1) if behind != OK[end:]
    )


def test_a_version_tells_engine_signatures_and_their_age() -> None:
    version = parse_version(b"ClamAV 1.4.6/27431/Tue Nov 18 09:27:31 2026\0")
    assert isinstance(version, ClamdVersion)
    assert (version.engine, version.signatures) == ("1.4.6", 27431)
    assert version.built == datetime(2026, 11, 18, 9, 27, 31).astimezone(UTC)


@pytest.mark.parametrize(
    ("words", "version"),
    [
        (b"ClamAV 1.4.6\0", ClamdVersion("1.4.6")),
        (b"ClamAV 1.4.6/0/nonsense\0", ClamdVersion("1.4.6")),
        (b"ClamAV 1.4.6/27431/Tue Nov 31 09:27:31 2026\0", ClamdVersion("1.4.6", 27431)),
    ],
)
def test_a_version_without_a_database_has_no_age(words: bytes, version: ClamdVersion) -> None:
    assert parse_version(words) == version


@given(some.binary(max_size=100))
def test_a_version_is_read_or_unknown(words: bytes) -> None:
    assert isinstance(parse_version(words), Unknown) or words.startswith(b"ClamAV ")


async def _scan(place: str, content: bytes = b"hello", size: int | None = None, seconds: float = 0.4) -> Answer:
    deadline = asyncio.get_running_loop().time() + seconds
    return await Clamd(f"clamd://{place}").scan(content, len(content) if size is None else size, deadline)


HOSTILE = {
    "hangs up": scripted.hangs_up,
    "resets": scripted.resets,
    "says nothing": scripted.says_nothing,
    "reads nothing": scripted.reads_nothing,
    "never ends": scripted.never_ends,
    "garbage": saying(b"\xff\x00\xfe"),
    "half an OK": saying(b"stream: O"),
    "an OK without its end": saying(b"stream: OK"),
    "half an OK, and silence": scripted.starting_with(b"stream: O"),
    "an OK without its end, and silence": scripted.starting_with(b"stream: OK"),
    "does not know INSTREAM": saying(b"UNKNOWN COMMAND\0"),
    "an error": saying(b"stream: lseek() failed ERROR\0"),
    "two answers": saying(OK + OK),
    "HTTP": saying(b"HTTP/1.1 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("manner", HOSTILE)
@pytest.mark.parametrize("size", [5, 8_000_000])
def test_a_hostile_engine_has_never_found_anything_clean(manner: str, size: int) -> None:
    async def story() -> None:
        async with scripted.scripted(HOSTILE[manner]) as place:
            answer = await _scan(place, b"x" * size)
        assert isinstance(answer.outcome, Unknown), answer
        assert answer.outcome.why.startswith("clamd: ")

    run(story())


def test_no_answer_in_time_says_how_long_was_waited() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.says_nothing) as place:
            answer = await _scan(place)
        assert isinstance(answer.outcome, Unknown)
        assert re.fullmatch(r"clamd: no answer in 0\.(?:4|39\d*) s", answer.outcome.why)

    run(story())


def test_nobody_there_is_unknown() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.hangs_up) as place:
            pass
        assert (await _scan(place)).outcome == Unknown("clamd: connection refused")
        answer = await Clamd("clamd:///nowhere/clamd.ctl").scan(b"", 0, asyncio.get_running_loop().time() + 1)
        assert answer.outcome == Unknown("clamd: no such file or directory")

    run(story())


def test_ok_before_the_end_of_the_message_is_unknown() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.starting_with(OK)) as place:
            answer = await _scan(place, b"x" * 8_000_000, seconds=20)
        assert answer.outcome == Unknown("clamd: it answered before it had read all")

    run(story())


def test_a_refusal_before_the_end_of_the_message_is_heard() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"INSTREAM size limit exceeded. ERROR\0")

    async def story() -> None:
        async with scripted.scripted(refuse) as place:
            answer = await _scan(place, b"x" * 8_000_000, seconds=20)
        assert isinstance(answer.outcome, TooBig), answer

    run(story())


class _Recorder:
    """Takes a stream as clamd does, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[bytes] = []
        self.together = self.most = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.together += 1
        self.most = max(self.most, self.together)
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            content += await reader.readexactly(length)
        self.given.append(content)
        await asyncio.sleep(0.02)
        self.together -= 1
        writer.write(b"stream: Eicar FOUND\0" if content == EICAR else OK)


def test_a_message_arrives_whole_however_it_is_held() -> None:
    async def story() -> None:
        clamd, whole = _Recorder(), bytes(range(256)) * 2000
        with tempfile.TemporaryFile() as file:
            file.write(whole)
            file.flush()
            async with scripted.scripted(clamd) as place:
                for content in (whole, mmap.mmap(file.fileno(), 0), [whole[:7], b"", whole[7:]], b""):
                    answer = await _scan(place, content, len(whole) if content else 0, seconds=20)  # type: ignore[arg-type]
                    assert answer.outcome == Clean()
        assert clamd.given == [whole, whole, whole, b""]

    run(story())


def test_a_message_that_was_not_sent_whole_is_not_clean() -> None:
    async def story() -> None:
        async with scripted.scripted(_Recorder()) as place:
            answer = await _scan(place, b"hello", 6, seconds=20)
        assert answer.outcome == Unknown("clamd: it was given 5 octets of 6")

    run(story())


def test_no_more_questions_at_a_time_than_allowed() -> None:
    async def story() -> None:
        recorder = _Recorder()
        async with scripted.scripted(recorder) as place:
            clamd = Clamd(f"clamd://{place}", most=3)
            deadline = asyncio.get_running_loop().time() + 10
            await asyncio.gather(*(clamd.scan(b"hello", 5, deadline) for _ in range(12)))
        assert (len(recorder.given), recorder.most) == (12, 3)

    run(story())


def test_one_whose_turn_does_not_come_is_told_so() -> None:
    async def story() -> None:
        async with scripted.scripted(scripted.says_nothing) as place:
            clamd = Clamd(f"clamd://{place}", most=1)
            now = asyncio.get_running_loop().time()
            _, second = await asyncio.gather(clamd.scan(b"x", 1, now + 1), clamd.scan(b"x", 1, now + 0.2))
        assert isinstance(second.outcome, Unknown) and "busy" in second.outcome.why

    run(story())


@pytest.mark.parametrize(
    ("manner", "proves"),
    [(_Recorder(), True), (saying(OK), False), (saying(b"stream: Everything FOUND\0"), False)],
    ids=["honest", "all is well", "all is bad"],
)
def test_an_engine_proves_itself_by_telling_bad_from_good(manner: scripted.Script, proves: bool) -> None:
    async def story() -> None:
        async with scripted.scripted(manner) as place:
            assert await Clamd(f"clamd://{place}", trial=20.0).proves_itself() is proves

    run(story())


@pytest.mark.parametrize("manner", HOSTILE)
def test_a_hostile_engine_does_not_prove_itself(manner: str) -> None:
    async def story() -> None:
        async with scripted.scripted(HOSTILE[manner]) as place:
            assert await Clamd(f"clamd://{place}", trial=0.4).proves_itself() is not True

    run(story())

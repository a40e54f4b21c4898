"""Reader processes: whatever a message does to one, the answer is a word, and the next message is read."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from lockdown.config import Antivirus
from lockdown.model.scan import Reading
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown
from lockdown.scan import readers as readers_module
from lockdown.scan.builtin import Builtin
from lockdown.scan.readers import Readers
from tests.rig.gateway import lives
from tests.rig.network import eventually
from tests.scan.parcels import message, zipped
from tests.scan.test_honest_mail import locked_pdf

PROJECT = Path(__file__).parents[2]
GOOD, BAD = b"good message", b"bad message"


def running(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """Run a test that is a coroutine."""

    def run(**given: object) -> None:
        asyncio.run(asyncio.wait_for(test(**given), 60))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__signature__ = __import__("inspect").signature(test)  # type: ignore[attr-defined]
    return run


@asynccontextmanager
async def stub(behaviour: str, tmp_path: Path, count: int = 1, **policy: object) -> AsyncIterator[Readers]:
    start = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from tests.scan.reader_stub import main; "
    code = f"{start} main({behaviour!r}, {str(tmp_path / 'log')!r})"
    readers = Readers(Antivirus(**policy), count, command=(sys.executable, "-I", "-c", code))  # type: ignore[arg-type]
    try:
        yield readers
    finally:
        await readers.close()


@asynccontextmanager
async def real(count: int = 1, **policy: object) -> AsyncIterator[Readers]:
    readers = Readers(Antivirus(**policy), count)  # type: ignore[arg-type]
    try:
        yield readers
    finally:
        await readers.close()


def soon(seconds: float = 30) -> float:
    return asyncio.get_running_loop().time() + seconds


def pids(tmp_path: Path) -> list[int]:
    return [int(line.split()[0]) for line in (tmp_path / "log").read_bytes().splitlines()]


# ── the real process ──


@running
async def test_a_message_is_read_in_a_process_as_it_is_here() -> None:
    content = message(("a.zip", zipped({"b.txt": b"hello"})))
    async with real() as readers:
        assert await readers.read(content, soon()) == Builtin(Antivirus()).read(content)


def test_it_works_on_the_gateways_loop_as_well() -> None:
    async def read() -> Reading | Unknown:
        async with real() as readers:
            return await readers.read(message(("a", b"b")), soon())

    assert isinstance(uvloop.run(read()), Reading)


@running
async def test_a_message_in_a_file_is_read_from_its_descriptor(tmp_path: Path) -> None:
    content = message(("a.txt", b"x" * 100_000))
    (tmp_path / "spooled").write_bytes(content)
    descriptor = os.open(tmp_path / "spooled", os.O_RDONLY)
    async with real() as readers:
        reading = await readers.read(descriptor, soon(), len(content))
    os.close(descriptor)
    assert isinstance(reading, Reading) and reading.content.files[-1].path == "a.txt"


@running
async def test_a_reader_has_given_up_memory_files_processes_and_privileges() -> None:
    async with real(read_memory=ByteSize.parse("700 MiB")) as readers:
        await readers.read(message(("a", b"b")), soon())
        (reader,) = readers._readers
        limits = Path(f"/proc/{reader.pid}/limits").read_text() if os.geteuid() == 0 else ""
        status = Path(f"/proc/{reader.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    for line in ("Max address space         734003200", "Max file size             0", "Max processes             0"):
        assert not limits or line in limits


@running
async def test_a_message_that_wants_more_memory_than_allowed_is_unknown_or_unread_and_the_next_is_read() -> None:
    async with real(read_memory=ByteSize.parse("340 MiB"), max_unpacked=ByteSize.parse("2 GiB")) as readers:
        bomb = message(("a.zip", zipped({"zeros": bytes(80 * 1024 * 1024)})))
        answer = await readers.read(bomb, soon())
        assert isinstance(answer, Unknown) or answer.content.unread
        assert isinstance(await readers.read(message(("a", b"b")), soon()), Reading)


@running
async def test_settings_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    async with real(digests=str(tmp_path / "missing")) as readers:
        answer = await readers.read(GOOD, soon())
    assert isinstance(answer, Unknown) and "missing" in answer.why and "No such file" in answer.why


@running
async def test_a_reader_ends_with_its_gateway() -> None:
    readers = Readers(Antivirus(), 1)
    await readers.read(GOOD, soon())
    (reader,) = readers._readers
    reader._link.close()  # what the kernel does for a gateway that was killed
    assert await reader.ending() == "ended with exit code 0"
    await readers.close()


def test_a_reader_does_not_outlive_its_gateway_even_while_it_reads() -> None:
    code = (
        "import asyncio, os; from lockdown.config import Antivirus; from lockdown.scan.readers import Readers\n"
        "async def main():\n"
        "    readers = Readers(Antivirus(), 1)\n"
        "    await readers.read(b'Subject: x', asyncio.get_running_loop().time() + 30)\n"
        "    reader, = readers._readers\n"
        "    os.kill(reader.pid, 19)\n"  # SIGSTOP: as one that is busy, it does not look at its socket
        "    print(reader.pid, flush=True); os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    eventually(lambda: not lives(int(told.stdout)), "the reader is gone")


@running
async def test_a_document_that_only_may_not_be_printed_is_read_there_as_well() -> None:
    content = message(("a.pdf", locked_pdf("", "owner")))
    async with real() as readers:
        answer = await readers.read(content, soon())
    assert isinstance(answer, Reading) and answer.content.unread == ()


# ── what a message may do to it ──


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("crashes", "the reader process ended by signal 11 (SIGSEGV) while reading"),
        ("exits", "the reader process ended with exit code 9 while reading"),
        ("stops in its answer", "the reader process ended with exit code 0 while reading"),
        ("breaks", "the reader broke: ValueError: x"),
        ("is too long", "its report is too long"),
    ],
)
@running
async def test_what_breaks_a_reader_is_unknown_and_the_next_message_has_a_new_one(
    behaviour: str, why: str, tmp_path: Path
) -> None:
    async with stub(behaviour, tmp_path) as readers:
        assert isinstance(await readers.read(GOOD, soon()), Reading)
        assert await readers.read(BAD, soon()) == Unknown(why)
        assert isinstance(await readers.read(GOOD, soon()), Reading)
    first, second, third = pids(tmp_path)
    assert first == second != third


@running
async def test_an_answer_that_is_none_is_unknown(tmp_path: Path) -> None:
    async with stub("babbles", tmp_path) as readers:
        answer = await readers.read(BAD, soon())
    assert isinstance(answer, Unknown) and "an answer that is none" in answer.why


@running
async def test_a_reader_that_hangs_is_ended_when_its_time_is_up(tmp_path: Path) -> None:
    async with stub("hangs", tmp_path, read_time=timedelta(seconds=0.3)) as readers:
        assert await readers.read(BAD, soon()) == Unknown("not read within 0.3 s")
        assert isinstance(await readers.read(GOOD, soon()), Reading)


@running
async def test_a_deadline_before_that_counts_as_well(tmp_path: Path) -> None:
    async with stub("hangs", tmp_path) as readers:
        await readers.read(GOOD, soon())
        assert await readers.read(BAD, soon(0.2)) == Unknown("not read before the deadline")
        assert isinstance(await readers.read(GOOD, soon()), Reading)


@pytest.mark.parametrize(
    ("behaviour", "why"), [("never starts", "ended with exit code 3"), ("refuses", "no such file")]
)
@running
async def test_a_reader_that_cannot_start_is_told(behaviour: str, why: str, tmp_path: Path) -> None:
    async with stub(behaviour, tmp_path) as readers:
        answer = await readers.read(GOOD, soon())
        assert isinstance(answer, Unknown) and why in answer.why
        assert not readers._readers, "a reader that cannot start is not started again until somebody asks"


@running
async def test_a_reader_that_died_while_nobody_asked_is_replaced_unseen(tmp_path: Path) -> None:
    async with stub("reads", tmp_path) as readers:
        await readers.read(GOOD, soon())
        (reader,) = readers._readers
        reader._process.kill()
        reader._process.wait()
        assert isinstance(await readers.read(GOOD, soon()), Reading)


@running
async def test_a_reader_is_replaced_when_it_has_read_enough(tmp_path: Path) -> None:
    async with stub("reads", tmp_path) as readers:
        await readers.read(GOOD, soon())
        (reader,) = readers._readers
        reader.messages = readers_module.MESSAGES_EACH - 1
        await readers.read(GOOD, soon())
        await readers.read(GOOD, soon())
    first, second, third = pids(tmp_path)
    assert first == second != third


# ── many messages, few readers ──


@running
async def test_more_messages_than_readers_are_read_one_after_the_other(tmp_path: Path) -> None:
    async with stub("reads", tmp_path, count=2) as readers:
        answers = await asyncio.gather(*(readers.read(GOOD, soon()) for _ in range(40)))
    assert all(isinstance(answer, Reading) for answer in answers) and len(set(pids(tmp_path))) == 2


@running
async def test_who_waits_longer_than_its_deadline_hears_that_all_are_busy(tmp_path: Path) -> None:
    async with stub("hangs", tmp_path) as readers:
        await readers.read(GOOD, soon())
        busy = asyncio.create_task(readers.read(BAD, soon(1)))
        await asyncio.sleep(0.05)
        assert await readers.read(GOOD, soon(0.1)) == Unknown("all readers are busy")
        assert isinstance(await busy, Unknown)
        assert isinstance(await readers.read(GOOD, soon()), Reading)


@running
async def test_who_comes_when_too_many_wait_hears_it_at_once(tmp_path: Path) -> None:
    async with stub("slow", tmp_path) as readers:
        many = [asyncio.create_task(readers.read(BAD, soon(2))) for _ in range(readers_module.WAITING_EACH + 5)]
        await asyncio.sleep(0.05)
        assert await readers.read(GOOD, soon()) == Unknown("all readers are busy")
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)


@running
async def test_a_message_that_is_given_up_takes_its_reader_with_it_and_nobody_else(tmp_path: Path) -> None:
    async with stub("hangs", tmp_path) as readers:
        await readers.read(GOOD, soon())
        given_up = asyncio.create_task(readers.read(BAD, soon()))
        waiting = asyncio.create_task(readers.read(GOOD, soon()))
        waits_and_leaves = asyncio.create_task(readers.read(GOOD, soon()))
        await asyncio.sleep(0.1)
        given_up.cancel()
        waits_and_leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert isinstance(await waiting, Reading)
        assert isinstance(await readers.read(GOOD, soon()), Reading)
        assert readers._busy == 0 and not readers._waiting


@running
async def test_a_turn_that_is_given_to_somebody_who_leaves_goes_on_to_the_next(tmp_path: Path) -> None:
    async with stub("reads", tmp_path) as readers:
        readers._busy = 1  # somebody reads
        leaves = asyncio.create_task(readers.read(GOOD, soon()))
        stays = asyncio.create_task(readers.read(GOOD, soon()))
        await asyncio.sleep(0)
        readers._give_turn()
        leaves.cancel()
        assert isinstance(await stays, Reading)
        assert readers._busy == 0


@running
async def test_closing_answers_those_who_still_wait(tmp_path: Path) -> None:
    async with stub("hangs", tmp_path, read_time=timedelta(minutes=5)) as readers:
        await readers.read(GOOD, soon())
        tasks = [asyncio.create_task(readers.read(BAD, soon(300))) for _ in range(3)]
        await asyncio.sleep(0.1)
        await readers.close()
        answers = await asyncio.gather(*tasks)
        assert all(isinstance(answer, Unknown) for answer in answers)
        assert await readers.read(GOOD, soon()) == Unknown("the readers are closed")


@running
async def test_a_deadline_that_has_passed_costs_no_reader(tmp_path: Path) -> None:
    async with stub("reads", tmp_path) as readers:
        await readers.read(GOOD, soon())
        assert await readers.read(GOOD, soon(-1)) == Unknown("not read before the deadline")
        await readers.read(GOOD, soon())
    assert len(set(pids(tmp_path))) == 1


@running
async def test_many_whose_deadline_comes_while_they_wait_begin_no_reader_each(tmp_path: Path) -> None:
    async with stub("hangs", tmp_path, read_time=timedelta(minutes=5)) as readers:
        await readers.read(GOOD, soon())
        begun: list[object] = []
        new, readers._new = readers._new, lambda: begun.append(1) or new()  # type: ignore[method-assign, func-returns-value]
        answers = await asyncio.gather(*(readers.read(BAD, soon(0.5 + 0.005 * number)) for number in range(20)))
        assert all(isinstance(answer, Unknown) for answer in answers) and len(begun) <= 2

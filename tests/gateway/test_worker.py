"""The worker's own clock goes on whatever it comes upon, and what is unknown takes no mail."""

from __future__ import annotations

import asyncio
import resource
import threading
from pathlib import Path

import pytest

from lockdown.gateway.worker import take_descriptors
from lockdown.state.layout import StateDirectory
from tests.gateway.house import house, run, until


def test_the_clock_goes_on_after_a_crash_of_what_it_calls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with house(tmp_path, '[monitoring]\nidle_timeout = "2s"\n') as here:
            here.worker.metrics.gauges = None  # type: ignore[assignment, method-assign]
            silent = await here.client()
            await until(lambda: "tick-broken" in caplog.text, "it has crashed")
            assert (await silent.answer()).startswith("421 4.4.2")

    run(story())


def test_a_disk_that_cannot_be_asked_takes_no_mail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client, state = await here.client(), here.worker.state
            here.worker.state = StateDirectory(tmp_path / "nowhere")
            await until(lambda: not here.worker.has_disk_room, "it has been looked at")
            assert (await client.ask("MAIL FROM:<a@sender.example>")).startswith("452 4.3.1")
            here.worker.state = state
            await until(lambda: here.worker.has_disk_room, "it is there again")
            assert (await client.send()).startswith("250")
        assert "its free room is unknown" in caplog.text

    run(story())


def test_a_disk_that_hangs_is_waited_for_by_one_thread_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, ticking=False) as here:
            free, waiting = threading.Event(), []
            real = here.worker.outcomes.sync
            here.worker.outcomes.sync = lambda: waiting.append(free.wait(20))  # type: ignore[method-assign]
            for second in range(60):
                here.worker._tick(float(second))
                await asyncio.sleep(0)
            assert len(here.worker._tasks) == 1
            free.set()
            await until(lambda: not here.worker._tasks, "it is done")
            assert waiting == [True]
            here.worker.outcomes.sync = real  # type: ignore[method-assign]

    run(story())


def test_a_body_that_cannot_be_spooled_is_452_at_the_dot_and_keeps_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, '[gateway]\nmemory_per_message = "1 KiB"\n') as here:
            client = await here.client()
            here.worker.spill_directory = tmp_path / "nowhere"
            large = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n"
            assert (await client.send(large * 3000)).startswith("452 4.3.1")
            assert here.worker.memory.used == 0
            assert (await client.send()).startswith("250")
            assert [one.type for one in here.log()] == ["deferred", "accepted"]

    run(story())


def test_a_hundred_megabytes_without_a_line_end_cost_no_memory(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            (connection,) = here.worker.connections
            most = 0
            for _ in range(400):
                client.writer.write(b"x" * 262_144)
                await client.writer.drain()
                assert connection._conversation is not None
                most = max(most, connection._conversation.session.buffered)
            client.say("", "NOOP")
            assert (await client.answer()).startswith("500 5.5.2")
            assert (await client.answer()).startswith("250")
            assert most < 1_000_000

    run(story())


def test_an_upload_far_over_the_limit_is_given_up_and_keeps_no_memory(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, '[gateway]\nmax_message = "64 KiB"\n') as here:
            client = await here.client()
            await client.envelope("anna@example.org")
            await client.ask("DATA")
            for _ in range(200):
                client.writer.write(b"x" * 998 + b"\r\n")
            client.writer.write(b".\r\n")
            assert (await client.answer()).startswith("552 5.3.4")
            assert here.worker.memory.used == 0
            await client.envelope("anna@example.org")
            await client.ask("DATA")
            client.writer.write((b"x" * 998 + b"\r\n") * 2000)
            await client.rest()
            await until(lambda: not here.worker.connections, "it is closed")
            assert [one.response.code for one in here.log()] == [552, 552]
            assert here.worker.memory.used == 0

    run(story())


def test_a_worker_takes_all_the_descriptors_that_it_may_have() -> None:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, most), most))
    try:
        take_descriptors()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


def test_a_worker_without_descriptors_left_turns_nobody_into_a_crash_and_serves_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, '[gateway]\nmemory_per_message = "1 KiB"\n') as here:
            client = await here.client()
            before = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (4, before[1]))
            try:
                answer = await client.send(b"Subject: large\r\n\r\n" + b"x" * 5000 + b"\r\n")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            assert answer.startswith("452 4.3.1")
            assert here.worker.memory.used == 0
            assert (await client.send()).startswith("250")

    run(story())

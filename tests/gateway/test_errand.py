"""Coroutines that run without a task: the first step at once, the others when what they wait for is there."""

from __future__ import annotations

import asyncio

import pytest

from lockdown.gateway.errand import Pause, as_errand, run_errand
from tests.gateway.house import run, until


def test_the_first_step_runs_at_once_and_the_next_when_the_pause_ends() -> None:
    heard, pause = [], Pause()

    async def errand() -> None:
        heard.append("first")
        await pause
        heard.append("second")

    run_errand(errand())
    assert heard == ["first"]
    pause.go_on()
    pause.go_on()
    assert heard == ["first", "second"]


def test_a_pause_that_nobody_waits_for_is_no_crash_and_no_memory() -> None:
    pause = Pause()
    pause.go_on()
    heard = []

    async def errand() -> None:
        await pause
        heard.append("woken")

    run_errand(errand())
    assert not heard


def test_futures_threads_tasks_and_bare_yields_can_be_waited_for() -> None:
    async def story() -> None:
        heard = []

        async def errand() -> None:
            heard.append(await asyncio.to_thread(lambda: "thread"))
            heard.append(await asyncio.get_running_loop().create_task(asyncio.sleep(0, "task")))
            await asyncio.sleep(0)
            heard.append("turn")
            await asyncio.sleep(0.001)
            heard.append("time")

        run_errand(errand())
        await until(lambda: len(heard) == 4, "all have been waited for")
        assert heard == ["thread", "task", "turn", "time"]

    run(story())


def test_a_future_that_fails_or_is_cancelled_is_told_to_who_waits() -> None:
    async def story() -> None:
        heard: list[str] = []
        futures = [asyncio.get_running_loop().create_future() for _ in range(2)]

        async def errand(future: asyncio.Future[None]) -> None:
            try:
                await future
            except (ValueError, asyncio.CancelledError) as error:
                heard.append(type(error).__name__)

        for future in futures:
            run_errand(errand(future))
        futures[0].set_exception(ValueError())
        futures[1].cancel()
        await until(lambda: len(heard) == 2, "both have heard")
        assert heard == ["ValueError", "CancelledError"]

    run(story())


def test_a_task_can_wait_for_an_errand_and_hears_how_it_ended() -> None:
    async def story() -> None:
        async def fails() -> None:
            await asyncio.sleep(0)
            raise LookupError("not there")

        await as_errand(asyncio.sleep(0))
        with pytest.raises(LookupError, match="not there"):
            await as_errand(fails())

    run(story())

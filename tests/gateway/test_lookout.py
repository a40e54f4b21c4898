"""The watch as the gateway keeps it: a dead engine, viruses from loopback, the builtin engine's own proof."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lockdown.config import Settings
from lockdown.engine.life import UNPROVEN, engine_health
from lockdown.engine.watch import Look
from lockdown.gateway.lookout import Builtin, Lookout, Pace
from lockdown.model.alarm import Incident
from lockdown.model.scan import Content, Found, Reading
from lockdown.model.unknown import Unknown
from lockdown.scan.proof import EICAR
from lockdown.state.correspondents import PAIRS
from lockdown.state.store import open_store
from tests.gateway.house import House, house, run, until
from tests.rig.network import free_port

QUICK = Pace(look=0.05, prove=0.05, trial=20.0)
VIRUS = (
    b"Subject: invoice\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=invoice.bin\r\n\r\n"
    + EICAR
    + b"\r\n"
)


def in_three_minutes() -> datetime:
    """An outage of two minutes need not be waited for."""
    return datetime.now(UTC) + timedelta(minutes=3)


def incidents(here: House) -> dict[str, Incident]:
    with closing(open_store(here.worker.state.path)) as store:
        return {one.name: one for one in store.open_incidents()}


def watched(tmp_path: Path, text: str, story: Callable[[House], Awaitable[None]]) -> None:
    """A worker that serves, and a lookout that looks often."""

    async def all_of_it() -> None:
        async with house(tmp_path, text) as here:
            await here.worker.scanning.start()
            looking = asyncio.ensure_future(Lookout(here.worker, QUICK, in_three_minutes).keep())
            try:
                await story(here)
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking

    run(all_of_it())


def test_a_dead_clamd_is_an_incident_that_says_what_becomes_of_mail(tmp_path: Path) -> None:
    url = f"clamd://127.0.0.1:{free_port()}"

    async def story(here: House) -> None:
        await until(lambda: "antivirus.engine-down" in incidents(here), "the dead engine is an incident")
        incident = incidents(here)["antivirus.engine-down"]
        assert incident.object == url
        assert "put off (451)" in incident.meanwhile
        assert "refused" in incident.evidence[0].text

    watched(tmp_path, f'[antivirus]\nengines = ["{url}"]\n', story)


def test_viruses_from_this_machine_are_an_incident_and_never_a_block_of_loopback(tmp_path: Path) -> None:
    async def story(here: House) -> None:
        client = await here.client()
        for _ in range(5):
            assert (await client.send(VIRUS)).startswith("550")
        client.leave()
        here.worker.recorder.flush()
        await until(lambda: "antivirus.virus-sender" in incidents(here), "the sender of viruses is an incident")
        await until(lambda: incidents(here)["antivirus.virus-sender"].answers, "it is answered")
        (answer,) = incidents(here)["antivirus.virus-sender"].answers
        assert not answer.done
        assert "talks to itself" in answer.says

    watched(tmp_path, '[antivirus]\nengines = ["builtin"]\n', story)


def test_an_engine_that_proves_itself_is_no_incident(tmp_path: Path) -> None:
    async def story(here: House) -> None:
        with closing(open_store(here.worker.state.path)) as store:
            await until(lambda: (here.worker.state.path / "watch.json").exists(), "it has looked")
            await asyncio.sleep(0.3)
            assert store.incidents() == []

    watched(tmp_path, '[antivirus]\nengines = ["builtin"]\n', story)


def test_a_worker_that_drains_no_longer_looks(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            here.worker.draining = True
            await asyncio.wait_for(Lookout(here.worker, QUICK).keep(), 10)

    run(story())


# ── when it looks ──

NEVER = 1e9


class Quiet:
    """A watch that tells how often it was asked."""

    def __init__(self, worker: SimpleNamespace, *, hot: bool, enough: int = 1) -> None:
        self.worker, self.hot, self.enough = worker, hot, enough
        self.glances = self.looks = 0

    def glance(self, now: datetime) -> bool:
        self.glances += 1
        self.worker.draining = not self.hot and self.glances == self.enough
        return self.hot

    def look(self, told: object, now: datetime) -> Look:
        self.looks += 1
        self.worker.draining = self.looks == self.enough
        return Look(())


def kept(folder: Path, *, hot: bool, grows: bool, pace: Pace, enough: int = 1) -> Quiet:
    """Until it has looked, or glanced, often enough."""
    log = folder / "gateway-20260301.jsonl"
    log.write_bytes(b"x")
    worker = SimpleNamespace(
        state=SimpleNamespace(log=folder), draining=False, scanning=None, settings=Settings(), metrics=None
    )
    watch = Quiet(worker, hot=hot, enough=enough)

    async def story() -> None:
        lookout = Lookout(worker, pace)  # type: ignore[arg-type]
        lookout._builtin = None
        keeping = asyncio.ensure_future(lookout._keep_looking(watch))  # type: ignore[arg-type]
        while not keeping.done():
            if grows:
                log.write_bytes(log.read_bytes() + b"x")
            await asyncio.sleep(0.001)
        await keeping

    run(story())
    return watch


def test_what_becomes_frequent_is_looked_at_at_once_and_not_at_its_turn(tmp_path: Path) -> None:
    pace = Pace(look=NEVER, first=NEVER, glance=0.001, idle=0.001, apart=0.001)
    watch = kept(tmp_path, hot=True, grows=True, pace=pace, enough=3)
    assert watch.looks == 3


def test_what_is_not_frequent_is_glanced_at_and_waits_for_its_turn(tmp_path: Path) -> None:
    pace = Pace(look=NEVER, first=NEVER, glance=0.001, idle=0.001)
    watch = kept(tmp_path, hot=False, grows=True, pace=pace, enough=5)
    assert (watch.glances, watch.looks) == (5, 0)


def test_while_nothing_is_written_nobody_glances_and_looks_go_on(tmp_path: Path) -> None:
    watch = kept(tmp_path, hot=True, grows=False, pace=Pace(look=0.01, first=0.01, idle=0.001), enough=3)
    assert (watch.glances, watch.looks) == (0, 3)


# ── the builtin engine ──


class Readers:
    """Answers as it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    async def read(self, content: bytes, deadline: float) -> Any:
        return self.answers.pop(0)


FOUND = Reading(Content((), (), (Found("EICAR", ""),), ()), None)  # type: ignore[arg-type]
CLEAN = Reading(Content((), (), (), ()), None)  # type: ignore[arg-type]


def proved(*answers: Any) -> Builtin:
    builtin = Builtin(SimpleNamespace(readers=Readers(*answers)), Pace(prove=0.0))  # type: ignore[arg-type]

    async def story() -> None:
        while builtin._scanning.readers.answers:  # type: ignore[attr-defined]
            await builtin.prove()

    run(story())
    return builtin


def test_one_that_finds_the_virus_and_passes_the_letter_is_up() -> None:
    assert proved(FOUND, CLEAN).health.up


def test_one_that_finds_nothing_or_everything_lies() -> None:
    for answers in ((CLEAN,), (FOUND, FOUND)):
        health = proved(*answers).health
        assert (health.up, health.why) == (False, UNPROVEN)
        assert engine_health(health).lies


def test_one_that_cannot_read_is_down_since_it_could_not() -> None:
    down = proved(FOUND, CLEAN, Unknown("the reader process ended by signal 9 while reading"))
    assert "signal 9" in down.health.why
    assert not engine_health(down.health).lies
    longer = proved(Unknown("all readers are busy"), Unknown("all readers are busy"))
    assert longer.health.since <= datetime.now(UTC)
    assert proved(Unknown("busy"), FOUND, CLEAN).health.up


def test_a_watch_that_cannot_be_made_is_said_and_mail_goes_on(tmp_path: Path, caplog: Any) -> None:
    async def story() -> None:
        async with house(tmp_path, "") as here:
            (here.worker.state.path / PAIRS).mkdir()
            await Lookout(here.worker, QUICK).keep()
            client = await here.client()
            assert (await client.send(b"Subject: x\r\n\r\nhello\r\n")).startswith("250")
            client.leave()

    run(story())
    assert "nothing is watched until the gateway is started again" in caplog.text

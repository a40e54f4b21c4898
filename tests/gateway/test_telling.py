"""Alerts and the canary as a worker keeps them: what there is to do, and that it goes on after a failure, and stops."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lockdown.gateway.telling import Rounds, keep_telling, rounds_of
from lockdown.state.store import open_store
from tests.engine.test_alerts import FLOOD
from tests.gateway.house import house, run, settings_of, until
from tests.rig.webhook import Webhook

ELSEWHERE = '[gateway]\nupstream = "smtp://10.0.0.5:25"\n'


def test_there_is_something_to_do_only_where_the_settings_ask_for_it(tmp_path: Path) -> None:
    def names(text: str) -> list[str]:
        return [one.name for one in rounds_of(settings_of(text), tmp_path, 1.0)]

    assert names(ELSEWHERE) == ["account letters"]
    assert names("") == ["account letters", "canary"]
    assert names(f'{ELSEWHERE}[alerts]\nowners = "never"\n') == []
    assert names(f'{ELSEWHERE}[alerts]\nheartbeat = "https://hc.example/x"\n') == ["alerts", "account letters"]


def test_a_round_that_breaks_is_not_the_last() -> None:
    again = threading.Event()
    calls: list[int] = []

    def deed() -> None:
        calls.append(1)
        if len(calls) > 1:
            again.set()
        raise RuntimeError("a fault")

    rounds = Rounds("alerts", deed, 0.001)
    rounds.start()
    assert again.wait(10)
    rounds.stop()
    rounds.join(10)
    assert not rounds.is_alive()


def test_a_worker_tells_of_an_incident_and_no_longer_once_it_drains(tmp_path: Path) -> None:
    with Webhook() as hook:

        async def story() -> None:
            async with house(tmp_path, f'[alerts]\nto = ["{hook.url}/x"]\n') as here:
                with closing(open_store(here.worker.state.path)) as store:
                    one = replace(FLOOD, number=0)
                    store.raise_incident(one.key, lambda _: one).result()
                telling = asyncio.ensure_future(keep_telling(here.worker, 0.05))
                await until(lambda: hook.bodies, "the incident is told")
                here.worker.draining = True
                await asyncio.wait_for(telling, 10)

        run(story())
    assert len(hook.bodies) == 1

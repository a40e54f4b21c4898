"""Several engines at once: an engine counts while it proves itself, rests while it does not, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from lockdown.config import Settings
from lockdown.gateway.errand import run_errand
from lockdown.model.scan import Clean, Failed, Found, Opinion
from lockdown.model.unknown import Unknown
from lockdown.scan.engines import Engines, check_url
from lockdown.scan.proof import EICAR, GTUBE
from lockdown.scan.rspamd import NOBODY
from lockdown.scan.watched import Health, Hooks, Pace
from tests.rig import scripted
from tests.rig.scripted import run

NOBODY_LISTENS = Hooks()
NIGHT = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)


class FakeClamd:
    """Finds the test virus while it is honest; can be told to lie, to freeze, to hang up."""

    def __init__(self) -> None:
        self.manner = "honest"
        self.asked = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        command = await reader.readuntil(b"\0")
        if self.manner == "frozen":
            await scripted.says_nothing(reader, writer)
        elif self.manner == "away":
            return
        elif command == b"zVERSION\0":
            writer.write(b"ClamAV 1.4.6/27431/Tue Nov 18 09:27:31 2026\0")
        else:
            content = await self._stream(reader)
            found = self.manner == "honest" and EICAR in content
            writer.write(b"stream: Eicar FOUND\0" if found else b"stream: OK\0")

    async def _stream(self, reader: asyncio.StreamReader) -> bytes:
        content = b""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            content += await reader.readexactly(length)
        return content


async def fake_rspamd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or 0)
    action = b"reject" if GTUBE in await reader.readexactly(length) else b"no action"
    body = b'{"score": 1.5, "required_score": 15, "action": "%b", "symbols": {}}' % action
    writer.write(b"HTTP/1.1 200 OK\r\nServer: rspamd/3.4\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def _soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def _until(holds: Callable[[], object], what: str) -> None:
    end = _soon(20)
    while not holds():
        if asyncio.get_running_loop().time() > end:
            raise TimeoutError(what)
        await asyncio.sleep(0.01)


def _engines(place: str, trial: float = 1.0, every: float = 60.0, hooks: Hooks = NOBODY_LISTENS) -> Engines:
    pace = Pace(trial, every, first_rest=0.05, longest_rest=0.2)
    return Engines(["builtin", f"clamd://{place}"], ["builtin"], hooks, lambda: NIGHT, pace)


@pytest.mark.parametrize(
    "url",
    [
        "builtin", "clamd:///run/clamav/clamd.ctl", "clamd://scanner.example.org:3310", "clamd://[::1]:3310",
        "clamd://scanner.example.org", "rspamd://127.0.0.1:11333", "spamd://127.0.0.1:783/",
    ],
)  # fmt: skip
def test_an_engine_is_named_by_its_place(url: str) -> None:
    assert check_url(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "", "clamav", "http://127.0.0.1:3310", "clamd:", "clamd://", "clamd:///", "clamd:relative", "clamd://h:99999",
        "clamd://h:0", "clamd://h:port", "clamd://h/path", "clamd://user@h", "clamd://h?x=1", "clamd://[::1",
        "clamd:///" + "x" * 120, "spamd://h#x",
    ],
)  # fmt: skip
def test_what_is_no_engine_is_told_so(url: str) -> None:
    assert check_url(url).startswith(f"{url}: ")
    with pytest.raises(ValueError):
        Engines([url], [])


def test_an_antispam_engine_is_no_antivirus_engine() -> None:
    for antivirus, antispam in ((["rspamd://h"], []), ([], ["clamd://h"])):
        with pytest.raises(ValueError, match="not one of"):
            Engines(antivirus, antispam)


def test_the_default_settings_need_no_engine_outside() -> None:
    async def story() -> None:
        engines = Engines.of(Settings())
        await engines.start()
        assert engines.health() == () == await engines.antivirus(b"", 0, _soon())
        assert await engines.antispam(b"", 0, NOBODY, _soon()) == ()
        await engines.stop()

    run(story())


def test_all_are_asked_and_each_answers_for_itself() -> None:
    async def story() -> None:
        heard: list[tuple[str, str]] = []
        hooks = Hooks(on_answer=lambda engine, seconds, word: heard.append((engine.partition(":")[0], word)))
        async with scripted.scripted(FakeClamd()) as one, scripted.scripted(fake_rspamd) as two:
            engines = Engines([f"clamd://{one}", "clamd:///nowhere/ctl"], [f"rspamd://{two}", f"spamd://{two}"], hooks)
            await engines.start()
            here, away = await engines.antivirus(EICAR, len(EICAR), _soon())
            assert here.outcome == Found("Eicar") and isinstance(away.outcome, Unknown)
            opinion, failed = await engines.antispam(b"hello", 5, NOBODY, _soon())
            assert isinstance(opinion, Opinion) and opinion.score == 1.5
            assert isinstance(failed, Failed) and failed.engine.startswith("spamd://")
            await engines.stop()
        assert heard == [("clamd", "found"), ("rspamd", "opinion")]

    run(story())


def test_they_can_be_asked_from_an_errand() -> None:
    async def story() -> None:
        ended = asyncio.Event()

        async def errand() -> None:
            (answer,) = await engines.antivirus(b"hello", 5, _soon())
            assert answer.outcome == Clean()
            ended.set()

        async with scripted.scripted(FakeClamd()) as place:
            engines = _engines(place)
            run_errand(errand())
            await asyncio.wait_for(ended.wait(), 10)
            await engines.stop()

    run(story())


def test_the_first_message_waits_for_the_proof_where_nobody_has_started_them() -> None:
    async def story() -> None:
        async with scripted.scripted(FakeClamd()) as place:
            engines = _engines(place, trial=5)
            answers = await asyncio.gather(*(engines.antivirus(b"hello", 5, _soon()) for _ in range(5)))
            assert [answer.outcome for (answer,) in answers] == [Clean()] * 5
            await engines.stop()

    run(story())


def test_health_says_what_it_is_and_since_when() -> None:
    async def story() -> None:
        async with scripted.scripted(FakeClamd()) as place:
            engines = _engines(place, trial=5)
            (before,) = engines.health()
            assert (before.up, before.version) == (False, "")
            await engines.start()
            built = datetime(2026, 11, 18, 9, 27, 31).astimezone(UTC)
            assert engines.health() == (Health(f"clamd://{place}", True, NIGHT, "", "1.4.6", 27431, built),)
            await engines.stop()

    run(story())


def test_an_engine_that_says_ok_to_everything_counts_for_nothing() -> None:
    async def story() -> None:
        clamd = FakeClamd()
        clamd.manner = "lying"
        async with scripted.scripted(clamd) as place:
            engines = _engines(place)
            await engines.start()
            (answer,) = await engines.antivirus(b"hello", 5, _soon())
            assert isinstance(answer.outcome, Unknown) and "does not find the test virus" in answer.outcome.why
            await engines.stop()

    run(story())


def test_an_engine_that_begins_to_lie_is_found_out_at_its_next_trial() -> None:
    async def story() -> None:
        clamd = FakeClamd()
        async with scripted.scripted(clamd) as place:
            engines = _engines(place, trial=5, every=0.1)
            await engines.start()
            clamd.manner = "lying"
            await _until(lambda: not engines.health()[0].up, "the liar is found out")
            (answer,) = await engines.antivirus(b"hello", 5, _soon())
            assert isinstance(answer.outcome, Unknown)
            clamd.manner = "honest"
            await _until(lambda: engines.health()[0].up, "it is believed again")
            await engines.stop()

    run(story())


def test_a_clean_answer_of_an_engine_that_is_found_out_meanwhile_does_not_count() -> None:
    async def story() -> None:
        async with scripted.scripted(FakeClamd()) as place:
            engines = _engines(place, trial=5)
            await engines.start()
            (watched,) = engines._antivirus
            scanning = asyncio.ensure_future(engines.antivirus(b"hello", 5, _soon()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            watched.up, watched.why = False, "its database is not loaded"
            (answer,) = await scanning
            assert answer.outcome == Unknown("clamd: its database is not loaded")
            await engines.stop()

    run(story())


@pytest.mark.parametrize("manner", ["frozen", "away"])
def test_an_engine_that_does_not_answer_rests_and_its_trial_brings_it_back(manner: str) -> None:
    async def story() -> None:
        clamd, up, skipped = FakeClamd(), [], []
        hooks = Hooks(on_health=lambda _, is_up: up.append(is_up), on_skipped=lambda _, why: skipped.append(why))
        async with scripted.scripted(clamd) as place:
            engines = _engines(place, hooks=hooks)
            await engines.start()
            clamd.manner = manner
            (answer,) = await engines.antivirus(b"hello", 5, _soon(0.3))
            assert isinstance(answer.outcome, Unknown) and not skipped
            await _until(lambda: not engines.health()[0].up, "it is seen to be down")
            asked = clamd.asked
            (answer,) = await engines.antivirus(b"hello", 5, _soon())
            assert isinstance(answer.outcome, Unknown)
            assert answer.outcome.why.startswith(
                "clamd has given no answer that counts since 03:12 UTC: resting (clamd: "
            )
            assert (skipped, clamd.asked) == (["resting"], asked)
            clamd.manner = "honest"
            await _until(lambda: engines.health()[0].up, "it is up again")
            (answer,) = await engines.antivirus(b"hello", 5, _soon())
            assert answer.outcome == Clean()
            assert up[0] and up[-1] and False in up
            await engines.stop()

    run(story())


def test_one_message_that_breaks_an_engine_does_not_rest_it_for_the_others() -> None:
    async def story() -> None:
        clamd = FakeClamd()
        async with scripted.scripted(clamd) as place:
            engines = _engines(place, trial=5)
            await engines.start()
            (answer,) = await engines.antivirus(b"hello", 6, _soon())  # not whole: no answer to this message
            assert isinstance(answer.outcome, Unknown)
            (answer,) = await engines.antivirus(b"hello", 5, _soon())
            assert answer.outcome == Clean()
            assert engines.health()[0].up
            await engines.stop()

    run(story())


def test_a_bug_in_asking_is_unknown_and_costs_no_other_engine_its_answer() -> None:
    class Broken:
        def __iter__(self) -> object:
            raise RuntimeError("a bug")

    async def story() -> None:
        async with scripted.scripted(FakeClamd()) as place, scripted.scripted(fake_rspamd) as other:
            engines = Engines([f"clamd://{place}"], [f"rspamd://{other}"])
            await engines.start()
            (answer,) = await engines.antivirus(Broken(), 5, _soon())  # type: ignore[arg-type]
            assert isinstance(answer.outcome, Unknown) and "a bug" in answer.outcome.why
            (opinion,) = await engines.antispam(Broken(), 5, NOBODY, _soon())  # type: ignore[arg-type]
            assert isinstance(opinion, Failed) and "a bug" in opinion.why
            await engines.stop()

    run(story())


def test_after_stop_nobody_is_tried_any_more() -> None:
    async def story() -> None:
        clamd = FakeClamd()
        clamd.manner = "frozen"
        async with scripted.scripted(clamd) as place:
            engines = _engines(place, trial=5)
            await engines.start(seconds=0.05)
            await engines.stop()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not [task for task in others if "_prove" in repr(task)]

    run(story())

"""What the doctor says of each engine: asked, tried, and what to type when it does not do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lockdown.config import Settings, read_settings
from lockdown.engine.engines_answer import _signatures, engines_answer
from lockdown.engine.symptom import Symptom
from lockdown.model.finding import State
from tests.rig.network import free_port

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def asked(text: str) -> list[Symptom]:
    return list(engines_answer(settings(text), NOW))


def settings(text: str) -> Settings:
    return read_settings([("lockdown.toml", text)]).settings


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """Says this to whoever connects, whatever he asks."""
    ready, ports = threading.Event(), [0]
    loop = asyncio.new_event_loop()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(answer)
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        ports[0] = server.sockets[0].getsockname()[1]
        ready.set()

    def main() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_the_builtin_engine_reads_finds_and_has_its_model() -> None:
    symptoms = asked("")
    assert [(one.part, one.state) for one in symptoms] == [("engines", State.PASS)] * 2, symptoms
    assert "finds the test virus" in symptoms[0].says


def test_a_rule_file_that_does_not_compile_is_ill(tmp_path: Path) -> None:
    rules = tmp_path / "own.yar"
    rules.write_text("rule broken { condition: nonsense }")
    (first, _) = asked(f'[antivirus]\nrules = ["{rules}"]\n')
    assert first.state is State.FAIL
    assert first.try_this


@pytest.mark.parametrize("item", ["antivirus", "antispam"])
def test_no_engine_at_all_is_doubtful(item: str) -> None:
    symptoms = asked(f"[{item}]\nengines = []\n")
    assert any(one.state is State.WARN and f"{item}.engines is empty" in one.says for one in symptoms)


@pytest.mark.parametrize(("section", "word"), [("antivirus", "clamd"), ("antispam", "rspamd"), ("antispam", "spamd")])
def test_an_engine_that_is_not_there_is_ill_and_what_becomes_of_mail_is_told(section: str, word: str) -> None:
    text = f'[{section}]\nengines = ["{word}://127.0.0.1:{free_port()}"]\nunavailable = "quarantine"\n'
    (symptom,) = [one for one in asked(text) if word in one.says]
    assert symptom.state is State.FAIL
    assert "mail is held for a person" in symptom.says
    assert "systemctl status" in symptom.try_this


def test_an_engine_that_says_ok_to_everything_is_ill() -> None:
    with listening(b"stream: OK\0") as port:
        (symptom,) = [
            one for one in asked(f'[antivirus]\nengines = ["clamd://127.0.0.1:{port}"]\n') if str(port) in one.says
        ]
    assert symptom.state is State.FAIL


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(hours=20), State.PASS),
        (timedelta(hours=30), State.WARN),
        (timedelta(hours=80), State.FAIL),
        (None, State.WARN),
    ],
)
def test_signatures_are_judged_by_the_setting(age: timedelta | None, state: State) -> None:
    built = NOW - age if age is not None else None
    assert _signatures("clamd://x", "1.4", built, Settings(), NOW).state is state

"""250 for a held message is said for octets that are on the disk now, and for no others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gateway.house import House, house, run

STRANGE = "[attachments]\nmax_parts = 1\n"
PARTS = (
    b"Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n"
)


def held(here: House) -> list[str]:
    store = here.worker.quarantine._store
    assert store is not None
    return [one.id for one in store.held()]


async def send(here: House) -> str:
    client = await here.client()
    answer = await client.send(PARTS)
    client.leave()
    return answer


def test_an_identical_retry_of_what_is_held_is_not_held_twice(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, STRANGE) as here:
            first, second = await send(here), await send(here)
            assert first == second == f"250 2.0.0 Held for review as {held(here)[0]}"
            assert len(held(here)) == 1

    run(story())


@pytest.mark.parametrize("became", ["deleted", "released", "bytes_missing"])
def test_what_is_no_longer_held_answers_for_no_new_sending(tmp_path: Path, became: str) -> None:
    async def story() -> None:
        async with house(tmp_path, STRANGE) as here:
            assert (await send(here)).startswith("250")
            (before,) = held(here)
            store, now = here.worker.quarantine._store, datetime.now(UTC)
            assert store is not None
            if became == "bytes_missing":
                store.bytes_missing(before, now).result()
            else:
                getattr(store, became)(before, "anna", now).result()
            assert (await send(here)).startswith("250")
            (again,) = held(here)
            assert again != before
            assert (here.worker.state.quarantine / again[:2] / f"{again}.eml").read_bytes().endswith(PARTS)

    run(story())


def test_a_store_that_is_not_open_yet_holds_nothing_and_says_451(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, STRANGE) as here:
            store, here.worker.quarantine._store = here.worker.quarantine._store, None
            assert (await send(here)).startswith("451")
            here.worker.quarantine._store = store
            assert held(here) == []

    run(story())


def test_a_spool_that_breaks_holds_nothing_and_says_451(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with house(tmp_path, STRANGE) as here:
            tmp = here.worker.state.quarantine / "tmp"
            tmp.rmdir()
            assert (await send(here)).startswith("451")
            assert held(here) == []
            tmp.mkdir()
            assert (await send(here)).startswith("250")
        assert "could not be held" in caplog.text

    run(story())


def test_a_quarantine_that_is_full_defers(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, STRANGE + "[quarantine]\nmax_size = 1\n") as here:
            assert (await send(here)).startswith("250")
            client = await here.client()
            assert (await client.send(PARTS + b"another\r\n")).startswith("452")

    run(story())

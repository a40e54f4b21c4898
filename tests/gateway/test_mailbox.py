"""The embedded mailbox: one message is one file, and never a mixture of two."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from time import time

from lockdown.state.maildir import deliver
from tests.gateway.house import LETTER, House, house, run, until


def files_in(here: House) -> list[Path]:
    return list((here.worker.state.mail / "new").iterdir())


def test_the_same_message_sent_again_by_one_who_heard_is_a_second_file(tmp_path: Path) -> None:
    """Whoever read the 250 and sends again means it, QUIT or not."""

    async def story() -> None:
        async with house(tmp_path) as here:
            for _ in range(3):
                client = await here.client()
                assert (await client.send()).startswith("250")
                client.writer.close()
                await until(lambda: not here.worker.connections, "the client has left")
            assert len(files_in(here)) == 3

    run(story())


def test_the_same_message_after_a_lost_sending_is_looked_for_and_not_stored_twice(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            assert (await client.send()).startswith("250")
            outcomes = here.worker.outcomes
            outcomes.doubt(
                outcomes.key("127.0.0.0/24", "a@sender.example", ["anna@example.org"], sha256(LETTER).digest()), time()
            )
            again = await here.client()
            assert (await again.send()).startswith("250")
            (file,) = files_in(here)
            assert file.read_bytes().endswith(LETTER)

    run(story())


def test_a_message_that_differs_in_its_recipients_is_another_file(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            for name in ("anna", "bert"):
                assert (await client.send(b"Subject: hello\r\n\r\n\r\n", f"{name}@example.org")).startswith("250")
            files = [file.read_text() for file in (here.worker.state.mail / "new").iterdir()]
            assert sorted(text.splitlines()[1] for text in files) == [
                "Delivered-To: anna@example.org",
                "Delivered-To: bert@example.org",
            ]
            assert {text.splitlines()[0] for text in files} == {"Return-Path: <a@sender.example>"}

    run(story())


def test_stuffed_dots_are_taken_out_on_the_way(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, '[gateway]\nmemory_per_message = "1 KiB"\n') as here:
            client = await here.client()
            content = b"Subject: dots\r\n\r\n..one\r\n" + b"x" * 5000 + b"\r\n...two\r\n"
            assert (await client.send(content)).startswith("250")
            (file,) = (here.worker.state.mail / "new").iterdir()
            assert file.read_bytes().endswith(b"\r\n\r\n.one\r\n" + b"x" * 5000 + b"\r\n..two\r\n")

    run(story())


def test_two_deliveries_under_one_name_at_the_same_time_leave_one_whole_message(tmp_path: Path) -> None:
    """Two servers send the same message: each copy has our own Received field, so they are not of the same length."""
    first_has_begun, second_has_ended = threading.Event(), threading.Event()
    long, short = [b"long " * 2000, b"end of the long one"], [b"short ", b"end of the short one"]

    def slowly() -> Iterator[bytes]:
        yield long[0]
        first_has_begun.set()
        assert second_has_ended.wait(20)
        yield long[1]

    first = threading.Thread(target=deliver, args=(tmp_path, slowly()), kwargs={"name": "same"})
    first.start()
    assert first_has_begun.wait(20)
    deliver(tmp_path, short, name="same")
    assert (tmp_path / "new" / "same").read_bytes() == b"".join(short)
    second_has_ended.set()
    first.join()
    assert (tmp_path / "new" / "same").read_bytes() == b"".join(long)
    assert not list((tmp_path / "tmp").iterdir())


def test_a_mailbox_that_cannot_be_written_is_452_and_the_retry_arrives(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client, mail = await here.client(), here.worker.state.mail
            mail.rmdir()
            mail.write_text("a file stands in the way")
            assert (await client.send()).startswith("452 4.3.1")
            mail.unlink()
            assert (await client.send()).startswith("250")
            assert [one.type for one in here.log()] == ["deferred", "accepted"]

    run(story())


def test_the_same_message_on_two_connections_at_once_is_two_messages(tmp_path: Path) -> None:
    """Both clients stand and wait, so neither is the other's retry."""

    async def story() -> None:
        async with house(tmp_path) as here:
            one, two = await here.client(), await here.client()
            for client in (one, two):
                await client.envelope("anna@example.org")
                await client.ask("DATA")
            for client in (one, two):
                client.writer.write(b"Subject: same\r\n\r\n\r\n.\r\n")
            answers = await asyncio.gather(one.answer(), two.answer())
            assert [answer[:9] for answer in answers] == ["250 2.0.0", "250 2.0.0"]
            assert len(files_in(here)) == 2

    run(story())

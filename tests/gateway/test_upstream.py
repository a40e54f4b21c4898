"""Connections to the servers behind: given back, waited for, given up, and trusted no further than they have said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lockdown.gateway.body import Body
from lockdown.gateway.upstream import SmtpUpstream
from lockdown.model.errors import OperatorError
from tests.gateway.house import LETTER, LOOPBACK, House, house, run, settings_of, until
from tests.rig.network import free_port
from tests.rig.upstream import Call, Drop, FakeUpstream, Say, Stall

EXTRA = '[monitoring]\nclient_connections = 1000\nprefix_connections = 1000\nclient_rate = "100000/m"\n'


def behind(*urls: str, more: str = "") -> str:
    listed = ", ".join(f'"{url}"' for url in urls)
    return f"[gateway]\nupstream = [{listed}]\n{more}\n{EXTRA}"


def pool(here: House, index: int = 0) -> SmtpUpstream:
    found = here.worker._inward[index]
    assert isinstance(found, SmtpUpstream)
    return found


def in_use(here: House, index: int = 0) -> int:
    """Connections that are neither idle nor gone."""
    one = pool(here, index)
    return len([link for link in one._links if not link.closed]) - len(one._idle)


class Unreadable(Body):
    """A disk that fails between writing and reading."""

    def pieces(self, offset: int = 0) -> Iterator[bytes]:
        raise OSError(5, "Input/output error")


def test_an_upstream_that_has_been_down_for_days_does_not_keep_mail_from_the_next_one(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as alive:
            async with house(tmp_path, behind(f"smtp://{LOOPBACK}:{free_port()}", alive.url)) as here:
                pool(here)._failures = 5000
                client = await here.client()
                assert (await client.send()).startswith("250")
                assert not pool(here).up

    run(story())


def test_a_host_name_that_cannot_be_looked_up_is_an_upstream_that_is_down(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as alive:
            async with house(tmp_path, behind(f"smtp://{'a' * 70}.example:25", alive.url)) as here:
                await pool(here).probe()
                assert not pool(here).up
                client = await here.client()
                assert (await client.send()).startswith("250")

    run(story())


def test_a_client_that_leaves_while_a_recipient_is_asked_gives_its_connection_back(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            upstream.on("RCPT", Stall())
            async with house(tmp_path, behind(upstream.url, more='command_timeout = "2s"')) as here:
                client = await here.client()
                client.say("MAIL FROM:<a@sender.example>", "RCPT TO:<anna@example.org>")
                await until(lambda: in_use(here) == 1, "the upstream is asked")
                client.leave()
                await until(lambda: here.open_here == 0, "the client is gone")
                await until(lambda: in_use(here) == 0 and not pool(here)._links, "the connection is given up")
                other = await here.client()
                assert (await other.send()).startswith("250")
                await until(lambda: in_use(here) == 0, "the connection is given back")

    run(story())


def test_a_client_that_leaves_after_its_dot_is_served_and_its_retry_is_answered_from_memory(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            released = asyncio.Event()
            loop = asyncio.get_running_loop()
            gate = asyncio.run_coroutine_threadsafe
            upstream.on("dot", Call(lambda: gate(released.wait(), loop).result(20)))
            async with house(tmp_path, behind(upstream.url)) as here:
                client = await here.client()
                await client.envelope("anna@example.org")
                await client.ask("DATA")
                client.writer.write(LETTER + b".\r\n")
                await until(lambda: not here.worker.uploading, "the dot has come")
                client.leave()
                await until(lambda: here.open_here == 0, "the client is gone")
                again = await here.client()
                assert (await again.send()).startswith("451 4.4.5")
                released.set()
                await until(lambda: here.log()[-1].type == "accepted", "it is delivered")
                assert (await again.send()).startswith("250")
                assert len(upstream.accepted) == 1
                assert [one.type for one in here.log()] == ["deferred", "accepted", "replayed"]

    run(story())


def test_who_waits_for_a_connection_is_woken_when_one_dies_in_a_slow_upload(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            text = behind(upstream.url, more='upstream_connections = 1\nconnect_timeout = "15s"')
            async with house(tmp_path, text) as here:
                slow = await here.client()
                await slow.envelope("anna@example.org")
                await slow.ask("DATA")
                waiting = await here.client()
                waiting.say("MAIL FROM:<a@sender.example>", "RCPT TO:<anna@example.org>")
                await until(lambda: pool(here)._queue, "the second waits")
                await asyncio.to_thread(upstream.hang_up)
                assert (await waiting.answer()).startswith("250")
                assert (await asyncio.wait_for(waiting.answer(), 5)).startswith("250")

    run(story())


def test_a_farewell_in_place_of_the_first_answer_on_a_kept_connection_costs_nobody_a_letter(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            async with house(tmp_path, behind(upstream.url)) as here:
                client = await here.client()
                assert (await client.send()).startswith("250")
                upstream.on("MAIL", Say(b"421 4.4.2 idle for too long\r\n"), Drop())
                assert (await client.send(b"Subject: two\r\n\r\n\r\n")).startswith("250")

    run(story())


def test_smtputf8_mail_is_refused_for_an_upstream_that_no_longer_takes_it(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            async with house(tmp_path, behind(upstream.url)) as here:
                await pool(here).probe()
                here.worker._offers.clear()
                client = await here.client()
                upstream.offer("PIPELINING", "8BITMIME")
                await asyncio.to_thread(upstream.hang_up)
                await client.ask("MAIL FROM:<ä@sender.example> SMTPUTF8")
                assert (await client.ask("RCPT TO:<anna@example.org>")).startswith("550 5.6.7")
                assert not any("MAIL" in line for talk in upstream.conversations for line in talk.commands)

    run(story())


def test_a_hundred_recipients_in_one_segment_behind_a_refused_sender_are_each_answered(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            upstream.on("MAIL", Say(b"550 5.7.1 not you\r\n"), times=1000)
            more = '[monitoring]\nrecipients_per_message = 1000\nrefused_rate = "10000/h"\nrecipient_rate = "10000/h"\n'
            async with house(tmp_path, behind(upstream.url).replace("[monitoring]\n", more)) as here:
                client = await here.client()
                client.say("MAIL FROM:<a@sender.example>", *["RCPT TO:<anna@example.org>"] * 600)
                heard = [await client.answer() for _ in range(601)]
                assert {one[:9] for one in heard[1:]} == {"550 5.7.1"}

    run(story())


def test_six_hundred_recipients_in_one_segment_for_the_maildir_are_each_answered(tmp_path: Path) -> None:
    async def story() -> None:
        text = '[monitoring]\nrecipients_per_message = 1000\nrecipient_rate = "10000/h"\n'
        async with house(tmp_path, text) as here:
            client = await here.client()
            client.say("MAIL FROM:<a@sender.example>", *[f"RCPT TO:<b{n}@example.org>" for n in range(600)])
            heard = [await client.answer() for _ in range(601)]
            assert {one[:3] for one in heard} == {"250"}

    run(story())


@pytest.mark.parametrize("refusal", [b"550 5.7.1 no\r\n", b"450 4.7.1 later\r\n"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_an_envelope_that_is_refused_the_second_time_is_a_try_again(tmp_path: Path, verb: str, refusal: bytes) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            async with house(tmp_path, behind(upstream.url, more='release_upload = "0s"')) as here:
                client = await here.client()
                await client.envelope("anna@example.org")
                await client.ask("DATA")
                await until(lambda: in_use(here) == 0, "the upload is slow, its connection is given back")
                upstream.on(verb, Say(refusal))
                client.writer.write(LETTER + b".\r\n")
                assert (await client.answer()).startswith("451")
                assert not upstream.accepted
                await until(lambda: in_use(here) == 0, "and given back again")

    run(story())


def test_a_body_that_cannot_be_read_back_is_451_and_ends_the_connection_without_a_dot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        with FakeUpstream() as upstream:
            async with house(tmp_path, behind(upstream.url, more='memory_per_message = "1 KiB"')) as here:
                client = await here.client()
                await client.envelope("anna@example.org")
                await client.ask("DATA")
                client.writer.write(b"Subject: large\r\n\r\n" + b"x" * 5000 + b"\r\n")
                (upload,) = here.worker.uploading
                await until(lambda: upload.size > 5000, "it has come")
                here.worker.uploading.discard(upload)
                upload.body = Unreadable(tmp_path, 1, here.worker.memory)
                upload.body.add(b"Subject: large\r\n\r\n")
                client.writer.write(b".\r\n")
                assert (await client.answer()).startswith("451 4.3.0")
                assert not upstream.accepted
                assert not pool(here)._links
                assert (await client.send()).startswith("250")
                assert here.worker.memory.used == 0

    run(story())


@pytest.mark.parametrize("url", ["smtp://10.0.0.5:70000", "lmtp://10.0.0.5:0", "smtp://[::1]:99999?proxy=v2"])
def test_an_upstream_with_a_port_that_there_is_not_is_told_in_words(url: str) -> None:
    with pytest.raises(OperatorError) as told:
        settings_of(behind(url))
    assert "is not an upstream" in told.value.why


# ── TLS towards it ──


@asynccontextmanager
async def server_with_broken_tls(answer: bytes) -> AsyncIterator[tuple[int, list[str]]]:
    """Offers STARTTLS and answers it so; what comes after 220 is never a handshake. What it was told, in order."""
    told: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 old.example ESMTP\r\n")
        while line := (await reader.readline()).decode("latin-1").strip():
            told.append(line.partition(" ")[0])
            if line == "STARTTLS":
                writer.write(answer)
                if answer.startswith(b"220"):
                    await reader.read(1)
                    writer.write(b"this is not TLS\r\n")
                    writer.close()
                    return
            elif line.startswith("EHLO"):
                writer.write(b"250-old.example\r\n250 STARTTLS\r\n")
            elif line == "DATA":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 ok\r\n")
            else:
                writer.write(b"250 ok\r\n")

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1], told
    finally:
        server.close()


@pytest.mark.parametrize("answer", [b"220 go\r\n", b"454 4.7.0 TLS not available\r\n"])
def test_an_upstream_whose_tls_is_broken_gets_its_mail_without_tls(tmp_path: Path, answer: bytes) -> None:
    async def story() -> None:
        async with (
            server_with_broken_tls(answer) as (port, told),
            house(tmp_path, behind(f"smtp://{LOOPBACK}:{port}")) as here,
        ):
            client = await here.client()
            assert (await client.send()).startswith("250")
            assert told[:3] == ["EHLO", "STARTTLS", "EHLO"]
            assert pool(here).up

    run(story())


@pytest.mark.parametrize("answer", [b"220 go\r\n", b"454 4.7.0 TLS not available\r\n"])
def test_where_tls_is_demanded_broken_tls_takes_nothing(tmp_path: Path, answer: bytes) -> None:
    async def story() -> None:
        async with (
            server_with_broken_tls(answer) as (port, told),
            house(tmp_path, behind(f"smtp+starttls://{LOOPBACK}:{port}")) as here,
        ):
            client = await here.client()
            assert (await client.envelope("anna@example.org"))[1].startswith("450")
            assert "MAIL" not in told

    run(story())


# ── LMTP: an answer for each recipient ──


async def to_two(here: House, upstream: FakeUpstream) -> str:
    client = await here.client()
    answer = await client.send(LETTER, "anna@example.org", "bert@example.org")
    client.leave()
    return answer


def counted(upstream: FakeUpstream) -> list[tuple[str, ...]]:
    return [one.recipients for one in upstream.accepted]


@pytest.mark.parametrize("end", [b"421 4.3.2 good bye\r\n", b""])
def test_a_recipient_whose_answer_was_read_before_the_server_died_is_not_served_again(
    tmp_path: Path, end: bytes
) -> None:
    async def story() -> None:
        with FakeUpstream(lmtp=True) as upstream:
            upstream.on("dot", Say(b"250 2.0.0 anna has it\r\n" + end), Drop())
            async with house(tmp_path, behind(upstream.url)) as here:
                assert (await to_two(here, upstream)).startswith("451")
                assert (await to_two(here, upstream)).startswith("250")
                assert counted(upstream)[-1] == ("bert@example.org",)

    run(story())


def test_one_refused_for_good_in_the_retry_does_not_bounce_the_one_who_was_served(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream(lmtp=True) as upstream:
            async with house(tmp_path, behind(upstream.url)) as here:
                upstream.on("dot", Say(b"250 2.0.0 anna has it\r\n452 4.2.2 bert is full\r\n"))
                assert (await to_two(here, upstream)).startswith("451")
                upstream.on("dot", Say(b"550 5.2.1 bert is gone\r\n"))
                assert (await to_two(here, upstream)).startswith("451")
                client = await here.client()
                answers = await client.envelope("anna@example.org", "bert@example.org")
                assert answers[2].startswith("550 5.2.1")
                await client.ask("DATA")
                client.writer.write(LETTER + b".\r\n")
                assert (await client.answer()).startswith("250")

    run(story())


def test_the_same_message_again_after_its_250_was_heard_is_delivered_again(tmp_path: Path) -> None:
    async def story() -> None:
        with FakeUpstream(lmtp=True) as upstream:
            async with house(tmp_path, behind(upstream.url)) as here:
                upstream.on("dot", Say(b"250 2.0.0 anna has it\r\n452 4.2.2 bert is full\r\n"))
                assert (await to_two(here, upstream)).startswith("451")
                client = await here.client()
                for _ in range(2):
                    assert (await client.send(LETTER, "anna@example.org", "bert@example.org")).startswith("250")
                    await client.ask("NOOP")
                assert counted(upstream) == [("bert@example.org",), ("anna@example.org", "bert@example.org")]

    run(story())

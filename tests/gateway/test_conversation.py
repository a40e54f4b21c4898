"""What one client may do to the worker that serves it, and what it may not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from lockdown.model.mail import Block
from tests.gateway.house import LOOPBACK, Talker, house, run, until

LISTED = """
[site]
recipients = ["anna@example.org"]
[monitoring]
refused_rate = "2/h"
client_connections = 1000
prefix_connections = 1000
client_rate = "100000/m"
"""


def test_a_client_that_is_hung_up_on_at_a_recipient_hears_why_and_is_closed(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, LISTED) as here:
            client = await here.client()
            await client.ask("MAIL FROM:<a@sender.example>")
            said = ""
            for number in range(20):
                said = await client.ask(f"RCPT TO:<guess{number}@example.org>")
                if not said.startswith("550 5.1.1"):
                    break
            assert said.startswith("421")
            assert await client.rest() == ""

    run(story())


def test_a_harvester_far_over_its_limit_is_refused_for_good_and_closed(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, LISTED) as here:
            here.worker.counts._host(LOOPBACK).refused.total = 1000
            client = await here.client()
            client.say("MAIL FROM:<a@sender.example>", "RCPT TO:<anna@example.org>", "RCPT TO:<anna@example.org>")
            said = await client.rest()
            assert said.count("550 5.7.1 Too many refused recipients") == 1

    run(story())


@pytest.mark.parametrize(("by", "exempt", "heard"), [("anna", (), "421"), ("lockdown", (LOOPBACK,), "250")])
def test_a_block_reaches_a_connected_client_at_its_next_message_unless_the_gate_exempts_it(
    tmp_path: Path, by: str, exempt: tuple[str, ...], heard: str
) -> None:
    async def story() -> None:
        never = f"[monitoring]\nnever_block = [{', '.join(repr(one) for one in exempt)}]\n"
        async with house(tmp_path, never) as here:
            client = await here.client()
            here.worker.counts.blocks.replace([Block(LOOPBACK, "a flood", None, by)])
            assert (await client.ask("MAIL FROM:<a@sender.example>")).startswith(heard)

    run(story())


def test_a_client_that_never_reads_is_not_written_to_without_end(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, '[monitoring]\nidle_timeout = "2s"\ncommands = 100000000\n') as here:
            deaf = await here.client()
            (connection,) = here.worker.connections
            deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]
            flood = b"VRFY x\r\n" * 20_000
            rounds = 0
            while not connection.is_clogged and rounds < 2000:
                rounds += 1
                deaf.writer.write(flood)
                await asyncio.sleep(0)
            assert connection._paused
            assert connection.transport.get_write_buffer_size() < 4_000_000
            await until(lambda: not here.worker.connections, "it is closed although it does not read")
            assert here.open_here == 0

    run(story())


def test_resets_between_envelopes_use_up_the_budget_of_commands(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, "[monitoring]\ncommands = 10\n") as here:
            client = await here.client()
            answers = []
            for _ in range(40):
                await client.ask("MAIL FROM:<a@sender.example>")
                answers.append(await client.ask("RSET"))
                if not answers[-1].startswith("250"):
                    break
            assert answers[-1].startswith("421 4.7.0 Too many commands")

    run(story())


def test_greeting_again_and_again_uses_up_the_budget_of_commands(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, "[monitoring]\ncommands = 10\n") as here:
            client = await here.client()
            answers = [await client.ask("EHLO client.example") for _ in range(10)]
            assert answers[-1].startswith("421 4.7.0 Too many commands")

    run(story())


def test_a_sender_of_many_messages_never_uses_up_the_budget_of_commands(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, "[monitoring]\ncommands = 10\n") as here:
            client = await here.client()
            for number in range(15):
                assert (await client.send(b"Subject: %d\r\n\r\n\r\n" % number)).startswith("250")
                assert (await client.ask("RSET")).startswith("250")

    run(story())


def test_refused_recipients_without_end_do_not_fill_the_memory(tmp_path: Path) -> None:
    async def story() -> None:
        text = '[monitoring]\nrecipient_rate = "1/h"\nerrors = 1000000\ncommands = 1000000\n'
        async with house(tmp_path, text) as here:
            client = await here.client()
            await client.envelope("anna@example.org")
            client.say(*["RCPT TO:<anna@example.org>"] * 4000)
            await client.rest()
            await until(lambda: not here.worker.connections, "it is cut off")
            line = here.log()[-1]
            assert len(line.refused) <= 200
            assert line.verdict.says.endswith("1001 recipients more were refused")

    run(story())


# ── TLS ──


class Secret:
    """A TLS client whose octets the test puts on the wire itself."""

    def __init__(self, talker: Talker) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._talker, self._in, self._out = talker, ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out)

    async def shake_hands_and_say(self, words: bytes) -> None:
        """The last octets of the handshake and the first words within it, in one segment."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._talker.writer.write(self._out.read())
                self._in.write(await self._talker.reader.read(65536))
            else:
                break
        self._tls.write(words)
        self._talker.writer.write(self._out.read())

    async def hear(self) -> bytes:
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                piece = await asyncio.wait_for(self._talker.reader.read(65536), 10)
                assert piece, "closed"
                self._in.write(piece)


def test_what_comes_with_the_end_of_the_handshake_is_heard(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            assert (await client.ask("STARTTLS")).startswith("220")
            secret = Secret(client)
            await secret.shake_hands_and_say(b"EHLO client.example\r\n")
            assert (await secret.hear()).startswith(b"250-")

    run(story())


def test_plaintext_behind_starttls_is_dropped_and_ends_the_connection(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            client.say("STARTTLS", "RSET")
            assert (await client.answer()).startswith("554")
            assert await client.rest() == ""
            await until(lambda: here.open_here == 0, "it is counted out")

    run(story())


@pytest.mark.parametrize("nonsense", [b"EHLO client.example\r\n", b"\x16\x03\x01\x00\x05hello", b""])
def test_a_handshake_that_fails_closes_the_connection_and_counts_it_once(tmp_path: Path, nonsense: bytes) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            other = await here.client()
            client = await here.client()
            assert (await client.ask("STARTTLS")).startswith("220")
            if nonsense:
                client.writer.write(nonsense)
            else:
                client.leave()
            await until(lambda: len(here.worker.connections) == 1, "it is closed")
            await until(lambda: not here.worker._tasks, "no task is left")
            assert here.open_here == 1
            assert (await other.ask("NOOP")).startswith("250")

    run(story())


def test_a_large_message_within_tls_arrives_whole(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            assert (await client.ask("STARTTLS")).startswith("220")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            await client.writer.start_tls(context)
            assert (await client.ask("EHLO client.example")).startswith("250")
            content = b"Subject: large\r\n\r\n" + (b"0123456789" * 99 + b"\r\n") * 20_000
            assert (await client.send(content)).startswith("250")
            (file,) = (here.worker.state.mail / "new").iterdir()
            assert file.read_bytes().endswith(content)
            assert b" with ESMTPS id " in file.read_bytes()[:1000]
            client.leave()
            await until(lambda: here.open_here == 0, "it is counted out")

    run(story())


# ── leaving ──


def test_a_client_that_leaves_at_every_moment_is_counted_out_once(tmp_path: Path) -> None:
    moments = (
        [], ["MAIL FROM:<a@b.example>"], ["MAIL FROM:<a@b.example>", "RCPT TO:<anna@example.org>"],
        ["MAIL FROM:<a@b.example>", "RCPT TO:<anna@example.org>", "DATA"], ["QUIT"],
    )  # fmt: skip

    async def story() -> None:
        async with house(tmp_path) as here:
            for words in moments:
                client = await here.client()
                for word in words:
                    await client.ask(word)
                if words[-1:] == ["DATA"]:
                    client.writer.write(b"half a message")
                    await until(lambda: here.worker.memory.used, "it has come")
                client.leave()
                await until(lambda: not here.worker.connections, "it is gone")
            assert here.open_here == 0
            assert here.worker.memory.used == 0
            assert not here.worker.uploading
            assert [one.type for one in here.log()] == ["aborted", "aborted"]

    run(story())


def test_a_connection_that_was_reset_before_it_was_served_leaves_nothing_behind(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            for _ in range(50):
                one = socket.create_connection((LOOPBACK, here.port))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                one.close()
            last = await here.client()
            assert (await last.ask("NOOP")).startswith("250")
            await until(lambda: here.open_here == 1, "only the last one is counted")
            assert len(here.worker.connections) == 1

    run(story())


# ── a crash is never an accept, and never a silence ──


def test_a_crash_while_a_command_is_answered_is_421_and_frees_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            here.worker.next_id = None  # type: ignore[assignment, method-assign]
            assert (await client.ask("MAIL FROM:<a@sender.example>")).startswith("421 4.3.0")
            assert await client.rest() == ""
            await until(lambda: here.open_here == 0, "it is counted out")
        assert "conversation-broken" in caplog.text

    run(story())


def test_a_crash_before_the_greeting_closes_the_connection_and_counts_it_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            here.worker.has_room_for = None  # type: ignore[assignment, method-assign]
            client = await Talker.call(here.port)
            assert await client.rest() == ""
            await until(lambda: not here.worker.connections, "it is gone")
            assert here.open_here == 0
            del here.worker.has_room_for
            assert (await (await here.client()).ask("NOOP")).startswith("250")
        assert "conversation-broken" in caplog.text

    run(story())


def test_a_crash_at_the_dot_is_451_and_the_connection_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client, facts = await here.client(), here.worker.facts
            here.worker.facts = None  # type: ignore[assignment]
            assert (await client.send()).startswith("451 4.3.0")
            here.worker.facts = facts
            assert here.worker.memory.used == 0
            assert (await client.send()).startswith("250")
        assert "conversation-broken" in caplog.text

    run(story())


def test_a_crash_behind_a_delayed_answer_does_not_leave_the_client_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            await client.envelope("anna@example.org")
            await client.ask("DATA")
            del here.worker.has_disk_room
            client.writer.write(b"Subject: x\r\n\r\n.\r\nMAIL FROM:<a@sender.example>\r\n")
            assert (await client.answer()).startswith("250")
            assert (await client.answer()).startswith("421 4.3.0")
            assert await client.rest() == ""
            here.worker.has_disk_room = True
        assert "conversation-broken" in caplog.text

    run(story())


def test_pipelined_transactions_are_answered_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as here:
            client = await here.client()
            envelope = ("MAIL FROM:<a@sender.example>", "RCPT TO:<anna@example.org>", "DATA")
            client.say(*envelope)
            heard = [await client.answer() for _ in range(3)]
            client.writer.write(b"Subject: one\r\n\r\n.\r\n" + b"".join(f"{one}\r\n".encode() for one in envelope))
            heard += [await client.answer() for _ in range(4)]
            client.writer.write(b"Subject: two\r\n\r\n.\r\nQUIT\r\n")
            heard += [await client.answer() for _ in range(2)]
            assert [one[:3] for one in heard] == ["250", "250", "354", "250", "250", "250", "354", "250", "221"]
            assert await client.rest() == ""

    run(story())

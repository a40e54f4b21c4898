"""Restraints in a running gateway: met as early as can be, by those they are about alone, and over at their term."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockdown.gateway.restraints import Restraints
from lockdown.model.restraint import Restraint, plain_match
from lockdown.model.traffic import Dimension, Doors, Match, Rung
from lockdown.state.store import open_store
from lockdown.state.transactions import address_hash
from tests.gateway.house import LOOPBACK, House, Talker, house, run, settings_of, until

BUILTIN = '[antivirus]\nengines = ["builtin"]\n[antispam]\nengines = ["builtin"]\n'
FLOOD = (
    b"From: <x@spam.example>\r\nSubject: Invoice 4711 of 12\r\n\r\nBuy now, at once and always, at our good shop:"
    b" http://www.bad-shop.example/4711\r\n"
)
OTHER = b"From: <b@good.example>\r\nSubject: Minutes of Monday\r\n\r\nDear all, these are the minutes, see you.\r\n"


def of(*match: tuple[Dimension, str], rung: Rung = Rung.DEFER, number: int = 7, **changes: Any) -> Restraint:
    now = datetime.now(UTC)
    whole = Restraint(plain_match(match), rung, now, now + timedelta(hours=1), "lockdown", "a flood", number=number)
    return replace(whole, **changes)


def story(tmp_path: Path, text: str, restraints: list[Restraint], plot: Any) -> None:
    async def told() -> None:
        async with house(tmp_path, text) as here:
            here.worker.restraints.replace(restraints)
            await plot(here)

    run(told())


async def send_from(here: House, sender: str, content: bytes, recipient: str = "anna@example.org") -> list[str]:
    """All answers to one message, up to the first that refuses."""
    client = await here.client()
    said = []
    for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA"):
        said.append(await client.ask(line))
        if said[-1][0] not in "23":
            client.leave()
            return said
    client.writer.write(content + b".\r\n")
    said.append(await client.answer())
    client.leave()
    return said


BAD = "bad@spam.example"
EARLIEST: list[tuple[Match, int]] = [
    (((Dimension.SENDER, "<Bad@Spam.example>"),), 1),
    (((Dimension.SENDER_DOMAIN, "spam.example"),), 1),
    (((Dimension.HELO, "client.example"), (Dimension.SENDER, BAD)), 1),
    (((Dimension.NETWORK, "127.0.0.0/24"), (Dimension.SENDER, BAD)), 1),
    (((Dimension.WIDE_NETWORK, "127.0.0.0/16"), (Dimension.SENDER, BAD)), 1),
    (((Dimension.RECIPIENT, "anna@example.org"), (Dimension.SENDER, BAD)), 2),
    (((Dimension.SUBJECT, "invoice # of #"),), 4),
    (((Dimension.URL_HOST, "bad-shop.example"), (Dimension.SENDER, BAD)), 4),
]


@pytest.mark.parametrize(("match", "answers"), EARLIEST)
def test_a_restraint_is_met_as_soon_as_all_of_its_values_are_known(tmp_path: Path, match: Match, answers: int) -> None:
    async def plot(here: House) -> None:
        said = await send_from(here, BAD, FLOOD)
        assert len(said) == answers
        assert said[-1].startswith("451 4.7.1 Too much mail of this kind")
        assert (await send_from(here, "b@good.example", OTHER))[-1].startswith("250"), "others are unharmed"
        line = here.log()[0]
        assert (line.verdict.control, "r7" in line.verdict.says) == ("monitoring.restrained-mail", True)
        assert here.worker.restraints.take_hits() == {7: 1}

    story(tmp_path, BUILTIN, [of(*match)], plot)


def test_what_the_log_says_that_copies_have_in_common_is_what_the_next_copy_is_met_by(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        assert (await send_from(here, BAD, FLOOD))[-1].startswith("250")
        here.worker.restraints.replace([of((Dimension.BODY, here.log()[0].like.body[0]))])
        copy = FLOOD.replace(b"4711", b"9")
        assert (await send_from(here, "other@forged.example", copy))[-1].startswith("451")
        assert (await send_from(here, "b@good.example", OTHER))[-1].startswith("250")

    story(tmp_path, BUILTIN, [], plot)


WORDY = (
    b"From: <x@spam.example>\r\nSubject: Offer\r\n\r\nDear customer, our wonderful market opens tomorrow with"
    b" silver and garden tools;\r\nthere are letters, houses, ships, parcels, bottles, winters and summers to be had"
    b" for little money\r\nuntil Monday evening, as long as there is something left.\r\n"
)


def test_a_letter_that_is_varied_is_met_by_what_it_is_alike_in_and_others_are_not(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        assert (await send_from(here, BAD, WORDY))[-1].startswith("250")
        here.worker.restraints.replace([of((Dimension.ALIKE, here.log()[0].like.texture)), of((Dimension.ALIKE, "x"))])
        varied = WORDY.replace(b"bottles", b"barrels").replace(b"Monday", b"Friday").replace(b"Offer", b"Another")
        assert (await send_from(here, "other@forged.example", varied))[-1].startswith("451")
        assert (await send_from(here, "b@good.example", OTHER))[-1].startswith("250")
        assert [line.like.texture == here.log()[0].like.texture for line in here.log()[1:]] == [False, False]

    story(tmp_path, BUILTIN, [], plot)


def test_a_client_of_a_refused_network_is_not_greeted(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        caller = await Talker.call(here.port)
        assert (await caller.answer()).startswith("554 5.7.1")
        assert await caller.rest() == ""

    story(tmp_path, "", [of((Dimension.NETWORK, "127.0.0.0/24"), rung=Rung.REJECT)], plot)


def test_a_client_that_is_connected_already_meets_it_at_its_next_message(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        client = await here.client()
        here.worker.restraints.replace([of((Dimension.CLIENT, LOOPBACK), rung=Rung.REJECT)])
        assert (await client.ask("MAIL FROM:<a@sender.example>")).startswith("550 5.7.1")

    story(tmp_path, "", [], plot)


def test_who_is_exempt_by_the_settings_is_not_even_counted(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        assert (await send_from(here, BAD, FLOOD))[-1].startswith("250")
        assert here.worker.restraints.take_hits() == {}

    story(tmp_path, f'[monitoring]\nnever_block = ["{LOOPBACK}"]\n', [of((Dimension.CLIENT, LOOPBACK))], plot)


def test_in_shadow_it_is_counted_and_delivered_and_the_log_tells(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        assert (await send_from(here, BAD, FLOOD))[-1].startswith("250")
        assert here.worker.restraints.take_hits() == {7: 1}

    story(tmp_path, "", [of((Dimension.CLIENT, LOOPBACK), rung=Rung.REJECT, shadow=True)], plot)


def test_what_is_quarantined_lies_in_the_quarantine_and_nowhere_else(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        said = await send_from(here, BAD, FLOOD)
        assert said[-1].startswith("250 2.0.0 Held for review")
        assert (await send_from(here, "b@good.example", OTHER))[-1].startswith("250 2.0.0 Stored")
        (held,) = await asyncio.to_thread(held_in, here)
        assert (held.sender, held.control) == (BAD, "monitoring.restrained-mail")

    story(tmp_path, "", [of((Dimension.SENDER, BAD), rung=Rung.QUARANTINE)], plot)


def held_in(here: House) -> Any:
    store = open_store(here.worker.state.path)
    try:
        return store.held()
    finally:
        store.close()


def test_a_flooded_recipient_s_mail_is_held_and_the_other_recipient_gets_his_in_another_transaction(
    tmp_path: Path,
) -> None:
    async def plot(here: House) -> None:
        client = await here.client()
        said = await client.envelope("anna@example.org", "bert@example.org")
        assert [one[:3] for one in said] == ["250", "250", "452"]

    hit = ((Dimension.RECIPIENT, "anna@example.org"),)
    story(tmp_path, "", [of(*hit, rung=Rung.QUARANTINE)], plot)


def test_who_is_slowed_waits_while_others_are_served(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        slow = await here.client()
        slow.say(f"MAIL FROM:<{BAD}>")
        waiting = asyncio.ensure_future(slow.answer())
        for _ in range(20):
            assert (await send_from(here, "b@good.example", OTHER))[-1].startswith("250")
        assert not waiting.done()
        assert (await waiting).startswith("250"), "it is answered in the end"
        slow.leave()

    story(tmp_path, "", [of((Dimension.SENDER, BAD), rung=Rung.SLOW)], plot)


def test_a_client_that_leaves_while_it_is_slowed_leaves_nothing_behind(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        slow = await here.client()
        slow.say(f"MAIL FROM:<{BAD}>")
        await until(lambda: here.worker.restraints.waiting == 1, "it waits")
        slow.leave()
        await until(lambda: here.worker.restraints.waiting == 0 and not here.worker.connections, "it is forgotten")

    story(tmp_path, "", [of((Dimension.SENDER, BAD), rung=Rung.SLOW)], plot)


def test_a_restraint_of_the_store_reaches_a_running_gateway_and_ends_at_its_term(tmp_path: Path) -> None:
    async def told() -> None:
        async with house(tmp_path) as here:
            watching = asyncio.ensure_future(here.worker.quarantine.watch_store())
            assert (await send_from(here, BAD, FLOOD))[-1].startswith("250")
            store = await asyncio.to_thread(open_store, here.worker.state.path)
            now = datetime.now(UTC)
            short = of((Dimension.SENDER, BAD), since=now, until=now + timedelta(seconds=4), number=0)
            await asyncio.to_thread(store.restrain(short).result)
            await until(lambda: here.worker.restraints.in_force, "the worker has read it")
            assert (await send_from(here, BAD, FLOOD))[-1].startswith("451")
            assert (await send_from(here, "b@good.example", OTHER))[-1].startswith("250")
            await until(lambda: datetime.now(UTC) > short.until, "its term is over")
            assert (await send_from(here, BAD, FLOOD))[-1].startswith("250")
            await until(lambda: store.restraint_history(now)[0].hits == 1, "what it has met is counted")
            watching.cancel()
            await asyncio.to_thread(store.close)

    run(told())


def test_a_restraint_that_a_person_ends_is_over_for_a_running_gateway(tmp_path: Path) -> None:
    async def told() -> None:
        async with house(tmp_path) as here:
            watching = asyncio.ensure_future(here.worker.quarantine.watch_store())
            store = await asyncio.to_thread(open_store, here.worker.state.path)
            entered = await asyncio.to_thread(store.restrain(of((Dimension.SENDER, BAD), number=0)).result)
            await until(lambda: here.worker.restraints.in_force, "the worker has read it")
            await asyncio.to_thread(store.end_restraint(entered.number, "anna", datetime.now(UTC)).result)
            await until(lambda: not here.worker.restraints.in_force, "the worker has read its end")
            assert (await send_from(here, BAD, FLOOD))[-1].startswith("250")
            watching.cancel()
            await asyncio.to_thread(store.close)

    run(told())


def test_a_digest_from_a_log_without_addresses_meets_its_address(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        digest = address_hash(here.worker.state.log)(BAD)
        here.worker.restraints.replace([of((Dimension.SENDER, digest))])
        assert (await send_from(here, "Bad@spam.example", FLOOD))[-1].startswith("451")
        assert (await send_from(here, "b@good.example", OTHER))[-1].startswith("250")

    story(tmp_path, '[log]\naddresses = "hashed"\n', [], plot)


@pytest.mark.parametrize(
    "restraint",
    [
        of(),
        of((Dimension.USER, "anna")),
        of((Dimension.CLIENT, LOOPBACK), doors=Doors.SIGN_IN),
    ],
    ids=["nothing in common", "nobody signs in here", "doors where the gateway is not"],
)
def test_what_the_gateway_cannot_tell_meets_nobody(tmp_path: Path, restraint: Restraint) -> None:
    restraints = Restraints(settings_of(""))
    restraints.replace([restraint])
    assert not restraints.in_force

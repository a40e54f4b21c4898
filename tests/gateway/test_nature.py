"""What a message is to whom it comes: told through a whole worker, and of whatever strangers write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.config import Settings
from lockdown.gateway.nature import is_confirmation, named
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Nature, Rung
from lockdown.scan.builtin import built
from lockdown.state.correspondents import RETURNED_WITHIN, Correspondents, id_digest
from tests.gateway.house import House, house, run
from tests.gateway.test_scanning import BUILTIN, delivered

ANNA, BEN = "anna@example.org", "ben@example.org"


def letter(subject: str, *, fields: str = "", text: str = "See below.", sender: str = "hello@shop.example") -> bytes:
    return (
        f"From: <{sender}>\r\nTo: <{ANNA}>\r\nSubject: {subject}\r\nMessage-ID: <1@shop.example>\r\n"
        f"{fields}\r\n{text}\r\n"
    ).encode()


def bounce(about: str) -> bytes:
    returned = f"The letter could not be delivered.\r\n\r\nMessage-ID: {about}\r\nSubject: hello"
    return letter("Undelivered Mail Returned to Sender", text=returned, sender="MAILER-DAEMON@far.example")


def story(folder: Path, plot: Any, text: str = BUILTIN) -> None:
    async def told() -> None:
        async with house(folder, text) as here:
            await plot(here)

    run(told())


async def send(here: House, content: bytes, sender: str = "hello@shop.example", *to: str) -> list[str]:
    client = await here.client()
    said = [await client.ask(f"MAIL FROM:<{sender}>")]
    said += [await client.ask(f"RCPT TO:<{one}>") for one in to or (ANNA,)]
    if said[-1].startswith("250") or len(said) > 2:
        said.append(await client.ask("DATA"))
        client.writer.write(content + b".\r\n")
        said.append(await client.answer())
    client.leave()
    return said


def held_for(*match: tuple[Dimension, str]) -> Restraint:
    now = datetime.now(UTC)
    return Restraint(match, Rung.QUARANTINE, now, now + timedelta(hours=1), "lockdown", "a flood", number=7)


# ── what looks like a confirmation ──

CONFIRMATIONS = (
    letter("Please confirm your subscription"),
    letter("Willkommen bei uns"),
    letter("=?utf-8?q?Best=C3=A4tige?= dich"),
    letter("News", fields="List-Unsubscribe: <https://shop.example/no>\r\n"),
    letter("Hello", text="Click here to verify your address: https://shop.example/v/1"),
    letter("Bienvenue chez nous"),
)
OTHERS = (
    letter("Lunch on Friday?"),
    letter("Hello", text="Please confirm when you have read it."),
    letter("Your order 4711 is confirmed"), letter("Confirm your new password"),
    letter("Rechnung 17", fields="List-Id: <a.b>\r\n"), letter("Transfer of 900 EUR: please confirm"),
)  # fmt: skip


def read(content: bytes) -> Any:
    reading = built(Settings().antivirus).at_once(content)
    assert reading is not None
    return reading.letter


@pytest.mark.parametrize("content", CONFIRMATIONS)
def test_confirmations_and_lists_are_known_by_their_words(content: bytes) -> None:
    assert is_confirmation(read(content))


@pytest.mark.parametrize("content", OTHERS)
def test_letters_and_what_is_about_money_or_passwords_are_none(content: bytes) -> None:
    assert not is_confirmation(read(content))


# ── a subscription bomb ──


def test_of_strangers_confirmations_are_held_and_their_letters_and_those_of_acquaintances_are_not(
    tmp_path: Path,
) -> None:
    async def plot(here: House) -> None:
        known = Correspondents(here.worker.state.path)
        known.met(ANNA, ["friend.example"], time() - 2 * 86400)
        known.wrote(ANNA, ["asked.example"])
        here.worker.restraints.replace([held_for((Dimension.RECIPIENT, ANNA), (Dimension.NATURE, Nature.UNASKED))])
        ask = letter("Please confirm your subscription")
        assert "Held for review" in (await send(here, ask))[-1]
        assert "Held for review" in (await send(here, ask))[-1], "a second letter makes nobody an acquaintance"
        for sender in ("hello@friend.example", "hello@asked.example"):
            assert "Held" not in (await send(here, ask.replace(b"Please", b"Now"), sender))[-1]
        assert "Held" not in (await send(here, letter("Lunch?")))[-1]
        assert "Held" not in (await send(here, letter("Your order is confirmed")))[-1]
        assert "Held" not in (await send(here, ask, "hello@shop.example", BEN))[-1], "others are unharmed"
        assert [line.like.nature for line in here.log()[:3]] == [Nature.UNASKED, Nature.UNASKED, ""]
        assert len(delivered(here)) == 5

    story(tmp_path, plot)


def test_who_was_delivered_a_moment_ago_is_a_stranger_still(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        ask = letter("Please confirm your subscription")
        assert "Held" not in (await send(here, ask))[-1]
        here.worker.restraints.replace([held_for((Dimension.RECIPIENT, ANNA), (Dimension.NATURE, Nature.UNASKED))])
        assert "Held" in (await send(here, ask.replace(b"Please", b"Now")))[-1]
        known = Correspondents(here.worker.state.path)
        assert known.knows(ANNA, ["shop.example"], time() + 86400 + 60), "and tomorrow no more"

    story(tmp_path, plot)


def test_what_a_trusted_client_hands_in_has_gone_out_and_makes_acquaintances(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        await send(here, letter("Hello"), "Carla@example.org", ANNA)
        known = Correspondents(here.worker.state.path)
        assert known.has_sent(id_digest(b"<1@shop.example>"))
        assert known.knows("carla@example.org", ["example.org"], time())
        assert here.log()[0].like.nature == ""

    story(tmp_path, plot, '[gateway]\ntrusted_networks = ["127.0.0.1/32"]\n' + BUILTIN)


def test_an_answer_to_a_letter_from_here_is_delivered_whoever_sends_it(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        Correspondents(here.worker.state.path).went_out(id_digest(b"<ours@example.org>"), time())
        here.worker.restraints.replace([held_for((Dimension.RECIPIENT, ANNA), (Dimension.NATURE, Nature.UNASKED))])
        answer = letter("Re: please confirm", fields="In-Reply-To: <ours@example.org>\r\n")
        assert "Held" not in (await send(here, answer))[-1]

    story(tmp_path, plot)


def test_a_letter_to_several_is_held_for_the_one_alone_who_is_flooded(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        here.worker.restraints.replace([held_for((Dimension.RECIPIENT, ANNA), (Dimension.NATURE, Nature.UNASKED))])
        said = await send(here, letter("Please confirm your subscription"), "hello@shop.example", BEN, ANNA)
        assert said[2].startswith("452"), "in a transaction of its own"
        assert "Held" not in said[-1]

    story(tmp_path, plot)


# ── bounces ──


def test_while_foreign_bounces_are_held_those_of_letters_from_here_are_delivered(tmp_path: Path) -> None:
    async def plot(here: House) -> None:
        known = Correspondents(here.worker.state.path)
        known.wrote(ANNA, ["far.example"])
        known.went_out(id_digest(b"<ours@example.org>"), time() - RETURNED_WITHIN - 60)
        match = ((Dimension.SENDER, ""), (Dimension.RECIPIENT, ANNA), (Dimension.NATURE, Nature.FOREIGN_BOUNCE))
        here.worker.restraints.replace([held_for(*match)])
        assert "Held" not in (await send(here, bounce("<ours@example.org>"), ""))[-1]
        assert "Held" in (await send(here, bounce("<forged@example.org>"), ""))[-1]
        assert "Held" not in (await send(here, letter("Undelivered"), ""))[-1], "it does not say of which letter"
        natures = [Nature.OWN_BOUNCE, Nature.FOREIGN_BOUNCE, ""]
        assert [line.like.nature for line in here.log()] == natures

    story(tmp_path, plot)


@pytest.mark.parametrize(("writes", "days"), [(False, 6), (True, 1)])
def test_where_nobody_knows_what_went_out_no_bounce_is_foreign(tmp_path: Path, writes: bool, days: int) -> None:
    async def plot(here: House) -> None:
        known = Correspondents(here.worker.state.path)
        if writes:
            known.wrote(ANNA, ["far.example"])
        known.went_out(id_digest(b"<ours@example.org>"), time() - days * 86400)
        await send(here, bounce("<forged@example.org>"), "")
        assert here.log()[0].like.nature == ""

    story(tmp_path, plot)


# ── which letters ──


def test_a_message_names_the_letters_it_is_about_and_not_itself() -> None:
    header = b"Message-ID: <self@mx>\r\nReferences: <a@x>\r\n <b@x>\r\n\t<c@x>\r\nin-reply-to:<d@x>\r\n"
    content = header + b"\r\nfailed\r\n\r\nFrom: a\r\nmessage-id:\r\n <ours@example.org>\r\n"
    assert named(content, len(header)) == [id_digest(b"<%b>" % one) for one in (b"a@x", b"b@x", b"c@x", b"d@x",
                                                                               b"ours@example.org")]  # fmt: skip


@given(st.binary(), st.integers(0, 100))
def test_whatever_strangers_write_names_something_or_nothing(octets: bytes, header: int) -> None:
    assert len(named(b"References: " + octets, header)) <= 20


def test_a_field_without_end_is_read_at_once() -> None:
    assert named(b"References:" + b" \r\n" * 30_000, 0) == []

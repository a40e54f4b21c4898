"""A held message goes on at most once, and is marked only when the server behind has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.config import Settings, read_settings
from lockdown.engine.release import Already, NotReleased, Released, Removed, delete, meant, release
from lockdown.model.held import HeldMessage, HeldState
from lockdown.state.spool import Spool, hold_durably
from lockdown.state.store import Store, open_store
from tests.rig.upstream import Drop, FakeUpstream, Say

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ID = "1A20BB3073B00004"
CONTENT = b"Received: from us\r\nSubject: doubtful\r\n\r\n.hello\r\n"


@dataclass(frozen=True, slots=True)
class House:
    """A state directory with one held message."""

    path: Path
    store: Store
    spool: Spool

    def settings(self, upstream: str | list[str]) -> Settings:
        import json

        text = f"[gateway]\nupstream = {json.dumps(upstream)}\n[state]\ndirectory = '{self.path}'"
        return read_settings([("f.toml", text)]).settings

    def state(self) -> HeldState:
        message = self.store.held_message(ID)
        assert message is not None
        return message.state


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(open_store(tmp_path)) as store:
        spool = Spool(tmp_path / "quarantine")
        meta = HeldMessage(
            ID, NOW, "203.0.113.7", "mx.example", "a@sender.example", ("bob@example.org", "carol@example.org"),
            "attachments.gateway-structure", "too many parts", parameters=("BODY=8BITMIME",),
        )  # fmt: skip
        hold_durably(store, spool, meta, [CONTENT])
        yield House(tmp_path, store, spool)


def test_a_release_over_smtp_delivers_every_octet_marks_it_and_frees_the_disk(house: House) -> None:
    with FakeUpstream() as server:
        outcome = release(house.settings(server.url), house.store, house.spool, ID, "root", NOW)
        assert isinstance(outcome, Released)
        message = server.accepted[0]
        assert (message.sender, message.content) == ("a@sender.example", CONTENT)
        assert message.recipients == ("bob@example.org", "carol@example.org")
        assert any("BODY=8BITMIME" in command for command in server.conversations[0].commands)
    assert house.state() is HeldState.RELEASED
    with pytest.raises(FileNotFoundError):
        house.spool.open(ID)


def test_by_the_name_of_a_restraint_all_that_it_holds_is_meant_and_nothing_else(house: House) -> None:
    for number, says in enumerate(
        ("192.0.2.1 meets r7 (x): why", "192.0.2.2 meets r77 (x): r7 (", "a meets r7 (y): why")
    ):
        meta = HeldMessage(
            f"1A20BB3073B0001{number}",
            NOW,
            "192.0.2.1",
            "mx",
            "a@b.example",
            ("bob@example.org",),
            "monitoring.restrained-mail",
            says,
        )
        hold_durably(house.store, house.spool, meta, [CONTENT])
    assert sorted(meant(house.store, "r7")) == ["1A20BB3073B00010", "1A20BB3073B00012"]
    assert meant(house.store, "r8") == ["r8"]
    assert meant(house.store, ID) == [ID]


def test_a_second_release_does_nothing(house: House) -> None:
    with FakeUpstream() as server:
        settings = house.settings(server.url)
        release(settings, house.store, house.spool, ID, "root", NOW)
        assert isinstance(release(settings, house.store, house.spool, ID, "root", NOW), Already)
        assert len(server.accepted) == 1


def test_a_release_into_the_maildir_records_the_envelope(house: House) -> None:
    outcome = release(house.settings("maildir:mail"), house.store, house.spool, ID, "root", NOW)
    assert isinstance(outcome, Released)
    file = Path(outcome.where)
    assert file.parent == house.path / "mail/new"
    top = b"Return-Path: <a@sender.example>\r\nDelivered-To: bob@example.org\r\nDelivered-To: carol@example.org\r\n"
    assert file.read_bytes() == top + CONTENT


@pytest.mark.parametrize("moment", ["banner", "MAIL", "RCPT", "DATA", "dot"])
def test_what_the_server_refuses_stays_held(house: House, moment: str) -> None:
    with FakeUpstream() as server:
        server.on(moment, Say(b"550 5.7.1 no\r\n"), times=2)
        outcome = release(house.settings(server.url), house.store, house.spool, ID, "root", NOW)
        assert isinstance(outcome, NotReleased)
        assert not server.accepted
    assert house.state() is HeldState.HELD
    assert house.spool.open(ID).read() == CONTENT


def test_an_answer_that_is_lost_stays_held_and_says_what_to_look_for(house: House) -> None:
    with FakeUpstream() as server:
        server.on("taken", Drop())
        outcome = release(house.settings(server.url), house.store, house.spool, ID, "root", NOW)
    assert isinstance(outcome, NotReleased)
    assert "nobody can know" in outcome.why
    assert house.state() is HeldState.HELD


def test_the_next_upstream_is_tried_when_the_first_is_not_there(house: House) -> None:
    with FakeUpstream() as server:
        server.on("connect", Drop())
        outcome = release(house.settings([server.url, "maildir:mail"]), house.store, house.spool, ID, "root", NOW)
    assert isinstance(outcome, Released)
    assert "mail/new" in outcome.where


def test_a_recipient_that_is_not_taken_is_told(house: House) -> None:
    with FakeUpstream() as server:
        server.on("RCPT", Say(b"550 5.1.1 unknown\r\n"))
        outcome = release(house.settings(server.url), house.store, house.spool, ID, "root", NOW)
    assert isinstance(outcome, Released)
    assert outcome.refused == (("bob@example.org", "550 5.1.1 unknown"),)


def test_octets_that_changed_on_the_disk_are_not_delivered(house: House) -> None:
    (house.path / "quarantine" / ID[:2] / f"{ID}.eml").write_bytes(CONTENT.replace(b"hello", b"hallo"))
    with FakeUpstream() as server:
        outcome = release(house.settings(server.url), house.store, house.spool, ID, "root", NOW)
        assert isinstance(outcome, NotReleased)
        assert "changed on the disk" in outcome.why
        assert not server.accepted


def test_octets_that_are_gone_are_told(house: House) -> None:
    house.spool.remove(ID)
    outcome = release(house.settings("maildir:mail"), house.store, house.spool, ID, "root", NOW)
    assert isinstance(outcome, NotReleased)
    assert "cannot be read" in outcome.why


def test_two_who_release_at_once_do_not_deliver_twice(house: House) -> None:
    import fcntl

    with FakeUpstream() as server, house.spool.open(ID) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        outcome = release(house.settings(server.url), house.store, house.spool, ID, "root", NOW)
        assert isinstance(outcome, NotReleased)
        assert "somebody else" in outcome.why
        assert not server.accepted


def test_killed_between_delivery_and_mark_a_second_release_leaves_one_copy_in_the_maildir(house: House) -> None:
    settings = house.settings("maildir:mail")
    release(settings, house.store, house.spool, ID, "root", NOW)
    # As if the mark and the removal had never come: the same message is held again.
    held = house.store.held_message(ID)
    assert held is not None
    with closing(open_store(house.path / "again")) as store:
        spool = Spool(house.path / "again/quarantine")
        again = HeldMessage(ID, held.at, held.client, held.helo, held.sender, held.recipients, "c", "s")
        hold_durably(store, spool, again, [CONTENT])
        release(settings, store, spool, ID, "root", NOW)
    assert len(list((house.path / "mail/new").iterdir())) == 1


def test_deleting_marks_first_and_then_frees_the_disk(house: House) -> None:
    assert isinstance(delete(house.store, house.spool, ID, "root", NOW), Removed)
    assert house.state() is HeldState.DELETED
    with pytest.raises(FileNotFoundError):
        house.spool.open(ID)
    assert isinstance(delete(house.store, house.spool, ID, "root", NOW), Already)


@pytest.mark.parametrize("id", ["nosuch", "../../etc/passwd", ""])
def test_an_id_that_was_never_held_is_told(house: House, id: str) -> None:
    assert isinstance(release(house.settings("maildir:mail"), house.store, house.spool, id, "root", NOW), NotReleased)
    assert isinstance(delete(house.store, house.spool, id, "root", NOW), NotReleased)

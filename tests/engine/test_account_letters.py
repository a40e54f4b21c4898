"""Owners of held accounts are told once, in plain words; the mailbox learns less than the address elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.config import Settings, read_settings
from lockdown.engine.account_letters import HIJACKED, LEFT, AccountLetters, addresses_in, into_mailbox, over_relay
from lockdown.engine.alert_paths import NotTold, Outcome, Told
from lockdown.engine.alerts import Words
from lockdown.engine.incidents import answered
from lockdown.model.alarm import Answer, Incident
from lockdown.model.finding import Evidence, Severity
from lockdown.state.layout import StateDirectory
from lockdown.state.store import Store, open_store
from tests.rig.upstream import FakeUpstream

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANNA = "anna@example.org"
WORDS = Words("title", "body", Severity.HIGH)


@dataclass
class Post:
    """Takes letters, or does not, and remembers them."""

    outcome: Outcome = field(default_factory=lambda: Told("taken"))
    sent: list[tuple[str, Words]] = field(default_factory=list)

    def __call__(self, to: str, words: Words, host: str) -> Outcome:
        self.sent.append((to, words))
        return self.outcome


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    StateDirectory(tmp_path).prepare()
    with closing(open_store(tmp_path)) as opened:
        yield opened


def settings_for(tmp_path: Path, more: str = "") -> Settings:
    (tmp_path / "addresses").write_text(f"# where owners are\n{ANNA.upper()}  anna@home.example\n")
    text = f'[site]\ndomains = ["example.org"]\n[alerts]\nowner_addresses = "{tmp_path}/addresses"\n{more}\n'
    return read_settings([("lockdown.toml", text)]).settings


def held(store: Store, says: str = f"account {ANNA} is held: it waits", *, done: bool = True) -> int:
    evidence = (Evidence(LEFT, "2: 11:58 victim@example.net"), Evidence("mail log", "+2.0 strangers"))
    incident = Incident(HIJACKED, HIJACKED, ANNA, HIJACKED, Severity.HIGH, "in foreign hands", NOW, NOW, "", evidence)
    number = store.raise_incident(HIJACKED, lambda before: incident).result().number
    store.change_incident(number, partial(answered, answer=Answer(NOW, says, done=done))).result()
    return number


def answers(store: Store, number: int) -> list[str]:
    incident = store.incident(number)
    assert incident is not None
    return [one.says for one in incident.answers[1:]]


def test_the_owner_is_told_once_in_both_places_whatever_is_started_again(tmp_path: Path, store: Store) -> None:
    number, inside, elsewhere = held(store), Post(), Post()
    for minutes in range(3):
        letters = AccountLetters(settings_for(tmp_path), store, inside, elsewhere)
        letters.round(NOW + timedelta(minutes=minutes))
    assert [to for to, _ in inside.sent] == [ANNA]
    assert [to for to, _ in elsewhere.sent] == ["anna@home.example"]
    assert answers(store, number) == [
        "its owner was told at anna@home.example: taken", "its owner was told in the mailbox: taken"
    ]  # fmt: skip


def test_the_mailbox_learns_neither_what_left_nor_why_nor_how_to_let_it_go(tmp_path: Path, store: Store) -> None:
    held(store)
    inside, elsewhere = Post(), Post()
    AccountLetters(settings_for(tmp_path), store, inside, elsewhere).round(NOW)
    said = inside.sent[0][1].body
    assert "Call your administrator" in said
    assert not any(word in said for word in ("victim", "strangers", "release", "http", "home.example"))
    assert "11:58 victim@example.net" in elsewhere.sent[0][1].body


def test_a_lock_is_told_as_a_lock(tmp_path: Path, store: Store) -> None:
    held(store, f"account {ANNA} is locked: its password opens nothing")
    inside = Post()
    AccountLetters(settings_for(tmp_path), store, inside, Post()).round(NOW)
    assert "Your account was locked" in inside.sent[0][1].body


@pytest.mark.parametrize(
    ("owners", "inside_count", "elsewhere_count"), [("both", 1, 1), ("elsewhere", 0, 1), ("never", 0, 0)]
)
def test_where_they_are_told_is_the_setting(
    tmp_path: Path, store: Store, owners: str, inside_count: int, elsewhere_count: int
) -> None:
    held(store)
    inside, elsewhere = Post(), Post()
    AccountLetters(settings_for(tmp_path, f'owners = "{owners}"'), store, inside, elsewhere).round(NOW)
    assert (len(inside.sent), len(elsewhere.sent)) == (inside_count, elsewhere_count)


def test_nobody_is_told_of_a_hold_that_was_only_thought_of(tmp_path: Path, store: Store) -> None:
    held(store, f"account {ANNA} would be gripped, but", done=False)
    inside = Post()
    AccountLetters(settings_for(tmp_path), store, inside, inside).round(NOW)
    assert inside.sent == []


def test_a_letter_that_was_not_taken_is_tried_later_and_later_for_a_day(tmp_path: Path, store: Store) -> None:
    number, inside = held(store), Post(NotTold("nobody answers"))
    letters = AccountLetters(settings_for(tmp_path), store, inside, Post())
    for minutes in range(36 * 60):
        letters.round(NOW + timedelta(minutes=minutes))
    assert 20 < len(inside.sent) < 40
    assert answers(store, number).count("its owner was told in the mailbox: not yet, nobody answers") == 1
    inside.outcome = Told("taken")
    AccountLetters(settings_for(tmp_path), store, inside, Post()).round(NOW + timedelta(hours=23))
    assert answers(store, number)[-1] == "its owner was told in the mailbox: taken"


def test_a_file_of_addresses_that_cannot_be_read_is_said_once_and_heeded_when_it_can(
    tmp_path: Path, store: Store
) -> None:
    number, inside, elsewhere = held(store), Post(), Post()
    settings = settings_for(tmp_path)
    (tmp_path / "addresses").rename(tmp_path / "away")
    letters = AccountLetters(settings, store, inside, elsewhere)
    for hours in range(3):
        letters.round(NOW + timedelta(hours=hours))
    why = f"its owner was told elsewhere: not yet, {tmp_path}/addresses: No such file or directory"
    assert answers(store, number).count(why) == 1
    assert (len(inside.sent), elsewhere.sent) == (1, [])
    (tmp_path / "away").rename(tmp_path / "addresses")
    letters.round(NOW + timedelta(hours=4))
    assert [to for to, _ in elsewhere.sent] == ["anna@home.example"]


def test_the_letter_in_the_mailbox_goes_by_the_server_behind_without_a_sender_to_answer(tmp_path: Path) -> None:
    with FakeUpstream() as server:
        text = f'[site]\ndomains = ["example.org"]\n[gateway]\nupstream = "{server.url}"\n'
        settings = read_settings([("lockdown.toml", text)]).settings
        assert into_mailbox(settings, "anna", WORDS, "mx.example.org") == Told("the mail server has taken it")
    taken = server.accepted[0]
    assert (taken.sender, taken.recipients) == ("", ("anna@example.org",))
    assert b"Auto-Submitted: auto-generated" in taken.content


@pytest.mark.parametrize("user", ["a b", "-x@", "a@b@c", "a\n@example.org", "<x>"])
def test_a_name_that_is_no_address_gets_no_letter(user: str) -> None:
    assert into_mailbox(Settings(), user, WORDS, "mx.example.org") == NotTold("its name is no address")


def test_without_a_relay_elsewhere_that_is_said() -> None:
    outcome = over_relay(Settings(), "anna@home.example", WORDS, "mx")
    assert outcome == NotTold("no mailto:// relay stands in alerts.to", "lockdown config explain alerts.to")


@given(st.text())
def test_no_file_of_addresses_makes_it_raise_and_none_leads_anywhere_but_to_an_address(text: str) -> None:
    for user, address in addresses_in(text).items():
        assert user and address.count("@") == 1
        assert not set(address) & set("?&<>,; \n")

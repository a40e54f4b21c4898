"""Today's fraud and today's wanted mail, kept as files, and single signals."""

from pathlib import Path

import pytest

from lockdown.checklist.antispam.gate import score
from lockdown.checklist.antispam.phrases import TOPICS, topics
from lockdown.checklist.antispam.signals import signals
from lockdown.model.scan import Reason
from tests.checklist.antispam.letters import POLICY, examined, examined_file, signed, stored, written

TAG, HOLD = POLICY.antispam.tag, POLICY.antispam.hold


@pytest.mark.parametrize("file", stored("phishing"), ids=lambda file: file.stem)
def test_fraud_of_today_is_marked_by_what_carries_over_alone(file: Path) -> None:
    assert score(examined_file(file), POLICY).points >= TAG


def test_most_fraud_of_today_is_held_by_what_carries_over_alone() -> None:
    files = stored("phishing")
    held = [file for file in files if score(examined_file(file), POLICY).points >= HOLD]
    assert len(files) >= 30
    assert len(held) >= 0.75 * len(files)


@pytest.mark.parametrize("file", stored("wanted"), ids=lambda file: file.stem)
def test_wanted_mail_of_today_stays_below_a_mark(file: Path) -> None:
    found = score(examined_file(file), POLICY)
    assert found.points < TAG - 0.5, found.reasons


def named(content: bytes, **different: object) -> dict[str, Reason]:
    return {reason.name: reason for reason in signals(examined(content, **different), POLICY)}  # type: ignore[arg-type]


def html(body: str, *header: str) -> bytes:
    return written("From: Bob <bob@partner.example>", *header, "Content-Type: text/html", body=body)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('<a href="https://evil.test/">https://www.bank.example/login</a>', "link-lies"),
        ('<a href="http://198.51.100.7/x">here</a>', "link-to-address"),
        ('<a href="http://0xc6336407/x">here</a>', "link-to-address"),
        ('<a href="http://www.bank.example@evil.test/">here</a>', "link-user"),
        ('<a href="https://bit.ly/x">here</a>', "shortener"),
        ('<a href="https://login-7.pages.dev/">here</a>', "free-host"),
        ('<a href="https://examp1e.org/login">here</a>', "look-alike-link"),
        ('<a href="https://paypal-service.test/">here</a>', "brand-in-link"),
        ('<a href="data:text/html;base64,PGI+">here</a>', "script-link"),
        ('<form action="https://evil.test/"><input type="password"></form>', "password-form"),
        ('<a href="https://xn--pypal-4ve.test/">here</a>', "mixed-scripts"),
        ('<a href="https://evil.test/?m=ann@example.org">here</a>', "address-in-link"),
    ],
)
def test_a_trap_in_the_body_is_named(body: str, name: str) -> None:
    assert name in named(html(f"<p>Hello</p>{body}"))


@pytest.mark.parametrize(
    "body",
    [
        '<a href="https://www.bank.example/a">bank.example</a>',
        '<a href="https://mail.bank.example/a">https://www.bank.example</a>',
        '<a href="https://safe.test/?url=https%3A%2F%2Fwww.bank.example%2F">https://www.bank.example/</a>',
        '<a href="mailto:bob@partner.example">bob@partner.example</a>',
        '<a href="https://files.test/d/1">plan_v2.pdf</a>',
        '<a href="https://files.test/d/1">Version 2.0</a>',
    ],
)
def test_an_honest_link_is_no_lie(body: str) -> None:
    assert "link-lies" not in named(html(f"<p>Hello</p>{body}"))


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("PayPal Service <x@evil.test>", "name-of-brand"),
        ("\u041cicrosoft <x@evil.test>", "name-of-brand"),  # a Cyrillic M
        ("boss@bank.example <x@evil.test>", "domain-in-name"),
        ("IT Helpdesk <helpdesk.it@gmail.com>", "role-on-free-mail"),
        ("Example Helpdesk <x@evil.test>", "our-name"),
        ("x@paypal-service.test", "brand-in-domain"),
    ],
)
def test_a_borrowed_name_is_named(sender: str, name: str) -> None:
    assert name in named(written(f"From: {sender}"))


@pytest.mark.parametrize("sender", ["PayPal <service@paypal.example>", "Bob <bob@partner.example>", "x@mail.test"])
def test_a_name_of_its_own_costs_nothing(sender: str) -> None:
    assert set(named(written(f"From: {sender}"))) <= {"nobody-vouches", "no-subject"}


def test_a_known_sender_that_is_vouched_for_is_believed_a_little() -> None:
    known = signed("partner.example")._replace(known_since=1.0)
    assert named(written("From: bob@partner.example"), identity=known)["known"].points < 0


def test_every_topic_is_looked_for_by_words_of_its_own_patterns() -> None:
    for phrases in TOPICS:
        assert phrases.stems
        assert not phrases.pattern.search("")


@pytest.mark.parametrize(
    "text", ["verify " * 600, "mailbox " * 500, "bank " * 900, "1a" * 1500, "gift card " * 300, "konto " * 600]
)
def test_a_text_made_to_be_slow_is_bounded(text: str) -> None:
    assert len(topics("", text)) <= len(TOPICS)


def test_a_field_that_anybody_can_write_buys_no_leniency() -> None:
    for file in stored("phishing"):
        content = b"List-Unsubscribe: <https://x.test/u>\r\nList-Id: <x.test>\r\n" + file.read_bytes()
        assert score(examined(content), POLICY).points >= TAG, file.stem

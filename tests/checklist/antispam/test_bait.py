"""Subjects, schemes, and whether a letter hangs together: one by one."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.checklist.antispam.coherence import fits, lures, names_domain
from lockdown.checklist.antispam.concepts import concepts
from lockdown.checklist.antispam.lexicon import LEXICON, Concept
from lockdown.checklist.antispam.phrases import lowered
from lockdown.checklist.antispam.signals import signals
from lockdown.model.scan import Result
from tests.checklist.antispam.letters import NOBODY, POLICY, examined, signed, written


def spoken_of(text: str) -> dict[Concept, int]:
    low, words = lowered("", text)
    return concepts(words, low)


def named(content: bytes, **different: object) -> set[str]:
    return {reason.name for reason in signals(examined(content, **different), POLICY)}  # type: ignore[arg-type]


def scheme(text: str, *header: str, html: bool = False) -> set[str]:
    """The schemes seen in a letter with this text."""
    kind = ("Content-Type: text/html; charset=utf-8",) if html else ("Content-Type: text/plain; charset=utf-8",)
    sender = header or ("From: Mara <mara.q@evil.test>",)
    return {name for name in named(written(*sender, *kind, body=text)) if name.startswith("scheme-")}


# ── subjects ──


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Your mailbox", Concept.ACCOUNT),
        ("Ihr Kundenkonto", Concept.ACCOUNT),
        ("su contraseña", Concept.SECRET),
        ("votre mot de passe", Concept.SECRET),
        ("la tua casella", Concept.ACCOUNT),
        ("wysłaliśmy hasło", Concept.SECRET),
        ("учётную запись", Concept.ACCOUNT),
        ("您的邮箱即将停用", Concept.LOSS),
        ("アカウントの確認", Concept.CONFIRM),
        ("a gift card", Concept.GIFT_CARDS),
        ("a gift-card", Concept.GIFT_CARDS),
    ],
)
def test_a_subject_is_told_in_many_languages(text: str, concept: Concept) -> None:
    assert concept in spoken_of(text)


def test_a_gift_is_no_gift_card() -> None:
    assert Concept.GIFT_CARDS not in spoken_of("a gift for grandma")


def test_words_are_counted_once_each() -> None:
    assert spoken_of("casino casino casino")[Concept.GAMBLING] == 1
    assert spoken_of("casino, jackpot, roulette")[Concept.GAMBLING] == 3


def test_every_subject_has_words() -> None:
    assert set(LEXICON) == set(Concept)
    assert all(len(words.split()) >= 5 for words in LEXICON.values())


# ── schemes ──


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Send 900 EUR in bitcoin to bc1q5shngj24323nsrmxv99st02na6srekfctt30ch or your contacts see the webcam video.",
         "scheme-extortion"),
        ("I am in a meeting, keep this confidential: a transfer of 9,000 EUR must leave today.", "scheme-executive"),
        ("Please buy five Steam gift cards, scratch them and send photos of the codes.", "scheme-gift-cards"),
        ("Your Norton subscription was renewed, $349.99. To cancel call +1 (888) 555-0164.", "scheme-call-back"),
        ("Your late relative left $9.8 million; as beneficiary reply with your name and address.", "scheme-fortune"),
        ("Préstamo sin aval, interés del 2 %, escriba por WhatsApp.", "scheme-loan"),
        ("Work from home, no experience, earn 450 EUR weekly, write on WhatsApp.", "scheme-job"),
    ],
)  # fmt: skip
def test_a_scheme_is_seen_in_plain_text(text: str, name: str) -> None:
    assert name in scheme(text, "From: Mara <mara.q88@gmail.com>")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Din konto stängs idag, bekräfta lösenord", "scheme-account"),
        ("Váš účet bude zablokován, ověřte heslo do 24 hodin", "scheme-account"),
        ("您的邮箱即将停用，请立即验证密码", "scheme-account"),
        ("Su paquete está retenido en aduana, pague la tasa de 1,79 €", "scheme-parcel"),
        ("Sie haben einen Steuerrückerstattung Bescheid über 412 €, bestätigen Sie Ihre Karte heute", "scheme-refund"),
        ("Herzlichen Glückwunsch, Sie wurden ausgewählt! Umfrage starten, nur heute", "scheme-prize"),
        ("Casino: 250 Freispiele und Jackpot Bonus ohne Einzahlung", "scheme-gambling"),
    ],
)
def test_a_scheme_is_seen_behind_a_link(text: str, name: str) -> None:
    page = f'<p>{text}</p><a href="https://evil.test/x">ok</a>'
    assert name in scheme(page, html=True)


def test_a_few_words_around_one_foreign_link_are_told_from_a_page_with_many() -> None:
    text = "<p>Your inbox: storage, password, payment, today.</p>"
    alone = f'{text}<a href="https://evil.test/x">ok</a>'
    beside = f'{alone}<a href="https://evil.test/imprint">imprint</a><a href="https://other.test/">help</a>'
    assert "one-way" in str(scheme(alone, html=True)) or "one-way" in named(
        written("From: Mara <mara.q@evil.test>", "Content-Type: text/html", body=alone)
    )
    assert "one-way" not in named(written("From: Mara <mara.q@evil.test>", "Content-Type: text/html", body=beside))


@pytest.mark.parametrize(
    "text",
    [
        "Kommt ihr am Sonntag zum Essen? Es gibt Gulasch.",
        "Could you send me the drawings for the tables? I need them by Friday.",
        "Ich habe das Passwort für das WLAN vergessen, ruf mich an.",
        "Danke für das Geschenk, wir haben uns sehr gefreut!",
    ],
)
def test_an_ordinary_letter_is_no_scheme(text: str) -> None:
    assert not scheme(text)


def test_the_sender_of_its_own_name_is_believed_more() -> None:
    page = '<p>Confirm your account within 24 hours or it is locked</p><a href="https://planboard.test/c">ok</a>'
    kind = "Content-Type: text/html"
    own = examined(
        written("From: Planboard <hello@planboard.test>", kind, body=page), identity=signed("planboard.test")
    )
    strange = examined(
        written("From: Planboard <hello@garage-7.test>", kind, body=page), identity=signed("garage-7.test")
    )
    totals = [sum(reason.points for reason in signals(message, POLICY)) for message in (own, strange)]
    assert totals[0] < POLICY.antispam.tag <= totals[1]


def test_that_a_house_of_free_mailboxes_is_known_says_nothing() -> None:
    text = "Please buy five Steam gift cards, scratch them and send photos of the codes."
    known = signed("gmail.com")._replace(known_since=1.0)
    found = named(written("From: Mara <mara.q88@gmail.com>", body=text), identity=known)
    assert "stranger" in found
    assert "scheme-gift-cards" in found


# ── coherence ──


@pytest.mark.parametrize(
    ("name", "address", "fitting"),
    [
        ("Jonas Weber", "jonas@weber.test", True),
        ("Jonas Weber", "jw@beispiel.test", True),
        ("Förderverein Bücherei", "kontakt@fv-buecherei.test", True),
        ("Webmail Support", "info@garage.test", None),
        ("李娜", "lina@garage.test", None),
        ("Fedora Delivery", "info@garage.test", False),
        ("Thomas Keller", "boss7@gmail.com", False),
    ],
)
def test_a_name_fits_its_address_or_not(name: str, address: str, fitting: bool | None) -> None:
    assert fits(name, address) is fitting


def test_a_domain_carries_the_name_of_who_writes() -> None:
    assert names_domain("Anna from Flowbase", "mail.flowbase.test")
    assert not names_domain("Customer Support", "flowbase.test")
    assert not names_domain("Parcel Tracking", "parcel-tracking-update.test")


def test_a_name_made_for_a_mailing_is_told_by_its_words() -> None:
    assert lures("secure-login.test")
    assert not lures("weber-architekten.test")
    assert not lures("mail.test")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://garage.test/wp-includes/css/o/", "hacked-site"),
        ("https://garage.test/.well-known/x/login", "hacked-site"),
        (f"https://garage.test/?e={b64encode(b'ann@example.org').decode()}", "address-in-link"),
    ],
)
def test_what_lies_behind_the_host_is_looked_at(url: str, name: str) -> None:
    page = f'<p>Hello</p><a href="{url}">ok</a>'
    assert name in named(written("From: Bob <bob@partner.test>", "Content-Type: text/html", body=page))


def test_the_usual_folders_of_a_site_are_no_trap() -> None:
    page = '<p>Hello</p><a href="https://partner.test/wp-content/uploads/plan.pdf">plan</a>'
    assert "hacked-site" not in named(written("From: Bob <bob@partner.test>", "Content-Type: text/html", body=page))


def test_an_answer_to_a_look_alike_of_the_sender_is_named() -> None:
    header = ("From: Luca <luca@ferri-impianti.test>", "Reply-To: luca@ferri-impiantl.test")
    assert any(
        reason.name == "reply-elsewhere" and reason.points >= 4
        for reason in signals(examined(written(*header)), POLICY)
    )


# ── bounds ──


@pytest.mark.parametrize("piece", ["1", "+1 ", "(0) ", "bc1", "de02 1203 ", "1.000", "9 €", "-90 %", "конто ", "邮箱"])
def test_a_text_made_to_be_slow_is_answered(piece: str) -> None:
    text = "account password cancel call bank new pay police virus sale " + piece * 4000
    assert isinstance(named(written("From: Mara <m@evil.test>", body=text)), set)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.text(max_size=60), st.sampled_from(list(Result)))
def test_any_text_and_any_name_has_an_answer(text: str, name: str, result: Result) -> None:
    clean = "".join(char for char in name if char.isprintable()).encode("utf-8", "replace").decode()
    body = text.encode("utf-8", "replace").decode()
    content = written(f"From: {clean} <x@evil.test>", "Content-Type: text/html", body=body)
    assert all(
        abs(reason.points) < 15 for reason in signals(examined(content, identity=signed("evil.test", result)), POLICY)
    )
    assert signals(examined(content, identity=NOBODY), POLICY) is not None

"""Item 2 at the gate: in which order it judges, and what it makes of what it could not ask."""

import base64

import pytest

from lockdown.checklist.antispam.gate import _together, message, score
from lockdown.checklist.antispam.marks import GTUBE, MARKED
from lockdown.model.scan import Arc, Dmarc, Examined, Failed, Listing, Opinion, Reason, Result, Spf
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import ACCEPT, Kind
from tests.checklist.antispam.letters import (
    NOBODY,
    POLICY,
    STRANGER,
    UNMOVED,
    examined,
    examined_file,
    policy,
    signed,
    stored,
    written,
)

PLAIN = written("From: Bob <bob@partner.example>", "Subject: lunch")


def with_points(points: float, *others: object) -> Examined:
    return examined(PLAIN, opinions=(Opinion("builtin", points, 5.0, (Reason("words", points, "its words"),)), *others))


def test_an_ordinary_message_passes() -> None:
    assert message(examined(PLAIN), POLICY) is ACCEPT


# ── the test message ──


def test_the_test_message_is_68_characters_long() -> None:
    assert len(GTUBE) == 68


HTML = base64.encodebytes(f"<html><p>x</p>{GTUBE}</html>".encode()).decode().replace("\n", "\r\n")


@pytest.mark.parametrize(
    "content",
    [
        written("From: a@mail.test", body=f"Hello\r\n\r\n{GTUBE}\r\n"),
        written("From: a@mail.test", f"Subject: {GTUBE}"),
        written("From: a@mail.test", "Content-Type: text/html", "Content-Transfer-Encoding: base64", body=HTML),
        written("From: a@mail.test", "Content-Type: text/html", body=f"<b>{GTUBE.replace('*', '&#42;')}</b>"),
        written("From: a@mail.test", body="padding " * 20_000 + f"\r\n{GTUBE}\r\n"),
        written(
            "From: a@mail.test",
            "Content-Type: multipart/mixed; boundary=b",
            body="--b\r\n\r\nhello\r\n--b\r\nContent-Disposition: attachment; filename=x.bin\r\n"
            f"Content-Type: application/octet-stream\r\n\r\n{GTUBE}\r\n--b--\r\n",
        ),
    ],
    ids=["body", "subject", "base64 HTML", "entities", "behind padding", "attachment"],
)
def test_the_test_message_is_refused_wherever_its_string_stands(content: bytes) -> None:
    verdict = message(examined(content), POLICY)
    assert (verdict.kind, verdict.control, verdict.code, verdict.detail) == (
        Kind.REJECT, "antispam.test-message", 550, "7.1",
    )  # fmt: skip


def test_its_milder_sisters_are_only_marked() -> None:
    for mark in MARKED:
        verdict = message(examined(written("From: a@mail.test", body=f"{mark}\r\n")), POLICY)
        assert (verdict.kind, verdict.control) == (Kind.TAG, "antispam.test-message")


# ── lists ──


@pytest.mark.parametrize("entry", ["bob@partner.example", "partner.example", "@partner.example", "example"])
def test_a_denied_sender_is_refused(entry: str) -> None:
    verdict = message(examined(PLAIN), policy(deny=(entry,)))
    assert (verdict.kind, verdict.control) == (Kind.REJECT, "antispam.denied")


@pytest.mark.parametrize("entry", ["bobby@partner.example", "artner.example", "sub.partner.example"])
def test_who_is_not_denied_passes(entry: str) -> None:
    assert message(examined(PLAIN), policy(deny=(entry,))) is ACCEPT


def test_an_allowed_sender_passes_only_where_somebody_vouches_for_it() -> None:
    allowing = policy(allow=("bob@partner.example",))
    spam = with_points(20.0)
    assert message(spam, allowing).kind is Kind.REJECT
    assert message(spam._replace(identity=Unknown("no DNS")), allowing).kind is Kind.REJECT
    assert message(spam._replace(identity=signed("mail.test")), allowing).kind is Kind.REJECT
    assert message(spam._replace(identity=signed("partner.example")), allowing) is ACCEPT


# ── DMARC ──


def failing(asks: str, **different: object) -> Examined:
    identity = NOBODY._replace(dmarc=Dmarc(Result.FAIL, "partner.example", asks, "partner.example"), **different)
    return examined(PLAIN, identity=identity)


def test_what_the_owner_of_the_domain_asks_for_is_done() -> None:
    assert message(failing("reject"), POLICY).kind is Kind.REJECT
    assert message(failing("quarantine"), POLICY).kind is Kind.QUARANTINE
    assert message(failing("none"), POLICY) is ACCEPT
    assert message(failing("reject"), policy(dmarc="mark")).kind is Kind.TAG


def test_a_chain_of_forwarders_softens_a_refusal() -> None:
    assert message(failing("reject", arc=Arc(Result.PASS, "lists.test")), POLICY).kind is Kind.QUARANTINE


def test_a_client_whose_address_is_hidden_softens_a_refusal() -> None:
    assert message(failing("reject", spf=Spf(Result.NONE, "", local=True)), POLICY).kind is Kind.QUARANTINE


def test_a_refusal_by_points_is_stricter_than_a_hold_for_a_forged_name() -> None:
    loud = Opinion("builtin", 20.0, 5.0)
    assert message(examined(written("From: x@example.org"), opinions=(loud,)), POLICY).kind is Kind.REJECT


def test_nobody_could_tell_is_no_failure() -> None:
    untold = NOBODY._replace(dmarc=Dmarc(Result.TEMPERROR, "partner.example", "reject"))
    assert message(examined(PLAIN, identity=untold), POLICY) is ACCEPT


# ── points ──


@pytest.mark.parametrize(
    ("words", "signs", "together"),
    [(8.0, 5.0, 9.0), (5.0, 8.0, 9.0), (0.0, 6.0, 6.0), (-4.0, 6.0, -1.0), (-8.0, 6.0, -5.0), (6.0, -2.0, 4.0)],
)
def test_words_and_signs_that_agree_count_once_and_a_fifth(words: float, signs: float, together: float) -> None:
    assert _together(words, signs) == together


def test_a_letter_that_looks_wanted_has_less_than_no_points() -> None:
    assert score(with_points(-3.0), POLICY).points < -2
    assert score(examined(PLAIN, opinions=()), policy(engines=("rspamd://127.0.0.1:11333",))).points == 0


@pytest.mark.parametrize(
    ("points", "kind"),
    [(4.6, Kind.ACCEPT), (5.0, Kind.TAG), (8.0, Kind.QUARANTINE), (15.0, Kind.REJECT), (-3.0, Kind.ACCEPT)],
)
def test_points_mark_hold_and_refuse(points: float, kind: Kind) -> None:
    # A fifth of 0.3 for having nobody who vouches.
    assert message(with_points(points - 0.06), POLICY).kind is kind


def test_the_engine_that_gives_most_decides_in_our_points() -> None:
    both = policy(engines=("builtin", "rspamd://127.0.0.1:11333"))
    found = score(with_points(1.0, Opinion("rspamd", 12.0, 6.0, (Reason("BAYES", 12.0),))), both)
    assert found.points == 10.0
    assert [engine.engine for engine in found.engines] == ["builtin", "rspamd"]
    assert found.reasons[0].name == "BAYES"


def test_an_engine_that_advises_to_refuse_is_followed() -> None:
    both = policy(engines=("builtin", "rspamd://127.0.0.1:11333"))
    assert message(with_points(0.0, Opinion("rspamd", 3.0, 15.0, rejects=True)), both).kind is Kind.REJECT


def test_the_verdict_names_the_strongest_reasons_and_the_peer_hears_none() -> None:
    verdict = message(with_points(15.0), POLICY)
    assert verdict.says == "15.1 points: its words (+15.0), nobody vouches for the sender (+0.3)"
    assert verdict.tells == "Message refused as spam"


def test_a_listed_client_costs_what_the_setting_says() -> None:
    listing = policy(blocklists=("bl.test=127.0.0.2-11 +6", "other.test=127.0.0.2 +2.5"))
    on = NOBODY._replace(listings=(Listing("bl.test", True), Listing("other.test", Unknown("no answer"))))
    assert score(examined(PLAIN, identity=on), listing).points == 6.3


# ── engines that do not answer ──


@pytest.mark.parametrize(
    ("setting", "kind"),
    [("defer", Kind.DEFER), ("quarantine", Kind.QUARANTINE), ("accept-and-mark", Kind.TAG)],
)
@pytest.mark.parametrize("opinions", [(Failed("builtin", "the model is damaged"),), ()], ids=["failed", "absent"])
def test_an_engine_that_did_not_answer_is_no_pass(setting: str, kind: Kind, opinions: tuple[object, ...]) -> None:
    verdict = message(examined(PLAIN, opinions=opinions), policy(unavailable=setting))
    assert (verdict.kind, verdict.control) == (kind, "antispam.unavailable")
    assert "builtin" in verdict.says


def test_a_missing_engine_does_not_hide_what_another_has_found() -> None:
    both = policy(engines=("builtin", "rspamd://127.0.0.1:11333"))
    assert message(with_points(16.0, Failed("rspamd", "no answer")), both).kind is Kind.REJECT


def test_a_message_that_could_not_be_read_is_not_clean() -> None:
    unread = examined(PLAIN, reading=Unknown("the reader broke"), opinions=(Failed("builtin", "the reader broke"),))
    assert message(unread, POLICY).control == "antispam.unavailable"


def test_without_engines_nothing_is_judged() -> None:
    none = policy(engines=())
    assert message(examined(written("From: x@example.org"), opinions=()), POLICY).kind is Kind.QUARANTINE
    assert message(examined(written("From: x@example.org"), opinions=()), none) is ACCEPT


def test_mail_of_a_trusted_client_is_scored_and_not_accused() -> None:
    trusted = STRANGER._replace(trusted=True)
    ours = written("From: ann@example.org")
    assert message(examined(ours, client=trusted), POLICY) is ACCEPT
    loud = Opinion("builtin", 20.0, 5.0)
    assert message(examined(ours, client=trusted, opinions=(loud,)), POLICY).kind is Kind.REJECT
    assert UNMOVED.score == 0.0


def test_dmarc_is_not_asked_of_a_trusted_client() -> None:
    trusted = STRANGER._replace(trusted=True)
    mail = failing("reject")
    assert message(mail._replace(mail=mail.mail._replace(client=trusted)), POLICY) is ACCEPT


def test_where_the_classifier_is_broken_fraud_is_still_seen() -> None:
    fraud = examined_file(next(file for file in stored("phishing") if file.stem == "office-login"))
    broken = fraud._replace(opinions=(Failed("builtin", "the model is damaged"),))
    verdict = message(broken, POLICY)
    assert verdict.kind >= Kind.QUARANTINE
    assert verdict.control == "antispam.score"

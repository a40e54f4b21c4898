"""Mail from outside that claims to be from us, our people, or who is nearly us (SPAM-07)."""

import pytest

from lockdown.checklist.antispam.gate import message
from lockdown.checklist.antispam.shapes import FORGED, LOOK_ALIKE, PEOPLE, shapes
from lockdown.model.scan import Dmarc, Result, Spf
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import ACCEPT, Kind, Verdict
from tests.checklist.antispam.letters import NOBODY, POLICY, STRANGER, examined, policy, signed, written

OURS = "boss@example.org"
SPF_PASSES = NOBODY._replace(spf=Spf(Result.PASS, "example.org"))
HELD = (Kind.QUARANTINE, FORGED)


def judged(content: bytes, **different: object) -> tuple[Kind, str]:
    verdict = message(examined(content, **different), POLICY)  # type: ignore[arg-type]
    return verdict.kind, verdict.control


def test_our_envelope_alone_is_held() -> None:
    assert judged(written("From: Bob <bob@partner.example>"), sender=OURS) == HELD


def test_our_from_alone_is_held() -> None:
    assert judged(written(f"From: The Boss <{OURS}>")) == HELD


def test_a_sub_domain_of_ours_is_ours() -> None:
    assert judged(written("From: x@mail.example.org")) == HELD


def test_our_from_with_the_null_sender_is_held() -> None:
    assert judged(written(f"From: {OURS}"), sender="") == HELD


@pytest.mark.parametrize("identity", [SPF_PASSES, signed("example.org"), signed("mail.example.org")])
def test_our_from_is_taken_where_spf_or_dkim_vouches(identity: object) -> None:
    assert message(examined(written(f"From: {OURS}"), sender=OURS, identity=identity), POLICY) is ACCEPT


def test_spf_of_another_domain_does_not_vouch_for_ours() -> None:
    other = NOBODY._replace(spf=Spf(Result.PASS, "mail.test"))
    assert judged(written(f"From: {OURS}"), identity=other) == HELD


def test_spf_of_the_helo_name_does_not_vouch() -> None:
    helo = NOBODY._replace(spf=Spf(Result.PASS, "example.org", helo=True))
    assert judged(written(f"From: {OURS}"), sender="", identity=helo) == HELD


def test_one_of_ours_beside_a_stranger_in_from_is_held_whoever_signs() -> None:
    beside = written(f"From: {OURS}, x@theirs.test")
    assert judged(beside, identity=signed("example.org")) == HELD


def test_two_from_fields_with_ours_among_them_are_held() -> None:
    assert judged(written("From: x@theirs.test", f"From: {OURS}"), identity=signed("example.org")) == HELD


def test_a_trusted_client_is_us() -> None:
    trusted = STRANGER._replace(trusted=True)
    assert message(examined(written(f"From: {OURS}"), sender=OURS, client=trusted), POLICY) is ACCEPT


@pytest.mark.parametrize(
    "identity",
    [
        NOBODY._replace(spf=Spf(Result.TEMPERROR, "example.org", "no answer")),
        signed("example.org", Result.TEMPERROR),
    ],
)
def test_what_dns_could_not_tell_is_put_off(identity: object) -> None:
    content = written(f"From: {OURS}")
    assert judged(content, sender=OURS, identity=identity) == (Kind.DEFER, FORGED)


def test_where_dns_is_never_asked_nothing_is_put_off_for_ever() -> None:
    untold = NOBODY._replace(spf=Spf(Result.TEMPERROR, "example.org", "no resolver is set"))
    mail = examined(written(f"From: {OURS}"), sender=OURS, identity=untold)
    assert message(mail, policy(resolvers=())).kind is Kind.QUARANTINE
    unknown = examined(written(f"From: {OURS}"), identity=Unknown("no DNS"))
    assert message(unknown, policy(resolvers=())).kind is Kind.QUARANTINE


def test_the_setting_decides_what_becomes_of_a_forgery() -> None:
    mail = examined(written(f"From: {OURS}"))
    kinds = {name: message(mail, policy(forged=name)).kind for name in ("reject", "quarantine", "accept-and-mark")}
    assert kinds == {"reject": Kind.REJECT, "quarantine": Kind.QUARANTINE, "accept-and-mark": Kind.TAG}


def test_ours_through_a_mailing_list_is_held_and_not_refused() -> None:
    listed = written(f"From: {OURS}", "List-Id: <users.lists.test>")
    assert message(examined(listed, sender="users-bounces@lists.test"), policy(forged="reject")).kind is Kind.QUARANTINE


def test_dmarc_decides_of_a_list_where_our_record_asks_to_refuse() -> None:
    failing = NOBODY._replace(dmarc=Dmarc(Result.FAIL, "example.org", "reject", "example.org"))
    listed = written(f"From: {OURS}", "List-Id: <users.lists.test>")
    assert judged(listed, sender="users-bounces@lists.test", identity=failing) == (Kind.REJECT, "antispam.dmarc")


# ── names ──


@pytest.mark.parametrize(
    "sender",
    [
        "Ann Director <ann.director@gmail.com>",
        "Director, Ann <x@evil.test>",
        '"Dr. Ann Director (CEO)" <x@evil.test>',
        "=?utf-8?b?0JBubiBEaXJlY3Rvcg==?= <x@evil.test>",  # the A is Cyrillic
    ],
)
def test_the_name_of_a_protected_person_before_a_strange_address_is_held(sender: str) -> None:
    assert judged(written(f"From: {sender}"), identity=signed("gmail.com")) == (Kind.QUARANTINE, PEOPLE)


@pytest.mark.parametrize("sender", ["Ann Smith <ann@partner.example>", "Joanna Directorate <x@partner.example>"])
def test_a_name_that_is_only_partly_the_same_is_nobody_of_ours(sender: str) -> None:
    assert message(examined(written(f"From: {sender}")), POLICY) is ACCEPT


def test_our_address_as_a_display_name_is_held() -> None:
    assert judged(written(f'From: "{OURS}" <x@evil.test>')) == (Kind.QUARANTINE, LOOK_ALIKE)
    encoded = written("From: =?utf-8?q?boss=40example=2Eorg?= <x@evil.test>")
    assert judged(encoded) == (Kind.QUARANTINE, LOOK_ALIKE)


def test_a_service_that_names_us_and_signs_is_not_held() -> None:
    content = written(f'From: "{OURS} via Share" <no-reply@share.example>')
    assert message(examined(content, identity=signed("share.example")), POLICY).kind < Kind.QUARANTINE


def test_answers_that_leave_the_house_are_held_also_for_the_private_address_of_a_person() -> None:
    away = written(f"From: {OURS}", "Reply-To: boss@freemail.test")
    found = shapes(examined(away), POLICY)
    assert any("answers go to <boss@freemail.test>" in shape.says for shape in found)
    private = policy(people=("Ann Director <ann@example.org>, Ann Director <ann@private.test>",))
    content = written("From: Ann Director <ann@private.test>", "Reply-To: ann@evil.test")
    assert message(examined(content), private).kind is Kind.QUARANTINE
    assert message(examined(content, identity=signed("private.test")), private) is ACCEPT


# ── cousins ──


@pytest.mark.parametrize(
    "domain",
    [
        "examp1e.org",
        "exarnple.org",
        "xn--xample-2of.org",
        "exmaple.org",
        "exampe.org",
        "exxample.org",
        "example.org.evil.test",
        "example-login.test",
        "example-org.test",
        "acme-w0rks.example",
    ],
)
def test_a_look_alike_of_our_or_a_partners_domain_is_held_though_it_signs(domain: str) -> None:
    for content, sender in (
        (written(f"From: x@{domain}"), f"x@{domain}"),
        (written(f"From: x@{domain}"), "bounce@mail.test"),
        (written("From: x@mail.test", f"Reply-To: x@{domain}"), "bounce@mail.test"),
    ):
        assert judged(content, sender=sender, identity=signed(domain)) == (Kind.QUARANTINE, LOOK_ALIKE)


@pytest.mark.parametrize("domain", ["example.com", "example-gardens.test", "sample.org", "acme.example"])
def test_an_honest_neighbour_is_no_look_alike(domain: str) -> None:
    assert message(examined(written(f"From: x@{domain}"), sender=f"x@{domain}"), POLICY) is ACCEPT


def test_a_forgery_says_what_it_rests_on_and_tells_nothing() -> None:
    verdict: Verdict = message(examined(written(f"From: {OURS}")), policy(forged="reject"))
    assert OURS in verdict.says
    assert "SPF none" in verdict.says
    assert "SPF" not in verdict.tells
    assert (verdict.code, verdict.detail) == (550, "7.1")

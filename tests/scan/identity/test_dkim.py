"""DKIM: real signatures, the rules that libraries forget, and what is built to break a verifier."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown._vendor.dkim import canonicalization
from lockdown.model.scan import Dkim, Result
from lockdown.model.unknown import Unknown
from lockdown.scan import dkim
from lockdown.scan.dns import Answer, Records
from tests.rig.dns import ZoneDns
from tests.scan.identity.messages import on_the_wire, verify_dkim
from tests.scan.identity.signing import MESSAGE, ed25519_key, rsa_key, signed, weak_key, zone
from tests.scan.identity.suites import cases, exceptions

ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RSA = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/"
    "J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryO"
    "TIKT+l/K4w3QIDAQAB"
)
CHASQUID = "v=DKIM1; k=ed25519; p=SvoPT692bVrQBT8UNxt6SF538O3snA4fE3/i/glCxwQ="
PUBLISHED = {
    "brisbane._domainkey.football.example.com": {"TXT": [[ED25519]]},
    "test._domainkey.football.example.com": {"TXT": [[RSA]]},
    "test._domainkey.example.com": {"TXT": [[RSA]]},
    "selector._domainkey.example.com": {"TXT": [[CHASQUID]]},
}
"""The keys of RFC 8463 A, and those that the sets use with it."""
DIFFERENT = exceptions()


def only(found: tuple[Dkim, ...]) -> Dkim:
    assert len(found) == 1
    return found[0]


# ── the sets of others ──


def chasquid() -> list[Path]:
    return sorted((cases() / "chasquid-smtp").glob("dkim__testdata__*.msg"))


def chasquid_zone(path: Path) -> dict[str, dict[str, list[list[str]]]]:
    """`name: \\` and lines to the next empty one; a case without a zone has the usual keys."""
    if not path.exists():
        return PUBLISHED
    found: dict[str, dict[str, list[list[str]]]] = {}
    for entry in path.read_text().replace("\\\n", " ").splitlines():
        name, colon, text = entry.partition(":")
        if colon and text.strip() not in ("PERMERROR", "TEMPERROR"):
            found.setdefault(name.strip().lower(), {}).setdefault("TXT", []).append([text.strip()])
    return found


@pytest.mark.parametrize("path", chasquid(), ids=lambda path: path.stem)
def test_the_cases_of_chasquid_are_judged_alike(path: Path) -> None:
    error, expected = path.with_suffix(".error"), path.with_suffix(".result")
    if not expected.exists():
        pytest.skip("what is expected of it is not here")
    found = verify_dkim(ZoneDns(chasquid_zone(path.with_suffix(".dns"))), on_the_wire(path.read_bytes()))
    if error.exists() and error.read_text().strip() not in ("", "<nil>"):
        assert not any(one.result is Result.PASS for one in found)
        return
    for number, (one, wanted) in enumerate(zip(found, json.loads(expected.read_text())["Results"], strict=False)):
        name = f"chasquid-smtp/{path.stem}:{number}"
        passed = wanted["State"] == "SUCCESS" and name not in DIFFERENT
        assert (one.result is Result.PASS) == passed, f"{name}: {one}"


def dkimpy_data(name: str) -> bytes:
    path = cases() / "dkimpy-data" / name
    if not path.exists():
        pytest.skip("the sets are not here (LOCKDOWN_CASES names their folder)")
    return on_the_wire(path.read_bytes())


def test_the_two_signatures_of_rfc_8463_hold() -> None:
    found = verify_dkim(ZoneDns(PUBLISHED), dkimpy_data("rfc6376.signed.msg"))
    assert [(one.result, one.selector, one.bits) for one in found] == [
        (Result.PASS, "brisbane", 256),
        (Result.PASS, "test", 1024),
    ]


def test_a_signature_without_a_time_is_read_and_a_wrong_one_fails() -> None:
    assert only(verify_dkim(ZoneDns(PUBLISHED), dkimpy_data("rfc6376.signed.rsa.msg"))).result is Result.PASS
    assert only(verify_dkim(ZoneDns(PUBLISHED), dkimpy_data("rfc6376.signed.no_t.msg"))).result is Result.FAIL


def test_a_domain_with_brackets_in_it_is_no_domain() -> None:
    found = only(verify_dkim(ZoneDns(PUBLISHED), dkimpy_data("test.message.baddomain")))
    assert (found.result, found.domain) == (Result.PERMERROR, "")


def test_gmail_of_2012_still_holds() -> None:
    folder = cases() / "mimekit"
    if not folder.exists():
        pytest.skip("the sets are not here (LOCKDOWN_CASES names their folder)")
    key = "".join(line for line in (folder / "dkim__gmail.pub").read_text().splitlines() if "---" not in line)
    found = ZoneDns({"20120113._domainkey.gmail.com": {"TXT": [[f"k=rsa; p={key}"]]}})
    assert only(verify_dkim(found, on_the_wire((folder / "dkim__gmail.msg").read_bytes()))).result is Result.PASS


@pytest.mark.parametrize(
    "path", sorted((cases() / "spamassassin-dkim").glob("dkim__test-pass-*")), ids=lambda p: p.name
)
def test_the_body_hash_of_messages_known_as_good_is_right(path: Path) -> None:
    """Their keys are not among the sets; a body that was read otherwise would be told all the same."""
    for one in verify_dkim(lambda _name, _kind: Unknown("not asked"), on_the_wire(path.read_bytes())):
        assert one.result is Result.TEMPERROR or "rsa-sha1" in one.why, one


def test_signatures_that_cannot_be_read_do_not_crowd_out_the_real_one() -> None:
    path = cases() / "rspamd-messages" / "dkim_many_sigs.eml"
    if not path.exists():
        pytest.skip("the sets are not here (LOCKDOWN_CASES names their folder)")
    found = verify_dkim(ZoneDns({}), on_the_wire(path.read_bytes()))
    assert [one.why for one in found if one.domain == "taugh.com"] == ["no key is published"]


# ── the rules ──


@pytest.mark.parametrize("canonicalize", [(b"simple", b"simple"), (b"relaxed", b"simple"), (b"relaxed", b"relaxed")])
def test_a_signature_of_ours_holds_in_every_form(canonicalize: tuple[bytes, bytes]) -> None:
    found = only(verify_dkim(ZoneDns(zone()), signed(canonicalize=canonicalize)))
    assert (found.result, found.domain, found.bits) == (Result.PASS, "example.org", 2048)
    assert len(found.mark) == 8


def test_ed25519_holds_and_a_key_of_another_kind_does_not() -> None:
    private, record = ed25519_key()
    message = signed(key=private, signature_algorithm=b"ed25519-sha256")
    assert only(verify_dkim(ZoneDns(zone(record)), message)).result is Result.PASS
    assert only(verify_dkim(ZoneDns(zone()), message)).why == "the key is of another kind than the signature"


def test_of_two_records_the_one_that_fits_is_taken() -> None:
    both = {"s1._domainkey.example.org": {"TXT": [[ed25519_key()[1]], [rsa_key()[1]]]}}
    assert only(verify_dkim(ZoneDns(both), signed())).result is Result.PASS


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        (b"Hello,", b"Hullo,", Result.FAIL),
        (b"a plain  letter", b"another letter", Result.FAIL),
        (b"From: Ann", b"From: eve@example.com\r\nFrom: Ann", Result.FAIL),
        (b"a plain  letter", b"a plain letter", Result.PASS),
        (b"To: bob", b"X-New: field\r\nTo: bob", Result.PASS),
    ],
    ids=["body", "subject", "a second From", "white space", "an unsigned field"],
)
def test_what_is_changed_is_seen(old: bytes, new: bytes, result: Result) -> None:
    message = signed()
    assert only(verify_dkim(ZoneDns(zone()), message.replace(old, new, 1))).result is result


def test_a_second_from_is_seen_although_only_one_was_signed() -> None:
    message = signed(include_headers=[b"from", b"subject"])
    assert only(verify_dkim(ZoneDns(zone()), message)).result is Result.PASS
    forged = message.replace(b"From: Ann", b"From: eve@example.com\r\nFrom: Ann")
    assert only(verify_dkim(ZoneDns(zone()), forged)).result is Result.FAIL


def test_a_signature_that_leaves_from_out_is_an_error() -> None:
    value = b"v=1; a=rsa-sha256; d=example.org; s=s1; h=subject:to; bh=AAAA; b=AAAA"
    found = only(verify_dkim(ZoneDns(zone()), b"DKIM-Signature: " + value + b"\r\n" + MESSAGE))
    assert (found.result, found.why) == (Result.PERMERROR, "From is not signed (RFC 6376 5.4)")


def test_rsa_sha1_is_not_trusted_and_its_key_not_asked_for() -> None:
    dns = ZoneDns(zone())
    found = only(verify_dkim(dns, signed(signature_algorithm=b"rsa-sha1")))
    assert found.result is Result.POLICY
    assert dns.asked == []


def test_octets_behind_the_signed_length_are_policy_and_none_are_a_pass() -> None:
    message = signed(length=True)
    assert only(verify_dkim(ZoneDns(zone()), message)).result is Result.PASS
    found = only(verify_dkim(ZoneDns(zone()), message + b"Buy now!\r\n"))
    assert (found.result, "l=" in found.why) == (Result.POLICY, True)


def test_a_length_beyond_the_body_is_an_error() -> None:
    message = signed(length=True)
    start = message.index(b"l=")
    longer = message[: start + 2] + b"9" + message[start + 2 :]
    assert only(verify_dkim(ZoneDns(zone()), longer)).result is Result.PERMERROR


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("h=sha1; ", "the key does not allow this hash"),
        ("s=tlsrpt; ", "the key is not for mail"),
        ("s=other; ", "the key is not for mail"),
        ("v=DKIM2; ", "the key record cannot be read"),
        ("k=ed2014; ", "the key record cannot be read"),
    ],
)
def test_a_key_that_may_not_be_used_is_an_error(tag: str, why: str) -> None:
    record = rsa_key()[1].removeprefix("v=DKIM1; k=rsa; ")
    assert only(verify_dkim(ZoneDns(zone(tag + record)), signed())).why == why


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("v=DKIM1; p=", "the key was revoked"),
        ("v=DKIM1", "the key record has no key"),
        ("v=DKIM1; p=AAAA", "the key record cannot be read"),
        ("v=DKIM1; p=!", "the key record cannot be read"),
        ("rubbish", "the key record cannot be read"),
        ("p=" + "A" * 10_000, "a key record of 10002 octets"),
    ],
)
def test_a_broken_or_revoked_key_is_an_error(record: str, why: str) -> None:
    found = only(verify_dkim(ZoneDns(zone(record)), signed()))
    assert found.result is Result.PERMERROR
    assert found.why.startswith(why)


def test_a_missing_key_is_an_error_and_a_silent_server_a_passing_one() -> None:
    assert only(verify_dkim(ZoneDns({}), signed())).result is Result.PERMERROR
    assert only(verify_dkim(ZoneDns({"s1._domainkey.example.org": "TIMEOUT"}), signed())).result is Result.TEMPERROR


def test_a_key_for_several_services_of_which_mail_is_one_may_be_used() -> None:
    record = "s=tlsrpt:email; " + rsa_key()[1].removeprefix("v=DKIM1; k=rsa; ")
    assert only(verify_dkim(ZoneDns(zone(record)), signed())).result is Result.PASS


def test_a_key_of_fewer_than_1024_bits_is_policy_although_the_signature_holds() -> None:
    private, record = weak_key()
    found = only(verify_dkim(ZoneDns(zone(record)), signed(key=private)))
    assert (found.result, found.bits) == (Result.POLICY, 768)


def test_six_signatures_are_not_all_verified_and_the_rest_is_told() -> None:
    message = MESSAGE
    for _ in range(7):
        message = signed(message, include_headers=[b"from", b"subject"])
    found = verify_dkim(ZoneDns(zone()), message)
    assert [one.result for one in found] == [Result.PASS] * 5 + [Result.POLICY] * 2


def test_a_thousand_signatures_are_counted_not_verified() -> None:
    message = b"DKIM-Signature: v=1; a=rsa-sha256\r\n" * 1000 + MESSAGE
    found = verify_dkim(ZoneDns({}), message)
    assert len(found) == 20
    assert "981 more" in found[-1].why


def test_an_expired_signature_fails_and_one_of_the_future_is_an_error() -> None:
    message = signed()
    expired = message.replace(b" d=example.org;", b" d=example.org; x=1000000000;", 1)
    assert only(verify_dkim(ZoneDns(zone()), expired)).result is Result.FAIL
    future = message.replace(b" t=1", b" t=9", 1) if b" t=1" in message else message.replace(b"; t=1", b"; t=9", 1)
    assert only(verify_dkim(ZoneDns(zone()), future)).result is Result.PERMERROR


@pytest.mark.parametrize(
    "value",
    [
        b"", b";;;", b"=", b"v=1", b"v=1; v=1", b"a=rsa-sha256; b=" + b" " * 60_000 + b"!",
        b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=example.org; s=s1; h=" + b"x:" * 20_000 + b"from",
        b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=example.org; s=s1; h=from; t=" + b"9" * 10_000,
        b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=example.org; s=s1; h=from; l=" + b"9" * 70,
        b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=example.org; s=s1; h=from; c=loose/loose",
        b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=" + b"a." * 5000 + b"; s=s1; h=from",
        b"v=1; a=ed25519-sha256; b=A; bh=AAAA; d=example.org; s=s1; h=from",
        b"v=1; a=rsa-sha256; b=" + b"A" * 60_000 + b"; bh=AAAA; d=example.org; s=s1; h=from",
        b"\xff\xfe\x00",
    ],
    ids=lambda value: value[:20].decode("latin-1") + str(len(value)),
)  # fmt: skip
def test_a_hostile_signature_has_a_verdict_that_is_no_pass(value: bytes) -> None:
    for key in (rsa_key()[1], ed25519_key()[1]):
        message = b"DKIM-Signature: " + value.replace(b"\n", b"") + b"\r\n" + MESSAGE
        for one in verify_dkim(ZoneDns(zone(key)), message):
            assert one.result not in (Result.PASS, Result.NONE)


# ── the body hash: the library is the slow oracle ──

PIECES = st.sampled_from([b"a", b"b c", b" ", b"  ", b"\t", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b" \r\n", b"x\t y"])
BODIES = st.lists(PIECES, max_size=30).map(b"".join)


@settings(deadline=None)
@given(body=BODIES, cuts=st.lists(st.integers(0, 60), max_size=6))
def test_a_body_cut_anywhere_has_the_hash_of_the_library(body: bytes, cuts: list[int]) -> None:
    for relaxed, form in ((False, canonicalization.Simple), (True, canonicalization.Relaxed)):
        hasher = dkim._BodyHasher(dkim.BodyHash(relaxed))
        places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
        for start, end in itertools.pairwise(places):
            hasher.update(body[start:end])
        expected = form.canonicalize_body(body)
        assert hasher.finish() == dkim.BodyDigest(hashlib.sha256(expected).digest(), len(expected))


@settings(deadline=None)
@given(body=BODIES, limit=st.integers(0, 40))
def test_a_limit_hashes_the_first_octets_of_the_canonical_body(body: bytes, limit: int) -> None:
    expected = canonicalization.Relaxed.canonicalize_body(body)
    way = dkim.BodyHash(True, limit)
    assert dkim.body_digests(body, 0, [way])[way].digest == hashlib.sha256(expected[:limit]).digest()


@settings(deadline=None)
@given(octets=st.binary(max_size=400))
def test_any_octets_for_a_key_are_a_key_or_a_reason(octets: bytes) -> None:
    assert isinstance(dkim._key(octets), dkim.Key | str)


@settings(deadline=None)
@given(value=st.binary(max_size=300))
def test_any_octets_for_a_signature_have_a_verdict(value: bytes) -> None:
    def ask(_name: str, _kind: str) -> Answer:
        return Records((rsa_key()[1].encode(),))

    message = b"DKIM-Signature:" + value.replace(b"\n", b" ").replace(b"\r", b" ") + b"\r\n" + MESSAGE
    assert only(verify_dkim(ask, message)).result is not Result.PASS

"""How a header is put together, without a word of whom it is from."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.build import MOST_FIELDS, build_of
from lockdown.mime.letter import letter_of, under_header
from lockdown.mime.reader import read_message

WRITTEN = (
    ("received", b"from mx.shop.test (mx.shop.test [192.0.2.7]) by in.example.org with ESMTP id 4XyZ; now"),
    ("received", b"from [192.0.2.9] (dsl-192-0-2-9.net.test) by mx.shop.test with SMTP id 77AbCd12; then"),
    ("from", b'"A Shop" <news@shop.test>'),
    ("to", b"<ann@example.org>"),
    ("subject", b"=?utf-8?B?SGVsbG8=?="),
    ("date", b"Tue, 3 Nov 2026 09:14:03 +0100"),
    ("message-id", b"<20261103.77AbCd12@mx.shop.test>"),
    ("mime-version", b"1.0"),
    ("content-type", b'multipart/alternative; boundary="----=_Part_12.Ab"'),
    ("x-mailer", b"Some Mailer Deluxe 6.1"),
)


def changed(name: str, value: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((each, value if each == name else known) for each, known in WRITTEN)


def test_what_a_program_writes_is_told_by_form() -> None:
    build = build_of(WRITTEN, "shop.test")
    assert "mailer some mailer deluxe" in build and 'boundary "----=_Aa_9.Aa' in build
    assert "type multipart/alternative" in build and "order from>to" in build and "first from" in build
    assert "from quoted" in build and "to angle" in build and "subject-encoded b" in build


def test_the_way_is_told_by_form() -> None:
    build = build_of(WRITTEN, "shop.test")
    assert {"hops 2", "way-own", "id-on-way", "id-by-relay"} <= set(build)
    assert {"origin-greets numeric", "origin-dialled", "origin-with smtp"} <= set(build)
    assert "way-foreign" in build_of(WRITTEN, "bank.test")


def test_a_message_without_received_says_nothing_by_it() -> None:
    build = build_of(WRITTEN[2:], "shop.test")
    assert not [word for word in build if word.startswith(("hops", "way", "origin", "id-on", "id-not"))]


def test_names_days_and_places_are_no_part_of_it() -> None:
    """The same program on another day, from another house and zone, to another person."""
    for name, value in (
        ("date", b"Wed, 4 Mar 2027 11:25:40 -0800"),
        ("from", b'"B Club" <info@shop.test>'),
        ("to", b"<bob@example.net>"),
        ("message-id", b"<20271103.88XyZa99@mx.shop.test>"),
    ):
        one, other = set(build_of(WRITTEN[2:], "shop.test")), set(build_of(changed(name, value)[2:], "shop.test"))
        assert one == other, name


def test_impossible_zones_are_told() -> None:
    assert "zone odd" in build_of(changed("date", b"Tue, 3 Nov 2026 09:14:03 +1977"), "")
    assert "zone unknown" in build_of(changed("date", b"Tue, 3 Nov 2026 09:14:03 -0000"), "")


def test_a_header_without_end_is_read_to_its_bound() -> None:
    many = (("subject", b"x"),) * MOST_FIELDS
    assert build_of((*many, ("x-mailer", b"Late")), "") == build_of(many, "")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([name for name, _ in WRITTEN]), st.binary(max_size=400)), max_size=12),
    st.text(max_size=20),
)
def test_any_header_has_a_build(fields: list[tuple[str, bytes]], sender: str) -> None:
    for word in build_of(fields, sender):
        assert len(word) < 120


def test_another_header_over_the_same_body_has_its_own_build() -> None:
    body = b"\r\n\r\nHello, here is the plan.\r\n"
    one, other = (read_message(b"From: <a@a.test>\r\n%b" % each + body) for each in (b"X-Mailer: One", b"Subject: x"))
    assert under_header(letter_of(one), other.fields) == letter_of(other)

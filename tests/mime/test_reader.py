"""The reader of hostile messages: against readings that were checked by eye, against the limits it must keep, and
against random damage."""

import base64
import email.mime.multipart
import email.mime.text
import mmap
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.parts import Message, ReadLimits
from lockdown.mime.reader import read_message
from lockdown.model.scan import Ambiguity
from tests.mime.reading import told

FOLDER = Path(__file__).parent / "readings"
NAMES = sorted(path.stem for path in FOLDER.glob("*.eml"))
SLOPPY = (
    "plain-text", "no-mime-at-all", "header-only", "mbox-line-first", "attachment", "no-closing-boundary",
    "preamble-and-epilogue-of-prose", "space-behind-boundary", "boundary-with-equal-signs-unquoted",
    "footer-below-base64", "digest", "same-fields-twice", "name-in-two-spellings", "bounce",
    "multipart-declared-quoted-printable", "uuencode-without-mime", "prose-that-begins", "lines-of-equal-signs",
    "missing-semicolon-before-charset", "type-without-subtype", "from-with-comma-in-name", "name-in-pieces",
    "name-in-words-cut-within-a-letter", "message-in-message", "message-in-message-in-message", "winmail", "binhex",
    "character-set-as-encoding",
)  # fmt: skip
MIB = 1024 * 1024
HEADER = b"From: a@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n"


def on_the_wire(name: str) -> bytes:
    return (FOLDER / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")


def lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def whys(message: Message) -> set[str]:
    return {one.why for one in message.unread}


def mixed(body: bytes, boundary: bytes = b"b") -> bytes:
    return HEADER + b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body


# Readings.


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_read_as_written_beside_it(name: str) -> None:
    """Where they differ, the new reading is left beside the expected one as NAME.got."""
    expected, got = FOLDER / f"{name}.txt", told(read_message(on_the_wire(name)))
    if not expected.exists() or expected.read_text() != got:
        expected.with_suffix(".got").write_text(got)
    assert got == expected.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_message_with_line_feeds_alone_is_read_the_same(name: str) -> None:
    with_feeds = read_message(on_the_wire(name).replace(b"\r\n", b"\n"))
    assert told(with_feeds) == told(read_message(on_the_wire(name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_map_is_read_like_the_octets_themselves(name: str) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(on_the_wire(name))
        file.flush()
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
            assert told(read_message(view)) == told(read_message(on_the_wire(name)))


@pytest.mark.parametrize("name", SLOPPY)
def test_sloppy_mail_is_not_ambiguous_and_wholly_read(name: str) -> None:
    message = read_message(on_the_wire(name))
    assert message.ambiguities == ()
    assert message.unread == ()


def test_every_file_of_an_ambiguous_message_is_found_by_some_reading() -> None:
    """What is hidden is always the same sentence."""
    hidden = ("boundary", "two-content", "two-enc", "container", "part", "second", "text-within", "space-before")
    for name in NAMES:
        if name.startswith(hidden):
            found = [part.data() for part in read_message(on_the_wire(name)).leaves]
            assert any(b"a file that nobody should miss" in data for data in found), name


# What files cannot show.


def test_nul_is_ambiguous_and_what_others_see_without_it_is_read_too() -> None:
    secret = base64.b64encode(b"a file that nobody should miss")
    content = mixed(
        b"--b\r\nContent-Type: a/b\r\nContent-Trans\0fer-Encoding: base64\r\n\r\n" + secret + b"\r\n--b--\r\n"
    )
    message = read_message(content)
    assert Ambiguity.NUL in message.ambiguities
    assert b"a file that nobody should miss" in [part.data() for part in message.leaves]


def test_a_bare_carriage_return_is_ambiguous_and_read_as_a_line_end_too() -> None:
    content = (
        HEADER
        + b"X: y\rContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n\r\nfile\r\n--b--\r\n"
    )
    message = read_message(content)
    assert Ambiguity.BARE_NEWLINE in message.ambiguities
    assert ("a/b", b"file") in [(part.content_type, part.data()) for part in message.leaves]


def test_a_bare_line_feed_among_others_is_ambiguous() -> None:
    assert read_message(HEADER + b"\r\none\ntwo\r\n").ambiguities == (Ambiguity.BARE_NEWLINE,)


def test_the_fields_are_given_as_they_came() -> None:
    message = read_message(lines("From: a@example.org\nSubject: one\n two\nsubject:three\nX-Y:\n\nhello\n"))
    assert message.fields[1:] == (("subject", b"one\r\n two"), ("subject", b"three"), ("x-y", b""))
    assert message.values("subject") == (b"one\r\n two", b"three")
    assert message.header.endswith(b"X-Y:\r\n")


def test_a_part_says_where_it_lies() -> None:
    content = on_the_wire("attachment")
    part = read_message(content).parts[2]
    assert content[part.start : part.end] == part.raw()
    assert base64.b64decode(part.raw()) == part.data()


def test_a_part_is_decoded_once() -> None:
    part = read_message(on_the_wire("attachment")).parts[2]
    assert part.data() is part.data()


# Limits.


def test_more_parts_than_the_limit_are_not_read_and_it_is_said() -> None:
    message = read_message(mixed(b"--b\r\n\r\nx\r\n" * 150_000))
    assert len(message.parts) == 1000
    assert whys(message) == {"more than 1000 parts"}


def test_a_hundred_thousand_fields_are_cut_at_the_limit() -> None:
    message = read_message(HEADER + b"X: y\r\n" * 100_000 + b"\r\nhello\r\n")
    assert len(message.header) <= ReadLimits().max_header
    assert whys(message) == {"a header too long to be read"}


def test_a_header_line_of_a_megabyte_is_cut_at_the_limit() -> None:
    assert whys(read_message(HEADER + b"X: " + b"y" * MIB + b"\r\n\r\nhello\r\n")) == {"a header too long to be read"}


def test_a_part_header_of_a_megabyte_is_cut_at_the_limit() -> None:
    message = read_message(mixed(b"--b\r\nX: " + b"y" * MIB + b"\r\n\r\nx\r\n--b--\r\n"))
    assert whys(message) == {"a header too long to be read"}


def test_a_field_that_mail_servers_cut_is_ambiguous() -> None:
    assert Ambiguity.LONG_HEADER in read_message(HEADER + b"X: " + b"y" * 150_000 + b"\r\n\r\nhello\r\n").ambiguities


def test_parts_are_followed_as_deep_as_the_limit() -> None:
    level = b"--b%dx\r\nContent-Type: multipart/mixed; boundary=b%dx\r\n\r\n"
    nested = b"".join(level % (n, n + 1) for n in range(3000))
    message = read_message(mixed(nested, b"b0x"))
    assert max(part.depth for part in message.parts) == 20
    assert whys(message) == {"parts nested more than 20 deep"}


def test_messages_within_messages_are_followed_as_deep_as_the_limit() -> None:
    message = read_message(HEADER + b"Content-Type: message/rfc822\r\n\r\n" * 3000)
    assert whys(message) == {"parts nested more than 20 deep"}


def test_a_boundary_of_ten_kilobytes_still_parts() -> None:
    boundary = b"x" * 10_000
    message = read_message(mixed(b"--" + boundary + b"\r\n\r\none\r\n--" + boundary + b"--\r\n", boundary))
    assert Ambiguity.ODD_BOUNDARY in message.ambiguities
    assert [part.data() for part in message.leaves] == [b"one"]


def test_a_megabyte_of_encoded_words_in_a_name_is_read_to_a_limit() -> None:
    name = b" ".join([b"=?utf-8?Q?=41?="] * 60_000)
    message = read_message(
        HEADER + b'Content-Type: a/b; name="' + name + b'"\r\n\r\nx\r\n', ReadLimits(max_header=2 * MIB)
    )
    assert Ambiguity.LONG_HEADER in message.ambiguities
    assert len(message.parts[0].name) <= 16 * 1024


@pytest.mark.parametrize(
    "line", [b"begin 644 x\r\n", b"begin 644 x\r\n!!!\r\n", b"=ybegin name=x\r\n", b"=ybegin name=x\r\n=\r\n"]
)
def test_megabytes_of_beginnings_are_read_to_a_limit(line: bytes) -> None:
    message = read_message(HEADER + b"\r\n" + line * (4 * MIB // len(line)))
    assert len(message.parts) <= 1000
    assert message.unread


def test_lines_like_a_boundary_are_followed_to_a_limit() -> None:
    message = read_message(mixed(b"--b\r\n\r\nx\r\n" + b"--bb\r\nx\r\n" * 200_000))
    assert "too many lines that begin like a boundary" in whys(message)


def test_base64_of_a_million_pieces_is_read_to_a_limit() -> None:
    content = HEADER + b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QQ==" * 1_000_000
    assert "base64 joined from too many pieces" in whys(read_message(content))


def test_regions_that_hide_regions_are_followed_as_deep_as_the_limit() -> None:
    chain = b"".join(b"--c%dx\r\nContent-Type: a/b\r\n\r\nx\r\n--c%dx--\r\n\r\n" % (n, n) for n in range(3000))
    message = read_message(mixed(b"--b\r\n\r\nx\r\n--b--\r\n\r\n" + chain))
    assert Ambiguity.PART_AFTER_END in message.ambiguities
    assert whys(message) == {"parts nested more than 20 deep"}


def test_nothing_is_decoded_beyond_the_budget() -> None:
    message = read_message(on_the_wire("winmail"), ReadLimits(max_decoded=100))
    assert whys(message) == {"more to decode than is allowed"}


def test_a_binhex_bomb_is_not_unpacked() -> None:
    from tests.mime.test_decode import in_binhex

    bomb = in_binhex(b"\1x\0" + b"\0" * 20 + b"a\x90\xff" * 300_000, escape=False)
    message = read_message(HEADER + b"Content-Type: application/mac-binhex40\r\n\r\n" + bomb)
    assert whys(message) == {"BinHex with too many repeats"}


def test_a_binhex_file_that_claims_to_be_empty_is_read_nevertheless() -> None:
    from tests.mime.test_decode import in_binhex

    text = in_binhex(b"\1x\0" + b"\0" * 20 + b"a file that nobody should miss")
    message = read_message(HEADER + b"Content-Type: application/mac-binhex40\r\n\r\n" + text)
    assert message.parts[1].data().startswith(b"a file that nobody should miss")


# Damage.


def bounded(message: Message, content: bytes) -> None:
    assert len(message.parts) <= 1000
    assert len(set(message.ambiguities)) == len(message.ambiguities)
    for part in message.parts:
        assert 0 <= part.start <= part.end <= len(part.octets)
        assert len(part.data()) <= max(len(part.raw()), len(content) + 4)
        assert part.content_type == part.content_type.lower()


WORDS = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"--b", b"--b--", b"Content-Type: ", b"multipart/mixed; boundary=b",
    b"message/rfc822", b"text/plain", b"Content-Transfer-Encoding: base64", b"quoted-printable", b"QUJD", b"====", b'"',
    b"(", b"*0*=", b"=?utf-8?Q?", b"?=", b"begin 644 x\r\n", b"`\r\nend\r\n", b"=ybegin name=x\r\n", b"\xff",
    b"From: a@b", b"Content-Disposition: attachment; filename=", b"\x78\x9f\x3e\x22",
    b"(This file must be converted with BinHex 4.0)\r\n\r\n:",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=12)), max_size=60))
def test_no_octets_are_too_strange(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    bounded(read_message(content), content)


def test_damaged_messages_are_read_within_the_bounds() -> None:
    dice = random.Random(7)
    for name in NAMES:
        for _ in range(15):
            damaged = bytearray(on_the_wire(name))
            for _ in range(dice.randint(1, 6)):
                at = dice.randint(0, len(damaged))
                damaged[at : at + dice.randint(0, 9)] = dice.choice(WORDS)
            bounded(read_message(bytes(damaged)), bytes(damaged))


def test_a_message_is_read_wherever_it_is_cut_off() -> None:
    for name in ("winmail", "binhex", "uuencode-in-text", "name-in-pieces", "yenc-in-text", "bounce"):
        content = on_the_wire(name)
        for end in range(0, len(content), 7):
            bounded(read_message(content[:end]), content)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=80), min_size=1, max_size=8))
def test_what_the_standard_library_has_written_is_read_back(texts: list[str]) -> None:
    written = email.mime.multipart.MIMEMultipart()
    written["From"] = "a@example.org"
    for text in texts:
        written.attach(email.mime.text.MIMEText(text, "plain", "utf-8"))
    message = read_message(written.as_bytes().replace(b"\n", b"\r\n"))
    assert [part.data().decode() for part in message.leaves if "/" not in part.path] == texts

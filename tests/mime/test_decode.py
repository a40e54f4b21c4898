"""Encodings: each against a plain oracle that goes octet by octet or line by line, and against damage."""

import base64
import binascii
import quopri
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.binhex import binhex_files
from lockdown.mime.decode import (
    base64_decoded,
    base64_doubts,
    decoded,
    quoted_printable_decoded,
    quoted_printable_doubts,
)
from lockdown.mime.parameters import parsed
from lockdown.mime.tnef import tnef_members
from lockdown.mime.uudecode import uuencoded_files
from lockdown.mime.words import codec_of, decoded_words
from lockdown.mime.yenc import yencoded_files
from lockdown.model.scan import Ambiguity

_BINHEX = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def in_uu(data: bytes, end: bytes = b"\r\n") -> bytes:
    body = b"".join(binascii.b2a_uu(data[at : at + 45]).rstrip(b"\n") + end for at in range(0, len(data), 45))
    return b"begin 644 a.bin" + end + body + b"`" + end + b"end" + end


def in_yenc(data: bytes) -> bytes:
    packed = b""
    for octet in data:
        moved = (octet + 42) % 256
        packed += bytes((0x3D, (moved + 64) % 256)) if moved in b"\0\n\r=" else bytes((moved,))
    rows = b"\r\n".join(_rows(packed))
    return b"=ybegin line=128 size=1 name=a.bin\r\n" + rows + b"\r\n=yend size=1\r\n"


def _rows(packed: bytes) -> list[bytes]:
    """Rows of 128 octets, an escape never cut in two."""
    rows, row = [], b""
    for at in range(len(packed)):
        row += packed[at : at + 1]
        if len(row) >= 128 and not row.endswith(b"="):
            rows.append(row)
            row = b""
    return [*rows, row]


def in_binhex(plain: bytes, *, escape: bool = True) -> bytes:
    """Plain is name, header and forks together."""
    packed = plain.replace(b"\x90", b"\x90\0") if escape else plain
    text = base64.b64encode(packed + b"\0" * (-len(packed) % 3)).decode().translate(str.maketrans(_BASE64, _BINHEX))
    rows = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"(This file must be converted with BinHex 4.0)\r\n\r\n:" + "\r\n".join(rows).encode() + b":\r\n"


@given(st.binary(max_size=2000))
def test_base64_is_read_back(data: bytes) -> None:
    assert base64_decoded(base64.encodebytes(data)) == data
    assert base64_doubts(base64.encodebytes(data)).ambiguity is None


@given(st.binary(max_size=300))
def test_base64_without_its_padding_is_read_back(data: bytes) -> None:
    assert base64_decoded(base64.b64encode(data).rstrip(b"=")) == data


# The library leaves a CR before a line end as it is, which no reader can tell from that line end.
@given(st.binary(max_size=500).map(lambda data: data.replace(b"\r", b"")))
def test_quoted_printable_is_read_back(data: bytes) -> None:
    written = quopri.encodestring(data, quotetabs=True)
    assert quoted_printable_decoded(written) == data
    assert quoted_printable_doubts(written, data).ambiguity is None


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@given(data=st.binary(min_size=1, max_size=2000))
@settings(max_examples=50)
def test_uuencode_is_read_back(end: bytes, data: bytes) -> None:
    found = list(uuencoded_files(b"text" + end + in_uu(data, end) + b"text"))
    assert [(one.name, one.data) for one in found] == [(b"a.bin", data)]


@given(st.binary(min_size=1, max_size=600))
@settings(max_examples=50)
def test_yenc_is_read_back(data: bytes) -> None:
    assert [one.data for one in yencoded_files(b"text\r\n" + in_yenc(data))] == [data]


def test_yenc_that_escapes_what_it_need_not_is_read_back() -> None:
    data = bytes(range(256))
    packed = b"".join(bytes((0x3D, (octet + 106) % 256)) for octet in data if (octet + 106) % 256 not in b"\r\n")
    found = list(yencoded_files(b"=ybegin name=a\r\n" + packed + b"\r\n=yend \r\n"))
    assert found[0].data == bytes(octet for octet in data if (octet + 106) % 256 not in b"\r\n")


@given(st.binary(min_size=1, max_size=600))
@settings(max_examples=50)
def test_binhex_is_read_back(data: bytes) -> None:
    head = b"\5a.bin\0TEXTttxt\0\0" + len(data).to_bytes(4, "big") + b"\0\0\0\0" + b"\0\0"
    found = binhex_files(in_binhex(head + data + b"\0\0"))
    assert [(one.name, one.data) for one in found] == [(b"a.bin", data)]


@given(st.binary(max_size=400), st.sampled_from(["base64", "quoted-printable", "x-uuencode", "x-yenc", "8bit", "?"]))
def test_nothing_decodes_to_more_than_it_was(raw: bytes, encoding: str) -> None:
    assert len(decoded(raw, encoding)) <= len(raw) + 2


@given(st.binary(max_size=400))
def test_no_octets_are_too_strange_for_tnef(octets: bytes) -> None:
    list(tnef_members(octets))
    list(tnef_members(b"\x78\x9f\x3e\x22\0\0" + octets))


def test_tnef_of_too_many_attributes_is_not_read_to_its_end() -> None:
    endless = b"\x78\x9f\x3e\x22\0\0" + (b"\1" + b"\0" * 10) * 20_000
    assert [one.unread for one in tnef_members(endless)] == ["too many TNEF attributes"]


@pytest.mark.parametrize(
    ("raw", "other"),
    [
        (b"QUI=\r\nQ0Q=\r\n", b"ABCD"),  # begun anew after a padding
        (b"QUJD!!!!REVG\r\n", None),
        (b"QUJDREVGR\r\n", None),  # six bits too many
    ],
)
def test_base64_that_programs_read_differently_is_broken(raw: bytes, other: bytes | None) -> None:
    doubts = base64_doubts(raw)
    assert doubts.ambiguity is Ambiguity.BROKEN_BASE64
    assert other is None or other in doubts.others


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"=?utf-8?Q?caf=C3=A9?=", "café"),
        (b"=?utf-8?Q?ca?= =?utf-8?Q?f=C3=A9?=", "café"),
        (b"=?utf-8?B?w6k?=", "é"),  # its padding is missing
        (b"=?iso-8859-1*de?q?=FC?= x", "ü x"),  # RFC 2231 5
        (b"=?no-such-set?Q?caf=C3=A9?=", "café"),
        (b"=?utf-8?Q?a_b?=", "a b"),
        (b"=?utf-8?Q?a b?=", "a b"),
        (b"a =?utf-8?Q?=C3?= =?utf-8?Q?=A9?= b", "a é b"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),
        (b"=?utf-8?X?a?=", "=?utf-8?X?a?="),
        (b"one\r\n two", "one two"),
    ],
)
def test_encoded_words_are_shown_as_a_person_reads_them(written: bytes, shown: str) -> None:
    assert decoded_words(written) == shown


@given(st.binary(max_size=300))
def test_no_octets_are_too_strange_for_words_and_parameters(octets: bytes) -> None:
    decoded_words(octets)
    parsed(octets)
    parsed(b"multipart/mixed; boundary=" + octets)


@pytest.mark.parametrize(
    "charset", ["idna", "punycode", "unicode_escape", "zlib_codec", "../../etc", "rot13", "uu", ""]
)
def test_what_is_no_character_set_is_never_looked_up(charset: str) -> None:
    assert codec_of(charset) == ""


def test_every_damage_of_a_uuencoded_file_ends_somewhere() -> None:
    dice, whole = random.Random(3), in_uu(bytes(range(256)) * 4)
    for _ in range(300):
        damaged = bytearray(whole)
        at = dice.randint(0, len(damaged))
        damaged[at : at + dice.randint(0, 50)] = dice.randbytes(3)
        assert sum(len(one.data) for one in uuencoded_files(bytes(damaged))) <= len(whole)

"""The fast reader of bodies against the slow one."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.smtp import DataFlaw, Unstuffer, stuff, unstuff
from lockdown.smtp.data import DataReader

from .oracles import slow_body, slow_unstuff

# Bodies of what matters: line ends whole and broken, dots, and a few octets between them.
FRAGMENTS = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b".", b"..", b"\0", b"a", b"text", b".\r\n", b"\r\n.\r\n", b"\r\n."]
)
BODIES = st.lists(FRAGMENTS, max_size=24).map(b"".join)
CUTS = st.lists(st.integers(0, 80), max_size=8).map(sorted)


def pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *(min(cut, len(octets)) for cut in cuts), len(octets)]
    return [octets[a:b] for a, b in pairwise(edges)]


def read(parts: list[bytes], max_size: int = 0, max_line: int = 1000) -> tuple[DataReader, bytes, bytes]:
    reader = DataReader(max_size, max_line)
    delivered, rest = b"", b""
    for part in parts:
        if reader.ended:
            rest += part
            continue
        chunk, rest = reader.feed(part)
        delivered += chunk
    return reader, delivered, rest


@given(BODIES, CUTS, st.sampled_from([0, 5, 20]), st.sampled_from([4, 9, 1000]))
@settings(max_examples=600, deadline=None)
def test_the_fast_reader_agrees_with_the_slow_one_however_it_is_cut(
    received: bytes, cuts: list[int], max_size: int, max_line: int
) -> None:
    expected = slow_body(received, max_size, max_line)
    reader, delivered, rest = read(pieces(received, cuts), max_size, max_line)
    assert reader.ended == (expected is not None)
    if expected is None:
        return
    assert reader.flaw == expected.flaw
    if expected.flaw is not DataFlaw.OVERRUN:
        assert (reader.size, reader.wire_size) == (len(expected.content), len(expected.wire))
        assert rest == expected.rest
    if expected.flaw is None:
        assert delivered == expected.wire


@given(BODIES, CUTS)
@settings(max_examples=300, deadline=None)
def test_unstuffing_agrees_with_the_slow_one_however_it_is_cut(wire: bytes, cuts: list[int]) -> None:
    unstuffer = Unstuffer()
    assert b"".join(unstuffer.feed(piece) for piece in pieces(wire, cuts)) == slow_unstuff(wire) == unstuff(wire)


@given(BODIES)
def test_what_is_stuffed_comes_back_and_never_holds_the_end(content: bytes) -> None:
    wire = stuff(content)
    assert unstuff(wire) == content
    assert b"\r\n.\r\n" not in b"\r\n" + wire


def test_a_chunk_without_anything_held_is_passed_on_as_it_came() -> None:
    reader = DataReader(0, 1000)
    reader.feed(b"first line\r\nhalf")
    chunk = b" a line and more\r\nand the next"
    assert reader.feed(chunk)[0] is chunk


def test_what_may_be_the_end_is_held_back_until_it_is_known() -> None:
    reader = DataReader(0, 1000)
    assert reader.feed(b"text\r\n.")[0] == b"text"
    assert reader.feed(b"more")[0] == b"\r\n.more"


def test_nothing_is_delivered_after_a_flaw() -> None:
    reader = DataReader(0, 1000)
    assert reader.feed(b"text\n") == (b"", b"")
    assert reader.feed(b"more\r\n") == (b"", b"")
    assert reader.feed(b".\r\nQUIT\r\n") == (b"", b"QUIT\r\n")
    assert reader.flaw is DataFlaw.BARE_LF


def test_a_last_piece_that_is_clean_itself_is_not_delivered_after_a_flaw() -> None:
    reader = DataReader(0, 1000)
    assert reader.feed(b"a bare\nnewline\r\n") == (b"", b"")
    assert reader.feed(b"a clean line\r\n.\r\n") == (b"", b"")
    assert reader.ended
    assert reader.flaw is DataFlaw.BARE_LF


@pytest.mark.parametrize(
    "variant",
    [
        b"\n.\n",
        b"\r.\r",
        b"\r.\n",
        b"\n.\r",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\r\n.\r\r\n",
    ],
    ids=repr,
)
def test_no_imitation_of_the_end_ends_the_body(variant: bytes) -> None:
    for cut in range(len(variant) + 1):
        reader, _, rest = read([b"one" + variant[:cut], variant[cut:] + b"two\r\n"])
        assert not reader.ended
        assert rest == b""
        assert reader.feed(b".\r\nNOOP\r\n")[1] == b"NOOP\r\n"
        assert (reader.flaw is None) == (b"\0" in variant)


def test_a_body_of_a_hundred_mebibytes_is_never_held() -> None:
    reader = DataReader(0, 1000)
    chunk = b"x" * 70 + b"\r\n"
    held = [len(reader._held) for _ in range(1000) if reader.feed(chunk * 900)]
    assert reader.wire_size == 1000 * 900 * 72 - 2
    assert max(held) <= 4

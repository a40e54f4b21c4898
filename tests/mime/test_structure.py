"""The count of parts: against goldens, against the tree that a message was made from, against the standard library,
and against those who want it to be slow or wrong."""

import email
import email.message
import mmap
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.header import header_block
from lockdown.mime.structure import PART_HEADER_LIMIT, scan_structure
from lockdown.model.mail import Structure
from lockdown.model.unknown import Unknown
from tests.rig.corpora import Specimen, message_sets, spam_and_ham, why_no_corpora

FOLDER = Path(__file__).parent / "structures"
MIB = 1024 * 1024
HEADER_LIMIT = 256 * 1024


def scan(content: bytes, *, parts: int = 1000, nesting: int = 20, budget: int | None = None) -> Structure | Unknown:
    end = header_block(content, HEADER_LIMIT).end
    return scan_structure(content, header_end=end, max_parts=parts, max_nesting=nesting, budget=budget)


def lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def goldens() -> list[tuple[str, str]]:
    written = (FOLDER / "expected.txt").read_text().splitlines()
    pairs = [line.split(maxsplit=1) for line in written if line and not line.startswith("#")]
    return [(name, expected) for name, expected in pairs]


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def in_words(found: Structure | Unknown) -> str:
    match found:
        case Unknown(why) | Structure(unread=why) if why:
            return why
        case Structure(parts, nesting):
            return f"{parts} {nesting}"
    raise AssertionError(found)


@pytest.mark.parametrize(("name", "expected"), goldens())
def test_the_parts_of_a_golden_message_are_counted(name: str, expected: str) -> None:
    assert in_words(scan(golden(name))) == expected


def test_every_golden_message_has_its_expected_count() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == {name for name, _ in goldens()}


@pytest.mark.parametrize("name", [name for name, _ in goldens()])
def test_a_map_and_a_view_are_counted_like_the_octets_themselves(name: str) -> None:
    content = golden(name)
    end = header_block(content, HEADER_LIMIT).end
    with mapped(content) as view:
        for form in (view, memoryview(content)):
            assert scan_structure(form, header_end=end, max_parts=1000, max_nesting=20) == scan(content)


@contextmanager
def mapped(content: bytes) -> Iterator[mmap.mmap]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
            yield view


# Limits.


def multipart(parts: int, boundary: str = "abc") -> bytes:
    return lines(f"Content-Type: multipart/mixed; boundary={boundary}\n\n" + f"--{boundary}\n\nx\n" * parts)


def test_as_many_parts_as_allowed_are_counted_and_one_more_ends_the_count() -> None:
    # The message itself is a part.
    assert scan(multipart(9), parts=10) == Structure(10, 1)
    assert scan(multipart(10), parts=10) == Structure(11, 1, "more than 10 parts")
    assert scan(multipart(100_000), parts=10) == Structure(11, 1, "more than 10 parts")


def nested_messages(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: inmost\r\n\r\nhello\r\n"


def test_as_deep_as_allowed_is_counted_and_one_deeper_ends_the_count() -> None:
    assert scan(nested_messages(5), nesting=5) == Structure(6, 5)
    assert scan(nested_messages(6), nesting=5) == Structure(7, 6, "parts nested more than 5 deep")


def test_ten_thousand_messages_within_each_other_are_no_trouble_even_without_a_limit() -> None:
    assert scan(nested_messages(10_000), parts=100_000, nesting=100_000) == Structure(10_001, 10_000)


def test_lines_that_only_begin_like_a_delimiter_are_text_and_too_many_of_them_are_told() -> None:
    def alike(count: int) -> bytes:
        return lines("Content-Type: multipart/mixed; boundary=abc\n\n--abc\n\n" + "--abcd\n" * count + "--abc--\n")

    assert scan(alike(10), parts=10) == Structure(2, 1)
    assert in_words(scan(alike(11), parts=10)) == "too many lines that begin like a delimiter"


def test_a_part_whose_header_does_not_end_is_told() -> None:
    endless = multipart(1) + b"--abc\r\n" + b"X-Padding: xxxxxxxx\r\n" * (PART_HEADER_LIMIT // 21 + 1)
    assert in_words(scan(endless + b"Content-Type: multipart/mixed; boundary=hidden\r\n\r\n")) == (
        "the header of a part does not end"
    )


def test_the_first_reason_to_stop_is_the_one_that_is_told() -> None:
    both = multipart(1) + b"--abc\r\nContent-Type: multipart/mixed\r\n" + b"X-Padding: xxxxxxxx\r\n" * PART_HEADER_LIMIT
    assert in_words(scan(both)) == "the header of a part does not end"


def test_a_header_of_more_than_a_megabyte_is_unknown() -> None:
    content = b"X: y\r\n" * 200_000 + b"\r\n"
    found = scan_structure(content, header_end=len(content) - 2, max_parts=10, max_nesting=10)
    assert found == Unknown("a header of more than a megabyte is not read")


def nested_multiparts(depth: int, text: bytes) -> bytes:
    levels = "".join(f"Content-Type: multipart/mixed; boundary=L{n}\n\n--L{n}\n" for n in range(depth))
    return lines(levels) + b"\r\n" + text


def test_a_search_that_costs_more_than_its_budget_is_told() -> None:
    content = nested_multiparts(10, b"x" * 100_000)
    assert scan(content, budget=2_000_000) == Structure(11, 10)
    assert in_words(scan(content, budget=200_000)) == "more to search than is allowed"


def test_a_large_message_may_be_forwarded_twice_and_a_small_one_may_nest_to_the_limit() -> None:
    assert scan(nested_multiparts(3, b"x" * 25 * MIB)) == Structure(4, 3)
    assert scan(nested_multiparts(20, b"hello")) == Structure(21, 20)
    assert in_words(scan(nested_multiparts(20, b"x" * 25 * MIB))) == "more to search than is allowed"


HOSTILE = {
    "lines of two dashes": (b"\r\n--", 1),
    "delimiters": (b"\r\n--abc", 1001),
    "lines that begin like a delimiter": (b"\r\n--abcd", 1),
    "lines that nearly begin like a delimiter": (b"\r\n--abd", 1),
    "one line of dashes": (b"-", 1),
    "parts that open multiparts": (b"\r\n--abc\r\nContent-Type: multipart/mixed; boundary=abd\r\n\r\n", 1001),
    "parts of spaces": (b"\r\n--abc" + b" " * 5_000 + b"\r\n", 1001),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_twenty_five_megabytes_of_bad_will_cost_little(name: str) -> None:
    pattern, parts = HOSTILE[name]
    header = b"Content-Type: multipart/mixed; boundary=abc\r\n"
    content = header + pattern * (25 * MIB // len(pattern))
    with mapped(content) as view:
        for form in (content, view):
            started = time.process_time()
            found = scan_structure(form, header_end=len(header), max_parts=1000, max_nesting=20)
            # Measured 1 to 60 ms; a loop over these lines in Python needs seconds.
            assert time.process_time() - started < 0.7
            assert isinstance(found, Structure)
            assert found.parts == parts


@pytest.mark.parametrize(
    "value",
    [
        b"multipart/mixed" + b"(" * 15_000,
        b"multipart/mixed" + b" " * 15_000 + b";",
        b"multipart/mixed;" + b'a="' * 5_000,
        b"multipart/mixed;" + b"a*0*" * 3_500,
        b"multipart/mixed;" + b'"\\' * 7_000,
        b"multipart/mixed; boundary" + b" " * 15_000 + b"x",
        b"(" * 7_000 + b")" * 7_000 + b"multipart/mixed",
    ],
)
def test_a_content_type_made_to_be_slow_is_not(value: bytes) -> None:
    started = time.process_time()
    found = scan(b"Content-Type: " + value + b"\r\n\r\nhello\r\n")
    assert time.process_time() - started < 0.5
    assert found == Unknown("a multipart without a usable boundary")


def test_a_content_type_of_many_kilobytes_is_unknown() -> None:
    content = b"Content-Type: multipart/mixed; x=" + b"y" * 20_000 + b"; boundary=abc\r\n\r\n"
    assert scan(content) == Unknown("a Content-Type of many kilobytes")


# Any tree of parts, written out, is counted as it was made.


@dataclass(frozen=True)
class Leaf:
    text: bytes


@dataclass(frozen=True)
class Container:
    parts: tuple["Node", ...]
    suffix: str


@dataclass(frozen=True)
class Embedded:
    message: "Node"


Node = Leaf | Container | Embedded

TEXTS = st.lists(
    st.sampled_from(
        [b"hello", b"--", b"--b", b"-- ", b"--b0-", b"Content-Type: multipart/mixed; boundary=b0", b"", b".."]
    ),
    max_size=4,
).map(b"\r\n".join)
TREES: st.SearchStrategy[Node] = st.recursive(
    TEXTS.map(Leaf),
    lambda inner: st.one_of(
        st.builds(Container, st.lists(inner, min_size=1, max_size=4).map(tuple), st.sampled_from(["", "-", "-x", "'"])),
        st.builds(Embedded, inner),
    ),
    max_leaves=12,
)


def written(node: Node, boundary: str = "b0") -> bytes:
    """The entity with its header. Boundaries of inner levels begin with those of outer ones, the hardest case."""
    match node:
        case Leaf(text):
            return b"Content-Type: text/plain\r\n\r\n" + text + b"\r\n"
        case Embedded(message):
            return b"Content-Type: message/rfc822\r\n\r\n" + written(message, boundary)
        case Container(parts, suffix):
            own = boundary + suffix + "0"
            delimiter = f"\r\n--{own}".encode()
            body = b"".join(delimiter + b"\r\n" + written(part, own) for part in parts)
            return f'Content-Type: multipart/mixed; boundary="{own}"\r\n'.encode() + body + delimiter + b"--\r\n"


def measured(node: Node) -> tuple[int, int]:
    inner = {Leaf: (), Container: getattr(node, "parts", ()), Embedded: (getattr(node, "message", None),)}[type(node)]
    counts = [measured(part) for part in inner]
    return 1 + sum(parts for parts, _ in counts), max((depth + 1 for _, depth in counts), default=0)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_a_tree_of_parts_is_counted_as_it_was_made(tree: Node) -> None:
    assert scan(b"Subject: tree\r\n" + written(tree)) == Structure(*measured(tree))


TOKENS = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"--", b"--a", b"--ab", b"a", b'"', b"(", b")", b";", b"=", b"*0", b" ", b"\t", b"\\",
     b"\0", b"\xff", b"Content-Type:", b"multipart/mixed", b"multipart/digest", b"message/rfc822", b"; boundary=a",
     b'; boundary="ab"', b"boundary*"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(TOKENS, st.binary(max_size=4)), max_size=60).map(b"".join))
def test_no_octets_whatever_raise_and_the_count_keeps_its_limits(content: bytes) -> None:
    found = scan(content, parts=5, nesting=3)
    if isinstance(found, Structure):
        assert 1 <= found.parts <= 6
        assert 0 <= found.nesting <= 4


@given(st.binary(max_size=200), st.integers(0, 300))
def test_a_header_end_that_is_wrong_raises_nothing(content: bytes, end: int) -> None:
    scan_structure(
        b"Content-Type: multipart/mixed; boundary=a\r\n" + content, header_end=end, max_parts=5, max_nesting=3
    )


# Real messages.


def measured_by_the_library(content: bytes) -> tuple[int, int]:
    def depth(part: Message, above: int = 0) -> int:
        inner = part.get_payload() if part.is_multipart() else []
        return max([above, *(depth(child, above + 1) for child in inner)])  # type: ignore[union-attr,arg-type]

    message = email.message_from_bytes(content)
    return sum(1 for _ in message.walk()), depth(message)


def is_counted_alike(specimen: Specimen) -> bool:
    """The library splits every message/* (delivery reports, external bodies), and joins doubled delimiters: not we."""
    message = email.message_from_bytes(specimen.content)
    types = {part.get_content_type() for part in message.walk()}
    odd = {name for name in types if name.startswith("message/")} - {"message/rfc822", "message/global"}
    return not odd and not any(part.defects for part in message.walk())


corpora = pytest.mark.skipif(bool(why_no_corpora()), reason=why_no_corpora() or "the corpora are here")


@corpora
def test_real_messages_without_defects_are_counted_like_the_library_counts_them() -> None:
    alike = [specimen for specimen in [*message_sets(), *spam_and_ham(400)] if is_counted_alike(specimen)]
    assert len(alike) > 500
    different = [
        specimen.name
        for specimen in alike
        if scan(specimen.content) != Structure(*measured_by_the_library(specimen.content))
    ]
    # Both have two delimiters in a row: an empty part to us, nothing to the library.
    assert set(different) <= {"mime4j-mimetools/double-bound.msg", "mime4j-mimetools/2002_06_12_doublebound.msg"}


@corpora
def test_real_ham_is_never_held_for_its_structure() -> None:
    held = [(ham.name, scan(ham.content)) for ham in spam_and_ham(800) if len(in_words(scan(ham.content)).split()) != 2]
    assert held == []

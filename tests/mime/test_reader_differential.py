"""The reader against the standard library's parser, over the messages that other parsers are tested with: the same
leaves with the same content under the same names, or a line in differences.txt that says why not."""

import email
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as TheirMessage
from pathlib import Path

import pytest

from lockdown.mime.parts import Message, Part
from lockdown.mime.reader import read_message
from lockdown.mime.tnef import tnef_members
from tests.rig.corpora import Specimen, _cases, message_sets, spam_and_ham, why_no_corpora

DIFFERENCES = Path(__file__).parent / "differences.txt"
NOT_AS_THEY = ("missing-inner-boundary.msg",)
"""An inner multipart of which only the end is there: to them it has no content, we keep it as a text."""
Leaf = tuple[str, bytes, str]

pytestmark = pytest.mark.skipif(bool(why_no_corpora()), reason=why_no_corpora())


def argued() -> dict[str, str]:
    """Name of a message to why the two differ on it."""
    lines = DIFFERENCES.read_text().splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


def their_leaves(content: bytes) -> list[Leaf]:
    return list(_walk(email.message_from_bytes(content)))


def _walk(part: TheirMessage) -> Iterator[Leaf]:
    kind = part.get_content_type()
    if kind.startswith("message/") and kind != "message/rfc822":
        yield kind, b"", _name(part)  # they take these apart; nobody else does
    elif part.is_multipart():
        for member in part.get_payload():
            yield from _walk(member)  # type: ignore[arg-type]
    else:
        payload = part.get_payload(decode=True)
        yield kind, _trimmed(payload if isinstance(payload, bytes) else b""), _name(part)


def _name(part: TheirMessage) -> str:
    try:
        return str(make_header(decode_header(part.get_filename() or ""))).strip()
    except (MessageError, LookupError, UnicodeError):
        return part.get_filename() or ""


def our_leaves(message: Message) -> list[Leaf]:
    """The first reading of each part; files within texts are beyond them."""
    return [_leaf(part) for part in message.leaves if "~" not in part.path and "/" not in part.path]


def _leaf(part: Part) -> Leaf:
    is_report = part.content_type.startswith("message/")
    return part.content_type, b"" if is_report else _trimmed(part.data()), part.name


def _trimmed(data: bytes) -> bytes:
    """Whether the last line end belongs to a part or to the delimiter is not always agreed upon."""
    return data.rstrip(b"\r\n \t")


def same(specimen: Specimen) -> bool:
    return our_leaves(read_message(specimen.content)) == their_leaves(specimen.content)


def test_every_leaf_of_the_sets_is_read_as_the_standard_library_reads_it_or_the_difference_is_argued() -> None:
    expected = argued()
    different = {specimen.name for specimen in message_sets() if not same(specimen)}
    assert sorted(different - set(expected)) == []
    present = {specimen.name for specimen in message_sets()}
    assert sorted((set(expected) & present) - different) == [], "no longer different: strike it out"


def test_another_project_has_decoded_the_same_leaves_to_the_same_content() -> None:
    compared = 0
    for tree in sorted((_cases() or Path()).glob("mime4j-*/*_decoded.xml")):
        message = tree.with_name(tree.name.replace("_decoded.xml", ".msg"))
        if not message.exists() or message.name in NOT_AS_THEY:
            continue
        names = re.findall(r'<(?:text|binary)-body name="([^"]+)"', tree.read_text("latin-1"))
        leaves = our_leaves(read_message(_with_line_ends(message.read_bytes(), b"\r\n")))
        assert len(leaves) == len(names), message.name
        for name, (_, data, _) in zip(names, leaves, strict=True):
            if (expected := tree.with_name(name)).exists():
                compared += 1
                assert _trimmed(_with_line_ends(data, b"\n")) == _trimmed(_with_line_ends(expected.read_bytes(), b"\n"))
    assert compared > 20


def _with_line_ends(octets: bytes, end: bytes) -> bytes:
    return re.sub(rb"\r\n|\r|\n", end, octets)


def test_ordinary_mail_is_read_as_the_standard_library_reads_it() -> None:
    specimens = spam_and_ham(500)
    different = [specimen.name for specimen in specimens if not same(specimen)]
    assert len(different) <= len(specimens) // 50, different


def test_ordinary_mail_is_not_ambiguous() -> None:
    wanted = [specimen for specimen in spam_and_ham(2000) if "ham" in specimen.name]
    ambiguous = {specimen.name: read_message(specimen.content).ambiguities for specimen in wanted}
    assert len(wanted) > 500
    assert {name: found for name, found in ambiguous.items() if found} == {}


def test_nothing_of_ordinary_mail_is_left_unread() -> None:
    assert [specimen.name for specimen in spam_and_ham(500) if read_message(specimen.content).unread] == []


def test_real_winmail_files_are_unpacked() -> None:
    folder = (_cases() or Path()) / "mimekit"
    found = {
        path.stem.removeprefix("tnef__"): [(one.name, len(one.data)) for one in tnef_members(path.read_bytes())]
        for path in folder.glob("*.tnef")
    }
    assert found["two-files"] == [("AUTHORS", 244), ("README", 893)]
    assert ("boot.ini", 289) in found["data-before-name"]
    assert ("208225__5_seconds__Voice_Mail.mp3", 10656) in found["multi-value-attribute"]
    assert ("example.dat", 1024) in found["unicode-mapi-attr"]
    assert not any(one.unread for path in folder.glob("*.tnef") for one in tnef_members(path.read_bytes()))

"""What the header of an entity says of its body: type, encoding, disposition, names; in all the ways to read it.

Fails as: the ambiguity is noted, and every reading is given. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from lockdown.mime.decode import IDENTITY
from lockdown.mime.filename import extension
from lockdown.mime.header import unfolded, without_comments
from lockdown.mime.kinds import DANGEROUS_NAMES
from lockdown.mime.parameters import MOST_READINGS, VALUE_LIMIT, Value, parsed
from lockdown.mime.parts import NO_PARAMETERS
from lockdown.mime.words import codec_of, decoded_words, text_of
from lockdown.model.scan import Ambiguity

Fields: TypeAlias = tuple[tuple[str, bytes], ...]
Noted: TypeAlias = dict[Ambiguity, None]
"""Ambiguities in the order in which they were met, each once."""

_MATTERS = frozenset(("content-type", "content-transfer-encoding", "content-disposition", "content-id", "mime-version",
                      "content-description", "content-location"))  # fmt: skip
_MAY_NAME = frozenset(("content-description", "content-location"))
"""Some mail programs take the name of a file from them where it has no other."""
_TEXT = Value("text/plain", NO_PARAMETERS, (), (), ())
_MESSAGE = Value("message/rfc822", NO_PARAMETERS, (), (), ())
_ENCODINGS = {
    b"7bit": "7bit", b"8bit": "8bit", b"binary": "binary", b"base64": "base64", b"quoted-printable": "quoted-printable",
    b"7-bit": "7bit", b"8-bit": "8bit", b"7 bit": "7bit", b"8 bit": "8bit", b"7bits": "7bit", b"8bits": "8bit",
    b"none": "7bit", b"": "7bit", b"plain": "7bit", b"x-uuencode": "x-uuencode", b"x-uue": "x-uuencode",
    b"uuencode": "x-uuencode", b"x-uu": "x-uuencode", b"uue": "x-uuencode", b"x-yenc": "x-yenc", b"yenc": "x-yenc",
    b"Quoted-Printable": "quoted-printable", b"Base64": "base64", b"7Bit": "7bit", b"7BIT": "7bit", b"8BIT": "8bit",
}  # fmt: skip
_NAMED_ENCODING = re.compile(rb"base-?64|quoted.?printable|[78].?bit|binary|uuencode|yenc", re.IGNORECASE)
_SIGNS = re.compile(r"[^\w.]|_|\.+\Z")


class About(NamedTuple):
    """What the header of an entity says of its body, in all readings."""

    types: tuple[Value, ...]
    encodings: tuple[str, ...]
    disposition: str
    names: tuple[str, ...]
    content_id: str


NOTHING_SAID = About((_TEXT,), ("7bit",), "", (), "")


def about(fields: Fields, noted: Noted, *, in_digest: bool) -> About:
    """All readings of what the header says of the body."""
    types: list[bytes] = []
    encodings: list[bytes] = []
    dispositions: list[bytes] = []
    described: list[bytes] = []
    content_id = ""
    for name, value in fields:
        if name not in _MATTERS:
            continue
        if name == "content-type":
            types.append(value)
        elif name == "content-transfer-encoding":
            encodings.append(value)
        elif name == "content-disposition":
            dispositions.append(value)
        elif name in _MAY_NAME:
            described.append(value)
        elif name == "content-id":
            content_id = text_of(value.strip(b"<> \t"))
    kinds = _types(noted, types) if types else ((_MESSAGE if in_digest else _TEXT),)
    disposition, names = _disposition(noted, dispositions) if dispositions else ("", ())
    for kind in kinds:
        names += kind.names
    if described:
        names += _described(described)
    if len(names) > 1:
        names = _names(noted, names)
    return About(kinds, _encodings(noted, encodings) if encodings else ("7bit",), disposition, names, content_id)


def _described(values: list[bytes]) -> tuple[str, ...]:
    """Only what ends like a program: a description is most often a sentence."""
    names = (decoded_words(unfolded(value[:1000])).strip() for value in values[:MOST_READINGS])
    return tuple(name for name in names if extension(name) in DANGEROUS_NAMES and "://" not in name)


def _types(noted: Noted, values: list[bytes]) -> tuple[Value, ...]:
    kinds = tuple(map(parsed, values if len(values) == 1 else _different(values)))
    if len(kinds) > 1:
        noted[Ambiguity.TWO_CONTENT_TYPES] = None
    for kind in kinds:
        if kind.oddities:
            _note(noted, kind.oddities if "multipart" in kind.value else _not_of_boundary(kind.oddities))
    return kinds[:MOST_READINGS]


def _disposition(noted: Noted, values: list[bytes]) -> tuple[str, tuple[str, ...]]:
    found = list(map(parsed, values if len(values) == 1 else _different(values)))
    if len(found) > 1:
        noted[Ambiguity.TWO_DISPOSITIONS] = None
    return found[0].value, tuple(name for one in found[:MOST_READINGS] for name in one.names)


def _encodings(noted: Noted, values: list[bytes]) -> tuple[str, ...]:
    """The effective encodings; one for nearly every message."""
    if len(values) == 1:
        # Hot path: the usual spellings.
        usual = _ENCODINGS.get(values[0])
        if usual is not None:
            return (usual,)
    readings = [one for value in values[:MOST_READINGS] for one in _encoding(noted, value)]
    different = tuple(dict.fromkeys("8bit" if one in IDENTITY else one for one in readings))
    if len(values) > 1 and len(different) > 1:
        noted[Ambiguity.TWO_ENCODINGS] = None
    return different[:MOST_READINGS] if len(different) > 1 else (readings[0],)


def _encoding(noted: Noted, value: bytes) -> tuple[str, ...]:
    lower = unfolded(value[:1000]).strip().lower()
    usual = _ENCODINGS.get(lower)
    if usual is not None:
        return (usual,)
    bare = without_comments(lower).partition(b";")[0].strip(b"\"' \t.,")
    if codec_of(bare.decode("latin_1")):
        return ("8bit",)  # a character set in the wrong field: sloppy, and the same to all
    named = _NAMED_ENCODING.search(lower)
    meant = _ENCODINGS.get(bare) or (_encoding_like(named[0]) if named else "8bit")
    if meant not in IDENTITY or named is None:
        noted[Ambiguity.ODD_ENCODING] = None
    return (meant, "8bit") if meant not in IDENTITY else (meant,)


def _names(noted: Noted, names: tuple[str, ...]) -> tuple[str, ...]:
    """The different ones; an ambiguity where they differ in more than how they are written."""
    different = tuple(dict.fromkeys(names))
    if len(_really_different(different)) > 1:
        noted[Ambiguity.TWO_NAMES] = None
    return different[: 2 * MOST_READINGS]


def _note(noted: Noted, ambiguities: Iterable[Ambiguity]) -> None:
    for one in ambiguities:
        noted[one] = None


def _different(values: list[bytes]) -> list[bytes]:
    """Values that differ in more than their folds and their case."""
    seen: dict[bytes, bytes] = {}
    for value in values[:1000]:
        seen.setdefault(b"".join(value[:VALUE_LIMIT].split()).lower(), value)
    return list(seen.values())


def _not_of_boundary(oddities: tuple[Ambiguity, ...]) -> Iterable[Ambiguity]:
    """A boundary means nothing to a type without parts."""
    return (one for one in oddities if one not in (Ambiguity.ODD_BOUNDARY, Ambiguity.TWO_BOUNDARIES))


def _encoding_like(named: bytes) -> str:
    lower = named.lower()
    for sign, encoding in (
        (b"64", "base64"),
        (b"print", "quoted-printable"),
        (b"uu", "x-uuencode"),
        (b"yenc", "x-yenc"),
    ):
        if sign in lower:
            return encoding
    return "8bit"


def _really_different(names: tuple[str, ...]) -> set[str]:
    """What counts of names: letters without case, spaces and signs that mailers replace, and folders.

    A name that was cut at its first space is the same, unless the cut gives it another extension.
    """
    essences = {name: _SIGNS.sub("", name.replace("\\", "/").rpartition("/")[2].casefold()) for name in names if name}
    return {
        essence
        for essence in essences.values()
        if "." in essence or not any(other != essence and other.startswith(essence) for other in essences.values())
    }

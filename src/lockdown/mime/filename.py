"""The name of a file as Windows takes it, and what in a name is meant to deceive.

Names are those that a reader sees, decoded. Fails as: nothing; every string has an answer. Never raises.
"""

from __future__ import annotations

import re
import unicodedata

from lockdown.mime.kinds import DANGEROUS_NAMES, KINDS, KNOWN_NAMES, Family
from lockdown.model.scan import Trait

LONGEST = 4096
"""Characters of a name that are looked at, from its end: no system takes longer ones."""

_BLANK = (
    r"\s\x7f\u00a0\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
"""White space, and characters that are as good as invisible."""

_DIRECTORY = re.compile(r"[/\\:]")
_SUSPECT = re.compile(rf"[{_BLANK}\x00-\x1f\u2066-\u2069]|_{{6}}|[.]$")
"""What an ordinary name does not have: one search spares it all other checks. A single space is suspect, and common."""
_MAIN_STREAM = re.compile(r":[^:]{0,255}+:\$DATA\Z|::\$DATA\Z", re.IGNORECASE)
"""NTFS: the content of the file itself, by its long name."""
_UNSEEN = re.compile(rf"[{_BLANK.removeprefix(chr(92) + 's')}\x00-\x08\x0e-\x1f]")
_TAIL = re.compile(rf"[{_BLANK}\x00-\x1f.]++$")
_PADDING = re.compile(rf"(?:[{_BLANK}]{{8}}|_{{16}})[{_BLANK}_.]*+\.?[^.{_BLANK}]{{1,24}}$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OVERRIDE = re.compile("[\u202d\u202e]")
_EMBEDDING = re.compile("[\u202b\u2067]")
_WRITTEN_LEFTWARDS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")

_SHOWN_AS_DOCUMENT = frozenset({
    "pdf", "doc", "docx", "docm", "dot", "dotx", "rtf", "odt", "xls", "xlsx", "xlsm", "xlsb", "csv", "ods", "ppt",
    "pptx", "pps", "ppsx", "odp", "txt", "text", "log", "md", "xml", "eml", "msg", "jpg", "jpeg", "png", "gif",
    "bmp", "tif", "tiff", "webp", "heic", "svg", "mp3", "mp4", "m4a", "wav", "avi", "mov", "mkv", "htm", "html",
    "zip", "rar", "7z",
})  # fmt: skip
"""Extensions that make a reader believe in a harmless file."""
_LOOKS_LIKE_PAPER = frozenset({
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "jpg", "jpeg", "png", "gif", "tif", "tiff",
})  # fmt: skip
_OPENS_IN_BROWSER = frozenset({
    "html", "htm", "shtml", "xhtml", "svg", "mht", "mhtml",
})  # fmt: skip
_RUNS = DANGEROUS_NAMES - frozenset({"iso", "img", "deb", "rpm", "so", "udf"})

_PROMISES = _SHOWN_AS_DOCUMENT - frozenset({
    "zip", "rar", "7z", "htm", "html", "svg", "xml", "log", "md", "msg", "eml",
})  # fmt: skip
"""Extensions that promise a type which does nothing when it is opened."""
_OFFICE = frozenset({
    "doc", "docx", "docm", "dot", "dotx", "rtf", "odt", "xls", "xlsx", "xlsm", "xlsb", "csv", "ods", "ppt", "pptx",
    "pps", "ppsx", "odp",
})  # fmt: skip
_LIES = frozenset({Family.PROGRAM, Family.SCRIPT, Family.SHORTCUT, Family.DISK_IMAGE, Family.CONTAINER, Family.WEB})
_OTHER_FORKS = frozenset({"appledouble", "macbinary"})
"""They bear the name of the file that they belong to, beside it or around it."""
_COMPRESSED = frozenset({"gzip", "zip", "activemime", "compress"})
"""What programs really write under an office name: Excel opens a gzip, an odd package is a zip."""


def extension(name: str) -> str:
    """The extension by which Windows opens the file, lower case, without its dot; "" for none.

    Dots and blanks at the end are dropped as Windows drops them; of `a.txt:b.exe` the stream counts.
    """
    dot = name.rfind(".")
    if dot < 0:
        return ""
    found = name[dot + 1 :]
    # Hot path: nearly every extension is letters and digits, and needs nothing more.
    return found.lower() if found.isalnum() and found.isascii() else _odd_extension(name[-LONGEST:])


def _odd_extension(name: str) -> str:
    whole = _MAIN_STREAM.sub("", _TAIL.sub("", name))
    leaf = _DIRECTORY.split(_TAIL.sub("", whole))[-1]
    _, dot, found = leaf.rpartition(".")
    # What nobody sees, some programs drop when they save the file; and letters of full width some make narrow.
    found = _UNSEEN.sub("", found) if dot else ""
    return unicodedata.normalize("NFKC", found).strip("\"'`<> ").lower()[:64]


def name_traits(name: str, kind: str) -> tuple[Trait, ...]:
    """What deceives in the name of a file whose content is of this kind (a word of `KINDS`), each trait once."""
    name = name[-LONGEST:]
    last = extension(name)
    traits: list[Trait] = []
    if name.count(".") > 1 and _is_double(name, last):
        traits.append(Trait.DOUBLE_EXTENSION)
    if _SUSPECT.search(name) is not None:
        traits += _hidden(name, last)
    if last in _PROMISES and _lies(last, kind):
        traits.append(Trait.NAME_LIES)
    return tuple(traits)


def _is_double(name: str, last: str) -> bool:
    """Whether an extension that runs stands behind one that is shown: invoice.pdf.exe, not archive.tar.gz."""
    if last not in _RUNS and last not in _OPENS_IN_BROWSER:
        return False
    before = _TAIL.sub("", name)[: -len(last)]
    shown = _odd_extension(before)
    return shown in (_SHOWN_AS_DOCUMENT if last in _RUNS else _LOOKS_LIKE_PAPER)


def _hidden(name: str, last: str) -> list[Trait]:
    """What is out of sight: controls of direction, blanks before the extension, dots and blanks behind it."""
    traits = []
    if _OVERRIDE.search(name) or (_EMBEDDING.search(name) and not _WRITTEN_LEFTWARDS.search(name)):
        traits.append(Trait.RIGHT_TO_LEFT)
    if _ends_in_a_trick(name, last):
        traits.append(Trait.TRAILING_DOT)
    if _PADDING.search(_TAIL.sub("", name)):
        traits.append(Trait.PADDED_NAME)
    if _CONTROL.search(name.strip()):
        traits.append(Trait.CONTROL_IN_NAME)
    return traits


def _ends_in_a_trick(name: str, last: str) -> bool:
    """Windows drops what ends the name, a filter that compares names does not. A stray blank is mostly carelessness."""
    tail = _TAIL.search(name)
    if tail is None:
        return False
    return last in DANGEROUS_NAMES or ("." in tail[0] and last in KNOWN_NAMES)


def _lies(last: str, kind: str) -> bool:
    """Whether the difference matters: a picture that is a PNG and not a JPEG, or a report written as a web page
    under an office name, deceives nobody."""
    known = KINDS.get(kind)
    if known is None or known.family not in _LIES or kind in _OTHER_FORKS:
        return False
    if last in _OFFICE:
        return known.family is not Family.WEB and kind not in _COMPRESSED
    if last in ("txt", "text"):
        return known.dangerous and known.family is not Family.SCRIPT
    return True

"""Office documents since 2007: a zip of parts. Macros, old macros, DDE, what is fetched from outside, what is embedded.

The parts themselves are read elsewhere, as members of a zip; here is what they mean together, and what lies within
compound files among them.
Fails as: DAMAGED and unread where the zip is broken or a part cannot be unpacked.
"""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable

from lockdown.model.scan import Trait
from lockdown.scan.inspect import office, xls
from lockdown.scan.inspect.fields import judge_instruction, spelled_out
from lockdown.scan.inspect.notes import Notes

_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_UNTOUCHED = (".png", ".jpg", ".jpeg", ".gif", ".emf", ".wmf", ".tiff", ".ttf", ".odttf", ".fntdata", ".mp4", ".wav")


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one package (ECMA-376 part 2)."""
    for name, content in parts(data, notes):
        judge_part(name, content, notes)
    if Trait.OLD_MACROS in notes.traits and any("auto_" in word.lower() for word in notes.says):
        notes.trait(Trait.AUTO_EXEC)


def parts(data: bytes, notes: Notes) -> list[tuple[str, bytes]]:
    """Names and contents of all parts that may matter, within the budget."""
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        notes.trait(Trait.DAMAGED)
        notes.unread(f"the package is broken ({str(error)[:80]})")
        return []
    found = []
    with package:
        for info in package.infolist():
            notes.budget.step(10)
            name = info.filename.replace("\\", "/").lstrip("/")
            content = None if name.lower().endswith(_UNTOUCHED) else _unpack(package, info, notes)
            if content is not None:
                found.append((name, content))
    return found


def _unpack(package: zipfile.ZipFile, info: zipfile.ZipInfo, notes: Notes) -> bytes | None:
    if info.flag_bits & 1:
        notes.locked()
        notes.unread(f"part {info.filename} needs a password")
        return None
    limit = notes.budget.octets
    try:
        with package.open(info) as stream:
            content = stream.read(limit + 1)
    except Exception as error:
        notes.trait(Trait.DAMAGED)
        notes.unread(f"part {info.filename} cannot be unpacked ({type(error).__name__})")
        return None
    notes.budget.spend(len(content))
    return content


def judge_part(name: str, content: bytes, notes: Notes) -> None:
    """Write down what one part says. What it is goes by its content and by its name: either can be chosen freely."""
    lower = name.lower()
    if content[:4] == _OLE_MAGIC:
        _compound(lower, content, notes)
        return
    if lower.endswith("vbaproject.bin"):
        notes.trait(Trait.MACROS)
        notes.unread("the macros are not in a compound file")
    for pattern, judge in _PARTS:
        if pattern.search(lower):
            judge(content, notes)


def _compound(name: str, content: bytes, notes: Notes) -> None:
    """A VBA project, an object, or a document of old: all are kept in the same way."""
    if name.endswith("vbaproject.bin"):
        notes.trait(Trait.MACROS)
    office.look(content, notes, "ole")
    if "activex" in name:
        notes.trait(Trait.EMBEDDED_OBJECT)


def text_of(content: bytes) -> str:
    """A part as text: UTF-8 unless its first octets are those of UTF-16."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[1:2] == b"\0":
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le", "replace")
    return content.decode("utf-8", "replace")


# ── relationships ──

INSIDE = r"""(?:[^<>"']++|"[^<"]*+"|'[^<']*+')*"""
"""What stands within a start tag: a value may hold the sign that seems to end it."""
_RELATIONSHIP = re.compile(rf"<(?:\w++:)?Relationship\s({INSIDE})>")
_ATTRIBUTE = re.compile(r"""([\w:.-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")
_FETCHED_ON_OPENING = frozenset({
    "attachedtemplate", "oleobject", "frame", "subdocument", "package", "afchunk", "control", "vbaproject",
    "externallinkpath2", "attachedtoolbars", "mailmergesource", "mailmergeheadersource", "webextension",
})  # fmt: skip
"""Types of relationship whose target is fetched without a click."""
_FROM_OUTSIDE = re.compile(
    r"\s*+(?:https?:|ftps?:|mhtml:|ms-\w++:|search-ms:|javascript:|script:|"
    r"(?:file:)?[\\/]{2,}+(?:[\w-]++\.[\w.-]++|\[?[0-9a-f:]*+:[0-9a-f:]++\]?)[@\\/])",
    re.IGNORECASE,
)
"""Another server. A drive, or a machine without a domain (\\\\FILESERVER\\…), cannot be reached from outside."""


def attributes(text: str) -> dict[str, str]:
    """Attributes of an element, names without prefix and in lower case, entities resolved."""
    return {
        found[1].rpartition(":")[2].lower(): html.unescape(found[2] if found[2] is not None else found[3])
        for found in _ATTRIBUTE.finditer(text)
    }


def _relationships(content: bytes, notes: Notes) -> None:
    for found in _RELATIONSHIP.finditer(text_of(content)):
        notes.budget.step()
        said = attributes(found[1])
        if said.get("targetmode", "").strip().lower() != "external":
            continue
        kind, target = said.get("type", "").rpartition("/")[2].lower(), said.get("target", "")
        if kind in _FETCHED_ON_OPENING and is_outside(target):
            notes.trait(Trait.REMOTE_TEMPLATE)
            notes.say(f"{kind} {target}")


def is_outside(target: str) -> bool:
    """Whether this target lies on a server that a stranger may own."""
    return _FROM_OUTSIDE.match(target.removeprefix("file:///").replace("file://", "//", 1)) is not None


# ── Word ──

_FIELD_PIECE = re.compile(
    r"<(?:\w++:)?(?:fldChar\s[^<>]*?fldCharType\s*+=\s*+[\"'](begin|separate|end)|"
    rf"(?:instrText|delInstrText)(?:\s[^<>]*+)?>([^<]*+)<|fldSimple\s({INSIDE})>)"
)


def _fields(content: bytes, notes: Notes) -> None:
    """Put field instructions together: they are cut into runs, and nest (ECMA-376 part 1, 17.16)."""
    open_fields: list[str] = []
    for found in _FIELD_PIECE.finditer(text_of(content)):
        notes.budget.step()
        edge, text, simple = found.groups()
        if simple is not None:
            judge_instruction(attributes(simple).get("instr", ""), notes)
        elif text is not None:
            if open_fields:
                open_fields[-1] = (open_fields[-1] + html.unescape(text))[:5000]
            else:
                judge_instruction(html.unescape(text), notes)
        elif edge == "begin":
            open_fields.append("")
        elif open_fields:
            _close_field(open_fields, edge, notes)
        if len(open_fields) > 100:
            del open_fields[0]


def _close_field(open_fields: list[str], edge: str, notes: Notes) -> None:
    """At its separator or its end an instruction is complete; its text is then a part of the one around it."""
    judge_instruction(open_fields[-1], notes)
    if edge == "end":
        inner = spelled_out(open_fields.pop()).strip()
        if open_fields:
            open_fields[-1] = (open_fields[-1] + inner)[:5000]


# ── Excel ──

_DDE_LINK = re.compile(rf"<(?:\w++:)?ddeLink\s({INSIDE})>")
_AUTO_NAME = re.compile(r"auto_(?:open|close|activate|deactivate)", re.IGNORECASE)
_OLD_CALLS = re.compile(
    r"\b(EXEC|CALL|REGISTER(?:\.ID)?|FOPEN|FWRITE(?:LN)?|RUN|SEND\.KEYS|URLDownloadToFile\w?)\s*+\("
)
_DDE_BINARY = re.compile(rb"\xe8\x02(?s:.)\x01\0")
_STILL_OLD = ("EXEC", "CALL", "REGISTER", "REGISTER.ID", "FOPEN", "FWRITE", "FWRITELN")


def _external_link(content: bytes, notes: Notes) -> None:
    """ddeLink (ECMA-376 part 1, 18.14.4), or BrtBeginSupBook of type 1 ([MS-XLSB] 2.4.270)."""
    for found in _DDE_LINK.finditer(text_of(content)):
        said = attributes(found[1])
        notes.trait(Trait.DDE)
        notes.say(f"{said.get('ddeservice', '')} | {said.get('ddetopic', '')}")
    for begin in _DDE_BINARY.finditer(content):
        notes.trait(Trait.DDE)
        service, at = _wide_string(content, begin.end())
        notes.say(f"{service} | {_wide_string(content, at)[0]}")


def _wide_string(content: bytes, at: int) -> tuple[str, int]:
    end = at + 4 + 2 * min(int.from_bytes(content[at : at + 4], "little"), 1000)
    return content[at + 4 : end].decode("utf-16-le", "replace"), end


def _macro_sheet(content: bytes, notes: Notes) -> None:
    notes.trait(Trait.OLD_MACROS)
    for call in _OLD_CALLS.finditer(text_of(content)):
        notes.say(call[1])
        if call[1].upper() in _STILL_OLD:
            notes.trait(Trait.WRITES_OR_RUNS)
    if content[:1] != b"<":
        xls.judge_tokens(content, notes)


def _workbook(content: bytes, notes: Notes) -> None:
    """Names that old macros start by."""
    text = (
        text_of(content) if content[:1] in (b"<", b"\xef", b"\xff", b"\xfe") else content.decode("utf-16-le", "replace")
    )
    aligned = text if content[:1] == b"<" else text + content[1:].decode("utf-16-le", "replace")
    notes.say(*{found[0] for found in _AUTO_NAME.finditer(aligned)})


def _active_x(content: bytes, notes: Notes) -> None:
    if b"classid" in content.lower():
        notes.trait(Trait.EMBEDDED_OBJECT)
        notes.say("an ActiveX control")


def _slide(content: bytes, notes: Notes) -> None:
    if b"ppaction://program" in content.lower():
        notes.trait(Trait.EMBEDDED_PROGRAM)
        notes.say("an action that runs a program")


_PARTS: tuple[tuple[re.Pattern[str], Callable[[bytes, Notes], None]], ...] = (
    (re.compile(r"\.rels$"), _relationships),
    (re.compile(r"^word/|/word/|^[^/]*document[^/]*\.xml$"), _fields),
    (re.compile(r"externallinks?/"), _external_link),
    (re.compile(r"macrosheets/[^/]*\.(?:xml|bin)$"), _macro_sheet),
    (re.compile(r"workbook\d*\.(?:xml|bin)$"), _workbook),
    (re.compile(r"activex/[^/]*\.xml$"), _active_x),
    (re.compile(r"slide[^/]*/[^/]*\.xml$"), _slide),
)
"""Names of parts, and who looks at them; more than one may."""

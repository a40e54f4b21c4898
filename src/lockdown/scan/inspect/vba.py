"""VBA: decompress its source, and say what it does by itself and what it reaches for.

The container is [MS-OVBA] 2.4.1; the words are those of Visual Basic. Fails as: octets that do not decompress give what
came before the error; a project without readable source is macros all the same.
"""

from __future__ import annotations

import re

from lockdown.model.scan import Trait
from lockdown.scan.inspect.notes import Budget, Notes

_SOURCE = re.compile(rb"\x01(?s:.)[\xb0-\xbf](?s:.)(?:Attribut|\x00Attribut)")
"""A compressed container ([MS-OVBA] 2.4.1.1.1) whose first chunk begins with the line that every module has."""

_COPY_BITS = tuple(max(4, (position - 1).bit_length()) for position in range(4097))
"""[MS-OVBA] 2.4.1.3.19.1: how many bits of a copy token are its offset, by what has been decompressed of the chunk."""


def decompress(data: bytes, budget: Budget) -> bytes:
    """The content of a compressed container that begins at the first octet."""
    if data[:1] != b"\x01":
        return b""
    found, at = bytearray(), 1
    while at + 2 <= len(data):
        header = data[at] | data[at + 1] << 8
        if header >> 12 & 7 != 3:
            break
        end = at + 3 + (header & 0xFFF)
        budget.step()
        chunk = data[at + 2 : end]
        found += _chunk(chunk) if header & 0x8000 else chunk
        at = end
    # Octet by octet in Python: dearer than what a library unpacks.
    budget.spend(8 * len(found))
    return bytes(found)


def _chunk(data: bytes) -> bytearray:
    """One chunk: flags, each for a literal octet or for a copy of what is there already."""
    found, at, size = bytearray(), 0, len(data)
    while at < size and len(found) < 4096:
        flags = data[at]
        at += 1
        for bit in range(8):
            if at >= size:
                break
            if not flags >> bit & 1:
                found.append(data[at])
                at += 1
                continue
            if at + 2 > size or not found:
                return found
            at = _copy(found, data[at] | data[at + 1] << 8, at)
    return found


def _copy(found: bytearray, token: int, at: int) -> int:
    bits = _COPY_BITS[min(len(found), 4096)]
    length = (token & (0xFFFF >> bits)) + 3
    offset = (token >> (16 - bits)) + 1
    start = len(found) - offset
    if start >= 0:
        for place in range(start, start + length):
            found.append(found[place])
    return at + 2


def modules(stream: bytes, budget: Budget) -> list[bytes]:
    """The source of all modules in the octets of a stream, wherever they begin."""
    found = []
    for match in _SOURCE.finditer(stream):
        budget.step()
        source = decompress(stream[match.start() :], budget)
        if source:
            found.append(source)
    return found


# ── what it does ──

_RUNS_BY_ITSELF = re.compile(
    rb"\bsub\s++(auto_?open|auto_?exec|auto_?exit|auto_?close|auto_?new|auto_?activate|auto_?deactivate|"
    rb"document_?(?:open|new|close|beforeclose|change|contentcontrolonenter|contentcontrolonexit)|new_?document|"
    rb"workbook_(?:open|activate|beforeclose|close|deactivate|windowactivate|addininstall)|"
    rb"worksheet_(?:activate|calculate)|"
    rb"app_?(?:documentopen|newdocument|workbookopen|presentationopen)|auto_?run|autorunsv\w*+|"
    rb"on_?slide_?show_?page_?change|slide_?show_?(?:begin|nextslide)|presentation_?open|afterpresentationopen|"
    rb"userform_(?:initialize|activate)|file_?(?:open|new|save|close|print)\b|"
    rb"\w+?_(?:onload|layout|resize|painted|painting|gotfocus|lostfocus|mousehover|mousemove|statechange|onconnecting|"
    rb"getfocus|documentcomplete|beforenavigate2|navigatecomplete2|downloadbegin|progresschange|titlechange|"
    rb"onloadimageerror|onxmldatareceived|onreadystatechange|filedownload))\b",
    re.IGNORECASE,
)

_REACHES = re.compile(
    rb"\b(shell|shellexecute[aw]?|wscript\.shell|shell\.application|scripting\.filesystemobject|adodb\.stream|"
    rb"adodb\.connection|winhttp\w*+|msxml2\.\w++|microsoft\.xmlhttp|xmlhttp|internetexplorer\.application|"
    rb"urldownloadtofile[aw]?|createprocess[aw]?|virtualalloc(?:ex)?|rtlmovememory|writeprocessmemory|"
    rb"createremotethread|createthread|loadlibrary[aw]?|callbyname|winexec|winmgmts|win32_process|powershell|"
    rb"cmd(?:\.exe)?\s*+/c|mshta|regsvr32|rundll32|certutil|bitsadmin|wscript|cscript|schtasks|"
    rb"createobject|getobject|createtextfile|opentextfile|savetofile|copyfile|filecopy|kill|mkdir|"
    rb"saveas2?|regwrite|savesetting|appactivate|sendkeys|environ|application\.run|executeexcel4macro|"
    rb"followhyperlink|macscript|applescripttask|popen|libc\.dylib|execshell|"
    rb"vbproject|codemodule|insertlines|addfromstring|strreverse|chrw?\$?\s*+\()",
    re.IGNORECASE,
)
_OPEN_FOR = re.compile(rb"\bopen\b[^\n]{1,120}?\bfor\s++(output|append|binary|random)\b", re.IGNORECASE)
_DECLARE = re.compile(rb"\bdeclare\s++(?:ptrsafe\s++)?(?:function|sub)\s++(\w++)\s++lib\b", re.IGNORECASE)

_ONLY_TELLING = frozenset({
    b"createobject", b"getobject", b"environ", b"strreverse", b"application.run", b"appactivate", b"codemodule",
    b"vbproject", b"chr", b"chrw",
})  # fmt: skip
"""Words that ordinary macros use as well: evidence, but no proof that it writes or runs anything."""


def judge_source(source: bytes, notes: Notes) -> None:
    """Write down what a module does: macros at least; by itself; writing or running."""
    code = _code(source)
    if not code.strip():
        return
    notes.trait(Trait.MACROS)
    for found in _RUNS_BY_ITSELF.finditer(code):
        notes.trait(Trait.AUTO_EXEC)
        notes.say(found[1].decode("latin-1"))
    for word in _reached(code):
        notes.say(word.decode("latin-1"))
        if word.lower().rstrip(b"$( \t") not in _ONLY_TELLING:
            notes.trait(Trait.WRITES_OR_RUNS)


def _reached(code: bytes) -> list[bytes]:
    plain = code.replace(b'" & "', b"").replace(b'"&"', b"").replace(b'" + "', b"")
    found = dict.fromkeys(match[1].rstrip() for match in _REACHES.finditer(plain))
    found.update(dict.fromkeys(b"Open For " + match[1] for match in _OPEN_FOR.finditer(plain)))
    found.update(dict.fromkeys(b"Declare " + match[1] for match in _DECLARE.finditer(plain)))
    return list(found)


_ATTRIBUTE = re.compile(rb"^\s*+attribute\s[^\r\n]*+", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(rb"^\s*+(?:'|rem\s)[^\r\n]*+", re.IGNORECASE | re.MULTILINE)
_CONTINUED = re.compile(rb"[ \t]_\r?\n\s*+")


def _code(source: bytes) -> bytes:
    """Without attributes and comments, each statement on one line: every workbook has empty modules of attributes."""
    joined = _CONTINUED.sub(b" ", source)
    return _COMMENT.sub(b"", _ATTRIBUTE.sub(b"", joined))

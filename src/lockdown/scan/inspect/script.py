"""Scripts: what they reach for, and whether they hide it. They are forbidden as such; this is the evidence.

Fails as: nothing; every octet string has an answer. Never raises.
"""

from __future__ import annotations

import re

from lockdown.scan.inspect.notes import Notes

_READ = 4 * 1024 * 1024
_TELLING = re.compile(
    r"\b(wscript\.shell|shell\.application|scripting\.filesystemobject|adodb\.stream|msxml2\.\w+|microsoft\.xmlhttp|"
    r"winhttp\.winhttprequest[\w.]*|activexobject|createobject|downloadstring|downloadfile|invoke-webrequest|"
    r"invoke-expression|iex|frombase64string|-enc(?:odedcommand)?|-windowstyle\s+hidden|start-process|bitsadmin|certutil|"
    r"regsvr32|rundll32|mshta|schtasks|executeglobal|eval|unescape|fromcharcode|chrw?\(|strreverse)\b",
    re.IGNORECASE,
)
_LONG = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{400}")


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one script."""
    text = data[:_READ].decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1", "replace")
    notes.say(*dict.fromkeys(found[1].lower() for found in _TELLING.finditer(text)))
    if text.startswith("#@~^"):
        notes.say("encoded by Microsoft's script encoder")
    if _LONG.search(text):
        notes.say("a long text in base64")

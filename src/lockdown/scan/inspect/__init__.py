"""Look into documents, pages and shortcuts for what acts by itself, and take out the files they carry.

Runs within a reader process: some inspectors use libraries in C. Files found within are given back to be read as files
of their own; nothing here goes deeper than one file.
Fails as: `Inspected.unread`, with a reason, for whatever was not read. Never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from lockdown.scan.inspect.notes import Budget, Embedded, Inspected, Notes, OverBudget

__all__ = ["INSPECTED", "Budget", "Embedded", "Inspected", "inspect"]

_NOTHING = Inspected()

INSPECTED: Mapping[str, str] = MappingProxyType({
    **dict.fromkeys(("doc", "xls", "ppt", "ole", "visio", "publisher", "project", "works", "ole-package",
                     "encrypted-office", "msi", "msg", "hwp"), "office"),
    **dict.fromkeys(("docx", "docm", "xlsx", "xlsm", "xlsb", "pptx", "pptm", "ooxml", "xps"), "ooxml"),
    **dict.fromkeys(("odt", "ods", "odp", "odf"), "odf"),
    **dict.fromkeys(("word-xml", "excel-xml", "xml"), "office_xml"),
    **dict.fromkeys(("mht", "activemime"), "office_web"),
    **dict.fromkeys(("csv", "sylk", "iqy"), "tables"),
    **dict.fromkeys(("html", "svg", "hta", "xdp"), "web"),
    **dict.fromkeys(("js", "jse", "vbs", "vbe", "wsf", "sct", "ps1", "bat", "script"), "script"),
    **dict.fromkeys(("lnk", "url", "library-ms", "search-ms", "settingcontent-ms", "desktop", "scf", "appref-ms",
                     "webloc"), "shortcut"),
    "pdf": "pdf",
    "rtf": "rtf",
    "onenote": "onenote",
})  # fmt: skip
"""Kind to the module whose `look` reads it. What is not here has nothing that acts by itself, or is a program."""


def inspect(kind: str, data: bytes, path: str = "", budget: Budget | None = None) -> Inspected:
    """What is in a file of this kind (a word of `mime.filetype.KINDS`); `path` is its name, for evidence only."""
    module = INSPECTED.get(kind)
    if module is None:
        return _NOTHING
    notes = Notes(budget or Budget())
    try:
        _look(module)(data, notes, kind)
    except OverBudget as over:
        notes.unread(f"{kind}: {over}")
    except Exception as error:
        # Hostile bytes in foreign libraries: whatever breaks is a part that was not read.
        notes.unread(f"{kind}: its reader broke off ({type(error).__name__}: {str(error)[:100]})")
    return notes.inspected()


def _look(module: str) -> Callable[[bytes, Notes, str], None]:
    found: Callable[[bytes, Notes, str], None] = import_module(f"{__name__}.{module}").look
    return found

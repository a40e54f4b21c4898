"""PDF: what acts when it is opened, script, programs it starts, files it carries, passwords.

Every object is looked at, wherever it hangs: readers follow more paths than one would think of.
Fails as: ENCRYPTED where it does not open without a password; DAMAGED and unread where the library cannot mend it, and
then its octets are searched for the names all the same.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lockdown.model.scan import Trait
from lockdown.scan.inspect.notes import Notes

if TYPE_CHECKING:
    from pikepdf import Pdf

_DEEP = 60
"""Dictionaries and arrays within one object."""
_XFA_SCRIPT = re.compile(rb"<(?:\w+:)?script\b", re.IGNORECASE)

_ACTIONS: dict[str, Trait | None] = {
    "/JavaScript": Trait.PDF_SCRIPT,
    "/Rendition": None,
    "/Launch": Trait.PDF_LAUNCH,
    "/GoToR": None,
    "/GoToE": None,
    "/SubmitForm": None,
    "/ImportData": None,
}
"""Types of action (ISO 32000-2 12.6.4) that are worth a word, and their trait."""
_NOTABLE = re.compile(
    rb"/(?:JS|AA|EF|XFA|JavaScript|Launch|Rendition|GoToR|GoToE|SubmitForm|ImportData|RichMedia|3D|Movie|Screen)\b"
)
"""Names as the library writes them: without disguise."""
_LINK = re.compile(rb"/URI \(([^)]{1,150})")
_HARMLESS_ON_OPENING = frozenset({"/GoTo", "/Named", ""})
"""To show a page is what every second PDF does when it is opened."""
_OF_PAGE_OR_DOCUMENT = frozenset({"/O", "/C", "/WC", "/WS", "/DS", "/WP", "/DP", "/PO", "/PC", "/PV", "/PI"})
"""Triggers of pages and documents (12.6.3); those of form fields wait for a key."""


def look(data: bytes, notes: Notes, kind: str) -> None:
    """Inspect one PDF."""
    import pikepdf

    try:
        document = pikepdf.open(io.BytesIO(data))
    except pikepdf.PasswordError:
        notes.locked()
        notes.unread("the PDF needs a password")
        return
    except (pikepdf.PdfError, RuntimeError, ValueError) as error:
        notes.trait(Trait.DAMAGED)
        notes.unread(f"the PDF is broken ({str(error).rpartition('>: ')[2][:80]})")
        _search(data, notes)
        return
    with document:
        _document(document, notes)


def _document(document: Pdf, notes: Notes) -> None:
    root = document.Root
    _on_opening(_get(root, "/OpenAction"), notes)
    if _get(_get(root, "/Names"), "/JavaScript") is not None:
        # 12.6.4.17: scripts of the document run when it is opened, all of them.
        notes.trait(Trait.PDF_AUTO_ACTION)
        notes.say("when opened: scripts of the document")
    for found in document.objects:
        notes.budget.step()
        if _is_notable(found, notes):
            for each in _dictionaries(found, notes):
                _judge(each, notes)


def _is_notable(found: Any, notes: Notes) -> bool:
    """Whether an object is worth a walk, key by key, which costs fifty times what writing it out does."""
    import pikepdf

    if not isinstance(found, pikepdf.Object):
        return False
    if found._type_code is pikepdf.ObjectType.stream:
        return True
    written = found.unparse(resolved=True)
    notes.budget.spend(len(written))
    for link in _LINK.finditer(written):
        notes.say(f"URI {link[1].decode('latin-1')}")
    return _NOTABLE.search(written) is not None


def _on_opening(action: Any, notes: Notes) -> None:
    """An array is a place in the document; a dictionary is an action."""
    kind = _name(_get(action, "/S"))
    if kind not in _HARMLESS_ON_OPENING:
        notes.trait(Trait.PDF_AUTO_ACTION)
        notes.say(f"when opened: {kind}")


def _dictionaries(found: Any, notes: Notes) -> Iterator[Any]:
    """All dictionaries within one object, itself included; what it refers to has its own turn."""
    import pikepdf

    waiting = [(found, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > _DEEP:
            notes.unread(f"dictionaries nested more than {_DEEP} deep")
            continue
        if isinstance(one, pikepdf.Array):
            inner = [each for each in _elements(one, notes) if isinstance(each, pikepdf.Object)]
        elif isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            yield one
            inner = _values(one)
        else:
            continue
        waiting += [(each, depth + 1) for each in inner if not each.is_indirect]


def _elements(array: Any, notes: Notes) -> list[Any]:
    """A long array is one of numbers or of references; its first elements tell."""
    notes.budget.step(len(array) // 100)
    return [array[at] for at in range(min(len(array), 5000))]


def _values(dictionary: Any) -> list[Any]:
    import pikepdf

    return [each for _, each in dictionary.items() if isinstance(each, pikepdf.Array | pikepdf.Dictionary)]


def _get(dictionary: Any, key: str) -> Any:
    import pikepdf

    return dictionary.get(key) if isinstance(dictionary, pikepdf.Dictionary | pikepdf.Stream) else None


def _name(value: Any) -> str:
    return "" if value is None else str(value)


def _judge(each: Any, notes: Notes) -> None:
    keys = set(each.keys())
    if "/S" in keys:
        _action(each, keys, notes)
    if "/JS" in keys:
        _javascript(each, notes)
    if "/AA" in keys:
        _additional_actions(each.get("/AA"), notes)
    if "/EF" in keys:
        _embedded_file(each, notes)
    if "/XFA" in keys:
        _form(each.get("/XFA"), notes)
    if _name(each.get("/Subtype")) in ("/RichMedia", "/3D", "/Movie", "/Screen"):
        notes.say(f"{_name(each.get('/Subtype'))[1:]} within the PDF")


def _action(each: Any, keys: set[str], notes: Notes) -> None:
    kind = _name(each.get("/S"))
    if kind not in _ACTIONS:
        return
    trait = _ACTIONS[kind]
    if trait is not None:
        notes.trait(trait)
    target = next((str(each.get(key))[:150] for key in ("/URI", "/F", "/Win") if key in keys
                   and not isinstance(each.get(key), dict)), "")  # fmt: skip
    notes.say(f"{kind[1:]} {target}")


def _javascript(each: Any, notes: Notes) -> None:
    """A script, as a string or as a stream; given to be read by the rules."""
    import pikepdf

    notes.trait(Trait.PDF_SCRIPT)
    script = each.get("/JS")
    if isinstance(script, pikepdf.Stream):
        content = _content(script, notes)
        if content:
            notes.embed("script of the PDF.txt", content)
    elif isinstance(script, pikepdf.String) and len(bytes(script)) > 200:
        notes.embed("script of the PDF.txt", bytes(script))


def _additional_actions(actions: Any, notes: Notes) -> None:
    import pikepdf

    if not isinstance(actions, pikepdf.Dictionary):
        return
    for trigger, action in actions.items():
        if trigger in _OF_PAGE_OR_DOCUMENT and not _is_of_a_field(actions):
            _on_opening(action, notes)


def _is_of_a_field(actions: Any) -> bool:
    """Fields have /C too, to calculate; a field's actions have others of theirs beside it, or only that."""
    keys = set(actions.keys())
    return bool(keys & {"/K", "/F", "/V", "/Fo", "/Bl", "/E", "/X", "/D", "/U"}) or keys == {"/C"}


# ── files within ──


def _embedded_file(each: Any, notes: Notes) -> None:
    """A file specification with the file itself (7.11.4)."""
    import pikepdf

    name = next((str(each.get(key)) for key in ("/UF", "/F", "/Unix", "/DOS", "/Mac") if key in each), "")
    files = each.get("/EF")
    if not isinstance(files, pikepdf.Dictionary):
        return
    notes.trait(Trait.PDF_ATTACHMENT)
    notes.say(f"carries {name}")
    seen: set[object] = set()
    for _, stream in files.items():
        if isinstance(stream, pikepdf.Stream) and stream.objgen not in seen:
            seen.add(stream.objgen)
            content = _content(stream, notes)
            if content is not None:
                notes.embed(name, content)


def _form(form: Any, notes: Notes) -> None:
    """An XFA form (its XML lies in one stream, or in several)."""
    import pikepdf

    streams = (
        [form] if isinstance(form, pikepdf.Stream) else list(form)[:200] if isinstance(form, pikepdf.Array) else []
    )
    for stream in streams:
        content = _content(stream, notes) if isinstance(stream, pikepdf.Stream) else None
        if content and _XFA_SCRIPT.search(content):
            notes.trait(Trait.PDF_SCRIPT)
            notes.say("script in an XFA form")


def _content(stream: Any, notes: Notes) -> bytes | None:
    """A stream, unpacked. Within the budget where it is only deflated, as nearly all are."""
    import pikepdf

    try:
        filters = _name(stream.get("/Filter"))
        if filters == "/FlateDecode" and "/DecodeParms" not in stream:
            return notes.budget.inflate(stream.read_raw_bytes())
        raw = stream.read_raw_bytes()
        notes.budget.spend(50 * len(raw) if "/Filter" in stream else len(raw))
        return bytes(stream.read_bytes())
    except (pikepdf.PdfError, RuntimeError, NotImplementedError):
        notes.unread("a stream of the PDF does not unpack")
        return None


# ── what cannot be parsed ──

_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_NAMES: tuple[tuple[re.Pattern[bytes], Trait], ...] = (
    (re.compile(rb"/(?:JavaScript|JS)\b"), Trait.PDF_SCRIPT),
    (re.compile(rb"/Launch\b"), Trait.PDF_LAUNCH),
    (re.compile(rb"/EmbeddedFiles?\b"), Trait.PDF_ATTACHMENT),
    (re.compile(rb"/OpenAction\s*+<<|/AA\s*+<<"), Trait.PDF_AUTO_ACTION),
)


def _search(data: bytes, notes: Notes) -> None:
    """The names of what acts, in a file that cannot be read: some reader may."""
    notes.budget.spend(len(data))
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), data)
    for pattern, trait in _NAMES:
        if pattern.search(plain):
            notes.trait(trait)

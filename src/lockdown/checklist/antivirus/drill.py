"""The drill of item 1: the harmless test virus in every wrapping, forbidden types, bombs, and malformed messages.

Each step is a letter that would do no harm if it arrived. What must become of it follows the settings.
Fails as: nothing; letters are made from nothing but their occasion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from lockdown.checklist.antivirus import controls
from lockdown.checklist.antivirus.samples import archives, documents, malformed, programs
from lockdown.config import Antivirus, Settings
from lockdown.mime import compose
from lockdown.mime.compose import Piece
from lockdown.model.step import Expect, Occasion, Step

Write = Callable[[Occasion], bytes]
"""Makes a whole letter."""

WRAPPED = "the test virus in every wrapping"
ENCRYPTED = "what needs a password"
FORBIDDEN = "forbidden types, by content and by name"
BOMBS = "bombs"
MALFORMED = "the test virus in malformed messages"

_NAME = "eicar.txt"
"""A name that nobody forbids: what stops it has seen what is in it."""
_PADDING_OCTETS = 8 * 1024 * 1024


def drill(policy: Settings) -> Iterator[Step]:
    """All steps, in the order in which they are sent."""
    yield from _wrapped()
    yield from _encrypted(policy.antivirus)
    yield from _forbidden(policy.antivirus)
    yield from _bombs()
    yield from _malformed(policy.antivirus)


def at_least(action: str) -> Expect:
    """What a setting promises at least: what it lets in with a mark, another engine may still stop."""
    return Expect.CAUGHT if action == "accept-and-mark" else Expect.STOPPED


# ── the test virus ──


def _wrapped() -> Iterator[Step]:
    why = "The harmless test virus would have arrived; so would a real one that is packed like this."
    for name, write in _WRAPPINGS.items():
        yield Step(controls.VIRUS.id, WRAPPED, name, write, Expect.STOPPED, why)


def _attached(name: str, make: Callable[[], bytes], kind: str = "application/octet-stream") -> Write:
    """A letter with this file in base64."""
    return lambda occasion: compose.with_file(occasion, "Your file", compose.attachment(name, make(), kind))


def _piece(*fields: str, body: Callable[[], bytes]) -> Write:
    """A letter with a part that is written as it stands."""
    return lambda occasion: compose.with_file(occasion, "Your file", Piece(fields, body()))


def _body(body: Callable[[], bytes], kind: str = "text/plain") -> Write:
    """A letter of one part."""
    return lambda occasion: compose.whole(
        compose.opening(occasion, "Your file"), Piece((f"Content-Type: {kind}",), body())
    )


_virus = programs.test_virus
_FILE = "application/octet-stream"
_AS_FILE = f"Content-Disposition: attachment; filename={_NAME}"


def _in_nested_mail(occasion: Occasion) -> bytes:
    inner = compose.with_file(occasion, "Your file", compose.attachment(_NAME, _virus()))
    once = Piece(("Content-Type: message/rfc822",), inner)
    twice = compose.mixed(compose.opening(occasion, "Fwd: Your file"), f"=_o{occasion.mark}", [once])
    again = Piece(("Content-Type: message/rfc822",), twice)
    return compose.with_file(occasion, "Fwd: Fwd: Your file", again)


def _after_padding(occasion: Occasion) -> bytes:
    line = b"This line is here only to take up room in a long letter, as many do.\r\n"
    padding = Piece(("Content-Type: text/plain; charset=us-ascii",), line * (_PADDING_OCTETS // len(line)))
    parts = [padding, compose.attachment(_NAME, _virus())]
    return compose.mixed(compose.opening(occasion, "A long letter"), f"=_{occasion.mark}", parts)


def _after_the_epilogue(occasion: Occasion) -> bytes:
    boundary = f"=_{occasion.mark}"
    first = compose.body_of(boundary, [compose.text("See the attached file.\n")])
    second = compose.body_of(boundary, [compose.attachment(_NAME, _virus())])
    fields = (f'Content-Type: multipart/mixed; boundary="{boundary}"',)
    body = first + b"\r\nAn epilogue.\r\n\r\n" + second
    return compose.whole(compose.opening(occasion, "Your file"), Piece(fields, body))


def _as_base64(*fields: str) -> Write:
    return _piece(*fields, "Content-Transfer-Encoding: base64", body=lambda: compose.base64_lines(_virus()))


_WRAPPINGS: Mapping[str, Write] = {
    "as an attachment": _attached(_NAME, _virus),
    "as .com": _attached("eicar.com", _virus),
    "unencoded": _piece(f"Content-Type: {_FILE}", _AS_FILE, body=lambda: _virus() + b"\r\n"),
    "in quoted-printable": _piece(
        f"Content-Type: {_FILE}", _AS_FILE, "Content-Transfer-Encoding: quoted-printable",
        body=lambda: compose.escaped(_virus()),
    ),
    "as the only part": _body(lambda: _virus() + b"\r\n"),
    "in an HTML part": _piece(
        "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64",
        body=lambda: compose.base64_lines(_virus()),
    ),
    "uuencoded in the text": _body(lambda: b"See the file.\r\n\r\n" + compose.uuencoded(_NAME, _virus())),
    "yEnc-encoded in the text": _body(lambda: b"See the file.\r\n\r\n" + compose.yenc(_NAME, _virus())),
    "in a zip": _attached("file.zip", lambda: archives.zipped({_NAME: _virus()}), "application/zip"),
    "in a zip in a zip": _attached(
        "file.zip", lambda: archives.zipped({"inner.zip": archives.zipped({_NAME: _virus()})}), "application/zip"
    ),
    "in a zip that says it is a picture": _attached(
        "holiday.jpg", lambda: archives.zipped({_NAME: _virus()}), "image/jpeg"
    ),
    "in a 7z": _attached("file.7z", lambda: archives.seven_zip(_NAME, _virus())),
    "in a RAR 4": _attached("file.rar", lambda: archives.rar4(_NAME, _virus())),
    "in a RAR 5": _attached("file.rar", lambda: archives.rar5(_NAME, _virus())),
    "in a tar.gz": _attached("file.tar.gz", lambda: archives.tar_gz({_NAME: _virus()}), "application/gzip"),
    "in winmail.dat": _attached("winmail.dat", lambda: documents.tnef(_NAME, _virus()), "application/ms-tnef"),
    "in a PDF": _attached("file.pdf", lambda: documents.pdf_with_file(_NAME, _virus()), "application/pdf"),
    "in an old Office document": _attached(
        "file.doc", lambda: documents.ole_with_file(_NAME, _virus()), "application/msword"
    ),
    "in a Word document": _attached("file.docx", lambda: documents.docx_with_file(_NAME, _virus())),
    "in an RTF document": _attached(
        "file.rtf", lambda: documents.rtf_with_file(_NAME, _virus()), "application/rtf"
    ),
    "in a forwarded mail's forwarded mail": _in_nested_mail,
    "under an RFC 2231 name": _as_base64(
        f"Content-Type: {_FILE}", "Content-Disposition: attachment; filename*0*=utf-8''eic%61r; filename*1=.txt"
    ),
    "under an encoded-word name": _as_base64(
        f'Content-Type: {_FILE}; name="=?utf-8?B?ZWljYXIudHh0?="', "Content-Disposition: attachment"
    ),
    "without a name": _as_base64(f"Content-Type: {_FILE}"),
    "after 8 MiB of text": _after_padding,
    "in a second body after the epilogue": _after_the_epilogue,
}  # fmt: skip


# ── what needs a password ──


def _encrypted(settings: Antivirus) -> Iterator[Step]:
    why = "What no engine can read has arrived as if it were clean."
    for name, write in _LOCKED.items():
        yield Step(controls.ENCRYPTED.id, ENCRYPTED, name, write, at_least(settings.encrypted), why)


def _locked(word: str) -> bytes:
    return archives.encrypted_zip("letter.txt", b"A harmless letter.\r\n", word.encode())


_LOCKED: Mapping[str, Write] = {
    "an encrypted zip": _attached("letter.zip", lambda: _locked("canary"), "application/zip"),
    "an encrypted zip whose password is in the letter": lambda occasion: compose.with_file(
        occasion, "Your file", compose.attachment("letter.zip", _locked("1234")), "The password is 1234."
    ),
    "an encrypted zip in a zip": _attached("letters.zip", lambda: archives.zipped({"letter.zip": _locked("canary")})),
}


# ── forbidden types ──


class _Sample(NamedTuple):
    """A harmless file of a type that is not let in."""

    file: str
    kind: str
    """The word of its type in the settings."""
    make: Callable[[], bytes]
    macros: bool = False
    """`antivirus.macros` says what becomes of it, and not `antivirus.forbidden`."""


_TEXT = b"A harmless text.\r\n"
_MACROS_IN = "docm"

_TYPES: Mapping[str, _Sample] = {
    "a Windows program": _Sample("setup.exe", "pe", programs.program),
    "a Windows program as .dll": _Sample("codec.dll", "pe", programs.program),
    "a Windows program as .scr": _Sample("saver.scr", "pe", programs.program),
    "a Windows program as .xll": _Sample("sheet.xll", "pe", programs.program),
    "a Windows program that says it is a text": _Sample("report.txt", "pe", programs.program),
    "a Windows program without an extension": _Sample("report", "pe", programs.program),
    "a Linux program": _Sample("report", "elf", programs.elf),
    "JavaScript": _Sample("report.js", "js", lambda: programs.SCRIPTS["js"]),
    "encoded JavaScript": _Sample("report.jse", "jse", programs.encoded_script),
    "VBScript": _Sample("report.vbs", "vbs", lambda: programs.SCRIPTS["vbs"]),
    "a Windows script file": _Sample("report.wsf", "wsf", lambda: programs.SCRIPTS["wsf"]),
    "an HTML application": _Sample("report.hta", "hta", lambda: programs.SCRIPTS["hta"]),
    "PowerShell": _Sample("report.ps1", "ps1", lambda: programs.SCRIPTS["ps1"]),
    "a batch file": _Sample("report.bat", "bat", lambda: programs.SCRIPTS["bat"]),
    "registry entries": _Sample("report.reg", "reg", lambda: programs.SCRIPTS["reg"]),
    "a shortcut": _Sample("report.lnk", "lnk", programs.shortcut),
    "an Internet shortcut": _Sample("report.url", "url", lambda: programs.SCRIPTS["url"]),
    "a Windows library": _Sample("report.library-ms", "library-ms", lambda: programs.SCRIPTS["library-ms"]),
    "a CD image": _Sample("report.iso", "iso", programs.cd_image),
    "a disk image": _Sample("report.img", "img", programs.disk_image),
    "a virtual disk": _Sample("report.vhd", "vhd", programs.virtual_disk),
    "a OneNote section": _Sample("report.one", "onenote", programs.notebook),
    "a Java program": _Sample("report.jar", "jar", programs.java_program),
    "an installer package": _Sample("report.msi", "msi", programs.installer),
    "a document with macros": _Sample("report.docm", "docm", documents.docm, macros=True),
    "a document with macros that says it has none": _Sample("report.docx", _MACROS_IN, documents.docm, macros=True),
    "RTF with a program in it": _Sample(
        "report.rtf", "", lambda: documents.rtf_with_file("setup.exe", programs.program())
    ),
    "a drawing with script": _Sample("drawing.svg", "", programs.drawing_with_script),
    "a page that builds a program": _Sample(
        "document.html", "", lambda: programs.smuggling_page(programs.program(), "setup.exe")
    ),
    "a double extension": _Sample("invoice.pdf.exe", "", programs.program),
    "a double extension over a text": _Sample("invoice.pdf.vbs", "", lambda: _TEXT),
    "a name with a right-to-left override": _Sample("invoice_\u202efdp.exe", "", programs.program),
    "a name with a dot at its end": _Sample("setup.exe.", "pe", programs.program),
    "a name with a space at its end": _Sample("setup.exe ", "pe", programs.program),
    "a program in a zip": _Sample("files.zip", "pe", lambda: archives.zipped({"setup.exe": programs.program()})),
    "a script in a zip": _Sample("files.zip", "js", lambda: archives.zipped({"a.js": programs.SCRIPTS["js"]})),
    "a shortcut in a 7z": _Sample("files.7z", "lnk", lambda: archives.seven_zip("a.lnk", programs.shortcut())),
}  # fmt: skip


def _forbidden(settings: Antivirus) -> Iterator[Step]:
    for name, sample in _TYPES.items():
        control = controls.MACROS if sample.macros else controls.FORBIDDEN
        expect = _allowed_or(at_least(settings.macros if sample.macros else settings.forbidden), sample, settings)
        yield Step(control.id, FORBIDDEN, name, _with_sample(sample), expect, "Something that runs has arrived.")


def _allowed_or(expect: Expect, sample: _Sample, settings: Antivirus) -> Expect:
    return Expect.LET_IN if sample.kind in settings.allowed_types else expect


def _with_sample(sample: _Sample) -> Write:
    """The name is written as a mail program would: beyond ASCII in an RFC 2231 parameter."""
    if sample.file.isascii():
        return _attached(sample.file, sample.make)
    coded = "".join(f"%{octet:02X}" for octet in sample.file.encode())
    return _piece(
        f"Content-Type: {_FILE}",
        f"Content-Disposition: attachment; filename*=utf-8''{coded}",
        "Content-Transfer-Encoding: base64",
        body=lambda: compose.base64_lines(sample.make()),
    )


# ── bombs ──


def _bombs() -> Iterator[Step]:
    why = "A message that costs far more to read than to send has arrived unread."
    for name, write in _BOMBS.items():
        yield Step(controls.UNREAD.id, BOMBS, name, write, Expect.ANSWERED, why)


def _nested(occasion: Occasion, depth: int = 1000) -> bytes:
    """Mails in mails: `depth` containers around a text."""
    inner = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(depth)
    )
    return compose.opening(occasion, "Deep") + inner + b"Content-Type: text/plain\r\n\r\nThe end.\r\n"


def _many_parts(occasion: Occasion, count: int = 10_000) -> bytes:
    return compose.mixed(compose.opening(occasion, "Many"), f"=_{occasion.mark}", [Piece((), b"")] * count)


# Made once: what they hold does not change, and they take a tenth of a second each.
_BOMBS: Mapping[str, Write] = {
    "zips of zips of zips": _attached("bomb.zip", cache(archives.nested_bomb), "application/zip"),
    "a gibibyte of zeros in a gzip": _attached("bomb.gz", cache(archives.gzip_bomb), "application/gzip"),
    "1,000 zips within each other": _attached(
        "deep.zip", cache(lambda: archives.deep_zip(1000, _TEXT)), "application/zip"
    ),
    "parts nested 1,000 deep": _nested,
    "10,000 parts": _many_parts,
}


# ── malformed messages ──


def _malformed(settings: Antivirus) -> Iterator[Step]:
    why = "Mail programs read such messages each in their own way; one of them shows the attachment."
    for name, write in malformed.SHAPES.items():
        yield Step(controls.AMBIGUOUS.id, MALFORMED, name, write, Expect.STOPPED, why)
    yield Step(
        controls.UNREAD.id, MALFORMED, "half a message, to be put together by its reader", malformed.partial,
        at_least(settings.unread), "A scanner that sees only halves has let a whole through.",
    )  # fmt: skip

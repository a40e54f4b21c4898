"""True types: by content whatever the name, by name where the content is text, and never an exception."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime import filetype, packages, textkind
from lockdown.mime.filetype import KINDS, Told, kind_of

TEST_FILES = Path("/usr/share/clamav-testfiles")


def windows_program() -> bytes:
    return b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(200)


def zipped(*names: str, first: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, first)
    return packed.getvalue()


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO(b""))
    return packed.getvalue()


def iso() -> bytes:
    return bytes(0x8000) + b"\x01CD001\x01" + bytes(3000)


BY_CONTENT: list[tuple[bytes, str]] = [
    (b"", "empty"),
    (b"Dear Sir,\r\n\r\nplease find attached\r\n", "text"),
    ("Grüße aus Köln\n".encode(), "text"),
    ("日本語の本文です。".encode("iso-2022-jp"), "text"),
    ("Привет".encode("koi8-r"), "text"),
    (bytes(range(256)) * 8, "unknown"),
    (windows_program(), "pe"),
    (b"MZ" + bytes(range(256)), "dos-exe"),
    (b"MZ is how my name begins.\n" * 9, "text"),
    (b"\x7fELF\x02\x01\x01" + bytes(60), "elf"),
    (b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(60), "java-class"),
    (b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(60), "mach-o"),
    (b"\xcf\xfa\xed\xfe" + bytes(60), "mach-o"),
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(60), "lnk"),
    (zipped("a.txt"), "zip"),
    (zipped(), "zip"),
    (zipped("[Content_Types].xml", "word/document.xml"), "docx"),
    (zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "docm"),
    (zipped("[Content_Types].xml", "xl/workbook.xml", "xl/macrosheets/sheet1.xml"), "xlsm"),
    (zipped("[Content_Types].xml", "xl/workbook.bin"), "xlsb"),
    (zipped("[Content_Types].xml", "ppt/presentation.xml"), "pptx"),
    (zipped("META-INF/MANIFEST.MF", "A.class"), "jar"),
    (zipped("AndroidManifest.xml", "classes.dex", "META-INF/MANIFEST.MF"), "apk"),
    (zipped("mimetype", first=b"application/vnd.oasis.opendocument.text"), "odt"),
    (zipped("mimetype", "content.opf", first=b"application/epub+zip"), "epub"),
    (zipped("a.txt")[:-30], "zip"),
    (bytes(50) + zipped("a.txt"), "zip"),
    (gzip.compress(b"x"), "gzip"),
    (tarred(), "tar"),
    (iso(), "iso"),
    (b"Rar!\x1a\x07\0" + bytes(20), "rar4"),
    (b"Rar!\x1a\x07\x01\0" + bytes(20), "rar5"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(20), "7z"),
    (b"\x60\xea\x29\0\x1e" + bytes(40), "arj"),
    (bytes(7) + b"**ACE**" + bytes(40), "ace"),
    (b"!<arch>\ndebian-binary   ", "deb"),
    (b"conectix" + bytes(504), "vhd"),
    (bytes(1024) + b"conectix" + bytes(504), "vhd"),
    (b"vhdxfile" + bytes(504), "vhdx"),
    (b"\xeb\x3c\x90MSDOS5.0\0\x02" + bytes(497) + b"\x55\xaa" + bytes(1024), "img"),
    (b"%PDF-1.7\n", "pdf"),
    (b"\0\0\n%PDF-1.7\n", "pdf"),
    (b"{\\rtf1\\ansi", "rtf"),
    (b"{\\rt{\\object", "rtf"),
    (b"\x89PNG\r\n\x1a\n" + bytes(9), "png"),
    (b"\xff\xd8\xff\xe0" + bytes(9), "jpeg"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3" + bytes(9), "onenote"),
    (b"ITSF\x03" + bytes(90), "chm"),
    (b"\x78\x9f\x3e\x22" + bytes(90), "tnef"),
    (b"<!DOCTYPE html><html>", "html"),
    (b"\xef\xbb\xbf\r\n  <!-- saved -->\n<HTML>", "html"),
    (b"<script>x</script>", "html"),
    (b"<a href='x'>x</a>", "html"),
    (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
    (b"<?xml version='1.0'?><!-- a --><note/>", "xml"),
    (b"<?xml version='1.0'?><html xmlns='x'/>", "html"),
    (b"<?xml version='1.0'?><pkg:package xmlns:pkg='x'>", "word-xml"),
    (b"<?xml version='1.0'?><libraryDescription xmlns='x'>", "library-ms"),
    (b"<?xml version='1.0'?><package xmlns='opf'><metadata/></package>", "xml"),
    (b"<package><job id='a'><script language='VBScript'>", "wsf"),
    (b"<job><script language='JScript'>", "wsf"),
    (b"<html><head><HTA:APPLICATION ID='a'>", "hta"),
    (b"[InternetShortcut]\r\nURL=file://x\r\n", "url"),
    (b"[Shell]\r\nCommand=2\r\nIconFile=\\\\x\\y.ico", "scf"),
    (b"[Desktop Entry]\nExec=x\n", "desktop"),
    (b"Windows Registry Editor Version 5.00\r\n", "reg"),
    ("Windows Registry Editor Version 5.00\r\n".encode("utf-16"), "reg"),
    (b'[Version]\r\nSignature="$CHICAGO$"\r\n', "inf"),
    (b"#!/bin/sh\nrm x\n", "shell"),
    (b"#!/usr/bin/python3\n", "script"),
    (b"@echo off\r\ndel x\r\n", "bat"),
    (b"#@~^AAAAAA==", "jse"),
    (b"ID;PWXL;N;E\r\n", "sylk"),
    (b"BEGIN:VCALENDAR\r\n", "ics"),
    (b"begin 644 a.exe\r\nM35H", "uuencode"),
    (b"begin the day with a smile\r\n", "text"),
    (b"=ybegin line=128 size=1 name=a\r\n", "yenc"),
    (b"(This file must be converted with BinHex 4.0)\r\n", "binhex"),
    (b"From: a@example.org\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\n\r\nx", "eml"),
    (b"Received: from x\r\n\tby y\r\nFrom: a@example.org\r\n\r\nx", "eml"),
    (b"From: the board\r\nTo: all\r\n\r\nDear all,", "text"),
    (b"From a@example.org Mon Jan  1 10:00:00 2024\nFrom: a@example.org\n\n", "mbox"),
    (b"From Monday on we are closed.\n", "text"),
    ("<html>".encode("utf-16"), "html"),
]


IDS = [f"{kind}-{number}" for number, (_, kind) in enumerate(BY_CONTENT)]


@pytest.mark.parametrize(("content", "kind"), BY_CONTENT, ids=IDS)
def test_a_content_tells_its_type(content: bytes, kind: str) -> None:
    assert kind_of(content) == kind


@pytest.mark.parametrize(
    "name", ["photo.jpg", "invoice.pdf", "a.txt", "a.docx", "noname", "a.html", "a.bat", "", "a.zip"]
)
def test_a_program_is_a_program_under_any_name(name: str) -> None:
    assert kind_of(windows_program(), name) == "pe"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "js"), ("A.JS", "js"), ("a.js.", "js"), ("a.js ", "js"), ("a.vbs", "vbs"), ("a.ps1", "ps1"),
        ("a.cmd", "bat"), ("a.hta", "hta"), ("a.html", "html"), ("a.svg", "svg"), ("a.csv", "csv"), ("a.com", "com"),
        ("a.scr", "com"), ("a.txt", "text"), ("a", "text"), ("a.url", "url"), ("a.rdp", "rdp"), ("a.eml", "eml"),
        ("letter.a.b@example.org", "text"), ("a.jse", "jse"), ("a.appref-ms", "appref-ms"), ("a.wsh", "wsh"),
    ],
)  # fmt: skip
def test_a_text_is_what_its_name_makes_of_it(name: str, kind: str) -> None:
    assert kind_of(b"hello\r\nworld\r\n", name) == kind
    assert kind_of("hello\r\nworld\r\n".encode("utf-16"), name) == kind


def test_what_looks_like_a_page_or_a_message_is_still_a_script_by_its_name() -> None:
    assert kind_of(b"<!-- \nWScript.Echo(1)\n//-->", "a.js") == "js"
    assert kind_of(b"MIME-Version: 1.0\nContent-Type: x\n", "a.vbs") == "vbs"


def test_interpreters_that_skip_what_they_do_not_know_go_by_the_name_alone() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(50)
    assert kind_of(picture, "a.hta") == "hta"
    assert kind_of(picture, "a.bat") == "bat"
    assert kind_of(b"GIF89a=1;", "a.js") == kind_of(picture, "a.js") == "js"
    assert kind_of(picture, "logo of example.pl") == "png"
    assert kind_of(b"GIF89a<script>", "a.html") == "html"


def test_a_zip_behind_something_else_is_one_for_who_opens_it_by_its_name() -> None:
    polyglot = b"\x89PNG\r\n\x1a\n" + bytes(50) + zipped("META-INF/MANIFEST.MF", "A.class")
    assert kind_of(polyglot, "a.png") == "png"
    assert kind_of(polyglot, "a.jar") == "jar"
    assert kind_of(polyglot, "a.zip") == "jar"


def test_the_subject_of_a_forwarded_message_does_not_make_a_program_of_it() -> None:
    assert kind_of(b"MIME-Version: 1.0\r\nFrom: a@b\r\n\r\n", "Re: example.com") == "eml"


FORBIDDEN = (
    "pe dos-exe com js jse vbs vbe wsf wsh hta lnk url iso img vhd vhdx udf onenote jar java-class msi ps1 bat chm reg "
    "library-ms search-ms settingcontent-ms appref-ms clickonce msc theme inf scf sct desktop elf mach-o apk dmg"
)


@pytest.mark.parametrize("kind", FORBIDDEN.split())
def test_what_runs_or_mounts_is_forbidden_by_default(kind: str) -> None:
    assert KINDS[kind].dangerous


@pytest.mark.parametrize("kind", ["docx", "docm", "pdf", "zip", "html", "svg", "text", "unknown", "eml", "png", "cab"])
def test_what_is_judged_by_what_is_in_it_is_not_forbidden_as_such(kind: str) -> None:
    assert not KINDS[kind].dangerous


def test_every_word_that_may_be_said_is_in_the_table() -> None:
    said = {word for _, word in filetype._SIGNATURES} | {word for _, _, word in filetype._SIGNATURES_WITHIN}
    said |= {word for _, word in filetype._STRUCTURES} | {word for _, word in textkind._PATTERNS}
    said |= set(textkind._ROOTS.values()) | {word for _, word in packages._STREAMS}
    said |= {word for _, word in packages._MIMETYPES} | set(filetype._SHOWN_BY_BROWSERS.values())
    assert {word for word in said if not word.startswith("?")} <= set(KINDS)
    assert {word for word in said if word.startswith("?")} == set(filetype._REFINED)


def test_extensions_of_text_lead_to_one_kind_each() -> None:
    extensions = [ending for kind in KINDS.values() if kind.told is Told.BY_NAME_OF_TEXT for ending in kind.extensions]
    assert len(extensions) == len(set(extensions))


EXPECTED = {
    ".7z": "7z", ".arj": "arj", ".cpio": "cpio", ".zip": "zip", ".cab": "cab", ".chm": "chm", ".exe": "pe",
    ".binhex": "binhex", ".bz2": "bzip2", ".html": "html", ".base64": "mbox", ".uu": "mbox", ".rtf": "rtf",
    ".szdd": "szdd", ".mail": "eml", ".doc": "doc", ".pdf": "pdf", ".ppt": "ppt", ".sis": "sis", ".gz": "gzip",
    ".tnef": "tnef", ".tgz": "gzip",
}  # fmt: skip


@pytest.mark.skipif(not TEST_FILES.is_dir(), reason="clamav-testfiles is not installed")
def test_the_containers_of_the_test_program_are_what_they_are() -> None:
    found = {path.name: kind_of(path.read_bytes()) for path in TEST_FILES.iterdir() if path.suffix in EXPECTED}
    assert found
    assert found == {name: EXPECTED[Path(name).suffix] for name in found}


NAMES = st.one_of(st.text(max_size=40), st.sampled_from(["a.js", "a.zip", "a.html", "a.exe", "x.jar", "a.docx"]))
STARTS = st.sampled_from([content[:60] for content, _ in BY_CONTENT])


@settings(max_examples=400, deadline=None)
@given(start=STARTS, rest=st.binary(max_size=200), name=NAMES)
def test_whatever_comes_has_a_word_of_the_table(start: bytes, rest: bytes, name: str) -> None:
    assert kind_of(start + rest, name) in KINDS
    assert kind_of(rest, name) in KINDS

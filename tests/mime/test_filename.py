"""Names that deceive are seen; names that are only odd are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.mime.filename import extension, name_traits
from lockdown.mime.filetype import KINDS
from lockdown.model.scan import Trait

DECEIVING: list[tuple[str, str, Trait]] = [
    ("invoice.pdf.exe", "pe", Trait.DOUBLE_EXTENSION),
    ("Invoice.PDF.EXE", "pe", Trait.DOUBLE_EXTENSION),
    ("photo.jpg.scr", "pe", Trait.DOUBLE_EXTENSION),
    ("scan.pdf.js", "js", Trait.DOUBLE_EXTENSION),
    ("scan.pdf .exe", "pe", Trait.DOUBLE_EXTENSION),
    ("letter.docx.lnk", "lnk", Trait.DOUBLE_EXTENSION),
    ("archive.zip.exe", "pe", Trait.DOUBLE_EXTENSION),
    ("invoice.pdf.html", "html", Trait.DOUBLE_EXTENSION),
    ("invoice.pdf.exe.", "pe", Trait.DOUBLE_EXTENSION),
    ("annual\u202efdp.exe", "pe", Trait.RIGHT_TO_LEFT),
    ("annual\u202dfdp.exe", "pe", Trait.RIGHT_TO_LEFT),
    ("annual\u2067fdp.exe", "pe", Trait.RIGHT_TO_LEFT),
    ("tool.exe.", "pe", Trait.TRAILING_DOT),
    ("tool.exe ", "pe", Trait.TRAILING_DOT),
    ("tool.bat. .", "bat", Trait.TRAILING_DOT),
    ("tool.exe\u00a0", "pe", Trait.TRAILING_DOT),
    ("report.pdf.", "pdf", Trait.TRAILING_DOT),
    ("report.pdf" + " " * 60 + ".exe", "pe", Trait.PADDED_NAME),
    ("report" + "\u00a0" * 30 + ".scr", "pe", Trait.PADDED_NAME),
    ("report.pdf" + "\u3164" * 30 + ".exe", "pe", Trait.PADDED_NAME),
    ("report.pdf" + "_" * 40 + ".exe", "pe", Trait.PADDED_NAME),
    ("photo.jpg", "pe", Trait.NAME_LIES),
    ("photo.jpg", "html", Trait.NAME_LIES),
    ("photo.jpg", "zip", Trait.NAME_LIES),
    ("report.pdf", "zip", Trait.NAME_LIES),
    ("report.pdf", "html", Trait.NAME_LIES),
    ("report.docx", "pe", Trait.NAME_LIES),
    ("report.docx", "rar5", Trait.NAME_LIES),
    ("notes.txt", "pe", Trait.NAME_LIES),
    ("notes.txt", "lnk", Trait.NAME_LIES),
    ("song.mp3", "iso", Trait.NAME_LIES),
    ("a\x00b.pdf", "pdf", Trait.CONTROL_IN_NAME),
    ("a\nb.pdf", "pdf", Trait.CONTROL_IN_NAME),
]

ORDINARY: list[tuple[str, str]] = [
    ("invoice.pdf", "pdf"),
    ("v1.2.pdf", "pdf"),
    ("Rechnung 01.02.2026.pdf", "pdf"),
    ("backup.tar.gz", "gzip"),
    ("report.final.docx", "docx"),
    ("signed.pdf.p7m", "pkcs7"),
    ("letter.doc.pdf", "pdf"),
    ("picture.png.jpg", "png"),
    ("setup-1.0.2.exe", "pe"),
    ("example.com.html", "html"),
    ("photo.jpg", "png"),
    ("report.doc", "docx"),
    ("report.doc", "rtf"),
    ("report.doc", "html"),
    ("table.xls", "html"),
    ("table.xls", "csv"),
    ("table.csv", "text"),
    ("report.docx", "zip"),
    ("report.docx", "encrypted-office"),
    ("notes.txt", "html"),
    ("notes.txt", "unknown"),
    ("archive.zip", "docx"),
    ("page.html", "text"),
    ("report.pdf ", "pdf"),
    ("Minutes of the meeting, No. 3.", "eml"),
    ("Dr. Smith", "text"),
    ("a  few  blanks.pdf", "pdf"),
    ("\u05d3\u05d5\u05d7 \u202b2026\u202c.pdf", "pdf"),
    ("Bildschirmfoto 2026-01-01 um 10.00.00\u202fAM.png", "png"),
    ("form____.pdf", "pdf"),
    ("", "text"),
]


@pytest.mark.parametrize(("name", "kind", "trait"), DECEIVING)
def test_a_deceiving_name_is_seen(name: str, kind: str, trait: Trait) -> None:
    assert trait in name_traits(name, kind)


@pytest.mark.parametrize(("name", "kind"), ORDINARY)
def test_an_ordinary_name_has_no_trait(name: str, kind: str) -> None:
    assert name_traits(name, kind) == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pdf", "pdf"), ("A.PDF", "pdf"), ("a", ""), ("a.", ""), ("a.exe.", "exe"), ("a.exe. .", "exe"),
        ("a.exe \u00a0", "exe"), ("a.txt:b.exe", "exe"), ("a.txt:b", ""), ("c:\\x.y\\a", ""), ("x.y/a.js", "js"),
        ("a.exe\u200b", "exe"), ('a.exe"', "exe"), ("a.tar.gz", "gz"), (".exe", "exe"), ("...", ""),
    ],
)  # fmt: skip
def test_the_extension_is_the_one_that_windows_goes_by(name: str, expected: str) -> None:
    assert extension(name) == expected


@given(name=st.text(max_size=300), kind=st.sampled_from(sorted(KINDS)))
def test_every_name_has_an_answer_and_each_trait_comes_once(name: str, kind: str) -> None:
    traits = name_traits(name, kind)
    assert len(traits) == len(set(traits))
    assert len(extension(name)) <= max(len(name), 64)


def test_a_name_of_a_million_characters_is_no_trouble() -> None:
    for filling in (" ", ".", "_", "a.", "\u202e", "\u00a0."):
        assert isinstance(name_traits(filling * 1_000_000 + ".exe", "pe"), tuple)

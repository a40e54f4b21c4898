"""The harmless documents of other projects: each has what its name says, and nothing else."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from lockdown.mime.filetype import kind_of
from lockdown.model.scan import Trait
from lockdown.scan.inspect import Inspected, inspect

_CASES = os.environ.get("LOCKDOWN_CASES")
FOLDER = (Path(_CASES) if _CASES else Path(__file__).parents[4] / "shared" / "cases") / "oletools-docs"
TEST_FILES = Path("/usr/share/clamav-testfiles")
PASSWORD = b"infected-test"
"""Of the zips that keep these documents from the scanners on the way."""

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the documents are not here (LOCKDOWN_CASES)")

EXPECTED: list[tuple[str, set[Trait]]] = [
    # Password: nothing in it can be seen, so nothing else may be claimed.
    ("encrypted__", {Trait.ENCRYPTED}),
    ("basic__encrypted", {Trait.ENCRYPTED}),
    # ALERT and HALT, started by Auto_Open: they run, but neither write nor run programs.
    ("excel4-macros__", {Trait.OLD_MACROS, Trait.AUTO_EXEC}),
    # An object that is fetched from a web server when the document is opened.
    ("external_link__", {Trait.REMOTE_TEMPLATE}),
    # cmd.exe by DDE.
    ("msodde__dde-", {Trait.DDE}),
    ("ooxml__dde-", {Trait.DDE}),
    ("msodde__harmless-clean", set()),
    ("ooxml__harmless-clean", set()),
    # A text file, packed by Windows' packager.
    ("oleobj__embedded-", {Trait.EMBEDDED_OBJECT}),
    # A program, and a shortcut to one.
    ("oleobj__sample_with_calc_embedded", {Trait.EMBEDDED_PROGRAM}),
    ("oleobj__sample_with_lnk_file", {Trait.EMBEDDED_PROGRAM}),
    # An object that updates itself, with data that is no object.
    ("rtfobj__issue_185", {Trait.EMBEDDED_OBJECT}),
]


def documents() -> list[Path]:
    return sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []


def opened(path: Path) -> tuple[str, bytes]:
    if path.suffix != ".zip":
        return path.name, path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        name = archive.namelist()[0]
        return name, archive.read(name, PASSWORD)


def inspected(path: Path) -> Inspected:
    name, content = opened(path)
    return inspect(kind_of(content, name), content, name)


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_document_has_what_its_name_says_and_nothing_else(path: Path) -> None:
    expected = [traits for start, traits in EXPECTED if path.name.startswith(start)]
    if not expected:
        pytest.skip("nothing is written down for this document")
    found = inspected(path)
    assert set(found.traits) == expected[0]
    assert found.encrypted == (Trait.ENCRYPTED in expected[0]) == bool(found.unread)


@pytest.mark.parametrize("path", [path for path in documents() if "embedded" in path.name], ids=lambda path: path.name)
def test_the_embedded_file_is_taken_out_with_its_name(path: Path) -> None:
    embedded = inspected(path).embedded
    assert [file.name.rpartition(".")[2] for file in embedded] in (["txt"], ["exe"])
    assert b"text" in embedded[0].data or embedded[0].data.startswith(b"MZ") or "unicode" in path.name


@pytest.mark.skipif(not TEST_FILES.is_dir(), reason="clamav-testfiles is not installed")
@pytest.mark.parametrize("name", ["clam.ole.doc", "clam.ppt", "clam.exe.rtf", "clam.pdf", "clam.exe.html"])
def test_the_test_program_is_taken_out_of_every_document_that_carries_it(name: str) -> None:
    path = TEST_FILES / name
    if not path.exists():
        pytest.skip("not among the test files")
    found = inspected(path)
    assert [kind_of(file.data) for file in found.embedded] == ["pe"]
    assert found.unread == ()

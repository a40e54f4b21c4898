"""RTF, shortcuts, OneNote, scripts; budgets; and that nothing ever raises."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.filetype import KINDS
from lockdown.model.scan import Trait
from lockdown.scan.inspect import INSPECTED, Budget, Inspected, inspect
from tests.scan.inspect.compound import compound, package, project
from tests.scan.inspect.documents import excel, pdf, section, shortcut, word

PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(20)


def rtf(body: str) -> set[Trait]:
    found = inspect("rtf", b"{\\rtf1\\ansi " + body.encode() + b"}", "a.rtf")
    assert found.unread == ()
    return set(found.traits)


def ole1(name: str, native: bytes) -> str:
    packed = struct.pack("<III", 0x501, 2, len(name) + 1) + name.encode() + b"\0" + bytes(8)
    return (packed + struct.pack("<I", len(native)) + native).hex()


# ── RTF ──


def test_plain_rtf_has_no_traits() -> None:
    assert rtf('Hello {\\b world}\\par{\\field{\\*\\fldinst HYPERLINK "http://example.org"}{\\fldrslt x}}') == set()
    assert rtf("{\\*\\template C:\\\\Users\\\\a\\\\Normal.dot}{\\pict\\pngblip 89504e47}") == set()


@pytest.mark.parametrize(
    "noise",
    [
        lambda digits: digits,
        lambda digits: "\n".join(digits),
        lambda digits: digits[:40] + "{\\*\\junk 1234}" + digits[40:],
        lambda digits: digits[:41] + "\\par " + digits[41:],
        lambda digits: digits[:30] + "{" + digits[30:80] + "}" + digits[80:],
        lambda digits: digits[:-30] + "{\\*\\junk 1234}" + digits[-30:],
        lambda digits: digits.upper(),
        lambda digits: digits[:60] + "\\'2d" + digits[60:],
    ],
)
def test_a_packaged_program_is_found_through_noise(noise: object) -> None:
    digits = ole1("Package", package("tool.exe", PROGRAM)[4:])
    body = "{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata " + noise(digits) + "}}"  # type: ignore[operator]
    found = inspect("rtf", b"{\\rtf1" + body.encode() + b"}")
    assert Trait.EMBEDDED_PROGRAM in found.traits
    assert found.embedded == (("tool.exe", PROGRAM),)


def test_binary_data_is_data_too() -> None:
    native = ole1("Package", package("a.exe", PROGRAM)[4:])
    raw = bytes.fromhex(native)
    found = inspect("rtf", b"{\\rtf{\\object{\\*\\objdata \\bin%d " % len(raw) + raw + b"}}}")
    assert [file.name for file in found.embedded] == ["a.exe"]


def test_objects_known_from_exploits() -> None:
    assert Trait.EXPLOIT_OBJECT in rtf("{\\object{\\*\\objdata " + ole1("eQuatiON.3", b"x" * 60) + "}}")
    assert Trait.EXPLOIT_OBJECT in rtf("{\\object{\\*\\objdata " + ole1("OLE2Link", compound({"\x01Ole": b""})) + "}}")


def test_a_document_within_has_its_macros_seen() -> None:
    inner = compound({"Workbook": b"", "_VBA_PROJECT_CUR": project("Sub Workbook_Open()\nShell 1\nEnd Sub")})
    assert Trait.AUTO_EXEC in rtf("{\\object{\\*\\objdata " + ole1("Excel.Sheet.8", inner) + "}}")


@pytest.mark.parametrize(
    "target", ["http://192.0.2.1/a.dot", "h\\'74tp://example.org/a", "\\u104 ?\\u116 ?\\u116 ?\\u112 ?://x.example/"]
)
def test_a_template_from_outside(target: str) -> None:
    assert rtf("{\\*\\template " + target + "}") == {Trait.REMOTE_TEMPLATE}


def test_dde_in_rtf() -> None:
    assert rtf('{\\field{\\*\\fldinst {DDE}{\\b AUTO cmd "/k calc"}}}') == {Trait.DDE}


# ── shortcuts, OneNote, scripts ──


def test_a_shortcut_says_what_it_runs_and_gives_what_is_behind_it() -> None:
    found = inspect("lnk", shortcut("/c powershell -enc AAAA", PROGRAM), "a.lnk")
    assert "/c powershell -enc AAAA" in found.says
    assert found.embedded[0].data == PROGRAM
    assert inspect("lnk", shortcut("x")).embedded == ()


def test_an_internet_shortcut_says_where_it_leads() -> None:
    assert inspect("url", b"[InternetShortcut]\r\nURL=file://192.0.2.1/a\r\n").says == ("URL file://192.0.2.1/a",)
    library = b"<libraryDescription><simpleLocation><url>\\\\192.0.2.1\\a</url>"
    assert inspect("library-ms", library).says == ("url \\\\192.0.2.1\\a",)


def test_files_in_a_section_are_taken_out() -> None:
    found = inspect("onenote", section(b"\x89PNG\r\n\x1a\n" + bytes(9), PROGRAM))
    assert [file.data for file in found.embedded][1] == PROGRAM
    assert set(found.traits) == {Trait.EMBEDDED_PROGRAM}


def test_a_script_in_a_section_is_known_by_a_name_beside_it() -> None:
    found = inspect("onenote", section(b"MsgBox 1") + "open me.vbs".encode("utf-16-le"))
    assert Trait.EMBEDDED_PROGRAM in found.traits


def test_a_script_says_what_it_reaches_for() -> None:
    found = inspect("js", b"var s = new ActiveXObject('WScript.Shell'); eval(unescape(x))")
    assert {"wscript.shell", "activexobject", "eval"} <= set(found.says)


# ── bounds ──

EVERYTHING = [
    ("doc", compound({"WordDocument": b"\xec\xa5" + bytes(60), "Macros": project("Sub AutoOpen()\nShell 1\nEnd Sub")})),
    ("docx", word()),
    ("xlsx", excel()),
    ("pdf", pdf()),
    ("rtf", b"{\\rtf{\\object{\\*\\objdata " + ole1("Package", package("a.exe", PROGRAM)[4:]).encode() + b"}}}"),
    ("lnk", shortcut("a b c", b"x" * 30)),
    ("onenote", section(PROGRAM)),
    ("html", b"<html><script>new Blob([atob('" + b"QUJD" * 30 + b"')])</script>"),
    ("csv", b"a,=cmd|'/c x'!A0\r\n"),
    ("sylk", b"ID;P\r\nO;L;E\r\nNN;NAuto_Open;ER1C1\r\nC;EEXEC(1)\r\n"),
    ("word-xml", b"<w:wordDocument xmlns:w='urn:schemas-microsoft-com:office:word'><w:instrText>DDE x</w:instrText>"),
    ("activemime", b"ActiveMime" + bytes(60)),
]


@pytest.mark.parametrize(("kind", "content"), EVERYTHING, ids=[kind for kind, _ in EVERYTHING])
def test_what_costs_more_than_allowed_is_unread(kind: str, content: bytes) -> None:
    for budget in (Budget(octets=5), Budget(steps=0)):
        found = inspect(kind, content, "a", budget)
        assert isinstance(found, Inspected)
    if kind in ("doc", "docx", "xlsx"):
        assert inspect(kind, content, "a", Budget(octets=5)).unread
        assert inspect(kind, content, "a", Budget(steps=0)).unread


class Breaking(Budget):
    """A budget that stands for any bug on the way."""

    def step(self, count: int = 1) -> None:
        raise RuntimeError("out of order")


def test_a_reader_that_breaks_is_a_file_that_was_not_read() -> None:
    assert inspect("docx", word(), "a", Breaking()).unread == (
        "docx: its reader broke off (RuntimeError: out of order)",
    )


def test_every_kind_that_is_inspected_is_in_the_table_and_has_an_inspector() -> None:
    assert set(INSPECTED) <= set(KINDS)
    folder = Path(inspect.__code__.co_filename).parent
    assert {module for module in INSPECTED.values() if not (folder / f"{module}.py").exists()} == set()


def test_a_kind_that_acts_not_has_nothing_to_say() -> None:
    assert inspect("png", b"x") == Inspected()


@settings(max_examples=300, deadline=None)
@given(
    sample=st.sampled_from(EVERYTHING),
    cut=st.integers(0, 6000),
    at=st.integers(0, 6000),
    noise=st.binary(max_size=12),
    other=st.sampled_from(sorted(INSPECTED)),
)
def test_nothing_ever_raises(sample: tuple[str, bytes], cut: int, at: int, noise: bytes, other: str) -> None:
    kind, content = sample
    changed = content[:at] + noise + content[at + len(noise) : max(at, len(content) - cut)]
    for each in (kind, other):
        found = inspect(each, changed, "a", Budget(octets=2_000_000, steps=20_000))
        assert len(found.traits) == len(set(found.traits))
        assert len(found.says) <= 40

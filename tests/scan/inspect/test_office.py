"""Macros, old macros, DDE, what is fetched and what is embedded: in made documents, clean ones among them."""

import base64
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.filetype import kind_of
from lockdown.model.scan import Trait
from lockdown.scan.inspect import Budget, Inspected, inspect, vba
from tests.scan.inspect.compound import compound, compressed, package, project
from tests.scan.inspect.documents import excel, field, relationships, word, zipped

DROPPER = 'Sub AutoOpen()\r\n  Shell Environ("x") _\r\n   & "calc.exe"\r\nEnd Sub\r\n'
QUIET = "Function Add(a, b)\r\n  Add = a + b\r\nEnd Function\r\n"
WORD = b"\xec\xa5" + bytes(60)
PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(20)


def look(content: bytes, name: str = "") -> Inspected:
    return inspect(kind_of(content, name), content, name)


def traits(content: bytes, name: str = "") -> set[Trait]:
    found = look(content, name)
    assert found.unread == ()
    return set(found.traits)


# ── nothing ──


def test_plain_documents_have_no_traits() -> None:
    assert traits(word()) == set()
    assert traits(excel()) == set()
    assert traits(compound({"WordDocument": WORD, "1Table": b"x"})) == set()
    assert traits(compound({"Workbook": b"\x09\x08\x10\0\0\x06\x05\0" + bytes(12)})) == set()
    assert traits(compound({"PowerPoint Document": b"", "Current User": b""})) == set()


@pytest.mark.parametrize(
    "instruction",
    [
        " PAGE ",
        " TOC \\o ",
        ' HYPERLINK "http://example.org" ',
        " REF ddeadline ",
        " MERGEFIELD dde ",
        " DATE \\@ dd ",
        " INCLUDEPICTURE logo.png ",
    ],
)
def test_ordinary_fields_are_no_dde(instruction: str) -> None:
    assert traits(word(field(instruction))) == set()


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("hyperlink", "http://example.org/"),
        ("image", "http://example.org/logo.png"),
        ("attachedTemplate", "file:///C:\\Users\\ann\\Normal.dotm"),
        ("attachedTemplate", "file:///\\\\FILESERVER\\templates\\letter.dotx"),
        ("externalLinkPath", "file:///\\\\server.example.org\\prices.xlsx"),
        ("oleObject", "file:///D:\\prices.xlsx"),
    ],
)
def test_links_and_templates_of_the_senders_house_are_ordinary(kind: str, target: str) -> None:
    assert traits(word(word___rels__settings_x_xml_x_rels=relationships((kind, target, True)))) == set()


# ── macros ──


def test_a_macro_that_starts_by_itself_and_runs_something() -> None:
    found = look(compound({"WordDocument": WORD, "Macros": project(DROPPER)}))
    assert set(found.traits) == {Trait.MACROS, Trait.AUTO_EXEC, Trait.WRITES_OR_RUNS}
    assert {"AutoOpen", "Shell"} <= set(found.says)


def test_a_macro_that_only_adds_is_a_macro_and_no_more() -> None:
    assert traits(compound({"Workbook": b"", "_VBA_PROJECT_CUR": project(QUIET)})) == {Trait.MACROS}


@pytest.mark.parametrize("name", ["word__vbaProject_x_bin", "word__other_x_bin", "custom__vbaData_x_dat"])
def test_a_project_in_a_package_is_seen_under_any_name(name: str) -> None:
    found = traits(word(**{name: compound(dict(project(DROPPER)))}))
    assert found == {Trait.MACROS, Trait.AUTO_EXEC, Trait.WRITES_OR_RUNS}


@pytest.mark.parametrize(
    ("source", "trait"),
    [
        ("Private Sub Workbook_Open()\r\nEnd Sub", Trait.AUTO_EXEC),
        ("Sub Document_Open()\r\nEnd Sub", Trait.AUTO_EXEC),
        ("Sub auto_open()\r\nEnd Sub", Trait.AUTO_EXEC),
        ("Private Sub _\r\n  AutoOpen()\r\nEnd Sub", Trait.AUTO_EXEC),
        ("Private Sub InkEdit1_GotFocus()\r\nEnd Sub", Trait.AUTO_EXEC),
        ('Private Declare PtrSafe Function Fetch Lib "urlmon" Alias "x" () As Long', Trait.WRITES_OR_RUNS),
        ("Open path For Binary As #1", Trait.WRITES_OR_RUNS),
        ('Set s = CreateObject("WScr" & "ipt.Shell")', Trait.WRITES_OR_RUNS),
        ('x = "power" & "shell -enc"', Trait.WRITES_OR_RUNS),
    ],
)
def test_what_a_macro_does_is_seen(source: str, trait: Trait) -> None:
    assert trait in traits(compound({"Macros": project(source)}))


@pytest.mark.parametrize(
    "source",
    ["' Shell is what I never use", "Rem Sub AutoOpen()", "Sub AutoOpening()\r\nEnd Sub", "Open path For Input As #1"],
)
def test_what_a_macro_does_not_do_is_not_claimed(source: str) -> None:
    assert traits(compound({"Macros": project(source)})) == {Trait.MACROS}


def test_a_macro_of_which_only_the_compiled_form_is_left_is_said_to_be_unread() -> None:
    stomped = {"VBA": {"_VBA_PROJECT": b"\xcc\x61\0AutoOpen\0", "Module1": b"\x01\x16" * 200, "dir": b"\x01"}}
    found = look(compound({"WordDocument": WORD, "Macros": stomped}))
    assert {Trait.MACROS, Trait.AUTO_EXEC} <= set(found.traits)
    assert "source" in found.unread[0]


def test_a_broken_compound_file_is_searched_all_the_same() -> None:
    broken = compound({"Macros": project(DROPPER)})[:-600] + b""
    damaged = broken[:44] + b"\xff" * 40 + broken[84:]
    found = inspect("doc", damaged, "a.doc")
    assert found.unread
    assert {Trait.MACROS, Trait.AUTO_EXEC, Trait.DAMAGED} <= set(found.traits)


def test_macros_in_a_presentation_lie_in_a_compressed_object() -> None:
    inner = compound(dict(project(DROPPER)))
    body = struct.pack("<I", len(inner)) + zlib.compress(inner)
    record = struct.pack("<HHI", 0x10, 0x1011, len(body)) + body
    assert Trait.AUTO_EXEC in traits(compound({"PowerPoint Document": record, "Current User": b""}))


def test_macros_in_a_page_lie_in_activemime() -> None:
    active = b"ActiveMime" + bytes(0x32 - 10) + zlib.compress(compound(dict(project(DROPPER))))
    assert Trait.AUTO_EXEC in traits(active)
    folded = base64.encodebytes(active).decode()
    page = "MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n--x\r\n\r\n" + folded
    assert Trait.AUTO_EXEC in traits(page.encode(), "a.mht")
    xml = f"<?xml version='1.0'?><w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:binData>{folded}</w:binData></w:wordDocument>"
    assert Trait.AUTO_EXEC in traits(xml.encode())


def test_macros_of_an_open_document() -> None:
    parts = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}
    assert traits(zipped(parts)) == set()
    module = {
        "Basic/Standard/script-lb.xml": "<x/>",
        "Basic/Standard/Module1.xml": "Sub Main\nShell(&quot;x&quot;)\nEnd Sub",
    }
    assert traits(zipped(parts | module)) == {Trait.MACROS, Trait.WRITES_OR_RUNS}
    listener = "<script:event-listener script:event-name='dom:load' xlink:href='vnd.sun.star.script:a'/>"
    assert traits(zipped(parts | {"content.xml": listener})) == {Trait.MACROS, Trait.AUTO_EXEC}


def test_an_encrypted_open_document_is_encrypted() -> None:
    found = look(
        zipped(
            {
                "mimetype": "application/vnd.oasis.opendocument.text",
                "META-INF/manifest.xml": "<manifest:encryption-data/>",
            }
        )
    )
    assert found.encrypted


# ── old macros ──


def biff(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def test_old_macro_sheets_in_records() -> None:
    sheet = biff(0x85, struct.pack("<IBB", 0, 2, 1) + b"\x06\0Macro1")
    name = biff(0x18, struct.pack("<HBBH", 0x20, 0, 1, 0) + bytes(8) + b"\0\x01")
    begin = biff(0x809, b"\0\x06\x40\0" + bytes(12))
    formula = biff(0x06, bytes(20) + b"\x17\x04\0calc" + b"\x42\x01\x6e\0")
    found = look(compound({"Workbook": sheet + name + begin + formula}))
    assert set(found.traits) == {Trait.OLD_MACROS, Trait.AUTO_EXEC, Trait.WRITES_OR_RUNS}
    assert {"a very hidden Excel 4 macro sheet", "Auto_Open", "EXEC"} <= set(found.says)


def test_dde_in_records() -> None:
    link = biff(0x1AE, struct.pack("<HHB", 0, 12, 0) + b"cmd\x03/c calc")
    assert traits(compound({"Workbook": link + biff(0x23, bytes(10))})) == {Trait.DDE}
    document = biff(0x1AE, struct.pack("<HHB", 0, 12, 0) + b"Word.Document.8\x03C:\\a.doc")
    assert traits(compound({"Workbook": document + biff(0x23, b"\x10" + bytes(9))})) == set()


def test_a_password_on_a_workbook() -> None:
    assert look(compound({"Workbook": biff(0x2F, bytes(6))})).encrypted


def test_old_macro_sheets_in_a_package() -> None:
    macros = {"xl/macrosheets/sheet1.xml": "<f>EXEC(\"calc\")</f>",
              "xl/workbook.xml": "<definedName name='_xlnm.Auto_Open'>"}  # fmt: skip
    assert traits(excel(macros)) == {Trait.OLD_MACROS, Trait.AUTO_EXEC, Trait.WRITES_OR_RUNS}


# ── DDE ──


@pytest.mark.parametrize(
    "body",
    [
        field(' DDEAUTO c:\\\\windows\\\\cmd.exe "/k calc" '),
        field("DD", "EAU", "TO cmd"),
        field(" dde cmd x "),
        field(' "DDE" cmd x '),
        "<w:fldSimple w:instr=' DDEAUTO cmd '/>",
        "<w:fldSimple w:instr=' DDE cmd &quot;>&quot; '/>",
        field(" QUOTE 68 68 69 65 85 84 79 32 99 109 100 "),
    ],
)
def test_dde_in_word_however_it_is_cut(body: str) -> None:
    assert traits(word(body)) == {Trait.DDE}


def test_dde_spelled_by_a_field_within_the_field() -> None:
    inner = field(" QUOTE 68 68 69 65 85 ")
    begin, end = "<w:fldChar w:fldCharType='begin'/>", "<w:fldChar w:fldCharType='end'/>"
    assert Trait.DDE in traits(word(f"{begin}{inner}<w:instrText>TO cmd</w:instrText>{end}"))


@pytest.mark.parametrize(
    "cell", ["=cmd|'/c calc'!A0", "+cmd|'/c calc'!A0", "@SUM(1)*cmd|'/c calc'!A0", "-2+3+cmd|' /C calc'!A0"]
)
def test_dde_in_a_table_of_text(cell: str) -> None:
    assert traits(f"a,b\r\n1,{cell}\r\n".encode(), "a.csv") == {Trait.DDE}


def test_a_table_of_text_with_bars_is_no_dde() -> None:
    assert traits(b"a|b|c\r\nsee |'x'!y\r\n1|'x'|2\r\n-1|\"y\"|=3\r\n", "a.csv") == set()


# ── from outside ──


@pytest.mark.parametrize(
    "target",
    [
        "http://192.0.2.1/a.dotm",
        "https://example.org/a",
        "file:///\\\\192.0.2.1\\a\\b.dotm",
        "\\\\example.org\\a\\b.dotm",
        "mhtml:http://example.org/a!x",
        "file://example.org/a.dotm",
        "http://example.org/?a&gt;b",
    ],
)
@pytest.mark.parametrize("kind", ["attachedTemplate", "oleObject", "frame", "subDocument"])
def test_what_is_fetched_when_the_document_opens(kind: str, target: str) -> None:
    rels = relationships((kind, target, True))
    assert traits(word(word___rels__settings_x_xml_x_rels=rels)) == {Trait.REMOTE_TEMPLATE}
    assert traits(word(word___rels__settings_x_xml_x_rels=rels.encode("utf-16"))) == {Trait.REMOTE_TEMPLATE}


def test_a_flat_package_is_read_part_by_part() -> None:
    rels = relationships(("attachedTemplate", "http://example.org/a.dotm", True)).removeprefix("<?xml version='1.0'?>")
    part = "<pkg:part pkg:name='/word/{}'><pkg:xmlData>{}</pkg:xmlData></pkg:part>"
    parts = part.format("document.xml", field(" PAGE ")) + part.format("_rels/settings.xml.rels", rels)
    flat = "<?xml version='1.0'?><pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'>"
    assert traits(f"{flat}{parts}</pkg:package>".encode()) == {Trait.REMOTE_TEMPLATE}
    program = base64.b64encode(compound({"\x01Ole10Native": package("tool.exe", PROGRAM)})).decode()
    binary = f"<pkg:part pkg:name='/word/a.bin'><pkg:binaryData>{program}</pkg:binaryData></pkg:part>"
    assert traits(f"{flat}{binary}</pkg:package>".encode()) == {Trait.EMBEDDED_PROGRAM}


def test_a_target_with_the_sign_that_seems_to_end_its_element() -> None:
    rels = relationships(("attachedTemplate", "http://example.org/?a>b", True))
    assert traits(word(word___rels__a_x_rels=rels)) == {Trait.REMOTE_TEMPLATE}


# ── embedded ──


def test_a_packaged_program_is_taken_out_with_its_name() -> None:
    inner = compound({"\x01Ole10Native": package("tool.exe", PROGRAM)})
    found = look(word(word__embeddings__oleObject1_x_bin=inner))
    assert set(found.traits) == {Trait.EMBEDDED_PROGRAM}
    assert found.embedded == (("tool.exe", PROGRAM),)


def test_a_packaged_file_keeps_the_name_that_only_unicode_has() -> None:
    wide = ["C:\\x\\отчёт.exe", "отчёт.exe", "C:\\отчёт.exe"]
    names = b"".join(struct.pack("<I", len(name)) + name.encode("utf-16-le") for name in wide)
    found = look(compound({"\x01Ole10Native": package("?????.exe", PROGRAM) + names}))
    assert found.embedded == (("отчёт.exe", PROGRAM),)


def test_a_packaged_script_is_known_by_its_name() -> None:
    inner = compound({"ObjectPool": {"_1": {"\x01Ole10Native": package("a.vbs", b"MsgBox 1")}}, "WordDocument": WORD})
    assert traits(inner) == {Trait.EMBEDDED_PROGRAM}


def test_a_common_control_is_known_from_exploits() -> None:
    clsid = bytes.fromhex("4b f0 d1 bd 85 d1 11 a0 b5 00 00 f8 75 a2 a0 00".replace(" ", "")[:32])
    found = traits(compound({"WordDocument": WORD, "pool": {"x": b""}}, {"pool": clsid}))
    assert found == {Trait.EXPLOIT_OBJECT}


def test_an_equation_is_ordinary_until_its_font_has_an_impossible_name() -> None:
    header = b"\x1c\0\0\0\x02\0" + bytes(22) + b"\x03\x01\x01\x03\x0a\x0a"
    ordinary = header + b"\x08\x81\0Times New Roman\0"
    assert traits(compound({"Equation Native": ordinary})) == set()
    assert traits(compound({"Equation Native": header + b"\x08\x5a\x5a" + b"cmd.exe /c calc & " * 5})) == {
        Trait.EXPLOIT_OBJECT
    }


def test_an_action_of_a_slide_that_runs_a_program() -> None:
    slide = "<a:hlinkClick action='ppaction://program' r:id='r1'/>"
    content = zipped({"[Content_Types].xml": "", "ppt/presentation.xml": "", "ppt/slides/slide1.xml": slide})
    assert traits(content) == {Trait.EMBEDDED_PROGRAM}


# ── VBA's compression ──


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"b", b"abc", b"Attribute ", b"\0", b"xyxyxyxy"]), max_size=400).map(b"".join))
def test_what_was_compressed_comes_out_again(source: bytes) -> None:
    assert vba.decompress(compressed(source), Budget()) == source


@given(st.binary(max_size=3000))
def test_what_was_not_compressed_does_no_harm(noise: bytes) -> None:
    assert len(vba.decompress(b"\x01" + noise, Budget())) <= 4096 * (len(noise) + 1)

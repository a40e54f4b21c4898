"""PDF: what acts, what is carried, what is locked; and that ordinary ones do nothing."""

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, String

from lockdown.model.scan import Trait
from lockdown.scan.inspect import Budget, Inspected, inspect
from tests.scan.inspect.documents import pdf


def look(content: bytes) -> Inspected:
    return inspect("pdf", content, "a.pdf")


def traits(content: bytes) -> set[Trait]:
    found = look(content)
    assert found.unread == ()
    return set(found.traits)


def javascript(source: str = "app.alert(1)") -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String(source))


def test_a_plain_pdf_has_no_traits() -> None:
    def ordinary(document: Pdf) -> None:
        page = document.pages[0].obj
        document.Root.OpenAction = Array([page, Name.Fit])
        link = Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=String("https://example.org/")))
        inside = Dictionary(Subtype=Name.Link, A=Dictionary(S=Name.GoTo, D=Array([page, Name.Fit])))
        page.Annots = Array([link, inside])
        document.Root.Names = Dictionary(Dests=Dictionary())
        document.Root.Numbers = Array([document.make_indirect(each) for each in (7, True, String("x"), Name.X)])

    assert traits(pdf()) == set()
    assert traits(pdf(ordinary)) == set()
    assert "URI https://example.org/" in look(pdf(ordinary)).says


def test_a_place_to_show_is_no_action() -> None:
    def places(document: Pdf) -> None:
        document.Root.OpenAction = Dictionary(S=Name.GoTo, D=Array([document.pages[0].obj, Name.Fit]))
        document.pages[0].obj.AA = Dictionary(O=Dictionary(S=Name.Named, N=Name.NextPage))

    assert traits(pdf(places)) == set()


def test_script_on_opening() -> None:
    def acting(document: Pdf) -> None:
        document.Root.OpenAction = javascript()

    assert traits(pdf(acting)) == {Trait.PDF_SCRIPT, Trait.PDF_AUTO_ACTION}


def test_script_of_a_page_when_it_is_shown() -> None:
    def acting(document: Pdf) -> None:
        document.pages[0].obj.AA = Dictionary(O=document.make_indirect(javascript()))

    assert traits(pdf(acting)) == {Trait.PDF_SCRIPT, Trait.PDF_AUTO_ACTION}


def test_script_that_formats_a_field_waits_for_a_key() -> None:
    def form(document: Pdf) -> None:
        field = Dictionary(FT=Name.Tx, AA=Dictionary(K=javascript("AFNumber_Keystroke(2)"), C=javascript("x()")))
        document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]))

    assert traits(pdf(form)) == {Trait.PDF_SCRIPT}


def test_script_deep_within_an_object_is_seen() -> None:
    def deep(document: Pdf) -> None:
        inner = javascript()
        for _ in range(20):
            inner = Dictionary(Next=Array([inner]))
        document.Root.Anything = inner

    assert Trait.PDF_SCRIPT in traits(pdf(deep))


def test_a_program_that_is_started() -> None:
    def launching(document: Pdf) -> None:
        document.Root.OpenAction = Dictionary(S=Name.Launch, F=String("cmd.exe"))

    assert traits(pdf(launching)) == {Trait.PDF_LAUNCH, Trait.PDF_AUTO_ACTION}


def test_a_name_in_disguise_is_the_same_name() -> None:
    disguised = pdf(lambda document: document.Root.__setitem__("/OpenAction", javascript())).replace(
        b"/JavaScript", b"/J#61vaScript"
    )
    assert Trait.PDF_SCRIPT in look(disguised).traits


def test_an_attached_file_is_taken_out() -> None:
    def attaching(document: Pdf) -> None:
        document.attachments["tool.exe"] = pikepdf.AttachedFileSpec(document, b"MZ the tool", filename="tool.exe")

    found = look(pdf(attaching))
    assert set(found.traits) == {Trait.PDF_ATTACHMENT}
    assert found.embedded == (("tool.exe", b"MZ the tool"),)


def test_script_in_a_form_of_xml() -> None:
    def form(document: Pdf) -> None:
        document.Root.AcroForm = Dictionary(XFA=document.make_stream(b"<xdp><script>app.alert(1)</script></xdp>"))

    assert traits(pdf(form)) == {Trait.PDF_SCRIPT}


def test_a_password_to_open_is_one_and_a_password_to_change_is_none() -> None:
    locked = look(pdf(password="secret"))
    assert locked.encrypted
    assert locked.unread
    assert traits(pdf(owner="secret")) == set()


def test_what_is_no_pdf_inside_is_unread_and_its_names_are_seen() -> None:
    found = look(b"%PDF-1.4\n1 0 obj << /OpenAction << /S /J#61vaScript /JS (x) >> >>")
    assert found.unread
    assert {Trait.DAMAGED, Trait.PDF_SCRIPT, Trait.PDF_AUTO_ACTION} <= set(found.traits)


def test_a_bomb_in_a_stream_ends_at_the_budget() -> None:
    def bomb(document: Pdf) -> None:
        content = pikepdf.AttachedFileSpec(document, bytes(20_000_000), filename="a.bin")
        document.attachments["a.bin"] = content

    found = inspect("pdf", pdf(bomb), "a.pdf", Budget(octets=1_000_000))
    assert found.unread == ("pdf: unpacks to more than is allowed",)


@pytest.mark.parametrize("at", range(0, 900, 37))
def test_a_pdf_that_is_cut_off_is_read_or_said_to_be_unread(at: int) -> None:
    whole = pdf(lambda document: document.Root.__setitem__("/OpenAction", javascript()))
    found = look(whole[:at])
    assert found.unread or found.traits or at < 20 or b"OpenAction" not in whole[:at]

"""Pages and pictures in markup: script, files in the page, forms; and that a newsletter has none."""

import base64
import struct
from pathlib import Path

import pytest

from lockdown.model.scan import Trait
from lockdown.scan.inspect import Inspected, inspect
from tests.scan.inspect.documents import zipped

PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(200)
ARCHIVE = zipped({"invoice.js": "WScript.Echo(1)"})


def look(page: str | bytes, kind: str = "html") -> Inspected:
    return inspect(kind, page.encode() if isinstance(page, str) else page, "a.html")


def traits(page: str | bytes, kind: str = "html") -> set[Trait]:
    found = look(page, kind)
    assert found.unread == ()
    return set(found.traits)


NEWSLETTER = (Path(__file__).parent / "pages" / "newsletter.html").read_bytes()


def test_a_newsletter_has_no_traits() -> None:
    assert traits(NEWSLETTER) == set()


def test_a_drawing_has_no_traits() -> None:
    assert traits("<svg><foreignObject><p>Order</p></foreignObject></svg>", "svg") == set()
    assert traits("<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/><a href='#x'/></svg>", "svg") == set()


@pytest.mark.parametrize(
    "page",
    [
        "<script>x</script>",
        "<SCRIPT SRC=x>",
        "<svg:script>x",
        "<body onload='x()'>",
        "<img/onerror=x()>",
        "<img alt='<' onerror=x>",
        "<a href='javascript:x()'>",
        "<a href='java&#115;cript:x()'>",
        "<a href='java\nscript:x()'>",
        "<a href='vbscript:x'>",
    ],
)
def test_script_is_seen(page: str) -> None:
    assert traits(page) == {Trait.SCRIPT}
    assert traits(page.encode("utf-16")) == {Trait.SCRIPT}


@pytest.mark.parametrize(
    "picture",
    [
        "<svg onload='x()'/>",
        "<svg><script>x</script></svg>",
        "<svg><foreignObject><iframe src=x></svg>",
        "<svg><a xlink:href='javascript:x'/></svg>",
        "<svg><set onbegin='x'/></svg>",
    ],
)
def test_a_drawing_that_is_a_program(picture: str) -> None:
    assert Trait.SCRIPT in traits(picture, "svg")


@pytest.mark.parametrize(
    "script",
    [
        "var b = new Blob([atob(x)]); a.href = URL.createObjectURL(b); a.download = 'a.zip'; a.click()",
        "navigator.msSaveOrOpenBlob(new Blob([new Uint8Array(n)]), 'a.iso')",
        "x = new File([d], 'a.exe'); location.href = URL.createObjectURL(x)",
        "window['Blob']; String.fromCharCode(1)",
    ],
)
def test_a_file_built_in_the_browser(script: str) -> None:
    assert Trait.SMUGGLING in traits(f"<html><script>{script}</script>")


@pytest.mark.parametrize("file", [PROGRAM, ARCHIVE], ids=["program", "archive"])
@pytest.mark.parametrize(
    "page",
    [
        "<a download href='data:application/octet-stream;base64,{}'>x</a>",
        "<a href='data:;base64,{}'>x</a>",
        "<img src='data:image/png;base64,{}'>",
        "<script>var x = '{}'</script>",
        "<input type=hidden value='{}'>",
    ],
)
def test_a_file_in_the_page_is_taken_out(page: str, file: bytes) -> None:
    found = look(page.format(base64.b64encode(file).decode()))
    assert Trait.SMUGGLING in found.traits
    assert [embedded.data for embedded in found.embedded] == [file]


def test_a_file_in_pieces_is_put_together() -> None:
    text = base64.b64encode(ARCHIVE).decode()
    pieces = "' +\n '".join(text[at : at + 20] for at in range(0, len(text), 20))
    assert look(f"<script>x = '{pieces}'</script>").embedded[0].data == ARCHIVE


@pytest.mark.parametrize(
    "quoting",
    [
        lambda page: "".join(f"%{octet:02x}" for octet in page),
        lambda page: "".join(f"\\x{octet:02x}" for octet in page),
    ],
)
def test_a_page_that_a_script_spells_out_is_taken_out(quoting: object) -> None:
    inner = b"<html><form><input type=password></form></html>"
    found = look(f"<script>document.write(unescape('{quoting(inner)}'))</script>")  # type: ignore[operator]
    assert [embedded.data for embedded in found.embedded] == [inner]


@pytest.mark.parametrize(
    "page",
    [
        "<form action='https://evil.example/x'><input name=p type=password></form>",
        "<INPUT TYPE='PassWord'>",
        "<input title='a' type = \"password\" >",
    ],
)
def test_a_form_that_asks_for_a_password(page: str) -> None:
    assert traits(page) == {Trait.PASSWORD_FORM}


def test_where_a_page_goes_on_to_is_evidence() -> None:
    found = look("<meta http-equiv=refresh content='0; url=https://evil.example/'>")
    assert "goes on to https://evil.example/" in found.says


def test_megabytes_of_beginnings_end() -> None:
    for piece in (
        "<input ",
        "<script ",
        "data:",
        "<meta refresh ",
        "&#x41;",
        "'%3c",
        "\\x41",
        "A" * 63 + "-",
        "javascript",
    ):
        assert isinstance(look(piece * (150_000 // len(piece))), Inspected)

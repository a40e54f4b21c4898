"""Messages that mail programs read differently, each with the test virus as an attachment that some of them show.

Fails as: nothing; a table of letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lockdown.checklist.antivirus.samples.programs import test_virus
from lockdown.mime import compose
from lockdown.mime.compose import Piece
from lockdown.model.step import Occasion

_NAME = "eicar.txt"
_LONG_LINE = 1 << 20


def _parts(boundary: str, piece: Piece | None = None) -> bytes:
    """A text and the test virus between these boundaries."""
    return compose.body_of(
        boundary, [compose.text("See the file.\n"), piece or compose.attachment(_NAME, test_virus())]
    )


def _letter(occasion: Occasion, fields: str, body: bytes) -> bytes:
    """A letter whose fields end as they are written: `fields` brings its own line ends."""
    return compose.opening(occasion, "Your file") + fields.encode() + b"\r\n" + body


def _under(fields: str, boundary: str = "abc") -> Callable[[Occasion], bytes]:
    """An ordinary body, and these fields over it."""
    return lambda occasion: _letter(occasion, fields, _parts(boundary))


def _with_part(*fields: str, body: Callable[[bytes], bytes]) -> Callable[[Occasion], bytes]:
    """An ordinary header; one part has these fields, and this of the test virus."""

    def write(occasion: Occasion) -> bytes:
        disposition = f"Content-Disposition: attachment; filename={_NAME}"
        piece = Piece(("Content-Type: application/octet-stream", disposition, *fields), body(test_virus()))
        return _letter(occasion, _ORDINARY, _parts("abc", piece))

    return write


def _before_the_end(change: Callable[[bytes], bytes]) -> Callable[[Occasion], bytes]:
    """An ordinary letter, with this done to it as a whole."""
    return lambda occasion: change(_letter(occasion, _ORDINARY, _parts("abc")))


def _with_long_line(occasion: Occasion) -> bytes:
    return _letter(occasion, f"X-Long: {'x' * _LONG_LINE}\r\n{_ORDINARY}", _parts("abc"))


def _cut_open(data: bytes) -> bytes:
    """Without its closing boundary."""
    return data.removesuffix(b"--abc--\r\n")


def _broken_base64(data: bytes) -> bytes:
    """Padding within, and characters that are none of base64's: some stop there, some read on."""
    coded = compose.base64_lines(data).replace(b"\r\n", b"")
    return compose.base64_lines(b"a").rstrip() + b"\r\n" + coded[:20] + b"!*" + coded[20:] + b"\r\n"


def partial(occasion: Occasion) -> bytes:
    """The first of two halves (RFC 2046 5.2.2); the second never comes."""
    fields = f'Content-Type: message/partial; id="{occasion.mark}@drill.example"; number=1; total=2\r\n'
    half = compose.with_file(occasion, "Your file", compose.attachment("letter.txt", b"A harmless text.\r\n"))
    return _letter(occasion, fields, half[: len(half) // 2])


_ORDINARY = "Content-Type: multipart/mixed; boundary=abc\r\n"
_base64 = compose.base64_lines

SHAPES: Mapping[str, Callable[[Occasion], bytes]] = {
    "no boundary parameter": _under("Content-Type: multipart/mixed\r\n"),
    "an empty boundary": _under('Content-Type: multipart/mixed; boundary=""\r\n'),
    "two boundary parameters, the first is used": _under(
        "Content-Type: multipart/mixed; boundary=abc; boundary=xyz\r\n"
    ),
    "two boundary parameters, the second is used": _under(
        "Content-Type: multipart/mixed; boundary=xyz; boundary=abc\r\n"
    ),
    "a boundary in a comment": _under("Content-Type: multipart/mixed; (boundary=xyz) boundary=abc\r\n"),
    "a boundary before a comment": _under("Content-Type: multipart/mixed; boundary=abc(xyz)\r\n"),
    "a boundary with escaped quotes": _under('Content-Type: multipart/mixed; boundary="a\\bc"\r\n'),
    "a boundary that ends in a space": _under('Content-Type: multipart/mixed; boundary="abc "\r\n'),
    "a boundary in RFC 2231 pieces": _under("Content-Type: multipart/mixed; boundary*0=a; boundary*1=bc\r\n"),
    "two Content-Type fields, the first is text": _under(f"Content-Type: text/plain\r\n{_ORDINARY}"),
    "two Content-Type fields, the second is text": _under(f"{_ORDINARY}Content-Type: text/plain\r\n"),
    "a space before the colon": _under("Content-Type : multipart/mixed; boundary=abc\r\n"),
    "a Content-Type without a slash": _under("Content-Type: multipart; boundary=abc\r\n"),
    "text before the Content-Type": _under(f"This is no field\r\n{_ORDINARY}"),
    "a header line of 1 MiB": _with_long_line,
    "a multipart that says it is base64": _under(f"{_ORDINARY}Content-Transfer-Encoding: base64\r\n"),
    "no closing boundary": _before_the_end(_cut_open),
    "NUL in the Content-Type": _before_the_end(lambda data: data.replace(b"multipart/mixed", b"multi\0part/mixed")),
    "NUL in the attachment": _with_part("Content-Transfer-Encoding: base64", body=lambda data: b"\0" + _base64(data)),
    "a bare carriage return": _before_the_end(lambda data: data.replace(b"See the", b"See\rthe")),
    "a bare line feed": _before_the_end(lambda data: data.replace(b"See the", b"See\nthe")),
    "line feeds only": _before_the_end(lambda data: data.replace(b"\r\n", b"\n")),
    "base64 that says it is 7bit": _with_part("Content-Transfer-Encoding: 7bit", body=_base64),
    "base64 that says nothing": _with_part(body=_base64),
    "two transfer encodings, the first is true": _with_part(
        "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: 7bit", body=_base64
    ),
    "two transfer encodings, the second is true": _with_part(
        "Content-Transfer-Encoding: 7bit", "Content-Transfer-Encoding: base64", body=_base64
    ),
    "an unknown transfer encoding": _with_part("Content-Transfer-Encoding: x-base64", body=_base64),
    "base64 with padding and noise within": _with_part("Content-Transfer-Encoding: base64", body=_broken_base64),
}
"""What is wrong with it, and how it is written."""

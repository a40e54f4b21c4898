"""What businesses send each other every day, a line each: the gate of item 1 lets it through as it is.

What a person has to look at (passwords, scripts in a form) is named at the end, with the control that holds it.
"""

# ruff: noqa: E501 - one line for each, so that they can be read as a table.
from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import struct
import wave
import zlib
from collections.abc import Callable
from functools import partial

import pytest

from lockdown.checklist.antivirus import gate
from lockdown.config import Antivirus, Settings
from lockdown.model.scan import Examined
from lockdown.model.verdict import Kind, Verdict
from tests.checklist.antivirus.test_gate import MAIL, NOBODY
from tests.scan.parcels import archived, message, tarred, zipped
from tests.scan.test_evasions import (
    ENGINE,
    GIF,
    HEAD,
    JPEG,
    PNG,
    RELS,
    SHEET_TYPES,
    TEXT,
    TYPES,
    attached,
    b64,
    docx,
    mail,
    multipart,
    pdf,
    rels,
    verdict,
)

LETTERS: dict[str, Callable[[], bytes]] = {}


def letter(name: str, make: Callable[[], bytes]) -> None:
    assert name not in LETTERS, name
    LETTERS[name] = make


# ── office ──

IMAGE = rels(b"image", b"media/image1.png", b"") + b""
HYPERLINK = rels(b"hyperlink", b"https://www.example.org/terms?a=1&amp;b=2")
THEME = b'<?xml version="1.0"?><a:theme xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" name="Office"/>'


def xlsx(more: dict[str, bytes] | None = None) -> bytes:
    sheet = b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1"><f>SUM(B1:B9)</f><v>9</v></c><c r="B1"><f>HYPERLINK("https://example.org","x")</f></c></row></sheetData></worksheet>'
    return zipped(
        {
            "[Content_Types].xml": TYPES + SHEET_TYPES + b"</Types>",
            "_rels/.rels": RELS + b"</Relationships>",
            "xl/workbook.xml": b'<?xml version="1.0"?><workbook><sheets><sheet name="Plan" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": sheet,
            "xl/theme/theme1.xml": THEME,
            **(more or {}),
        }
    )


def pptx() -> bytes:
    kind = b'<Override PartName="/ppt/presentation.xml" ContentType="application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"/>'
    slide = b'<?xml version="1.0"?><p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"><p:cSld/></p:sld>'
    return zipped(
        {
            "[Content_Types].xml": TYPES + kind + b"</Types>",
            "_rels/.rels": RELS + b"</Relationships>",
            "ppt/presentation.xml": b"<p:presentation/>",
            "ppt/slides/slide1.xml": slide,
            "ppt/slides/_rels/slide1.xml.rels": HYPERLINK,
            "ppt/media/image1.jpeg": JPEG,
            "ppt/media/film.mp4": MP4,
            "ppt/embeddings/Microsoft_Excel_Sheet1.xlsx": xlsx(),
        }
    )


def open_document(kind: bytes, body: bytes = b"") -> bytes:
    content = (
        b'<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><office:scripts/><office:body>'
        + body
        + b"</office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument." + kind,
            "content.xml": content,
            "styles.xml": b"<x/>",
            "Thumbnails/thumbnail.png": PNG,
            "Configurations2/accelerator/current.xml": b"",
            "META-INF/manifest.xml": b'<manifest:manifest xmlns:manifest="x"/>',
        }
    )


MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(200)
ICS = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@example.org\r\n"
    b"DTSTART:20261201T090000Z\r\nSUMMARY:Meeting\r\nDESCRIPTION:https://meet.example.org/j/1?pwd=x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
VCARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann Example\r\nEMAIL:ann@example.org\r\nURL:https://example.org\r\n"
UBL = (
    b'<?xml version="1.0" encoding="UTF-8"?><ubl:Invoice xmlns:ubl="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><cbc:ID>1</cbc:ID><cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a.pdf">%b</cbc:EmbeddedDocumentBinaryObject></ubl:Invoice>'
    % base64.b64encode(pdf())
)
CII = b'<?xml version="1.0"?><rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"><rsm:ExchangedDocument/></rsm:CrossIndustryInvoice>'
NEWSLETTER = b'<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head><style>a{color:red}</style><!--[if mso]><xml><o:OfficeDocumentSettings/></xml><![endif]--></head><body><a href="https://example.org/?a=1&amp;b=2">Offer</a><img src="https://example.org/open.gif" width=1 height=1></body></html>'
CRLF = b"\r\n"


def sound() -> bytes:
    octets = io.BytesIO()
    with wave.open(octets, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return octets.getvalue()


def locked_pdf(user: str, owner: str) -> bytes:
    import pikepdf

    octets = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf())) as document:
        document.save(octets, encryption=pikepdf.Encryption(user=user, owner=owner))
    return octets.getvalue()


def signed_pdf() -> bytes:
    signature = (
        b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 10 20 30]/Contents<"
        b"30820100" + b"00" * 200 + b">>>"
    )
    return pdf(
        signature,
        b"<</FT/Sig/T(Signature1)/V 4 0 R/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R>>",
        catalog=b"/AcroForm<</Fields[5 0 R]/SigFlags 3>>",
    )


def invoice_with_xml() -> bytes:
    """ZUGFeRD / Factur-X: the invoice for machines within the one for people."""
    return pdf(
        b"<</Type/Filespec/F(factur-x.xml)/UF(factur-x.xml)/AFRelationship/Data/EF<</F 5 0 R>>>>",
        b"<</Type/EmbeddedFile/Subtype/text#2Fxml/Length %d>>stream\n%b\nendstream" % (len(CII), CII),
        catalog=b"/AF[4 0 R]/Names<</EmbeddedFiles<</Names[(factur-x.xml)4 0 R]>>>>",
    )


def form_pdf() -> bytes:
    field = b"<</FT/Tx/T(amount)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]/P 3 0 R/AA<</F<</S/JavaScript/JS(AFNumber_Format\\(2,0,0,0,'',true\\);)>>/K<</S/JavaScript/JS(AFNumber_Keystroke\\(2,0,0,0,'',true\\);)>>>>>>"
    return pdf(field, catalog=b"/AcroForm<</Fields[4 0 R]>>")


def tgz(files: dict[str, bytes]) -> bytes:
    return gzip.compress(tarred(files))


KML = b'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><name>x</name></Placemark></kml>'
for name, data in {
    "report.docx": docx, "letter with a link.docx": lambda: docx(more={"word/_rels/document.xml.rels": HYPERLINK}),
    "photo.docx": lambda: docx(more={"word/media/image1.png": PNG, "word/_rels/document.xml.rels": IMAGE.replace(b"</Relationships>", b"") + b"</Relationships>"}),
    "from the company template.docx": lambda: docx(more={"word/_rels/settings.xml.rels": rels(b"attachedTemplate", b"file:///C:\\Users\\ann\\AppData\\Roaming\\Microsoft\\Templates\\Normal.dotm")}),
    "table of contents.docx": lambda: docx(b'<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> TOC \\o "1-3" \\h </w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'),
    "tracked with a sheet.docx": lambda: docx(more={"word/embeddings/Microsoft_Excel_Worksheet.xlsx": xlsx()}),
    "plan.xlsx": xlsx, "plan with pivot.xlsx": lambda: xlsx({"xl/pivotCache/pivotCacheDefinition1.xml": b"<pivotCacheDefinition/>", "xl/printerSettings/printerSettings1.bin": bytes(range(256)) * 4}),
    "linked book.xlsx": lambda: xlsx({"xl/externalLinks/_rels/externalLink1.xml.rels": rels(b"externalLinkPath", b"file:///\\\\server\\share\\Other.xlsx")}),
    "web query.xlsx": lambda: xlsx({"xl/connections.xml": b'<connections xmlns="x"><connection id="1" name="q" type="5"/></connections>'}),
    "talk.pptx": pptx,
    "text.odt": lambda: open_document(b"text"), "table.ods": lambda: open_document(b"spreadsheet"), "talk.odp": lambda: open_document(b"presentation"), "drawing.odg": lambda: open_document(b"graphics"),
    "old text.rtf": lambda: b"{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}{\\*\\generator Riched20;}\\pard hello\\par{\\field{\\*\\fldinst HYPERLINK \"https://example.org\"}{\\fldrslt link}}}",
    "picture.rtf": lambda: b"{\\rtf1\\ansi{\\pict\\pngblip " + PNG.hex().encode() + b"}}",
    "Brief.pages": lambda: zipped({"Index/Document.iwa": bytes(range(256)), "preview.jpg": JPEG, "Metadata/Properties.plist": b"bplist00" + bytes(40), "Data/image.png": PNG}),
    "Zahlen.numbers": lambda: zipped({"Index.zip": zipped({"Document.iwa": bytes(99)}), "preview-web.jpg": JPEG}),
    "report.fodt": lambda: b'<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" office:mimetype="application/vnd.oasis.opendocument.text"><office:body/></office:document>',
    # PDF
    "invoice.pdf": pdf, "links.pdf": lambda: pdf(b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://example.org/pay)>>>>"),
    "opens at page 1.pdf": lambda: pdf(catalog=b"/OpenAction[3 0 R/Fit]"), "opens at a place.pdf": lambda: pdf(catalog=b"/OpenAction<</S/GoTo/D[3 0 R/Fit]>>"),
    "signed contract.pdf": signed_pdf, "ZUGFeRD.pdf": invoice_with_xml, "form.pdf": form_pdf,
    "may not be printed.pdf": lambda: locked_pdf("", "owner"),
    "with a font.pdf": lambda: pdf(b"<</Length1 400/Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (len(zlib.compress(bytes(400))), zlib.compress(bytes(400)))),
    "with a photo.pdf": lambda: pdf(b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode/Length %d>>stream\n%b\nendstream" % (len(JPEG), JPEG)),
    "print when wanted.pdf": lambda: pdf(b"<</Type/Annot/Subtype/Widget/FT/Btn/T(p)/Rect[0 0 9 9]/A<</S/Named/N/Print>>>>"),
    "faktura.firma.pl.pdf": pdf, "Vertrag v1.2 final (2).pdf": pdf, "RE: offer 3.5.pdf": pdf,
    "scan.tiff": lambda: b"II*\0\x08\0\0\0" + bytes(100), "drawing.dwg": lambda: b"AC1032" + bytes(200), "print.ps": lambda: b"%!PS-Adobe-3.0\n%%EOF\n", "logo.eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF\n", "logo.ai": pdf, "catalogue.epub": lambda: zipped({"mimetype": b"application/epub+zip", "META-INF/container.xml": b"<x/>", "OEBPS/1.xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>hello</body></html>', "OEBPS/content.opf": b'<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf"/>'}, 0),
    # pictures, sound, film
    "a.png": lambda: PNG, "a.jpg": lambda: JPEG + bytes(500), "a.gif": lambda: GIF, "logo of example.pl": lambda: PNG, "IMG_0001.HEIC": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "a.webp": lambda: b"RIFF\x20\0\0\0WEBPVP8 " + bytes(40), "a.avif": lambda: b"\0\0\0\x1cftypavif\0\0\0\0" + bytes(60), "a.bmp": lambda: b"BM" + struct.pack("<LHHL", 60, 0, 0, 54) + struct.pack("<L", 40) + bytes(60), "a.ico": lambda: b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(60),
    "logo.svg": lambda: b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><style>.a{fill:red}</style><path d="M0 0"/><image xlink:href="data:image/png;base64,' + base64.b64encode(PNG) + b'"/></svg>',
    "voice.wav": sound, "voice.mp3": lambda: b"ID3\3\0\0\0\0\0\0" + bytes(200), "voice.m4a": lambda: b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100), "voice.ogg": lambda: b"OggS\0\2" + bytes(100), "film.mp4": lambda: MP4, "film.mov": lambda: b"\0\0\0\x14ftypqt  " + bytes(100), "film.webm": lambda: b"\x1a\x45\xdf\xa3" + bytes(100), "voice.amr": lambda: b"#!AMR\n" + bytes(50),
    "house.ttf": lambda: b"\0\1\0\0\0\x0c\0\x80" + bytes(200), "house.woff2": lambda: b"wOF2\0\1\0\0" + bytes(100), "house.otf": lambda: b"OTTO\0\x0c" + bytes(100),
    # texts and data
    "read me.txt": lambda: b"hello\r\n", "Umlaute.txt": lambda: "Grüße".encode("utf-16"), "mail.log": lambda: b"Nov 24 07:20:14 mx postfix/smtpd[1]: connect from unknown\n" * 50, "table.csv": lambda: b"name;amount\r\nAnn;-5,00\r\nBob;+3,00\r\n=SUM(B2:B3);\r\n", "phone.csv": lambda: b"name,phone\r\nAnn,+49 30 123456\r\n\"Doe, John\",-\r\n", "data.tsv": lambda: b"a\tb\r\n1\t2\r\n", "data.json": lambda: json.dumps({"a": [1, 2, {"b": "<b>"}]}).encode(), "notes.md": lambda: b"# Title\n\n```sh\nls -l\n```\n", "settings.ini": lambda: b"[main]\r\na=b\r\n", "settings.yaml": lambda: b"---\na: b\n", "fix.patch": lambda: b"From abc Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nSubject: [PATCH] fix\n\n---\n a.py | 2 +-\n\ndiff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-import os\n+import sys\n", "fix.diff": lambda: b"--- a.c\n+++ b.c\n@@ -1 +1 @@\n-x\n+y\n", "main.c": lambda: b"#include <stdio.h>\nint main(void) { return 0; }\n", "Main.java": lambda: b"class Main { }\n", "query.sql": lambda: b"SELECT * FROM t;\n", "paper.tex": lambda: b"\\documentclass{article}\\begin{document}x\\end{document}\n", "refs.bib": lambda: b"@article{a, title={b}}\n",
    "statement.mt940.sta": lambda: b":20:STARTUMS\r\n:25:10020030/1234567\r\n:28C:0\r\n", "payments.xml": lambda: b'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn/></Document>', "invoice.xml": lambda: UBL, "xrechnung.xml": lambda: CII, "order.edi": lambda: b"UNA:+.? 'UNB+UNOC:3+A+B'", "report.xml": lambda: b'<?xml version="1.0"?><feedback><report_metadata/></feedback>', "feed.rss": lambda: b'<?xml version="1.0"?><rss version="2.0"><channel/></rss>', "feed.xml": lambda: b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">hi</div></content></feed>', "schema.xsd": lambda: b'<?xml version="1.0"?><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>', "view.xsl": lambda: b'<?xml version="1.0"?><xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/"/></xsl:stylesheet>',
    "example.org!site.example!1.xml.gz": lambda: gzip.compress(b'<?xml version="1.0"?><feedback/>'), "track.gpx": lambda: b'<?xml version="1.0"?><gpx xmlns="http://www.topografix.com/GPX/1/1"/>', "place.kml": lambda: KML, "place.kmz": lambda: zipped({"doc.kml": KML, "files/a.png": PNG}), "data.sqlite": lambda: b"SQLite format 3\0" + bytes(500), "invite.ics": lambda: ICS, "contact.vcf": lambda: VCARD + b"END:VCARD\r\n", "contact with a photo.vcf": lambda: VCARD + b"PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(JPEG + bytes(200)) + b"\r\nEND:VCARD\r\n", "meeting with a plan.ics": lambda: ICS.replace(b"END:VEVENT", b"ATTACH;FMTTYPE=application/pdf;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=plan.pdf:" + base64.b64encode(pdf()) + b"\r\nEND:VEVENT"), "key.asc": lambda: b"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\nmQENBF\r\n-----END PGP PUBLIC KEY BLOCK-----\r\n", "server.crt": lambda: b"-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n", "request.csr": lambda: b"-----BEGIN CERTIFICATE REQUEST-----\r\nMIIB\r\n-----END CERTIFICATE REQUEST-----\r\n", "firmware.hex": lambda: b":10010000214601360121470136007EFE09D2190140\r\n:00000001FF\r\n", "model.stl": lambda: bytes(80) + struct.pack("<L", 1) + bytes(50), "part.step": lambda: b"ISO-10303-21;\r\nHEADER;\r\nENDSEC;\r\nEND-ISO-10303-21;\r\n", "cut.nc": lambda: b"%\r\nO0001\r\nG21\r\nM30\r\n%\r\n", "cut.dxf": lambda: b"  0\r\nSECTION\r\n  2\r\nHEADER\r\n  0\r\nENDSEC\r\n  0\r\nEOF\r\n", "gerber.gbr": lambda: b"%FSLAX26Y26*%\r\nM02*\r\n", "trace.pcap": lambda: b"\xd4\xc3\xb2\xa1\2\0\4\0" + bytes(40), "data.parquet": lambda: b"PAR1" + bytes(range(256)) + b"PAR1", "matrix.mat": lambda: b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + b" " * 86 + bytes(range(100)), "nothing.txt": lambda: b"", "noname": lambda: b"hello\r\n", "dump.bin": lambda: bytes(range(256)) * 9,
    # archives
    "photos.zip": lambda: zipped({f"IMG_{n}.jpg": JPEG + bytes([n]) * 9000 for n in range(40)}, 0), "mac.zip": lambda: zipped({"a.txt": b"x", "a.pdf": pdf(), **{f"__MACOSX/._a.{x}": b"\0\x05\x16\7\0\2\0\0Mac OS X        " + bytes(90) for x in ("txt", "pdf")}, ".DS_Store": b"\0\0\0\1Bud1" + bytes(90)}), "Übung.zip": lambda: zipped({"Übung/Größe.txt": b"x"}), "papers.zip": lambda: zipped({"a.pdf": pdf(), "b.docx": docx(), "c.zip": zipped({"d.xlsx": xlsx()})}), "papers.7z": lambda: archived("7zip", None, {"a.pdf": pdf()}), "papers.tar.gz": lambda: tgz({"a.pdf": pdf()}), "papers.tar.bz2": lambda: bz2.compress(tarred({"a.pdf": pdf()})), "papers.tar.xz": lambda: lzma.compress(tarred({"a.txt": b"hello"})), "paper.txt.gz": lambda: gzip.compress(b"hello"), "empty.zip": lambda: zipped({}), "large.zip": lambda: zipped({f"{n}.jpg": JPEG + bytes(range(256)) * 400 for n in range(5)}, 0), "source.tar.gz": lambda: tgz({"p-1.0/main.c": b"int main(void) { return 0; }\n", "p-1.0/Makefile": b"all:\n\tcc main.c\n", "p-1.0/README": b"hello\n"}), "report.log.zip": lambda: zipped({"mail.log": b"line\n" * 9000}),
    # mail
    "forwarded.eml": lambda: message(("a.pdf", pdf())), "folder.mbox": lambda: b"From x Thu Jan  1 00:00:00 2026\nFrom: a@example.org\nSubject: x\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n\nhello\n", "page.mht": lambda: HEAD + b"Content-Type: multipart/related; boundary=m\r\n\r\n--m\r\nContent-Type: text/html\r\nContent-Location: https://example.org/\r\n\r\n" + NEWSLETTER + b"\r\n--m--\r\n", "statement.html": lambda: NEWSLETTER, "statement of the bank.htm": lambda: b"<html><head><title>Statement</title></head><body><table><tr><td>1</td></tr></table></body></html>",
}.items():  # fmt: skip
    letter(f"attached: {name}", partial(attached, name, data))

# ── letters ──

SMIME = (
    b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=smime.p7s\r\n\r\n"
    + b64(
        bytes.fromhex("3080") + b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + bytes.fromhex("a0800000") + bytes(2)
    )
)
PART_HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
for name, make in {
    "plain text": lambda: mail(b"Content-Type: text/plain; charset=utf-8", b"hello\r\n"),
    "no MIME": lambda: b"From: a@example.org\r\nTo: b@example.net\r\nSubject: hi\r\n\r\nhello\r\n",
    "newsletter": lambda: multipart(TEXT, PART_HTML + NEWSLETTER, kind=b"multipart/alternative; boundary=b"),
    "newsletter with descriptions for machines": lambda: multipart(TEXT, PART_HTML + NEWSLETTER.replace(b"</head>", b'<script type="application/ld+json">{"@context":"http://schema.org"}</script></head>'), kind=b"multipart/alternative; boundary=b"),
    "newsletter with an old script in its body": lambda: multipart(TEXT, PART_HTML + NEWSLETTER.replace(b"</head>", b"<script>var a=1;</script></head>"), kind=b"multipart/alternative; boundary=b"),
    "newsletter with a form": lambda: multipart(TEXT, PART_HTML + NEWSLETTER.replace(b"</body>", b"<form action='https://example.org/poll'><input type=radio name=a></form></body>"), kind=b"multipart/alternative; boundary=b"),
    "newsletter with a picture in itself": lambda: multipart(TEXT, PART_HTML + NEWSLETTER.replace(b"</body>", b"<img src='data:image/png;base64," + base64.b64encode(PNG) + b"'></body>")),
    "newsletter with an inline drawing": lambda: multipart(TEXT, PART_HTML + NEWSLETTER.replace(b"</body>", b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg></body>')),
    "newsletter for AMP": lambda: multipart(TEXT, b"Content-Type: text/x-amp-html\r\n\r\n<!doctype html><html amp4email><head><script async src='https://cdn.ampproject.org/v0.js'></script></head><body>x</body></html>", PART_HTML + NEWSLETTER, kind=b"multipart/alternative; boundary=b"),
    "pictures by cid": lambda: multipart(PART_HTML + b"<img src='cid:x@y'>", b"Content-Type: image/png; name=image001.png\r\nContent-ID: <x@y>\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(PNG), kind=b'multipart/related; type="text/html"; boundary=b'),
    "invitation": lambda: multipart(TEXT, PART_HTML + b"<p>hi</p>", b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n" + ICS, kind=b"multipart/alternative; boundary=b"),
    "invitation with its file": lambda: multipart(TEXT, b"Content-Type: text/calendar; method=REQUEST\r\n\r\n" + ICS, b"Content-Type: application/ics; name=invite.ics\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(ICS)),
    "signed by S/MIME": lambda: multipart(TEXT, SMIME, kind=b'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b'),
    "signed by OpenPGP": lambda: multipart(TEXT, b"Content-Type: application/pgp-signature; name=signature.asc\r\nContent-Description: OpenPGP digital signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQEz\r\n-----END PGP SIGNATURE-----\r\n", kind=b'multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha256; boundary=b'),
    "signed in the text": lambda: mail(b"Content-Type: text/plain", b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nhello\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQEz\r\n-----END PGP SIGNATURE-----\r\n"),
    "with a key": lambda: multipart(TEXT, b"Content-Type: application/pgp-keys; name=OpenPGP_0x1.asc\r\nContent-Disposition: attachment; filename=OpenPGP_0x1.asc\r\nContent-Description: OpenPGP public key\r\n\r\n-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\nmQEN\r\n-----END PGP PUBLIC KEY BLOCK-----\r\n"),
    "not delivered": lambda: multipart(b"Content-Description: Notification\r\nContent-Type: text/plain\r\n\r\nSorry", b"Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; example.org\r\n\r\nFinal-Recipient: rfc822; x@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n", b"Content-Description: Undelivered Message Headers\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: a@example.org\r\nSubject: x\r\n", kind=b'multipart/report; report-type=delivery-status; boundary="b"'),
    "not delivered, with the message": lambda: multipart(TEXT, b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; example.org\r\n\r\nAction: failed\r\n", b"Content-Type: message/rfc822\r\n\r\n" + message(("a.pdf", pdf())), kind=b"multipart/report; report-type=delivery-status; boundary=b"),
    "read": lambda: multipart(TEXT, b"Content-Type: message/disposition-notification\r\n\r\nReporting-UA: x\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n", kind=b"multipart/report; report-type=disposition-notification; boundary=b"),
    "complaint": lambda: multipart(TEXT, b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n", b"Content-Type: message/rfc822\r\n\r\n" + message(), kind=b"multipart/report; report-type=feedback-report; boundary=b"),
    "forwarded as attachment": lambda: multipart(TEXT, b"Content-Type: message/rfc822; name=\"Re: offer.eml\"\r\nContent-Disposition: attachment\r\n\r\n" + message(("a.docx", docx()))),
    "forwarded thrice": lambda: multipart(TEXT, b"Content-Type: message/rfc822\r\n\r\n" + HEAD + b"Content-Type: message/rfc822\r\n\r\n" + HEAD + b"Content-Type: message/rfc822\r\n\r\n" + message()),
    "digest": lambda: multipart(b"\r\nFrom: a@example.org\r\nSubject: 1\r\n\r\nhello", b"\r\nFrom: b@example.org\r\nSubject: 2\r\n\r\nhello", kind=b"multipart/digest; boundary=b"),
    "names in every way": lambda: multipart(TEXT, b"Content-Type: application/pdf; name=\"=?utf-8?B?" + base64.b64encode("Angebot Größe.pdf".encode()) + b"?=\"\r\nContent-Disposition: attachment; filename*=utf-8''Angebot%20Gr%C3%B6%C3%9Fe.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(pdf())),
    "name that was cut": lambda: multipart(TEXT, b"Content-Type: application/pdf; name=Angebot 2026.pdf\r\nContent-Disposition: attachment; filename=\"Angebot 2026.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(pdf())),
    "name made plain for old programs": lambda: multipart(TEXT, b"Content-Type: application/pdf; name=\"Angebot_Groesse.pdf\"\r\nContent-Disposition: attachment; filename=\"Angebot Groesse v2.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(pdf())),
    "footer of a list behind its parts": lambda: multipart(TEXT, close=b"--b--\r\n\r\n_______________\r\nlist mailing list\r\nhttps://lists.example.org/\r\n"),
    "an old Unix list sends a patch by uuencode": lambda: mail(b"Content-Type: text/plain", b"see below\r\n\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n"),
    "base64 in lines of other length": lambda: multipart(TEXT, b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(pdf())),
    "quoted-printable of a page": lambda: mail(b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable", b"<p>Gr=C3=BC=C3=9Fe =\r\nund a=3Db</p>\r\n"),
    "Content-Type without a subtype": lambda: mail(b"Content-Type: text", b"hello\r\n"),
    "Japanese": lambda: mail(b"Content-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: 7bit", "こんにちは".encode("iso-2022-jp") + CRLF),
    "from a scanner": lambda: multipart(TEXT, b"Content-Type: application/pdf; name=Scan_20261124.pdf\r\nContent-Disposition: attachment; filename=Scan_20261124.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(pdf())),
    "Apple's two forks": lambda: multipart(TEXT, b'Content-Type: multipart/appledouble; boundary=c\r\n\r\n--c\r\nContent-Type: application/applefile; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n' + b64(b"\0\x05\x16\7\0\2\0\0Mac OS X        " + bytes(90)) + b"\r\n--c\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(pdf()) + b"\r\n--c--"),
}.items():  # fmt: skip
    letter(name, make)


@pytest.mark.parametrize("name", LETTERS)
def test_it_passes(name: str) -> None:
    assert verdict(LETTERS[name]()).kind is Kind.ACCEPT


# ── what a person looks at ──


@pytest.mark.parametrize(
    ("name", "data", "control"),
    [
        ("invoice.pdf", lambda: locked_pdf("secret", "owner"), "antivirus.encrypted"),
        ("old form.pdf", lambda: pdf(catalog=b"/Names<</JavaScript<</Names[(a)<</S/JavaScript/JS(x\\(\\))>>]>>>>"), "antivirus.macros"),
    ],
)  # fmt: skip
def test_it_is_held_for_a_person(name: str, data: Callable[[], bytes], control: str) -> None:
    judged: Verdict = verdict(message((name, data())))
    assert (judged.kind, judged.control) == (Kind.QUARANTINE, control)


def test_where_encrypted_files_may_pass_a_locked_document_is_only_marked() -> None:
    settings = Settings(antivirus=Antivirus(encrypted="accept-and-mark"))
    reading = ENGINE.read(message(("invoice.pdf", locked_pdf("secret", "owner"))))
    assert gate.message(Examined(MAIL, reading, (), NOBODY, ()), settings).kind is Kind.TAG

"""Wanted mail of every kind that filters have lost: it must arrive, unmarked. All of it is invented.

Senders have names of the reserved top-level domain `.example` (RFC 2606): example.com and its kin publish a policy that
nobody but their owner can fulfil, and example.net looks like a cousin of example.org.

Fails as: nothing; a table of letters.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import shake_128

from lockdown.mime import compose
from lockdown.mime.compose import Piece
from lockdown.model.step import Occasion


def _whole(sender: str, subject: str, piece: Piece, *more: str) -> Callable[[Occasion], bytes]:
    return lambda occasion: compose.whole(compose.opening(occasion, subject, *more, sender=sender), piece)


def _mixed(sender: str, subject: str, *pieces: Piece, kind: str = "mixed") -> Callable[[Occasion], bytes]:
    return lambda occasion: compose.mixed(
        compose.opening(occasion, subject, sender=sender), f"=_{occasion.mark}", pieces, kind
    )


def _in(charset: str, words: str) -> Piece:
    """A text in a charset of its country, in base64."""
    fields = (f"Content-Type: text/plain; charset={charset}", "Content-Transfer-Encoding: base64")
    return Piece(fields, compose.base64_lines(words.encode(charset)))


def _encoded(words: str, charset: str = "utf-8") -> str:
    """An RFC 2047 word."""
    coded = compose.base64_lines(words.encode(charset)).decode().replace("\r\n", "")
    return f"=?{charset}?B?{coded}?="


# ── business ──


def _page(title: str) -> bytes:
    """A one-page PDF."""
    drawn = f"BT /F1 12 Tf 72 720 Td ({title}) Tj ET".encode()
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    made, table = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", b"xref\n0 6\n0000000000 65535 f \n"
    for number, body in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(made)
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return made + table + b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(made)


def _picture(width: int, height: int, grey: Callable[[int], bytes]) -> bytes:
    """A PNG; `grey` gives one row of octets."""
    rows = b"".join(b"\0" + grey(row) for row in range(height))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _invoice(occasion: Occasion) -> bytes:
    number = f"{occasion.now:%Y}-0417"
    due = occasion.now + timedelta(days=14)
    words = (
        f"Dear Sir or Madam,\n\nplease find attached our invoice {number} for the office chairs that we delivered last "
        f"week.\nThe amount of EUR 1,284.50 is payable by {due:%d %B %Y} to the account stated on the invoice.\n\n"
        "Kind regards\nMartina Holm\nSupplier Furniture Ltd, Accounts\nTel. +00 555 0100\n"
    )
    head = compose.opening(occasion, f"Invoice {number}", sender="Martina Holm <accounts@supplier.example>")
    invoice = compose.attachment(f"invoice-{number}.pdf", _page(f"Invoice {number}"), "application/pdf")
    return compose.mixed(head, f"=_{occasion.mark}", [compose.text(words), invoice])


def _password_reset(occasion: Occasion) -> bytes:
    link = "https://portal.bookings.example/reset?token=" + "7f3c".join(("9a1e", "b06d", "42c8"))
    plain = (
        "Hello,\n\nsomebody (we hope it was you) has asked for a new password for your account at Bookings.\n"
        f"To choose one, open this page within the next hour:\n\n{link}\n\n"
        "If it was not you, do nothing: your password stays as it is.\n\nThe Bookings team\n"
    )
    shown = (
        "<html><body><p>Hello,</p><p>somebody (we hope it was you) has asked for a new password for your account at "
        "Bookings. To choose one, open this page within the next hour:</p>"
        f'<p><a href="{link}">Choose a new password</a></p>'
        "<p>If it was not you, do nothing: your password stays as it is.</p><p>The Bookings team</p></body></html>\n"
    )
    head = compose.opening(occasion, "Your new password", sender="Bookings <no-reply@bookings.example>")
    return compose.mixed(head, f"=_{occasion.mark}", [compose.text(plain), compose.text(shown, "html")], "alternative")


def _newsletter(occasion: Occasion) -> bytes:
    site = "https://news.gardeners.example"
    plain = f"The Gardeners' Letter\n\nThis month: pruning roses, and the first seeds.\n\nRead on: {site}/march\n"
    shown = (
        "<html><head><style>body { font-family: sans-serif } .small { font-size: 11px; color: #666 }</style></head>"
        "<body>"
        '<table width="600" align="center"><tr><td><h1>The Gardeners\' Letter</h1>'
        f"<p>This month: pruning roses, and the first seeds under glass.</p><p><a href='{site}/march'>Read on</a></p>"
        "<p class='small'>You get this letter because you have asked for it. "
        f"<a href='{site}/leave'>Unsubscribe</a></p>"
        "</td></tr></table></body></html>\n"
    )
    head = compose.opening(
        occasion, "The Gardeners' Letter", f"List-Unsubscribe: <{site}/leave>, <mailto:leave@gardeners.example>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click", "List-Id: <letter.gardeners.example>", "Precedence: bulk",
        sender="The Gardeners' Letter <letter@gardeners.example>",
    )  # fmt: skip
    return compose.mixed(head, f"=_{occasion.mark}", [compose.text(plain), compose.text(shown, "html")], "alternative")


def large(octets: int) -> Callable[[Occasion], bytes]:
    """A letter whose attachment is about so large."""
    return lambda occasion: _large(occasion, octets)


def _large(occasion: Occasion, octets: int) -> bytes:
    """Noise, so that no compression makes it small on the way."""
    width = 2048
    noise = shake_128(b"canary").digest(octets)
    drawing = _picture(width, octets // width, lambda row: noise[row * width : (row + 1) * width])
    words = (
        "Hello,\n\nhere is the drawing of the ground floor, as large as the printer needs it.\n\nBest wishes\nJonas\n"
    )
    head = compose.opening(occasion, "Ground floor", sender="Jonas Berg <jonas@architects.example>")
    return compose.mixed(
        head, f"=_{occasion.mark}", [compose.text(words), compose.attachment("ground-floor.png", drawing, "image/png")]
    )


def _appointment(occasion: Occasion) -> bytes:
    start, stamp = occasion.now + timedelta(days=3), f"{occasion.now:%Y%m%dT%H%M%SZ}"
    calendar = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Planner//EN\nMETHOD:REQUEST\nBEGIN:VEVENT\n"
        f"UID:{occasion.mark}@planner.example\nDTSTAMP:{stamp}\nDTSTART:{start:%Y%m%dT100000Z}\nDTEND:{start:%Y%m%dT110000Z}\n"
        f"SUMMARY:Budget meeting\nORGANIZER:mailto:lena@partner.example\nATTENDEE:mailto:{occasion.recipient}\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    )
    fields = ("Content-Type: text/calendar; charset=utf-8; method=REQUEST", "Content-Transfer-Encoding: 7bit")
    pieces = [compose.text("Budget meeting, in three days at 10:00 UTC.\n"), Piece(fields, _crlf(calendar))]
    head = compose.opening(occasion, "Invitation: Budget meeting", sender="Lena Falk <lena@partner.example>")
    return compose.mixed(head, f"=_{occasion.mark}", pieces, "alternative")


def _not_delivered(occasion: Occasion) -> bytes:
    """A delivery report as a mail server sends it (RFC 3464)."""
    status = (
        "Reporting-MTA: dns; mail.partner.example\n\nFinal-Recipient: rfc822; lena@partner.example\nAction: failed\n"
        "Status: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 Mailbox full\n"
    )
    original = f"From: <{occasion.recipient}>\nTo: <lena@partner.example>\nSubject: The minutes\n"
    pieces = [
        compose.text("Your message to lena@partner.example could not be delivered: the mailbox is full.\n"),
        Piece(("Content-Type: message/delivery-status",), _crlf(status)),
        Piece(("Content-Type: text/rfc822-headers",), _crlf(original)),
    ]
    head = compose.opening(
        occasion, "Undelivered Mail Returned to Sender", "Auto-Submitted: auto-replied",
        sender="Mail Delivery System <mailer-daemon@mail.partner.example>",
    )  # fmt: skip
    return compose.mixed(head, f"=_{occasion.mark}", pieces, "report; report-type=delivery-status")


def _forwarded(occasion: Occasion) -> bytes:
    inner = (
        "From: Tom Reed <tom@carpenters.example>\nTo: <lena@partner.example>\nSubject: The offer\n"
        f"Message-ID: <1.{occasion.mark}@carpenters.example>\nContent-Type: text/plain; charset=us-ascii\n\n"
        "Dear Lena,\n\nthe shelves will be ready on Friday.\n\nTom\n"
    )
    pieces = [compose.text("See what Tom writes.\nLena\n"), Piece(("Content-Type: message/rfc822",), _crlf(inner))]
    head = compose.opening(occasion, "Fwd: The offer", sender="Lena Falk <lena@partner.example>")
    return compose.mixed(head, f"=_{occasion.mark}", pieces)


def _crlf(words: str) -> bytes:
    return words.replace("\n", "\r\n").encode()


_REPLY = (
    "Hi,\n\nyes, Thursday at ten suits me. Shall we say in the small room?\n\nLena\n\n"
    "On Monday you wrote:\n> Can we meet on Thursday about the budget?\n> I would bring the figures of last year.\n"
)
_ORDER = (
    "<html><body><h2>Thank you for your order</h2><table border='1' cellpadding='4'>"
    "<tr><th>Item</th><th>Price</th></tr>"
    "<tr><td>Printer paper, 5 x 500 sheets</td><td>EUR 24.90</td></tr><tr><td>Delivery</td><td>EUR 4.90</td></tr>"
    "<tr><td><b>Total</b></td><td><b>EUR 29.80</b></td></tr></table><p>We send it tomorrow. Your order:"
    " <a href='https://papershop.example/orders/88213'>papershop.example/orders/88213</a></p></body></html>\n"
)
_LETTERS_PICTURE = (
    "<html><body><p>Our new sign, what do you think?</p><img src='cid:sign@printers.example' width='64' height='64'/>"
    "<p>Ida</p></body></html>\n"
)
_INLINE = (
    "Content-Type: image/png", "Content-Transfer-Encoding: base64", "Content-ID: <sign@printers.example>",
    'Content-Disposition: inline; filename="sign.png"',
)  # fmt: skip
_SIGNATURE = (
    "-----BEGIN PGP SIGNATURE-----\n\niHUEABYIAB0WIQQAAAAAAAAAAAAAAAAAAAAAAAAAAAUCAAAAAAAKCRAAAAAAAAAA\n"
    "AAAAAP9AAAAA\n=AAAA\n-----END PGP SIGNATURE-----\n"
)
_TABLE = b"month;amount\r\nJanuary;1200.50\r\nFebruary;980.00\r\n"
_JAPANESE = (
    "田中様\n\nお世話になっております。来週の会議の資料をお送りします。\n"
    "ご確認のほど、よろしくお願いいたします。\n\n佐藤\n"
)
_CHINESE = "您好,\n\n附件是上周会议的记录,请查收。如有问题请与我联系。\n\n此致\n敬礼\n王伟\n"
_RUSSIAN = "Здравствуйте,\n\nдоговор подписан, оригинал отправлен сегодня почтой.\n\nС уважением\nАнна Петрова\n"
_ARABIC = "السلام عليكم،\n\nنرسل لكم جدول الاجتماعات للشهر القادم. نرجو التأكيد.\n\nمع التحية\nليلى\n"

WANTED: Mapping[str, Callable[[Occasion], bytes]] = {
    "an invoice as PDF": _invoice,
    "a new password": _password_reset,
    "a newsletter that was asked for": _newsletter,
    "an answer with what was asked": _whole(
        "Lena Falk <lena@partner.example>",
        "Re: Budget",
        compose.text(_REPLY),
        "In-Reply-To: <budget.1@partner.example>",
        "References: <budget.1@partner.example>",
    ),
    "an order, in HTML alone": _whole(
        "Paper Shop <orders@papershop.example>", "Your order 88213", compose.text(_ORDER, "html")
    ),
    "an invitation": _appointment,
    "a delivery report": _not_delivered,
    "a forwarded mail": _forwarded,
    "a picture in the text": _mixed(
        "Ida Lund <ida@printers.example>",
        "The new sign",
        compose.text(_LETTERS_PICTURE, "html"),
        Piece(_INLINE, compose.base64_lines(_picture(64, 64, lambda row: bytes(range(row, row + 64))))),
        kind="related",
    ),
    "a signed letter": _mixed(
        "Tom Reed <tom@carpenters.example>",
        "The shelves",
        compose.text("They are ready.\nTom\n"),
        Piece(('Content-Type: application/pgp-signature; name="signature.asc"',), _crlf(_SIGNATURE)),
        kind='signed; micalg=pgp-sha256; protocol="application/pgp-signature"',
    ),
    "a table as CSV": _mixed(
        "Lena Falk <lena@partner.example>",
        "The figures",
        compose.text("As promised.\nLena\n"),
        compose.attachment("figures.csv", _TABLE, "text/csv"),
    ),
    "Japanese in ISO-2022-JP": _whole(
        f"{_encoded('佐藤', 'iso-2022-jp')} <sato@kaisha.example>",
        _encoded("会議の資料", "iso-2022-jp"),
        _in("iso-2022-jp", _JAPANESE),
    ),
    "Chinese in GB18030": _whole(
        f"{_encoded('王伟')} <wang@gongsi.example>", _encoded("会议记录", "gb18030"), _in("gb18030", _CHINESE)
    ),
    "Russian in KOI8-R": _whole(
        f"{_encoded('Анна Петрова', 'koi8-r')} <anna@kontora.example>",
        _encoded("Договор", "koi8-r"),
        _in("koi8-r", _RUSSIAN),
    ),
    "Arabic in UTF-8": _whole(
        f"{_encoded('ليلى')} <layla@maktab.example>", _encoded("جدول الاجتماعات"), _in("utf-8", _ARABIC)
    ),
}
"""What it is, and how it is written."""

NULL_SENDERS = frozenset({"a delivery report"})
"""What comes with the null sender (RFC 5321 4.5.5)."""

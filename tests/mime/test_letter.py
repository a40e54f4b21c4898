"""The letter in a message: what a person would see, and where it leads."""

from lockdown.mime.letter import CUT, MOST_TEXT, TEST_STRING, UNKNOWN_CHARSET, ZERO_WIDTH, letter_of
from lockdown.mime.reader import read_message
from lockdown.model.scan import Letter, Mailbox


def letter(*lines: str | bytes) -> Letter:
    whole = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return letter_of(read_message(whole + b"\r\n"))


def parts(*bodies: str, kind: str = "alternative") -> Letter:
    text = "\r\n".join(f"--b\r\n{body}" for body in bodies)
    return letter(f"Content-Type: multipart/{kind}; boundary=b", "", f"{text}\r\n--b--")


def test_the_header_is_read_as_a_program_shows_it() -> None:
    found = letter(
        "From: Ann <ann@example.org>",
        "From: b@evil.test",
        "To: c@example.org",
        "Cc: d@example.org",
        "Reply-To: e@evil.test",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n aus Köln",
        "Message-ID: <1@example.org>",
        "Date: today",
        "X-Odd: 1",
        "",
        "Hello",
    )
    assert found.subject == "Grüße aus Köln"
    assert found.senders == (Mailbox("Ann", "ann@example.org"), Mailbox("", "b@evil.test"))
    assert [box.address for box in found.recipients] == ["c@example.org", "d@example.org"]
    assert found.reply_to == (Mailbox("", "e@evil.test"),)
    assert (found.message_id, found.date) == ("<1@example.org>", "today")
    assert {"from", "subject", "x-odd"} <= found.fields
    assert found.text == "Hello"


def test_both_alternatives_are_read() -> None:
    found = parts("\r\nthe plain one", "Content-Type: text/html\r\n\r\n<p>the <b>other</b> one</p>")
    assert found.text == "the plain one\nthe other one"
    assert (found.has_text, found.has_html) == (True, True)


def test_alternatives_that_say_the_same_are_one_text() -> None:
    assert parts("\r\nhello  you", "Content-Type: text/html\r\n\r\n<p>hello</p><p>you</p>").text == "hello you"


def test_hidden_text_is_no_text() -> None:
    found = letter("Content-Type: text/html", "", '<p>seen</p><p style="display:none">not</p>')
    assert (found.text, found.hidden_text) == ("seen", "not")


def test_attachments_are_named_and_not_read() -> None:
    found = parts(
        "\r\nsee below",
        "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nnot a body",
        "Content-Type: image/png; name=b.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=",
        kind="mixed",
    )
    assert found.text == "see below"
    assert found.attachments == ("a.txt", "b.png")
    assert found.images == 1


def test_a_forwarded_message_is_read_too() -> None:
    assert (
        "inner" in parts("\r\nouter", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner", kind="mixed").text
    )


def test_charsets_are_read_as_they_are_meant() -> None:
    html = "Content-Type: text/plain; charset="
    assert letter(html + "iso-8859-1", "", "caf\u00e9 \u0093".encode("latin-1")).text == "caf\u00e9 \u201c"
    assert letter(html + "gb2312", "", "报价单".encode("gb18030")).text == "报价单"
    assert letter(html + "iso-2022-jp", "", "打ち合わせ".encode("iso-2022-jp")).text == "打ち合わせ"
    assert letter(html + "us-ascii", "", "größer".encode()).text == "größer"
    assert letter(html + "koi8-r", "", "Договор".encode("koi8-r")).text == "Договор"


def test_an_unknown_charset_is_named() -> None:
    found = letter("Content-Type: text/plain; charset=x-nobody-knows", "", "caf\u00e9".encode())
    assert found.text == "caf\u00e9"
    assert found.charsets == ("x-nobody-knows",)
    assert UNKNOWN_CHARSET in found.hidden_by


def test_a_codec_that_is_no_charset_is_not_used() -> None:
    for name in ("idna", "unicode_escape", "base64", "rot13", "punycode"):
        assert letter(f"Content-Type: text/plain; charset={name}", "", "\\x41 plain é").text == "\\x41 plain é"


def test_characters_without_width_are_taken_out_and_told() -> None:
    found = letter("Content-Type: text/plain; charset=utf-8", "", "p\u200ba\u200by\u200bp\u200bal")
    assert found.text == "paypal"
    assert ZERO_WIDTH in found.hidden_by


def test_fillers_of_mailings_and_joiners_of_scripts_are_no_trick() -> None:
    for text in (
        "offer \u200c \u00a0 \u200c \u00a0 \u200c",
        "می\u200cخواهم \u200c نمی\u200cدانم می\u200cروم",
        "👩\u200d👩\u200d👧\u200d👦",
    ):
        assert ZERO_WIDTH not in letter("Content-Type: text/plain; charset=utf-8", "", text).hidden_by


def test_links_of_all_bodies_and_of_the_subject_are_gathered_once() -> None:
    html = 'Content-Type: text/html\r\n\r\n<a href="http://b.test/">b</a><img src="http://i.test/x.png"><form action="http://f.test/">'
    found = letter_of(
        read_message(
            b"Subject: http://s.test/\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n"
            b"http://a.test/ http://a.test/\r\n--b\r\n" + html.encode() + b"\r\n--b--\r\n"
        )
    )
    assert [link.host for link in found.links] == ["a.test", "b.test", "f.test", "i.test", "s.test"]
    assert [link.host for link in found.links if link.image] == ["i.test"]
    assert found.form_actions == ("f.test",)


def test_text_beyond_the_bound_is_cut_and_said_so() -> None:
    found = letter("", *["word " * 15] * 1000)
    assert len(found.text) <= MOST_TEXT
    assert CUT in found.hidden_by


def test_the_string_that_tries_filters_is_found_behind_the_bound() -> None:
    mark = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
    assert TEST_STRING in letter("", *["word " * 15] * 2000, mark).hidden_by


def test_a_message_of_nothing_has_an_empty_letter() -> None:
    found = letter("")
    assert (found.subject, found.senders, found.text, found.links) == ("", (), "", ())

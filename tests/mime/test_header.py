"""The header block: where it ends, how many hops it tells of, and what of it only we may say."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.header import HeaderBlock, count_hops, header_block, header_end, strip_forged, without_comments

LIMIT = 1000
OURS = b"mx.example.org"


def lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def ends(content: bytes, limit: int = LIMIT) -> HeaderBlock:
    return header_block(content, limit)


def test_the_header_ends_before_the_first_empty_line() -> None:
    content = lines("Subject: a\nTo: b\n\nhello\n\nagain\n")
    assert ends(content) == HeaderBlock(len(lines("Subject: a\nTo: b\n")), len(lines("Subject: a\nTo: b\n\n")))


def test_a_message_may_have_no_header() -> None:
    assert ends(b"\r\nhello\r\n") == HeaderBlock(0, 2)


def test_a_message_may_have_no_body() -> None:
    assert ends(lines("Subject: a\n folded\n")) == HeaderBlock(21, 21)
    assert ends(lines("Subject: a\n folded\n\n")) == HeaderBlock(21, 23)
    assert ends(b"") == HeaderBlock(0, 0)


def test_a_body_without_a_header_is_not_taken_for_one_however_long() -> None:
    assert ends(lines("Dear all,\n" + "this is text\n" * 1000)) == HeaderBlock(0, 0)
    assert ends(lines("Subject: a\nDear all,\n" + "this is text\n" * 1000)) == HeaderBlock(12, 12)


def test_a_header_over_the_limit_is_told_to_be_longer_than_it() -> None:
    assert ends(lines("X: y\n" * 1000 + "\nhello\n")).end > LIMIT
    assert ends(b"X: " + b"y" * 5000).end > LIMIT


def test_a_header_at_the_limit_is_whole() -> None:
    header = b"X: " + b"y" * (LIMIT - 5) + b"\r\n"
    assert len(header) == LIMIT
    assert ends(header + b"\r\nhello\r\n") == HeaderBlock(LIMIT, LIMIT + 2)
    assert ends(b"y" + header + b"\r\nhello\r\n").end > LIMIT


def test_every_spelling_of_received_is_a_hop_and_nothing_else_is() -> None:
    header = lines(
        "Received: from a\n\tby b; date\nreceived: from b\nRECEIVED \t: from c\nReceived-SPF: pass\n"
        "X-Received: by d\nSubject: x\n Received: folded into the subject\nReceived:\n"
    )
    assert count_hops(header) == 4
    assert count_hops(b"") == 0


NOTHING_FORGED = [
    "Subject: hello\nReceived: from a\n\tby b\n",
    "Authentication-Results: mx.other.example; spf=pass\n",
    "Authentication-Results: mx.example.org.other.example; spf=pass\n",
    "Authentication-Results: other; x=mx.example.org\n",
    'Authentication-Results: "other; mx.example.org"; spf=pass\n',
    "Authentication-Results: (mx.example.org) other; spf=pass\n",
    "ARC-Authentication-Results: i=1; mx.example.org; spf=pass\n",
    "X-Authentication-Results: mx.example.org; spf=pass\n",
    "Authentication-Results-Old: mx.example.org\n",
    "X-Spamassassin: yes\nX-Spamd-Bar: +\nX-Lockdown: x\n",
    "Subject: a\n X-Spam-Flag: YES\n",
    "Subject: Authentication-Results: mx.example.org\n",
    "Authentication-Results\n",
]


@pytest.mark.parametrize("header", NOTHING_FORGED)
def test_a_header_without_our_verdicts_is_left_alone(header: str) -> None:
    assert strip_forged(lines(header), OURS) is None


FORGED = [
    "Authentication-Results: mx.example.org; spf=pass\n",
    "authentication-results:mx.example.org\n",
    "AUTHENTICATION-RESULTS \t: MX.Example.ORG 1; none\n",
    "Authentication-Results:\n mx.example.org;\n\tspf=pass\n \tsmtp.mailfrom=a\n",
    "Authentication-Results: (it (really) is) mx.example.org (yes) 1; spf=pass\n",
    "Authentication-Results: (folded\n comment)\n mx.example.org; spf=pass\n",
    'Authentication-Results: "mx.example.org"; spf=pass\n',
    'Authentication-Results: "mx\\.example.org"; spf=pass\n',
    "Authentication-Results: mx.example.org.; spf=pass\n",
    "Authentication-Results: mx.example.org(no space); spf=pass\n",
    "Authentication-Results: (a comment that never ends mx.example.org; spf=pass\n",
    "X-Spam-Flag: NO\n",
    "x-spam-status: No, score=-99\n\ttests=NONE\n",
    "X-Lockdown-Scan: av=ok\n",
    "X-LOCKDOWN-ID : 1\n",
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("before", ["", "Subject: a\n", "Received: from a\n\tby b\n"])
@pytest.mark.parametrize("after", ["", "To: b\n c\n"])
def test_a_forged_verdict_is_taken_out_whole_and_nothing_else(before: str, forged: str, after: str) -> None:
    assert strip_forged(lines(before + forged + after), OURS) == lines(before + after)


def test_several_forged_verdicts_are_all_taken_out() -> None:
    header = lines(
        "X-Spam-Flag: NO\nX-Spam-Level:\nSubject: a\nAuthentication-Results: mx.example.org\nX-Lockdown-Id: 1\n"
    )
    assert strip_forged(header, OURS) == lines("Subject: a\n")


def test_our_own_name_may_be_given_in_any_case_and_with_a_dot() -> None:
    assert strip_forged(b"Authentication-Results: mx.example.org\r\n", b"MX.Example.Org.") == b""


def test_a_last_line_without_an_end_is_taken_out_whole() -> None:
    assert strip_forged(b"Subject: a\r\nX-Spam-Flag: NO", OURS) == b"Subject: a\r\n"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (b"a", b"a"),
        (b"(x)a(y)b", b" a b"),
        (b"((x)y)a", b" a"),
        (b'"(kept)" (gone)', b'"(kept)" '),
        (b"(a\\)b)c", b" c"),
        (b"a(never ends", b"a"),
        (b'"never ends (gone)', b'"never ends '),
    ],
)
def test_comments_are_taken_out_of_a_value(value: bytes, plain: bytes) -> None:
    assert without_comments(value) == plain


# The slow reader: one line at a time, and no regular expression over more than one field.


def fields(header: bytes) -> list[bytes]:
    found: list[bytes] = []
    for line in re.findall(rb"[^\n]*\n|[^\n]+\Z", header):
        if line[:1] in (b" ", b"\t") and found:
            found[-1] += line
        else:
            found.append(line)
    return found


def may_only_be_ours(field: bytes) -> bool:
    name, colon, _ = field.partition(b":")
    return bool(colon) and name.rstrip(b" \t").lower().startswith((b"x-spam-", b"x-lockdown-"))


PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"a", b"\0", b"\xff", b"(", b")", b'"', b"\\", b";", b"X-Spam-",
     b"x-lockdown-id", b"Authentication-Results", b"authentication-results: ", OURS, b"other.example",
     b"Received", b"received:"]
)  # fmt: skip
HEADERS = st.lists(st.one_of(PIECES, st.binary(max_size=3)), max_size=40).map(b"".join)


@settings(max_examples=300)
@given(HEADERS)
def test_any_octets_lose_whole_fields_or_nothing(header: bytes) -> None:
    kept = strip_forged(header, OURS)
    if kept is None:
        return
    left = fields(kept)
    for field in fields(header):
        if left and left[0] == field:
            left.pop(0)
        else:
            assert field.lower().startswith((b"authentication-results", b"x-spam-", b"x-lockdown-"))
    assert left == []


@settings(max_examples=300)
@given(HEADERS)
def test_nothing_that_only_we_may_say_is_left_in_any_octets(header: bytes) -> None:
    kept = strip_forged(header, OURS)
    left = fields(header if kept is None else kept)
    assert [field for field in left if may_only_be_ours(field) and re.match(rb"[!-9;-~]+[ \t]*:", field)] == []
    assert strip_forged(b"".join(left), OURS) is None


@settings(max_examples=300)
@given(HEADERS)
def test_any_octets_have_as_many_hops_as_lines_that_say_received(header: bytes) -> None:
    said = [line for line in header.split(b"\n") if re.match(rb"received[ \t]*:", line, re.IGNORECASE)]
    assert count_hops(header) == len(said)


@settings(max_examples=300)
@given(HEADERS, st.integers(0, 60))
def test_any_octets_have_a_header_block_within_them(content: bytes, limit: int) -> None:
    end, body = header_block(content, limit)
    assert 0 <= end <= body <= len(content)
    assert content[end:body] in (b"", b"\r\n")


@settings(max_examples=300)
@given(HEADERS, st.integers(0, 60))
def test_the_end_is_the_same_whether_the_body_is_asked_for_or_not(content: bytes, limit: int) -> None:
    for octets in (content, content + b"\r\n\r\nbody", b"\r\n" + content + b"\r\n\r\n"):
        assert header_end(octets, limit) == header_block(octets, limit).end

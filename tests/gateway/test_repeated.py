"""The same body under another header is read once: what comes out is what reading all of it anew would have given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lockdown.config import Antivirus
from lockdown.gateway.repeated import Bodies, Copy, copy_of
from lockdown.model.scan import Reading
from lockdown.scan.builtin import Builtin
from lockdown.scan.proof import EICAR
from tests.gateway.house import house, run
from tests.rig.corpora import message_sets, why_no_corpora

ENGINE = Builtin(Antivirus())
BODY = b"Dear all,\r\n\r\nthe minutes are at https://minutes.example/monday now.\r\n"
FIRST = (
    b"From: Anna <anna@sender.example>\r\nTo: bob@example.org\r\nSubject: The minutes\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
) + BODY
OTHER = (
    b"Received: from there by here; Tue, 24 Nov 2026 10:00:01 +0000\r\nFrom: Eve <eve@evil.test>\r\n"
    b"To: carol@example.org, dave@example.org\r\nReply-To: <x@evil.test>\r\nSubject: Something else\r\n"
    b"Date: Wed, 25 Nov 2026 10:00:00 +0000\r\nMessage-ID: <2@evil.test>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
) + BODY


def read(content: bytes) -> Reading:
    return ENGINE.at_once(content) or ENGINE.read(content)


def copy(content: bytes) -> Copy:
    found = copy_of(content)
    assert found is not None
    return found


def bodies_with(content: bytes) -> Bodies:
    bodies = Bodies()
    bodies.keep(copy(content), read(content))
    return bodies


def test_a_copy_has_its_own_sender_subject_and_recipients() -> None:
    found = bodies_with(FIRST).recall(copy(OTHER))
    assert found == read(OTHER)
    assert found is not None and found.letter.senders[0].address == "eve@evil.test"
    assert found.letter.subject == "Something else" and len(found.letter.recipients) == 2
    assert "received" in found.letter.fields and found.letter.links[0].host == "minutes.example"


@pytest.mark.parametrize(
    "change",
    [
        (BODY, BODY + b"PS: and more\r\n"),
        (b"utf-8", b"utf-7"),
        (b"MIME-Version: 1.0\r\n", b""),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n"),
        (b"MIME-Version: 1.0\r\n", b"MIME-Version: 1.0\r\nEncoding: 12 uuencode\r\n"),
        (b"text/plain", b"text/html"),
    ],
)
def test_what_says_how_to_read_it_makes_it_another_message(change: tuple[bytes, bytes]) -> None:
    bodies = bodies_with(FIRST)
    assert bodies.recall(copy(FIRST)) is not None
    assert bodies.recall(copy(FIRST.replace(*change))) is None


@pytest.mark.parametrize(
    "odd",
    [
        FIRST.replace(b"To:", b"From: <second@evil.test>\r\nTo:"),
        FIRST.replace(b"Subject:", b"Subject: first\r\nSubject:"),
        FIRST.replace(b"Anna <anna@sender.example>", b"<a@one.example>, <b@two.example>"),
        FIRST.replace(b"From: Anna <anna@sender.example>\r\n", b""),
        FIRST.replace(b"Content-Type:", b"Content-Type :"),
        FIRST.replace(b"MIME-Version", b"not a field\r\nMIME-Version"),
        FIRST.replace(b"The minutes", b"The\rminutes"),
        FIRST.replace(b"The minutes", b"The\nContent-Type: text/html"),
        FIRST.replace(b"The minutes", b"The\x0bContent-Type: text/html"),
        FIRST.replace(b"The minutes", b"The\0minutes"),
        FIRST.replace(b"The minutes", EICAR),
        b"From someone Tue Nov 24\r\n" + FIRST,
        b" Subject: x\r\n" + FIRST,
        b"\r\n" + FIRST,
        FIRST.replace(b"\r\n\r\n", b"\r\n", 1).partition(b"Dear")[0],
        b"X-Long: " + bytes(20_000).replace(b"\0", b"x") + b"\r\n" + FIRST,
    ],
)  # fmt: skip
def test_an_odd_header_is_no_copy_of_anything(odd: bytes) -> None:
    assert copy_of(odd) is None


def test_a_link_in_a_subject_is_not_inherited() -> None:
    tricky = FIRST.replace(b"The minutes", b"https://evil.test/")
    assert bodies_with(FIRST).recall(copy(tricky)) is None
    assert bodies_with(tricky).recall(copy(FIRST)) is None


def test_what_was_not_read_whole_is_not_kept() -> None:
    broken = FIRST.replace(b"text/plain; charset=utf-8", b"message/external-body; access-type=x")
    assert read(broken).content.unread
    assert bodies_with(broken).recall(copy(broken)) is None


def test_it_is_bounded_in_entries_and_in_octets() -> None:
    many = [FIRST + b"%d\r\n" % number for number in range(6)]
    few, small = Bodies(most_bodies=3), Bodies(most_octets=5000)
    for one in many:
        few.keep(copy(one), read(one))
        small.keep(copy(one), read(one))
    assert [few.recall(copy(one)) is not None for one in many] == [False] * 3 + [True] * 3
    assert 0 < sum(small.recall(copy(one)) is not None for one in many) < 5
    small.keep(copy(large := FIRST + b"words " * 5000), read(large))
    assert small.recall(copy(large)) is None


_FIELD = re.compile(rb"^(From|To|Subject|Date|Message-ID):[^\n]*(?:\n[ \t][^\n]*)*\n", re.IGNORECASE | re.MULTILINE)


def test_real_letters_under_another_header_read_as_if_they_were_new() -> None:
    if why := why_no_corpora():
        pytest.skip(why)
    compared = 0
    for letter in (specimen.content for specimen in message_sets() if len(specimen.content) < 20_000):
        header, blank, body = letter.partition(b"\r\n\r\n")
        other = _FIELD.sub(b"", header + b"\r\n") + OTHER.partition(b"MIME-Version")[0].rstrip(b"\r\n") + blank + body
        first, second = copy_of(letter), copy_of(other)
        if first is None or second is None:
            continue
        bodies = Bodies()
        bodies.keep(first, read(letter))
        found = bodies.recall(second)
        assert found is None or found == read(other)
        compared += found is not None
    assert compared > 50


LETTER = b"From: a@sender.example\r\nTo: a@example.org\r\nSubject: %b\r\nDate: x\r\nMessage-ID: <%b@x>\r\n\r\nhello\r\n"


def test_the_gateway_reads_a_body_once_and_every_header(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, '[antivirus]\nengines = ["builtin"]\n[antispam]\nengines = ["builtin"]\n') as here:
            client = await here.client()
            for number in (b"1", b"2", b"3"):
                assert (await client.send(LETTER % (number, number))).startswith("250")
            test_spam = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-" + b"ANTI-UBE-TEST-EMAIL*C.34X"
            assert (await client.send(LETTER % (test_spam, b"4"))).startswith("550")
            client.leave()
            assert len(here.worker.scanning.bodies) == 1

    run(story())

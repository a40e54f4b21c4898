"""What the mail server's log says last of one message, whatever strangers have written into it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.engine.last_word import last_word, queue_id_of

AT = "Nov 24 18:24:27 mail postfix"
TAKEN = f"{AT}/cleanup[634]: A5B2A13B: message-id=<x@drill.example>\n"
DEFERRED = (
    f"{AT}/lmtp[637]: A5B2A13B: to=<c@example.org>, relay=none, delay=0, delays=0/0/0/0, dsn=4.4.1, status=deferred "
    "(connect to mail.example.org[private/dovecot-lmtp]: No such file or directory)\n"
)
HELD = (
    f"{AT}/smtpd[9]: A5B2A13B: hold: RCPT from h[192.0.2.1]: <c@example.org>: Recipient address triggers HOLD action; "
    "from=<a@b.example> to=<c@example.org> proto=ESMTP helo=<h>\n"
)
FILTERED = (
    f"{AT}/smtp[5]: A5B2A13B: to=<c@example.org>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, "
    "dsn=2.0.0, status=sent (250 2.0.0 from MTA: 250 2.0.0 Ok: queued as 77777777)\n"
)


def said(folder: Path, *lines: str, of: str = "A5B2A13B") -> str:
    log = folder / "mail.log"
    log.write_text("".join(lines))
    return last_word([str(folder / "none.log"), str(log)], of)


@pytest.mark.parametrize(
    ("reply", "id"),
    [
        ("2.0.0 Ok: queued as 4B17D248", "4B17D248"),
        ("2.0.0 Ok: queued as 4Rk3yC2t9Gz9vNn", "4Rk3yC2t9Gz9vNn"),
        ("OK id=1rAbCd-0000Xy-Zz", "1rAbCd-0000Xy-Zz"),
        ("2.0.0 Delivered before", ""),
    ],
)
def test_a_server_names_what_it_has_accepted(reply: str, id: str) -> None:
    assert queue_id_of(reply) == id


def test_the_last_try_is_told_with_its_reason(tmp_path: Path) -> None:
    words = "A5B2A13B is deferred: connect to mail.example.org[private/dovecot-lmtp]: No such file or directory"
    assert said(tmp_path, TAKEN, DEFERRED) == words


def test_what_is_on_hold_and_what_nobody_has_tried_is_told_as_that(tmp_path: Path) -> None:
    assert said(tmp_path, HELD, TAKEN).startswith("A5B2A13B is on hold: RCPT from h[192.0.2.1]")
    assert said(tmp_path, TAKEN) == "A5B2A13B waits in the queue, and nobody has tried to deliver it"


def test_behind_a_content_filter_it_is_followed_under_its_new_name(tmp_path: Path) -> None:
    onward = DEFERRED.replace("A5B2A13B", "77777777")
    assert said(tmp_path, TAKEN, FILTERED, onward).startswith("77777777 is deferred: connect to")
    assert said(tmp_path, FILTERED.replace("77777777", "A5B2A13B")).startswith("A5B2A13B is sent")


def test_nothing_is_said_where_nothing_is_known(tmp_path: Path) -> None:
    assert said(tmp_path, TAKEN, DEFERRED, of="B5B2A13B") == ""
    assert said(tmp_path, TAKEN, of="") == ""


def test_an_id_in_a_strangers_words_is_not_the_message(tmp_path: Path) -> None:
    helo = f"{AT}/smtpd[9]: NOQUEUE: reject: RCPT from h[192.0.2.1]: 550 no; helo=<A5B2A13B: hold: x>\n"
    assert said(tmp_path, helo) == ""


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_no_log_makes_it_raise_or_say_more_than_a_line(pieces: list[bytes]) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as log:
        log.write(b"\n".join(f"{AT}/lmtp[6]: A5B2A13B: ".encode() + piece for piece in pieces))
        log.flush()
        told = last_word([log.name], "A5B2A13B")
    assert told.isprintable()
    assert len(told) <= 250

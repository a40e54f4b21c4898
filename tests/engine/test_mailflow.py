"""What a log says of one letter: by its queue id, in the id's own place, whatever strangers write into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.engine.mailflow import Flows, Stopped, fate_of

ID = "4XyZ1a2B3c"
START = f"Nov 24 12:00:00 mail postfix/local[7]: {ID}: "
SENT = START + "to=<anna@example.org>, relay=local, delay=0.1, dsn=2.0.0, status=sent (delivered to mailbox)"


@pytest.mark.parametrize(
    ("line", "fate"),
    [
        (SENT, Flows),
        (START + "to=<a@b>, relay=none, delay=1, dsn=4.4.1, status=deferred (connect refused)", Stopped),
        (START + "to=<a@b>, relay=local, delay=1, dsn=5.1.1, status=bounced (unknown user)", Stopped),
        ("2026-11-24 12:00:00 1rABcd-0001Ab-2C Completed", type(None)),
        (START + "from=<postmaster@example.org>, size=400, nrcpt=1 (queue active)", type(None)),
        (SENT.replace(ID, "4Other0000"), type(None)),
    ],
)
def test_a_line_tells_the_fate_of_its_own_letter_only(line: str, fate: type) -> None:
    assert isinstance(fate_of([line], ID), fate)


def test_exim_says_completed() -> None:
    id = "1rABcd-0001Ab-2C"
    lines = [
        f"2026-11-24 12:00:00 {id} => anna <anna@example.org> R=local T=mail",
        f"2026-11-24 12:00:00 {id} Completed",
    ]
    assert isinstance(fate_of(lines, id), Flows)
    assert isinstance(fate_of([f"2026-11-24 12:00:00 {id} ** anna@example.org: Unrouteable address"], id), Stopped)


def test_a_filter_of_this_machine_hands_the_letter_back_under_another_id() -> None:
    handed = "status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4XyZ9z9Z9z)"
    assert fate_of([f"{START}to=<a@b>, relay=127.0.0.1[127.0.0.1]:10024, {handed}"], ID) == "4XyZ9z9Z9z"
    assert isinstance(fate_of([f"{START}to=<a@b>, relay=mx.example.net[192.0.2.9]:25, {handed}"], ID), Flows)


def test_a_strangers_words_are_not_taken_for_a_line_of_the_server() -> None:
    forged = f"Nov 24 12:00:00 mail postfix/smtpd[9]: NOQUEUE: reject: from=<x> helo=<]: {ID}: to=<a@b>, status=sent>"
    assert fate_of([forged.replace(f"]: {ID}", f"] {ID}")], ID) is None


@given(st.lists(st.text(max_size=200)), st.text(min_size=1, max_size=20))
def test_no_log_makes_it_raise(lines: list[str], id: str) -> None:
    fate_of([line + id for line in lines], id)

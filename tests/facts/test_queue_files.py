"""Queue files of Postfix and Exim, record by record; and which of what waits is meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts.exim_spool import spooled
from lockdown.facts.queue_choice import NAMES, choice_of, subject_shape, taking
from lockdown.facts.queue_file import (
    NOT_WHOLE,
    fingerprint,
    hashed_by,
    header_of,
    id_for_inode,
    inode_in,
    message,
    queued,
)
from lockdown.facts.queue_file import queue_file as written
from lockdown.gateway import likeness
from lockdown.model.queued import Queued, digest_of
from lockdown.model.traffic import Dimension
from lockdown.model.unknown import Unknown
from tests.fuzz.queue_file import one_input

ID = "9308B26C13E"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def record(kind: str, content: bytes) -> bytes:
    octets, left = bytearray(kind.encode()), len(content)
    while left >= 0x80:
        octets.append(left & 0x7F | 0x80)
        left >>= 7
    octets.append(left)
    return bytes(octets) + content


def queue_file(
    recipients: list[bytes],
    body: bytes,
    *,
    sender: bytes = b"a@example.net",
    extracted: bool = False,
    more: bytes = b"",
) -> bytes:
    named = b"".join(record("R", one) for one in recipients)
    envelope = record("T", b"1795534670 467549") + record("A", b"log_client_address=192.0.2.7")
    envelope += record("A", b"sasl_username=ann") + more + record("S", sender) + (b"" if extracted else named)
    at = len(record("C", b" " * 95)) + len(envelope) + 2
    first = record("C", b"%15d %15d %15d %15d %15d %15d" % (len(body), at, len(recipients), 0, 0, 0))
    behind = record("X", b"") + (named if extracted else b"") + record("E", b"")
    return first + envelope + record("M", b"") + body + behind


BODY = record("N", b"Subject: Invoice 4711") + record("N", b"") + record("L", b"half a ") + record("N", b"line")


def test_what_stands_in_the_envelope_is_known() -> None:
    read = queued(queue_file([b"bob@example.org", b"carol@example.org"], BODY), ID, "deferred")
    assert read == Queued(
        ID, "deferred", 1795534670467549, len(BODY), "a@example.net", ("bob@example.org", "carol@example.org"),
        "192.0.2.7", "", "ann",
    )  # fmt: skip


def test_recipients_taken_from_the_header_are_found_behind_the_message() -> None:
    octets = queue_file([b"bob@example.org"], BODY, extracted=True)
    assert queued(octets, ID, "deferred") == NOT_WHOLE
    read = queued(octets, ID, "deferred", is_whole=True)
    assert isinstance(read, Queued) and read.recipients == ("bob@example.org",)


def test_the_message_itself_cannot_forge_what_stands_before_it() -> None:
    forged = record("N", record("A", b"sasl_username=eve") + record("S", b"eve@example.net")) + BODY
    read = queued(queue_file([b"bob@example.org"], forged), ID, "deferred")
    assert isinstance(read, Queued) and (read.user, read.sender) == ("ann", "a@example.net")


@pytest.mark.parametrize("sender", [b"", b"\xff\x00@x", b"a b@c\nS\x01x", b"x" * 900])
def test_a_hostile_sender_is_read_as_one_and_known_again(sender: bytes) -> None:
    octets = queue_file([b"bob@example.org"], BODY, sender=sender)
    read, short = queued(octets, ID, "deferred"), fingerprint(octets, ID)
    assert isinstance(read, Queued) and read.fingerprint == short
    assert read.sender == sender.decode("utf-8", "replace")


def test_a_file_that_is_cut_anywhere_is_not_whole_or_none_but_never_another_message() -> None:
    octets = queue_file([b"bob@example.org"], BODY)
    whole = queued(octets, ID, "deferred")
    for end in range(len(octets)):
        read = queued(octets[:end], ID, "deferred", is_whole=True)
        assert read is None or (isinstance(read, Queued) and isinstance(whole, Queued) and read[:7] == whole[:7])


def test_the_header_ends_where_the_body_begins() -> None:
    assert header_of(queue_file([b"bob@example.org"], BODY)) == b"Subject: Invoice 4711\r\n"


def test_the_message_comes_as_it_would_be_delivered() -> None:
    assert message(queue_file([b"bob@example.org"], BODY)) == b"Subject: Invoice 4711\n\nhalf a line\n"


def test_a_pointer_to_itself_ends() -> None:
    octets = queue_file([b"bob@example.org"], b"")
    at = octets.index(b"M\x00") + 2
    assert message(octets[:at] + record("p", b"%15d" % at)) == b""


@given(st.binary(max_size=300))
def test_garbage_never_raises(octets: bytes) -> None:
    one_input(octets)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_damage_anywhere_never_raises(damage: bytes, at: int) -> None:
    octets = queue_file([b"bob@example.org"], BODY)
    one_input(b"\0" + octets[:at] + damage + octets[at + len(damage) :])


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60), st.integers(0, 4_000_000_000_000_000)
)
def test_a_file_of_our_own_is_read_as_any_other(words: str, arrived: int) -> None:
    letter = f"Subject: drill\r\n\r\n{words}\r\n".encode()
    octets = written("x@drill.example", "canary@example.org", arrived, letter)
    read = queued(octets, ID, "deferred")
    assert isinstance(read, Queued)
    assert (read.sender, read.recipients, read.arrived) == ("x@drill.example", ("canary@example.org",), arrived)
    assert message(octets) == letter.replace(b"\r\n", b"\n")


def test_an_id_is_given_the_inode_of_a_new_file() -> None:
    assert (id_for_inode(ID, 0x1F), inode_in(ID), hashed_by(ID)) == ("9308B1F", 0x26C13E, ID)
    long = "4hGQsf1Dw2z2PvM"
    assert inode_in(id_for_inode(long, 123_456_789)) == 123_456_789
    assert id_for_inode(long, inode_in(long)) == long


# ── Exim ──

EXIM_ID = "1vNtQd-000001-2a"
SPOOLED = f"""\
{EXIM_ID}-H
Debian-exim 9901 9901
<a@example.net>
1795534670 0
-received_time_usec .467549
--helo_name liar
-host_address [192.0.2.7]:4711
-auth_id ann
{{frozen}}-N
YN gone@example.org
NN other@example.org
2
bob@example.org
carol@example.org 0,-1#1

011* Taken: out
014  Subject: Lunch
"""


def exim(frozen: str = "") -> bytes:
    return SPOOLED.format(frozen=frozen).replace("011* Taken: out", "011* Taken: out").encode()


def test_a_spool_file_of_exim_says_the_same() -> None:
    read = spooled(exim(), EXIM_ID, 100)
    assert read is not None and not read.is_frozen
    it = read.message
    assert it.recipients == ("bob@example.org", "carol@example.org")
    assert (it.sender, it.client, it.helo, it.user) == ("a@example.net", "192.0.2.7", "liar", "ann")
    assert it.arrived == 1795534670467549
    frozen = spooled(exim("-frozen 1795534700\n"), EXIM_ID, 100)
    assert frozen is not None and frozen.is_frozen and frozen.message.fingerprint == it.fingerprint


def test_a_spool_file_under_another_id_or_cut_is_none() -> None:
    assert spooled(exim(), "1vNtQd-000002-2a", 100) is None
    assert all(spooled(exim()[:end], EXIM_ID, 0) is None for end in range(exim().index(b"carol")))


# ── which are meant ──


def waiting(**fields: object) -> Queued:
    base = Queued("A1", "deferred", int(NOW.timestamp() * 1e6), 1, "a@example.net", ("bob@example.org",), "192.0.2.7")
    return base._replace(**fields)  # type: ignore[arg-type]


def takes(name: str, value: str, it: Queued) -> bool:
    test = taking(((name, value),), NOW)
    assert not isinstance(test, Unknown), test
    return test(it)


@pytest.mark.parametrize(
    ("name", "value", "yes", "no"),
    [
        ("sender", "A@example.net", {}, {"sender": "b@example.net"}),
        ("sender", "", {"sender": ""}, {}),
        ("sender-domain", "example.net", {}, {"sender": "a@sub.example.net"}),
        ("client", "192.0.2.0/24", {}, {"client": "192.0.3.7"}),
        ("client", "192.0.2.7", {"client": "::ffff:192.0.2.7"}, {"client": "unknown"}),
        ("client", "2001:db8::/64", {"client": "2001:db8::7"}, {}),
        ("user", "ann", {"user": "Ann"}, {}),
        ("domain", "example.org", {}, {"recipients": ("x@example.com",)}),
        ("recipient", "bob@example.org", {}, {"recipients": ("rob@example.org",)}),
        ("subject", "invoice", {"subject": "Your Invoice 7"}, {"subject": "lunch"}),
        ("subject-shape", "invoice #", {"subject": "Invoice 12,5"}, {"subject": "invoice"}),
        ("reason", "refused", {"reason": "Connection Refused"}, {}),
        ("helo", "liar", {"helo": "LIAR"}, {}),
        ("older-than", "3600", {"arrived": int((NOW - timedelta(hours=2)).timestamp() * 1e6)}, {}),
        ("id", "A1", {}, {"id": "A2"}),
    ],
)
def test_each_name_takes_its_own_and_no_other(
    name: str, value: str, yes: dict[str, object], no: dict[str, object]
) -> None:
    assert takes(name, value, waiting(**yes))
    assert not takes(name, value, waiting(**no))


@pytest.mark.parametrize(
    "choice",
    [(), (("client", "nonsense"),), (("user", ""),), (("subject", " "),), (("colour", "red"),), (("older-than", "x"),)],
)
def test_what_names_nothing_chooses_nothing(choice: tuple[tuple[str, str], ...]) -> None:
    assert isinstance(taking(choice, NOW), Unknown)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=20)), max_size=3), st.text(max_size=20))
def test_no_words_of_strangers_break_a_choice(choice: list[tuple[str, str]], words: str) -> None:
    test = taking(tuple(choice), NOW)
    if not isinstance(test, Unknown):
        test(waiting(sender=words, client=words, recipients=(words,), subject=words))


@pytest.mark.parametrize("dimension", list(Dimension))
def test_every_dimension_is_chosen_by_or_said_not_to_be_seen_in_a_queue(dimension: Dimension) -> None:
    choice = choice_of(((dimension, "192.0.2.7"),))
    assert isinstance(choice, Unknown) or not isinstance(taking(choice, NOW), Unknown)


@given(st.text(max_size=200))
def test_a_subject_has_the_shape_that_the_gateway_gives_it(subject: str) -> None:
    assert subject_shape(subject) == likeness.subject_shape(subject)


def test_a_digest_stays_the_same_for_ever() -> None:
    assert digest_of("a@example.net") == digest_of("a@example.net") != digest_of("b@example.net")

"""The letters of the drill of item 2: they are what they claim to be, and they follow the settings."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header

import pytest

from lockdown.checklist.antispam import controls
from lockdown.checklist.antispam.drill import CANARIES, FORGED, TEST_SPAM, drill
from lockdown.checklist.antispam.drill import test_spam as spam_line
from lockdown.checklist.antispam.forged import cousin, homograph
from lockdown.config import Settings, read_settings
from lockdown.model.step import Expect, Occasion, Step

STEPS = tuple(drill(Settings()))


def _occasion(domain: str = "example.org") -> Occasion:
    return Occasion("0123456789abcdef000001", datetime(2026, 3, 1, 12, tzinfo=UTC), f"postmaster@{domain}", domain)


def _steps(policy: str, of: str) -> dict[str, Step]:
    return {step.name: step for step in drill(read_settings([("f", policy)]).settings) if step.set == of}


def test_the_test_spam_is_the_line_that_every_filter_knows() -> None:
    assert (len(spam_line()), spam_line()[:4], spam_line()[-7:]) == (68, "XJS*", "L*C.34X")


@pytest.mark.parametrize("step", [step for step in STEPS if step.set == TEST_SPAM], ids=lambda step: step.name)
def test_a_reader_sees_the_test_spam(step: Step) -> None:
    read = email.message_from_bytes(step.write(_occasion()))
    seen = [read["Subject"].encode(), *(part.get_payload(decode=True) or b"" for part in read.walk())]
    assert any(spam_line()[1:].encode() in words for words in seen)


def test_a_filter_is_not_asked_for_what_only_others_know() -> None:
    known = len(_steps("", TEST_SPAM))
    assert len(_steps('[antispam]\nengines = ["rspamd://127.0.0.1:11333"]\n', TEST_SPAM)) == known
    assert len(_steps('[antispam]\nengines = ["spamd://127.0.0.1:783"]\n', TEST_SPAM)) == known - 1


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_letter_is_whole_and_found_again(step: Step) -> None:
    letter = step.write(_occasion())
    header, _, _ = letter.partition(b"\r\n\r\n")
    assert b"0123456789abcdef000001" in header
    assert letter.endswith(b"\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", letter)
    assert max(map(len, letter.split(b"\r\n"))) <= 998


def test_every_step_proves_a_control_of_the_room() -> None:
    assert {step.control for step in STEPS} <= {control.id for control in controls.CONTROLS}


def test_wanted_mail_of_ten_kinds_and_more_must_arrive_unmarked() -> None:
    wanted = [step for step in STEPS if step.set == CANARIES]
    assert len(wanted) >= 10
    assert {step.expect for step in wanted} == {Expect.ARRIVES}


@pytest.mark.parametrize("step", [step for step in STEPS if step.set == CANARIES], ids=lambda step: step.name)
def test_wanted_mail_is_from_reserved_names_and_dated_now(step: Step) -> None:
    letter = step.write(_occasion())
    read = email.message_from_bytes(letter)
    assert "Sun, 01 Mar 2026 12:00:00" in read["Date"]
    named = re.findall(rb"[\w.+-]+@([\w.-]+)", letter[: 64 * 1024].replace(b"=\r\n", b""))
    assert {name for name in named if not name.endswith(b".example")} <= {b"example.org"}
    assert not read.defects


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Japanese in ISO-2022-JP", "会議"), ("Chinese in GB18030", "会议"), ("Russian in KOI8-R", "договор"),
        ("Arabic in UTF-8", "الاجتماعات"),
    ],
)  # fmt: skip
def test_foreign_letters_can_be_read(name: str, words: str) -> None:
    read = email.message_from_bytes(_steps("", CANARIES)[name].write(_occasion()))
    payload = read.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert words in payload.decode(str(read.get_content_charset()))
    assert words[:2].lower() in str(make_header(decode_header(read["Subject"]))).lower()


def test_a_large_attachment_is_as_large_as_the_site_takes() -> None:
    large = _steps("", CANARIES)["a large attachment"].write(_occasion())
    small = _steps('[gateway]\nmax_message = "1 MiB"\n', CANARIES)["a large attachment"].write(_occasion())
    assert len(large) > 8_000_000
    assert 500_000 < len(small) < 1 << 20


def test_the_forger_claims_the_first_of_our_domains_in_every_shape() -> None:
    steps = _steps('[site]\ndomains = ["firm.test", "other.test"]\n', FORGED)
    assert len(steps) == 13
    for name, step in steps.items():
        letter = step.write(_occasion("firm.test"))
        froms = b" ".join(re.findall(rb"(?m)^From: (.*)\r$", letter))
        claims = b"firm.test" in froms or step.sender.endswith("@firm.test")
        assert claims or step.control == controls.LOOK_ALIKE.id, name
    assert steps["in From, with the null sender"].sender == ""


def test_two_from_fields_are_two() -> None:
    letter = _steps("", FORGED)["in the second of two From fields"].write(_occasion())
    assert len(re.findall(rb"(?m)^From:", letter)) == 2


@pytest.mark.parametrize(
    "domain", ["example.org", "firm.test", "bbb.example", "xn--bcher-kva.example", "a.b.c.example"]
)
def test_a_look_alike_is_not_the_domain_itself(domain: str) -> None:
    assert cousin(domain) != domain
    assert homograph(domain).startswith("xn--")
    assert homograph(domain) != domain
    assert homograph(domain).isascii()


def test_a_homograph_reads_as_foreign_letters() -> None:
    label = homograph("example.org").partition(".")[0]
    assert label.removeprefix("xn--").encode().decode("punycode") == "ехаmрlе"


def test_the_name_of_a_person_worth_forging_is_forged() -> None:
    steps = _steps('[antispam]\npeople = ["Ann Director <ann@example.org>"]\n', FORGED)
    assert b'From: "Ann Director" <someone@stranger.example>' in steps["a person's name with a strange address"].write(
        _occasion()
    )


@pytest.mark.parametrize(("action", "expected"), [("quarantine", Expect.STOPPED), ("accept-and-mark", Expect.CAUGHT)])
def test_what_is_expected_of_forged_mail_follows_the_settings(action: str, expected: Expect) -> None:
    assert _steps(f'[antispam]\nforged = "{action}"\n', FORGED)["in From only"].expect is expected

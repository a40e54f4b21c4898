"""The e-mail bomb: one message too large, or many that are each small enough, without hurting other senders."""

from typing import Any

import pytest

from lockdown.checklist.attachments.gate import FEW_TO_ONE, OWN_HOPS, is_held_against_network, message, sender
from lockdown.config import Attachments, Gateway, Monitoring, Settings
from lockdown.model.mail import Announced, Client, Mail, Repetition, Structure
from lockdown.model.units import ByteSize
from lockdown.model.unknown import Unknown
from lockdown.model.verdict import ACCEPT, Kind, Verdict
from lockdown.smtp.address import Address, AddressShape

MIB = 1024 * 1024
POLICY = Settings(monitoring=Monitoring(never_limit=("198.51.100.0/24", "2001:db8::/32")))
LIMITS = POLICY.attachments

STRANGER = Client("192.0.2.80", "192.0.2.0/24", False, 1, 1, 1, None)
OWN_RELAY = STRANGER._replace(address="198.51.100.7", prefix="198.51.100.0/24")
TRUSTED = STRANGER._replace(trusted=True)

SENDER = Address("t", "outside.example", "t@outside.example", AddressShape.PLAIN, False)
RECIPIENT = Address("user", "example.org", "user@example.org", AddressShape.PLAIN, False)

PLAIN = Mail(
    client=STRANGER,
    sender=SENDER,
    recipients=(RECIPIENT,),
    size_bytes=5_000,
    header=b"Subject: hello\r\n",
    header_bytes=16,
    hops=3,
    own_hops=0,
    structure=Structure(parts=1, nesting=0),
    from_network=Repetition(1, 5_000),
    to_recipient=Repetition(1, 5_000),
)


def mail(**different: Any) -> Mail:
    return PLAIN._replace(**different)


def announced(size: int | None, before: Repetition, client: Client = STRANGER) -> Announced:
    return Announced(client, SENDER, size, before)


def answer(verdict: Verdict) -> tuple[Kind, int, str]:
    return verdict.kind, verdict.code, verdict.detail


TOO_LARGE = (Kind.REJECT, 552, "3.4")
PUT_OFF = (Kind.DEFER, 452, "7.0")
REFUSED_FOR_GOOD = (Kind.REJECT, 550, "7.0")
NOTHING = Repetition(0, 0)


def test_an_ordinary_message_passes() -> None:
    assert sender(announced(5_000, NOTHING), POLICY) is ACCEPT
    assert sender(announced(None, NOTHING), POLICY) is ACCEPT
    assert message(PLAIN, POLICY) is ACCEPT


def test_a_declared_size_at_the_limit_passes_and_one_octet_more_does_not() -> None:
    assert sender(announced(25 * MIB, NOTHING), POLICY) is ACCEPT
    assert answer(sender(announced(25 * MIB + 1, NOTHING), POLICY)) == TOO_LARGE


def test_a_message_at_the_limit_passes_and_one_octet_more_does_not() -> None:
    assert message(mail(size_bytes=25 * MIB), POLICY) is ACCEPT
    assert answer(message(mail(size_bytes=25 * MIB + 1), POLICY)) == TOO_LARGE


def test_the_sender_of_a_message_that_is_too_large_is_told_the_limit_and_what_to_do() -> None:
    verdict = sender(announced(30 * MIB, NOTHING), POLICY)
    assert verdict.tells == (
        "Message too large: the limit is 25 MB, about 18 MB of attachments; "
        "send a link to the files, or several smaller messages"
    )
    assert verdict.says == "30 MiB declared; the limit is 25 MiB"


def test_a_small_limit_is_told_in_kilobytes() -> None:
    policy = Settings(gateway=Gateway(max_message=ByteSize(500 * 1024)))
    assert "the limit is 500 kB, about 364 kB of attachments" in sender(announced(MIB, NOTHING), policy).tells


def test_a_trusted_client_is_bound_by_the_size_like_everybody() -> None:
    assert answer(sender(announced(30 * MIB, NOTHING, TRUSTED), POLICY)) == TOO_LARGE
    assert answer(message(mail(client=TRUSTED, size_bytes=30 * MIB), POLICY)) == TOO_LARGE


@pytest.mark.parametrize(
    ("measure", "limit", "refusal"),
    [
        ("header_bytes", LIMITS.max_header, TOO_LARGE),
        ("hops", LIMITS.max_hops, (Kind.REJECT, 554, "4.6")),
        ("own_hops", OWN_HOPS, (Kind.REJECT, 554, "4.6")),
    ],
)
def test_a_measure_at_its_limit_passes_and_one_more_is_refused(
    measure: str, limit: int, refusal: tuple[Kind, int, str]
) -> None:
    assert message(mail(**{measure: limit}), POLICY) is ACCEPT
    assert answer(message(mail(**{measure: limit + 1}), POLICY)) == refusal


def test_a_structure_at_its_limits_passes() -> None:
    assert message(mail(structure=Structure(LIMITS.max_parts, LIMITS.max_nesting)), POLICY) is ACCEPT


@pytest.mark.parametrize(
    "structure",
    [
        Structure(LIMITS.max_parts + 1, 1),
        Structure(3, LIMITS.max_nesting + 1),
        Structure(2, 1, unread="more to search than is allowed"),
        Unknown("a multipart without a usable boundary"),
    ],
)
def test_a_strange_or_unread_structure_is_held_for_a_person(structure: Structure | Unknown) -> None:
    verdict = message(mail(structure=structure), POLICY)
    assert (verdict.kind, verdict.control) == (Kind.QUARANTINE, "attachments.gateway-structure")


def test_what_is_over_two_limits_gets_the_stricter_answer() -> None:
    doubtful_and_looping = mail(structure=Unknown("a broken Content-Type"), hops=LIMITS.max_hops + 1)
    assert answer(message(doubtful_and_looping, POLICY)) == (Kind.REJECT, 554, "4.6")
    doubtful_flood = mail(structure=Unknown("a broken Content-Type"), from_network=Repetition(501, 5_000_000))
    assert answer(message(doubtful_flood, POLICY)) == PUT_OFF


# Repetition from one network.


def test_a_network_at_its_window_passes_and_one_message_more_is_put_off() -> None:
    assert sender(announced(None, Repetition(499, 5_000_000)), POLICY) is ACCEPT
    assert answer(sender(announced(None, Repetition(500, 5_000_000)), POLICY)) == PUT_OFF
    assert message(mail(from_network=Repetition(500, 5_000_000)), POLICY) is ACCEPT
    assert answer(message(mail(from_network=Repetition(501, 5_000_000)), POLICY)) == PUT_OFF


def test_messages_just_under_the_size_limit_trip_the_window_of_octets() -> None:
    assert sender(announced(25 * MIB, Repetition(9, 225 * MIB)), POLICY) is ACCEPT
    assert answer(sender(announced(25 * MIB, Repetition(10, 250 * MIB)), POLICY)) == PUT_OFF
    assert message(mail(size_bytes=25 * MIB, from_network=Repetition(10, 250 * MIB)), POLICY) is ACCEPT
    assert answer(message(mail(size_bytes=25 * MIB, from_network=Repetition(11, 275 * MIB)), POLICY)) == PUT_OFF


def test_a_network_far_over_its_window_is_refused_for_good() -> None:
    # Put off again and again, a large sender would come back again and again.
    assert answer(sender(announced(None, Repetition(1_999, MIB)), POLICY)) == PUT_OFF
    assert answer(sender(announced(None, Repetition(2_000, MIB)), POLICY)) == REFUSED_FOR_GOOD
    assert answer(message(mail(from_network=Repetition(41, 1_001 * MIB)), POLICY)) == REFUSED_FOR_GOOD


def test_another_network_is_not_hurt_by_a_flood() -> None:
    assert answer(message(mail(from_network=Repetition(5_000, 900 * MIB)), POLICY)) == REFUSED_FOR_GOOD
    assert message(mail(from_network=Repetition(1, 5_000)), POLICY) is ACCEPT


@pytest.mark.parametrize("client", [TRUSTED, OWN_RELAY, OWN_RELAY._replace(address="2001:db8::25")])
def test_our_own_networks_are_never_limited_in_repetition(client: Client) -> None:
    assert sender(announced(25 * MIB, Repetition(9_000, 9_000 * MIB), client), POLICY) is ACCEPT
    flood = mail(client=client, from_network=Repetition(9_000, 9_000 * MIB), to_recipient=Repetition(9_000, 1))
    assert message(flood, POLICY) is ACCEPT


def test_a_neighbour_of_our_own_relay_is_limited() -> None:
    neighbour = OWN_RELAY._replace(address="198.51.101.7")
    assert answer(sender(announced(None, Repetition(500, 0), neighbour), POLICY)) == PUT_OFF


def test_one_huge_message_below_its_limit_passes_though_it_fills_a_window_alone() -> None:
    policy = Settings(gateway=Gateway(max_message=ByteSize(400 * MIB)))
    huge, alone = 399 * MIB, Repetition(1, 399 * MIB)
    assert huge > policy.attachments.network_bytes
    assert sender(announced(huge, NOTHING), policy) is ACCEPT
    assert message(mail(size_bytes=huge, from_network=alone, to_recipient=alone), policy) is ACCEPT


# Repetition to one recipient.

FLOODED = [Repetition(301, 3 * MIB), Repetition(12, 251 * MIB)]


@pytest.mark.parametrize("flooded", FLOODED)
def test_a_flooded_recipient_still_gets_small_mail_from_quiet_networks(flooded: Repetition) -> None:
    letter = mail(size_bytes=100 * 1024, from_network=Repetition(3, 300 * 1024), to_recipient=flooded)
    assert message(letter, POLICY) is ACCEPT


@pytest.mark.parametrize("flooded", FLOODED)
def test_a_flooded_recipient_gets_no_large_mail(flooded: Repetition) -> None:
    load = mail(size_bytes=100 * 1024 + 1, from_network=Repetition(1, 100 * 1024 + 1), to_recipient=flooded)
    assert answer(message(load, POLICY)) == PUT_OFF


@pytest.mark.parametrize("flooded", FLOODED)
def test_a_flooded_recipient_gets_nothing_more_from_busy_networks(flooded: Repetition) -> None:
    assert answer(message(mail(from_network=Repetition(4, 20_000), to_recipient=flooded), POLICY)) == PUT_OFF


def test_a_recipient_at_its_window_gets_everything() -> None:
    busy = mail(from_network=Repetition(300, 3 * MIB), to_recipient=Repetition(300, 250 * MIB))
    assert message(busy, POLICY) is ACCEPT


def test_a_flood_to_one_recipient_is_put_off_and_never_refused_for_good() -> None:
    # Many distinct, honest senders make a subscription bomb: none of them is at fault.
    bomb = mail(size_bytes=MIB, from_network=Repetition(2, 2 * MIB), to_recipient=Repetition(50_000, 900 * MIB))
    assert answer(message(bomb, POLICY)) == PUT_OFF


def test_mail_to_others_is_not_hurt_by_a_flood_to_one() -> None:
    to_the_victim = mail(size_bytes=MIB, to_recipient=Repetition(301, 300 * MIB))
    to_another = mail(size_bytes=MIB, to_recipient=Repetition(1, MIB))
    assert answer(message(to_the_victim, POLICY)) == PUT_OFF
    assert message(to_another, POLICY) is ACCEPT


def test_the_peer_hears_no_numbers_of_the_windows_and_the_log_hears_all() -> None:
    verdict = message(mail(from_network=Repetition(501, 50 * MIB)), POLICY)
    assert verdict.tells == "Too much mail from your network, try again later"
    assert verdict.says == (
        "192.0.2.0/24 has sent 501 messages, 50 MiB within the window; its limit is 500 messages, 250 MiB"
    )
    assert verdict.control == "attachments.gateway-repetition"


def test_the_limits_are_those_of_the_policy() -> None:
    strict = Settings(attachments=Attachments(max_parts=2, network_messages=2))
    assert message(mail(structure=Structure(3, 1)), strict).kind is Kind.QUARANTINE
    assert message(mail(from_network=Repetition(3, 1)), strict).kind is Kind.DEFER


# ── what is not held against a network ──


def test_a_proven_letter_to_one_of_many_is_not_held_against_its_network() -> None:
    assert not is_held_against_network(mail(from_network=Repetition(5_000, 9_000)), proven=True, spam=False)


@pytest.mark.parametrize(
    ("letter", "proven", "spam"),
    [
        (mail(), False, False),
        (mail(), True, True),
        (mail(size_bytes=100 * 1024 + 1), True, False),
        (mail(to_recipient=Repetition(FEW_TO_ONE + 1, 1)), True, False),
    ],
)
def test_what_is_forged_spam_large_or_piled_on_one_recipient_is_held_against_its_network(
    letter: Mail, proven: bool, spam: bool
) -> None:
    assert is_held_against_network(letter, proven=proven, spam=spam)

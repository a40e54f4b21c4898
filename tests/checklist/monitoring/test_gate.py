"""Who may talk to us, and for how many recipients: at the limit, one over it, exempt, and only observed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lockdown.checklist.monitoring.gate import client, recipient
from lockdown.config import Monitoring, Settings
from lockdown.model.mail import AUTOMATIC, Asked, Block, Client
from lockdown.model.verdict import ACCEPT, Kind, Verdict
from lockdown.smtp.address import Address, AddressShape

OWN = {"never_limit": ("198.51.100.0/24",), "never_block": ("203.0.113.0/24",)}
POLICY = Settings(monitoring=Monitoring(**OWN))
OBSERVING = Settings(monitoring=Monitoring(mode="observe", **OWN))

QUIET = Client("192.0.2.80", "192.0.2.0/24", False, 1, 1, 1, None)
SENDER = Address("t", "outside.example", "t@outside.example", AddressShape.PLAIN, False)
RECIPIENT = Address("user", "example.org", "user@example.org", AddressShape.PLAIN, False)

UNTIL = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
BY_US = Block("192.0.2.0/24", "60 refused recipients within an hour", UNTIL, AUTOMATIC)
BY_A_PERSON = Block("192.0.2.0/24", "phishing", None, "anna")


def asked(who: Client = QUIET, *, accepted: int = 0, lately: int = 1, refused: int = 0) -> Asked:
    return Asked(who, SENDER, RECIPIENT, accepted, lately, refused)


def answer(verdict: Verdict) -> tuple[Kind, int, str]:
    return verdict.kind, verdict.code, verdict.detail


def test_a_quiet_client_is_served() -> None:
    assert client(QUIET, POLICY) is ACCEPT
    assert recipient(asked(), POLICY) is ACCEPT


CROWDED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"connections": 20}, {"connections": 21}, "monitoring.client-connections"),
    ({"prefix_connections": 50}, {"prefix_connections": 51}, "monitoring.client-connections"),
    ({"connects": 30}, {"connects": 31}, "monitoring.client-rate"),
]


@pytest.mark.parametrize(("at_limit", "over", "control"), CROWDED)
def test_a_client_at_its_limit_is_served_and_one_over_it_is_put_off(
    at_limit: dict[str, Any], over: dict[str, Any], control: str
) -> None:
    assert client(QUIET._replace(**at_limit), POLICY) is ACCEPT
    verdict = client(QUIET._replace(**over), POLICY)
    assert answer(verdict) == (Kind.DEFER, 421, "7.0")
    assert verdict.control == control


@pytest.mark.parametrize(("_", "over", "control"), CROWDED)
def test_a_network_that_is_never_limited_may_be_over(_: Any, over: dict[str, Any], control: str) -> None:
    assert client(QUIET._replace(address="198.51.100.7", **over), POLICY) is ACCEPT


@pytest.mark.parametrize(("_", "over", "control"), CROWDED)
def test_a_trusted_client_is_limited_like_a_stranger(_: Any, over: dict[str, Any], control: str) -> None:
    # A broken-in machine of ours is a source of floods like any other.
    assert client(QUIET._replace(trusted=True, **over), POLICY).kind is Kind.DEFER


@pytest.mark.parametrize(("_", "over", "control"), CROWDED)
def test_observing_says_what_would_be_done_and_does_nothing(_: Any, over: dict[str, Any], control: str) -> None:
    verdict = client(QUIET._replace(**over), OBSERVING)
    assert (verdict.kind, verdict.control, verdict.code) == (Kind.ACCEPT, control, 0)
    assert verdict.says.startswith("would have answered 421 4.7.0: 192.0.2.")


@pytest.mark.parametrize("block", [BY_US, BY_A_PERSON])
def test_a_blocked_client_gets_no_session(block: Block) -> None:
    verdict = client(QUIET._replace(block=block), POLICY)
    assert answer(verdict) == (Kind.HANG_UP, 554, "7.1")
    assert verdict.control == "monitoring.blocked-clients"
    assert verdict.tells == "Access denied"


def test_the_log_says_who_blocked_why_and_until_when() -> None:
    assert client(QUIET._replace(block=BY_US), POLICY).says == (
        "192.0.2.80 lies in 192.0.2.0/24, blocked by lockdown until 2026-11-24 12:30 UTC: "
        "60 refused recipients within an hour"
    )
    assert "blocked by anna until it is removed: phishing" in client(QUIET._replace(block=BY_A_PERSON), POLICY).says


def test_never_block_frees_from_our_own_blocks_but_not_from_a_person() -> None:
    friend = QUIET._replace(address="203.0.113.9")
    assert client(friend._replace(block=BY_US), POLICY) is ACCEPT
    assert client(friend._replace(block=BY_A_PERSON), POLICY).kind is Kind.HANG_UP


def test_never_block_does_not_free_from_limits() -> None:
    crowded_friend = QUIET._replace(address="203.0.113.9", block=BY_US, connections=21)
    assert client(crowded_friend, POLICY).kind is Kind.DEFER


@pytest.mark.parametrize("block", [BY_US, BY_A_PERSON])
def test_never_limit_does_not_free_from_blocks(block: Block) -> None:
    assert client(QUIET._replace(address="198.51.100.7", block=block), POLICY).kind is Kind.HANG_UP


def test_observing_lifts_our_own_blocks_but_not_a_persons() -> None:
    lifted = client(QUIET._replace(block=BY_US), OBSERVING)
    assert (lifted.kind, lifted.control) == (Kind.ACCEPT, "monitoring.blocked-clients")
    assert client(QUIET._replace(block=BY_A_PERSON), OBSERVING).kind is Kind.HANG_UP


def test_a_hundred_recipients_are_taken_and_the_next_goes_into_another_transaction() -> None:
    # RFC 5321 4.5.3.1.8 and 4.5.3.1.10
    assert recipient(asked(accepted=99, lately=100), POLICY) is ACCEPT
    assert answer(recipient(asked(accepted=100, lately=101), POLICY)) == (Kind.DEFER, 452, "5.3")


@pytest.mark.parametrize("policy", [POLICY, OBSERVING])
def test_the_size_of_an_envelope_binds_everybody_in_either_mode(policy: Settings) -> None:
    own_relay = QUIET._replace(address="198.51.100.7")
    verdict = recipient(asked(own_relay, accepted=100, lately=9_000, refused=9_000), policy)
    assert answer(verdict) == (Kind.DEFER, 452, "5.3")


def test_too_many_recipients_in_the_hour_are_put_off() -> None:
    assert recipient(asked(lately=500), POLICY) is ACCEPT
    verdict = recipient(asked(lately=501), POLICY)
    assert answer(verdict) == (Kind.DEFER, 452, "7.1")
    assert verdict.control == "monitoring.recipient-rate"


def test_a_directory_harvest_is_cut_off_and_then_refused_for_good() -> None:
    assert recipient(asked(refused=50), POLICY) is ACCEPT
    assert answer(recipient(asked(refused=51), POLICY)) == (Kind.HANG_UP, 421, "7.1")
    assert answer(recipient(asked(refused=200), POLICY)) == (Kind.HANG_UP, 421, "7.1")
    verdict = recipient(asked(refused=201), POLICY)
    assert answer(verdict) == (Kind.HANG_UP, 550, "7.1")
    assert verdict.control == "monitoring.directory-harvest"


def test_a_harvest_is_answered_before_a_full_envelope() -> None:
    assert recipient(asked(accepted=100, lately=600, refused=51), POLICY).kind is Kind.HANG_UP


def test_recipient_rates_do_not_bind_networks_that_are_never_limited() -> None:
    own_relay = QUIET._replace(address="198.51.100.7")
    assert recipient(asked(own_relay, lately=9_000, refused=9_000), POLICY) is ACCEPT


def test_observing_takes_the_recipients_of_a_harvest_and_says_so() -> None:
    verdict = recipient(asked(refused=51), OBSERVING)
    assert (verdict.kind, verdict.control) == (Kind.ACCEPT, "monitoring.directory-harvest")
    assert verdict.says == (
        "would have answered 421 4.7.1: 192.0.2.80 has been refused 51 recipients; the limit is 50/h"
    )

"""What becomes of those who meet a restraint: each rung, in shadow, only observed, and for those whom none may meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lockdown.checklist.monitoring.gate import PAUSE_SECONDS, RESTRAINED, in_reach, pause, restrained
from lockdown.config import Monitoring, Settings
from lockdown.model.mail import Client
from lockdown.model.restraint import Restrained, Restraint
from lockdown.model.traffic import Dimension, Rung
from lockdown.model.verdict import ACCEPT, Kind

POLICY = Settings(monitoring=Monitoring(never_limit=("198.51.100.0/24",), never_block=("192.0.2.128/25",)))
OBSERVING = Settings(monitoring=Monitoring(mode="observe"))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CLIENT = Client("203.0.113.7", "203.0.113.0/24", False, 1, 1, 1, None)
NETWORK = ((Dimension.NETWORK, "203.0.113.0/24"),)
SUBJECT = ((Dimension.SUBJECT, "you have won"),)


def by(rung: Rung, **changes: object) -> Restraint:
    whole = Restraint(NETWORK, rung, NOW, NOW + timedelta(hours=1), "lockdown", "a flood (incident 3)", number=7)
    return replace(whole, **changes)  # type: ignore[arg-type]


def met(*restraints: Restraint, client: Client = CLIENT, before_greeting: bool = False) -> Restrained:
    return Restrained(client, restraints, before_greeting)


@pytest.mark.parametrize(
    ("rung", "kind", "code", "greeting"),
    [
        (Rung.OBSERVE, Kind.ACCEPT, 0, 0),
        (Rung.SLOW, Kind.ACCEPT, 0, 0),
        (Rung.DEFER, Kind.DEFER, 451, 421),
        (Rung.REJECT, Kind.REJECT, 550, 554),
        (Rung.DROP, Kind.REJECT, 550, 554),
    ],
)
def test_each_rung_answers_in_its_own_way(rung: Rung, kind: Kind, code: int, greeting: int) -> None:
    verdict = restrained(met(by(rung)), POLICY)
    before = restrained(met(by(rung), before_greeting=True), POLICY)

    assert (verdict.kind, verdict.code, verdict.control) == (kind, code, RESTRAINED)
    assert (before.kind, before.code) == (kind, greeting)


def test_what_is_quarantined_is_held_at_its_dot_and_greeted_before() -> None:
    assert restrained(met(by(Rung.QUARANTINE)), POLICY).kind is Kind.QUARANTINE
    assert restrained(met(by(Rung.QUARANTINE), before_greeting=True), POLICY).kind is Kind.ACCEPT


def test_our_log_says_what_was_met_and_why_and_the_peer_hears_neither() -> None:
    verdict = restrained(met(by(Rung.DEFER)), POLICY)

    assert "203.0.113.7 meets r7 (network 203.0.113.0/24): a flood (incident 3)" in verdict.says
    assert "203.0.113" not in verdict.tells and "r7" not in verdict.tells


def test_the_strictest_of_several_wins() -> None:
    assert restrained(met(by(Rung.DEFER), by(Rung.REJECT), by(Rung.OBSERVE)), POLICY).kind is Kind.REJECT


@pytest.mark.parametrize("rung", [Rung.DEFER, Rung.QUARANTINE, Rung.REJECT, Rung.DROP])
def test_in_shadow_it_says_what_it_would_have_done_and_does_nothing(rung: Rung) -> None:
    verdict = restrained(met(by(rung, shadow=True)), POLICY)

    assert verdict.kind is Kind.ACCEPT
    assert verdict.says.startswith(f"would have been met by {rung.name.lower()}")
    assert restrained(met(by(rung)), OBSERVING).kind is Kind.ACCEPT, "so it is in the mode to look on"


@pytest.mark.parametrize(
    "client",
    [
        CLIENT._replace(trusted=True),
        CLIENT._replace(address="198.51.100.7"),
        CLIENT._replace(address="192.0.2.200"),
    ],
    ids=["trusted", "never limited", "never blocked"],
)
def test_no_restraint_meets_whom_the_settings_exempt(client: Client) -> None:
    assert restrained(met(by(Rung.REJECT), client=client), POLICY) is ACCEPT
    assert pause(met(by(Rung.SLOW), client=client), POLICY) == 0
    assert not in_reach(client, POLICY)
    assert in_reach(CLIENT, POLICY)


def test_who_is_slowed_waits_before_each_answer_unless_it_is_only_observed() -> None:
    assert pause(met(by(Rung.SLOW)), POLICY) == PAUSE_SECONDS
    assert pause(met(by(Rung.SLOW, shadow=True)), POLICY) == 0
    assert pause(met(by(Rung.SLOW)), OBSERVING) == 0
    assert pause(met(by(Rung.DEFER)), POLICY) == 0


def test_who_is_slowed_has_one_connection_at_a_time() -> None:
    first, second = CLIENT, CLIENT._replace(prefix_connections=2)

    assert restrained(met(by(Rung.SLOW), client=first, before_greeting=True), POLICY).kind is Kind.ACCEPT
    verdict = restrained(met(by(Rung.SLOW), client=second, before_greeting=True), POLICY)
    assert (verdict.kind, verdict.code) == (Kind.DEFER, 421)


def test_of_an_address_that_is_slowed_its_neighbours_connections_do_not_count() -> None:
    alone = by(Rung.SLOW, match=((Dimension.CLIENT, "203.0.113.7"),))

    assert restrained(met(alone, client=CLIENT._replace(prefix_connections=9)), POLICY).kind is Kind.ACCEPT
    assert restrained(met(alone, client=CLIENT._replace(connections=2)), POLICY).kind is Kind.DEFER


def test_what_is_slowed_by_its_words_may_come_over_many_connections() -> None:
    crowd = CLIENT._replace(connections=9, prefix_connections=9)

    assert restrained(met(by(Rung.SLOW, match=SUBJECT), client=crowd), POLICY).kind is Kind.ACCEPT


def test_where_too_many_wait_already_the_next_one_is_put_off() -> None:
    facts = met(by(Rung.SLOW))._replace(crowded=True)

    assert restrained(facts, POLICY).kind is Kind.DEFER
    assert pause(facts, POLICY) == 0

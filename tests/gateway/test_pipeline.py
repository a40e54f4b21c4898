"""The gates in their order: the strictest wins, and one that breaks defers, whatever the others say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from lockdown.config import Settings
from lockdown.gateway.conversation import in_place_of_a_greeting
from lockdown.gateway.pipeline import AT_CONNECT, AT_MESSAGE, AT_RECIPIENT, AT_SENDER, judge
from lockdown.model.verdict import ACCEPT, Kind, Verdict

Gate = Callable[[str, Settings], Verdict]
POLICY = Settings()


def gate(kind: Kind, name: str = "") -> Gate:
    verdict = Verdict(kind, name or kind.name)
    return lambda value, policy: verdict


def silent(value: str, policy: Settings) -> Verdict:
    return ACCEPT


def broken(value: str, policy: Settings) -> Verdict:
    raise ZeroDivisionError("a bug")


def test_no_objection_is_the_one_verdict_that_says_nothing() -> None:
    assert judge((silent, silent), "mail", POLICY) is ACCEPT
    assert judge((), "mail", POLICY) is ACCEPT


@pytest.mark.parametrize(
    "order", list(permutations([Kind.TAG, Kind.QUARANTINE, Kind.DEFER, Kind.REJECT, Kind.HANG_UP], 3))
)
def test_the_strictest_wins_in_whatever_order_they_speak(order: tuple[Kind, ...]) -> None:
    gates = (silent, *(gate(kind) for kind in order), silent)
    assert judge(gates, "mail", POLICY).kind is max(order)


def test_among_equals_the_first_is_told() -> None:
    assert judge((gate(Kind.DEFER, "first"), gate(Kind.DEFER, "second")), "mail", POLICY).control == "first"


def test_what_a_gate_would_have_done_is_told_where_no_other_objects() -> None:
    observing = gate(Kind.ACCEPT, "observed")
    assert judge((silent, observing, silent), "mail", POLICY).control == "observed"
    assert judge((observing, gate(Kind.TAG)), "mail", POLICY).kind is Kind.TAG


@pytest.mark.parametrize(
    "others", [(), (silent,), (gate(Kind.ACCEPT, "x"),), (gate(Kind.TAG),), (gate(Kind.QUARANTINE),)]
)
def test_a_broken_gate_defers_and_never_accepts(others: tuple[Gate, ...], caplog: pytest.LogCaptureFixture) -> None:
    for gates in ((broken, *others), (*others, broken)):
        verdict = judge(gates, "mail", POLICY)
        assert (verdict.kind, verdict.control, verdict.code) == (Kind.DEFER, "gateway.gate-broken", 451)
        assert "a bug" in verdict.says
        assert "bug" not in verdict.tells, "the peer hears generic words"
    assert "gate-broken" in caplog.text


@pytest.mark.parametrize("refusal", [Kind.REJECT, Kind.HANG_UP])
def test_a_broken_gate_does_not_soften_a_refusal(refusal: Kind) -> None:
    for gates in ((broken, gate(refusal)), (gate(refusal), broken)):
        assert judge(gates, "mail", POLICY).kind is refusal


@pytest.mark.parametrize("gates", [AT_CONNECT, AT_SENDER, AT_RECIPIENT, AT_MESSAGE])
def test_every_gate_of_the_house_that_is_given_nonsense_defers(
    gates: tuple[Callable[[object, Settings], Verdict], ...],
) -> None:
    assert judge(gates, object(), POLICY).kind is Kind.DEFER


def test_a_gate_that_breaks_before_the_greeting_turns_the_client_away_with_421() -> None:
    """451 is no answer to a connection (RFC 5321 4.3.2); it must neither be said there nor be taken for a greeting."""
    assert in_place_of_a_greeting(judge((broken,), "a client", POLICY)).code == 421


@pytest.mark.parametrize("code", [421, 554])
def test_a_refusal_that_fits_in_place_of_a_greeting_is_said_as_it_is(code: int) -> None:
    assert (
        in_place_of_a_greeting(Verdict(Kind.REJECT, "monitoring.blocked-clients", "", "No", code, "7.1")).code == code
    )

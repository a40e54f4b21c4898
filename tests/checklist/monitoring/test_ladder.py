"""The rungs of each kind of explanation: never firmer than it is proved to harm nobody, and the mildest first."""

from __future__ import annotations

import pytest

from lockdown.checklist.monitoring.attribution import Explanation
from lockdown.checklist.monitoring.ladder import rungs, wishes
from lockdown.model.traffic import Dimension, Match, Rung, Traffic

CLIENT: Match = ((Dimension.CLIENT, "203.0.113.9"),)
NETWORK: Match = ((Dimension.NETWORK, "203.0.113.0/24"),)
SIGNED: Match = ((Dimension.DKIM, "firm.example"),)
BODY: Match = ((Dimension.BODY, "b"),)
MONTH = Traffic(600.0, good_messages=5000, days=30.0)


def explained(match: Match, good: int = 0) -> Explanation:
    return Explanation(match, 0.9, good / 5000, good, 0.8, "because")


@pytest.mark.parametrize(("match", "good", "expected"), [
    (CLIENT, 0, (Rung.DEFER, Rung.REJECT, Rung.DROP)),
    (NETWORK, 0, (Rung.DEFER, Rung.REJECT, Rung.DROP)),
    ((*NETWORK, *BODY), 0, (Rung.DEFER, Rung.REJECT)),
    (NETWORK, 3, (Rung.SLOW, Rung.DEFER, Rung.QUARANTINE)),
    (SIGNED, 0, (Rung.DEFER, Rung.QUARANTINE)),
    (SIGNED, 40, (Rung.SLOW, Rung.DEFER, Rung.QUARANTINE)),
    ((*SIGNED, *NETWORK), 0, (Rung.DEFER, Rung.QUARANTINE)),
    (BODY, 0, (Rung.QUARANTINE,)),
    (BODY, 3, (Rung.QUARANTINE,)),
])  # fmt: skip
def test_each_kind_has_the_rungs_that_are_right_for_it(match: Match, good: int, expected: tuple[Rung, ...]) -> None:
    assert rungs(explained(match, good), MONTH) == expected
    assert expected == tuple(sorted(expected)), "the mildest first"


@pytest.mark.parametrize("traffic", [Traffic(600.0, good_messages=50, days=30.0), Traffic(600.0, good_messages=5000)])
def test_where_nobody_knows_what_is_good_nobody_is_refused_for_good(traffic: Traffic) -> None:
    assert rungs(explained(CLIENT), traffic) == (Rung.DEFER,)


def test_all_rungs_of_the_best_explanation_come_before_those_of_the_next() -> None:
    found = [(wish.match, wish.rung) for wish in wishes([explained(CLIENT), explained(BODY)], MONTH)]
    assert found == [(CLIENT, Rung.DEFER), (CLIENT, Rung.REJECT), (CLIENT, Rung.DROP), (BODY, Rung.QUARANTINE)]

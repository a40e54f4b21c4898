"""The chance that so many come: as the exact sum has it, and never told too small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockdown.checklist.monitoring.chance import tail


@given(st.integers(1, 400), st.floats(0.01, 100))
def test_a_tail_is_a_chance_and_falls_with_the_count(count: int, mean: float) -> None:
    chances = [tail(number, mean) for number in (count, count + 1, 2 * count + 1)]
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances, reverse=True)


def test_a_tail_is_that_of_the_exact_sum() -> None:
    from math import exp, lgamma, log

    def chance(count: int, mean: float, r: float = 3.0) -> float:
        p = mean / (mean + r)
        return exp(lgamma(count + r) - lgamma(r) - lgamma(count + 1) + r * log(1 - p) + count * log(p))

    for count, mean in ((20, 5.0), (80, 10.0), (33, 1.0), (500, 60.0)):
        exact = sum(chance(number, mean) for number in range(count, count + 5000))
        assert exact <= tail(count, mean) <= 3 * exact
    assert tail(80, 10.0) < 1e-6 < tail(40, 10.0)

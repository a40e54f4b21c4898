"""How likely it is that so many messages come by chance, where so many are usual. Pure."""

from __future__ import annotations

import math

_DISPERSION = 3.0
"""Mail comes in bursts: its variance is far above that of a Poisson process of the same mean."""


def tail(count: int, mean: float) -> float:
    """The chance that so many or more come where `mean` are usual (negative binomial). Never told too small."""
    if count <= mean:
        return 1.0
    if mean <= 0:
        return 0.0 if count else 1.0
    r, p = _DISPERSION, mean / (mean + _DISPERSION)
    log_chance = math.lgamma(count + r) - math.lgamma(r) - math.lgamma(count + 1)
    log_chance += r * math.log(1 - p) + count * math.log(p)
    # Each further term is smaller by this factor at least, from here on.
    ratio = p * (count + r) / (count + 1)
    return 1.0 if ratio >= 1 else min(1.0, math.exp(log_chance) / (1 - ratio))

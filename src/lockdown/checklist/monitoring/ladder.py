"""How firmly what explains a flood may be answered: the mildest first, and only as far up as nobody is harmed.

What somebody vouches for, or good mail has come from, is slowed first and never refused for good. What is told by its
text alone may be somebody's letter: it is held, where nothing is lost. Refused for good, and shut out, is only where
nobody vouches, and where it is known that no good mail came from there. The engine climbs, by what each step did. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockdown.checklist.monitoring.attribution import TERM, Explanation
from lockdown.model.traffic import Dimension, Forgeability, Restrain, Rung, Traffic

HISTORY_DAYS, HISTORY_MESSAGES = 1.0, 100
"""Of good mail; before, nobody knows that none comes from there."""
_SHUT_OUT = (Dimension.CLIENT, Dimension.NETWORK)

TEXT = (Rung.QUARANTINE,)
KNOWN = (Rung.SLOW, Rung.DEFER, Rung.QUARANTINE)
VOUCHED = (Rung.DEFER, Rung.QUARANTINE)
STRANGER = (Rung.DEFER, Rung.REJECT)
NOBODY_KNOWS = (Rung.DEFER,)


def wishes(found: Sequence[Explanation], traffic: Traffic) -> Iterator[Restrain]:
    """All rungs of the best explanation, then those of the next one."""
    for one in found:
        for rung in rungs(one, traffic):
            yield Restrain(one.match, rung, TERM, one.coverage, one.spill, one.words)


def rungs(one: Explanation, traffic: Traffic) -> tuple[Rung, ...]:
    """Those that are right for it, the mildest first."""
    surest = min(key[0].forgeability for key in one.match)
    if surest > Forgeability.UNFORGEABLE:
        return TEXT
    if one.good:
        return KNOWN
    if surest is Forgeability.PROVEN:
        return VOUCHED
    if traffic.days < HISTORY_DAYS or traffic.good_messages < HISTORY_MESSAGES:
        return NOBODY_KNOWS
    is_place = len(one.match) == 1 and one.match[0][0] in _SHUT_OUT
    return (*STRANGER, Rung.DROP) if is_place else STRANGER
